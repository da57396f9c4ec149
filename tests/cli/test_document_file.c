#define _POSIX_C_SOURCE 200809L
#include "document_file.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

static char path[] = "/tmp/pith-document-XXXXXX";

static int make_file(void **state)
{
	(void)state;
	int descriptor = mkstemp(path);
	return descriptor < 0 || close(descriptor) != 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static enum pith_status read_back(struct document_file *file, const char *text, size_t length, struct pith_error *err)
{
	FILE *stream = fopen(path, "wb");
	assert_non_null(stream);
	assert_int_equal(fwrite(text, 1, length, stream), length);
	assert_int_equal(fclose(stream), 0);
	return document_file_read(file, path, NULL, err);
}

static void test_texts(void **state)
{
	(void)state;
	struct document_file file;
	assert_int_equal(read_back(&file, "h\xc3\xa9llo\r\n\x1b[1m", 12, NULL), PITH_OK);
	assert_int_equal(file.length, 12);
	assert_memory_equal(file.text, "h\xc3\xa9llo\r\n\x1b[1m", 13);
	assert_false(file.invalid_utf8);
	document_file_free(&file);
	assert_int_equal(read_back(&file, "caf\xe9", 4, NULL), PITH_OK);
	assert_true(file.invalid_utf8);
	document_file_free(&file);

	size_t length = 300000; /* more than one read */
	char *text = malloc(length);
	assert_non_null(text);
	for (size_t i = 0; i < length; i++)
		text[i] = (char)('a' + i % 23);
	assert_int_equal(read_back(&file, text, length, NULL), PITH_OK);
	assert_int_equal(file.length, length);
	assert_memory_equal(file.text, text, length);
	document_file_free(&file);
	free(text);
}

static void test_refused(void **state)
{
	(void)state;
	struct document_file file;
	struct pith_error err;
	assert_int_equal(read_back(&file, "", 0, &err), PITH_BAD_FILE);
	assert_non_null(strstr(err.message, "is empty: there is nothing to compress."));
	assert_int_equal(read_back(&file, " \n", 2, &err), PITH_BAD_FILE);
	assert_int_equal(read_back(&file, "a\0b", 3, &err), PITH_BAD_FILE);
	assert_non_null(strstr(err.message, "binary"));
	assert_int_equal(read_back(&file, "\1\2\3\4\5\6abc", 9, &err), PITH_BAD_FILE);
	assert_null(file.text);
	assert_false(document_file_is_binary("\x1b[1mbold\x1b[0m\r\n\f", 15));
	/* Of control characters only those at the beginning are counted; a NUL, at which figures would end, is none of a text anywhere. */
	static char text[20000];
	memset(text, 'a', sizeof text);
	memset(text + 10000, 1, 5000);
	assert_false(document_file_is_binary(text, sizeof text));
	text[19999] = '\0';
	assert_true(document_file_is_binary(text, sizeof text));
	assert_int_equal(document_file_check("/", &err), PITH_IO);
	assert_int_equal(document_file_check("/nonexistent/x", &err), PITH_IO);
	assert_string_equal(err.message, "/nonexistent/x cannot be opened: No such file or directory.");
	assert_int_equal(document_file_check("/dev/null", &err), PITH_OK);
	assert_int_equal(document_file_check("-", &err), PITH_OK);
	assert_int_equal(document_file_read(&file, "/", NULL, &err), PITH_IO);
	assert_int_equal(document_file_read(&file, "/nonexistent/x", NULL, &err), PITH_IO);
	assert_int_equal(document_file_read(&file, "/nonexistent/\xc2\x9b" "31m\xff", NULL, &err), PITH_IO);
	assert_non_null(strstr(err.message, "/nonexistent/?31m? cannot be opened"));
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 100 * 1000000}, NULL);
}

static void *raise_later(void *flag)
{
	nap();
	atomic_store((atomic_bool *)flag, true);
	return NULL;
}

/* Reads name while another thread raises the flag; the alarm ends what waits for ever. */
static void expect_cancelled(const char *name)
{
	pthread_t thread;
	atomic_bool cancel = false;
	struct document_file file;
	struct pith_error err;
	alarm(20);
	assert_int_equal(pthread_create(&thread, NULL, raise_later, &cancel), 0);
	assert_int_equal(document_file_read(&file, name, &cancel, &err), PITH_CANCELLED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	alarm(0);
	assert_null(file.text);
}

/* A writer that never comes, and one that never writes. */
static void test_cancelled_while_waiting(void **state)
{
	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_cancelled(path);
	int own = dup(STDIN_FILENO), ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	expect_cancelled("-");
	assert_int_equal(dup2(own, STDIN_FILENO), STDIN_FILENO);
	close(own);
	close(ends[0]);
	close(ends[1]);
}

static void *write_late(void *unused)
{
	(void)unused;
	nap();
	FILE *stream = fopen(path, "wb");
	if (stream == NULL)
		return NULL;
	fputs("slow ", stream);
	fflush(stream);
	nap();
	fputs("text", stream);
	fclose(stream);
	return NULL;
}

/* A named pipe whose writer comes late and takes its time gives all that it has. */
static void test_slow_pipe(void **state)
{
	(void)state;
	pthread_t thread;
	struct document_file file;
	alarm(20);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_late, NULL), 0);
	assert_int_equal(document_file_read(&file, path, NULL, NULL), PITH_OK);
	assert_int_equal(pthread_join(thread, NULL), 0);
	alarm(0);
	assert_string_equal(file.text, "slow text");
	document_file_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cancelled_while_waiting),
		cmocka_unit_test(test_slow_pipe),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
