/*
 * Muon against its definition in double precision, wide, tall and square; the
 * direction's singular values; what bf16 costs.
 */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/gradients.h"
#include "train/muon.h"

enum { MOST = 64 * 64 };

/* out (n, n or m) = a b, by strides: element (i, k) of a at i * a_row + k * a_column. */
static void multiply(double *out, const double *a, size_t a_row, size_t a_column, const double *b, size_t b_row, size_t b_column,
                     size_t n_rows, size_t n_columns, size_t n_inner)
{
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n_columns; j++) {
			double sum = 0;
			for (size_t k = 0; k < n_inner; k++)
				sum += a[i * a_row + k * a_column] * b[k * b_row + j * b_column];
			out[i * n_columns + j] = sum;
		}
}

/* The iteration as it is published: always x x^T, x transposed first when it is tall. */
static void orthogonalise(double *x, size_t n_rows, size_t n_columns)
{
	static double a[MOST], a2[MOST], ax[MOST], y[MOST];
	double norm = 0;
	bool tall = n_rows > n_columns;
	size_t r = tall ? n_columns : n_rows, c = tall ? n_rows : n_columns;
	for (size_t i = 0; i < r * c; i++)
		norm += x[i] * x[i];
	for (size_t i = 0; i < r; i++)
		for (size_t j = 0; j < c; j++)
			y[i * c + j] = (tall ? x[j * n_columns + i] : x[i * n_columns + j]) / sqrt(norm);
	for (int step = 0; step < 5; step++) {
		multiply(a, y, c, 1, y, 1, c, r, r, c);
		multiply(a2, a, r, 1, a, r, 1, r, r, r);
		for (size_t i = 0; i < r * r; i++)
			a[i] = -4.7750 * a[i] + 2.0315 * a2[i];
		multiply(ax, a, r, 1, y, c, 1, r, c, r);
		for (size_t i = 0; i < r * c; i++)
			y[i] = 3.4445 * y[i] + ax[i];
	}
	for (size_t i = 0; i < r; i++)
		for (size_t j = 0; j < c; j++)
			x[tall ? j * n_columns + i : i * n_columns + j] = y[i * c + j];
}

static void check(size_t n_rows, size_t n_columns, enum precision precision, double bound)
{
	struct random_state random;
	random_seed(&random, n_rows * 100 + n_columns);
	size_t n = n_rows * n_columns;
	float *w = normal_array(&random, n, 1), *m = normal_array(&random, n, 0.3f), *g = normal_array(&random, n, 1);
	float *scratch = calloc(muon_scratch_size(n_rows, n_columns), sizeof *scratch);
	double *expected = calloc(n, sizeof *expected), *direction = calloc(n, sizeof *direction);
	assert_true(scratch != NULL && expected != NULL && direction != NULL);
	const struct muon_step step = {
		.learning_rate = 0.02f, .weight_decay = 0.1f, .gradient_scale = 0.5f, .precision = precision};
	for (size_t i = 0; i < n; i++) {
		double gradient = 0.5 * (double)g[i], moment = 0.95 * (double)m[i] + 0.05 * gradient;
		direction[i] = 0.95 * moment + 0.05 * gradient;
	}
	orthogonalise(direction, n_rows, n_columns);
	double largest = (double)(n_rows > n_columns ? n_rows : n_columns);
	for (size_t i = 0; i < n; i++)
		expected[i] = (double)w[i] * (1 - 0.02 * 0.1) - 0.02 * 0.2 * sqrt(largest) * direction[i];
	muon_update(w, m, g, n_rows, n_columns, &step, scratch);
	for (size_t i = 0; i < n; i++)
		if (!(fabs((double)w[i] - expected[i]) < bound))
			fail_msg("%zu x %zu, value %zu: %g, expected %g", n_rows, n_columns, i, (double)w[i], expected[i]);
	free(w);
	free(m);
	free(g);
	free(scratch);
	free(expected);
	free(direction);
}

static void test_definition(void **state)
{
	(void)state;
	check(17, 40, PRECISION_F32, 1e-5);
	check(40, 17, PRECISION_F32, 1e-5);
	check(33, 33, PRECISION_F32, 1e-5);
	check(1, 5, PRECISION_F32, 1e-5);
}

/* A step is 0.02 * 0.2 * sqrt(64) * an element of about 1/8 = 0.004; bf16 changes it by a few per cent. */
static void test_bf16(void **state)
{
	(void)state;
	check(48, 64, PRECISION_BF16, 1e-3);
	check(64, 48, PRECISION_BF16, 1e-3);
}

/* Singular values of the direction lie around 1: all directions of the gradient count the same. */
static void test_singular_values(void **state)
{
	(void)state;
	enum { N = 24, M = 48 };
	struct random_state random;
	random_seed(&random, 3);
	float *g = normal_array(&random, N * M, 1), *scratch = calloc(muon_scratch_size(N, M), sizeof *scratch);
	float w[N * M] = {0}, m[N * M] = {0};
	assert_non_null(scratch);
	for (size_t i = 0; i < N; i++) /* rows of very different sizes */
		for (size_t j = 0; j < M; j++)
			g[i * M + j] *= powf(10, -2.0f * (float)i / N);
	const struct muon_step step = {.learning_rate = 1, .gradient_scale = 1, .precision = PRECISION_F32};
	muon_update(w, m, g, N, M, &step, scratch);
	double unit = 0.2 * sqrt(M);
	for (size_t i = 0; i < N; i++) {
		double length = 0;
		for (size_t j = 0; j < M; j++)
			length += (double)(w[i * M + j] * w[i * M + j]) / (unit * unit);
		assert_true(sqrt(length) > 0.5 && sqrt(length) < 1.4);
	}
	free(g);
	free(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definition),
		cmocka_unit_test(test_bf16),
		cmocka_unit_test(test_singular_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
