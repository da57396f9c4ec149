/*
 * Causal softmax attention with grouped heads, computed in blocks of query
 * rows: scores of a block, softmax, weighted values. Backward computes the
 * probabilities again from the scores and the kept log-sum (Dao et al. 2022,
 * arXiv 2205.14135, section 3.1), so nothing of size n x n is ever stored.
 */
#include "ops/ops.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/matmul.h"
#include "kernels/matmul_bf16.h"
#include "ops/attention_bf16.h"

enum {
	QUERY_BLOCK = 128, /* rows of scores alive at a time */
	FEW_QUERIES = 4,   /* up to here dot products beat a matrix product */
	SHARED_WORK = 1 << 19, /* products from which on threads are worth waking */
};

static size_t scratch_of_thread(enum precision precision, const struct attention_shape *shape)
{
	size_t block = shape->n_queries < QUERY_BLOCK ? shape->n_queries : QUERY_BLOCK;
	size_t blocks = 2 * block * shape->n_keys;
	if (precision != PRECISION_BF16)
		return blocks;
	size_t tiles = attention_bf16_scratch_size(shape);
	return tiles > blocks ? tiles : blocks;
}

size_t attention_scratch_size(const struct thread_pool *pool, enum precision precision, const struct attention_shape *shape)
{
	return (size_t)thread_pool_size(pool) * scratch_of_thread(precision, shape);
}

/* Keys that query row i sees. */
static size_t n_visible(const struct attention_shape *shape, size_t i)
{
	return shape->n_keys - shape->n_queries + i + 1;
}

/* Adds a query's probabilities of the n keys that it sees, times factor, to what the keys received. */
static void receive(const struct attention_received *received, const float *row, float factor, size_t n)
{
	kernels_get()->axpy(received->later, factor, row, n - 1);
	received->own[n - 1] += factor * row[n - 1];
}

/* One head of a few queries, as when a token is generated: rows of k and v are streamed once. */
static void attend_few(float *out, float *lse, const struct attention_received *received, const float *q, const float *k,
                       const float *v, const struct attention_shape *shape, float *scores)
{
	const struct kernels *kernels = kernels_get();
	size_t head_dim = shape->head_dim;
	size_t q_stride = shape->n_heads * head_dim, kv_stride = shape->n_kv_heads * head_dim;
	float scale = 1.0f / sqrtf((float)head_dim);
	for (size_t i = 0; i < shape->n_queries; i++) {
		size_t n = n_visible(shape, i);
		for (size_t j = 0; j < n; j++)
			scores[j] = scale * kernels->dot_f32(k + j * kv_stride, q + i * q_stride, head_dim);
		float top = kernels->maximum(scores, n);
		float sum = kernels->exp_sum(scores, top, n);
		float *row = out + i * q_stride;
		memset(row, 0, head_dim * sizeof *row);
		for (size_t j = 0; j < n; j++)
			kernels->axpy(row, scores[j] / sum, v + j * kv_stride, head_dim);
		if (received != NULL)
			receive(received, scores, 1 / sum, n);
		if (lse != NULL)
			lse[i * shape->n_heads] = top + logf(sum);
	}
}

