#define _XOPEN_SOURCE 700
/*
 * Every entry of every table that this machine can run, against the same sums
 * in double precision: odd lengths, unaligned arrays, zeros, subnormal and
 * large numbers, and not one float written beyond the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/tensor_blocks.h"
#include "kernels/kernels.h"
#include "kernels/matmul_bf16.h"
#include "pith/model.h"

enum { CAPACITY = 1100, OFFSET = 1, N_INPUTS = 5, MAX_TABLES = 8 };

static const size_t lengths[] = {0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 128, 1000, 1023, 1024};
static const char *const kinds[] = {"ordinary", "zero", "subnormal", "large"};
enum { ORDINARY, ZERO, SUBNORMAL, LARGE, N_KINDS };

static const struct kernels *tables[MAX_TABLES];
static size_t n_tables;

/* The arrays of one case; used from OFFSET on, so that no pointer is aligned to more than one element. */
static float array[N_INPUTS][CAPACITY];
static float before[N_INPUTS][CAPACITY];
static uint16_t halves[CAPACITY];
static struct block_q8_0 blocks[CAPACITY / 32 + 1];

static struct random_state random_numbers;

static float number(int kind)
{
	float value = (float)random_normal(&random_numbers);
	switch (kind) {
	case ZERO: return 0;
	case SUBNORMAL: return value * 1e-39f;
	case LARGE: return value * 1e16f;
	default: return value;
	}
}

static void fill(int kind)
{
	for (size_t a = 0; a < N_INPUTS; a++)
		for (size_t i = 0; i < CAPACITY; i++)
			array[a][i] = number(kind);
	memcpy(before, array, sizeof before);
}

/* The first OFFSET elements and everything from OFFSET + n on must be as fill() left them. */
static void check_borders(const struct kernels *table, const char *entry, size_t n)
{
	for (size_t a = 0; a < N_INPUTS; a++) {
		size_t rest = OFFSET + n;
		if (memcmp(array[a], before[a], OFFSET * sizeof(float)) != 0 ||
		    memcmp(array[a] + rest, before[a] + rest, (CAPACITY - rest) * sizeof(float)) != 0)
			fail_msg("%s %s wrote outside its array, n = %zu", table->name, entry, n);
	}
}

static void check_close(const struct kernels *table, const char *entry, int kind, size_t n, double got, double want, double bound)
{
	if (!(fabs(got - want) <= bound))
		fail_msg("%s %s, %s numbers, n = %zu: %.9g, expected %.9g within %.3g", table->name, entry, kinds[kind], n, got,
			 want, bound);
}

/* What n roundings of a float sum may lose at most, given the sum of magnitudes; one more subnormal step for each term. */
static double sum_bound(size_t n, double magnitudes)
{
	return (double)(n + 8) * (FLT_EPSILON / 2 * magnitudes + 0x1p-149);
}

static void check_dot(const struct kernels *table, const char *entry, int kind, size_t n, float got, const double *w,
		      const float *x)
{
	double sum = 0, magnitudes = 0;
	for (size_t i = 0; i < n; i++) {
		sum += w[i] * x[i];
		magnitudes += fabs(w[i] * x[i]);
	}
	check_close(table, entry, kind, n, got, sum, sum_bound(n, magnitudes));
}

static void check_row(const struct kernels *table, const char *entry, int kind, size_t n, const double *w)
{
	for (size_t i = 0; i < n; i++)
		check_close(table, entry, kind, n, array[1][OFFSET + i], w[i], 0);
	check_borders(table, entry, n);
}

