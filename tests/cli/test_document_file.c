#define _POSIX_C_SOURCE 200809L
#include "document_file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	assert_int_equal(document_file_read(&file, "/", NULL, &err), PITH_IO);
	assert_int_equal(document_file_read(&file, "/nonexistent/x", NULL, &err), PITH_IO);
}

/* The table of well-formed byte sequences of the Unicode standard (3-7), at its edges. */
static void test_characters(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		{"a", 1},
		{"\x7f", 1},
		{"\x80", 0},
		{"\xc1\xbf", 0},
		{"\xc2\x80", 2},
		{"\xdf\xbf", 2},
		{"\xe0\x9f\xbf", 0},
		{"\xe0\xa0\x80", 3},
		{"\xed\x9f\xbf", 3},
		{"\xed\xa0\x80", 0},
		{"\xee\x80\x80", 3},
		{"\xef\xbf\xbf", 3},
		{"\xf0\x8f\xbf\xbf", 0},
		{"\xf0\x90\x80\x80", 4},
		{"\xf4\x8f\xbf\xbf", 4},
		{"\xf4\x90\x80\x80", 0},
		{"\xf5\x80\x80\x80", 0},
		{"\xff", 0},
		{"\xc2", 0},
		{"\xe2\x82", 0},
		{"\xe2\x28\xa1", 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(document_file_character(cases[i].bytes, strlen(cases[i].bytes)), cases[i].length);
	assert_int_equal(document_file_character("", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_characters),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
