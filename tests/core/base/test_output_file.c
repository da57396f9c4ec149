#define _XOPEN_SOURCE 700
/* Writing files so that the old one stays until the new one is whole, and whatever else stands at a path stays what it is. */
#include "pith/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "scratch.h"
#include "unit.h"

static void test_commit_replaces_at_once(void **state)
{
	(void)state;
	char path[512];
	snprintf(path, sizeof path, "%s", scratch_write("replaced", "old", 3));
	int before = scratch_count();
	struct pith_output_file *file;
	struct pith_error err = {0};
	assert_int_equal(pith_output_file_create(&file, path, &err), PITH_OK);
	assert_int_equal(pith_output_file_write(file, "brand ", 6, &err), PITH_OK);
	assert_int_equal(pith_output_file_write(file, NULL, 0, &err), PITH_OK);
	assert_int_equal(pith_output_file_write(file, "new", 3, &err), PITH_OK);
	assert_int_equal(pith_output_file_position(file), 9);
	size_t size;
	char *text = scratch_read(path, &size);
	assert_string_equal(text, "old");
	free(text);
	assert_int_equal(pith_output_file_commit(file, &err), PITH_OK);
	text = scratch_read(path, &size);
	assert_string_equal(text, "brand new");
	free(text);
	assert_int_equal(scratch_count(), before);
}

static void test_abandon_leaves_nothing(void **state)
{
	(void)state;
	int before = scratch_count();
	struct pith_output_file *file;
	assert_int_equal(pith_output_file_create(&file, scratch_path("abandoned"), NULL), PITH_OK);
	assert_int_equal(pith_output_file_write(file, "x", 1, NULL), PITH_OK);
	pith_output_file_abandon(file);
	assert_int_equal(scratch_count(), before);
	pith_output_file_abandon(NULL);
}

static void test_impossible_place(void **state)
{
	(void)state;
	struct pith_output_file *file;
	struct pith_error err = {0};
	assert_int_equal(pith_output_file_create(&file, scratch_path("no/such/folder"), &err), PITH_IO);
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
	struct pith_output_file *file;
	struct pith_error err = {0};
	assert_int_equal(pith_output_file_create(&file, path, &err), PITH_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	enum pith_status status = pith_output_file_write(file, block, sizeof block, &err);
	if (status == PITH_OK)
		status = pith_output_file_commit(file, &err);
	else
		pith_output_file_abandon(file);
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
	struct pith_output_file *file;
	struct pith_error err = {0};
	assert_int_equal(pith_output_file_create(&file, scratch_path("late"), &err), PITH_OK);
	assert_int_equal(pith_output_file_write(file, "short", 5, &err), PITH_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	enum pith_status status = pith_output_file_commit(file, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
	assert_int_equal(status, PITH_IO);
	assert_int_equal(scratch_count(), before);
}

static void write_file(const char *path, const char *text)
{
	struct pith_output_file *file;
	struct pith_error err = {0};
	if (pith_output_file_create(&file, path, &err) != PITH_OK ||
	    pith_output_file_write(file, text, strlen(text), &err) != PITH_OK || pith_output_file_commit(file, &err) != PITH_OK)
		fail_msg("%s", err.message);
}

static void expect_text(const char *path, const char *expected)
{
	size_t size;
	char *text = scratch_read(path, &size);
	assert_string_equal(text, expected);
	free(text);
}

static void expect_link(const char *path)
{
	struct stat info;
	assert_int_equal(lstat(path, &info), 0);
	assert_true(S_ISLNK(info.st_mode));
}

/* A link, one to another link, and one to a file that is not there yet stay links. */
static void test_links_stay(void **state)
{
	(void)state;
	char target[512], first[512], second[512];
	snprintf(target, sizeof target, "%s", scratch_write("target", "old", 3));
	snprintf(first, sizeof first, "%s", scratch_path("first"));
	snprintf(second, sizeof second, "%s", scratch_path("second"));
	assert_int_equal(symlink("target", first), 0);
	assert_int_equal(symlink(first, second), 0);
	int before = scratch_count();
	write_file(second, "new");
	expect_link(first);
	expect_link(second);
	expect_text(target, "new");
	assert_int_equal(scratch_count(), before);
	assert_int_equal(unlink(target), 0);
	write_file(second, "again");
	expect_link(first);
	expect_link(second);
	expect_text(target, "again");
	assert_int_equal(scratch_count(), before);
}

static void test_links_in_a_circle(void **state)
{
	(void)state;
	const char *path = scratch_path("circle");
	assert_int_equal(symlink("circle", path), 0);
	struct pith_output_file *file;
	struct pith_error err = {0};
	assert_int_equal(pith_output_file_create(&file, path, &err), PITH_IO);
	assert_null(file);
	expect_link(path);
}

static void test_mode_stays(void **state)
{
	(void)state;
	const char *path = scratch_write("secret", "old", 3);
	assert_int_equal(chmod(path, 0600), 0);
	mode_t mask = umask(022);
	write_file(path, "new");
	struct stat info;
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	expect_text(path, "new");
	write_file(scratch_path("public"), "new");
	assert_int_equal(stat(scratch_path("public"), &info), 0);
	assert_int_equal(info.st_mode & 07777, 0644);
	umask(mask);
}

static void test_pipe_stays(void **state)
{
	(void)state;
	const char *path = scratch_path("pipe");
	assert_int_equal(mkfifo(path, 0600), 0);
	int descriptor = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(descriptor >= 0);
	int before = scratch_count();
	write_file(path, "through");
	char text[16] = "";
	assert_int_equal(read(descriptor, text, sizeof text - 1), 7);
	assert_string_equal(text, "through");
	assert_int_equal(close(descriptor), 0);
	struct stat info;
	assert_int_equal(stat(path, &info), 0);
	assert_true(S_ISFIFO(info.st_mode));
	assert_int_equal(scratch_count(), before);
}

/* What standard output leads to goes on where it was: a new file in its place would leave later output in none. */
static void test_standard_output_stays(void **state)
{
	(void)state;
	char path[512];
	snprintf(path, sizeof path, "%s", scratch_path("shown"));
	fflush(stdout);
	int own = dup(STDOUT_FILENO), descriptor = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(own >= 0 && descriptor >= 0);
	assert_int_equal(dup2(descriptor, STDOUT_FILENO), STDOUT_FILENO);
	ssize_t n = write(STDOUT_FILENO, "one ", 4);
	struct pith_output_file *file = NULL;
	enum pith_status status = pith_output_file_create(&file, "/dev/stdout", NULL);
	if (status == PITH_OK)
		status = pith_output_file_write(file, "two ", 4, NULL);
	if (status == PITH_OK)
		status = pith_output_file_commit(file, NULL);
	n += write(STDOUT_FILENO, "three", 5);
	dup2(own, STDOUT_FILENO);
	close(own);
	close(descriptor);
	assert_int_equal(status, PITH_OK);
	assert_int_equal(n, 9);
	expect_text(path, "one two three");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commit_replaces_at_once),
		cmocka_unit_test(test_abandon_leaves_nothing),
		cmocka_unit_test(test_impossible_place),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_full_disk_at_the_end),
		cmocka_unit_test(test_links_stay),
		cmocka_unit_test(test_links_in_a_circle),
		cmocka_unit_test(test_mode_stays),
		cmocka_unit_test(test_pipe_stays),
		cmocka_unit_test(test_standard_output_stays),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
