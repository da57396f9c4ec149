#define _XOPEN_SOURCE 700
/* Texts with what is asked about them: questions of one context together, targets as answers, lines that have neither. */
#include <string.h>

#include "scratch.h"
#include "train/topic.h"

static const char lines[] =
	"{\"context\": \"One.\", \"question\": \"a?\", \"answers\": [\"1\", \"one\"]}\n"
	"{\"context\": \"One.\", \"question\": \"b?\", \"answers\": []}\n"
	"{\"context\": \"One.\", \"question\": \"c?\", \"answers\": [\"2\"]}\n"
	"{\"context\": \"One.\", \"question\": \"d?\", \"answers\": [\"3\"]}\n"
	"{\"context\": \"One.\", \"question\": \"e?\", \"answers\": [\"4\"]}\n"
	"{\"context\": \"Two.\", \"question\": \"f?\", \"answers\": [\"5\"]}\n"
	"{\"text\": \"Three.\", \"title\": \"III\", \"target\": \"The third\"}\n"
	"{\"text\": \"Four.\", \"title\": \"IV\"}\n"
	"{\"text\": \"Five.\"}\n"
	"{\"context\": \"Six.\"}\n";

static struct jsonl *file;

static int setup(void **state)
{
	struct pith_error err;
	if (scratch_setup(state) != 0)
		return -1;
	return jsonl_open(&file, scratch_write("topics.jsonl", lines, strlen(lines)), &err) == PITH_OK ? 0 : -1;
}

static int teardown(void **state)
{
	jsonl_close(file);
	return scratch_teardown(state);
}

static void expect(size_t line, const char *text, const char *questions, const char *answers)
{
	struct pith_error err;
	struct topic topic;
	char asked[100] = "", answered[100] = "";
	assert_int_equal(topic_read(&topic, file, line, "What?", &err), PITH_OK);
	for (size_t i = 0; i < topic.n; i++) {
		strcat(strcat(asked, topic.questions[i]), " ");
		strcat(strcat(answered, topic.answers[i]), " ");
	}
	if (text == NULL) {
		assert_null(topic.text);
		assert_int_equal(topic.n, 0);
	} else {
		assert_int_equal(topic.length, strlen(text));
		assert_memory_equal(topic.text, text, topic.length);
	}
	assert_string_equal(asked, questions);
	assert_string_equal(answered, answers);
	topic_free(&topic);
}

static void test_topics(void **state)
{
	(void)state;
	expect(0, "One.", "a? c? d? ", "1 2 3 "); /* three at most */
	expect(2, "One.", "c? d? e? ", "2 3 4 "); /* not those of the next text */
	expect(4, "One.", "e? ", "4 ");
	expect(5, "Two.", "f? ", "5 ");
	expect(6, "Three.", "What? ", "The third ");
	expect(7, "Four.", "What? ", "IV ");
	expect(8, NULL, "", "");
	expect(9, NULL, "", "");
	expect(1, NULL, "", ""); /* nobody answered it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_topics)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
