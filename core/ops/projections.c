/*
 * Several linear layers of the same x, each with its low-rank adapter (Hu et
 * al. 2021, arXiv 2106.09685).
 *
 * On bf16 tiles an adapter is added to its weight before the product: y = x
 * (W + s B A)^T costs no more than y = x W^T, and both its gradients follow
 * from that of the sum, dW: dA = s B^T dW, dB = s dW A^T. Of the tokens a
 * block at a time is brought into tiles, once for all products that need it.
 * Weights that are packed in their file are unpacked one by one on the way.
 */
#include "ops/ops.h"

#include <string.h>

#include "kernels/kernels.h"
#include "ops/tile_memory.h"

enum { TOKEN_BLOCK = 512 }; /* tokens whose tiles stand in the second-level cache together */

static bool suits_tiles(enum precision precision, size_t n)
{
	return precision == PRECISION_BF16 && n <= PROJECTED_TOGETHER && matmul_bf16_available();
}

/* What stands in scratch on the way through tiles. */
struct tile_buffers {
	struct tiles w[PROJECTED_TOGETHER];
	struct tiles x, d_y, d_y_turned; /* of a block; x as forward or as backward wants it */
	float *merged, *d_merged; /* a weight unpacked or with its adapter, (n_out, n_in) of the largest; and its gradient */
	float *scaled;                   /* (n_out, rank) of the largest */
};

static size_t lay_out(struct tile_buffers *b, float *base, const struct projected *all, size_t n)
{
	size_t used = 0, n_in = all[0].w->ne[0], widest = 0, rank = 0;
	bool packed = false;
	for (size_t i = 0; i < n; i++) {
		size_t n_out = all[i].w->ne[1];
		/* Room for both ways round: forward's k is n_in, backward's n_out. */
		b->w[i] = tile_memory_take_tiles(base, &used, (n_out + 31) / 32 * 32, (n_in + 31) / 32 * 32);
		widest = n_out > widest ? n_out : widest;
		packed = packed || all[i].w->type != TENSOR_F32;
		rank = all[i].lora != NULL && all[i].lora->rank > rank ? all[i].lora->rank : rank;
	}
	b->x = tile_memory_take_tiles(base, &used, TOKEN_BLOCK, n_in);
	b->d_y = tile_memory_take_tiles(base, &used, TOKEN_BLOCK, widest);
	b->d_y_turned = tile_memory_take_tiles(base, &used, widest, TOKEN_BLOCK);
	b->merged = tile_memory_take(base, &used, rank > 0 || packed ? (widest > rank ? widest : rank) * n_in : 0);
	b->d_merged = tile_memory_take(base, &used, rank > 0 ? n * widest * n_in : 0);
	b->scaled = tile_memory_take(base, &used, rank > 0 ? widest * rank : 0);
	return used;
}

static void lay_out_aligned(struct tile_buffers *b, float *scratch, const struct projected *all, size_t n)
{
	lay_out(b, tile_memory_begin(scratch), all, n);
}

size_t projections_scratch_size(enum precision precision, const struct projected *all, size_t n, size_t n_tokens)
{
	struct tile_buffers b;
	size_t most = 0;
	if (suits_tiles(precision, n))
		return lay_out(&b, NULL, all, n) + TILE_MEMORY_SLACK;
	for (size_t i = 0; i < n; i++) {
		size_t needed = all[i].lora == NULL ? 0 : n_tokens * all[i].lora->rank;
		most = needed > most ? needed : most;
	}
	return most;
}

/* Rows [begin, end) of the weight that x is multiplied with: of W, or of W + s B A in memory of b. */
static const float *effective_rows(const struct tile_buffers *b, const struct projected *p, size_t begin, size_t end)
{
	const struct lora *lora = p->lora;
	size_t n_in = p->w->ne[0], n = end - begin;
	float *merged = b->merged + begin * n_in;
	if (lora == NULL && p->w->type == TENSOR_F32)
		return (const float *)p->w->data + begin * n_in;
	kernels_unpack(merged, p->w->type, p->w->data, begin * n_in, n * n_in);
	if (lora == NULL)
		return merged;
	float *scaled = b->scaled + begin * lora->rank;
	memcpy(scaled, lora->b + begin * lora->rank, n * lora->rank * sizeof(float));
	kernels_get()->scale(scaled, lora->scale, n * lora->rank);
	matmul_bf16_nn(n, n_in, lora->rank, scaled, lora->rank, lora->a, n_in, 1, merged, n_in);
	return merged;
}

