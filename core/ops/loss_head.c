/*
 * The loss head: logits, softmax, cross-entropy and their gradients, a chunk
 * of rows at a time. A small model spends a third of its work here; all logits
 * at once would not fit a cache.
 */
#include "ops/ops.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "ops/loss_head_bf16.h"

size_t loss_head_scratch_size(size_t n_vocab, size_t n_embd)
{
	size_t chunks = LOSS_CHUNK * (n_vocab + 2 * n_embd), tiles = loss_head_bf16_scratch_size(n_embd);
	return chunks > tiles ? chunks : tiles;
}

/* Turns logits (n_vocab) into probabilities; returns -log p[target]. */
static float softmax_loss(float *logits, size_t n_vocab, int32_t target, bool *correct)
{
	const struct kernels *kernels = kernels_get();
	float top = kernels->maximum(logits, n_vocab);
	float chosen = logits[target];
	float sum = kernels->exp_sum(logits, top, n_vocab);
	kernels->scale(logits, 1.0f / sum, n_vocab);
	if (correct != NULL)
		*correct = chosen >= top;
	return top + logf(sum) - chosen;
}

/* Copies up to LOSS_CHUNK rows that have a target, from *next on, into rows; returns how many, their numbers in index. */
static size_t gather_rows(float *rows, size_t *index, size_t *next, const float *x, const int32_t *targets, size_t n_rows,
                          size_t n_embd)
{
	size_t n = 0;
	for (; *next < n_rows && n < LOSS_CHUNK; (*next)++) {
		if (targets[*next] < 0)
			continue;
		index[n] = *next;
		memcpy(rows + n * n_embd, x + *next * n_embd, n_embd * sizeof *rows);
		n++;
	}
	return n;
}

static void clear_outputs(float *losses, bool *correct, size_t n_rows)
{
	memset(losses, 0, n_rows * sizeof *losses);
	if (correct != NULL)
		memset(correct, 0, n_rows * sizeof *correct);
}

void loss_head_forward(struct thread_pool *pool, enum precision precision, float *losses, bool *correct, const float *x,
                       const struct tensor *w, const int32_t *targets, size_t n_rows, float *scratch)
{
	size_t n_embd = w->ne[0], n_vocab = w->ne[1];
	float *rows = scratch, *logits = scratch + 2 * LOSS_CHUNK * n_embd;
	size_t index[LOSS_CHUNK], next = 0, n;
	clear_outputs(losses, correct, n_rows);
	if (loss_head_bf16_suits(precision)) {
		loss_head_bf16(&(struct loss_head_pass){.losses = losses, .correct = correct, .x = x, .w = w, .targets = targets,
		                                        .n_rows = n_rows, .scratch = scratch});
		return;
	}
	while ((n = gather_rows(rows, index, &next, x, targets, n_rows, n_embd)) > 0) {
		linear_forward(pool, precision, logits, rows, w, n, false);
		for (size_t i = 0; i < n; i++)
			losses[index[i]] = softmax_loss(logits + i * n_vocab, n_vocab, targets[index[i]],
			                                correct == NULL ? NULL : correct + index[i]);
	}
}

void loss_head_backward(enum precision precision, float *losses, bool *correct, float *d_x, float *d_w, const float *x,
                        const struct tensor *w, const int32_t *targets, const float *weights, const struct soft_targets *soft,
                        size_t n_rows, float *scratch)
{
	size_t n_embd = w->ne[0], n_vocab = w->ne[1];
	float *rows = scratch, *d_rows = scratch + LOSS_CHUNK * n_embd, *logits = scratch + 2 * LOSS_CHUNK * n_embd;
	size_t index[LOSS_CHUNK], next = 0, n;
	clear_outputs(losses, correct, n_rows);
	if (loss_head_bf16_suits(precision)) {
		loss_head_bf16(
			&(struct loss_head_pass){losses, correct, d_x, d_w, x, w, targets, weights, soft, n_rows, scratch});
		return;
	}
	memset(d_x, 0, n_rows * n_embd * sizeof *d_x);
	while ((n = gather_rows(rows, index, &next, x, targets, n_rows, n_embd)) > 0) {
		linear_forward(NULL, precision, logits, rows, w, n, false);
		for (size_t i = 0; i < n; i++) {
			float *row = logits + i * n_vocab;
			int32_t target = targets[index[i]];
			losses[index[i]] = softmax_loss(row, n_vocab, target, correct == NULL ? NULL : correct + index[i]);
			soft_targets_subtract(row, soft, index[i], target, 0, n_vocab);
			kernels_get()->scale(row, weights[index[i]], n_vocab);
		}
		linear_backward(precision, d_rows, d_w, logits, rows, w, n, false);
		for (size_t i = 0; i < n; i++)
			memcpy(d_x + index[i] * n_embd, d_rows + i * n_embd, n_embd * sizeof *d_x);
	}
}
