/*
 * Whole training runs of twelve steps: a run that was cancelled, or killed
 * between two checkpoints, goes on to the same losses and the same output
 * files, byte for byte, as one that was left alone. Base and what is trained
 * along with it, fp32 and bf16, a curriculum that depends on the losses.
 */
#define _XOPEN_SOURCE 700
#include "unit.h"

#include "support/training_runs.h"

static void test_base_goes_on(void **state)
{
	(void)state;
	struct named_recipe straight, cancelled, killed;
	base_recipe(&straight, "straight");
	base_recipe(&cancelled, "cancelled");
	base_recipe(&killed, "killed");
	run_to_end(&straight);
	run_and_cancel(&cancelled, 6);
	run_to_end(&cancelled);
	assert_same_run(&straight, &cancelled, N_FILES);
	run_and_kill(&killed, 6); /* steps 5 and 6 are lost and done again */
	run_to_end(&killed);
	assert_same_run(&straight, &killed, N_FILES);
	/* Something was learnt, and the curriculum moved. */
	struct line lines[N_STEPS + 1];
	read_log(straight.log, lines);
	assert_true(lines[N_STEPS].loss < lines[1].loss - 1);
	assert_true(lines[N_STEPS].length > lines[1].length);
	/* A finished run has nothing left to do. */
	run_to_end(&straight);
	read_log(straight.log, lines);
	assert_int_equal(lines[N_STEPS].n_seen, 1);
}

static void test_bf16_goes_on(void **state)
{
	(void)state;
	struct named_recipe straight, cancelled;
	base_recipe(&straight, "straight16");
	base_recipe(&cancelled, "cancelled16");
	straight.recipe.bf16 = cancelled.recipe.bf16 = true;
	run_to_end(&straight);
	run_and_cancel(&cancelled, 7);
	run_to_end(&cancelled);
	assert_same_run(&straight, &cancelled, N_FILES);
}

/* Another seed is another run. */
static void test_seed(void **state)
{
	(void)state;
	struct named_recipe one, other;
	struct line x[N_STEPS + 1], y[N_STEPS + 1];
	base_recipe(&one, "one");
	base_recipe(&other, "other");
	other.recipe.seed = 2;
	run_to_end(&one);
	run_to_end(&other);
	read_log(one.log, x);
	read_log(other.log, y);
	assert_true(x[1].loss != y[1].loss);
}

/* Slots of gradients are summed in order, whoever filled them: one thread takes the same way as two or three. */
static void test_number_of_threads(void **state)
{
	(void)state;
	struct named_recipe runs[3];
	static const char *const names[] = {"threads1", "threads2", "threads3"};
	for (int i = 0; i < 3; i++) {
		base_recipe(&runs[i], names[i]);
		runs[i].recipe.n_threads = i + 1;
		run_to_end(&runs[i]);
	}
	assert_same_run(&runs[0], &runs[1], N_FILES);
	assert_same_run(&runs[0], &runs[2], N_FILES);
}

/* A base goes on in its own file, and after a stop from the checkpoint, which is of no base but holds it. */
static void test_base_in_place(void **state)
{
	(void)state;
	struct named_recipe first, again;
	base_recipe(&first, "place");
	run_to_end(&first);
	base_recipe(&again, "place");
	again.recipe.base_path = first.outputs[0];
	again.recipe.n_steps = 2 * N_STEPS;
	again.recipe.checkpoint_path = scratch_path("again.checkpoint");
	again.recipe.log_path = NULL;
	run_and_cancel(&again, 5);
	run_to_end(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base_goes_on),
		cmocka_unit_test(test_bf16_goes_on),
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_number_of_threads),
		cmocka_unit_test(test_base_in_place),
	};
	return cmocka_run_group_tests(tests, runs_setup, scratch_teardown);
}