/* One projection on its way through tiles; its columns may be shared out. */
struct forward_part {
	const struct tile_buffers *b;
	const struct projected *p;
	struct tiles w;
	size_t first, n_rows; /* tokens whose tiles stand in b->x */
};

static void pack_columns(void *user, size_t begin, size_t end, int thread)
{
	(void)thread;
	const struct forward_part *part = user;
	size_t n_in = part->p->w->ne[0];
	struct bf16_operand rows = {effective_rows(part->b, part->p, begin, end), n_in, true};
	tiles_pack(&part->w, TILES_B, begin, 0, &rows, end - begin, n_in);
}

static void multiply_columns(void *user, size_t begin, size_t end, int thread)
{
	(void)thread;
	const struct forward_part *part = user;
	size_t n_in = part->p->w->ne[0], n_out = part->p->w->ne[1];
	tiles_multiply(&(struct tiles_product){.m = part->n_rows, .n = end - begin, .k = n_in, .a = part->b->x, .b = part->w,
	                                       .b_line = begin, .c = part->p->y + part->first * n_out + begin, .ldc = n_out});
}

static void forward_tiles(struct thread_pool *pool, const struct projected *all, size_t n, const float *x, size_t n_tokens,
                          float *scratch)
{
	size_t n_in = all[0].w->ne[0];
	struct tile_buffers b;
	lay_out_aligned(&b, scratch, all, n);
	for (size_t i = 0; i < n; i++) {
		struct forward_part part = {.b = &b, .p = &all[i], .w = tiles_at(b.w[i].data, n_in)};
		thread_pool_run(pool, all[i].w->ne[1], TILES_STEP, pack_columns, &part);
	}
	for (size_t first = 0; first < n_tokens; first += TOKEN_BLOCK) {
		size_t n_rows = n_tokens - first < TOKEN_BLOCK ? n_tokens - first : TOKEN_BLOCK;
		struct bf16_operand rows = {x + first * n_in, n_in, true};
		tiles_pack(&b.x, TILES_A, 0, 0, &rows, n_rows, n_in);
		for (size_t i = 0; i < n; i++) {
			struct forward_part part = {&b, &all[i], tiles_at(b.w[i].data, n_in), first, n_rows};
			thread_pool_run(pool, all[i].w->ne[1], TILES_STEP, multiply_columns, &part);
		}
	}
}

void projections_forward(struct thread_pool *pool, enum precision precision, const struct projected *all, size_t n,
                         const float *x, size_t n_tokens, float *scratch)
{
	if (suits_tiles(precision, n)) {
		forward_tiles(pool, all, n, x, n_tokens, scratch);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		linear_forward(pool, precision, all[i].y, x, all[i].w, n_tokens, false);
		if (all[i].lora != NULL)
			lora_forward(precision, all[i].y, all[i].low, x, all[i].lora, n_tokens);
	}
}

/* Columns of the weights as lines of B, k along n_out: what backward multiplies with. */
static void pack_turned_weights(struct tile_buffers *b, const struct projected *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t n_in = all[i].w->ne[0], n_out = all[i].w->ne[1];
		struct bf16_operand w = {effective_rows(b, &all[i], 0, n_out), n_in, false};
		b->w[i] = tiles_at(b->w[i].data, n_out);
		tiles_pack(&b->w[i], TILES_B, 0, 0, &w, n_in, n_out);
	}
}

/* Where the gradient of an effective weight is summed: with an adapter beside the weight's own, from zero. */
static float *gradient_target(const struct tile_buffers *b, const struct projected *all, size_t i)
{
	const struct lora *lora = all[i].lora;
	if (lora == NULL || (lora->d_a == NULL && lora->d_b == NULL))
		return all[i].d_w;
	size_t offset = 0;
	for (size_t j = 0; j < i; j++)
		offset += all[j].w->ne[0] * all[j].w->ne[1];
	return b->d_merged + offset;
}

