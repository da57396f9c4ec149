/*
 * A batch of sequences packed one after another, without padding.
 *
 * Row i of every activation belongs to token i of the batch. The keys and
 * values of a sequence stand in their own contiguous rows: n_past rows that
 * were there before (a cache, memory rows, or rows of another sequence), then
 * one for each token.
 */
#ifndef MODEL_BATCH_H
#define MODEL_BATCH_H

#include <stddef.h>
#include <stdint.h>

struct sequence {
	size_t first, n;  /* its tokens: rows first .. first + n - 1 of the batch */
	size_t kv_first;  /* its first key/value row */
	size_t n_past;    /* rows before those of its tokens */
	size_t n_shared;  /* of these, the first ones are copies of as many first rows of another sequence, ... */
	size_t shared_with; /* ... this one, which shares none itself: one text read once, continued in several ways */
};

struct batch {
	size_t n_tokens;
	int32_t *ids;       /* (n_tokens): token id, or -1 - j: row j of given; without that, memory token j of the adapter */
	int32_t *positions; /* (n_tokens) */
	size_t n_sequences;
	struct sequence *sequences;
	size_t n_kv_rows;   /* key/value rows of all sequences */
	const float *given; /* (rows named by ids, n_embd): input embeddings that come from elsewhere; NULL: none */
	float *d_given;     /* the same; their gradients are added here; NULL: not wanted */
};

#endif
