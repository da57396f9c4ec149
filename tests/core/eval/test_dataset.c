/* Entries of a data set, and sentences that name the file and the line an editor shows. */
#define _POSIX_C_SOURCE 200809L
#include "eval/dataset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static struct dataset *open_lines(const char *lines, size_t limit)
{
	strcpy(path, "/tmp/pith-dataset-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, lines, strlen(lines)), strlen(lines));
	close(fd);
	struct dataset *dataset;
	assert_int_equal(dataset_open(&dataset, path, limit, NULL), PITH_OK);
	return dataset;
}

static void close_lines(struct dataset *dataset)
{
	dataset_close(dataset);
	unlink(path);
}

static void expect_refused(struct dataset *dataset, size_t i, bool question, const char *line, const char *why)
{
	struct dataset_entry entry;
	struct pith_error err = {0};
	enum pith_status status =
		question ? dataset_read_question(&entry, dataset, i, &err) : dataset_read_text(&entry, dataset, i, &err);
	assert_int_equal(status, PITH_BAD_FILE);
	assert_int_equal(err.code, PITH_BAD_FILE);
	assert_non_null(strstr(err.message, path));
	assert_non_null(strstr(err.message, line));
	assert_non_null(strstr(err.message, why));
	assert_null(entry.record);
}

static void test_texts(void **state)
{
	(void)state;
	struct dataset *dataset = open_lines("{\"text\": \"one\"}\n\n  \n{\"text\": 5}\n{\"other\": \"x\"}\n"
					     "{\"text\": \"\"}\n{broken\n",
					     0);
	assert_int_equal(dataset_size(dataset), 5);
	struct dataset_entry entry;
	assert_int_equal(dataset_read_text(&entry, dataset, 0, NULL), PITH_OK);
	assert_string_equal(entry.text, "one");
	assert_int_equal(entry.length, 3);
	dataset_entry_free(&entry);
	expect_refused(dataset, 1, false, "line 4:", "\"text\"");
	expect_refused(dataset, 2, false, "line 5:", "\"text\"");
	expect_refused(dataset, 3, false, "line 6:", "empty");
	expect_refused(dataset, 4, false, "line 7:", "JSON");
	close_lines(dataset);
}

static void test_questions(void **state)
{
	(void)state;
	struct dataset *dataset = open_lines("{\"context\": \"c\", \"question\": \"q?\", \"answers\": [\"a\", \"b\"]}\n"
					     "{\"context\": \"c\", \"question\": \"q?\", \"answers\": \"a\"}\n"
					     "{\"context\": \"c\", \"question\": \"q?\", \"answers\": []}\n"
					     "{\"context\": \"c\", \"question\": \"q?\", \"answers\": [1]}\n"
					     "{\"context\": \"c\", \"answers\": [\"a\"]}\n"
					     "{\"question\": \"q?\", \"answers\": [\"a\"]}",
					     0);
	struct dataset_entry entry;
	assert_int_equal(dataset_read_question(&entry, dataset, 0, NULL), PITH_OK);
	assert_string_equal(entry.text, "c");
	assert_string_equal(entry.question, "q?");
	assert_int_equal(entry.n_answers, 2);
	assert_string_equal(entry.answers[1], "b");
	dataset_entry_free(&entry);
	assert_int_equal(dataset_read_question(&entry, dataset, 1, NULL), PITH_OK);
	assert_int_equal(entry.n_answers, 1);
	assert_string_equal(entry.answers[0], "a");
	dataset_entry_free(&entry);
	expect_refused(dataset, 2, true, "line 3:", "the list \"answers\" is empty.");
	expect_refused(dataset, 3, true, "line 4:", "\"answers\"");
	expect_refused(dataset, 4, true, "line 5:", "\"question\"");
	expect_refused(dataset, 5, true, "line 6:", "\"context\"");
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(dataset_asks(dataset, i), i != 5);
	close_lines(dataset);
}

static void test_limit_and_blame(void **state)
{
	(void)state;
	struct dataset *dataset = open_lines("{\"text\": \"1\"}\r\n\r\n{\"text\": \"2\"}\n{\"text\": \"3\"}\n", 2);
	assert_int_equal(dataset_size(dataset), 2);
	struct pith_error err = {.code = PITH_TOO_LONG, .message = "It does not fit."};
	assert_int_equal(dataset_blame(dataset, 1, PITH_TOO_LONG, &err), PITH_TOO_LONG);
	assert_int_equal(err.code, PITH_TOO_LONG);
	assert_non_null(strstr(err.message, path));
	assert_non_null(strstr(err.message, "line 3: It does not fit."));
	assert_int_equal(dataset_blame(dataset, 1, PITH_IO, NULL), PITH_IO);
	close_lines(dataset);
}

/* A byte order mark on a line of its own is no entry. */
static void test_byte_order_mark(void **state)
{
	(void)state;
	struct dataset *dataset = open_lines("\xef\xbb\xbf\n{\"text\": \"1\"}\n{\"text\": 2}\n", 0);
	assert_int_equal(dataset_size(dataset), 2);
	expect_refused(dataset, 1, false, "line 3:", "\"text\"");
	close_lines(dataset);
}

static void test_refused_files(void **state)
{
	(void)state;
	struct dataset *dataset;
	struct pith_error err;
	assert_int_equal(dataset_open(&dataset, "/nonexistent/data.jsonl", 0, &err), PITH_IO);
	assert_null(dataset);
	assert_int_equal(dataset_open(&dataset, NULL, 0, &err), PITH_BAD_ARGUMENT);
	assert_int_equal(dataset_open(&dataset, "/dev/null", 0, &err), PITH_IO);
	strcpy(path, "/tmp/pith-dataset-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(dataset_open(&dataset, path, 0, &err), PITH_BAD_FILE);
	assert_null(dataset);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_limit_and_blame),
		cmocka_unit_test(test_byte_order_mark),
		cmocka_unit_test(test_refused_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
