/* Learning rate, text length and memory ratio over the steps of a run. */
#include "unit.h"

#include <math.h>

#include "train/schedule.h"

static void assert_near(double got, double want)
{
	if (!(fabs(got - want) <= 1e-12 + 1e-9 * fabs(want)))
		fail_msg("%.12g, expected %.12g", got, want);
}

static struct pith_recipe recipe_of_hundred(void)
{
	struct pith_recipe recipe;
	pith_recipe_init(&recipe);
	recipe.n_steps = 100;
	recipe.warmup_steps = 10;
	recipe.decay_steps = 20;
	recipe.learning_rate = 2e-3;
	recipe.min_learning_rate = 1e-4;
	return recipe;
}

static void test_learning_rate(void **state)
{
	(void)state;
	struct pith_recipe recipe = recipe_of_hundred();
	assert_near(schedule_learning_rate(&recipe, 0), 2e-4); /* never zero */
	assert_near(schedule_learning_rate(&recipe, 4), 1e-3);
	assert_near(schedule_learning_rate(&recipe, 9), 2e-3);
	assert_near(schedule_learning_rate(&recipe, 10), 2e-3);
	assert_near(schedule_learning_rate(&recipe, 80), 2e-3);
	assert_near(schedule_learning_rate(&recipe, 90), 1e-4 + 1.9e-3 * 0.5);
	assert_near(schedule_learning_rate(&recipe, 99), 1e-4 + 1.9e-3 / 20);
	for (int step = 1; step < 100; step++) {
		double before = schedule_learning_rate(&recipe, step - 1), now = schedule_learning_rate(&recipe, step);
		assert_true(step < 10 ? now > before : step <= 80 ? now == before : now < before);
	}
}

static void test_no_warmup_no_decay(void **state)
{
	(void)state;
	struct pith_recipe recipe = recipe_of_hundred();
	recipe.warmup_steps = recipe.decay_steps = 0;
	for (int step = 0; step < 100; step++)
		assert_near(schedule_learning_rate(&recipe, step), 2e-3);
}

static struct pith_recipe recipe_of_curriculum(const struct pith_task *tasks, size_t n_tasks)
{
	struct pith_recipe recipe = recipe_of_hundred();
	recipe.tasks = tasks;
	recipe.n_tasks = n_tasks;
	recipe.length_start = 16;
	recipe.k_ratio_min_start = 0.16;
	recipe.k_ratio_min = 0.01;
	recipe.k_ratio_max_start = 0.5;
	recipe.k_ratio_max = 0.25;
	recipe.max_memory_tokens = 48;
	recipe.batch_tokens = 777;
	return recipe;
}

static const struct pith_task memory_tasks[] = {
	{.objective = PITH_OBJECTIVE_REGENERATE, .max_tokens = 128},
	{.objective = PITH_OBJECTIVE_ANSWER, .max_tokens = 256},
	{.objective = PITH_OBJECTIVE_LM, .max_tokens = 4096}, /* no memory rows: not the curriculum's */
};

/* Doubling evenly: 16 to 256 in 40 steps is a doubling every ten. */
static void test_curriculum_by_steps(void **state)
{
	(void)state;
	struct pith_recipe recipe = recipe_of_curriculum(memory_tasks, 3);
	recipe.curriculum_steps = 40;
	recipe.curriculum_loss = 0;
	static const int lengths[] = {16, 32, 64, 128, 256, 256};
	struct curriculum curriculum = curriculum_begin(&recipe);
	for (int step = 0; step <= 50; step++) {
		struct sampling s = schedule_sampling(&recipe, &curriculum);
		double share = step > 40 ? 1 : step / 40.0;
		if (step % 10 == 0)
			assert_int_equal(s.length, lengths[step / 10]);
		assert_near(s.k_ratio_min, 0.16 * pow(0.5, 4 * share));
		assert_near(s.k_ratio_max, 0.5 * pow(0.5, share));
		assert_true(s.k_ratio_min < s.k_ratio_max);
		assert_int_equal(s.n_memory, 48);
		assert_int_equal(s.n_tokens, 777);
		curriculum_advance(&curriculum, &recipe, step, step % 3 == 0 ? NAN : 2.5);
	}
}

/* Texts grow only while the running loss is below the bound, step by step, up to the longest and no further. */
static void test_curriculum_by_loss(void **state)
{
	(void)state;
	struct pith_recipe recipe = recipe_of_curriculum(memory_tasks, 3);
	recipe.curriculum_loss = 1;
	struct curriculum curriculum = curriculum_begin(&recipe);
	for (int step = 0; step < 50; step++) {
		curriculum_advance(&curriculum, &recipe, step, step == 0 ? NAN : 3);
		assert_int_equal(schedule_sampling(&recipe, &curriculum).length, 16);
	}
	double before = curriculum.length;
	int n_grown = 0, last = -1;
	for (int step = 50; step < 600; step++, before = curriculum.length) {
		curriculum_advance(&curriculum, &recipe, step, step % 4 == 0 ? NAN : 0.5);
		assert_true(curriculum.length >= before && curriculum.length <= 1.5 * before && curriculum.length <= 256);
		if (curriculum.length > before) {
			assert_true(last < 0 || step - last >= 5); /* a longer text is given time */
			last = step;
			n_grown++;
		}
	}
	assert_true(n_grown >= 7 && schedule_sampling(&recipe, &curriculum).length == 256);
	/* One good step among bad ones is no reason to grow. */
	curriculum = curriculum_begin(&recipe);
	for (int step = 0; step < 100; step++) {
		curriculum_advance(&curriculum, &recipe, step, step % 10 == 5 ? 0.1 : 2);
		assert_int_equal(schedule_sampling(&recipe, &curriculum).length, 16);
	}
}

/* The knobs of the end, as held-out losses are measured. A start above the longest text is no start. */
static void test_final_sampling(void **state)
{
	(void)state;
	struct pith_recipe recipe = recipe_of_curriculum(memory_tasks, 1);
	recipe.curriculum_steps = 10;
	struct sampling s = schedule_final_sampling(&recipe);
	assert_int_equal(s.length, 128);
	assert_near(s.k_ratio_min, recipe.k_ratio_min);
	assert_near(s.k_ratio_max, recipe.k_ratio_max);
	static const int starts[] = {500, 128, 0};
	for (int i = 0; i < 3; i++) {
		recipe.length_start = starts[i];
		struct curriculum curriculum = curriculum_begin(&recipe);
		s = schedule_sampling(&recipe, &curriculum);
		assert_int_equal(s.length, 128);
		assert_near(s.k_ratio_min, recipe.k_ratio_min);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learning_rate),
		cmocka_unit_test(test_no_warmup_no_decay),
		cmocka_unit_test(test_curriculum_by_steps),
		cmocka_unit_test(test_curriculum_by_loss),
		cmocka_unit_test(test_final_sampling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
