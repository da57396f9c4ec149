/* The loss head against its definition in double precision, its gradients against finite differences. */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/tensor.h"
#include "ops/ops.h"
#include "support/gradients.h"

static struct random_state random_numbers;

/* Rows with a target: 153 of 170, more than one chunk. */
enum { H_ROWS = 170, H_VOCAB = 37, H_WIDTH = 11 };

struct head_case {
	float *x, *w, *scratch, weights[H_ROWS], losses[H_ROWS];
	int32_t targets[H_ROWS];
};

static void head_init(struct head_case *h)
{
	random_seed(&random_numbers, 41);
	h->x = normal_array(&random_numbers, H_ROWS * H_WIDTH, 1);
	h->w = normal_array(&random_numbers, H_VOCAB * H_WIDTH, 0.5);
	h->scratch = malloc(loss_head_scratch_size(H_VOCAB, H_WIDTH) * sizeof *h->scratch);
	assert_non_null(h->scratch);
	for (size_t i = 0; i < H_ROWS; i++) {
		h->weights[i] = (float)random_uniform(&random_numbers);
		h->targets[i] = i % 10 == 3 ? -1 : (int32_t)random_below(&random_numbers, H_VOCAB);
	}
}

static void head_free(struct head_case *h)
{
	free(h->x);
	free(h->w);
	free(h->scratch);
}

static struct tensor table_of(const struct head_case *h)
{
	return (struct tensor){.type = TENSOR_F32, .n_dims = 2, .ne = {H_WIDTH, H_VOCAB, 1, 1}, .data = h->w,
			       .size = H_VOCAB * H_WIDTH * sizeof *h->w};
}

static double head_loss(void *user)
{
	struct head_case *h = user;
	struct tensor w = table_of(h);
	loss_head_forward(NULL, PRECISION_F32, h->losses, NULL, h->x, &w, h->targets, H_ROWS, h->scratch);
	return dot_in_double(h->losses, h->weights, H_ROWS);
}

static void test_loss_head_gradients(void **state)
{
	(void)state;
	struct head_case h;
	head_init(&h);
	struct tensor w = table_of(&h);
	float *d_x = malloc(H_ROWS * H_WIDTH * sizeof *d_x), d_w[H_VOCAB * H_WIDTH], losses[H_ROWS];
	assert_non_null(d_x);
	for (size_t i = 0; i < H_ROWS * H_WIDTH; i++)
		d_x[i] = NAN; /* assigned */
	for (size_t i = 0; i < H_VOCAB * H_WIDTH; i++)
		d_w[i] = 1; /* accumulated */
	loss_head_backward(PRECISION_F32, losses, NULL, d_x, d_w, h.x, &w, h.targets, h.weights, NULL, H_ROWS, h.scratch);
	for (size_t i = 0; i < H_VOCAB * H_WIDTH; i++)
		d_w[i] -= 1;
	/* Losses of about 3 nats carry errors of 3e-7; over a step of 0.05 that is 1e-5 of the gradients here. */
	struct gradient_check c = {"loss_head d_x", head_loss, &h, h.x, d_x, H_ROWS * H_WIDTH, 0.05, 3e-4, 400};
	check_gradient(&c, &random_numbers);
	struct gradient_check of_w = {"loss_head d_w", head_loss, &h, h.w, d_w, H_VOCAB * H_WIDTH, 0.05, 3e-4, 0};
	check_gradient(&of_w, &random_numbers);
	head_loss(&h);
	assert_memory_equal(losses, h.losses, sizeof losses);
	for (size_t i = 0; i < H_ROWS; i++)
		for (size_t j = 0; h.targets[i] < 0 && j < H_WIDTH; j++)
			assert_true(d_x[i * H_WIDTH + j] == 0);
	/* With the table frozen d_x is the same. */
	float *d_x_frozen = malloc(H_ROWS * H_WIDTH * sizeof *d_x_frozen);
	assert_non_null(d_x_frozen);
	loss_head_backward(PRECISION_F32, losses, NULL, d_x_frozen, NULL, h.x, &w, h.targets, h.weights, NULL, H_ROWS, h.scratch);
	assert_memory_equal(d_x, d_x_frozen, H_ROWS * H_WIDTH * sizeof *d_x);
	free(d_x);
	free(d_x_frozen);
	head_free(&h);
}

/* Losses and correct against the definition, in double. */
static void test_loss_head_values(void **state)
{
	(void)state;
	struct head_case h;
	head_init(&h);
	struct tensor w = table_of(&h);
	bool correct[H_ROWS];
	int n_correct = 0;
	loss_head_forward(NULL, PRECISION_F32, h.losses, correct, h.x, &w, h.targets, H_ROWS, h.scratch);
	for (size_t i = 0; i < H_ROWS; i++) {
		double logits[H_VOCAB], sum = 0;
		size_t best = 0;
		for (size_t v = 0; v < H_VOCAB; v++) {
			logits[v] = dot_in_double(h.w + v * H_WIDTH, h.x + i * H_WIDTH, H_WIDTH);
			sum += exp(logits[v]);
			best = logits[v] > logits[best] ? v : best;
		}
		bool has_target = h.targets[i] >= 0;
		double loss = has_target ? log(sum) - logits[h.targets[i]] : 0;
		assert_true(fabs((double)h.losses[i] - loss) < 3e-6);
		assert_int_equal(correct[i], has_target && (size_t)h.targets[i] == best);
		n_correct += correct[i];
	}
	assert_true(n_correct > 0);
	head_free(&h);
}

