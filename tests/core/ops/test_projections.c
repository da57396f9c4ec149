/*
 * Linear layers of one x with their adapters: on bf16 tiles, where an adapter
 * is merged into its weight, against fp32, where it is not.
 */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/tensor_blocks.h"
#include "formats/tensor_pack.h"
#include "kernels/matmul_bf16.h"
#include "ops/ops.h"
#include "support/gradients.h"

/* More tokens than a block of tiles has, no number round. */
enum { N_TOKENS = 1100, N_IN = 45, N_OUT_0 = 33, N_OUT_1 = 70, RANK = 5, N_BOTH = 2 };

static const size_t n_outs[N_BOTH] = {N_OUT_0, N_OUT_1};
static struct random_state random_numbers;

/* What one precision makes of the same operands. */
struct outcome {
	float *y[N_BOTH], *low[N_BOTH], *d_w[N_BOTH], *d_a[N_BOTH], *d_b[N_BOTH], *d_x;
};

struct operands {
	float *x, *w[N_BOTH], *a[N_BOTH], *b[N_BOTH], *d_y[N_BOTH];
};

static float *ones(size_t n)
{
	float *array = malloc(n * sizeof *array);
	assert_non_null(array);
	for (size_t i = 0; i < n; i++)
		array[i] = 1;
	return array;
}

static void operands_init(struct operands *o)
{
	random_seed(&random_numbers, 11);
	o->x = normal_array(&random_numbers, N_TOKENS * N_IN, 1);
	for (size_t i = 0; i < N_BOTH; i++) {
		o->w[i] = normal_array(&random_numbers, n_outs[i] * N_IN, 0.1);
		o->a[i] = normal_array(&random_numbers, RANK * N_IN, 0.1);
		o->b[i] = normal_array(&random_numbers, n_outs[i] * RANK, 0.3);
		o->d_y[i] = normal_array(&random_numbers, N_TOKENS * n_outs[i], 1);
	}
}

static void operands_free(struct operands *o)
{
	free(o->x);
	for (size_t i = 0; i < N_BOTH; i++) {
		free(o->w[i]);
		free(o->a[i]);
		free(o->b[i]);
		free(o->d_y[i]);
	}
}

static void outcome_free(struct outcome *o)
{
	free(o->d_x);
	for (size_t i = 0; i < N_BOTH; i++) {
		float *arrays[] = {o->y[i], o->low[i], o->d_w[i], o->d_a[i], o->d_b[i]};
		for (size_t j = 0; j < sizeof arrays / sizeof *arrays; j++)
			free(arrays[j]);
	}
}

/* The second projection's adapter may be missing, the first's weight frozen. */
static void run(struct outcome *out, const struct operands *o, enum precision precision, bool both_adapters, bool freeze_first)
{
	struct projected all[N_BOTH];
	struct tensor w[N_BOTH];
	struct lora lora[N_BOTH];
	for (size_t i = 0; i < N_BOTH; i++) {
		out->y[i] = ones(N_TOKENS * n_outs[i]);
		out->low[i] = ones(N_TOKENS * RANK);
		out->d_w[i] = ones(n_outs[i] * N_IN);
		out->d_a[i] = ones(RANK * N_IN);
		out->d_b[i] = ones(n_outs[i] * RANK);
		w[i] = (struct tensor){.type = TENSOR_F32, .n_dims = 2, .ne = {N_IN, n_outs[i], 1, 1}, .data = o->w[i],
				       .size = n_outs[i] * N_IN * sizeof(float)};
		lora[i] = (struct lora){o->a[i], o->b[i], out->d_a[i], out->d_b[i], N_IN, n_outs[i], RANK, 1.7f};
		all[i] = (struct projected){.w = &w[i],
		                            .lora = i == 0 || both_adapters ? &lora[i] : NULL,
		                            .y = out->y[i],
		                            .low = out->low[i],
		                            .d_y = o->d_y[i],
		                            .d_w = i == 0 && freeze_first ? NULL : out->d_w[i]};
	}
	out->d_x = ones(N_TOKENS * N_IN);
	float *scratch = malloc(projections_scratch_size(precision, all, N_BOTH, N_TOKENS) * sizeof *scratch);
	assert_non_null(scratch);
	projections_forward(NULL, precision, all, N_BOTH, o->x, N_TOKENS, scratch);
	projections_backward(precision, all, N_BOTH, out->d_x, o->x, N_TOKENS, scratch);
	free(scratch);
}

/*
 * Both operands of a product are rounded by 2^-9 at most, the products' errors
 * add up at random: some 0.3 % of the result's root mean square, the largest of
 * many up to ten times that, where rows are large. Adapters' gradients pass
 * through one rounding more.
 */
