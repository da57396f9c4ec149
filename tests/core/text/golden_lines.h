/* Walking the golden files of this folder, which are JSON or lines of it. */
#ifndef TESTS_CORE_TEXT_GOLDEN_LINES_H
#define TESTS_CORE_TEXT_GOLDEN_LINES_H

#include <jansson.h>
#include <stdio.h>

#include "unit.h"

#define GOLDEN_DIR TESTS_DIR "/core/text/"

/* Calls check with every line of the file; there must be at least n_least. */
static inline void for_each_golden_line(const char *path, int n_least, void (*check)(const json_t *row, void *user), void *user)
{
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	int n = 0;
	for (json_t *row; (row = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)) != NULL; n++) {
		check(row, user);
		json_decref(row);
	}
	fclose(file);
	assert_true(n >= n_least);
}

static inline const char *golden_string(const json_t *row, const char *key)
{
	const char *string = json_string_value(json_object_get(row, key));
	assert_non_null(string);
	return string;
}

#endif
