/* The likeliest tokens of a reader that knows more, for one that shall learn from it (Hinton et al. 2015, arXiv 1503.02531). */
#include "ops/ops.h"

#include <math.h>

#include "kernels/kernels.h"

/* The SOFT_TARGETS largest of the logits (n), in falling order; places without one get id -1. */
static void find_largest(int32_t *ids, float *logits_of, const float *logits, size_t n)
{
	size_t n_found = 0;
	for (size_t v = 0; v < n; v++) {
		size_t at = n_found < SOFT_TARGETS ? n_found : SOFT_TARGETS - 1;
		if (n_found == SOFT_TARGETS && !(logits[v] > logits_of[at]))
			continue;
		for (; at > 0 && logits[v] > logits_of[at - 1]; at--) {
			ids[at] = ids[at - 1];
			logits_of[at] = logits_of[at - 1];
		}
		ids[at] = (int32_t)v;
		logits_of[at] = logits[v];
		n_found += n_found < SOFT_TARGETS;
	}
	for (size_t i = n_found; i < SOFT_TARGETS; i++) {
		ids[i] = -1;
		logits_of[i] = -INFINITY;
	}
}

void soft_targets_find(enum precision precision, int32_t *ids, float *probabilities, const float *x, const struct tensor *w,
                       size_t n_rows, float *scratch)
{
	const struct kernels *kernels = kernels_get();
	size_t n_embd = w->ne[0], n_vocab = w->ne[1];
	for (size_t first = 0; first < n_rows; first += LOSS_CHUNK) {
		size_t n = n_rows - first < LOSS_CHUNK ? n_rows - first : LOSS_CHUNK;
		linear_forward(NULL, precision, scratch, x + first * n_embd, w, n, false);
		for (size_t i = 0; i < n; i++) {
			float *best = probabilities + (first + i) * SOFT_TARGETS;
			find_largest(ids + (first + i) * SOFT_TARGETS, best, scratch + i * n_vocab, n_vocab);
			float sum = kernels->exp_sum(best, best[0], SOFT_TARGETS);
			kernels->scale(best, 1.0f / sum, SOFT_TARGETS);
		}
	}
}

void soft_targets_subtract(float *probabilities, const struct soft_targets *soft, size_t row, int32_t target, size_t first,
                           size_t n)
{
	const int32_t *ids = soft == NULL ? NULL : soft->ids + row * SOFT_TARGETS;
	bool taught = ids != NULL && ids[0] >= 0;
	float share = taught ? soft->share : 0;
	if ((size_t)target - first < n)
		probabilities[(size_t)target - first] -= 1.0f - share;
	for (size_t i = 0; taught && i < SOFT_TARGETS && ids[i] >= 0; i++)
		if ((size_t)ids[i] - first < n)
			probabilities[(size_t)ids[i] - first] -= share * soft->probabilities[row * SOFT_TARGETS + i];
}
