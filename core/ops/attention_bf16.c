/*
 * Causal softmax attention on bf16 tiles: as in attention.c, but keys and
 * values of a head are brought into tiles once and serve all its queries, and
 * a block of scores is small enough for the second-level cache. Probabilities
 * and their gradients are rounded to bf16 too, sums are fp32.
 *
 * Of a head with queries Q, keys K, values V (one row each) and probabilities
 * P: S = Q K^T, out = P V; backward dP = dO V^T, dS = P (dP - D), dV = P^T dO,
 * dQ = dS K, dK = dS^T Q. The scale goes into Q.
 */
#include "ops/attention_bf16.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "ops/tile_memory.h"

enum { QUERY_BLOCK = 64 }; /* rows of scores alive at a time */

struct head_buffers {
	struct tiles k, k_turned, v, v_turned; /* lines are keys, k runs over the head; turned: the reverse */
	struct tiles q, q_turned, d_out, d_out_turned;
	struct tiles p, p_turned;              /* probabilities, later their gradients; k: keys; k: queries */
	float *block;                          /* (QUERY_BLOCK, head_dim) */
	float *scores, *d_scores;              /* (QUERY_BLOCK, stride) */
	size_t stride;
};

static size_t lay_out(struct head_buffers *b, float *base, const struct attention_shape *shape)
{
	size_t used = 0, n_keys = shape->n_keys, head_dim = shape->head_dim;
	b->k = tile_memory_take_tiles(base, &used, n_keys, head_dim);
	b->k_turned = tile_memory_take_tiles(base, &used, head_dim, n_keys);
	b->v = tile_memory_take_tiles(base, &used, n_keys, head_dim);
	b->v_turned = tile_memory_take_tiles(base, &used, head_dim, n_keys);
	b->q = tile_memory_take_tiles(base, &used, QUERY_BLOCK, head_dim);
	b->q_turned = tile_memory_take_tiles(base, &used, head_dim, QUERY_BLOCK);
	b->d_out = tile_memory_take_tiles(base, &used, QUERY_BLOCK, head_dim);
	b->d_out_turned = tile_memory_take_tiles(base, &used, head_dim, QUERY_BLOCK);
	b->p = tile_memory_take_tiles(base, &used, QUERY_BLOCK, n_keys);
	b->p_turned = tile_memory_take_tiles(base, &used, n_keys, QUERY_BLOCK);
	b->block = tile_memory_take(base, &used, QUERY_BLOCK * head_dim);
	b->stride = (n_keys + 31) / 32 * 32 + 16; /* an odd number of cache lines: rows do not fall on the same ones */
	b->scores = tile_memory_take(base, &used, QUERY_BLOCK * b->stride);
	b->d_scores = tile_memory_take(base, &used, QUERY_BLOCK * b->stride);
	return used;
}

size_t attention_bf16_scratch_size(const struct attention_shape *shape)
{
	struct head_buffers b;
	return lay_out(&b, NULL, shape) + TILE_MEMORY_SLACK;
}

static void lay_out_aligned(struct head_buffers *b, float *scratch, const struct attention_shape *shape)
{
	lay_out(b, tile_memory_begin(scratch), shape);
}

/* n rows into tiles: the rows as lines, their numbers along k. */
static void pack_rows(const struct tiles *to, enum tiles_side side, const float *rows, size_t stride, size_t n, size_t width)
{
	tiles_pack(to, side, 0, 0, &(struct bf16_operand){rows, stride, true}, n, width);
}

/* The reverse: their numbers as lines, the rows along k. */
static void pack_turned(const struct tiles *to, enum tiles_side side, const float *rows, size_t stride, size_t n, size_t width)
{
	tiles_pack(to, side, 0, 0, &(struct bf16_operand){rows, stride, false}, width, n);
}

/* C (m, n) = A B^T, added to C or assigned. */
static void multiply(size_t m, size_t n, size_t k, const struct tiles *a, const struct tiles *b, bool accumulate, float *c,
                     size_t ldc)
{
	tiles_multiply(
		&(struct tiles_product){.m = m, .n = n, .k = k, .a = *a, .b = *b, .accumulate = accumulate, .c = c, .ldc = ldc});
}

