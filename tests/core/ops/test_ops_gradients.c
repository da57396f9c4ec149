/*
 * Every x_backward against finite differences of its x_forward, at odd sizes.
 * The loss is sum c_i y_i with random c, in double. Steps are large where the
 * op is linear in what moves (then only rounding is left), 0.02 elsewhere.
 * (test_attention_gradients.c and test_loss_head.c have the other two.)
 */
#include "unit.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/tensor.h"
#include "base/tensor_blocks.h"
#include "kernels/kernels.h"
#include "ops/ops.h"
#include "support/gradients.h"

static struct random_state random_numbers;

static int seed(void **state)
{
	(void)state;
	random_seed(&random_numbers, 20240817);
	return 0;
}

static struct tensor matrix(const float *data, size_t n_in, size_t n_out)
{
	return (struct tensor){
		.type = TENSOR_F32, .n_dims = 2, .ne = {n_in, n_out, 1, 1}, .data = data, .size = n_in * n_out * sizeof *data};
}

static void check(const char *name, double (*loss)(void *), void *user, float *values, const float *gradient, size_t n,
                  double step, double bound)
{
	struct gradient_check c = {name, loss, user, values, gradient, n, step, bound, 0};
	check_gradient(&c, &random_numbers);
}

static void fill(float *array, size_t n, float value)
{
	for (size_t i = 0; i < n; i++)
		array[i] = value;
}

/* after - before, into after: what was accumulated. */
static void subtract(float *after, float before, size_t n)
{
	for (size_t i = 0; i < n; i++)
		after[i] -= before;
}

/* --- embedding ---------------------------------------------------------------------------------------- */

enum { E_VOCAB = 7, E_TOKENS = 9, E_WIDTH = 5 };
static const int32_t embedding_ids[E_TOKENS] = {3, 0, 6, -1, 3, 3, -4, 5, 0};

struct embedding_case {
	float *table, *c, x[E_TOKENS * E_WIDTH];
};

static double embedding_loss(void *user)
{
	struct embedding_case *e = user;
	struct tensor table = matrix(e->table, E_WIDTH, E_VOCAB);
	memset(e->x, 0, sizeof e->x);
	embedding_forward(e->x, embedding_ids, E_TOKENS, E_WIDTH, &table);
	return dot_in_double(e->x, e->c, E_TOKENS * E_WIDTH);
}

static void test_embedding(void **state)
{
	(void)state;
	struct embedding_case e = {.table = normal_array(&random_numbers, E_VOCAB * E_WIDTH, 1),
	                           .c = normal_array(&random_numbers, E_TOKENS * E_WIDTH, 1)};
	float d_table[E_VOCAB * E_WIDTH];
	fill(d_table, E_VOCAB * E_WIDTH, 2);
	embedding_backward(d_table, embedding_ids, e.c, E_TOKENS, E_WIDTH);
	subtract(d_table, 2, E_VOCAB * E_WIDTH);
	/* Linear: nothing but rounding of a few sums. */
	check("embedding d_table", embedding_loss, &e, e.table, d_table, E_VOCAB * E_WIDTH, 1, 1e-6);
	free(e.table);
	free(e.c);
}

/* --- RMSNorm ------------------------------------------------------------------------------------------ */

enum { NORM_ROWS = 5, NORM_WIDTH = 13, NORM_ALL = NORM_ROWS * NORM_WIDTH };

struct norm_case {
	float *x, *w, *c, y[NORM_ALL], rstd[NORM_ROWS];
};

static double norm_loss(void *user)
{
	struct norm_case *n = user;
	rms_norm_forward(n->y, n->rstd, n->x, n->w, NORM_ROWS, NORM_WIDTH, 1e-5f);
	return dot_in_double(n->y, n->c, NORM_ALL);
}

