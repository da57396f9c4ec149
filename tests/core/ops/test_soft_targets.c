/*
 * Soft targets: the likeliest tokens against sorting, and the loss head's
 * gradients with them against finite differences of the loss by its definition.
 */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"
#include "support/gradients.h"

static struct random_state random_numbers;

/* More rows than a chunk; more vocabulary than a block of the tiles, and no number round. */
enum { ROWS = 150, VOCAB = 530, WIDTH = 11 };

struct soft_case {
	float *x, *w, *scratch, weights[ROWS], losses[ROWS];
	int32_t targets[ROWS], ids[ROWS * SOFT_TARGETS];
	float probabilities[ROWS * SOFT_TARGETS];
	struct soft_targets soft;
	struct tensor table;
};

/* Every third row has no soft targets, every tenth no target at all, some have fewer than there is room for. */
static void soft_init(struct soft_case *c)
{
	random_seed(&random_numbers, 61);
	c->x = normal_array(&random_numbers, ROWS * WIDTH, 1);
	c->w = normal_array(&random_numbers, VOCAB * WIDTH, 0.5);
	c->scratch = malloc(loss_head_scratch_size(VOCAB, WIDTH) * sizeof *c->scratch);
	assert_non_null(c->scratch);
	for (size_t i = 0; i < ROWS; i++) {
		c->weights[i] = (float)random_uniform(&random_numbers);
		c->targets[i] = i % 10 == 3 ? -1 : (int32_t)random_below(&random_numbers, VOCAB);
		size_t n = i % 3 == 1 ? 0 : i % 5 == 0 ? 7 : SOFT_TARGETS;
		double sum = 0;
		for (size_t j = 0; j < SOFT_TARGETS; j++) {
			c->ids[i * SOFT_TARGETS + j] = j < n ? (int32_t)((i * 31 + j * 26) % VOCAB) : -1;
			c->probabilities[i * SOFT_TARGETS + j] = j < n ? (float)(0.1 + random_uniform(&random_numbers)) : 0;
			sum += (double)c->probabilities[i * SOFT_TARGETS + j];
		}
		for (size_t j = 0; j < n; j++)
			c->probabilities[i * SOFT_TARGETS + j] /= (float)sum;
	}
	c->soft = (struct soft_targets){c->ids, c->probabilities, 0.3f};
	c->table = (struct tensor){.type = TENSOR_F32, .n_dims = 2, .ne = {WIDTH, VOCAB, 1, 1}, .data = c->w};
}

static void soft_free(struct soft_case *c)
{
	free(c->x);
	free(c->w);
	free(c->scratch);
}

static double soft_loss(void *user)
{
	struct soft_case *c = user;
	double loss = 0, logits[VOCAB];
	for (size_t i = 0; i < ROWS; i++) {
		if (c->targets[i] < 0)
			continue;
		double sum = 0;
		for (size_t v = 0; v < VOCAB; v++) {
			logits[v] = dot_in_double(c->w + v * WIDTH, c->x + i * WIDTH, WIDTH);
			sum += exp(logits[v]);
		}
		const int32_t *ids = c->ids + i * SOFT_TARGETS;
		double own = log(sum) - logits[c->targets[i]], taught = 0, share = ids[0] < 0 ? 0 : (double)c->soft.share;
		for (size_t j = 0; j < SOFT_TARGETS && ids[j] >= 0; j++)
			taught += (double)c->probabilities[i * SOFT_TARGETS + j] * (log(sum) - logits[ids[j]]);
		loss += (double)c->weights[i] * ((1 - share) * own + share * taught);
	}
	return loss;
}

