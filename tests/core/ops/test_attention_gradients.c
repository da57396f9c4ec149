/*
 * Attention against the definition in double precision, and its gradients
 * against finite differences: alone and behind a prefix, few queries (dot
 * products) and many (blocks of 128), grouped heads, odd sizes.
 */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"
#include "support/gradients.h"

static struct random_state random_numbers;
static struct thread_pool *pool;

struct attention_case {
	struct attention_shape shape;
	float *q, *k, *v, *c, *out, *lse, *scratch;
	size_t n_q, n_kv;
};

static void attention_init(struct attention_case *a, const struct attention_shape *shape)
{
	random_seed(&random_numbers, 7 + shape->n_queries);
	a->shape = *shape;
	a->n_q = shape->n_queries * shape->n_heads * shape->head_dim;
	a->n_kv = shape->n_keys * shape->n_kv_heads * shape->head_dim;
	a->q = normal_array(&random_numbers, a->n_q, 1.5);
	a->k = normal_array(&random_numbers, a->n_kv, 1.5);
	a->v = normal_array(&random_numbers, a->n_kv, 1);
	a->c = normal_array(&random_numbers, a->n_q, 1);
	a->out = malloc(a->n_q * sizeof *a->out);
	a->lse = malloc(shape->n_queries * shape->n_heads * sizeof *a->lse);
	a->scratch = malloc(attention_scratch_size(pool, PRECISION_BF16, shape) * sizeof *a->scratch);
	assert_true(a->out != NULL && a->lse != NULL && a->scratch != NULL);
}

static void attention_free(struct attention_case *a)
{
	float *arrays[] = {a->q, a->k, a->v, a->c, a->out, a->lse, a->scratch};
	for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
		free(arrays[i]);
}

static double attention_loss(void *user)
{
	struct attention_case *a = user;
	attention_forward(NULL, PRECISION_F32, a->out, a->lse, a->q, a->k, a->v, &a->shape, a->scratch);
	return dot_in_double(a->out, a->c, a->n_q);
}

/* One query of one head by the definition: out (head_dim); returns the log of the sum. */
static double attend(const struct attention_case *a, size_t i, size_t h, double *out)
{
	const struct attention_shape *s = &a->shape;
	size_t kv_head = h / (s->n_heads / s->n_kv_heads), visible = s->n_keys - s->n_queries + i + 1;
	const float *q = a->q + (i * s->n_heads + h) * s->head_dim;
	double sum = 0;
	for (size_t d = 0; d < s->head_dim; d++)
		out[d] = 0;
	for (size_t j = 0; j < visible; j++) {
		size_t row = (j * s->n_kv_heads + kv_head) * s->head_dim;
		double weight = exp(dot_in_double(q, a->k + row, s->head_dim) / sqrt((double)s->head_dim));
		sum += weight;
		for (size_t d = 0; d < s->head_dim; d++)
			out[d] += weight * (double)a->v[row + d];
	}
	for (size_t d = 0; d < s->head_dim; d++)
		out[d] /= sum;
	return log(sum);
}

static void check_values(struct attention_case *a)
{
	const struct attention_shape *s = &a->shape;
	double out[64];
	attention_loss(a);
	for (size_t i = 0; i < s->n_queries; i++)
		for (size_t h = 0; h < s->n_heads; h++) {
			double lse = attend(a, i, h, out);
			assert_float_equal(a->lse[i * s->n_heads + h], (float)lse, 1e-5f);
			for (size_t d = 0; d < s->head_dim; d++)
				assert_float_equal(a->out[(i * s->n_heads + h) * s->head_dim + d], (float)out[d], 1e-5f);
		}
}

static void check_array(struct attention_case *a, const char *name, float *values, const float *gradient, size_t n)
{
	/* Outputs of about 1 carry errors of 1e-7 each and hundreds are summed; the gradient's own size is about 1. */
	struct gradient_check check = {name, attention_loss, a, values, gradient, n, 0.03, 5e-4, 60};
	check_gradient(&check, &random_numbers);
}

static void check_shape(struct attention_shape shape)
{
	struct attention_case a;
	attention_init(&a, &shape);
	check_values(&a);
	float *d_q = malloc(a.n_q * sizeof *d_q), *d_k = malloc(a.n_kv * sizeof *d_k), *d_v = malloc(a.n_kv * sizeof *d_v);
	assert_true(d_q != NULL && d_k != NULL && d_v != NULL);
	for (size_t i = 0; i < a.n_q; i++)
		d_q[i] = NAN; /* assigned */
	for (size_t i = 0; i < a.n_kv; i++)
		d_k[i] = d_v[i] = 1; /* accumulated */
	attention_backward(PRECISION_F32, d_q, d_k, d_v, a.c, a.out, a.lse, a.q, a.k, a.v, &shape, a.scratch);
	for (size_t i = 0; i < a.n_kv; i++) {
		d_k[i] -= 1;
		d_v[i] -= 1;
	}
	check_array(&a, "attention d_q", a.q, d_q, a.n_q);
	check_array(&a, "attention d_k", a.k, d_k, a.n_kv);
	check_array(&a, "attention d_v", a.v, d_v, a.n_kv);
	free(d_q);
	free(d_k);
	free(d_v);
	attention_free(&a);
}

