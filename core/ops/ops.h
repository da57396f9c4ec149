/*
 * The maths of a transformer, one layer of it per file, each x_forward
 * directly above its x_backward.
 *
 * Glossary: n_tokens rows of a batch; n_embd width of the residual stream;
 * n_heads query heads that share n_kv_heads key/value heads (GQA); head_dim
 * numbers of one head; n_ff width inside the feed-forward; n_vocab.
 *
 * Convention of gradients: those of parameters accumulate (+=); those of
 * activations are assigned (=) unless the comment says that they accumulate.
 * All arrays are row-major fp32; shapes stand in the comments. Nothing here
 * allocates or fails; scratch comes from the caller.
 */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/tensor.h"
#include "base/thread_pool.h"

/* How a training product is computed: the exact reference, or bf16 operands with fp32 sums where the CPU has them. */
enum precision { PRECISION_F32, PRECISION_BF16 };

/* --- embedding.c: rows of a table ------------------------------------------------------------------- */

/* x (n_tokens, n_embd) = rows ids of table (n_vocab, n_embd), any type. Ids below 0 leave their row untouched. */
void embedding_forward(float *x, const int32_t *ids, size_t n_tokens, size_t n_embd, const struct tensor *table);
/* d_table (n_vocab, n_embd) += d_x (n_tokens, n_embd) by id; ids below 0 are skipped. */
void embedding_backward(float *d_table, const int32_t *ids, const float *d_x, size_t n_tokens, size_t n_embd);

/* --- dropout.c (Srivastava et al. 2014) -------------------------------------------------------------- */

/* Share of the numbers that are dropped, below 1 (0: none), and what chooses them. */
struct dropout {
	float rate;
	uint64_t seed;
};
/* x (n), in place: the rest grows by 1 / (1 - rate). */
void dropout_forward(float *x, size_t n, struct dropout dropout);
/* d_x (n), in place: the same numbers are dropped. */
void dropout_backward(float *d_x, size_t n, struct dropout dropout);

/* --- bias.c ------------------------------------------------------------------------------------------ */

/* y (n_tokens, n) += bias (n) on every row. */
void bias_forward(float *y, const float *bias, size_t n_tokens, size_t n);
/* d_bias (n) += the rows of d_y (n_tokens, n) unless NULL; d_y is the gradient before the bias as it stands. */
void bias_backward(float *d_bias, const float *d_y, size_t n_tokens, size_t n);

/* --- rms_norm.c: y = x / sqrt(mean(x^2) + eps) * w (Zhang and Sennrich 2019) ------------------------ */

/* y (n_rows, n) from x (n_rows, n) and w (n); rstd (n_rows) is kept for backward, may be NULL. y may alias x. */
void rms_norm_forward(float *y, float *rstd, const float *x, const float *w, size_t n_rows, size_t n, float eps);
/* d_x (n_rows, n) is assigned, or accumulated when accumulate; d_w (n) += unless NULL. d_x may alias d_y when it is assigned. */
void rms_norm_backward(float *d_x, float *d_w, const float *d_y, const float *x, const float *w, const float *rstd,
                       size_t n_rows, size_t n, bool accumulate);

/* --- rope.c: rotary positions (Su et al. 2021) ------------------------------------------------------- */

/* Which numbers of a head form a pair: neighbours (Llama files), or halves (Qwen3, "NEOX"). */
enum rope_style { ROPE_NEIGHBOURS, ROPE_HALVES };
struct rope_table {
	enum rope_style style;
	size_t head_dim, n_positions;
	float *cosines, *sines; /* (n_positions, head_dim / 2), owned by whoever filled them */
};
/* Fills cosines and sines; factors (head_dim / 2) divide the frequencies (Llama 3 scaling), NULL: none. */
void rope_table_fill(struct rope_table *table, double theta, const float *factors);
/* Rotates x (n_tokens, n_heads, head_dim) in place; positions (n_tokens) below n_positions. */
void rope_forward(float *x, const int32_t *positions, size_t n_tokens, size_t n_heads, const struct rope_table *table);
/* Rotates gradients back, in place: the rotation is orthogonal. */
void rope_backward(float *d_x, const int32_t *positions, size_t n_tokens, size_t n_heads, const struct rope_table *table);