static void check_float_rows(const struct kernels *table, int kind, size_t n)
{
	double w[CAPACITY] = {0};
	const float *x = array[0] + OFFSET;
	for (size_t i = 0; i < n; i++)
		w[i] = array[2][OFFSET + i];
	check_dot(table, "dot_f32", kind, n, table->dot_f32(array[2] + OFFSET, x, n), w, x);
	check_dot(table, "dot of F32", kind, n, table->of_type[TENSOR_F32].dot(array[2] + OFFSET, x, n), w, x);
	table->of_type[TENSOR_F32].row(array[1] + OFFSET, array[2] + OFFSET, n);
	check_row(table, "row of F32", kind, n, w);
	for (size_t i = 0; i < n; i++)
		w[i] = x[i];
	check_dot(table, "sum_squares", kind, n, table->sum_squares(x, n), w, x);

	for (size_t i = 0; i < n; i++) {
		halves[OFFSET + i] = half_from_float(kind == LARGE ? array[2][OFFSET + i] * 1e-12f : array[2][OFFSET + i]);
		if (kind == SUBNORMAL) /* of half precision; any of them, with either sign */
			halves[OFFSET + i] = (uint16_t)(random_next(&random_numbers) & 0x83ff);
		w[i] = float_from_half(halves[OFFSET + i]);
	}
	check_dot(table, "dot_f16", kind, n, table->of_type[TENSOR_F16].dot(halves + OFFSET, x, n), w, x);
	table->of_type[TENSOR_F16].row(array[1] + OFFSET, halves + OFFSET, n);
	check_row(table, "row_f16", kind, n, w);

	for (size_t i = 0; i < n; i++) {
		halves[OFFSET + i] = bf16_from_float(array[2][OFFSET + i]);
		w[i] = float_from_bf16(halves[OFFSET + i]);
	}
	check_dot(table, "dot_bf16", kind, n, table->of_type[TENSOR_BF16].dot(halves + OFFSET, x, n), w, x);
	table->of_type[TENSOR_BF16].row(array[1] + OFFSET, halves + OFFSET, n);
	check_row(table, "row_bf16", kind, n, w);
}

static void check_byte_rows(const struct kernels *table, int kind, size_t n)
{
	double w[CAPACITY] = {0};
	const float *x = array[0] + OFFSET;
	n -= n % 32;
	for (size_t i = 0; i < n; i++) {
		struct block_q8_0 *block = &blocks[i / 32];
		if (i % 32 == 0)
			block->scale = half_from_float(kind == ZERO ? 0 : (float)random_normal(&random_numbers) * 0.01f);
		block->q[i % 32] = (int8_t)((int)random_below(&random_numbers, 256) - 128);
		w[i] = (double)float_from_half(block->scale) * block->q[i % 32];
	}
	check_dot(table, "dot_q8_0", kind, n, table->of_type[TENSOR_Q8_0].dot(blocks, x, n), w, x);
	table->of_type[TENSOR_Q8_0].row(array[1] + OFFSET, blocks, n);
	for (size_t i = 0; i < n; i++)
		w[i] = (float)w[i];
	check_row(table, "row_q8_0", kind, n, w);
}

static void for_every_case(void (*check)(const struct kernels *table, int kind, size_t n))
{
	for (size_t t = 0; t < n_tables; t++)
		for (int kind = 0; kind < N_KINDS; kind++)
			for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
				fill(kind);
				check(tables[t], kind, lengths[l]);
			}
}

static void test_rows(void **state)
{
	(void)state;
	for_every_case(check_float_rows);
	for_every_case(check_byte_rows);
}

/* Infinity and NaN of half precision survive, and both zeros keep their sign. */
static void test_special_halves(void **state)
{
	(void)state;
	const uint16_t special[] = {0x7c00, 0xfc00, 0x7e00, 0x0000, 0x8000, 0x0001, 0x83ff, 0x7bff};
	enum { N = sizeof special / sizeof *special };
	for (size_t t = 0; t < n_tables; t++) {
		float out[N];
		tables[t]->of_type[TENSOR_F16].row(out, special, N);
		for (size_t i = 0; i < N; i++) {
			float want = float_from_half(special[i]);
			assert_true(isnan(want) ? isnan(out[i]) : out[i] == want && signbit(out[i]) == signbit(want));
		}
	}
}

