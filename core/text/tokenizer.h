/*
 * Byte-level BPE from GGUF metadata (tokenizer.ggml.model = "gpt2"): the split
 * pattern named by tokenizer.ggml.pre cuts text into pieces, merges by rank
 * join bytes within a piece. Exact for any bytes: what is not UTF-8 is split as
 * if each stray byte were a symbol, and comes back unchanged from decoding.
 */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/status.h"
#include "formats/gguf.h"
#include "pith/model.h"

struct tokenizer;

/* Reads the vocabulary; keeps no reference to gguf. */
enum pith_status tokenizer_create(struct tokenizer **out, const struct gguf *gguf, struct pith_error *err);
void tokenizer_destroy(struct tokenizer *tokenizer); /* NULL is allowed */

int tokenizer_n_vocab(const struct tokenizer *tokenizer);
int32_t tokenizer_bos(const struct tokenizer *tokenizer); /* the BOS id; the EOS id where there is no BOS; never -1 */
int32_t tokenizer_eos(const struct tokenizer *tokenizer);
/* Is id one that ends generation: EOS, end of turn? */
bool tokenizer_is_end(const struct tokenizer *tokenizer, int32_t id);
/* Control tokens (BOS, EOS, padding, end of turn) carry no text. */
bool tokenizer_is_control(const struct tokenizer *tokenizer, int32_t id);

/* Appends the ids of text. */
enum pith_status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t length, struct token_list *out,
                                  struct pith_error *err);
/* The same with byte offsets; *out is allocated, n tokens. */
enum pith_status tokenizer_encode_spans(const struct tokenizer *tokenizer, const char *text, size_t length,
                                        struct pith_token **out, size_t *n, struct pith_error *err);

/* The id of a token given by its exact vocabulary text ("<|im_end|>"); -1: none. */
int32_t tokenizer_find(const struct tokenizer *tokenizer, const char *token);
/* Raw bytes of a token; control tokens have none. Borrowed. */
const char *tokenizer_bytes(const struct tokenizer *tokenizer, int32_t id, size_t *length);
/* Appends the bytes of ids, control tokens left out. */
bool tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t n, struct buffer *out);

/* 128-bit hash of the vocabulary, the merges and the pattern as 32 hex digits. */
const char *tokenizer_fingerprint(const struct tokenizer *tokenizer);

#endif
