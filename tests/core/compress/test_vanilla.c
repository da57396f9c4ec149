#define _XOPEN_SOURCE 700
/*
 * The method as a user calls it: with a local model that has a chat format (random weights: nonsense, but within the budget),
 * with one that has none, and with a server.
 */
#include "pith/compress.h"

#include <stdlib.h>
#include <string.h>

#include "support/chat_server.h"
#include "support/small_model.h"
#include "text/byte_alphabet.h"
#include "text/chat_format.h"

static struct pith_model *mute, *chatty;

enum { CHAT_BEGIN = 256, CHAT_END = 257, CHAT_VOCABULARY = 258, CHAT_CONTEXT = 2048 };

/* A token for each byte, and the two that the chat format of Qwen is known by. */
static void chat_vocabulary(const char *path)
{
	static struct buffer texts[CHAT_VOCABULARY];
	const char *tokens[CHAT_VOCABULARY];
	size_t lengths[CHAT_VOCABULARY];
	int32_t types[CHAT_VOCABULARY];
	struct gguf_writer *writer;
	struct pith_error err;
	for (int i = 0; i < CHAT_VOCABULARY; i++) {
		char byte = (char)i;
		assert_true(i < 256 ? byte_alphabet_append(&texts[i], &byte, 1)
		                    : buffer_append_string(&texts[i], i == CHAT_BEGIN ? "<|im_start|>" : "<|im_end|>"));
		tokens[i] = texts[i].data;
		lengths[i] = texts[i].length;
		types[i] = i < 256 ? 1 : 3;
	}
	must(gguf_writer_create(&writer, &err), &err);
	must(gguf_write_string(writer, "general.architecture", "qwen3", &err), &err);
	must(gguf_write_string(writer, "tokenizer.ggml.model", "gpt2", &err), &err);
	must(gguf_write_string(writer, "tokenizer.ggml.pre", "gpt-2", &err), &err);
	must(gguf_write_string_array(writer, "tokenizer.ggml.tokens", tokens, lengths, CHAT_VOCABULARY, &err), &err);
	must(gguf_write_i32_array(writer, "tokenizer.ggml.token_type", types, CHAT_VOCABULARY, &err), &err);
	must(gguf_write_string_array(writer, "tokenizer.ggml.merges", NULL, NULL, 0, &err), &err);
	must(gguf_write_u32(writer, "tokenizer.ggml.eos_token_id", CHAT_END, &err), &err);
	must(gguf_writer_finish(writer, path, &err), &err);
	gguf_writer_destroy(writer);
	for (int i = 0; i < CHAT_VOCABULARY; i++)
		buffer_free(&texts[i]);
}

static int setup(void **state)
{
	char vocabulary[600], path[600];
	if (scratch_setup(state) != 0)
		return -1;
	snprintf(vocabulary, sizeof vocabulary, "%s/vocabulary.gguf", scratch_directory);
	snprintf(path, sizeof path, "%s/mute.gguf", scratch_directory);
	small_vocabulary(vocabulary, "qwen2", SMALL_VOCABULARY);
	small_model(path, vocabulary, 1);
	mute = small_open(path);
	snprintf(vocabulary, sizeof vocabulary, "%s/chat-vocabulary.gguf", scratch_directory);
	snprintf(path, sizeof path, "%s/chatty.gguf", scratch_directory);
	chat_vocabulary(vocabulary);
	small_model_of(path, vocabulary, 5, CHAT_CONTEXT);
	chatty = small_open(path);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(mute);
	pith_model_close(chatty);
	return scratch_teardown(state);
}

static const char text[] =
	"The tide at the harbour was not measured on 14 Monday. The report of the Danube was approved by the committee, "
	"and the plan is to delay the turbine. The engineers of the harbour measured the energy of the water and "
	"found that the cost of the electricity was in the budget of the committee and of the engineers.";