static void test_gradients(void **state)
{
	(void)state;
	static struct soft_case c;
	static float d_x[2][ROWS * WIDTH], d_w[2][VOCAB * WIDTH], plain[ROWS];
	soft_init(&c);
	for (int p = 0; p < 2; p++)
		loss_head_backward(p == 0 ? PRECISION_F32 : PRECISION_BF16, c.losses, NULL, d_x[p], d_w[p], c.x, &c.table,
		                   c.targets, c.weights, &c.soft, ROWS, c.scratch);
	struct gradient_check of_x = {"soft d_x", soft_loss, &c, c.x, d_x[0], ROWS * WIDTH, 0.01, 3e-4, 60};
	check_gradient(&of_x, &random_numbers);
	struct gradient_check of_w = {"soft d_w", soft_loss, &c, c.w, d_w[0], VOCAB * WIDTH, 0.01, 3e-4, 60};
	check_gradient(&of_w, &random_numbers);
	/* Losses are the targets' own. */
	loss_head_forward(NULL, PRECISION_F32, plain, NULL, c.x, &c.table, c.targets, ROWS, c.scratch);
	loss_head_backward(PRECISION_F32, c.losses, NULL, d_x[0], NULL, c.x, &c.table, c.targets, c.weights, &c.soft, ROWS,
	                   c.scratch);
	assert_memory_equal(plain, c.losses, sizeof plain);
	/* On tiles: operands rounded by 2^-9, the largest of many errors a few times that of the root mean square. */
	double scale = sqrt(dot_in_double(d_x[0], d_x[0], ROWS * WIDTH) / (ROWS * WIDTH));
	for (size_t i = 0; i < ROWS * WIDTH; i++)
		assert_true(fabs((double)d_x[1][i] - (double)d_x[0][i]) < 0.05 * scale);
	soft_free(&c);
}

static void check_found(size_t n_vocab)
{
	random_seed(&random_numbers, 62);
	float *x = normal_array(&random_numbers, ROWS * WIDTH, 1), *w = normal_array(&random_numbers, n_vocab * WIDTH, 0.5);
	float *scratch = malloc(LOSS_CHUNK * n_vocab * sizeof *scratch);
	static float probabilities[ROWS * SOFT_TARGETS];
	static int32_t ids[ROWS * SOFT_TARGETS];
	struct tensor table = {.type = TENSOR_F32, .n_dims = 2, .ne = {WIDTH, n_vocab, 1, 1}, .data = w};
	assert_non_null(scratch);
	soft_targets_find(PRECISION_F32, ids, probabilities, x, &table, ROWS, scratch);
	size_t n_best = n_vocab < SOFT_TARGETS ? n_vocab : SOFT_TARGETS;
	for (size_t i = 0; i < ROWS; i++) {
		const int32_t *row = ids + i * SOFT_TARGETS;
		double sum = 0, least = 0, before = INFINITY;
		for (size_t j = 0; j < n_best; j++) {
			least = dot_in_double(w + (size_t)row[j] * WIDTH, x + i * WIDTH, WIDTH);
			assert_true(least <= before + 1e-5);
			before = least;
			sum += exp(least);
		}
		for (size_t j = n_best; j < SOFT_TARGETS; j++)
			assert_true(row[j] == -1 && probabilities[i * SOFT_TARGETS + j] == 0);
		for (size_t j = 0; j < n_best; j++) {
			double logit = dot_in_double(w + (size_t)row[j] * WIDTH, x + i * WIDTH, WIDTH);
			assert_true(fabs((double)probabilities[i * SOFT_TARGETS + j] - exp(logit) / sum) < 1e-5);
		}
		size_t n_larger = 0; /* nothing that is larger was left out */
		for (size_t v = 0; v < n_vocab; v++)
			n_larger += dot_in_double(w + v * WIDTH, x + i * WIDTH, WIDTH) > least + 1e-5;
		assert_true(n_larger < n_best);
	}
	free(x);
	free(w);
	free(scratch);
}

static void test_find(void **state)
{
	(void)state;
	check_found(VOCAB);
	check_found(SOFT_TARGETS);
	check_found(7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients), cmocka_unit_test(test_find)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