/* One head of one block of queries. */
struct query_block {
	const struct attention_shape *shape;
	size_t begin, n_rows, n_keys;  /* keys that its last row sees */
	size_t q_stride, kv_stride;
	float scale;
};

static struct query_block block_at(const struct attention_shape *shape, size_t begin)
{
	size_t left = shape->n_queries - begin, n_rows = left < QUERY_BLOCK ? left : QUERY_BLOCK;
	return (struct query_block){
		.shape = shape,
		.begin = begin,
		.n_rows = n_rows,
		.n_keys = shape->n_keys - shape->n_queries + begin + n_rows,
		.q_stride = shape->n_heads * shape->head_dim,
		.kv_stride = shape->n_kv_heads * shape->head_dim,
		.scale = 1.0f / sqrtf((float)shape->head_dim),
	};
}

/*
 * Whole steps of tiles: the products of scores run over the edge, into the padding of their buffers, where operands are
 * padded with zeros. An edge inside costs a detour.
 */
static size_t padded(size_t n)
{
	return (n + TILES_STEP - 1) / TILES_STEP * TILES_STEP;
}

/* Keys that row i of the block sees. */
static size_t n_visible(const struct query_block *block, size_t i)
{
	return block->n_keys - block->n_rows + i + 1;
}

/* Scores of the block, scaled. q: the head's first query. Leaves the scaled queries in b->block. */
static void find_scores(struct head_buffers *b, const struct query_block *block, const float *q)
{
	size_t head_dim = block->shape->head_dim;
	for (size_t i = 0; i < block->n_rows; i++) {
		float *row = b->block + i * head_dim;
		memcpy(row, q + (block->begin + i) * block->q_stride, head_dim * sizeof *row);
		kernels_get()->scale(row, block->scale, head_dim);
	}
	pack_rows(&b->q, TILES_A, b->block, head_dim, block->n_rows, head_dim);
	multiply(padded(block->n_rows), padded(block->n_keys), head_dim, &b->q, &b->k, false, b->scores, b->stride);
}

static void attend_block(struct head_buffers *b, const struct query_block *block, float *out, float *lse, const float *q)
{
	const struct kernels *kernels = kernels_get();
	size_t head_dim = block->shape->head_dim;
	float sums[QUERY_BLOCK];
	find_scores(b, block, q);
	for (size_t i = 0; i < block->n_rows; i++) {
		float *row = b->scores + i * b->stride;
		size_t n = n_visible(block, i);
		float top = kernels->maximum(row, n);
		sums[i] = kernels->exp_sum(row, top, n);
		memset(row + n, 0, (block->n_keys - n) * sizeof *row);
		if (lse != NULL)
			lse[(block->begin + i) * block->shape->n_heads] = top + logf(sums[i]);
	}
	pack_rows(&b->p, TILES_A, b->scores, b->stride, block->n_rows, block->n_keys);
	out += block->begin * block->q_stride;
	multiply(block->n_rows, head_dim, block->n_keys, &b->p, &b->v_turned, false, out, block->q_stride);
	for (size_t i = 0; i < block->n_rows; i++)
		kernels->scale(out + i * block->q_stride, 1.0f / sums[i], head_dim);
}

void attention_bf16_forward(float *out, float *lse, const float *q, const float *k, const float *v,
                            const struct attention_shape *shape, size_t kv_begin, size_t kv_end, float *scratch)
{
	size_t group = shape->n_heads / shape->n_kv_heads, head_dim = shape->head_dim, kv_stride = shape->n_kv_heads * head_dim;
	struct head_buffers b;
	lay_out_aligned(&b, scratch, shape);
	for (size_t h = kv_begin * group; h < kv_end * group; h++) {
		size_t kv_offset = h / group * head_dim;
		if (h % group == 0) {
			pack_rows(&b.k, TILES_B, k + kv_offset, kv_stride, shape->n_keys, head_dim);
			pack_turned(&b.v_turned, TILES_B, v + kv_offset, kv_stride, shape->n_keys, head_dim);
		}
		for (size_t begin = 0; begin < shape->n_queries; begin += QUERY_BLOCK) {
			struct query_block block = block_at(shape, begin);
			attend_block(&b, &block, out + h * head_dim, lse == NULL ? NULL : lse + h, q + h * head_dim);
		}
	}
}

