/*
 * Training runs that do not come to their end: recipes that are refused, data
 * and learning rates that are of no use, and a stop before the first step. Each
 * says why, and leaves no file behind and none spoilt.
 */
#define _XOPEN_SOURCE 700
#include "unit.h"

#include <string.h>
#include <sys/stat.h>

#include "support/training_runs.h"

/* Each of these is refused with a sentence before anything is written. */
static void test_bad_recipes(void **state)
{
	(void)state;
	for (int i = 0; i < 21; i++) {
		struct named_recipe r;
		struct pith_error err = {0};
		struct pith_task task = tasks[1];
		base_recipe(&r, "bad");
		switch (i) {
		case 0: r.recipe.n_steps = 0; break;
		case 1: r.recipe.n_tasks = 0; break;
		case 2: r.recipe.learning_rate = 0; break;
		case 3: r.recipe.output_type = "Q3_K"; break;
		case 4: r.recipe.n_heads = 3; r.recipe.n_kv_heads = 2; break;
		case 5: r.recipe.trained = PITH_TRAIN_ADAPTER; break; /* without a base */
		case 6: r.recipe.tokenizer_path = NULL; break;
		case 7: task.max_tokens = 250; break;                 /* 8 slots, BOS and 250 tokens in 256 positions */
		case 11: r.recipe.eval_k_ratio = 0; break;
		case 12: r.recipe.lora_alpha = 0; break;              /* and a rank: it would never learn */
		case 13: r.recipe.dropout = 1; break;
		case 14: r.recipe.evidence_tokens = -1; break;
		case 15: r.recipe.reader = true; break;               /* of a base that is trained itself */
		case 16:                                              /* of no memory tokens */
			r.recipe.trained = PITH_TRAIN_ADAPTER;
			r.recipe.base_path = "base.gguf";
			r.recipe.reader = true;
			r.recipe.curriculum_loss = 0;
			task = tasks[2];
			break;
		case 10: r.recipe.opening_tokens = 5; break;          /* and no weight */
		case 17: r.recipe.held_tokens = -1; break;
		case 18: r.recipe.min_learning_rate = 2 * r.recipe.learning_rate; break; /* it would rise in the end */
		case 19: r.recipe.adapter_path[PITH_ANSWER] = "answer.gguf"; break;      /* no task trains one */
		case 20: task = tasks[3]; r.recipe.curriculum_loss = 1; break;           /* no text is regenerated */
		case 8: task.path = "/no/such/file.jsonl"; break;
		case 9: r.recipe.span_tokens = 250; break;            /* an adapter that no model could load */
		}
		if (i >= 7) {
			r.recipe.tasks = &task;
			r.recipe.n_tasks = 1;
		}
		enum pith_status status = pith_train_run(&r.recipe, NULL, NULL, NULL, &err);
		assert_true(status != PITH_OK && status == err.code && strlen(err.message) > 10);
		assert_true(i != 15 || strstr(err.message, "learns to read memory tokens itself") != NULL);
		assert_true(i != 16 || strstr(err.message, "has none") != NULL);
		assert_true(i != 19 || strstr(err.message, "answer.gguf is an adapter for answer to start from") != NULL);
		assert_true(i != 20 || strstr(err.message, "curriculum_loss") != NULL);
		assert_int_equal(access(r.log, F_OK), -1);
		assert_int_equal(access(r.checkpoint, F_OK), -1);
	}
}

/* What was written before stays when a run is stopped before its first step. */
static void test_cancelled_at_once(void **state)
{
	(void)state;
	struct named_recipe r;
	struct pith_error err;
	base_recipe(&r, "precious");
	FILE *file = fopen(r.outputs[0], "w");
	assert_non_null(file);
	fputs("a model of months", file);
	fclose(file);
	struct stat before, after;
	assert_int_equal(stat(r.outputs[0], &before), 0);
	atomic_bool cancel = true;
	struct pith_control control = {.cancel = &cancel};
	assert_int_equal(pith_train_run(&r.recipe, NULL, NULL, &control, &err), PITH_CANCELLED);
	assert_non_null(strstr(err.message, "nothing was written"));
	assert_int_equal(stat(r.outputs[0], &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(access(r.checkpoint, F_OK), -1);
}

/* Malformed lines that may be skipped may be the first ones. */
static void test_first_line_malformed(void **state)
{
	(void)state;
	struct named_recipe r;
	struct pith_error err;
	struct pith_task task = tasks[1];
	char path[512];
	snprintf(path, sizeof path, "%s", scratch_path("torn.jsonl"));
	FILE *from = fopen(data_paths[1], "r"), *to = fopen(path, "w");
	assert_true(from != NULL && to != NULL);
	fputs("{\"text\": \n", to);
	for (int c; (c = fgetc(from)) != EOF;)
		fputc(c, to);
	fclose(from);
	fclose(to);
	task.path = path;
	base_recipe(&r, "torn");
	r.recipe.tasks = &task;
	r.recipe.n_tasks = 1;
	assert_int_equal(pith_train_run(&r.recipe, NULL, NULL, NULL, &err), PITH_BAD_FILE);
	r.recipe.skip_malformed = true;
	run_to_end(&r);
}

/* A learning rate without measure ends in a sentence, not in a model full of NaN. */
static void test_diverging(void **state)
{
	(void)state;
	struct named_recipe r;
	struct pith_error err = {0};
	base_recipe(&r, "diverging");
	r.recipe.learning_rate = 1e30;
	r.recipe.warmup_steps = 0;
	r.recipe.weight_decay = 0;
	r.recipe.eval_steps = r.recipe.checkpoint_steps = 0;
	assert_int_equal(pith_train_run(&r.recipe, NULL, NULL, NULL, &err), PITH_BAD_ARGUMENT);
	assert_non_null(strstr(err.message, "learning rate"));
	assert_int_equal(access(r.outputs[0], F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_recipes),
		cmocka_unit_test(test_cancelled_at_once),
		cmocka_unit_test(test_first_line_malformed),
		cmocka_unit_test(test_diverging),
	};
	return cmocka_run_group_tests(tests, runs_setup, scratch_teardown);
}
