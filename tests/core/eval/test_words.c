/* White space, lower case and numbering: Python's str is the measure (golden_metrics.py writes the lower-case pairs). */
#include "eval/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static void expect_lower(const char *text, const char *expected)
{
	struct buffer lower = {0};
	assert_true(word_append_lower(&lower, text, strlen(text)));
	assert_string_equal(lower.data, expected);
	assert_int_equal(lower.length, strlen(expected));
	buffer_free(&lower);
}

static void test_lowercase_table(void **state)
{
	(void)state;
	FILE *file = fopen(TESTS_DIR "/core/eval/golden_lowercase.jsonl", "r");
	assert_non_null(file);
	int n = 0;
	json_t *row;
	while ((row = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)) != NULL) {
		expect_lower(json_string_value(json_object_get(row, "text")), json_string_value(json_object_get(row, "lower")));
		json_decref(row);
		n++;
	}
	fclose(file);
	assert_true(n > 10);
}

static void test_lowercase_rules(void **state)
{
	(void)state;
	expect_lower("", "");
	expect_lower("MiXed 42!", "mixed 42!");
	expect_lower("\xff"
		     "A\xc3"
		     "B",
		     "\xff"
		     "a\xc3"
		     "b");                                                    /* stray bytes stay */
	expect_lower("\xce\x91\xce\xa3", "\xce\xb1\xcf\x82");                 /* final sigma */
	expect_lower("\xce\x91\xce\xa3\xce\x91", "\xce\xb1\xcf\x83\xce\xb1"); /* sigma inside */
	expect_lower("\xce\xa3", "\xcf\x83");                                 /* sigma alone */
	expect_lower("A\xce\xa3.B", "a\xcf\x83.b");                           /* a stop inside a word does not end it */
	expect_lower("\xc4\xb0", "i\xcc\x87");
}

static void test_next(void **state)
{
	(void)state;
	const char *text = "\xc2\xa0one\xe2\x80\x83two\x1c\xff\xe3\x80\x80";
	size_t position = 0;
	struct word_span word;
	assert_true(word_next(text, strlen(text), &position, &word));
	assert_int_equal(word.begin, 2);
	assert_int_equal(word.end, 5);
	assert_true(word_next(text, strlen(text), &position, &word));
	assert_memory_equal(text + word.begin, "two", word.end - word.begin);
	assert_true(word_next(text, strlen(text), &position, &word));
	assert_int_equal(word.end - word.begin, 1);
	assert_false(word_next(text, strlen(text), &position, &word));
	assert_false(word_next("", 0, &(size_t){0}, &word));
}

static void test_trim(void **state)
{
	(void)state;
	struct word_span span = word_trim("  a b \n", 7);
	assert_int_equal(span.begin, 2);
	assert_int_equal(span.end, 5);
	span = word_trim(" \t", 2);
	assert_int_equal(span.begin, span.end);
}

static void test_table(void **state)
{
	(void)state;
	enum { N = 5000 };
	static char words[N][8];
	struct word_table table = {0};
	for (int32_t i = 0; i < N; i++) {
		int32_t id;
		int length = snprintf(words[i], sizeof words[i], "%d", i);
		assert_true(word_table_id(&table, words[i], (size_t)length, &id));
		assert_int_equal(id, i);
	}
	for (int32_t i = 0; i < N; i++) {
		int32_t id;
		char again[8];
		int length = snprintf(again, sizeof again, "%d", i);
		assert_true(word_table_id(&table, again, (size_t)length, &id));
		assert_int_equal(id, i);
	}
	assert_int_equal(table.n, N);
	int32_t empty;
	assert_true(word_table_id(&table, "", 0, &empty));
	assert_int_equal(empty, N);
	word_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lowercase_table),
		cmocka_unit_test(test_lowercase_rules),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
