/* Growable bytes and token lists: contents, growth, and refusals that leave everything as it was. */
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "unit.h"

static void test_append_and_terminate(void **state)
{
	(void)state;
	struct buffer buffer = {0};
	assert_true(buffer_append(&buffer, "a\0b", 3));
	assert_true(buffer_append_string(&buffer, "cd"));
	assert_true(buffer_append(&buffer, NULL, 0));
	assert_int_equal(buffer.length, 5);
	assert_memory_equal(buffer.data, "a\0bcd", 6);
	buffer_clear(&buffer);
	assert_int_equal(buffer.length, 0);
	assert_string_equal(buffer.data, "");
	buffer_free(&buffer);
	assert_null(buffer.data);
	assert_int_equal(buffer.capacity, 0);
}

static void test_grows(void **state)
{
	(void)state;
	struct buffer buffer = {0};
	for (int i = 0; i < 10000; i++)
		assert_true(buffer_printf(&buffer, "%04d", i));
	assert_int_equal(buffer.length, 40000);
	for (int i = 0; i < 10000; i++) {
		char expected[16];
		snprintf(expected, sizeof expected, "%04d", i);
		assert_memory_equal(buffer.data + 4 * i, expected, 4);
	}
	buffer_free(&buffer);
}

static void test_impossible_sizes(void **state)
{
	(void)state;
	struct buffer buffer = {0};
	assert_true(buffer_append_string(&buffer, "kept"));
	assert_false(buffer_reserve(&buffer, SIZE_MAX));
	assert_false(buffer_reserve(&buffer, SIZE_MAX - 5));
	assert_false(buffer_reserve(&buffer, SIZE_MAX / 2 + 1));
	assert_string_equal(buffer.data, "kept");
	assert_int_equal(buffer.length, 4);
	buffer_free(&buffer);
}

static void test_token_list(void **state)
{
	(void)state;
	struct token_list list = {0};
	const int32_t more[] = {-1, 7};
	for (int32_t i = 0; i < 1000; i++)
		assert_true(token_list_append(&list, i));
	assert_true(token_list_append_all(&list, more, 2));
	assert_true(token_list_append_all(&list, NULL, 0));
	assert_int_equal(list.n, 1002);
	assert_int_equal(list.ids[999], 999);
	assert_int_equal(list.ids[1000], -1);
	assert_int_equal(list.ids[1001], 7);
	assert_false(token_list_reserve(&list, SIZE_MAX));
	assert_false(token_list_reserve(&list, SIZE_MAX / 4));
	assert_int_equal(list.n, 1002);
	token_list_free(&list);
	assert_null(list.ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_and_terminate),
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_impossible_sizes),
		cmocka_unit_test(test_token_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
