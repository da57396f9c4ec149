#define _XOPEN_SOURCE 700
/* Mapping files. */
#include "base/file_map.h"
#include "scratch.h"
#include "unit.h"

static void test_map(void **state)
{
	(void)state;
	struct file_map map;
	struct pith_error err = {0};
	assert_int_equal(file_map_open(&map, scratch_write("some", "hello", 5), &err), PITH_OK);
	assert_int_equal(map.size, 5);
	assert_memory_equal(map.data, "hello", 5);
	file_map_close(&map);
	assert_null(map.data);
	assert_int_equal(file_map_open(&map, scratch_write("empty", "", 0), &err), PITH_OK);
	assert_null(map.data);
	assert_int_equal(map.size, 0);
	file_map_close(&map);
	assert_int_equal(file_map_open(&map, scratch_path("absent"), &err), PITH_IO);
	assert_non_null(strstr(err.message, "absent"));
	assert_int_equal(file_map_open(&map, scratch_directory, &err), PITH_IO);
	assert_non_null(strstr(err.message, "not a regular file"));
	assert_int_equal(file_map_open(&map, scratch_path("absent"), NULL), PITH_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
