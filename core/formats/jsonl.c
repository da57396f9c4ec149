#define _POSIX_C_SOURCE 200809L
/*
 * JSON Lines. Opening finds where each line begins; a line is parsed only when
 * it is read, so that a large data set costs one pass of memchr.
 */
#include "formats/jsonl.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_map.h"

struct jsonl {
	char *path;
	struct file_map map;
	size_t *begins; /* offset of each line that is not empty */
	size_t n, capacity;
};

struct jsonl_record {
	json_t *object;
};

static const char *line_end(const struct jsonl *file, const char *begin)
{
	const char *end = (const char *)file->map.data + file->map.size;
	const char *feed = memchr(begin, '\n', (size_t)(end - begin));
	return feed == NULL ? end : feed;
}

static bool is_blank(const char *begin, const char *end)
{
	while (begin < end && (*begin == ' ' || *begin == '\t' || *begin == '\r'))
		begin++;
	return begin == end;
}

static bool add_line(struct jsonl *file, size_t begin)
{
	if (file->n == file->capacity) {
		size_t capacity = file->capacity == 0 ? 256 : file->capacity * 2;
		size_t *begins = realloc(file->begins, capacity * sizeof *begins);
		if (begins == NULL)
			return false;
		file->begins = begins;
		file->capacity = capacity;
	}
	file->begins[file->n++] = begin;
	return true;
}

static bool find_lines(struct jsonl *file)
{
	const char *data = (const char *)file->map.data;
	if (data == NULL)
		return true;
	/* Some editors begin a file with a byte order mark, which is no part of the first line. */
	size_t at = file->map.size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	while (at < file->map.size) {
		const char *end = line_end(file, data + at);
		if (!is_blank(data + at, end) && !add_line(file, at))
			return false;
		at = (size_t)(end - data) + 1;
	}
	return true;
}

enum pith_status jsonl_open(struct jsonl **out, const char *path, struct pith_error *err)
{
	*out = NULL;
	struct jsonl *file = calloc(1, sizeof *file);
	if (file != NULL)
		file->path = strdup(path);
	if (file == NULL || file->path == NULL) {
		jsonl_close(file);
		return fail_memory(err, "opening a data set");
	}
	enum pith_status status = file_map_open(&file->map, path, err);
	if (status == PITH_OK && !find_lines(file))
		status = fail_memory(err, "the lines of a data set");
	if (status != PITH_OK) {
		jsonl_close(file);
		return status;
	}
	*out = file;
	return PITH_OK;
}

void jsonl_close(struct jsonl *file)
{
	if (file == NULL)
		return;
	file_map_close(&file->map);
	free(file->begins);
	free(file->path);
	free(file);
}

size_t jsonl_n_lines(const struct jsonl *file)
{
	return file->n;
}

size_t jsonl_line_number(const struct jsonl *file, size_t line)
{
	size_t number = 1;
	const char *data = (const char *)file->map.data;
	for (size_t i = 0; i < file->begins[line]; i++)
		number += data[i] == '\n';
	return number;
}

enum pith_status jsonl_read(struct jsonl_record **out, const struct jsonl *file, size_t line, struct pith_error *err)
{
	*out = NULL;
	if (line >= file->n)
		return fail(err, PITH_BAD_ARGUMENT, "%s has %zu lines; there is no number %zu.", file->path, file->n, line + 1);
	struct jsonl_record *record = calloc(1, sizeof *record);
	if (record == NULL)
		return fail_memory(err, "a line of a data set");
	const char *begin = (const char *)file->map.data + file->begins[line];
	json_error_t reason;
	record->object =
		json_loadb(begin, (size_t)(line_end(file, begin) - begin), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &reason);
	enum pith_status status = PITH_OK;
	/* Most allocations that fail in the parser leave it without a word. */
	if (record->object == NULL && (json_error_code(&reason) == json_error_out_of_memory || reason.text[0] == '\0'))
		status = fail_memory(err, "a line of a data set");
	else if (record->object == NULL)
		status = fail(err, PITH_BAD_FILE, "%s, line %zu: not valid JSON (%s, column %d).", file->path,
			      jsonl_line_number(file, line), reason.text, reason.column);
	else if (!json_is_object(record->object))
		status = fail(err, PITH_BAD_FILE, "%s, line %zu: not a JSON object.", file->path, jsonl_line_number(file, line));
	if (status != PITH_OK) {
		jsonl_record_free(record);
		return status;
	}
	*out = record;
	return PITH_OK;
}

void jsonl_record_free(struct jsonl_record *record)
{
	if (record == NULL)
		return;
	json_decref(record->object);
	free(record);
}

bool jsonl_has(const struct jsonl_record *record, const char *key)
{
	return json_object_get(record->object, key) != NULL;
}

const char *jsonl_string(const struct jsonl_record *record, const char *key, size_t *length)
{
	const json_t *value = json_object_get(record->object, key);
	if (length != NULL)
		*length = json_string_length(value);
	return json_string_value(value);
}

size_t jsonl_n_strings(const struct jsonl_record *record, const char *key)
{
	const json_t *value = json_object_get(record->object, key);
	if (json_is_string(value))
		return 1;
	size_t n = json_array_size(value);
	for (size_t i = 0; i < n; i++)
		if (!json_is_string(json_array_get(value, i)))
			return 0;
	return n;
}

bool jsonl_is_empty_list(const struct jsonl_record *record, const char *key)
{
	const json_t *value = json_object_get(record->object, key);
	return json_is_array(value) && json_array_size(value) == 0;
}

const char *jsonl_string_at(const struct jsonl_record *record, const char *key, size_t i)
{
	const json_t *value = json_object_get(record->object, key);
	if (json_is_string(value))
		return i == 0 ? json_string_value(value) : NULL;
	return json_string_value(json_array_get(value, i));
}