/* One head, query rows [begin, begin + n_rows). */
static void attend_block(enum precision precision, float *out, float *lse, const struct attention_received *received,
                         const float *q, const float *k, const float *v, const struct attention_shape *shape, size_t begin,
                         size_t n_rows, float *scores)
{
	const struct kernels *kernels = kernels_get();
	size_t head_dim = shape->head_dim;
	size_t q_stride = shape->n_heads * head_dim, kv_stride = shape->n_kv_heads * head_dim;
	float scale = 1.0f / sqrtf((float)head_dim);
	size_t n_keys = n_visible(shape, begin + n_rows - 1); /* of the block's last row */
	if (precision == PRECISION_BF16)
		matmul_bf16_nt(n_rows, n_keys, head_dim, q + begin * q_stride, q_stride, k, kv_stride, 0, scores, n_keys);
	else
		matmul_nt(NULL, n_rows, n_keys, head_dim, q + begin * q_stride, q_stride, k, kv_stride, 0, scores, n_keys);
	for (size_t i = 0; i < n_rows; i++) {
		float *row = scores + i * n_keys;
		size_t n = n_visible(shape, begin + i);
		kernels->scale(row, scale, n);
		float top = kernels->maximum(row, n);
		float sum = kernels->exp_sum(row, top, n);
		kernels->scale(row, 1.0f / sum, n);
		memset(row + n, 0, (n_keys - n) * sizeof *row);
		if (received != NULL)
			receive(received, row, 1, n);
		if (lse != NULL)
			lse[(begin + i) * shape->n_heads] = top + logf(sum);
	}
	if (precision == PRECISION_BF16)
		matmul_bf16_nn(n_rows, head_dim, n_keys, scores, n_keys, v, kv_stride, 0, out + begin * q_stride, q_stride);
	else
		matmul_nn(NULL, n_rows, head_dim, n_keys, scores, n_keys, v, kv_stride, 0, out + begin * q_stride, q_stride);
}

/* The heads that share the key/value heads kv_begin .. kv_end - 1. */
static void attend_heads(enum precision precision, float *out, float *lse, const struct attention_received *received,
                         const float *q, const float *k, const float *v, const struct attention_shape *shape, size_t kv_begin,
                         size_t kv_end, float *scores)
{
	size_t group = shape->n_heads / shape->n_kv_heads;
	for (size_t h = kv_begin * group; h < kv_end * group; h++) {
		size_t q_offset = h * shape->head_dim, kv_offset = h / group * shape->head_dim;
		float *head_lse = lse == NULL ? NULL : lse + h;
		if (shape->n_queries <= FEW_QUERIES) {
			attend_few(out + q_offset, head_lse, received, q + q_offset, k + kv_offset, v + kv_offset, shape, scores);
			continue;
		}
		for (size_t begin = 0; begin < shape->n_queries; begin += QUERY_BLOCK) {
			size_t left = shape->n_queries - begin;
			attend_block(precision, out + q_offset, head_lse, received, q + q_offset, k + kv_offset, v + kv_offset,
			             shape, begin, left < QUERY_BLOCK ? left : QUERY_BLOCK, scores);
		}
	}
}

void attention_forward_received(enum precision precision, float *out, float *lse, const struct attention_received *received,
                                const float *q, const float *k, const float *v, const struct attention_shape *shape,
                                float *scratch)
{
	attend_heads(precision, out, lse, received, q, k, v, shape, 0, shape->n_kv_heads, scratch);
}

/* What the threads share of a forward pass. */
struct forward_job {
	enum precision precision;
	float *out, *lse;
	const float *q, *k, *v;
	const struct attention_shape *shape;
	float *scratch; /* (threads, scratch_size) */
	size_t scratch_size;
};

static void forward_part(void *user, size_t kv_begin, size_t kv_end, int thread)
{
	const struct forward_job *job = user;
	float *scratch = job->scratch + (size_t)thread * job->scratch_size;
	if (job->precision == PRECISION_BF16)
		attention_bf16_forward(job->out, job->lse, job->q, job->k, job->v, job->shape, kv_begin, kv_end, scratch);
	else
		attend_heads(PRECISION_F32, job->out, job->lse, NULL, job->q, job->k, job->v, job->shape, kv_begin, kv_end,
		             scratch);
}

void attention_forward(struct thread_pool *pool, enum precision precision, float *out, float *lse, const float *q, const float *k,
                       const float *v, const struct attention_shape *shape, float *scratch)
{
	bool tiles = precision == PRECISION_BF16 && shape->n_queries > FEW_QUERIES && matmul_bf16_available();
	bool shared = shape->n_queries * shape->n_keys * shape->n_heads * shape->head_dim >= SHARED_WORK;
	struct forward_job job = {tiles ? PRECISION_BF16 : PRECISION_F32, out, lse, q, k, v, shape, scratch,
	                          scratch_of_thread(precision, shape)};
	thread_pool_run(shared ? pool : NULL, shape->n_kv_heads, 1, forward_part, &job);
}

