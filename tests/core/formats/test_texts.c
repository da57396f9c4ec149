#define _XOPEN_SOURCE 700
/* The texts of a data set one after another, and sentences that name the line which an editor shows. */
#include "pith/texts.h"

#include "scratch.h"
#include "unit.h"

static struct pith_texts *open_texts(const char *lines)
{
	struct pith_texts *texts;
	struct pith_error err = {0};
	if (pith_texts_open(&texts, scratch_write("texts.jsonl", lines, strlen(lines)), &err) != PITH_OK)
		fail_msg("%s", err.message);
	return texts;
}

static void expect_text(struct pith_texts *texts, const char *expected)
{
	const char *text;
	size_t length;
	struct pith_error err = {0};
	if (pith_texts_next(texts, &text, &length, &err) != PITH_OK)
		fail_msg("%s", err.message);
	if (expected == NULL) {
		assert_null(text);
		return;
	}
	assert_non_null(text);
	assert_string_equal(text, expected);
	assert_int_equal(length, strlen(expected));
}

static void expect_refused(const char *lines, const char *sentence)
{
	struct pith_texts *texts = open_texts(lines);
	const char *text;
	size_t length;
	struct pith_error err = {0};
	expect_text(texts, "a");
	assert_int_equal(pith_texts_next(texts, &text, &length, &err), PITH_BAD_FILE);
	assert_null(text);
	if (strstr(err.message, sentence) == NULL)
		fail_msg("%s", err.message);
	pith_texts_close(texts);
}

static void test_one_after_another(void **state)
{
	(void)state;
	struct pith_texts *texts = open_texts("\xef\xbb\xbf{\"text\":\"one\"}\n\n{\"context\":\"two\",\"question\":\"?\"}\r\n"
	                                      "{\"text\":\"three\",\"context\":\"four\"}\n{\"text\":\"\"}");
	expect_text(texts, "one");
	expect_text(texts, "two");
	expect_text(texts, "three");
	expect_text(texts, "");
	expect_text(texts, NULL);
	expect_text(texts, NULL);
	pith_texts_close(texts);
}

static void test_sentences(void **state)
{
	(void)state;
	expect_refused("{\"text\":\"a\"}\n\n{\"text\":\n", "texts.jsonl, line 3: not valid JSON");
	expect_refused("{\"text\":\"a\"}\n[]\n", "texts.jsonl, line 2: not a JSON object");
	expect_refused("\n{\"text\":\"a\"}\n\n{\"text\":5}\n",
	               "texts.jsonl, line 4: there is no \"text\" and no \"context\".");
}

static void test_no_file(void **state)
{
	(void)state;
	struct pith_texts *texts;
	struct pith_error err = {0};
	assert_int_equal(pith_texts_open(&texts, scratch_path("absent.jsonl"), &err), PITH_IO);
	assert_null(texts);
	assert_non_null(strstr(err.message, "absent.jsonl"));
	pith_texts_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_after_another),
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_no_file),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