static void test_rms_norm(void **state)
{
	(void)state;
	struct norm_case n = {
		.x = normal_array(&random_numbers, NORM_ALL, 1), .w = normal_array(&random_numbers, NORM_WIDTH, 1),
		.c = normal_array(&random_numbers, NORM_ALL, 1)};
	float d_x[NORM_ALL], d_w[NORM_WIDTH], added[NORM_ALL];
	norm_loss(&n);
	fill(d_x, NORM_ALL, NAN);
	fill(d_w, NORM_WIDTH, 3);
	rms_norm_backward(d_x, d_w, n.c, n.x, n.w, n.rstd, NORM_ROWS, NORM_WIDTH, false);
	subtract(d_w, 3, NORM_WIDTH);
	check("rms_norm d_x", norm_loss, &n, n.x, d_x, NORM_ALL, 0.02, 1e-4);
	check("rms_norm d_w", norm_loss, &n, n.w, d_w, NORM_WIDTH, 1, 1e-5);
	/* Accumulated: the same on top of what was there; d_w is not wanted. */
	fill(added, NORM_ALL, 0.5f);
	rms_norm_backward(added, NULL, n.c, n.x, n.w, n.rstd, NORM_ROWS, NORM_WIDTH, true);
	for (size_t i = 0; i < NORM_ALL; i++)
		assert_float_equal(added[i], 0.5f + d_x[i], 1e-6f);
	/* In place: d_x is where d_y stood. */
	memcpy(added, n.c, sizeof added);
	float d_w_again[NORM_WIDTH] = {0};
	rms_norm_backward(added, d_w_again, added, n.x, n.w, n.rstd, NORM_ROWS, NORM_WIDTH, false);
	assert_memory_equal(added, d_x, sizeof added);
	for (size_t i = 0; i < NORM_WIDTH; i++)
		assert_float_equal(d_w_again[i], d_w[i], 1e-5f);
	free(n.x);
	free(n.w);
	free(n.c);
}

/* Forward in place gives the same numbers, and rstd may be left out. */
static void test_rms_norm_alias(void **state)
{
	(void)state;
	float *x = normal_array(&random_numbers, NORM_ALL, 1), *w = normal_array(&random_numbers, NORM_WIDTH, 1), y[NORM_ALL];
	rms_norm_forward(y, NULL, x, w, NORM_ROWS, NORM_WIDTH, 1e-5f);
	rms_norm_forward(x, NULL, x, w, NORM_ROWS, NORM_WIDTH, 1e-5f);
	assert_memory_equal(x, y, sizeof y);
	free(x);
	free(w);
}

/* --- RoPE --------------------------------------------------------------------------------------------- */

enum { ROPE_TOKENS = 4, ROPE_HEADS = 3, ROPE_WIDTH = 6, ROPE_ALL = ROPE_TOKENS * ROPE_HEADS * ROPE_WIDTH, ROPE_POSITIONS = 40 };
static const int32_t rope_positions[ROPE_TOKENS] = {7, 0, 39, 1};

/* --- bias ---------------------------------------------------------------------------------------------- */

enum { B_TOKENS = 5, B_WIDTH = 7 };

struct bias_case {
	float *x, *bias, *c, y[B_TOKENS * B_WIDTH];
};

static double bias_loss(void *user)
{
	struct bias_case *b = user;
	memcpy(b->y, b->x, sizeof b->y);
	bias_forward(b->y, b->bias, B_TOKENS, B_WIDTH);
	return dot_in_double(b->y, b->c, B_TOKENS * B_WIDTH);
}

static void test_bias(void **state)
{
	(void)state;
	struct bias_case b = {normal_array(&random_numbers, B_TOKENS * B_WIDTH, 1), normal_array(&random_numbers, B_WIDTH, 1),
			      normal_array(&random_numbers, B_TOKENS * B_WIDTH, 1), {0}};
	float d_bias[B_WIDTH];
	fill(d_bias, B_WIDTH, 3);
	bias_backward(d_bias, b.c, B_TOKENS, B_WIDTH);
	subtract(d_bias, 3, B_WIDTH);
	check("bias", bias_loss, &b, b.bias, d_bias, B_WIDTH, 1, 1e-5);
	bias_backward(NULL, b.c, B_TOKENS, B_WIDTH);
	free(b.x);
	free(b.bias);
	free(b.c);
}

struct rope_case {
	struct rope_table table;
	float cosines[ROPE_POSITIONS * ROPE_WIDTH / 2], sines[ROPE_POSITIONS * ROPE_WIDTH / 2];
	float *x, *c, y[ROPE_ALL];
};

