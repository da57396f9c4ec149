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

/* A pipe is refused without waiting for who writes to it. */
static void test_pipe(void **state)
{
	(void)state;
	struct file_map map;
	struct pith_error err = {0};
	const char *path = scratch_path("pipe");
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(20);
	assert_int_equal(file_map_open(&map, path, &err), PITH_IO);
	alarm(0);
	assert_non_null(strstr(err.message, "not a regular file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_pipe),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
