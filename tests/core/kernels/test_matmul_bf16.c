/*
 * bf16 products against double precision sums of the operands rounded to bf16:
 * what is left is the error of fp32 sums. Odd sizes, strides, unaligned arrays,
 * more than one block in each direction.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/tensor.h"
#include "kernels/matmul_bf16.h"

enum form { NT, NN, TN, N_FORMS };
static const char *const form_names[] = {"nt", "nn", "tn"};

struct shape {
	size_t m, n, k;
};

struct operands {
	float *a, *b, *c, *before;
	size_t lda, ldb, ldc;
};

static float *random_array(struct random_state *random_numbers, size_t n)
{
	float *array = malloc((n + 1) * sizeof *array);
	assert_non_null(array);
	for (size_t i = 0; i < n; i++)
		array[i] = (float)random_normal(random_numbers);
	return array;
}

/* What the product makes of its operands. In fp32 they stay as they are. */
static void round_operand(float *array, size_t n)
{
	for (size_t i = 0; i < n && matmul_bf16_available(); i++)
		array[i] = float_from_bf16(bf16_from_float(array[i]));
}

static void multiply(enum form form, const struct shape *s, const struct operands *o, float beta)
{
	switch (form) {
	case NT: matmul_bf16_nt(s->m, s->n, s->k, o->a, o->lda, o->b, o->ldb, beta, o->c, o->ldc); break;
	case NN: matmul_bf16_nn(s->m, s->n, s->k, o->a, o->lda, o->b, o->ldb, beta, o->c, o->ldc); break;
	case TN: matmul_bf16_tn(s->m, s->n, s->k, o->a, o->lda, o->b, o->ldb, beta, o->c, o->ldc); break;
	case N_FORMS: break;
	}
}

static void check_element(enum form form, const struct shape *s, const struct operands *o, float beta, size_t i, size_t j)
{
	float got = o->c[i * o->ldc + j], was = o->before[i * o->ldc + j];
	if (j >= s->n) {
		assert_memory_equal(&got, &was, sizeof got); /* between the rows nothing is written */
		return;
	}
	double want = beta == 0 ? 0 : was, magnitudes = fabs(want);
	for (size_t l = 0; l < s->k; l++) {
		double a = form == TN ? o->a[l * o->lda + i] : o->a[i * o->lda + l];
		double b = form == NT ? o->b[j * o->ldb + l] : o->b[l * o->ldb + j];
		want += a * b;
		magnitudes += fabs(a * b);
	}
	if (!(fabs(got - want) <= (double)(s->k + 4) * FLT_EPSILON * magnitudes))
		fail_msg("%s %zu x %zu x %zu, beta %g, at %zu, %zu: %g, expected %g", form_names[form], s->m, s->n, s->k, beta, i,
			 j, got, want);
}

static void run_case(enum form form, const struct shape *s, size_t extra, float beta, uint64_t seed)
{
	struct random_state random_numbers;
	random_seed(&random_numbers, seed);
	struct operands o = {
		.lda = (form == TN ? s->m : s->k) + extra,
		.ldb = (form == NT ? s->k : s->n) + extra,
		.ldc = s->n + extra,
	};
	size_t n_a = (form == TN ? s->k : s->m) * o.lda, n_b = (form == NT ? s->n : s->k) * o.ldb;
	o.a = random_array(&random_numbers, n_a);
	o.b = random_array(&random_numbers, n_b);
	o.c = random_array(&random_numbers, s->m * o.ldc);
	o.before = random_array(&random_numbers, s->m * o.ldc);
	for (size_t i = 0; i < s->m * o.ldc && beta == 0; i++)
		o.c[i] = i % 3 == 0 ? NAN : INFINITY;
	memcpy(o.before, o.c, s->m * o.ldc * sizeof *o.c);
	multiply(form, s, &o, beta);
	round_operand(o.a, n_a);
	round_operand(o.b, n_b);
	/* Of large products every row, but not every column. */
	size_t step = s->m * s->n * s->k > 4000000 ? 37 : 1;
	for (size_t i = 0; i < s->m; i++)
		for (size_t j = i % step; j < o.ldc; j += step)
			check_element(form, s, &o, beta, i, j);
	free(o.a);
	free(o.b);
	free(o.c);
	free(o.before);
}

static void run_shapes(const struct shape *shapes, size_t n_shapes, uint64_t seed)
{
	for (int form = 0; form < N_FORMS; form++)
		for (size_t s = 0; s < n_shapes; s++)
			for (size_t extra = 0; extra <= 5; extra += 5) {
				run_case((enum form)form, &shapes[s], extra, 0, seed);
				run_case((enum form)form, &shapes[s], extra, 1, seed + 1);
			}
}