/* The probabilities in b->scores and dP in b->d_scores become dS in place; D_i = d_out_i . out_i. */
static void find_d_scores(struct head_buffers *b, const struct query_block *block, const float *d_out, const float *out,
                          const float *lse)
{
	const struct kernels *kernels = kernels_get();
	for (size_t i = 0; i < block->n_rows; i++) {
		float *p = b->scores + i * b->stride, *d = b->d_scores + i * b->stride;
		size_t n = n_visible(block, i);
		float delta = kernels->dot_f32(d_out + i * block->q_stride, out + i * block->q_stride, block->shape->head_dim);
		kernels->exp_sum(p, lse[(block->begin + i) * block->shape->n_heads], n);
		kernels->multiply_shifted(d, p, delta, n);
		memset(p + n, 0, (block->n_keys - n) * sizeof *p);
		memset(d + n, 0, (block->n_keys - n) * sizeof *d);
	}
}

/* d_q, d_k, d_v and the others: of the head's first row. */
static void attend_block_backward(struct head_buffers *b, const struct query_block *block, float *d_q, float *d_k, float *d_v,
                                  const float *d_out, const float *out, const float *lse, const float *q)
{
	size_t head_dim = block->shape->head_dim, n = block->n_rows, n_keys = block->n_keys,
	       first = block->begin * block->q_stride;
	find_scores(b, block, q);
	pack_turned(&b->q_turned, TILES_B, b->block, head_dim, n, head_dim);
	pack_rows(&b->d_out, TILES_A, d_out + first, block->q_stride, n, head_dim);
	pack_turned(&b->d_out_turned, TILES_B, d_out + first, block->q_stride, n, head_dim);
	multiply(padded(n), padded(n_keys), head_dim, &b->d_out, &b->v, false, b->d_scores, b->stride);
	find_d_scores(b, block, d_out + first, out + first, lse);
	pack_turned(&b->p_turned, TILES_A, b->scores, b->stride, n, n_keys);
	multiply(n_keys, head_dim, n, &b->p_turned, &b->d_out_turned, true, d_v, block->kv_stride);
	pack_turned(&b->p_turned, TILES_A, b->d_scores, b->stride, n, n_keys);
	multiply(n_keys, head_dim, n, &b->p_turned, &b->q_turned, true, d_k, block->kv_stride);
	pack_rows(&b->p, TILES_A, b->d_scores, b->stride, n, n_keys);
	multiply(n, head_dim, n_keys, &b->p, &b->k_turned, false, d_q + first, block->q_stride);
	for (size_t i = 0; i < n; i++)
		kernels_get()->scale(d_q + first + i * block->q_stride, block->scale, head_dim);
}

void attention_bf16_backward(float *d_q, float *d_k, float *d_v, const float *d_out, const float *out, const float *lse,
                             const float *q, const float *k, const float *v, const struct attention_shape *shape, float *scratch)
{
	size_t group = shape->n_heads / shape->n_kv_heads, head_dim = shape->head_dim, kv_stride = shape->n_kv_heads * head_dim;
	struct head_buffers b;
	lay_out_aligned(&b, scratch, shape);
	for (size_t h = 0; h < shape->n_heads; h++) {
		size_t of_q = h * head_dim, of_kv = h / group * head_dim;
		if (h % group == 0) {
			pack_rows(&b.k, TILES_B, k + of_kv, kv_stride, shape->n_keys, head_dim);
			pack_turned(&b.k_turned, TILES_B, k + of_kv, kv_stride, shape->n_keys, head_dim);
			pack_rows(&b.v, TILES_B, v + of_kv, kv_stride, shape->n_keys, head_dim);
		}
		for (size_t begin = 0; begin < shape->n_queries; begin += QUERY_BLOCK) {
			struct query_block block = block_at(shape, begin);
			attend_block_backward(&b, &block, d_q + of_q, d_k + of_kv, d_v + of_kv, d_out + of_q, out + of_q, lse + h,
			                      q + of_q);
		}
	}
}
