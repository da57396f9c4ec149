/* What servers send, whole and in single bytes: text, counts, errors, and what is no chat. */
#include "remote/chat_stream.h"

#include <string.h>

#include "unit.h"

static struct chat_stream stream;

/* Feeds body in pieces of step bytes. */
static void feed(const char *body, size_t step)
{
	chat_stream_free(&stream);
	stream = (struct chat_stream){0};
	for (size_t at = 0, length = strlen(body); at < length; at += step)
		if (!chat_stream_feed(&stream, body + at, length - at < step ? length - at : step))
			break;
	chat_stream_end(&stream);
}

static void expect(const char *body, enum chat_outcome outcome, const char *text)
{
	for (size_t step = 1; step < 40; step += 6) {
		feed(body, step);
		if (stream.outcome != outcome)
			fail_msg("outcome %d, not %d, of %s in steps of %zu", (int)stream.outcome, (int)outcome, body, step);
		assert_string_equal(stream.text.data == NULL ? "" : stream.text.data, text);
	}
}

#define EVENT(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define END "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"

static void test_events(void **state)
{
	(void)state;
	expect(EVENT("The ") EVENT("tide.") END "data: [DONE]\n\n", CHAT_COMPLETE, "The tide.");
	expect("\r\n: warming up\r\nevent: "
	       "message\r\ndata:{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\r\n\r\n"
	       "data: {\"choices\":[{\"delta\":{\"content\":\"caf\\u00e9\"}}]}\r\n\r\ndata: [DONE]\r\n",
	       CHAT_COMPLETE, "caf\xc3\xa9");
	expect(EVENT("a") END, CHAT_COMPLETE, "a"); /* [DONE] is not said by all */
	expect(EVENT("a") "data: [DONE]", CHAT_COMPLETE, "a");
	expect("data: [DONE]\n", CHAT_COMPLETE, "");
	/* The standard ignores fields that it does not know. */
	expect("retry: 100\nx-trace_id: {7}\nping\n" EVENT("a") "event\nfoo:bar\n" EVENT("b") END, CHAT_COMPLETE, "ab");
	/* Thoughts of a model are no part of its answer. */
	expect("data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n" EVENT("a") END, CHAT_COMPLETE, "a");
}

static void test_counts(void **state)
{
	(void)state;
	feed(EVENT("a") "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n"
	     "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":39,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n", 7);
	assert_int_equal(stream.outcome, CHAT_COMPLETE);
	assert_true(stream.cut);
	assert_int_equal(stream.prompt_tokens, 39);
	assert_int_equal(stream.answer_tokens, 4);
}

static void test_one_object(void **state)
{
	(void)state;
	expect(" {\"choices\": [{\"message\": {\"role\": \"assistant\", \"content\": \"All\\nof it\"}, \"finish_reason\": "
	       "\"stop\"}],\n"
	       "  \"usage\": {\"prompt_tokens\": 2, \"completion_tokens\": 3}}\n",
	       CHAT_COMPLETE, "All\nof it");
	assert_int_equal(stream.answer_tokens, 3);
	assert_false(stream.cut);
	expect("{\"choices\": [{\"message\": {\"content\": \"All", CHAT_GARBAGE, "");
}

static void test_parts(void **state)
{
	(void)state;
	expect("data: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"The \"}]}}]}\n\n"
	       "data: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"thinking\",\"text\":\"hm\"},"
	       "{\"type\":\"text\",\"text\":\"tide\"},{\"type\":\"text\",\"text\":\".\"}]}}]}\n\n" END,
	       CHAT_COMPLETE, "The tide.");
	expect("{\"choices\": [{\"message\": {\"content\": [{\"type\": \"text\", \"text\": \"All \"}, {\"type\": \"image\"}, "
	       "{\"type\": \"text\", \"text\": \"of it\"}]}, \"finish_reason\": \"stop\"}]}",
	       CHAT_COMPLETE, "All of it");
	expect("{\"choices\": [{\"message\": {\"content\": [7, \"a\", {\"type\": 3}, {\"type\": \"text\", \"text\": 5}]}}]}",
	       CHAT_COMPLETE, "");
}

static void test_broken(void **state)
{
	(void)state;
	expect("", CHAT_OPEN, "");
	expect(EVENT("The ") EVENT("ti"), CHAT_OPEN, "The ti");
	expect("<html><body>It works!</body></html>\n", CHAT_GARBAGE, "");
	expect("Bad gateway\n", CHAT_GARBAGE, "");
	expect("data: not json\n\n", CHAT_GARBAGE, "");
	expect("data: [1, 2]\n\n", CHAT_GARBAGE, "");
	expect("data: {\"hello\": 1}\n\n", CHAT_GARBAGE, "");
	expect("[]", CHAT_GARBAGE, "");
	expect("{\"a\": 1}", CHAT_GARBAGE, "");
	expect(EVENT("a") "data: {\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}\n", CHAT_GARBAGE, "a");
	/* Neither members of odd types nor missing ones do harm. */
	expect("data: {\"choices\":[7]}\n"
	       "data: {\"choices\":[{\"delta\":3,\"finish_reason\":9}]}\n"
	       "data: [DONE]\n",
	       CHAT_COMPLETE, "");
}

static void test_errors(void **state)
{
	(void)state;
	expect(EVENT("a") "data: {\"error\": {\"message\": \"The cache is full.\", \"code\": 500}}\n\n", CHAT_ERROR, "a");
	assert_string_equal(stream.message, "The cache is full");
	expect("{\"error\": \"model not loaded\"}", CHAT_ERROR, "");
	assert_string_equal(stream.message, "model not loaded");
	char message[12];
	const char *body = "{\"detail\": \"caf\xc3\xa9 \xc3\xa9\xc3\xa9\xc3\xa9\"}";
	chat_error_message(body, strlen(body), message, sizeof message);
	assert_string_equal(message, "caf\xc3\xa9 \xc3\xa9\xc3\xa9"); /* whole characters */
	chat_error_message("oops", 4, message, sizeof message);
	assert_string_equal(message, "");
}

static void test_endless(void **state)
{
	(void)state;
	static char line[1 << 16];
	memset(line, ':', sizeof line);
	line[sizeof line - 1] = '\n';
	chat_stream_free(&stream);
	stream = (struct chat_stream){0};
	int n = 0;
	while (n < 1000 && chat_stream_feed(&stream, line, sizeof line))
		n++;
	assert_in_range(n, 200, 300);
	assert_int_equal(stream.outcome, CHAT_TOO_LONG);
	/* A stream of text alone is measured by what was asked for. */
	static const char event[] = EVENT("0123456789");
	for (size_t most = 0; most <= 100; most += 100) {
		chat_stream_free(&stream);
		stream = (struct chat_stream){.most_text = most};
		for (n = 0; n < 20 && chat_stream_feed(&stream, event, sizeof event - 1); n++)
			;
		assert_int_equal(n, most == 0 ? 20 : 10);
		assert_int_equal(stream.outcome, most == 0 ? CHAT_OPEN : CHAT_TOO_LONG);
	}
}

static int teardown(void **state)
{
	(void)state;
	chat_stream_free(&stream);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events), cmocka_unit_test(test_counts), cmocka_unit_test(test_one_object),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_broken), cmocka_unit_test(test_errors), cmocka_unit_test(test_endless),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