static double rope_loss(void *user)
{
	struct rope_case *r = user;
	memcpy(r->y, r->x, sizeof r->y);
	rope_forward(r->y, rope_positions, ROPE_TOKENS, ROPE_HEADS, &r->table);
	return dot_in_double(r->y, r->c, ROPE_ALL);
}

static void check_rope(enum rope_style style, const float *factors)
{
	struct rope_case r = {.x = normal_array(&random_numbers, ROPE_ALL, 1), .c = normal_array(&random_numbers, ROPE_ALL, 1)};
	r.table = (struct rope_table){style, ROPE_WIDTH, ROPE_POSITIONS, r.cosines, r.sines};
	rope_table_fill(&r.table, 100, factors);
	float *d_x = malloc(ROPE_ALL * sizeof *d_x);
	assert_non_null(d_x);
	memcpy(d_x, r.c, ROPE_ALL * sizeof *d_x);
	rope_backward(d_x, rope_positions, ROPE_TOKENS, ROPE_HEADS, &r.table);
	/* Linear. */
	check("rope d_x", rope_loss, &r, r.x, d_x, ROPE_ALL, 1, 1e-5);
	free(d_x);
	free(r.x);
	free(r.c);
}

static void test_rope(void **state)
{
	(void)state;
	static const float factors[ROPE_WIDTH / 2] = {1, 2.5f, 8};
	check_rope(ROPE_NEIGHBOURS, NULL);
	check_rope(ROPE_HALVES, NULL);
	check_rope(ROPE_NEIGHBOURS, factors);
}

/* One pair of each style turned by hand: equation 15 of the paper. */
static void test_rope_pairs(void **state)
{
	(void)state;
	float cosines[3 * 2], sines[3 * 2];
	struct rope_table table = {ROPE_NEIGHBOURS, 4, 3, cosines, sines};
	rope_table_fill(&table, 10000, NULL);
	int32_t two = 2;
	float x[4] = {1, 2, 3, 4}, y[4] = {1, 2, 3, 4};
	rope_forward(x, &two, 1, 1, &table);
	table.style = ROPE_HALVES;
	rope_forward(y, &two, 1, 1, &table);
	double fast = 2, slow = 2 / 100.0; /* theta^(-0/4), theta^(-2/4) */
	double x_right[4] = {cos(fast) - 2 * sin(fast), sin(fast) + 2 * cos(fast), 3 * cos(slow) - 4 * sin(slow),
			     3 * sin(slow) + 4 * cos(slow)};
	double y_right[4] = {cos(fast) - 3 * sin(fast), 2 * cos(slow) - 4 * sin(slow), sin(fast) + 3 * cos(fast),
			     2 * sin(slow) + 4 * cos(slow)};
	for (int i = 0; i < 4; i++) {
		assert_float_equal(x[i], (float)x_right[i], 1e-6f);
		assert_float_equal(y[i], (float)y_right[i], 1e-6f);
	}
}

/* --- linear ------------------------------------------------------------------------------------------- */

/* Wider than one panel of 512 columns and 32 rows, neither a multiple; columns in blocks of 32 for Q8_0. */
enum { L_TOKENS = 3, L_IN = 544, L_OUT = 35 };

struct linear_case {
	struct tensor w;
	enum precision precision;
	float *x, *c, y[L_TOKENS * L_OUT];
};

static double linear_loss(void *user)
{
	struct linear_case *l = user;
	linear_forward(NULL, l->precision, l->y, l->x, &l->w, L_TOKENS, false);
	return dot_in_double(l->y, l->c, L_TOKENS * L_OUT);
}

static void check_d_x(struct linear_case *l, const char *name, double bound)
{
	float *d_x = malloc(2 * L_TOKENS * L_IN * sizeof *d_x), *added = d_x + L_TOKENS * L_IN;
	assert_non_null(d_x);
	fill(d_x, L_TOKENS * L_IN, NAN);
	fill(added, L_TOKENS * L_IN, 1);
	linear_backward(l->precision, d_x, NULL, l->c, l->x, &l->w, L_TOKENS, false);
	linear_backward(l->precision, added, NULL, l->c, l->x, &l->w, L_TOKENS, true);
	struct gradient_check c = {name, linear_loss, l, l->x, d_x, L_TOKENS * L_IN, 1, bound, 400};
	check_gradient(&c, &random_numbers);
	for (size_t i = 0; i < L_TOKENS * L_IN; i++)
		assert_float_equal(added[i], 1 + d_x[i], 1e-5f);
	free(d_x);
}

