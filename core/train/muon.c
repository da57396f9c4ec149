#include "train/muon.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "ops/products.h"

enum { ITERATIONS = 5 };
static const float momentum = 0.95f;
/* The quintic whose iteration brings singular values in (0, 1] near 1 fast: coefficients of Jordan et al. */
static const float linear = 3.4445f, cubic = -4.7750f, quintic = 2.0315f;
static const float step_rms = 0.2f; /* of AdamW's steps, as Liu et al. measured it */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t muon_scratch_size(size_t n_rows, size_t n_columns)
{
	size_t side = smaller(n_rows, n_columns);
	return 2 * n_rows * n_columns + 2 * side * side;
}

/* x <- linear x + (cubic A + quintic A^2) x with A = x x^T; for a tall x the same from the other side. */
static void iterate(float **x, float **other, float *a, float *b, size_t n_rows, size_t n_columns, enum precision precision)
{
	const struct kernels *kernels = kernels_get();
	bool tall = n_rows > n_columns;
	size_t side = tall ? n_columns : n_rows, n = n_rows * n_columns;
	if (tall)
		product_tn(precision, side, side, n_rows, *x, *x, 0, a);
	else
		product_nt(precision, side, side, n_columns, *x, *x, 0, a);
	product_nn(precision, side, side, side, a, a, 0, b);
	kernels->scale(b, quintic, side * side);
	kernels->axpy(b, cubic, a, side * side);
	memcpy(*other, *x, n * sizeof **x);
	kernels->scale(*other, linear, n);
	if (tall)
		product_nn(precision, n_rows, n_columns, side, *x, b, 1, *other);
	else
		product_nn(precision, n_rows, n_columns, side, b, *x, 1, *other);
	float *swap = *x;
	*x = *other;
	*other = swap;
}

void muon_update(float *w, float *m, const float *g, size_t n_rows, size_t n_columns, const struct muon_step *step,
                 float *scratch)
{
	const struct kernels *kernels = kernels_get();
	size_t n = n_rows * n_columns, side = smaller(n_rows, n_columns);
	float *x = scratch, *other = x + n, *a = other + n, *b = a + side * side;
	kernels->scale(m, momentum, n);
	kernels->axpy(m, (1 - momentum) * step->gradient_scale, g, n);
	/* Nesterov's look ahead. */
	memcpy(x, m, n * sizeof *x);
	kernels->scale(x, momentum, n);
	kernels->axpy(x, (1 - momentum) * step->gradient_scale, g, n);
	float norm = sqrtf(kernels->sum_squares(x, n));
	kernels->scale(x, 1.0f / (norm + 1e-12f), n);
	for (int i = 0; i < ITERATIONS; i++)
		iterate(&x, &other, a, b, n_rows, n_columns, step->precision);
	float size = step_rms * sqrtf((float)(n_rows > n_columns ? n_rows : n_columns));
	kernels->scale(w, 1.0f - step->learning_rate * step->weight_decay, n);
	kernels->axpy(w, -step->learning_rate * size, x, n);
}
