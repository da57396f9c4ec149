/* For tests of vocabularies: ids against those that are right, given or in a line {"text", "ids"} of a golden file; texts to try. */
#ifndef TESTS_SUPPORT_ENCODINGS_H
#define TESTS_SUPPORT_ENCODINGS_H

#include <string.h>

#include "base/random.h"
#include "core/text/golden_lines.h"
#include "text/tokenizer.h"
#include "unit.h"

static inline void expect_ids(const struct tokenizer *tokenizer, const char *text, size_t length, const int32_t *ids, size_t n)
{
	struct token_list list = {0};
	assert_int_equal(tokenizer_encode(tokenizer, text, length, &list, NULL), PITH_OK);
	for (size_t i = 0; i < n && i < list.n; i++)
		if (list.ids[i] != ids[i])
			fail_msg("token %zu of \"%.*s\" is %d, not %d", i, (int)length, text, (int)list.ids[i], (int)ids[i]);
	assert_int_equal(list.n, n);
	token_list_free(&list);
}

/* For for_each_golden_line(); user: the tokenizer. */
static inline void check_encoding(const json_t *row, void *user)
{
	const json_t *values = json_object_get(row, "ids");
	int32_t ids[2048];
	size_t n = json_array_size(values);
	assert_true(n <= sizeof ids / sizeof ids[0]);
	for (size_t i = 0; i < n; i++)
		ids[i] = (int32_t)json_integer_value(json_array_get(values, i));
	const char *text = golden_string(row, "text");
	expect_ids(user, text, strlen(text), ids, n);
}

/* Room for a drawn text: up to 200 bytes, and a part that begins before them. */
enum { DRAWN_TEXT = 256 };

/* A text of random bytes and of parts (shorter than 56 bytes) that are likely to be tokens. Returns its length. */
static inline size_t draw_text(char text[DRAWN_TEXT], const char *const *parts, size_t n_parts, struct random_state *random)
{
	size_t length = 0, wanted = random_below(random, 200);
	while (length < wanted) {
		if (random_below(random, 2) == 0) {
			text[length++] = (char)random_below(random, 256);
			continue;
		}
		const char *part = parts[random_below(random, n_parts)];
		memcpy(text + length, part, strlen(part));
		length += strlen(part);
	}
	return length;
}

#endif
