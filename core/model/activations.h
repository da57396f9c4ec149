/*
 * Memory of one layer's forward pass, handed out from one block by one table.
 * Inference uses the same block for every layer; training keeps one a layer,
 * because backward reads what forward left.
 */
#ifndef MODEL_ACTIVATIONS_H
#define MODEL_ACTIVATIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "model/hyperparams.h"
#include "model/weights.h"

struct activations {
	float *norm1, *rstd1;      /* (n_tokens, n_embd), (n_tokens) */
	float *q_raw, *k_raw;      /* (n_tokens, q_dim), (n_tokens, kv_dim): before q/k-norm; the same as q, k without it */
	float *rstd_q, *rstd_k;    /* (n_tokens, n_heads), (n_tokens, n_kv_heads) */
	float *q, *k, *v;          /* (n_tokens, q_dim), (n_tokens, kv_dim) twice; q and k with RoPE */
	float *attn, *lse;         /* (n_tokens, q_dim), (n_tokens, n_heads) */
	float *x_mid;              /* (n_tokens, n_embd): after attention */
	float *norm2, *rstd2;      /* (n_tokens, n_embd), (n_tokens) */
	float *gate, *up, *act;    /* (n_tokens, n_ff) */
	float *low[N_PROJECTIONS]; /* (n_tokens, rank): of LoRA; unused when rank is 0 */
	float *block;              /* what is freed */
	size_t block_floats;
};

/* Room for n_tokens; grows only, never shrinks. Zero-initialise the struct before the first call. */
enum pith_status activations_reserve(struct activations *a, const struct hyperparams *h, size_t rank, size_t n_tokens,
                                     struct pith_error *err);
void activations_free(struct activations *a);

/* A float array that grows; contents are lost when it does. */
struct scratch {
	float *data;
	size_t capacity;
};
enum pith_status scratch_reserve(struct scratch *scratch, size_t n_floats, const char *what, struct pith_error *err);
void scratch_free(struct scratch *scratch);

#endif