static void test_linear(void **state)
{
	(void)state;
	float *w = normal_array(&random_numbers, L_OUT * L_IN, 0.2), *d_w = malloc(L_OUT * L_IN * sizeof *d_w);
	struct linear_case l = {
		.w = matrix(w, L_IN, L_OUT), .x = normal_array(&random_numbers, L_TOKENS * L_IN, 1),
		.c = normal_array(&random_numbers, L_TOKENS * L_OUT, 1)};
	assert_non_null(d_w);
	/* Linear in x and in w: sums of 544 terms round by about 1e-6. */
	check_d_x(&l, "linear d_x", 5e-5);
	fill(d_w, L_OUT * L_IN, 1);
	linear_backward(PRECISION_F32, NULL, d_w, l.c, l.x, &l.w, L_TOKENS, false);
	subtract(d_w, 1, L_OUT * L_IN);
	struct gradient_check c = {"linear d_w", linear_loss, &l, w, d_w, L_OUT * L_IN, 1, 5e-5, 400};
	check_gradient(&c, &random_numbers);
	free(w);
	free(d_w);
	free(l.x);
	free(l.c);
}

/* Rounds w to a packed type; any block of Q8_0 will do, so scale and numbers are drawn. */
static void *pack(enum tensor_type type, const float *w, size_t n)
{
	size_t size;
	assert_true(tensor_row_size(type, n, &size));
	void *packed = malloc(size);
	assert_non_null(packed);
	for (size_t i = 0; type == TENSOR_F16 && i < n; i++)
		((uint16_t *)packed)[i] = half_from_float(w[i]);
	for (size_t i = 0; type == TENSOR_BF16 && i < n; i++)
		((uint16_t *)packed)[i] = bf16_from_float(w[i]);
	for (size_t b = 0; type == TENSOR_Q8_0 && b < n / 32; b++) {
		struct block_q8_0 *block = (struct block_q8_0 *)packed + b;
		block->scale = half_from_float((float)(0.002 * (1 + random_uniform(&random_numbers))));
		for (int i = 0; i < 32; i++)
			block->q[i] = (int8_t)((int)random_below(&random_numbers, 255) - 127);
	}
	return packed;
}

static void test_linear_packed(void **state)
{
	(void)state;
	static const enum tensor_type types[] = {TENSOR_F16, TENSOR_BF16, TENSOR_Q8_0};
	float *w = normal_array(&random_numbers, L_OUT * L_IN, 0.2);
	for (size_t i = 0; i < 3; i++) {
		void *packed = pack(types[i], w, L_OUT * L_IN);
		struct linear_case l = {.x = normal_array(&random_numbers, L_TOKENS * L_IN, 1),
		                        .c = normal_array(&random_numbers, L_TOKENS * L_OUT, 1)};
		l.w = matrix(NULL, L_IN, L_OUT);
		l.w.type = types[i];
		l.w.data = packed;
		check_d_x(&l, tensor_type_name(types[i]), 5e-5);
		free(packed);
		free(l.x);
		free(l.c);
	}
	free(w);
}

