/*
 * The tokens of a vocabulary as flat arrays: raw bytes, kinds,
 * and a hash from raw bytes to ids. Reading 150,000 tokens takes milliseconds;
 * that is most of what opening a small model costs.
 */
#ifndef TEXT_VOCABULARY_H
#define TEXT_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "formats/gguf.h"

/* More than any model has; ids fit 24 bits. */
enum { VOCABULARY_MAX_TOKENS = 1 << 24 };

enum token_kind {
	TOKEN_NORMAL,   /* made of bytes, by merging */
	TOKEN_VERBATIM, /* user-defined: its exact text in a document is this token */
	TOKEN_BYTE,     /* of SentencePiece: one byte that no other token holds */
	TOKEN_CONTROL,  /* BOS, EOS, padding, unknown, unused: no text becomes it, it becomes no text */
};

/* How the file writes what tokens are made of. */
enum vocabulary_spelling {
	SPELLED_IN_BYTES,  /* byte-level BPE: byte_alphabet.h */
	SPELLED_IN_PIECES, /* SentencePiece: piece_alphabet.h */
};

struct vocabulary {
	enum vocabulary_spelling spelling;
	int n_tokens;
	char *bytes;       /* of token i: bytes[offsets[i], offsets[i + 1]); the name, for TOKEN_CONTROL */
	uint32_t *offsets;
	uint8_t *kinds;
	struct vocabulary_slot *slots; /* open addressing over the normal tokens */
	size_t slot_mask;
};

/* tokens as found in the file; token_types may have n == 0: all normal. path is for messages. */
enum pith_status vocabulary_init(struct vocabulary *vocabulary, const struct gguf_array *tokens,
                                 const struct gguf_array *token_types, enum vocabulary_spelling spelling, const char *path,
                                 struct pith_error *err);
void vocabulary_free(struct vocabulary *vocabulary);

static inline const char *vocabulary_bytes(const struct vocabulary *vocabulary, int32_t id, size_t *length)
{
	*length = vocabulary->offsets[id + 1] - vocabulary->offsets[id];
	return vocabulary->bytes + vocabulary->offsets[id];
}

/*
 * The normal token with these raw bytes; -1: none. In two steps for callers with many: begin starts fetching what finish
 * looks at, and other work can be done meanwhile.
 */
uint64_t vocabulary_find_begin(const struct vocabulary *vocabulary, const char *bytes, size_t length);
int32_t vocabulary_find_finish(const struct vocabulary *vocabulary, const char *bytes, size_t length, uint64_t hash);
int32_t vocabulary_find(const struct vocabulary *vocabulary, const char *bytes, size_t length);
/* The same for a token that is likely to be id or the one after it; id >= 0. Faster when it is. */
int32_t vocabulary_find_near(const struct vocabulary *vocabulary, const char *bytes, size_t length, int32_t id);
/* The verbatim or control token of this name; -1: none. */
int32_t vocabulary_find_special(const struct vocabulary *vocabulary, const char *name, size_t length);
/* The token that the file gives this text; -1: none, or no memory. */
int32_t vocabulary_find_named(const struct vocabulary *vocabulary, const char *text, size_t length);

#endif
