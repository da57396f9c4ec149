/*
 * AdamW against its definition (Loshchilov and Hutter 2019, algorithm 2) in
 * double precision: several arrays, gradients of several threads, clipping by
 * the norm of all, decay only where it applies. Nothing may depend on how many
 * threads share the work.
 */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/gradients.h"
#include "train/optimizer.h"
#include "train/schedule.h"

enum { N_ARRAYS = 2, N_THREADS = 3, N_FIRST = 10007, N_SECOND = 501, N_MICRO = 5, N_STEPS = 6 };
static const size_t sizes[N_ARRAYS] = {N_FIRST, N_SECOND};
/* Of the first array; ends inside a piece of 4096, begins inside another, one spans several. */
static const struct matrix_range ranges[] = {{.begin = 0, .end = 10}, {.begin = 700, .end = 4100}, {.begin = 4100, .end = 9000}};

struct training {
	struct trained_array arrays[N_ARRAYS];
	float *values[N_ARRAYS], *gradients[N_ARRAYS][N_THREADS];
	struct random_state random;
};

static struct pith_recipe recipe_of(double clip_norm)
{
	struct pith_recipe recipe;
	pith_recipe_init(&recipe);
	recipe.n_steps = 100;
	recipe.warmup_steps = 4;
	recipe.learning_rate = 0.01;
	recipe.weight_decay = 0.2;
	recipe.clip_norm = clip_norm;
	return recipe;
}

static void training_open(struct training *t)
{
	struct pith_error err;
	random_seed(&t->random, 5);
	for (int a = 0; a < N_ARRAYS; a++) {
		t->values[a] = normal_array(&t->random, sizes[a], 1);
		for (int i = 0; i < N_THREADS; i++)
			t->gradients[a][i] = calloc(sizes[a], sizeof(float));
		assert_int_equal(
			trained_array_init(&t->arrays[a], t->values[a], sizes[a], t->gradients[a], N_THREADS, N_THREADS, &err),
			PITH_OK);
	}
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		assert_int_equal(trained_array_add_matrix(&t->arrays[0], &ranges[i], &err), PITH_OK);
}

static void training_close(struct training *t)
{
	for (int a = 0; a < N_ARRAYS; a++) {
		trained_array_free(&t->arrays[a]);
		free(t->values[a]);
		for (int i = 0; i < N_THREADS; i++)
			free(t->gradients[a][i]);
	}
}

static void draw_gradients(struct training *t)
{
	for (int a = 0; a < N_ARRAYS; a++)
		for (int i = 0; i < N_THREADS; i++)
			for (size_t j = 0; j < sizes[a]; j++)
				t->gradients[a][i][j] = (float)random_normal(&t->random);
}

static bool decays(int array, size_t i)
{
	for (size_t r = 0; array == 0 && r < sizeof ranges / sizeof *ranges; r++)
		if (ranges[r].begin <= i && i < ranges[r].end)
			return true;
	return false;
}

struct reference {
	double *w[N_ARRAYS], *m[N_ARRAYS], *v[N_ARRAYS];
};

static void reference_open(struct reference *r, const struct training *t)
{
	for (int a = 0; a < N_ARRAYS; a++) {
		r->w[a] = calloc(sizes[a], sizeof(double));
		r->m[a] = calloc(sizes[a], sizeof(double));
		r->v[a] = calloc(sizes[a], sizeof(double));
		for (size_t i = 0; i < sizes[a]; i++)
			r->w[a][i] = (double)t->values[a][i];
	}
}

static void reference_close(struct reference *r)
{
	for (int a = 0; a < N_ARRAYS; a++) {
		free(r->w[a]);
		free(r->m[a]);
		free(r->v[a]);
	}
}

static double mean_gradient(const struct training *t, int a, size_t i)
{
	double sum = 0;
	for (int thread = 0; thread < N_THREADS; thread++)
		sum += (double)t->gradients[a][thread][i];
	return sum / N_MICRO;
}