static void check_elementwise(const struct kernels *table, int kind, size_t n)
{
	const float a = 0.37f;
	const float *x = before[0] + OFFSET, *y = before[1] + OFFSET, *out = array[1] + OFFSET;

	table->axpy(array[1] + OFFSET, a, array[0] + OFFSET, n);
	for (size_t i = 0; i < n; i++)
		check_close(table, "axpy", kind, n, out[i], (double)y[i] + (double)a * x[i],
			    FLT_EPSILON * (fabs(y[i]) + fabs(a * x[i])) + 0x1p-148);
	check_borders(table, "axpy", n);

	memcpy(array, before, sizeof array);
	table->add(array[1] + OFFSET, array[0] + OFFSET, n);
	for (size_t i = 0; i < n; i++)
		check_close(table, "add", kind, n, out[i], x[i] + y[i], 0);
	check_borders(table, "add", n);

	memcpy(array, before, sizeof array);
	table->scale(array[1] + OFFSET, a, n);
	for (size_t i = 0; i < n; i++)
		check_close(table, "scale", kind, n, out[i], a * y[i], 0);
	check_borders(table, "scale", n);

	memcpy(array, before, sizeof array);
	table->multiply_shifted(array[1] + OFFSET, array[0] + OFFSET, a, n);
	for (size_t i = 0; i < n; i++)
		check_close(table, "multiply_shifted", kind, n, out[i], (double)x[i] * ((double)y[i] - (double)a),
			    2 * FLT_EPSILON * fabs(x[i]) * (fabs(y[i]) + a) + 0x1p-148);
	check_borders(table, "multiply_shifted", n);
}

static void test_elementwise(void **state)
{
	(void)state;
	for_every_case(check_elementwise);
}

static void check_maximum(const struct kernels *table, int kind, size_t n)
{
	if (n == 0)
		return;
	float *x = array[0] + OFFSET;
	float want = x[0];
	for (size_t i = 1; i < n; i++)
		want = x[i] > want ? x[i] : want;
	check_close(table, "maximum", kind, n, table->maximum(x, n), want, 0);
	/* Wherever the largest stands, and when all are negative. */
	for (size_t position = 0; position < n; position += 1 + n / 70) {
		for (size_t i = 0; i < n; i++)
			x[i] = -2 - (float)i;
		x[position] = -1;
		check_close(table, "maximum", kind, n, table->maximum(x, n), -1, 0);
	}
}

static void test_maximum(void **state)
{
	(void)state;
	for_every_case(check_maximum);
}

static void check_exp_sum(const struct kernels *table, size_t n, float shift)
{
	float *x = array[0] + OFFSET;
	fill(ORDINARY);
	for (size_t i = 0; i < n; i++)
		x[i] = (float)(shift - 87 + random_uniform(&random_numbers) * 170);
	memcpy(before, array, sizeof before);
	float sum = table->exp_sum(x, shift, n);
	double want_sum = 0;
	for (size_t i = 0; i < n; i++) {
		float argument = before[0][OFFSET + i] - shift;
		double want = argument < -87 ? 0 : exp(argument);
		check_close(table, "exp_sum", ORDINARY, n, x[i], want, 1e-6 * want);
		want_sum += x[i];
	}
	check_close(table, "exp_sum's sum", ORDINARY, n, sum, want_sum, sum_bound(n, want_sum));
	check_borders(table, "exp_sum", n);
}

