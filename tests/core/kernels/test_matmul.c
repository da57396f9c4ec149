/* Matrix products against the same sums in double precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/tensor.h"
#include "base/tensor_blocks.h"
#include "kernels/matmul.h"

static struct random_state random_numbers;

static float *random_array(size_t n)
{
	float *array = malloc((n + 1) * sizeof *array);
	assert_non_null(array);
	for (size_t i = 0; i < n; i++)
		array[i] = (float)random_normal(&random_numbers);
	return array;
}

enum form { NT, NN, TN, N_FORMS };
static const char *const form_names[] = {"nt", "nn", "tn"};

struct shape {
	size_t m, n, k;
};

struct operands {
	float *a, *b, *c, *before;
	size_t lda, ldb, ldc;
};

static void multiply(struct thread_pool *pool, enum form form, const struct shape *s, const struct operands *o, float beta)
{
	switch (form) {
	case NT: matmul_nt(pool, s->m, s->n, s->k, o->a, o->lda, o->b, o->ldb, beta, o->c, o->ldc); break;
	case NN: matmul_nn(pool, s->m, s->n, s->k, o->a, o->lda, o->b, o->ldb, beta, o->c, o->ldc); break;
	case TN: matmul_tn(pool, s->m, s->n, s->k, o->a, o->lda, o->b, o->ldb, beta, o->c, o->ldc); break;
	case N_FORMS: break;
	}
}

static void check_product(enum form form, const struct shape *s, const struct operands *o, float beta)
{
	for (size_t i = 0; i < s->m; i++)
		for (size_t j = 0; j < o->ldc; j++) {
			float got = o->c[i * o->ldc + j], was = o->before[i * o->ldc + j];
			if (j >= s->n) {
				assert_memory_equal(&got, &was, sizeof got); /* between the rows nothing is written */
				continue;
			}
			double want = beta == 0 ? 0 : was, magnitudes = fabs(want);
			for (size_t l = 0; l < s->k; l++) {
				double a = form == TN ? o->a[l * o->lda + i] : o->a[i * o->lda + l];
				double b = form == NT ? o->b[j * o->ldb + l] : o->b[l * o->ldb + j];
				want += a * b;
				magnitudes += fabs(a * b);
			}
			if (!(fabs(got - want) <= (double)(s->k + 4) * FLT_EPSILON / 2 * magnitudes))
				fail_msg("%s %zu x %zu x %zu, beta %g, at %zu, %zu: %g, expected %g", form_names[form], s->m,
					 s->n, s->k, beta, i, j, got, want);
		}
}

static void run_case(struct thread_pool *pool, enum form form, const struct shape *s, size_t extra, float beta)
{
	struct operands o = {
		.lda = (form == TN ? s->m : s->k) + extra,
		.ldb = (form == NT ? s->k : s->n) + extra,
		.ldc = s->n + extra,
	};
	o.a = random_array((form == TN ? s->k : s->m) * o.lda);
	o.b = random_array((form == NT ? s->n : s->k) * o.ldb);
	o.c = random_array(s->m * o.ldc);
	o.before = random_array(s->m * o.ldc);
	/* With beta 0 what stands in C must not matter, not even a NaN. */
	for (size_t i = 0; i < s->m * o.ldc && beta == 0; i++)
		o.c[i] = i % 3 == 0 ? NAN : INFINITY;
	memcpy(o.before, o.c, s->m * o.ldc * sizeof *o.c);
	multiply(pool, form, s, &o, beta);
	check_product(form, s, &o, beta);
	free(o.a);
	free(o.b);
	free(o.c);
	free(o.before);
}

static void test_products(void **state)
{
	(void)state;
	static const struct shape shapes[] = {
		{1, 1, 1},    {1, 33, 65},   {7, 1, 9},     {3, 5, 7},    {16, 16, 16},
		{17, 31, 33}, {64, 48, 100}, {65, 127, 64}, {200, 33, 1}, {95, 130, 257}, {4, 33, 65}, {5, 33, 65},
	};
	struct thread_pool *pools[] = {NULL, thread_pool_create(1), thread_pool_create(2)};
	for (size_t p = 0; p < 3; p++)
		for (int form = 0; form < N_FORMS; form++)
			for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
				for (size_t extra = 0; extra <= 5; extra += 5) {
					run_case(pools[p], (enum form)form, &shapes[s], extra, 0);
					run_case(pools[p], (enum form)form, &shapes[s], extra, 1);
				}
	thread_pool_destroy(pools[1]);
	thread_pool_destroy(pools[2]);
}

static const enum tensor_type types[] = {TENSOR_F32, TENSOR_F16, TENSOR_BF16, TENSOR_Q8_0};