static void check_close(const char *name, const float *got, const float *expected, size_t n, double bound)
{
	double scale = sqrt(dot_in_double(expected, expected, n) / (double)n);
	for (size_t i = 0; i < n; i++)
		if (!(fabs((double)got[i] - (double)expected[i]) <= bound * scale))
			fail_msg("%s %zu: %g, expected %g", name, i, (double)got[i], (double)expected[i]);
}

static void check_case(bool both_adapters, bool freeze_first)
{
	struct operands o;
	struct outcome exact, tiles;
	operands_init(&o);
	run(&exact, &o, PRECISION_F32, both_adapters, freeze_first);
	run(&tiles, &o, PRECISION_BF16, both_adapters, freeze_first);
	check_close("d_x", tiles.d_x, exact.d_x, N_TOKENS * N_IN, 0.03);
	for (size_t i = 0; i < N_BOTH; i++) {
		check_close("y", tiles.y[i], exact.y[i], N_TOKENS * n_outs[i], 0.03);
		check_close("d_w", tiles.d_w[i], exact.d_w[i], n_outs[i] * N_IN, 0.03);
		check_close("d_a", tiles.d_a[i], exact.d_a[i], RANK * N_IN, 0.04);
		check_close("d_b", tiles.d_b[i], exact.d_b[i], n_outs[i] * RANK, 0.04);
	}
	outcome_free(&exact);
	outcome_free(&tiles);
	operands_free(&o);
}

static void test_adapters(void **state)
{
	(void)state;
	check_case(true, false);
}

static void test_frozen(void **state)
{
	(void)state;
	check_case(false, true);
}

/* Weights as a file packs them, with an adapter on one of them, by one thread and by several. */
static void test_packed(void **state)
{
	(void)state;
	enum { N_OUT = 130, N_WIDE = 96 };
	random_seed(&random_numbers, 12);
	float *x = normal_array(&random_numbers, N_TOKENS * N_WIDE, 1), *w = normal_array(&random_numbers, N_OUT * N_WIDE, 0.1);
	float *a = normal_array(&random_numbers, RANK * N_WIDE, 0.1), *b = normal_array(&random_numbers, N_OUT * RANK, 0.3);
	struct block_q8_0 *blocks = malloc(N_OUT * N_WIDE / 32 * sizeof *blocks);
	uint16_t *halves = malloc(N_OUT * N_WIDE * sizeof *halves);
	float *y[3][N_BOTH], *low = ones(N_TOKENS * RANK);
	assert_true(blocks != NULL && halves != NULL);
	for (size_t row = 0; row < N_OUT; row++) {
		tensor_pack_row(blocks + row * (N_WIDE / 32), TENSOR_Q8_0, w + row * N_WIDE, N_WIDE);
		tensor_pack_row(halves + row * N_WIDE, TENSOR_F16, w + row * N_WIDE, N_WIDE);
	}
	struct tensor packed[N_BOTH] = {
		{.type = TENSOR_Q8_0, .n_dims = 2, .ne = {N_WIDE, N_OUT, 1, 1}, .data = blocks},
		{.type = TENSOR_F16, .n_dims = 2, .ne = {N_WIDE, N_OUT, 1, 1}, .data = halves},
	};
	struct lora lora = {a, b, NULL, NULL, N_WIDE, N_OUT, RANK, 1.7f};
	struct thread_pool *pool = thread_pool_create(3);
	assert_non_null(pool);
	for (int run = 0; run < 3; run++) {
		struct projected all[N_BOTH];
		enum precision precision = run == 0 ? PRECISION_F32 : PRECISION_BF16;
		for (size_t i = 0; i < N_BOTH; i++) {
			y[run][i] = ones(N_TOKENS * N_OUT);
			all[i] = (struct projected){.w = &packed[i], .lora = i == 0 ? &lora : NULL, .y = y[run][i], .low = low};
		}
		float *scratch = malloc(projections_scratch_size(precision, all, N_BOTH, N_TOKENS) * sizeof *scratch);
		assert_non_null(scratch);
		projections_forward(run == 2 ? pool : NULL, precision, all, N_BOTH, x, N_TOKENS, scratch);
		free(scratch);
	}
	for (size_t i = 0; i < N_BOTH; i++) {
		check_close("y", y[1][i], y[0][i], N_TOKENS * N_OUT, 0.03);
		check_close("y of three threads", y[2][i], y[0][i], N_TOKENS * N_OUT, 0.03);
		if (matmul_bf16_available())
			assert_memory_equal(y[2][i], y[1][i], N_TOKENS * N_OUT * sizeof(float));
		for (int run = 0; run < 3; run++)
			free(y[run][i]);
	}
	thread_pool_destroy(pool);
	free(x);
	free(w);
	free(a);
	free(b);
	free(low);
	free(blocks);
	free(halves);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_adapters), cmocka_unit_test(test_frozen),
					   cmocka_unit_test(test_packed)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
