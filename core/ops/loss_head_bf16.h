/*
 * The loss head on bf16 tiles, on machines that have them.
 * Arguments as in loss_head_forward and loss_head_backward (ops.h); d_x NULL:
 * losses only.
 */
#ifndef OPS_LOSS_HEAD_BF16_H
#define OPS_LOSS_HEAD_BF16_H

#include "ops/ops.h"

struct loss_head_pass {
	float *losses;
	bool *correct;
	float *d_x, *d_w;
	const float *x;
	const struct tensor *w;
	const int32_t *targets;
	const float *weights;
	const struct soft_targets *soft;
	size_t n_rows;
	float *scratch;
};

bool loss_head_bf16_suits(enum precision precision);
size_t loss_head_bf16_scratch_size(size_t n_embd);
void loss_head_bf16(const struct loss_head_pass *pass);

#endif