/* --- attention.c, attention_bf16.c: causal softmax attention of one sequence, grouped heads ---------------------------- */

/*
 * Query row i of n_queries sees the keys 0 .. n_keys - n_queries + i: rows
 * before the queries' own are a prefix (a cache, memory rows) and fully seen.
 */
struct attention_shape {
	size_t n_queries, n_keys, n_heads, n_kv_heads, head_dim;
};
/* Floats of scratch that forward (on pool) and backward need. */
size_t attention_scratch_size(const struct thread_pool *pool, enum precision precision, const struct attention_shape *shape);
/*
 * out, q (n_queries, n_heads, head_dim); k, v (n_keys, n_kv_heads, head_dim);
 * lse (n_queries, n_heads): log of the softmax's sum, kept for backward, may be
 * NULL. The heads are shared out among the threads of pool.
 */
void attention_forward(struct thread_pool *pool, enum precision precision, float *out, float *lse, const float *q, const float *k,
                       const float *v, const struct attention_shape *shape, float *scratch);
/*
 * What the keys get of the probabilities, summed over heads and queries; both
 * (n_keys) +=. A query's own key is the last that it sees.
 */
struct attention_received {
	float *later; /* from the queries behind the key */
	float *own;   /* from the key's own query */
};
/* attention_forward() on this thread, in fp32 to the bit, that says also what each key received, unless received is NULL. */
void attention_forward_received(enum precision precision, float *out, float *lse, const struct attention_received *received,
                                const float *q, const float *k, const float *v, const struct attention_shape *shape,
                                float *scratch);
/* d_q is assigned; d_k, d_v accumulate over all n_keys rows. */
void attention_backward(enum precision precision, float *d_q, float *d_k, float *d_v, const float *d_out, const float *out,
                        const float *lse, const float *q, const float *k, const float *v, const struct attention_shape *shape,
                        float *scratch);

/* --- linear.c: y = x W^T ------------------------------------------------------------------------------ */

/* y (n_tokens, n_out), assigned or accumulated, from x (n_tokens, n_in) and W (n_out, n_in) of any type. Accumulating needs an
 * F32 W. */
void linear_forward(struct thread_pool *pool, enum precision precision, float *y, const float *x, const struct tensor *w,
                    size_t n_tokens, bool accumulate);
/* d_x (n_tokens, n_in), assigned or accumulated, NULL: not wanted; d_w (n_out, n_in) += unless NULL. W may be of any type. */
void linear_backward(enum precision precision, float *d_x, float *d_w, const float *d_y, const float *x, const struct tensor *w,
                     size_t n_tokens, bool accumulate);

/* --- lora.c: y += scale (x A^T) B^T (Hu et al. 2021) -------------------------------------------------- */

/* A (rank, n_in), B (n_out, rank); d_a, d_b their gradients when they are trained, else NULL. a NULL: no adapter here. */
struct lora {
	float *a, *b, *d_a, *d_b;
	size_t n_in, n_out, rank;
	float scale;
};
/* low (n_tokens, rank) = scale x A^T is kept for backward. */
void lora_forward(enum precision precision, float *y, float *low, const float *x, const struct lora *lora, size_t n_tokens);
/* d_x (n_tokens, n_in) accumulates unless NULL; d_low (n_tokens, rank) is scratch. */
void lora_backward(enum precision precision, float *d_x, float *d_low, const float *d_y, const float *x, const float *low,
                   const struct lora *lora, size_t n_tokens);

