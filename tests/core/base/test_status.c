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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_sentences_are_clean_and_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