/* Half precision of the operands: each product errs by up to 2^-8, their sum by much less than its size. */
static void test_linear_bf16(void **state)
{
	(void)state;
	float *w = normal_array(&random_numbers, L_OUT * L_IN, 0.2), *x = normal_array(&random_numbers, L_TOKENS * L_IN, 1);
	float *d_y = normal_array(&random_numbers, L_TOKENS * L_OUT, 1);
	float *d_x = malloc(2 * L_TOKENS * L_IN * sizeof *d_x), *d_w = calloc(2 * L_OUT * L_IN, sizeof *d_w);
	struct tensor tensor = matrix(w, L_IN, L_OUT);
	assert_non_null(d_x);
	assert_non_null(d_w);
	for (int p = 0; p < 2; p++)
		linear_backward(p == 0 ? PRECISION_F32 : PRECISION_BF16, d_x + p * L_TOKENS * L_IN, d_w + p * L_OUT * L_IN, d_y,
		                x, &tensor, L_TOKENS, false);
	double d_x_norm = dot_in_double(d_x, d_x, L_TOKENS * L_IN), d_w_norm = dot_in_double(d_w, d_w, L_OUT * L_IN);
	double d_x_error = 0, d_w_error = 0;
	for (size_t i = 0; i < L_TOKENS * L_IN; i++)
		d_x_error += pow((double)d_x[i] - (double)d_x[L_TOKENS * L_IN + i], 2);
	for (size_t i = 0; i < L_OUT * L_IN; i++)
		d_w_error += pow((double)d_w[i] - (double)d_w[L_OUT * L_IN + i], 2);
	assert_true(sqrt(d_x_error / d_x_norm) < 0.005);
	assert_true(sqrt(d_w_error / d_w_norm) < 0.005);
	free(w);
	free(x);
	free(d_y);
	free(d_x);
	free(d_w);
}

/* --- LoRA --------------------------------------------------------------------------------------------- */

enum { A_TOKENS = 4, A_IN = 9, A_OUT = 7, A_RANK = 3 };

struct lora_case {
	struct lora lora;
	float *x, *start, *c, y[A_TOKENS * A_OUT], low[A_TOKENS * A_RANK];
};

static double lora_loss(void *user)
{
	struct lora_case *l = user;
	memcpy(l->y, l->start, sizeof l->y);
	lora_forward(PRECISION_F32, l->y, l->low, l->x, &l->lora, A_TOKENS);
	return dot_in_double(l->y, l->c, A_TOKENS * A_OUT);
}

static void test_lora(void **state)
{
	(void)state;
	float d_a[A_RANK * A_IN], d_b[A_OUT * A_RANK], d_x[A_TOKENS * A_IN], d_low[A_TOKENS * A_RANK];
	struct lora_case l = {.lora = {normal_array(&random_numbers, A_RANK * A_IN, 0.7),
	                               normal_array(&random_numbers, A_OUT * A_RANK, 0.7), d_a, d_b, A_IN, A_OUT, A_RANK, 1.75f},
	                      .x = normal_array(&random_numbers, A_TOKENS * A_IN, 1),
	                      .start = normal_array(&random_numbers, A_TOKENS * A_OUT, 1),
	                      .c = normal_array(&random_numbers, A_TOKENS * A_OUT, 1)};
	fill(d_a, A_RANK * A_IN, 1);
	fill(d_b, A_OUT * A_RANK, 1);
	fill(d_x, A_TOKENS * A_IN, 1);
	lora_loss(&l);
	lora_backward(PRECISION_F32, d_x, d_low, l.c, l.x, l.low, &l.lora, A_TOKENS);
	subtract(d_a, 1, A_RANK * A_IN);
	subtract(d_b, 1, A_OUT * A_RANK);
	subtract(d_x, 1, A_TOKENS * A_IN);
	/* Linear in each of the three. */
	check("lora d_a", lora_loss, &l, l.lora.a, d_a, A_RANK * A_IN, 1, 1e-5);
	check("lora d_b", lora_loss, &l, l.lora.b, d_b, A_OUT * A_RANK, 1, 1e-5);
	check("lora d_x", lora_loss, &l, l.x, d_x, A_TOKENS * A_IN, 1, 1e-5);
	/* Frozen factors and an unwanted d_x are left alone. */
	struct lora frozen = l.lora;
	frozen.d_a = frozen.d_b = NULL;
	lora_backward(PRECISION_F32, NULL, d_low, l.c, l.x, l.low, &frozen, A_TOKENS);
	/* Merged into a weight it adds the same to y as beside it. */
	float *w = normal_array(&random_numbers, A_OUT * A_IN, 1), before[A_OUT * A_IN];
	memcpy(before, w, sizeof before);
	lora_merge(&l.lora, w);
	lora_loss(&l);
	for (size_t t = 0; t < A_TOKENS; t++)
		for (size_t o = 0; o < A_OUT; o++) {
			double sum = (double)l.start[t * A_OUT + o];
			for (size_t i = 0; i < A_IN; i++)
				sum += (double)(w[o * A_IN + i] - before[o * A_IN + i]) * (double)l.x[t * A_IN + i];
			assert_true(fabs(sum - (double)l.y[t * A_OUT + o]) < 1e-5 * (1 + fabs(sum)));
		}
	free(w);
	free(l.lora.a);
	free(l.lora.b);
	free(l.x);
	free(l.start);
	free(l.c);
}