static const struct shape small_shapes[] = {
	{1, 1, 1},    {1, 33, 65},  {7, 1, 9},     {3, 5, 7},    {16, 16, 16}, {17, 31, 33},
	{32, 32, 32}, {33, 65, 31}, {64, 48, 100}, {65, 127, 2}, {200, 33, 1}, {95, 130, 257},
};

static void test_small(void **state)
{
	(void)state;
	run_shapes(small_shapes, sizeof small_shapes / sizeof *small_shapes, 1);
}

/* More rows, columns or k than one block has. */
static void test_blocks(void **state)
{
	(void)state;
	static const struct shape shapes[] = {{40, 33, 1100}, {1030, 40, 500}, {33, 2100, 260}, {300, 1060, 513}};
	run_shapes(shapes, sizeof shapes / sizeof *shapes, 3);
}

static void test_no_k(void **state)
{
	(void)state;
	float x = 1, c[4] = {5, 6, 7, 8};
	matmul_bf16_nt(2, 2, 0, &x, 1, &x, 1, 1, c, 2);
	assert_true(c[0] == 5 && c[3] == 8);
	matmul_bf16_nt(2, 2, 0, &x, 1, &x, 1, 0, c, 2);
	assert_true(c[0] == 0 && c[3] == 0);
}

/* A NaN must be seen in its row and column, and nowhere else. */
static void test_nan(void **state)
{
	(void)state;
	enum { N = 40 };
	static float a[N * N], b[N * N], c[N * N];
	for (size_t i = 0; i < N * N; i++)
		a[i] = b[i] = 1;
	a[3 * N + 35] = NAN;
	b[38 * N + 2] = INFINITY;
	matmul_bf16_nt(N, N, N, a, N, b, N, 0, c, N);
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < N; j++)
			assert_true(i == 3 ? isnan(c[i * N + j]) : j == 38 ? isinf(c[i * N + j]) : c[i * N + j] == N);
}

/* cmocka's checks are for its own thread: here the same product is compared with the one made there. */
enum { SIDE = 70 };
struct job {
	const float *a, *b;
	float c[SIDE * SIDE];
};

static void *multiply_often(void *argument)
{
	struct job *job = argument;
	for (int i = 0; i < 200; i++)
		matmul_bf16_nn(SIDE, SIDE, SIDE, job->a, SIDE, job->b, SIDE, 0, job->c, SIDE);
	return NULL;
}

/* Each thread has its own tiles and scratch. */
static void test_threads(void **state)
{
	(void)state;
	enum { N_THREADS = 4 };
	static struct job jobs[N_THREADS];
	pthread_t threads[N_THREADS];
	struct random_state random_numbers;
	random_seed(&random_numbers, 5);
	float *array = random_array(&random_numbers, (N_THREADS + 1) * SIDE * SIDE), expected[SIDE * SIDE];
	for (size_t i = 0; i < N_THREADS; i++) {
		jobs[i].a = array + i * SIDE * SIDE;
		jobs[i].b = jobs[i].a + SIDE * SIDE;
		assert_int_equal(pthread_create(&threads[i], NULL, multiply_often, &jobs[i]), 0);
	}
	for (size_t i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < N_THREADS; i++) {
		matmul_bf16_nn(SIDE, SIDE, SIDE, jobs[i].a, SIDE, jobs[i].b, SIDE, 0, expected, SIDE);
		assert_memory_equal(jobs[i].c, expected, sizeof expected);
	}
	free(array);
}

enum { EXIT_SKIPPED = 77 }; /* for CTest (tests/CMakeLists.txt) */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small), cmocka_unit_test(test_blocks),  cmocka_unit_test(test_no_k),
		cmocka_unit_test(test_nan),   cmocka_unit_test(test_threads),
	};
	const char *level = matmul_bf16_level(), *wanted = getenv("PITH_CPU");
	printf("Products by %s.\n", level == NULL ? "fp32, in the place of bf16" : level);
	/* A level that this machine lacks gives way to another, which has a run of its own. */
	bool wants_bf16 = wanted != NULL && (strcmp(wanted, "avx512bf16") == 0 || strcmp(wanted, "amx") == 0);
	if (wants_bf16 && (level == NULL || strcmp(level, wanted) != 0)) {
		printf("SKIPPED: this machine has no %s.\n", wanted);
		return EXIT_SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
