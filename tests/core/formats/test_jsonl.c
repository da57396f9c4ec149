#define _XOPEN_SOURCE 700
/* JSON Lines: line numbers as an editor counts them, fields, and sentences that name file and line. */
#include "formats/jsonl.h"
#include "scratch.h"
#include "unit.h"

static struct jsonl *open_text(const char *text)
{
	struct jsonl *file;
	struct pith_error err = {0};
	if (jsonl_open(&file, scratch_write("lines.jsonl", text, strlen(text)), &err) != PITH_OK)
		fail_msg("%s", err.message);
	return file;
}

static void test_lines(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t n;
	} cases[] = {
		{"", 0},
		{"\n", 0},
		{"\n\n\n", 0},
		{"{}", 1},
		{"{}\n", 1},
		{"{}\n{}", 2},
		{"{}\r\n{}\r\n", 2},
		{"\n  \n{}\n\t\r\n", 1},
		{"\xef\xbb\xbf{}", 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct jsonl *file = open_text(cases[i].text);
		assert_int_equal(jsonl_n_lines(file), cases[i].n);
		for (size_t line = 0; line < cases[i].n; line++) {
			struct jsonl_record *record;
			assert_int_equal(jsonl_read(&record, file, line, NULL), PITH_OK);
			jsonl_record_free(record);
		}
		struct jsonl_record *record;
		struct pith_error err = {0};
		assert_int_equal(jsonl_read(&record, file, cases[i].n, &err), PITH_BAD_ARGUMENT);
		assert_null(record);
		jsonl_close(file);
	}
}

static void test_many_lines(void **state)
{
	(void)state;
	static char text[20000 * 16];
	size_t length = 0;
	for (int i = 0; i < 20000; i++)
		length += (size_t)snprintf(text + length, sizeof text - length, "{\"i\":\"%d\"}\n", i);
	struct jsonl *file = open_text(text);
	assert_int_equal(jsonl_n_lines(file), 20000);
	for (int i = 0; i < 20000; i += 997) {
		struct jsonl_record *record;
		char expected[16];
		snprintf(expected, sizeof expected, "%d", i);
		assert_int_equal(jsonl_read(&record, file, (size_t)i, NULL), PITH_OK);
		size_t n;
		assert_string_equal(jsonl_string(record, "i", &n), expected);
		jsonl_record_free(record);
	}
	jsonl_close(file);
}

static void test_fields(void **state)
{
	(void)state;
	struct jsonl *file = open_text("{\"text\":\"Gr\\u00fc\\u00dfe \\ud83d\\ude00\",\"nul\":\"a\\u0000b\",\"n\":3,"
				       "\"answers\":[\"one\",\"two\"],\"mixed\":[\"one\",2],\"none\":[]}\n");
	struct jsonl_record *record;
	size_t length;
	assert_int_equal(jsonl_read(&record, file, 0, NULL), PITH_OK);
	assert_string_equal(jsonl_string(record, "text", &length), "Grüße 😀");
	assert_int_equal(length, strlen("Grüße 😀"));
	assert_memory_equal(jsonl_string(record, "nul", &length), "a\0b", 3);
	assert_int_equal(length, 3);
	assert_string_equal(jsonl_string(record, "text", NULL), "Grüße 😀");
	assert_null(jsonl_string(record, "n", &length));
	assert_null(jsonl_string(record, "absent", &length));
	assert_null(jsonl_string(record, "answers", &length));
	assert_int_equal(jsonl_n_strings(record, "answers"), 2);
	assert_string_equal(jsonl_string_at(record, "answers", 1), "two");
	assert_null(jsonl_string_at(record, "answers", 2));
	assert_int_equal(jsonl_n_strings(record, "text"), 1);
	assert_string_equal(jsonl_string_at(record, "text", 0), "Grüße 😀");
	assert_null(jsonl_string_at(record, "text", 1));
	assert_int_equal(jsonl_n_strings(record, "mixed"), 0);
	assert_int_equal(jsonl_n_strings(record, "none"), 0);
	assert_int_equal(jsonl_n_strings(record, "absent"), 0);
	assert_null(jsonl_string_at(record, "absent", 0));
	jsonl_record_free(record);
	jsonl_record_free(NULL);
	jsonl_close(file);
}

static void test_sentences(void **state)
{
	(void)state;
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"{}\n\n{\"a\":}\n", "lines.jsonl, line 3: not valid JSON"},
		{"{}\n[1]\n", "lines.jsonl, line 2: not a JSON object"},
		{"{}\n\"a\xff\"\n", "line 2: not valid JSON"},
		{"{}\n{\"a\":1} x\n", "line 2: not valid JSON"},
		{"{}\n{\"a\":\"b\n\"}", "line 2: not valid JSON"},
		{"{}\n{\"a\":1,\"a\":2}", "line 2: not valid JSON (duplicate object key"},
		{"{}\n{\"a\":1e999}", "line 2: not valid JSON"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct jsonl *file = open_text(cases[i].text);
		struct jsonl_record *record;
		struct pith_error err = {0};
		assert_int_equal(jsonl_read(&record, file, 1, &err), PITH_BAD_FILE);
		assert_null(record);
		if (strstr(err.message, cases[i].words) == NULL)
			fail_msg("%s", err.message);
		jsonl_close(file);
	}
}

static void test_line_numbers(void **state)
{
	(void)state;
	struct jsonl *file = open_text("\xef\xbb\xbf\n{}\r\n\n \n{}");
	assert_int_equal(jsonl_n_lines(file), 2);
	assert_int_equal(jsonl_line_number(file, 0), 2);
	assert_int_equal(jsonl_line_number(file, 1), 5);
	jsonl_close(file);
}

/* A line that nests a million arrays must not exhaust the stack. */
static void test_deep_nesting(void **state)
{
	(void)state;
	enum { DEPTH = 1000000 };
	char *text = malloc(DEPTH + 1);
	assert_non_null(text);
	memset(text, '[', DEPTH);
	text[DEPTH] = '\0';
	struct jsonl *file = open_text(text);
	struct jsonl_record *record;
	assert_int_equal(jsonl_read(&record, file, 0, NULL), PITH_BAD_FILE);
	jsonl_close(file);
	free(text);
}

static void test_no_file(void **state)
{
	(void)state;
	struct jsonl *file;
	struct pith_error err = {0};
	assert_int_equal(jsonl_open(&file, scratch_path("absent.jsonl"), &err), PITH_IO);
	assert_null(file);
	assert_non_null(strstr(err.message, "absent.jsonl"));
	jsonl_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),     cmocka_unit_test(test_many_lines),   cmocka_unit_test(test_fields),
		cmocka_unit_test(test_sentences), cmocka_unit_test(test_deep_nesting), cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_line_numbers),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
