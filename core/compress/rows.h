/*
 * Memory rows: what the reader finds of a document that a soft method has
 * compressed. For every memory token the post-RoPE key and the value of every
 * layer, in the order of the PEFT CARTRIDGE adapter: layer 0 K, layer 0 V,
 * layer 1 K, ... each (n_kv_heads, head_dim).
 *
 * 500xCompressor's encoder writes the rows themselves. ICAE's hands over
 * embeddings; the rows are what the reader makes of those, once: for
 * regeneration of each span's alone, for answers of those of all spans.
 *
 * A long document is cut into spans, each encoded on its own, as
 * model/memory_layout.h says, and their rows follow one another.
 */
#ifndef COMPRESS_ROWS_H
#define COMPRESS_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "model/model.h"
#include "model/session.h"
#include "pith/control.h"

struct rows_span {
	size_t n_rows;   /* memory tokens of this span */
	size_t n_tokens; /* document tokens that they stand for */
};

struct rows {
	size_t row_floats;      /* 2 * n_layers * kv_dim */
	size_t n_rows, n_spans;
	bool slots;             /* memory tokens stand at 1..k, not spread (model/memory_layout.h) */
	struct rows_span *spans;
	float *data;            /* (n_rows, row_floats) */
	size_t n_embd;
	float *embeddings;      /* (n_rows, n_embd): what the rows were read from; NULL: the rows are the compressed form */
};

void rows_free(struct rows *rows);
/* Sizes of struct rows for k rows over n_spans spans of n_tokens document tokens (model/memory_layout.h). Zeroed. */
enum pith_status rows_create(struct rows *rows, const struct hyperparams *h, size_t n_rows, size_t n_spans, size_t n_tokens,
                             struct pith_error *err);
/* Room for embeddings, zeroed. */
enum pith_status rows_create_embeddings(struct rows *rows, size_t n_embd, struct pith_error *err);
/* Makes the rows from the embeddings: the reader of the adapter that wrote them reads them at the memory tokens' positions. */
enum pith_status rows_read_embeddings(struct rows *rows, struct pith_model *model, const struct adapter *adapter,
                                      const struct pith_control *control, struct pith_error *err);
/* A copy of `from` without row `row`, which is not its only one. Of embeddings nothing is kept: the rows were read with all of
 * them there. */
enum pith_status rows_copy_without(struct rows *rows, const struct rows *from, size_t row, struct pith_error *err);
/* Bytes of the compressed form. */
size_t rows_bytes(const struct rows *rows);

/* Copies the keys and values of n positions of a cache, from `first` on, to out (n, row_floats). */
void rows_from_session(float *out, struct session *session, const struct hyperparams *h, size_t first, size_t n);
/* Copies rows [first, first + n) behind what the session's cache holds. */
enum pith_status rows_attach(const struct rows *rows, size_t first, size_t n, struct session *session,
                             const struct hyperparams *h, struct pith_error *err);

/* A span's first token of the document, and its first row of all. */
void rows_span_begin(const struct rows *rows, size_t span, size_t *token, size_t *row);
/* Document tokens of all spans: those of the document, or of its beginning. */
size_t rows_n_tokens(const struct rows *rows);
/* Document tokens of the longest span. */
size_t rows_longest_span(const struct rows *rows);
/* Tokens that a span of n may come back as: a little longer than it was, as far as the context reaches. */
size_t rows_span_limit(const struct hyperparams *h, size_t n);
/* Where a reader's text begins behind the rows: a document at its own positions, a question behind them. */
int32_t rows_read_position(const struct rows *rows, enum pith_purpose purpose);

#endif