/* The gradient of the effective weight goes to the weight and to its adapter. */
static void share_gradient(const struct tile_buffers *b, const struct projected *p, const float *d_merged)
{
	const struct lora *lora = p->lora;
	size_t n_in = lora->n_in, n_out = lora->n_out, rank = lora->rank;
	if (p->d_w != NULL)
		kernels_get()->add(p->d_w, d_merged, n_out * n_in);
	memcpy(b->scaled, lora->b, n_out * rank * sizeof(float));
	kernels_get()->scale(b->scaled, lora->scale, n_out * rank);
	if (lora->d_a != NULL)
		matmul_bf16_tn(rank, n_in, n_out, b->scaled, rank, d_merged, n_in, 1, lora->d_a, n_in);
	if (lora->d_b == NULL)
		return;
	/* A takes the scale in the place of what was merged, which is in tiles by now. */
	memcpy(b->merged, lora->a, rank * n_in * sizeof(float));
	kernels_get()->scale(b->merged, lora->scale, rank * n_in);
	matmul_bf16_nt(n_out, rank, n_in, d_merged, n_in, b->merged, n_in, 1, lora->d_b, rank);
}

/* One block of tokens of one projection: adds to d_x or assigns it, adds to the gradient of the weight. */
static void backward_block(const struct tile_buffers *b, const struct projected *p, const struct tiles *w, const float *d_y,
                           size_t n_rows, float *d_x, bool accumulate, float *d_w, bool accumulate_w)
{
	size_t n_in = p->w->ne[0], n_out = p->w->ne[1];
	struct bf16_operand along = {d_y, n_out, true}, across = {d_y, n_out, false};
	struct tiles rows = tiles_at(b->d_y.data, n_out);
	tiles_pack(&rows, TILES_A, 0, 0, &along, n_rows, n_out);
	tiles_multiply(&(struct tiles_product){.m = n_rows, .n = n_in, .k = n_out, .a = rows, .b = *w, .accumulate = accumulate,
	                                       .c = d_x, .ldc = n_in});
	if (d_w != NULL) {
		tiles_pack(&b->d_y_turned, TILES_A, 0, 0, &across, n_out, n_rows);
		tiles_multiply(&(struct tiles_product){.m = n_out, .n = n_in, .k = n_rows, .a = b->d_y_turned, .b = b->x,
		                                       .accumulate = accumulate_w, .c = d_w, .ldc = n_in});
	}
}

static void backward_tiles(const struct projected *all, size_t n, float *d_x, const float *x, size_t n_tokens, float *scratch)
{
	size_t n_in = all[0].w->ne[0];
	struct tile_buffers b;
	lay_out_aligned(&b, scratch, all, n);
	pack_turned_weights(&b, all, n);
	b.x = tiles_at(b.x.data, TOKEN_BLOCK);
	for (size_t first = 0; first < n_tokens; first += TOKEN_BLOCK) {
		size_t n_rows = n_tokens - first < TOKEN_BLOCK ? n_tokens - first : TOKEN_BLOCK;
		struct bf16_operand across = {x + first * n_in, n_in, false};
		tiles_pack(&b.x, TILES_B, 0, 0, &across, n_in, n_rows);
		for (size_t i = 0; i < n; i++) {
			float *d_w = gradient_target(&b, all, i);
			backward_block(&b, &all[i], &b.w[i], all[i].d_y + first * all[i].w->ne[1], n_rows,
			               d_x + first * n_in, i > 0, d_w, d_w == all[i].d_w || first > 0);
		}
	}
	for (size_t i = 0; i < n; i++) {
		float *d_w = gradient_target(&b, all, i);
		if (d_w != all[i].d_w)
			share_gradient(&b, &all[i], d_w);
	}
}

void projections_backward(enum precision precision, const struct projected *all, size_t n, float *d_x, const float *x,
                          size_t n_tokens, float *scratch)
{
	if (suits_tiles(precision, n) && n_tokens > 0) {
		backward_tiles(all, n, d_x, x, n_tokens, scratch);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		linear_backward(precision, d_x, all[i].d_w, all[i].d_y, x, all[i].w, n_tokens, i > 0);
		if (all[i].lora != NULL)
			lora_backward(precision, d_x, scratch, all[i].d_y, x, all[i].low, all[i].lora, n_tokens);
	}
}
