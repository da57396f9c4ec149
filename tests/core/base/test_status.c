/* Sizes that would wrap are told apart from those that fit; errors become one clean sentence. */
#include <string.h>

#include "base/checked_size.h"
#include "base/status.h"
#include "unit.h"

static void test_arithmetic(void **state)
{
	(void)state;
	size_t result;
	assert_true(checked_multiply(6, 7, &result));
	assert_int_equal(result, 42);
	assert_true(checked_multiply(SIZE_MAX, 1, &result));
	assert_false(checked_multiply(SIZE_MAX / 2 + 1, 2, &result));
	assert_true(checked_add(SIZE_MAX - 1, 1, &result));
	assert_false(checked_add(SIZE_MAX, 1, &result));
}

static void test_ranges(void **state)
{
	(void)state;
	assert_true(range_inside(0, 10, 10));
	assert_true(range_inside(10, 0, 10));
	assert_false(range_inside(11, 0, 10));
	assert_false(range_inside(5, 6, 10));
	assert_false(range_inside(5, SIZE_MAX, 10));
	assert_false(range_inside(SIZE_MAX, 5, 10));
}

static void test_sentences_are_clean_and_fit(void **state)
{
	(void)state;
	struct pith_error err;
	assert_int_equal(fail(&err, PITH_BAD_FILE, "a\n%s\x7f%d", "\x1b[2J", 5), PITH_BAD_FILE);
	assert_int_equal(err.code, PITH_BAD_FILE);
	assert_string_equal(err.message, "a??[2J?5");
	char huge[2000];
	memset(huge, 'x', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	fail(&err, PITH_IO, "%s", huge);
	assert_int_equal(strlen(err.message), sizeof err.message - 1);
	assert_int_equal(fail(NULL, PITH_IO, "nobody listens"), PITH_IO);
	assert_int_equal(fail_memory(&err, "the test"), PITH_NO_MEMORY);
	assert_string_equal(err.message, "Not enough memory for the test.");
	for (int code = PITH_OK; code <= PITH_CANCELLED; code++)
		assert_string_not_equal(pith_status_name((enum pith_status)code), "unknown");
}

static void expect_sentence(const char *text, const char *expected)
{
	struct pith_error err;
	fail(&err, PITH_IO, "%s", text);
	assert_string_equal(err.message, expected);
}

/* Messages end up on terminals and in JSON: no control characters of either kind, no direction marks, nothing that is no UTF-8. */
static void test_sentences_are_safe_to_show(void **state)
{
	(void)state;
	expect_sentence("caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xf0\x9f\x98\x80");
	expect_sentence("a\xc2\x9b" "31mb\xc2\x80", "a?31mb?");
	expect_sentence("a\xe2\x80\xae" "b\xe2\x81\xa6" "c\xe2\x80\x8f" "d", "a?b?c?d");
	expect_sentence("caf\xe9 \xff", "caf? ?");
	expect_sentence("\xe2\x82", "??");
}

/* A sentence that is too long is cut between characters, wherever the limit falls. */
static void test_sentences_end_with_a_character(void **state)
{
	(void)state;
	struct pith_error err;
	char text[2000];
	for (size_t shift = 0; shift < 4; shift++) {
		memset(text, 'x', shift);
		for (size_t i = shift; i + 4 < sizeof text; i += 4)
			memcpy(text + i, "\xf0\x9f\x98\x80", 5);
		fail(&err, PITH_IO, "%s", text);
		size_t length = strlen(err.message);
		assert_int_equal((length - shift) % 4, 0);
		assert_true(length > sizeof err.message - 5);
		assert_memory_equal(err.message, text, length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_sentences_are_clean_and_fit),
		cmocka_unit_test(test_sentences_are_safe_to_show),
		cmocka_unit_test(test_sentences_end_with_a_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
