/* What stands around a rewrite goes, what belongs to the text stays. */
#include "compress/rewrite_wrapping.h"

#include <string.h>

#include "unit.h"

static void expect(const char *source, const char *answer, const char *text)
{
	struct buffer buffer = {0};
	assert_true(buffer_append_string(&buffer, answer));
	assert_true(rewrite_unwrap(&buffer, source, strlen(source)));
	assert_int_equal(buffer.length, strlen(buffer.data));
	assert_string_equal(buffer.data, text);
	buffer_free(&buffer);
}

static void test_wrapped(void **state)
{
	(void)state;
	expect("The tide.", "```\nThe tide\n```", "The tide");
	expect("The tide.", "```markdown\n\nThe tide\nrose\n\n```\n", "The tide\nrose");
	expect("The tide.", "\"The tide\"", "The tide");
	expect("The tide.", "\xe2\x80\x9cThe tide\xe2\x80\x9d", "The tide");
	expect("The tide.", "{\"compressed\": \"The \\\"tide\\\"\\nrose\"}", "The \"tide\"\nrose");
	expect("The tide.", "{\"rewritten_text\": \"\"}", "");
	expect("The tide.", "<think>hm</think>\nHere is the text:\n```json\n{\"text\": \"The tide\"}\n```", "The tide");
	expect("The tide.", "```\n```", "");
	expect("The tide.", "", "");
}

static void test_own(void **state)
{
	(void)state;
	static const char *const answers[] = {
		"\"Yes\" is a word, \"no\" another; \"perhaps\"",
		"\"Yes",
		"\"",
		"The tide is \"high\"",
		"```\nThe tide\n``` and more",
		"```\nThe tide\n```\nand\n```\nmore\n```",
		"``` The tide\nrose ```",
		"```",
		"{\"compressed\": \"The tide\", \"note\": \"short\"}",
		"{\"compressed\": [\"The tide\"]}",
		"{\"compressed\": \"The tide\"} and more",
		"{\"compressed\": \"The ti",
		"{}",
		"{the tide}",
	};
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
		expect("The tide.", answers[i], answers[i]);
	/* A text that begins so itself. */
	expect("```\nx = 1\n```", "```\nx\n```", "```\nx\n```");
	expect("\"The tide\", he said.", "\"The tide\"", "\"The tide\"");
	expect("{\"a\": \"b\", \"c\": 1}", "{\"a\": \"b\"}", "{\"a\": \"b\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_wrapped), cmocka_unit_test(test_own)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