/* More rows with a target than the bf16 head takes at once, more vocabulary than a block, none a round number. */
enum { B_ROWS = 2500, B_VOCAB = 1130, B_WIDTH = 43 };

struct outcome {
	float *d_x, *d_w, losses[B_ROWS];
	bool correct[B_ROWS];
};

static float *rounded_array(size_t n, double deviation)
{
	float *array = normal_array(&random_numbers, n, deviation);
	for (size_t i = 0; i < n; i++)
		array[i] = float_from_bf16(bf16_from_float(array[i]));
	return array;
}

static double root_mean_square(const float *x, size_t n)
{
	return sqrt(dot_in_double(x, x, n) / (double)n);
}

/*
 * The same losses but for the order of sums, where x and w are numbers of bf16
 * already. Each gradient of a logit is rounded to 8 bits on its way to d_x and
 * d_w, by 2^-9 at most and independently: that is their error relative to the
 * root mean square, times a few for the largest of many.
 */
static void check_outcome(const struct outcome *got, const struct outcome *expected)
{
	size_t n_correct = 0;
	for (size_t i = 0; i < B_ROWS; i++) {
		assert_true(fabsf(got->losses[i] - expected->losses[i]) < 4e-6f * (1 + expected->losses[i]));
		assert_int_equal(got->correct[i], expected->correct[i]);
		n_correct += got->correct[i];
	}
	assert_true(n_correct > 0);
	double of_x = root_mean_square(expected->d_x, B_ROWS * B_WIDTH),
	       of_w = root_mean_square(expected->d_w, B_VOCAB * B_WIDTH);
	for (size_t i = 0; i < B_ROWS * B_WIDTH; i++)
		assert_true(fabs((double)got->d_x[i] - (double)expected->d_x[i]) < 0.015 * of_x);
	for (size_t i = 0; i < B_VOCAB * B_WIDTH; i++)
		assert_true(fabs((double)got->d_w[i] - (double)expected->d_w[i]) < 0.015 * of_w);
}

static void test_loss_head_bf16(void **state)
{
	(void)state;
	random_seed(&random_numbers, 43);
	float *x = rounded_array(B_ROWS * B_WIDTH, 1), *w = rounded_array(B_VOCAB * B_WIDTH, 0.3);
	float *scratch = malloc(loss_head_scratch_size(B_VOCAB, B_WIDTH) * sizeof *scratch), weights[B_ROWS];
	struct tensor table = {.type = TENSOR_F32, .n_dims = 2, .ne = {B_WIDTH, B_VOCAB, 1, 1}, .data = w,
			       .size = B_VOCAB * B_WIDTH * sizeof *w};
	static struct outcome outcomes[2], forward;
	int32_t targets[B_ROWS];
	assert_non_null(scratch);
	for (size_t i = 0; i < B_ROWS; i++) {
		weights[i] = (float)(0.5 + random_uniform(&random_numbers));
		targets[i] = i % 10 == 3 || (i > 40 && i < 80) ? -1 : (int32_t)random_below(&random_numbers, B_VOCAB);
	}
	for (int p = 0; p < 2; p++) {
		struct outcome *o = &outcomes[p];
		o->d_x = malloc(B_ROWS * B_WIDTH * sizeof *o->d_x);
		o->d_w = calloc(B_VOCAB * B_WIDTH, sizeof *o->d_w);
		assert_true(o->d_x != NULL && o->d_w != NULL);
		loss_head_backward(p == 0 ? PRECISION_F32 : PRECISION_BF16, o->losses, o->correct, o->d_x, o->d_w, x, &table,
		                   targets, weights, NULL, B_ROWS, scratch);
	}
	check_outcome(&outcomes[1], &outcomes[0]);
	loss_head_forward(NULL, PRECISION_BF16, forward.losses, forward.correct, x, &table, targets, B_ROWS, scratch);
	assert_memory_equal(forward.losses, outcomes[1].losses, sizeof forward.losses);
	assert_memory_equal(forward.correct, outcomes[1].correct, sizeof forward.correct);
	/* A table packed in bf16 holds the same numbers. */
	uint16_t *packed = malloc(B_VOCAB * B_WIDTH * sizeof *packed);
	assert_non_null(packed);
	for (size_t i = 0; i < B_VOCAB * B_WIDTH; i++)
		packed[i] = bf16_from_float(w[i]);
	table.type = TENSOR_BF16;
	table.data = packed;
	loss_head_forward(NULL, PRECISION_BF16, forward.losses, forward.correct, x, &table, targets, B_ROWS, scratch);
	for (size_t i = 0; i < B_ROWS; i++)
		assert_true(fabsf(forward.losses[i] - outcomes[1].losses[i]) < 4e-6f * (1 + forward.losses[i]));
	free(packed);
	for (int p = 0; p < 2; p++) {
		free(outcomes[p].d_x);
		free(outcomes[p].d_w);
	}
	free(x);
	free(w);
	free(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_loss_head_gradients), cmocka_unit_test(test_loss_head_values),
					   cmocka_unit_test(test_loss_head_bf16)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