static void test_alone(void **state)
{
	(void)state;
	check_shape((struct attention_shape){7, 7, 3, 3, 6});
}

static void test_prefix(void **state)
{
	(void)state;
	check_shape((struct attention_shape){7, 12, 2, 2, 5});
}

static void test_grouped_heads(void **state)
{
	(void)state;
	check_shape((struct attention_shape){9, 13, 6, 2, 4});
	check_shape((struct attention_shape){9, 9, 4, 1, 7});
}

static void test_few_queries(void **state)
{
	(void)state;
	check_shape((struct attention_shape){3, 11, 4, 2, 6});
	check_shape((struct attention_shape){4, 4, 2, 1, 6});
}

static void test_blocks(void **state)
{
	(void)state;
	check_shape((struct attention_shape){131, 136, 2, 1, 6}); /* a block of 128, one of 3 */
	check_shape((struct attention_shape){257, 257, 2, 1, 4}); /* two and a single row */
}

/* Adds the probabilities of query i of head h by the definition to what each key received. */
static void receive(const struct attention_case *a, size_t i, size_t h, double *later, double *own)
{
	const struct attention_shape *s = &a->shape;
	size_t kv_head = h / (s->n_heads / s->n_kv_heads), visible = s->n_keys - s->n_queries + i + 1;
	double out[64], lse = attend(a, i, h, out);
	const float *q = a->q + (i * s->n_heads + h) * s->head_dim;
	for (size_t j = 0; j < visible; j++) {
		double score = dot_in_double(q, a->k + (j * s->n_kv_heads + kv_head) * s->head_dim, s->head_dim);
		*(j + 1 < visible ? &later[j] : &own[j]) += exp(score / sqrt((double)s->head_dim) - lse);
	}
}

/* Sums of the columns of the matrix of probabilities, which attention never has; and the output is the same to the bit. */
static void check_received(struct attention_shape shape)
{
	struct attention_case a;
	attention_init(&a, &shape);
	float later[300] = {0}, own[300] = {0};
	double right_later[300] = {0}, right_own[300] = {0}, sum = 0;
	assert_in_range(shape.n_keys, 1, 300);
	attention_loss(&a);
	float *out = malloc(a.n_q * sizeof *out), *lse = malloc(shape.n_queries * shape.n_heads * sizeof *lse);
	assert_true(out != NULL && lse != NULL);
	later[0] = 2; /* accumulated */
	attention_forward_received(PRECISION_F32, out, lse, &(struct attention_received){later, own}, a.q, a.k, a.v, &shape,
	                           a.scratch);
	later[0] -= 2;
	assert_memory_equal(out, a.out, a.n_q * sizeof *out);
	assert_memory_equal(lse, a.lse, shape.n_queries * shape.n_heads * sizeof *lse);
	for (size_t i = 0; i < shape.n_queries; i++)
		for (size_t h = 0; h < shape.n_heads; h++)
			receive(&a, i, h, right_later, right_own);
	for (size_t j = 0; j < shape.n_keys; j++) {
		assert_float_equal(later[j], (float)right_later[j], 2e-5f * (float)(1 + right_later[j]));
		assert_float_equal(own[j], (float)right_own[j], 1e-5f);
		sum += (double)later[j] + (double)own[j];
	}
	assert_float_equal((float)sum, (float)(shape.n_queries * shape.n_heads), 1e-3f);
	/* On tiles: queries and keys are rounded by 2^-9, scores of a few units move by some 1 %, and probabilities with them. */
	memset(later, 0, sizeof later);
	memset(own, 0, sizeof own);
	attention_forward_received(PRECISION_BF16, out, lse, &(struct attention_received){later, own}, a.q, a.k, a.v, &shape,
				   a.scratch);
	for (size_t j = 0; j < shape.n_keys; j++) {
		assert_float_equal(later[j], (float)right_later[j], 0.02f * (float)(1 + right_later[j]));
		assert_float_equal(own[j], (float)right_own[j], 0.02f);
	}
	for (size_t i = 0; i < a.n_q; i++)
		assert_float_equal(out[i], a.out[i], 0.05f);
	free(out);
	free(lse);
	attention_free(&a);
}

static void test_received(void **state)
{
	(void)state;
	check_received((struct attention_shape){7, 7, 3, 3, 6});
	check_received((struct attention_shape){9, 13, 6, 2, 4});
	check_received((struct attention_shape){3, 11, 4, 2, 6}); /* few queries */
	check_received((struct attention_shape){1, 1, 2, 1, 4});
	check_received((struct attention_shape){257, 260, 2, 1, 4}); /* blocks */
}