static void test_exp_sum(void **state)
{
	(void)state;
	for (size_t t = 0; t < n_tables; t++) {
		for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
			for (int repeat = 0; repeat < 20; repeat++)
				check_exp_sum(tables[t], lengths[l], repeat % 2 ? 0.0f : 13.7f);
		/* The edges, at the start of a vector and in a tail. */
		float edges[] = {-87.5f, -INFINITY, NAN, 88.7f, 89.0f, INFINITY, -1000.0f, 0.0f, -87.0f};
		float x[64] = {0};
		for (size_t i = 0; i < 9; i++)
			x[i] = x[40 + i] = edges[i];
		tables[t]->exp_sum(x, 0, 49);
		for (size_t base = 0; base <= 40; base += 40) {
			assert_true(x[base] == 0 && x[base + 1] == 0 && isnan(x[base + 2]));
			assert_true(fabs(x[base + 3] / exp(edges[3]) - 1) < 1e-6);
			assert_true(isinf(x[base + 4]) && isinf(x[base + 5]) && x[base + 6] == 0 && x[base + 7] == 1);
			assert_true(fabs(x[base + 8] / exp(-87.0) - 1) < 1e-6);
		}
	}
}

static void check_silu(const struct kernels *table, int kind, size_t n)
{
	float *out = array[1] + OFFSET;
	for (size_t i = 0; i < n && kind == ORDINARY; i++)
		array[0][OFFSET + i] = before[0][OFFSET + i] *= i % 5 == 0 ? 60 : 3;
	const float *gate = before[0] + OFFSET, *up = before[2] + OFFSET, *d_out = before[3] + OFFSET;
	table->silu_multiply(out, array[0] + OFFSET, array[2] + OFFSET, n);
	for (size_t i = 0; i < n; i++) {
		double want = gate[i] / (1 + exp(-(double)gate[i])) * up[i];
		check_close(table, "silu_multiply", kind, n, out[i], want, 2e-6 * fabs(want) + 1e-34);
	}
	check_borders(table, "silu_multiply", n);

	memcpy(array, before, sizeof array);
	float *d_gate = array[0] + OFFSET, *d_up = array[2] + OFFSET; /* each over its input */
	table->silu_multiply_backward(d_gate, d_up, d_gate, d_up, array[3] + OFFSET, n);
	for (size_t i = 0; i < n; i++) {
		double z = gate[i], s = 1 / (1 + exp(-z)), outer = (double)d_out[i] * up[i];
		double magnitude = fabs(outer) * s * (1 + fabs(z) * (1 - s));
		double want_up = d_out[i] * z * s, want_gate = outer * s * (1 + z * (1 - s));
		check_close(table, "silu_multiply_backward d_up", kind, n, d_up[i], want_up, 2e-6 * fabs(want_up) + 1e-34);
		check_close(table, "silu_multiply_backward d_gate", kind, n, d_gate[i], want_gate, 2e-6 * magnitude + 1e-34);
	}
	check_borders(table, "silu_multiply_backward", n);
}

static void test_silu(void **state)
{
	(void)state;
	for_every_case(check_silu);
}

static void check_adamw(const struct kernels *table, int kind, size_t n)
{
	if (kind == LARGE || kind == SUBNORMAL)
		return; /* squares leave the range of a float */
	enum { W, M, V, G, N_STEPS = 6 };
	static double w[CAPACITY], m[CAPACITY], v[CAPACITY];
	for (size_t i = 0; i < CAPACITY; i++) {
		array[M][i] = array[V][i] = before[M][i] = before[V][i] = 0;
		w[i] = array[W][i];
		m[i] = v[i] = 0;
	}
	struct adamw_step step = {.learning_rate = 2e-3f,
				  .beta1 = 0.9f,
				  .beta2 = 0.95f,
				  .epsilon = 1e-8f,
				  .weight_decay = 0.1f,
				  .gradient_scale = 0.5f};
	for (int t = 1; t <= N_STEPS; t++) {
		step.correction1 = (float)(1 / (1 - pow(step.beta1, t)));
		step.correction2 = (float)(1 / (1 - pow(step.beta2, t)));
		for (size_t i = 0; i < n; i++)
			array[G][OFFSET + i] = before[G][OFFSET + i] = number(kind);
		table->adamw(array[W] + OFFSET, array[M] + OFFSET, array[V] + OFFSET, array[G] + OFFSET, &step, n);
		for (size_t i = OFFSET; i < OFFSET + n; i++) {
			double g = (double)step.gradient_scale * array[G][i];
			m[i] = step.beta1 * m[i] + (1 - (double)step.beta1) * g;
			v[i] = step.beta2 * v[i] + (1 - (double)step.beta2) * g * g;
			double update = m[i] * step.correction1 / (sqrt(v[i] * step.correction2) + step.epsilon);
			w[i] -= step.learning_rate * (update + step.weight_decay * w[i]);
		}
	}
	for (size_t i = OFFSET; i < OFFSET + n; i++) {
		check_close(table, "adamw m", kind, n, array[M][i], m[i], 1e-6 * (1 + fabs(m[i])));
		check_close(table, "adamw v", kind, n, array[V][i], v[i], 2e-6 * v[i]);
		check_close(table, "adamw w", kind, n, array[W][i], w[i], 1e-6 * fabs(w[i]) + 1e-7);
	}
	check_borders(table, "adamw", n);
}

