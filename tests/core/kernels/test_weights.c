/*
 * Rows of packed weights at every level that this machine can run: against
 * what gguf's own Python package makes of random blocks of each quantised type
 * (tests/golden/weights.py), and dot products against double precision.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "formats/gguf.h"
#include "kernels/kernels.h"
#include "kernels/matmul.h"
#include "unit.h"

enum { N_NUMBERS = 1024, N_ROWS = 2, MAX_TABLES = 8 };

static struct gguf *golden;
static const struct kernels *tables[MAX_TABLES];
static size_t n_tables;

/* The golden tensor of a type and its floats (N_ROWS, N_NUMBERS); NULL for a type that is no quantised one. */
static const struct tensor *find(enum tensor_type type, const float **floats)
{
	const char *name = tensor_type_name(type);
	if (name == NULL || type == TENSOR_F32 || type == TENSOR_F16 || type == TENSOR_BF16)
		return NULL;
	char with_floats[32];
	snprintf(with_floats, sizeof with_floats, "%s.floats", name);
	const struct tensor *packed = gguf_find_tensor(golden, name), *unpacked = gguf_find_tensor(golden, with_floats);
	if (packed == NULL || unpacked == NULL)
		fail_msg("tests/golden/weights.gguf has no %s", name);
	assert_int_equal(packed->type, type);
	assert_int_equal(packed->ne[0], N_NUMBERS);
	assert_int_equal(packed->ne[1], N_ROWS);
	assert_int_equal(unpacked->ne[0], N_NUMBERS);
	assert_non_null(packed->data);
	*floats = unpacked->data;
	return packed;
}

static void check_row(const struct kernels *table, const struct tensor *packed, size_t n, const float *floats)
{
	float out[N_NUMBERS + 1];
	out[n] = 77;
	table->of_type[packed->type].row(out, packed->data, n);
	for (size_t i = 0; i < n; i++)
		if (out[i] != floats[i])
			fail_msg("%s %s: number %zu of %zu is %.9g, expected %.9g", table->name, tensor_type_name(packed->type),
			         i, n, out[i], floats[i]);
	assert_true(out[n] == 77);
}

static void check_dot(const struct kernels *table, const struct tensor *packed, size_t n, const float *floats)
{
	struct random_state random;
	float x[N_NUMBERS];
	double sum = 0, magnitudes = 0;
	random_seed(&random, 3);
	for (size_t i = 0; i < n; i++) {
		x[i] = (float)random_normal(&random);
		sum += (double)floats[i] * x[i];
		magnitudes += fabs((double)floats[i] * x[i]);
	}
	double got = table->of_type[packed->type].dot(packed->data, x, n);
	/* What n roundings of a float sum may lose at most. */
	if (!(fabs(got - sum) <= (double)(n + 8) * FLT_EPSILON / 2 * magnitudes))
		fail_msg("%s %s: the product of %zu numbers is %.9g, expected %.9g", table->name, tensor_type_name(packed->type),
		         n, got, sum);
}

static void test_every_type_at_every_level(void **state)
{
	(void)state;
	size_t n_types = 0, size;
	for (uint32_t type = 0; type < TENSOR_N_NUMBERS; type++) {
		const float *floats;
		const struct tensor *packed = find((enum tensor_type)type, &floats);
		if (packed == NULL)
			continue;
		n_types++;
		for (size_t t = 0; t < n_tables; t++)
			for (size_t n = 0; n <= N_NUMBERS; n += 32)
				if (tensor_row_size(packed->type, n, &size)) {
					check_row(tables[t], packed, n, floats);
					check_dot(tables[t], packed, n, floats);
				}
	}
	assert_int_equal(n_types, 10);
}

/* A product with few tokens and one with many, whose ways differ, from the second row and part of it. */
static void test_products(void **state)
{
	(void)state;
	enum { MANY = 7 };
	static float x[MANY * N_NUMBERS], y[MANY * N_ROWS], row[N_NUMBERS];
	struct random_state random;
	random_seed(&random, 4);
	for (size_t i = 0; i < MANY * N_NUMBERS; i++)
		x[i] = (float)random_normal(&random);
	for (uint32_t type = 0; type < TENSOR_N_NUMBERS; type++) {
		const float *floats;
		const struct tensor *packed = find((enum tensor_type)type, &floats);
		if (packed == NULL)
			continue;
		kernels_unpack(row, packed->type, packed->data, N_NUMBERS + 256, 256);
		assert_memory_equal(row, floats + N_NUMBERS + 256, 256 * sizeof *row);
		for (size_t n_tokens = 1; n_tokens <= MANY; n_tokens += MANY - 1) {
			matmul_weights(NULL, n_tokens, N_ROWS, N_NUMBERS, x, packed->type, packed->data, y);
			for (size_t i = 0; i < n_tokens * N_ROWS; i++) {
				double want = 0;
				for (size_t k = 0; k < N_NUMBERS; k++)
					want += (double)x[i / N_ROWS * N_NUMBERS + k] * floats[i % N_ROWS * N_NUMBERS + k];
				assert_true(fabs(y[i] - want) < 1e-4 * (1 + fabs(want)));
			}
		}
	}
}

int main(void)
{
	struct pith_error err;
	if (gguf_open(&golden, TESTS_DIR "/golden/weights.gguf", &err) != PITH_OK) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	n_tables = kernels_available(tables, MAX_TABLES);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type_at_every_level),
		cmocka_unit_test(test_products),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	gguf_close(golden);
	return failed;
}