/* One head, query rows [begin, begin + n_rows). With P the probabilities and D_i = d_out_i . out_i: d_s = P (d_out v^T - D). */
static void attend_block_backward(float *d_q, float *d_k, float *d_v, const float *d_out, const float *out, const float *lse,
                                  const float *q, const float *k, const float *v, const struct attention_shape *shape,
                                  size_t begin, size_t n_rows, float *scratch)
{
	const struct kernels *kernels = kernels_get();
	size_t head_dim = shape->head_dim;
	size_t q_stride = shape->n_heads * head_dim, kv_stride = shape->n_kv_heads * head_dim;
	float scale = 1.0f / sqrtf((float)head_dim);
	size_t n_keys = n_visible(shape, begin + n_rows - 1);
	float *p = scratch, *d_s = scratch + n_rows * n_keys;
	q += begin * q_stride;
	out += begin * q_stride;
	d_out += begin * q_stride;
	matmul_nt(NULL, n_rows, n_keys, head_dim, q, q_stride, k, kv_stride, 0, p, n_keys);
	matmul_nt(NULL, n_rows, n_keys, head_dim, d_out, q_stride, v, kv_stride, 0, d_s, n_keys);
	for (size_t i = 0; i < n_rows; i++) {
		float *p_row = p + i * n_keys, *d_row = d_s + i * n_keys;
		size_t n = n_visible(shape, begin + i);
		kernels->scale(p_row, scale, n);
		kernels->exp_sum(p_row, lse[(begin + i) * shape->n_heads], n);
		float delta = kernels->dot_f32(d_out + i * q_stride, out + i * q_stride, head_dim);
		for (size_t j = 0; j < n; j++)
			d_row[j] = p_row[j] * (d_row[j] - delta) * scale;
		memset(p_row + n, 0, (n_keys - n) * sizeof *p_row);
		memset(d_row + n, 0, (n_keys - n) * sizeof *d_row);
	}
	matmul_tn(NULL, n_keys, head_dim, n_rows, p, n_keys, d_out, q_stride, 1, d_v, kv_stride);
	matmul_tn(NULL, n_keys, head_dim, n_rows, d_s, n_keys, q, q_stride, 1, d_k, kv_stride);
	matmul_nn(NULL, n_rows, head_dim, n_keys, d_s, n_keys, k, kv_stride, 0, d_q + begin * q_stride, q_stride);
}

void attention_backward(enum precision precision, float *d_q, float *d_k, float *d_v, const float *d_out, const float *out,
                        const float *lse, const float *q, const float *k, const float *v, const struct attention_shape *shape,
                        float *scratch)
{
	if (precision == PRECISION_BF16 && shape->n_queries > FEW_QUERIES && matmul_bf16_available()) {
		attention_bf16_backward(d_q, d_k, d_v, d_out, out, lse, q, k, v, shape, scratch);
		return;
	}
	size_t group = shape->n_heads / shape->n_kv_heads;
	for (size_t h = 0; h < shape->n_heads; h++) {
		size_t q_offset = h * shape->head_dim, kv_offset = h / group * shape->head_dim;
		for (size_t begin = 0; begin < shape->n_queries; begin += QUERY_BLOCK) {
			size_t left = shape->n_queries - begin;
			attend_block_backward(d_q + q_offset, d_k + kv_offset, d_v + kv_offset, d_out + q_offset, out + q_offset,
			                      lse + h, q + q_offset, k + kv_offset, v + kv_offset, shape, begin,
			                      left < QUERY_BLOCK ? left : QUERY_BLOCK, scratch);
		}
	}
}