/* --- SwiGLU ------------------------------------------------------------------------------------------- */

enum { S_ALL = 37 };

struct silu_case {
	const struct kernels *kernels;
	float *gate, *up, *c, y[S_ALL];
};

static double silu_loss(void *user)
{
	struct silu_case *s = user;
	s->kernels->silu_multiply(s->y, s->gate, s->up, S_ALL);
	return dot_in_double(s->y, s->c, S_ALL);
}

static void test_silu_multiply(void **state)
{
	(void)state;
	const struct kernels *tables[8];
	size_t n = kernels_available(tables, 8);
	for (size_t k = 0; k < n; k++) {
		float d_gate[S_ALL], d_up[S_ALL], gate[S_ALL], up[S_ALL];
		struct silu_case s = {
			.kernels = tables[k], .gate = normal_array(&random_numbers, S_ALL, 3),
			.up = normal_array(&random_numbers, S_ALL, 1), .c = normal_array(&random_numbers, S_ALL, 1)};
		s.kernels->silu_multiply_backward(d_gate, d_up, s.gate, s.up, s.c, S_ALL);
		check("silu d_gate", silu_loss, &s, s.gate, d_gate, S_ALL, 0.02, 1e-4);
		check("silu d_up", silu_loss, &s, s.up, d_up, S_ALL, 1, 1e-5);
		memcpy(gate, s.gate, sizeof gate);
		memcpy(up, s.up, sizeof up);
		s.kernels->silu_multiply_backward(gate, up, gate, up, s.c, S_ALL);
		assert_memory_equal(gate, d_gate, sizeof gate);
		assert_memory_equal(up, d_up, sizeof up);
		free(s.gate);
		free(s.up);
		free(s.c);
	}
}

/* A linear op with a mask: what is dropped, what grows, and that backward has the same mask. */
static void test_dropout(void **state)
{
	(void)state;
	enum { N = 40003 };
	const struct dropout third = {0.3f, 17}, other = {0.3f, 18}, none = {0, 17};
	float *x = malloc(N * sizeof *x), *d_x = malloc(N * sizeof *d_x), *y = malloc(N * sizeof *y);
	assert_true(x != NULL && d_x != NULL && y != NULL);
	size_t n_dropped = 0, n_different = 0;
	for (size_t i = 0; i < N; i++)
		x[i] = d_x[i] = y[i] = 2;
	dropout_forward(x, N, none);
	assert_memory_equal(x, y, N * sizeof *x);
	dropout_forward(x, N, third);
	dropout_backward(d_x, N, third);
	dropout_forward(y, N, other);
	assert_memory_equal(x, d_x, N * sizeof *x);
	for (size_t i = 0; i < N; i++) {
		assert_true(x[i] == 0 || fabsf(x[i] - 2 / 0.7f) < 1e-4f);
		n_dropped += x[i] == 0;
		n_different += x[i] != y[i];
	}
	assert_true(n_dropped > N * 0.29 && n_dropped < N * 0.31);
	assert_true(n_different > N * 0.40 && n_different < N * 0.44); /* 2 * 0.3 * 0.7 */
	free(x);
	free(d_x);
	free(y);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dropout), cmocka_unit_test(test_embedding),       cmocka_unit_test(test_rms_norm),
		cmocka_unit_test(test_rms_norm_alias),  cmocka_unit_test(test_bias),           cmocka_unit_test(test_rope),
		cmocka_unit_test(test_rope_pairs),      cmocka_unit_test(test_linear),
		cmocka_unit_test(test_linear_packed),   cmocka_unit_test(test_linear_bf16),
		cmocka_unit_test(test_lora),            cmocka_unit_test(test_silu_multiply),
	};
	return cmocka_run_group_tests(tests, seed, NULL);
}
