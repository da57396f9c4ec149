#define _XOPEN_SOURCE 700
/*
 * A Llama with a SentencePiece vocabulary from end to end: documents are compressed, answered from, and come back from memory to
 * the byte. The space that such a vocabulary puts before a text must show nowhere.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "model/generate.h"
#include "pith/expand.h"
#include "pith/refine.h"
#include "support/pieces.h"
#include "support/small_model.h"

#define VOCABULARY TESTS_DIR "/core/text/golden_sentence_pieces.gguf"

static struct pith_model *model;

static int setup(void **state)
{
	char path[600], adapter[600];
	if (scratch_setup(state) != 0)
		return -1;
	snprintf(path, sizeof path, "%s/llama.gguf", scratch_directory);
	snprintf(adapter, sizeof adapter, "%s/llama-regenerate.gguf", scratch_directory);
	struct hyperparams h = small_shape(0);
	strcpy(h.architecture, "llama");
	h.rope_style = ROPE_NEIGHBOURS;
	h.qk_norm = false;
	small_model_shaped(path, VOCABULARY, 70, h);
	small_adapter(adapter, path, PITH_REGENERATE, 71);
	model = small_open(path);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

static size_t count_tokens(const char *text, size_t length)
{
	struct pith_token *tokens;
	size_t n;
	must(pith_tokenize(model, text, length, &tokens, &n, NULL), NULL);
	free(tokens);
	return n;
}

static void test_opens(void **state)
{
	(void)state;
	const struct pith_model_info *info = pith_model_info(model);
	assert_string_equal(info->architecture, "llama");
	assert_int_equal(info->n_vocab, 640);
	assert_false(info->has_chat_format);
}

static struct pith_compressed *compress(struct pith_document *document, const char *method, double rate)
{
	struct pith_compressed *compressed;
	struct pith_compress_options options;
	struct pith_error err;
	pith_compress_options_init(&options);
	options.method = pith_method_find(method);
	options.rate = rate;
	must(pith_compress(&compressed, document, &options, NULL, &err), &err);
	return compressed;
}

/* The tokens that are promised are those that the result has, however it is cut. */
static void test_budgets(void **state)
{
	(void)state;
	static const double rates[] = {0.1, 0.25, 1.0 / 3, 0.5, 0.75, 0.9, 1};
	static const char *const methods[] = {"selfinfo", "llmlingua", "dac"};
	static const char *const begins[] = {"", " ", "\n\n", "\xe6\xbd\xae ", "14 "};
	struct random_state random;
	random_seed(&random, 72);
	for (size_t d = 0; d < sizeof begins / sizeof *begins; d++) {
		struct buffer text = {0};
		assert_true(buffer_append_string(&text, begins[d]));
		small_text(&text, &random, 90);
		struct pith_document *document = small_document(model, text.data, text.length);
		for (size_t i = 0; i < sizeof methods / sizeof *methods * sizeof rates / sizeof *rates; i++) {
			const char *method = methods[i % 3];
			size_t length;
			struct pith_compressed *compressed = compress(document, method, rates[i / 3]);
			const struct pith_compressed_info *info = pith_compressed_info(compressed);
			const char *kept = pith_compressed_text(compressed, &length);
			assert_int_equal(info->compressed_tokens, count_tokens(kept, length));
			if (info->n_must_keep_dropped == 0 && info->compressed_tokens != info->budget_tokens)
				fail_msg("%s at %g, document %zu: %zu tokens for %zu", method, rates[i / 3], d,
				         info->compressed_tokens, info->budget_tokens);
			if (rates[i / 3] == 1)
				assert_string_equal(kept, text.data);
			pith_compressed_destroy(compressed);
		}
		pith_document_destroy(document);
		buffer_free(&text);
	}
}

static void hear(void *user, const char *text, size_t length)
{
	assert_true(buffer_append(user, text, length));
}

static void test_answers(void **state)
{
	(void)state;
	static const char text[] = "The tide at the harbour was not measured on 14 Monday.";
	struct pith_generated full, answer;
	struct pith_error err;
	struct pith_document *document = small_document(model, text, sizeof text - 1);
	struct pith_compressed *words = compress(document, "selfinfo", 0.5), *rows = compress(document, "500x", 0.3);
	must(pith_answer_text(&full, model, text, sizeof text - 1, "When?", 8, NULL, &err), &err);
	/* BOS and the space before the text; the question goes on with it. */
	assert_true(full.n_prompt_tokens > 1 + document->n_tokens);
	must(pith_answer_compressed(&answer, model, words, "When?", 8, NULL, &err), &err);
	assert_true(answer.n_prompt_tokens < full.n_prompt_tokens);
	pith_generated_free(&answer);
	must(pith_answer_compressed(&answer, model, rows, "When?", 8, NULL, &err), &err);
	pith_generated_free(&answer);
	pith_generated_free(&full);
	pith_compressed_destroy(words);
	pith_compressed_destroy(rows);
	pith_document_destroy(document);
}