/* The paper's algorithm; returns the norm. */
static double reference_step(struct reference *r, const struct training *t, const struct pith_recipe *recipe, int step)
{
	double squares = 0, rate = schedule_learning_rate(recipe, step);
	for (int a = 0; a < N_ARRAYS; a++)
		for (size_t i = 0; i < sizes[a]; i++)
			squares += pow(mean_gradient(t, a, i), 2);
	double norm = sqrt(squares), clip = recipe->clip_norm > 0 && norm > recipe->clip_norm ? recipe->clip_norm / norm : 1;
	for (int a = 0; a < N_ARRAYS; a++)
		for (size_t i = 0; i < sizes[a]; i++) {
			double g = clip * mean_gradient(t, a, i), *w = &r->w[a][i], *m = &r->m[a][i], *v = &r->v[a][i];
			*m = recipe->beta1 * *m + (1 - recipe->beta1) * g;
			*v = recipe->beta2 * *v + (1 - recipe->beta2) * g * g;
			double m_hat = *m / (1 - pow(recipe->beta1, step + 1)), v_hat = *v / (1 - pow(recipe->beta2, step + 1));
			*w -= rate * (m_hat / (sqrt(v_hat) + 1e-8) + (decays(a, i) ? recipe->weight_decay * *w : 0));
		}
	return norm;
}

static void check_against_reference(double clip_norm)
{
	struct training t;
	struct reference r;
	struct pith_recipe recipe = recipe_of(clip_norm);
	training_open(&t);
	reference_open(&r, &t);
	for (int step = 0; step < N_STEPS; step++) {
		draw_gradients(&t);
		double right = reference_step(&r, &t, &recipe, step);
		double norm;
		assert_int_equal(optimizer_step(t.arrays, N_ARRAYS, &recipe, step, N_MICRO, NULL, &norm, NULL), PITH_OK);
		assert_true(fabs(norm - right) < 1e-5 * right);
		for (int a = 0; a < N_ARRAYS; a++)
			for (size_t i = 0; i < sizes[a]; i++) {
				/* Six steps of 0.01 at fp32 on numbers of about 1; two of a hundred thousand are larger. */
				assert_true(fabs((double)t.values[a][i] - r.w[a][i]) < 2e-6 + 2e-7 * fabs(r.w[a][i]));
				assert_true(t.gradients[a][0][i] == 0 && t.gradients[a][N_THREADS - 1][i] == 0);
			}
	}
	training_close(&t);
	reference_close(&r);
}

static void test_adamw(void **state)
{
	(void)state;
	check_against_reference(0);   /* no clipping */
	check_against_reference(1);   /* the norm is about 35 */
	check_against_reference(1e6); /* never reached */
}

/* The same bits with one, two and three threads. */
static void test_thread_count(void **state)
{
	(void)state;
	struct training runs[3];
	struct pith_recipe recipe = recipe_of(1);
	for (int p = 0; p < 3; p++) {
		struct thread_pool *pool = thread_pool_create(p + 1);
		assert_non_null(pool);
		training_open(&runs[p]);
		for (int step = 0; step < 3; step++) {
			draw_gradients(&runs[p]);
			double norm;
			assert_int_equal(optimizer_step(runs[p].arrays, N_ARRAYS, &recipe, step, N_MICRO, pool, &norm, NULL),
			                 PITH_OK);
		}
		thread_pool_destroy(pool);
	}
	for (int p = 1; p < 3; p++)
		for (int a = 0; a < N_ARRAYS; a++) {
			assert_memory_equal(runs[p].values[a], runs[0].values[a], sizes[a] * sizeof(float));
			assert_memory_equal(runs[p].arrays[a].m, runs[0].arrays[a].m, sizes[a] * sizeof(float));
			assert_memory_equal(runs[p].arrays[a].v, runs[0].arrays[a].v, sizes[a] * sizeof(float));
		}
	for (int p = 0; p < 3; p++)
		training_close(&runs[p]);
}

/* One NaN: the norm says so and nothing has changed. */
static void test_not_a_number(void **state)
{
	(void)state;
	struct training t;
	struct pith_recipe recipe = recipe_of(1);
	training_open(&t);
	draw_gradients(&t);
	t.gradients[1][2][17] = NAN;
	float *before = malloc(N_FIRST * sizeof *before);
	assert_non_null(before);
	memcpy(before, t.values[0], N_FIRST * sizeof *before);
	double norm;
	struct pith_error err;
	assert_int_equal(optimizer_step(t.arrays, N_ARRAYS, &recipe, 0, N_MICRO, NULL, &norm, &err), PITH_BAD_ARGUMENT);
	assert_non_null(strstr(err.message, "at step 1"));
	assert_false(isfinite(norm));
	assert_memory_equal(before, t.values[0], N_FIRST * sizeof *before);
	for (size_t i = 0; i < N_FIRST; i++)
		assert_true(t.arrays[0].m[i] == 0 && t.arrays[0].v[i] == 0);
	free(before);
	training_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adamw),
		cmocka_unit_test(test_thread_count),
		cmocka_unit_test(test_not_a_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
