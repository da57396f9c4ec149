/*
 * The smallest vocabulary that there is, and data for training runs of
 * seconds: 256 byte tokens, <|begin|> and <|end|>, no merges.
 * The .c file that includes it defines _XOPEN_SOURCE 700 first (scratch.h).
 */
#ifndef TESTS_SUPPORT_TINY_H
#define TESTS_SUPPORT_TINY_H

#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "formats/gguf.h"
#include "scratch.h"
#include "text/byte_alphabet.h"
#include "unit.h"

enum { TINY_BOS = 256, TINY_EOS = 257, TINY_VOCAB = 258 };

static inline void tiny_write_tokens(struct gguf_writer *writer)
{
	static struct buffer texts[TINY_VOCAB];
	const char *tokens[TINY_VOCAB];
	size_t lengths[TINY_VOCAB];
	int32_t types[TINY_VOCAB];
	for (int i = 0; i < TINY_VOCAB; i++) {
		char byte = (char)i;
		buffer_clear(&texts[i]);
		assert_true(i < 256 ? byte_alphabet_append(&texts[i], &byte, 1)
		                    : buffer_append_string(&texts[i], i == TINY_BOS ? "<|begin|>" : "<|end|>"));
		tokens[i] = texts[i].data;
		lengths[i] = texts[i].length;
		types[i] = i < 256 ? 1 : 3;
	}
	assert_int_equal(gguf_write_string_array(writer, "tokenizer.ggml.tokens", tokens, lengths, TINY_VOCAB, NULL), PITH_OK);
	assert_int_equal(gguf_write_i32_array(writer, "tokenizer.ggml.token_type", types, TINY_VOCAB, NULL), PITH_OK);
	for (int i = 0; i < TINY_VOCAB; i++)
		buffer_free(&texts[i]);
}

static inline void tiny_vocabulary(const char *path)
{
	struct gguf_writer *writer;
	assert_int_equal(gguf_writer_create(&writer, NULL), PITH_OK);
	assert_int_equal(gguf_write_string(writer, "general.architecture", "qwen3", NULL), PITH_OK);
	assert_int_equal(gguf_write_string(writer, "tokenizer.ggml.model", "gpt2", NULL), PITH_OK);
	assert_int_equal(gguf_write_string(writer, "tokenizer.ggml.pre", "gpt-2", NULL), PITH_OK);
	tiny_write_tokens(writer);
	assert_int_equal(gguf_write_string_array(writer, "tokenizer.ggml.merges", NULL, NULL, 0, NULL), PITH_OK);
	assert_int_equal(gguf_write_u32(writer, "tokenizer.ggml.bos_token_id", TINY_BOS, NULL), PITH_OK);
	assert_int_equal(gguf_write_u32(writer, "tokenizer.ggml.eos_token_id", TINY_EOS, NULL), PITH_OK);
	struct pith_error err;
	if (gguf_writer_finish(writer, path, &err) != PITH_OK)
		fail_msg("%s", err.message);
	gguf_writer_destroy(writer);
}

/* n words that repeat, so that there is something to learn, and numbers, so that there is something to ask for. */
static inline void tiny_words(FILE *stream, struct random_state *random, int n)
{
	static const char *const words[] = {"red", "green", "seven", "remarkable", "stone", "Danube", "on", "window", "it"};
	enum { N_WORDS = sizeof words / sizeof *words };
	for (int i = 0; i < n; i++) {
		size_t word = (size_t)random_below(random, N_WORDS + 1);
		fprintf(stream, "%s", i == 0 ? "" : " ");
		if (word < N_WORDS)
			fprintf(stream, "%s", words[word]);
		else
			fprintf(stream, "%d", (int)random_below(random, 10000));
	}
}

/* Lines of {"text"}, from a few words to more than a short window holds. */
static inline void tiny_texts(const char *path, int n_lines, uint64_t seed)
{
	struct random_state random;
	random_seed(&random, seed);
	FILE *stream = fopen(path, "w");
	assert_non_null(stream);
	for (int i = 0; i < n_lines; i++) {
		fprintf(stream, "{\"text\": \"");
		tiny_words(stream, &random, 4 + (int)random_below(&random, 30));
		fprintf(stream, "\"}\n");
	}
	assert_int_equal(fclose(stream), 0);
}

/* Lines of {"context", "question", "answers"}. */
static inline void tiny_questions(const char *path, int n_lines, uint64_t seed)
{
	struct random_state random;
	random_seed(&random, seed);
	FILE *stream = fopen(path, "w");
	assert_non_null(stream);
	for (int i = 0; i < n_lines; i++) {
		fprintf(stream, "{\"context\": \"");
		tiny_words(stream, &random, 4 + (int)random_below(&random, 5));
		fprintf(stream, "\", \"question\": \"What is %d?\", \"answers\": [\"stone\", \"it\"]}\n", i);
	}
	assert_int_equal(fclose(stream), 0);
}

#endif
