/* Pieces against the pre-tokenizers of published models (golden_text.py), and texts that a regular expression may choke on. */
#include "text/split_pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text/golden_lines.h"
#include "text/unicode.h"

static const char *const names[] = {"gpt-2", "llama-bpe", "qwen2", "starcoder", "deepseek-coder", "falcon"};
enum { N_NAMES = sizeof names / sizeof names[0] };

static struct split_pattern *create(const char *name)
{
	struct split_pattern *pattern;
	struct pith_error err;
	assert_int_equal(split_pattern_create(&pattern, name, &err), PITH_OK);
	return pattern;
}

static void check_pieces(const json_t *row, void *user)
{
	(void)user;
	struct split_pattern *pattern = create(golden_string(row, "pre"));
	const char *text = golden_string(row, "text");
	const json_t *pieces = json_object_get(row, "pieces");
	size_t length = strlen(text), begin = 0, i = 0;
	while (begin < length) {
		size_t end = split_pattern_next(pattern, text, length, begin);
		const char *expected = json_string_value(json_array_get(pieces, i++));
		if (expected == NULL || strlen(expected) != end - begin || memcmp(expected, text + begin, end - begin) != 0)
			fail_msg("%s: piece %zu of \"%s\" is \"%.*s\", not \"%s\"", golden_string(row, "pre"), i, text,
			         (int)(end - begin), text + begin, expected == NULL ? "nothing" : expected);
		begin = end;
	}
	assert_int_equal(i, json_array_size(pieces));
	split_pattern_destroy(pattern);
}

static void test_published_pieces(void **state)
{
	(void)state;
	for_each_golden_line(GOLDEN_DIR "golden_pieces.jsonl", 600, check_pieces, NULL);
}

/* Every piece begins where the last one ended, and the last one ends with the text. Returns how many there are. */
static size_t count_pieces(struct split_pattern *pattern, const char *text, size_t length)
{
	size_t n = 0;
	for (size_t begin = 0, end; begin < length; begin = end, n++) {
		end = split_pattern_next(pattern, text, length, begin);
		assert_true(end > begin && end <= length);
	}
	return n;
}

static void test_stray_bytes(void **state)
{
	(void)state;
	static const char text[] = "ab\xff\xfe cd\xc3" "e\xe4\xb8\xad";
	static const size_t ends[] = {2, 4, 7, 8, 12};
	struct split_pattern *pattern = create("qwen2");
	size_t begin = 0;
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		begin = split_pattern_next(pattern, text, sizeof text - 1, begin);
		assert_int_equal(begin, ends[i]);
	}
	split_pattern_destroy(pattern);
}

static void test_another_text_at_the_same_place(void **state)
{
	(void)state;
	char text[] = "one two";
	struct split_pattern *pattern = create("starcoder");
	assert_int_equal(split_pattern_next(pattern, text, 7, 0), 3);
	memcpy(text, "1\xff" "23456", 7);
	assert_int_equal(split_pattern_next(pattern, text, 7, 0), 1);
	assert_int_equal(split_pattern_next(pattern, text, 7, 1), 2);
	assert_int_equal(split_pattern_next(pattern, text, 7, 2), 3);
	split_pattern_destroy(pattern);
}

/* A megabyte of the same characters; how many pieces it makes is known from the definition of the patterns. */
static void test_megabyte_runs(void **state)
{
	(void)state;
	enum { LENGTH = 1 << 20 };
	static const struct {
		const char *unit, *last;
		size_t n_gpt2, n_qwen2;
	} runs[] = {
		{" ", "", 1, 1},  {" ", "x", 2, 2}, {"a", "", 1, 1},        {"\n", "", 1, 1},      {"!", "", 1, 1},
		{"1", "", 1, LENGTH}, {" \n", "", 1, 1}, {"\xe4\xb8\xad", "", 1, 1}, {"\xcc\x81", "", 1, 1}, {"\xff", "", 1, 1},
		{"a ", "", LENGTH / 2 + 1, LENGTH / 2 + 1}, {"\n!", "", LENGTH, LENGTH / 2 + 1},
	};
	char *text = malloc(LENGTH + 8);
	assert_non_null(text);
	for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
		size_t unit = strlen(runs[i].unit), last = strlen(runs[i].last), length = LENGTH / unit * unit;
		for (size_t j = 0; j < length; j += unit)
			memcpy(text + j, runs[i].unit, unit);
		memcpy(text + length, runs[i].last, last);
		for (size_t j = 0; j < N_NAMES; j++) {
			struct split_pattern *pattern = create(names[j]);
			size_t n = count_pieces(pattern, text, length + last);
			if (strcmp(names[j], "gpt-2") == 0)
				assert_int_equal(n, runs[i].n_gpt2);
			if (strcmp(names[j], "qwen2") == 0)
				assert_int_equal(n, runs[i].n_qwen2);
			split_pattern_destroy(pattern);
		}
	}
	free(text);
}

static void test_unknown_name(void **state)
{
	(void)state;
	struct split_pattern *pattern;
	struct pith_error err;
	assert_int_equal(split_pattern_create(&pattern, "no-such", &err), PITH_UNSUPPORTED);
	assert_null(pattern);
	assert_non_null(strstr(err.message, "no-such"));
	for (size_t i = 0; i < N_NAMES; i++)
		assert_non_null(strstr(err.message, names[i]));
	split_pattern_destroy(NULL);
}

static void test_ignoring_merges(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_NAMES; i++) {
		struct split_pattern *pattern = create(names[i]);
		assert_int_equal(split_pattern_ignores_merges(pattern), strcmp(names[i], "llama-bpe") == 0);
		split_pattern_destroy(pattern);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_pieces),
		cmocka_unit_test(test_stray_bytes),
		cmocka_unit_test(test_another_text_at_the_same_place),
		cmocka_unit_test(test_megabyte_runs),
		cmocka_unit_test(test_unknown_name),
		cmocka_unit_test(test_ignoring_merges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
