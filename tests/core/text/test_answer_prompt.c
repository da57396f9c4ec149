/* Where the parts of a prompt for an answer stand, and how an answer goes on behind it: with and without a chat format. */
#define _XOPEN_SOURCE 700
#include "text/answer_prompt.h"

#include "base/buffer.h"
#include "support/pieces.h"

/* A vocabulary of single bytes. */
static struct tokenizer *open_characters(const char *template)
{
	static const struct piece ends[] = {{"<unk>", 0, PIECE_UNKNOWN}, {"<s>", 0, PIECE_CONTROL}, {"</s>", 0, PIECE_CONTROL}};
	struct pieces vocabulary = {.pieces = ends, .n = 3, .with_bytes = true, .chat_template = template};
	return pieces_open(pieces_write(&vocabulary, "characters.gguf"));
}

static void expect_part(const struct tokenizer *tokenizer, const struct token_list *ids, size_t begin, size_t end,
                        const char *expected)
{
	struct buffer text = {0};
	assert_true(begin <= end && end <= ids->n);
	assert_true(tokenizer_decode(tokenizer, ids->ids + begin, end - begin, false, &text));
	assert_string_equal(text.data, expected);
	buffer_free(&text);
}

static const struct {
	const char *template; /* NULL: plain text */
	const char *question; /* from the end of the text to the end of the question */
	const char *reply;    /* behind the end of the question (the space before a line feed is SentencePiece's, behind EOS) */
} cases[] = {
	{NULL, "Question: Who?", "\nAnswer: Ann"},
	{"{{ '<|user|>\n' + message['content'] + eos_token }}", "\n\nQuestion: Who?", " \n<|assistant|>\nAnn"},
	{"{{ '[INST] ' + message['content'] + ' [/INST]' }}", "\n\nQuestion: Who?", " [/INST] Ann"},
};

static void test_from_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct tokenizer *tokenizer = open_characters(cases[i].template);
		struct token_list ids = {0};
		struct answer_prompt_spans spans;
		assert_int_equal(answer_prompt_text(tokenizer, "Ann ran.", 8, "Who?", &ids, &spans, NULL), PITH_OK);
		assert_int_equal(answer_prompt_reply(tokenizer, false, "Ann", &ids, NULL), PITH_OK);
		assert_true(spans.document_begin > 0);
		expect_part(tokenizer, &ids, spans.document_end, spans.question_end, cases[i].question);
		expect_part(tokenizer, &ids, spans.question_end - 4, spans.question_end, "Who?");
		assert_true(spans.question_end - spans.question_begin >= 4);
		expect_part(tokenizer, &ids, spans.question_end, ids.n, cases[i].reply);
		expect_part(tokenizer, &ids, spans.document_end - 8, spans.document_end, "Ann ran.");
		token_list_free(&ids);
		tokenizer_destroy(tokenizer);
	}
}

/* Memory rows are asked in plain text, whatever the model's chat format. */
static void test_from_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct tokenizer *tokenizer = open_characters(cases[i].template);
		struct token_list ids = {0};
		struct answer_prompt_spans spans;
		assert_int_equal(answer_prompt_memory(tokenizer, "Who?", &ids, &spans, NULL), PITH_OK);
		assert_int_equal(answer_prompt_reply(tokenizer, true, "Ann", &ids, NULL), PITH_OK);
		assert_int_equal(spans.document_end, 0);
		expect_part(tokenizer, &ids, 0, spans.question_end, "Question: Who?");
		expect_part(tokenizer, &ids, spans.question_begin, spans.question_end, "Who?");
		expect_part(tokenizer, &ids, spans.question_end, ids.n, "\nAnswer: Ann");
		token_list_free(&ids);
		tokenizer_destroy(tokenizer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_from_text), cmocka_unit_test(test_from_memory)};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
