/*
 * One transformer layer, for inference, training and encoding alike:
 * RMSNorm, grouped attention with RoPE and optional q/k-norm or biases, residual,
 * RMSNorm, SwiGLU, residual (Llama, arXiv 2302.13971; Qwen2, arXiv 2407.10671; Qwen3, arXiv 2505.09388).
 */
#ifndef MODEL_LAYER_H
#define MODEL_LAYER_H

#include <stdbool.h>

#include "base/thread_pool.h"
#include "model/activations.h"
#include "model/batch.h"
#include "model/hyperparams.h"
#include "model/weights.h"
#include "ops/ops.h"

/* What a layer needs to know of the pass that it is part of. */
struct layer_pass {
	const struct hyperparams *h;
	const struct layer_weights *weights;
	const struct lora *adapter; /* (N_PROJECTIONS) of this layer, NULL: adapter off */
	const struct rope_table *rope;
	const struct batch *batch;
	struct thread_pool *pool;   /* NULL: this thread only */
	enum precision precision;
	struct scratch *scratch;
	/* Inference only: what the keys (n_kv_rows) receive is added here; NULL: not wanted, and not computed. */
	const struct attention_received *received;
	struct dropout dropout; /* of what attention (seed) and feed-forward (seed + 1) add to x; rate 0: none. Training only */
};

/*
 * x_out (n_tokens, n_embd) from x (n_tokens, n_embd); they may be the same
 * array when there will be no backward. Writes the tokens' keys and values
 * into keys, values (n_kv_rows, kv_dim), where each sequence's earlier rows
 * already stand. x_out NULL: stop after keys and values (an encoder's last
 * layer needs no more).
 */
enum pith_status layer_forward(const struct layer_pass *pass, struct activations *a, const float *x, float *keys, float *values,
                               float *x_out, struct pith_error *err);

/* Where gradients of a layer's weights go; any may be NULL: frozen. Shapes as the weights. */
struct layer_gradients {
	float *projections[N_PROJECTIONS];
	float *attn_norm, *ffn_norm, *q_norm, *k_norm;
	float *biases[PROJECTION_V + 1];
};

/*
 * d_x (n_tokens, n_embd) holds the gradient of x_out on entry (ignored when
 * has_output is false, as forward was called with x_out NULL) and the gradient
 * of x on return. d_keys, d_values (n_kv_rows, kv_dim) hold what others
 * already sent back to these rows; on return those of earlier rows have this
 * layer's part added, those of the tokens' own rows are used up. keys, values
 * and a are what forward left.
 */
enum pith_status layer_backward(const struct layer_pass *pass, struct activations *a, const float *x, const float *keys,
                                const float *values, bool has_output, float *d_x, float *d_keys, float *d_values,
                                const struct layer_gradients *gradients, struct pith_error *err);

#endif