/* Scores far from zero: the softmax must not overflow, nor its gradient be anything but a number. */
static void test_large_scores(void **state)
{
	(void)state;
	struct attention_case a;
	attention_init(&a, &(struct attention_shape){6, 8, 2, 1, 4});
	for (size_t i = 0; i < a.n_q; i++)
		a.q[i] *= 100;
	attention_loss(&a);
	float *d_q = malloc(a.n_q * sizeof *d_q), *d_k = calloc(a.n_kv, sizeof *d_k), *d_v = calloc(a.n_kv, sizeof *d_v);
	assert_true(d_q != NULL && d_k != NULL && d_v != NULL);
	attention_backward(PRECISION_F32, d_q, d_k, d_v, a.c, a.out, a.lse, a.q, a.k, a.v, &a.shape, a.scratch);
	for (size_t i = 0; i < a.n_q; i++)
		assert_true(isfinite(a.out[i]) && isfinite(d_q[i]));
	for (size_t i = 0; i < a.n_kv; i++)
		assert_true(isfinite(d_k[i]) && isfinite(d_v[i]));
	free(d_q);
	free(d_k);
	free(d_v);
	attention_free(&a);
}

/* The largest difference, relative to the root mean square of what is expected. */
static double difference(const float *got, const float *expected, size_t n)
{
	double most = 0;
	for (size_t i = 0; i < n; i++)
		most = fmax(most, fabs((double)got[i] - (double)expected[i]));
	return most / sqrt(dot_in_double(expected, expected, n) / (double)n);
}

/*
 * bf16 against fp32, which the tests above hold to the definition. Operands
 * are rounded by 2^-9 each: scores of deviation 1.5^2 then err by about 0.01,
 * probabilities by 1 % of themselves.
 */
static void check_bf16(struct attention_shape shape)
{
	struct attention_case a;
	attention_init(&a, &shape);
	float *d_q[2], *d_k[2], *d_v[2], *out[2], *lse[2];
	size_t n_lse = shape.n_queries * shape.n_heads;
	for (int p = 0; p < 2; p++) {
		enum precision precision = p == 0 ? PRECISION_F32 : PRECISION_BF16;
		out[p] = malloc(a.n_q * sizeof(float));
		lse[p] = malloc(n_lse * sizeof(float));
		d_q[p] = malloc(a.n_q * sizeof(float));
		d_k[p] = calloc(a.n_kv, sizeof(float));
		d_v[p] = calloc(a.n_kv, sizeof(float));
		assert_true(out[p] != NULL && lse[p] != NULL && d_q[p] != NULL && d_k[p] != NULL && d_v[p] != NULL);
		attention_forward(NULL, precision, out[p], lse[p], a.q, a.k, a.v, &shape, a.scratch);
		attention_backward(precision, d_q[p], d_k[p], d_v[p], a.c, out[p], lse[p], a.q, a.k, a.v, &shape, a.scratch);
	}
	assert_true(difference(lse[1], lse[0], n_lse) < 0.02);
	assert_true(difference(out[1], out[0], a.n_q) < 0.06);
	assert_true(difference(d_q[1], d_q[0], a.n_q) < 0.1);
	assert_true(difference(d_k[1], d_k[0], a.n_kv) < 0.1);
	assert_true(difference(d_v[1], d_v[0], a.n_kv) < 0.1);
	float *arrays[] = {d_q[0], d_q[1], d_k[0], d_k[1], d_v[0], d_v[1], out[0], out[1], lse[0], lse[1]};
	for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
		free(arrays[i]);
	attention_free(&a);
}

/* Shared out among threads it is the same to the bit, for one query and for many. */
static void test_threads(void **state)
{
	(void)state;
	static const struct attention_shape shapes[] = {{1, 1500, 8, 4, 64}, {130, 200, 6, 3, 32}};
	for (size_t i = 0; i < 2; i++)
		for (int p = 0; p < 2; p++) {
			enum precision precision = p == 0 ? PRECISION_F32 : PRECISION_BF16;
			struct attention_case a;
			attention_init(&a, &shapes[i]);
			float *out = malloc(a.n_q * sizeof *out);
			assert_non_null(out);
			attention_forward(NULL, precision, out, NULL, a.q, a.k, a.v, &a.shape, a.scratch);
			attention_forward(pool, precision, a.out, NULL, a.q, a.k, a.v, &a.shape, a.scratch);
			assert_memory_equal(out, a.out, a.n_q * sizeof *out);
			free(out);
			attention_free(&a);
		}
}

static void test_bf16(void **state)
{
	(void)state;
	check_bf16((struct attention_shape){3, 11, 4, 2, 6});
	check_bf16((struct attention_shape){7, 12, 3, 3, 6});
	check_bf16((struct attention_shape){65, 70, 4, 2, 20});
	check_bf16((struct attention_shape){131, 150, 4, 4, 64});
	check_bf16((struct attention_shape){200, 200, 2, 1, 33});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),        cmocka_unit_test(test_prefix), cmocka_unit_test(test_grouped_heads),
		cmocka_unit_test(test_few_queries),  cmocka_unit_test(test_blocks), cmocka_unit_test(test_received),
		cmocka_unit_test(test_large_scores), cmocka_unit_test(test_bf16),   cmocka_unit_test(test_threads),
	};
	pool = thread_pool_create(3);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	thread_pool_destroy(pool);
	return failed;
}
