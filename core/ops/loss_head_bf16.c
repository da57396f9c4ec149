/*
 * The loss head on bf16 tiles. Two passes over the output table: the first
 * finds each row's largest logit and sum of exponentials (online softmax,
 * Milakov and Gimelshein 2018, arXiv 1805.02867), the second computes the
 * logits once more and turns them into gradients where they stand. Computing
 * twice costs less than writing all logits to memory and reading them again.
 *
 * The table is walked in blocks whose tiles stay in the second-level cache,
 * the rows in blocks within them; d_w of a block stays there too.
 */
#include "ops/loss_head_bf16.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "ops/tile_memory.h"

enum {
	PART_ROWS = 2048,  /* rows whose x is held in tiles */
	VOCAB_BLOCK = 512, /* rows of the table at a time */
	ROW_BLOCK = 256,   /* rows of x whose gradients of logits stand in tiles together */
	LOGIT_ROWS = 32,   /* rows of logits alive at a time */
	LOGIT_STRIDE = VOCAB_BLOCK + 16, /* not a multiple of a page: rows would fall on the same lines of the cache */
};

/* What stands in scratch, for one part of the rows. */
struct head_buffers {
	struct tiles x, x_turned; /* k: n_embd; k: rows */
	struct tiles w, w_turned; /* a block of the table; k: n_embd; k: vocabulary */
	struct tiles d, d_turned; /* gradients of a block of logits; k: vocabulary; k: rows */
	float *rows;              /* (VOCAB_BLOCK, n_embd) of a packed table */
	float *logits;            /* (LOGIT_ROWS, VOCAB_BLOCK) */
	float *gathered;          /* (TILES_STEP, n_embd) */
	float *top, *sum, *chosen; /* (PART_ROWS) */
	size_t *index;            /* (PART_ROWS): row of x */
	size_t n;                 /* rows of the part that have a target */
};

bool loss_head_bf16_suits(enum precision precision)
{
	return precision == PRECISION_BF16 && matmul_bf16_available();
}

/* Hands out all buffers from base; returns the floats needed. */
static size_t lay_out(struct head_buffers *b, float *base, size_t n_embd)
{
	size_t used = 0;
	b->x = tile_memory_take_tiles(base, &used, PART_ROWS, n_embd);
	b->x_turned = tile_memory_take_tiles(base, &used, n_embd, PART_ROWS);
	b->w = tile_memory_take_tiles(base, &used, VOCAB_BLOCK, n_embd);
	b->w_turned = tile_memory_take_tiles(base, &used, n_embd, VOCAB_BLOCK);
	b->d = tile_memory_take_tiles(base, &used, ROW_BLOCK, VOCAB_BLOCK);
	b->d_turned = tile_memory_take_tiles(base, &used, VOCAB_BLOCK, ROW_BLOCK);
	b->rows = tile_memory_take(base, &used, VOCAB_BLOCK * n_embd);
	b->logits = tile_memory_take(base, &used, LOGIT_ROWS * LOGIT_STRIDE);
	b->gathered = tile_memory_take(base, &used, TILES_STEP * n_embd);
	b->top = tile_memory_take(base, &used, PART_ROWS);
	b->sum = tile_memory_take(base, &used, PART_ROWS);
	b->chosen = tile_memory_take(base, &used, PART_ROWS);
	b->index = (size_t *)(void *)tile_memory_take(base, &used, PART_ROWS * sizeof(size_t) / sizeof(float));
	return used;
}