static enum pith_status compress(struct pith_compressed **out, struct pith_model *model, const char *url, double rate,
                                 struct pith_error *err)
{
	struct pith_compress_options options;
	struct pith_document *document = small_document(model, text, sizeof text - 1);
	pith_compress_options_init(&options);
	options.method = pith_method_find("vanilla");
	options.rate = rate;
	options.server = url;
	options.server_seconds = 0.5;
	enum pith_status status = pith_compress(out, document, &options, NULL, err);
	pith_document_destroy(document);
	return status;
}

static void test_local(void **state)
{
	(void)state;
	struct pith_error err;
	assert_true(pith_model_info(chatty)->has_chat_format);
	for (double rate = 0.1; rate < 1; rate += 0.4) {
		struct pith_compressed *out;
		must(compress(&out, chatty, NULL, rate, &err), &err);
		const struct pith_compressed_info *info = pith_compressed_info(out);
		size_t length, n_words;
		assert_non_null(pith_compressed_text(out, &length));
		pith_compressed_words(out, &n_words);
		assert_int_equal(n_words, 0);
		assert_true(info->delta_cr <= 0);
		assert_true(info->n_chunks >= 1);
		assert_int_equal(info->compressed_bytes, length);
		pith_compressed_destroy(out);
	}
}

static void test_no_chat_format(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_compressed *out;
	assert_false(pith_model_info(mute)->has_chat_format);
	expect_failure(compress(&out, mute, NULL, 0.5, &err), PITH_UNSUPPORTED, &err, "name a server with --server URL.");
	assert_null(out);
	expect_failure(compress(&out, mute, "", 0.5, &err), PITH_UNSUPPORTED, &err, "has no chat format");
}

static void test_server(void **state)
{
	(void)state;
	static struct chat_server server;
	static const char shorter[] = "Tide at the harbour not measured on 14 Monday; Danube report approved.";
	struct pith_error err;
	struct pith_compressed *out;
	char url[64];
	const struct chat_server_reply replies[] = {{.kind = REPLY_STREAM, .text = shorter},
						    {.kind = REPLY_STATUS, .status = 401}};
	assert_true(chat_server_start(&server, replies, 2));
	snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
	must(compress(&out, mute, url, 0.6, &err), &err);
	size_t length;
	assert_string_equal(pith_compressed_text(out, &length), shorter);
	assert_int_equal(pith_compressed_info(out)->n_chunks_extractive, 0);
	assert_true(pith_compressed_info(out)->delta_cr <= 0);
	assert_non_null(strstr(server.request, "The tide at the harbour was not measured on 14 Monday."));
	pith_compressed_destroy(out);
	expect_failure(compress(&out, mute, url, 0.6, &err), PITH_BAD_ARGUMENT, &err, "refuses the key");
	assert_null(out);
	chat_server_stop(&server);
}

/* The turn around a user's words, token by token. */
static void test_chat_format(void **state)
{
	(void)state;
	struct pith_error err;
	struct token_list turn = {0};
	struct buffer words = {0};
	const struct chat_format *format = chat_format_find(chatty->tokenizer);
	assert_non_null(format);
	assert_null(chat_format_find(mute->tokenizer));
	must(chat_format_begin(format, chatty->tokenizer, "", 0, &turn, &err), &err);
	assert_int_equal(turn.ids[0], CHAT_BEGIN);
	must(chat_format_end(format, chatty->tokenizer, &turn, &err), &err);
	assert_int_equal(turn.ids[6], CHAT_END);
	assert_int_equal(turn.ids[8], CHAT_BEGIN);
	assert_true(tokenizer_decode(chatty->tokenizer, turn.ids, turn.n, true, &words));
	assert_string_equal(words.data, "user\n\nassistant\n");
	buffer_free(&words);
	token_list_free(&turn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chat_format), cmocka_unit_test(test_local),
		cmocka_unit_test(test_no_chat_format), cmocka_unit_test(test_server),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
