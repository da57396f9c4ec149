/*
 * SentencePiece vocabularies for tests: a table of pieces written as GGUF, with
 * parts left out or wrong where a test wants that.
 * The .c file that includes it defines _XOPEN_SOURCE 700 first (scratch.h).
 */
#ifndef TESTS_SUPPORT_PIECES_H
#define TESTS_SUPPORT_PIECES_H

#include <stdlib.h>
#include <string.h>

#include "formats/gguf.h"
#include "scratch.h"
#include "text/tokenizer.h"
#include "unit.h"

enum piece_type { PIECE_NORMAL = 1, PIECE_UNKNOWN, PIECE_CONTROL, PIECE_USER_DEFINED, PIECE_UNUSED, PIECE_BYTE };

struct piece {
	const char *text;
	float score;
	enum piece_type type;
};

/* A vocabulary: with_bytes puts <0x00>..<0xFF> behind the pieces. */
struct pieces {
	const struct piece *pieces;
	size_t n;
	bool with_bytes;
	bool no_space_prefix;
	const char *chat_template; /* NULL: none */
	bool no_scores, no_types;
	size_t n_scores;     /* 0: as many as there are tokens */
	int32_t unknown_key; /* id + 1; 0: none */
};

static inline const char *pieces_write(const struct pieces *vocabulary, const char *name)
{
	static const uint32_t ends[] = {1, 2};
	static char bytes[256][16];
	const char *path = scratch_path(name);
	size_t n = vocabulary->n + (vocabulary->with_bytes ? 256 : 0);
	const char **texts = calloc(n, sizeof *texts);
	size_t *lengths = calloc(n, sizeof *lengths);
	float *scores = calloc(n, sizeof *scores);
	int32_t *types = calloc(n, sizeof *types);
	assert_true(texts != NULL && lengths != NULL && scores != NULL && types != NULL);
	for (size_t i = 0; i < n; i++) {
		size_t b = i < vocabulary->n ? 0 : i - vocabulary->n;
		snprintf(bytes[b], sizeof bytes[b], "<0x%02X>", (unsigned)b);
		struct piece piece = i < vocabulary->n ? vocabulary->pieces[i] : (struct piece){bytes[b], 0, PIECE_BYTE};
		texts[i] = piece.text;
		lengths[i] = strlen(piece.text);
		scores[i] = piece.score;
		types[i] = piece.type;
	}
	struct gguf_writer *writer;
	assert_int_equal(gguf_writer_create(&writer, NULL), PITH_OK);
	assert_int_equal(gguf_write_string(writer, "tokenizer.ggml.model", "llama", NULL), PITH_OK);
	assert_int_equal(gguf_write_string_array(writer, "tokenizer.ggml.tokens", texts, lengths, n, NULL), PITH_OK);
	size_t n_scores = vocabulary->n_scores > 0 ? vocabulary->n_scores : n;
	if (!vocabulary->no_scores)
		assert_int_equal(gguf_write_f32_array(writer, "tokenizer.ggml.scores", scores, n_scores, NULL), PITH_OK);
	if (!vocabulary->no_types)
		assert_int_equal(gguf_write_i32_array(writer, "tokenizer.ggml.token_type", types, n, NULL), PITH_OK);
	if (vocabulary->no_space_prefix)
		assert_int_equal(gguf_write_bool(writer, "tokenizer.ggml.add_space_prefix", false, NULL), PITH_OK);
	if (vocabulary->chat_template != NULL)
		assert_int_equal(gguf_write_string(writer, "tokenizer.chat_template", vocabulary->chat_template, NULL), PITH_OK);
	if (vocabulary->unknown_key > 0)
		assert_int_equal(
			gguf_write_u32(writer, "tokenizer.ggml.unknown_token_id", (uint32_t)vocabulary->unknown_key - 1, NULL),
			PITH_OK);
	assert_int_equal(gguf_write_u32(writer, "tokenizer.ggml.bos_token_id", ends[0], NULL), PITH_OK);
	assert_int_equal(gguf_write_u32(writer, "tokenizer.ggml.eos_token_id", ends[1], NULL), PITH_OK);
	assert_int_equal(gguf_writer_finish(writer, path, NULL), PITH_OK);
	gguf_writer_destroy(writer);
	free(texts);
	free(lengths);
	free(scores);
	free(types);
	return path;
}

static inline struct tokenizer *pieces_open(const char *path)
{
	struct gguf *gguf;
	struct tokenizer *tokenizer = NULL;
	struct pith_error err;
	if (gguf_open(&gguf, path, &err) != PITH_OK || tokenizer_create(&tokenizer, gguf, &err) != PITH_OK)
		fail_msg("%s", err.message);
	gguf_close(gguf);
	return tokenizer;
}

#endif
