/*
 * Text to tokens and back, by the vocabulary in GGUF metadata: byte-level BPE
 * (tokenizer.ggml.model = "gpt2") and SentencePiece BPE ("llama"). Exact for
 * any bytes: what is not UTF-8 is split as if each stray byte were a symbol,
 * and comes back unchanged from decoding.
 *
 * SentencePiece vocabularies put a space before a text that is not in it, so
 * that a first word is the token that it is anywhere else
 * (tokenizer.ggml.add_space_prefix). Here it stands where a text begins: in an
 * empty list, or behind a control token such as BOS, as llama.cpp has it. What
 * goes on with a text gets none, so that parts joined are the whole. That space
 * belongs to no byte of the text; decoding from the begin on leaves it out.
 * Such a vocabulary has no token for U+2581, by which it writes spaces: in a
 * text it becomes its bytes, and comes back.
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

/* Appends the ids of text, which begins one where out is empty or ends with a control token, and goes on with one elsewhere. */
enum pith_status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t length, struct token_list *out,
                                  struct pith_error *err);
/* Appends the ids of text that goes on with one, whatever out holds: with memory, or behind the end of a turn. */
enum pith_status tokenizer_encode_continued(const struct tokenizer *tokenizer, const char *text, size_t length,
                                            struct token_list *out, struct pith_error *err);
/* The same, of words that answer a prompt, behind a gap: " " or "". */
enum pith_status tokenizer_encode_reply(const struct tokenizer *tokenizer, const char *gap, const char *words,
                                        struct token_list *out, struct pith_error *err);
/*
 * The ids of a text from its begin on, with byte offsets and without gaps; *out is allocated, n tokens. The first token can be
 * the added space alone: it begins and ends at 0.
 */
enum pith_status tokenizer_encode_spans(const struct tokenizer *tokenizer, const char *text, size_t length,
                                        struct pith_token **out, size_t *n, struct pith_error *err);

/* The id of a token given by its exact vocabulary text ("<|im_end|>"); -1: none. */
int32_t tokenizer_find(const struct tokenizer *tokenizer, const char *token);
/* Raw bytes of a token as it stands within a text, a space before a word included; control tokens have none. Borrowed. */
const char *tokenizer_bytes(const struct tokenizer *tokenizer, int32_t id, size_t *length);
/* Appends the bytes of ids, control tokens left out. begins: they are a text from its begin on, so the added space is left out. */
bool tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t n, bool begins, struct buffer *out);

/* The Jinja template of a model that was taught to talk, NUL-terminated; NULL: the file has none. */
const char *tokenizer_chat_template(const struct tokenizer *tokenizer);

/* 128-bit hash as 32 hex digits: of tokens, merges and pattern, or of tokens, their scores and kinds, and the added space. */
const char *tokenizer_fingerprint(const struct tokenizer *tokenizer);

#endif