size_t loss_head_bf16_scratch_size(size_t n_embd)
{
	struct head_buffers b;
	return lay_out(&b, NULL, n_embd) + TILE_MEMORY_SLACK;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Brings rows that have a target into tiles, from row `begin` on until a part is full. Returns where the next part begins. */
static size_t gather_part(struct head_buffers *b, const struct loss_head_pass *pass, size_t begin)
{
	size_t n_embd = pass->w->ne[0], row = begin;
	b->n = 0;
	while (row < pass->n_rows && b->n < PART_ROWS) {
		size_t n = 0;
		for (; row < pass->n_rows && n < TILES_STEP; row++) {
			if (pass->targets[row] < 0)
				continue;
			memcpy(b->gathered + n * n_embd, pass->x + row * n_embd, n_embd * sizeof *b->gathered);
			b->index[b->n + n++] = row;
		}
		struct bf16_operand along = {b->gathered, n_embd, true}, across = {b->gathered, n_embd, false};
		tiles_pack(&b->x, TILES_A, b->n, 0, &along, n, n_embd);
		if (pass->d_x != NULL)
			tiles_pack(&b->x_turned, TILES_B, 0, b->n, &across, n_embd, n);
		b->n += n;
	}
	return row;
}

/* Logits of up to LOGIT_ROWS rows of the part against n_vocab rows of the table, which stand in tiles. */
static void multiply_logits(struct head_buffers *b, size_t row, size_t n_rows, size_t n_vocab, size_t n_embd)
{
	tiles_multiply(&(struct tiles_product){.m = n_rows, .n = n_vocab, .k = n_embd, .a = b->x, .b = b->w, .a_line = row,
	                                       .c = b->logits, .ldc = LOGIT_STRIDE});
}

/* Brings n_vocab rows of the table into tiles; returns them as they went in. */
static const float *pack_table(struct head_buffers *b, const struct tensor *w, size_t vocab, size_t n_vocab)
{
	size_t n_embd = w->ne[0];
	const float *data = b->rows;
	if (w->type == TENSOR_F32)
		data = (const float *)w->data + vocab * n_embd;
	else
		kernels_unpack(b->rows, w->type, w->data, vocab * n_embd, n_vocab * n_embd);
	struct bf16_operand rows = {data, n_embd, true};
	tiles_pack(&b->w, TILES_B, 0, 0, &rows, n_vocab, n_embd);
	return data;
}

/* A row's logits of one block into its running maximum and sum. */
static void add_logits(struct head_buffers *b, size_t row, float *logits, size_t n_vocab)
{
	const struct kernels *kernels = kernels_get();
	float top = fmaxf(b->top[row], kernels->maximum(logits, n_vocab));
	b->sum[row] = b->sum[row] * expf(b->top[row] - top) + kernels->exp_sum(logits, top, n_vocab);
	b->top[row] = top;
}

static void find_sums(struct head_buffers *b, const struct loss_head_pass *pass)
{
	size_t n_vocab = pass->w->ne[1];
	for (size_t row = 0; row < b->n; row++) {
		b->top[row] = -INFINITY;
		b->sum[row] = 0;
	}
	for (size_t vocab = 0; vocab < n_vocab; vocab += VOCAB_BLOCK) {
		size_t n_block = smaller(n_vocab - vocab, VOCAB_BLOCK);
		pack_table(b, pass->w, vocab, n_block);
		for (size_t row = 0; row < b->n; row += LOGIT_ROWS) {
			size_t n = smaller(b->n - row, LOGIT_ROWS);
			multiply_logits(b, row, n, n_block, pass->w->ne[0]);
			for (size_t i = 0; i < n; i++) {
				float *logits = b->logits + i * LOGIT_STRIDE;
				size_t target = (size_t)pass->targets[b->index[row + i]] - vocab;
				if (target < n_block)
					b->chosen[row + i] = logits[target];
				add_logits(b, row + i, logits, n_block);
			}
		}
	}
}

/* Leaves in top the logarithm of the sum of exponentials. */
static void finish_losses(struct head_buffers *b, const struct loss_head_pass *pass)
{
	for (size_t row = 0; row < b->n; row++) {
		size_t i = b->index[row];
		if (pass->correct != NULL)
			pass->correct[i] = b->chosen[row] >= b->top[row];
		b->top[row] += logf(b->sum[row]);
		pass->losses[i] = b->top[row] - b->chosen[row];
	}
}

/* Logits of a block of rows into the tiles of their gradients: weight (p, less what the targets say). */
static void fill_gradients(struct head_buffers *b, const struct loss_head_pass *pass, size_t first, size_t n_rows, size_t vocab,
                           size_t n_vocab)
{
	const struct kernels *kernels = kernels_get();
	for (size_t row = 0; row < n_rows; row += LOGIT_ROWS) {
		size_t n = smaller(n_rows - row, LOGIT_ROWS);
		multiply_logits(b, first + row, n, n_vocab, pass->w->ne[0]);
		for (size_t i = 0; i < n; i++) {
			float *logits = b->logits + i * LOGIT_STRIDE;
			size_t x_row = b->index[first + row + i];
			kernels->exp_sum(logits, b->top[first + row + i], n_vocab);
			soft_targets_subtract(logits, pass->soft, x_row, pass->targets[x_row], vocab, n_vocab);
			kernels->scale(logits, pass->weights[x_row], n_vocab);
		}
		struct bf16_operand along = {b->logits, LOGIT_STRIDE, true}, across = {b->logits, LOGIT_STRIDE, false};
		tiles_pack(&b->d, TILES_A, row, 0, &along, n, n_vocab);
		if (pass->d_w != NULL)
			tiles_pack(&b->d_turned, TILES_A, 0, row, &across, n_vocab, n);
	}
}

/* d_rows (rows of the part, n_embd) is assigned. */
static void find_gradients(struct head_buffers *b, const struct loss_head_pass *pass, float *d_rows)
{
	size_t n_embd = pass->w->ne[0], n_vocab = pass->w->ne[1];
	for (size_t vocab = 0; vocab < n_vocab; vocab += VOCAB_BLOCK) {
		size_t n_block = smaller(n_vocab - vocab, VOCAB_BLOCK);
		struct bf16_operand across = {pack_table(b, pass->w, vocab, n_block), n_embd, false};
		tiles_pack(&b->w_turned, TILES_B, 0, 0, &across, n_embd, n_block);
		for (size_t row = 0; row < b->n; row += ROW_BLOCK) {
			size_t n = smaller(b->n - row, ROW_BLOCK);
			fill_gradients(b, pass, row, n, vocab, n_block);
			tiles_multiply(&(struct tiles_product){.m = n,
			                                       .n = n_embd,
			                                       .k = n_block,
			                                       .a = b->d,
			                                       .b = b->w_turned,
			                                       .accumulate = vocab > 0,
			                                       .c = d_rows + row * n_embd,
			                                       .ldc = n_embd});
			if (pass->d_w != NULL)
				tiles_multiply(&(struct tiles_product){.m = n_block, .n = n_embd, .k = n, .a = b->d_turned,
				                                       .b = b->x_turned, .b_k = row, .accumulate = true,
				                                       .c = pass->d_w + vocab * n_embd, .ldc = n_embd});
		}
	}
}

/* The part's gradients stand one after another from row `begin` on; moves each, the last first, to its row. */
static void spread_rows(const struct head_buffers *b, float *d_x, size_t n_embd, size_t begin, size_t end)
{
	size_t n = b->n;
	for (size_t row = end; row-- > begin;) {
		float *to = d_x + row * n_embd;
		if (n > 0 && b->index[n - 1] == row)
			memmove(to, d_x + (begin + --n) * n_embd, n_embd * sizeof *to);
		else
			memset(to, 0, n_embd * sizeof *to);
	}
}

void loss_head_bf16(const struct loss_head_pass *pass)
{
	size_t n_embd = pass->w->ne[0], begin = 0;
	struct head_buffers b;
	lay_out(&b, tile_memory_begin(pass->scratch), n_embd);
	while (begin < pass->n_rows) {
		size_t end = gather_part(&b, pass, begin);
		find_sums(&b, pass);
		finish_losses(&b, pass);
		if (pass->d_x != NULL) {
			find_gradients(&b, pass, pass->d_x + begin * n_embd);
			spread_rows(&b, pass->d_x, n_embd, begin, end);
		}
		begin = end;
	}
}
