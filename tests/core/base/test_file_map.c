#define _XOPEN_SOURCE 700
/* Mapping files, and writing them so that the old one stays until the new one is whole. */
#include <signal.h>
#include <sys/resource.h>

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

static void test_commit_replaces_at_once(void **state)
{
	(void)state;
	char path[512];
	snprintf(path, sizeof path, "%s", scratch_write("replaced", "old", 3));
	int before = scratch_count();
	struct atomic_file *file;
	struct pith_error err = {0};
	assert_int_equal(atomic_file_create(&file, path, &err), PITH_OK);
	assert_int_equal(atomic_file_write(file, "brand ", 6, &err), PITH_OK);
	assert_int_equal(atomic_file_write(file, NULL, 0, &err), PITH_OK);
	assert_int_equal(atomic_file_write(file, "new", 3, &err), PITH_OK);
	assert_int_equal(atomic_file_position(file), 9);
	size_t size;
	char *text = scratch_read(path, &size);
	assert_string_equal(text, "old");
	free(text);
	assert_int_equal(atomic_file_commit(file, &err), PITH_OK);
	text = scratch_read(path, &size);
	assert_string_equal(text, "brand new");
	free(text);
	assert_int_equal(scratch_count(), before);
}

static void test_abandon_leaves_nothing(void **state)
{
	(void)state;
	int before = scratch_count();
	struct atomic_file *file;
	assert_int_equal(atomic_file_create(&file, scratch_path("abandoned"), NULL), PITH_OK);
	assert_int_equal(atomic_file_write(file, "x", 1, NULL), PITH_OK);
	atomic_file_abandon(file);
	assert_int_equal(scratch_count(), before);
	atomic_file_abandon(NULL);
}

static void test_impossible_place(void **state)
{
	(void)state;
	struct atomic_file *file;
	struct pith_error err = {0};
	assert_int_equal(atomic_file_create(&file, scratch_path("no/such/folder"), &err), PITH_IO);
	assert_null(file);
	assert_non_null(strstr(err.message, "no/such/folder"));
}

/* A disk that fills up, played by a limit on the size of files: the old file stays, the temporary goes. */
static void test_full_disk(void **state)
{
	(void)state;
	char path[512];
	snprintf(path, sizeof path, "%s", scratch_write("full", "old", 3));
	int before = scratch_count();
	static const char block[1 << 16];
	struct rlimit old_limit, limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
	limit = old_limit;
	limit.rlim_cur = 1000;
	signal(SIGXFSZ, SIG_IGN);
	struct atomic_file *file;
	struct pith_error err = {0};
	assert_int_equal(atomic_file_create(&file, path, &err), PITH_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	enum pith_status status = atomic_file_write(file, block, sizeof block, &err);
	if (status == PITH_OK)
		status = atomic_file_commit(file, &err);
	else
		atomic_file_abandon(file);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
	assert_int_equal(status, PITH_IO);
	assert_non_null(strstr(err.message, "Cannot write"));
	size_t size;
	char *text = scratch_read(path, &size);
	assert_string_equal(text, "old");
	free(text);
	assert_int_equal(scratch_count(), before);
}

/* The same where only the last, small write meets the limit: then the flush of commit must find out. */
static void test_full_disk_at_the_end(void **state)
{
	(void)state;
	int before = scratch_count();
	struct rlimit old_limit, limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
	limit = old_limit;
	limit.rlim_cur = 0;
	signal(SIGXFSZ, SIG_IGN);
	struct atomic_file *file;
	struct pith_error err = {0};
	assert_int_equal(atomic_file_create(&file, scratch_path("late"), &err), PITH_OK);
	assert_int_equal(atomic_file_write(file, "short", 5, &err), PITH_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	enum pith_status status = atomic_file_commit(file, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
	assert_int_equal(status, PITH_IO);
	assert_int_equal(scratch_count(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_commit_replaces_at_once),
		cmocka_unit_test(test_abandon_leaves_nothing),
		cmocka_unit_test(test_impossible_place),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_full_disk_at_the_end),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