/* w (n_out, n_in) += scale B A: a weight that does what it did with the LoRA beside it. */
void lora_merge(const struct lora *lora, float *w);

/* --- projections.c: linear layers of the same x, each with its LoRA --------------------------------------- */

enum { PROJECTED_TOGETHER = 3 };
struct projected {
	const struct tensor *w;  /* (n_out, n_in) */
	const struct lora *lora; /* NULL: none */
	float *y;                /* forward: (n_tokens, n_out), assigned */
	float *low;              /* with lora: (n_tokens, rank), from forward to backward */
	const float *d_y;        /* backward: (n_tokens, n_out) */
	float *d_w;              /* backward: (n_out, n_in) += unless NULL */
};
/* Floats of scratch that forward and backward of up to PROJECTED_TOGETHER projections need. */
size_t projections_scratch_size(enum precision precision, const struct projected *all, size_t n, size_t n_tokens);
void projections_forward(struct thread_pool *pool, enum precision precision, const struct projected *all, size_t n,
                         const float *x, size_t n_tokens, float *scratch);
/* d_x (n_tokens, n_in) is assigned. */
void projections_backward(enum precision precision, const struct projected *all, size_t n, float *d_x, const float *x,
                          size_t n_tokens, float *scratch);

/* --- loss_head.c, loss_head_bf16.c: logits, softmax and cross-entropy, never all logits at once --------- */

enum { LOSS_CHUNK = 128 }; /* rows of logits alive at a time, in fp32 */
/* Floats of scratch, whatever the precision. */
size_t loss_head_scratch_size(size_t n_vocab, size_t n_embd);
/*
 * Cross-entropy of x (n_rows, n_embd) against targets (n_rows) through the
 * output table w (n_vocab, n_embd): losses (n_rows) in nats; a target below 0
 * is ignored (loss 0). correct (n_rows), unless NULL: was the target the most
 * likely token?
 */
void loss_head_forward(struct thread_pool *pool, enum precision precision, float *losses, bool *correct, const float *x,
                       const struct tensor *w, const int32_t *targets, size_t n_rows, float *scratch);
/* What a reader that knows more holds likely. */
enum { SOFT_TARGETS = 20 };
struct soft_targets {
	const int32_t *ids;         /* (n_rows, SOFT_TARGETS); below 0: no more of this row, or none at all */
	const float *probabilities; /* (n_rows, SOFT_TARGETS), a row's sum is 1 */
	float share;                /* of the loss: the rest is the target's */
};
/*
 * The same, with gradients of sum_i weight_i loss_i: d_x (n_rows, n_embd) is
 * assigned, d_w (n_vocab, n_embd) += unless NULL; weights (n_rows). With soft
 * (NULL: none) the gradient is that of (1 - share) loss_i - share sum_j q_ij
 * log p_ij in the rows that have some; losses are the targets' all the same.
 */
void loss_head_backward(enum precision precision, float *losses, bool *correct, float *d_x, float *d_w, const float *x,
                        const struct tensor *w, const int32_t *targets, const float *weights, const struct soft_targets *soft,
                        size_t n_rows, float *scratch);

/* --- soft_targets.c ------------------------------------------------------------------------------------- */

/*
 * The likeliest tokens behind hidden states x (n_rows, n_embd) by the output
 * table w (n_vocab, n_embd), most likely first, their probabilities among each
 * other: ids, probabilities (n_rows, SOFT_TARGETS). scratch (LOSS_CHUNK, n_vocab).
 */
void soft_targets_find(enum precision precision, int32_t *ids, float *probabilities, const float *x, const struct tensor *w,
                       size_t n_rows, float *scratch);
/*
 * Probabilities (n) of the tokens from first on become gradients of logits in a
 * row: less 1 where its target stands, or as much less as soft says.
 */
void soft_targets_subtract(float *probabilities, const struct soft_targets *soft, size_t row, int32_t target, size_t first,
                           size_t n);

#endif
