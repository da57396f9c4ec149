/*
 * Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon): the
 * momentum of a matrix's gradient is made orthogonal by a Newton-Schulz
 * iteration before it changes the matrix, so that every direction of it learns
 * at the same pace. Scaled as by Liu et al. 2025 (arXiv 2502.16982), a step is
 * about as large as one of AdamW at the same learning rate.
 */
#ifndef TRAIN_MUON_H
#define TRAIN_MUON_H

#include <stddef.h>

#include "ops/ops.h"

/* What one step needs to know. */
struct muon_step {
	float learning_rate;
	float weight_decay;   /* decoupled, times learning_rate */
	float gradient_scale; /* the clipping factor */
	enum precision precision;
};

/* Floats of scratch for a matrix. */
size_t muon_scratch_size(size_t n_rows, size_t n_columns);

/* One step on w (n_rows, n_columns) with momentum m and gradient g of the same shape. */
void muon_update(float *w, float *m, const float *g, size_t n_rows, size_t n_columns, const struct muon_step *step,
                 float *scratch);

#endif