/* Refined until every token is the most likely one, memory gives the document back: without the space before it. */
static void test_round_trip(void **state)
{
	(void)state;
	static const char *const texts[] = {"The tide was not measured.", " two  spaces", "\xe6\xbd\xae now", "line\n\ttab\xff."};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct buffer heard = {0};
		struct pith_control control = {.text = hear, .user = &heard};
		struct pith_refine_options options;
		struct pith_refine_result result;
		struct pith_generated back;
		struct pith_error err;
		struct pith_document *document = small_document(model, texts[i], strlen(texts[i]));
		struct pith_compressed *rows = compress(document, "500x", 1);
		pith_refine_options_init(&options);
		must(pith_refine(rows, document, &options, &result, NULL, &err), &err);
		assert_int_equal(result.matched, result.n_tokens);
		must(pith_regenerate(&back, model, rows, 0, &control, &err), &err);
		if (strchr(texts[i], '\xff') == NULL) {
			assert_string_equal(back.text, texts[i]);
			assert_true(result.exact);
		} else {
			assert_string_equal(back.text, "line\n\ttab\xef\xbf\xbd."); /* what people read is UTF-8 */
		}
		assert_int_equal(heard.length, back.length);
		assert_memory_equal(heard.data, back.text, back.length);
		buffer_free(&heard);
		pith_generated_free(&back);
		pith_compressed_destroy(rows);
		pith_document_destroy(document);
	}
}

/* More memory than one span has: the second span's first word keeps its own space. */
static void test_spans(void **state)
{
	(void)state;
	struct pith_refine_options options;
	struct pith_refine_result result;
	struct pith_generated back;
	struct pith_error err;
	static const char text[] =
		"The model reads the memory in place of the prompt when it is asked, and the memory is of the text of "
		"that prompt, not of questions which nobody has seen before.";
	struct pith_document *document = small_document(model, text, sizeof text - 1);
	struct pith_compressed *rows = compress(document, "500x", 1);
	size_t n_spans = rows->rows[PITH_REGENERATE].n_spans;
	assert_true(n_spans > 1);
	bool begins_with_space = false;
	for (size_t s = 1, token = rows->rows[PITH_REGENERATE].spans[0].n_tokens; s < n_spans; s++) {
		begins_with_space = begins_with_space || document->text[document->tokens[token].begin] == ' ';
		token += rows->rows[PITH_REGENERATE].spans[s].n_tokens;
	}
	assert_true(begins_with_space);
	pith_refine_options_init(&options);
	options.n_steps = 2000;
	must(pith_refine(rows, document, &options, &result, NULL, &err), &err);
	assert_int_equal(result.matched, result.n_tokens);
	must(pith_regenerate(&back, model, rows, 0, NULL, &err), &err);
	assert_string_equal(back.text, text);
	assert_true(result.exact);
	pith_generated_free(&back);
	pith_compressed_destroy(rows);
	pith_document_destroy(document);
}

/* A Llama that was taught to talk: its turns are ordinary text, known by the template. */
static void test_chat(void **state)
{
	(void)state;
	static const char text[] = "The tide at the harbour was not measured on 14 Monday, and the plan is to delay.";
	static const struct piece pieces[] = {{"<unk>", 0, PIECE_UNKNOWN},
	                                      {"<s>", 0, PIECE_CONTROL},
	                                      {"</s>", 0, PIECE_CONTROL},
	                                      {"\xe2\x96\x81", -1, PIECE_NORMAL}};
	const struct pieces vocabulary = {.pieces = pieces, .n = 4, .with_bytes = true,
	                                  .chat_template = "{{ bos_token + '[INST] ' + message['content'] + ' [/INST]' }}"};
	char path[600], vocabulary_path[600];
	struct pith_compress_options options;
	struct pith_compressed *compressed;
	struct pith_generated answer;
	struct pith_error err;
	snprintf(vocabulary_path, sizeof vocabulary_path, "%s", pieces_write(&vocabulary, "chat-vocabulary.gguf"));
	snprintf(path, sizeof path, "%s/chat.gguf", scratch_directory);
	small_model(path, vocabulary_path, 73);
	struct pith_model *chatty = small_open(path);
	assert_true(pith_model_info(chatty)->has_chat_format);
	struct pith_document *document = small_document(chatty, text, sizeof text - 1);
	assert_int_equal(document->n_tokens, sizeof text); /* a byte each, and the space before */
	must(pith_answer_text(&answer, chatty, text, sizeof text - 1, "When?", 8, NULL, &err), &err);
	pith_generated_free(&answer);
	pith_compress_options_init(&options);
	options.method = pith_method_find("vanilla");
	options.rate = 0.5;
	must(pith_compress(&compressed, document, &options, NULL, &err), &err);
	assert_true(pith_compressed_info(compressed)->compressed_tokens <= pith_compressed_info(compressed)->budget_tokens);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
	pith_model_close(chatty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opens),      cmocka_unit_test(test_budgets), cmocka_unit_test(test_answers),
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_spans),   cmocka_unit_test(test_chat),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