static void test_adamw(void **state)
{
	(void)state;
	for_every_case(check_adamw);
}

static void test_levels(void **state)
{
	(void)state;
	assert_true(n_tables >= 1);
	assert_string_equal(tables[0]->name, "ref");
	const struct kernels *chosen = kernels_get();
	const char *wanted = getenv("PITH_CPU");
	bool known = false, chosen_known = false;
	for (size_t t = 0; t < n_tables; t++) {
		chosen_known = chosen_known || tables[t] == chosen;
		known = known || (wanted != NULL && strcmp(tables[t]->name, wanted) == 0);
	}
	assert_true(chosen_known);
	if (known)
		assert_string_equal(chosen->name, wanted);
	else
		assert_ptr_equal(chosen, tables[n_tables - 1]);
}

/* The wish is read anew, what runs was chosen before. */
static void test_wishes(void **state)
{
	(void)state;
	struct pith_error err;
	const char *wanted = getenv("PITH_CPU"), *level = NULL, *runs = matmul_bf16_level();
	char *kept = wanted == NULL ? NULL : strdup(wanted);
	runs = runs != NULL ? runs : kernels_get()->name;
	static const char *const lacking[] = {"neon", "avx2"};
	assert_int_equal(setenv("PITH_CPU", "foo", 1), 0);
	assert_int_equal(pith_cpu_check(&level, &err), PITH_BAD_ARGUMENT);
	assert_string_equal(level, runs);
	assert_non_null(strstr(err.message, "PITH_CPU is \"foo\"; there are ref, "));
	/* No machine has both. */
	bool is_arm = strcmp(tables[n_tables - 1]->name, "neon") == 0;
	assert_int_equal(setenv("PITH_CPU", lacking[is_arm], 1), 0);
	assert_int_equal(pith_cpu_check(NULL, &err), PITH_UNSUPPORTED);
	assert_int_equal(setenv("PITH_CPU", runs, 1), 0);
	assert_int_equal(pith_cpu_check(NULL, &err), PITH_OK);
	assert_int_equal(unsetenv("PITH_CPU"), 0);
	assert_int_equal(pith_cpu_check(NULL, &err), PITH_OK);
	if (kept != NULL)
		assert_int_equal(setenv("PITH_CPU", kept, 1), 0);
	free(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),      cmocka_unit_test(test_rows),    cmocka_unit_test(test_special_halves),
		cmocka_unit_test(test_elementwise), cmocka_unit_test(test_maximum), cmocka_unit_test(test_exp_sum),
		cmocka_unit_test(test_silu),        cmocka_unit_test(test_adamw),   cmocka_unit_test(test_wishes),
	};
	random_seed(&random_numbers, 1);
	n_tables = kernels_available(tables, MAX_TABLES);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