/* Packs n numbers (a multiple of 32) and replaces them by what the packed form means. */
static void *pack(enum tensor_type type, float *w, size_t n)
{
	size_t size;
	assert_true(tensor_row_size(type, n, &size));
	uint8_t *packed = malloc(size + 1);
	assert_non_null(packed);
	for (size_t i = 0; i < n; i++) {
		uint16_t bits = type == TENSOR_F16 ? half_from_float(w[i]) : bf16_from_float(w[i]);
		if (type == TENSOR_F32) {
			memcpy(packed + 4 * i, &w[i], 4);
		} else if (type == TENSOR_Q8_0) {
			struct block_q8_0 *block = (struct block_q8_0 *)(void *)packed + i / 32;
			block->scale = half_from_float(0.03f + 0.001f * (float)(i / 32 % 7));
			float q = roundf(w[i] / float_from_half(block->scale));
			block->q[i % 32] = (int8_t)(q > 127 ? 127 : q < -128 ? -128 : q);
			w[i] = float_from_half(block->scale) * (float)block->q[i % 32];
		} else {
			memcpy(packed + 2 * i, &bits, 2);
			w[i] = type == TENSOR_F16 ? float_from_half(bits) : float_from_bf16(bits);
		}
	}
	return packed;
}

static void check_weights(struct thread_pool *pool, enum tensor_type type, size_t n_tokens, size_t n_out, size_t n_in)
{
	float *w = random_array(n_out * n_in), *x = random_array(n_tokens * n_in), *y = random_array(n_tokens * n_out);
	void *packed = pack(type, w, n_out * n_in);
	for (size_t i = 0; i < n_tokens * n_out; i++)
		y[i] = NAN;
	matmul_weights(pool, n_tokens, n_out, n_in, x, type, packed, y);
	for (size_t token = 0; token < n_tokens; token++)
		for (size_t row = 0; row < n_out; row++) {
			double want = 0, magnitudes = 0;
			for (size_t i = 0; i < n_in; i++) {
				double product = (double)w[row * n_in + i] * x[token * n_in + i];
				want += product;
				magnitudes += fabs(product);
			}
			float got = y[token * n_out + row];
			if (!(fabs(got - want) <= (double)(n_in + 4) * FLT_EPSILON / 2 * magnitudes))
				fail_msg("%s weights, %zu tokens, row %zu of token %zu: %g, expected %g", tensor_type_name(type),
					 n_tokens, row, token, got, want);
		}
	free(w);
	free(x);
	free(y);
	free(packed);
}

/* From one token (dots) over the border between the two ways to many tokens (panels). */
static void test_weights(void **state)
{
	(void)state;
	struct thread_pool *pools[] = {NULL, thread_pool_create(2)};
	for (size_t p = 0; p < 2; p++)
		for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
			for (size_t n_tokens = 1; n_tokens <= 9; n_tokens++)
				check_weights(pools[p], types[t], n_tokens, 77, 96);
			check_weights(pools[p], types[t], 100, 77, 96);
			check_weights(pools[p], types[t], 5, 1, 32);
			check_weights(pools[p], types[t], 6, 100, 4096); /* several panels */
		}
	thread_pool_destroy(pools[1]);
}

/* A row longer than a panel. */
static void test_long_rows(void **state)
{
	(void)state;
	for (size_t t = 0; t < sizeof types / sizeof *types; t++)
		check_weights(NULL, types[t], 6, 3, 160 * 1024);
}

/* The same numbers through both ways: the tokens of a batch one at a time. */
static void test_both_ways_agree(void **state)
{
	(void)state;
	enum { TOKENS = 12, OUT = 50, IN = 256 };
	for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
		float *w = random_array(OUT * IN), *x = random_array(TOKENS * IN), *y = random_array(TOKENS * OUT);
		void *packed = pack(types[t], w, OUT * IN);
		matmul_weights(NULL, TOKENS, OUT, IN, x, types[t], packed, y);
		for (size_t token = 0; token < TOKENS; token++) {
			float one[OUT];
			matmul_weights(NULL, 1, OUT, IN, x + token * IN, types[t], packed, one);
			for (size_t row = 0; row < OUT; row++)
				assert_true(fabsf(one[row] - y[token * OUT + row]) < 1e-3f);
		}
		free(w);
		free(x);
		free(y);
		free(packed);
	}
}

static void test_empty(void **state)
{
	(void)state;
	float x[32] = {0}, y[2] = {3, 4};
	matmul_weights(NULL, 0, 2, 32, x, TENSOR_F32, x, y);
	matmul_weights(NULL, 2, 0, 32, x, TENSOR_F32, x, y);
	assert_true(y[0] == 3 && y[1] == 4);
	matmul_weights(NULL, 1, 2, 0, x, TENSOR_F32, x, y);
	assert_true(y[0] == 0 && y[1] == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_products),        cmocka_unit_test(test_weights), cmocka_unit_test(test_long_rows),
		cmocka_unit_test(test_both_ways_agree), cmocka_unit_test(test_empty),
	};
	random_seed(&random_numbers, 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
