/*
 * Whole training runs of an adapter, the base as it is: each kind learns, goes
 * on after a stop to the same files, and knows what it belongs to.
 */
#define _XOPEN_SOURCE 700
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "model/adapter.h"
#include "model/model.h"
#include "model/parameters.h"
#include "support/training_runs.h"

/* The base's own bytes do not change while its adapter is trained; the adapter knows whom it belongs to. */
static void test_adapter_goes_on(void **state)
{
	(void)state;
	struct named_recipe base, straight, cancelled;
	size_t size, size_after;
	base_recipe(&base, "base");
	base.recipe.output_type = "Q8_0";
	run_to_end(&base);
	char *before = scratch_read(base.outputs[0], &size);
	struct named_recipe *both[] = {&straight, &cancelled};
	for (int i = 0; i < 2; i++) {
		base_recipe(both[i], i == 0 ? "adapter" : "adapter2");
		both[i]->recipe.trained = PITH_TRAIN_ADAPTER;
		both[i]->recipe.base_path = base.outputs[0];
		both[i]->recipe.adapter_path[PITH_REGENERATE] = base.outputs[1];
		both[i]->recipe.tasks = &tasks[1];
		both[i]->recipe.n_tasks = 1;
	}
	run_to_end(&straight);
	run_and_cancel(&cancelled, 5);
	run_to_end(&cancelled);
	assert_same_run(&straight, &cancelled, 1);
	char *after = scratch_read(base.outputs[0], &size_after);
	assert_int_equal(size, size_after);
	assert_memory_equal(before, after, size);
	free(before);
	free(after);

	struct gguf *gguf;
	struct hyperparams h;
	struct weights weights;
	struct adapter *adapter;
	char fingerprint[33];
	assert_int_equal(gguf_open(&gguf, base.outputs[0], NULL), PITH_OK);
	assert_int_equal(hyperparams_read(&h, gguf, NULL), PITH_OK);
	assert_int_equal(weights_load(&weights, &h, gguf, NULL), PITH_OK);
	weights_fingerprint(&weights, &h, fingerprint);
	assert_int_equal(adapter_load(&adapter, &h, straight.outputs[0], NULL), PITH_OK);
	assert_string_equal(adapter->base_fingerprint, fingerprint);
	assert_int_equal(adapter->n_memory, 8);
	adapter_destroy(adapter);
	/* So do those trained along with the base, after rounding to Q8_0. */
	assert_int_equal(adapter_load(&adapter, &h, base.outputs[2], NULL), PITH_OK);
	assert_string_equal(adapter->base_fingerprint, fingerprint);
	adapter_destroy(adapter);
	weights_free(&weights);
	gguf_close(gguf);
}

/* By Muon an adapter's matrices change otherwise, and go on after a stop; it may start from a smaller rank, and not from a
 * larger. */
static void test_adapter_by_muon(void **state)
{
	(void)state;
	struct named_recipe base, runs[3];
	struct line first[N_STEPS + 1], plain[N_STEPS + 1];
	struct pith_error err;
	base_recipe(&base, "muon-base");
	run_to_end(&base);
	static const char *const names[] = {"muon-plain", "muon", "muon-cancelled"};
	for (int i = 0; i < 3; i++) {
		base_recipe(&runs[i], names[i]);
		runs[i].recipe.trained = PITH_TRAIN_ADAPTER;
		runs[i].recipe.base_path = base.outputs[0];
		runs[i].recipe.adapter_path[PITH_REGENERATE] = base.outputs[1];
		runs[i].recipe.lora_rank = 4;
		runs[i].recipe.muon_learning_rate = i == 0 ? 0 : 1e-2;
		runs[i].recipe.tasks = &tasks[1];
		runs[i].recipe.n_tasks = 1;
	}
	run_to_end(&runs[0]);
	run_to_end(&runs[1]);
	run_and_cancel(&runs[2], 5);
	run_to_end(&runs[2]);
	assert_same_run(&runs[1], &runs[2], 1);
	read_log(runs[0].log, plain);
	read_log(runs[1].log, first);
	assert_true(first[1].loss == plain[1].loss);
	assert_true(first[N_STEPS].loss != plain[N_STEPS].loss && first[N_STEPS].loss < first[1].loss);
	runs[1].recipe.lora_rank = 1;
	runs[1].recipe.checkpoint_path = NULL;
	assert_int_equal(pith_train_run(&runs[1].recipe, NULL, NULL, NULL, &err), PITH_MISMATCH);
	assert_non_null(strstr(err.message, "rank 2, the recipe wants 8 and at most 1"));
}

/* ICAE's way through a whole run: it learns, goes on after a stop, and its adapter says what it hands over. */
static void test_embeddings(void **state)
{
	(void)state;
	struct named_recipe base, straight, cancelled;
	struct line lines[N_STEPS + 1];
	base_recipe(&base, "icae");
	run_to_end(&base);
	struct named_recipe *both[] = {&straight, &cancelled};
	for (int i = 0; i < 2; i++) {
		base_recipe(both[i], i == 0 ? "icae-adapter" : "icae-adapter2");
		both[i]->recipe.trained = PITH_TRAIN_ADAPTER;
		both[i]->recipe.base_path = base.outputs[0];
		both[i]->recipe.memory = PITH_MEMORY_EMBEDDINGS;
		both[i]->recipe.tasks = &tasks[1];
		both[i]->recipe.n_tasks = 1;
	}
	run_to_end(&straight);
	run_and_cancel(&cancelled, 5);
	run_to_end(&cancelled);
	assert_same_run(&straight, &cancelled, 1);
	read_log(straight.log, lines);
	assert_true(lines[N_STEPS].loss < lines[1].loss);

	struct pith_model *model;
	struct pith_error err;
	struct pith_model_options options = {.adapter_path = {{"", ""}, {straight.outputs[0], ""}}, .n_threads = 1};
	assert_int_equal(pith_model_open(&model, base.outputs[0], &options, NULL, &err), PITH_OK);
	assert_true(pith_model_info(model)->has_adapter[PITH_MEMORY_EMBEDDINGS][PITH_REGENERATE]);
	assert_int_equal(pith_model_info(model)->max_memory_tokens[PITH_MEMORY_EMBEDDINGS][PITH_REGENERATE], 8);
	pith_model_close(model);
	/* It is no adapter for 500xCompressor, nor is one of those for it. */
	options = (struct pith_model_options){.adapter_path = {{straight.outputs[0], ""}}, .n_threads = 1};
	assert_int_equal(pith_model_open(&model, base.outputs[0], &options, NULL, &err), PITH_MISMATCH);
	assert_non_null(strstr(err.message, "hand over embeddings, not rows"));
	cancelled.recipe.adapter_path[PITH_REGENERATE] = base.outputs[1];
	cancelled.recipe.checkpoint_path = NULL;
	assert_int_equal(pith_train_run(&cancelled.recipe, NULL, NULL, NULL, &err), PITH_MISMATCH);
	assert_non_null(strstr(err.message, "hand over rows, the recipe wants embeddings"));
}

/* A reader of memory tokens is trained along, goes on after a stop, and is what an adapter without one cannot start from. */
static void test_memory_reader(void **state)
{
	(void)state;
	struct named_recipe base, runs[3];
	struct line with[N_STEPS + 1], without[N_STEPS + 1];
	struct pith_error err;
	base_recipe(&base, "reader-base");
	run_to_end(&base);
	static const char *const names[] = {"reader-none", "reader-straight", "reader-cancelled"};
	for (int i = 0; i < 3; i++) {
		base_recipe(&runs[i], names[i]);
		runs[i].recipe.trained = PITH_TRAIN_ADAPTER;
		runs[i].recipe.base_path = base.outputs[0];
		runs[i].recipe.adapter_path[PITH_REGENERATE] = base.outputs[1];
		runs[i].recipe.reader = i > 0;
		runs[i].recipe.muon_learning_rate = 1e-2;
		runs[i].recipe.tasks = &tasks[1];
		runs[i].recipe.n_tasks = 1;
	}
	run_to_end(&runs[0]);
	run_to_end(&runs[1]);
	run_and_cancel(&runs[2], 5);
	run_to_end(&runs[2]);
	assert_same_run(&runs[1], &runs[2], 1);
	read_log(runs[0].log, without);
	read_log(runs[1].log, with);
	/* It does nothing at first, and then it learns. */
	assert_true(with[1].loss == without[1].loss);
	assert_true(with[N_STEPS].loss != without[N_STEPS].loss && with[N_STEPS].loss < with[1].loss);

	struct pith_model *model;
	struct pith_model_options options = {.adapter_path = {{runs[1].outputs[0], ""}}, .n_threads = 1};
	assert_int_equal(pith_model_open(&model, base.outputs[0], &options, NULL, &err), PITH_OK);
	const struct adapter *adapter = model->adapters[PITH_MEMORY_ROWS][PITH_REGENERATE];
	assert_non_null(adapter->reader);
	assert_true(adapter->reader->projections[0].b[0] != 0 && adapter->reader->encoder_vector[0] != 0);
	pith_model_close(model);
	runs[0].recipe.adapter_path[PITH_REGENERATE] = runs[1].outputs[0];
	runs[0].recipe.checkpoint_path = NULL;
	assert_int_equal(pith_train_run(&runs[0].recipe, NULL, NULL, NULL, &err), PITH_MISMATCH);
	assert_non_null(strstr(err.message, "has a reader of its own"));
}

/* An adapter for reading: words exchanged, numbers dropped, and still the same run after a stop and with more threads. */
static void test_reading(void **state)
{
	(void)state;
	struct named_recipe base, runs[3];
	static const char *const names[] = {"read", "read2", "read3"};
	struct line x[N_STEPS + 1], y[N_STEPS + 1];
	base_recipe(&base, "reader");
	run_to_end(&base);
	for (int i = 0; i < 3; i++) {
		base_recipe(&runs[i], names[i]);
		runs[i].recipe.trained = PITH_TRAIN_ADAPTER;
		runs[i].recipe.base_path = base.outputs[0];
		runs[i].recipe.tasks = &tasks[2];
		runs[i].recipe.curriculum_loss = 0;
		runs[i].recipe.n_tasks = 1;
		runs[i].recipe.renamed = 0.5;
		runs[i].recipe.dropout = i < 2 ? 0.2 : 0;
		runs[i].recipe.n_threads = i + 1;
	}
	run_to_end(&runs[0]);
	run_and_cancel(&runs[1], 5);
	run_to_end(&runs[1]);
	run_to_end(&runs[2]);
	assert_same_file(runs[0].outputs[0], runs[1].outputs[0]);
	read_log(runs[0].log, x);
	read_log(runs[2].log, y);
	assert_true(x[1].loss != y[1].loss); /* dropout does something */
	assert_true(x[N_STEPS].eval_answers < x[4].eval_answers);

	struct pith_model *model;
	struct pith_error err;
	struct pith_model_options options = {.adapter_path = {{"", "", "", runs[0].outputs[0]}}, .n_threads = 1};
	if (pith_model_open(&model, base.outputs[0], &options, NULL, &err) != PITH_OK)
		fail_msg("%s", err.message);
	assert_true(pith_model_info(model)->has_adapter[PITH_MEMORY_ROWS][PITH_READ]);
	pith_model_close(model);
	/* One for reading is none for rewriting. */
	options = (struct pith_model_options){.adapter_path = {{"", "", runs[0].outputs[0]}}, .n_threads = 1};
	assert_int_equal(pith_model_open(&model, base.outputs[0], &options, NULL, &err), PITH_MISMATCH);
}

/* How many memory tokens held-out texts have is told by their losses alone. */
static void test_held_out_ratio(void **state)
{
	(void)state;
	struct named_recipe base, runs[2];
	static const char *const names[] = {"eighth", "fewer"};
	struct line eighth[N_STEPS + 1], fewer[N_STEPS + 1];
	base_recipe(&base, "held-out");
	run_to_end(&base);
	for (int i = 0; i < 2; i++) {
		base_recipe(&runs[i], names[i]);
		runs[i].recipe.trained = PITH_TRAIN_ADAPTER;
		runs[i].recipe.base_path = base.outputs[0];
		runs[i].recipe.tasks = &tasks[1];
		runs[i].recipe.n_tasks = 1;
	}
	runs[1].recipe.eval_k_ratio = 0.02;
	run_to_end(&runs[0]);
	run_to_end(&runs[1]);
	assert_same_file(runs[0].outputs[0], runs[1].outputs[0]);
	read_log(runs[0].log, eighth);
	read_log(runs[1].log, fewer);
	assert_true(eighth[N_STEPS].loss == fewer[N_STEPS].loss && eighth[N_STEPS].eval_loss != fewer[N_STEPS].eval_loss);
}

/* Answers from memory rows with a teacher: it learns, otherwise than without, and goes on after a stop with more threads. */
static void test_distillation(void **state)
{
	(void)state;
	struct named_recipe base, runs[3];
	static const char *const names[] = {"taught", "taught2", "untaught"};
	struct line x[N_STEPS + 1], y[N_STEPS + 1];
	base_recipe(&base, "teacher");
	run_to_end(&base);
	for (int i = 0; i < 3; i++) {
		base_recipe(&runs[i], names[i]);
		runs[i].recipe.trained = PITH_TRAIN_ADAPTER;
		runs[i].recipe.base_path = base.outputs[0];
		runs[i].recipe.tasks = &tasks[3];
		runs[i].recipe.curriculum_loss = 0;
		runs[i].recipe.n_tasks = 1;
		runs[i].recipe.distillation = i < 2 ? 0.7 : 0;
		runs[i].recipe.n_threads = i + 1;
	}
	run_to_end(&runs[0]);
	run_and_cancel(&runs[1], 5);
	run_to_end(&runs[1]);
	run_to_end(&runs[2]);
	assert_same_file(runs[0].outputs[0], runs[1].outputs[0]);
	read_log(runs[0].log, x);
	read_log(runs[2].log, y);
	assert_true(x[1].loss == y[1].loss); /* the loss is that of the answers, taught or not */
	assert_true(x[N_STEPS].loss != y[N_STEPS].loss && x[N_STEPS].loss < x[1].loss);
}

/* An adapter begins from one of the same weights and of its kind, and reads no more than its model can. */
static void test_other_adapters(void **state)
{
	(void)state;
	struct named_recipe base, other, run;
	struct pith_error err;
	base_recipe(&base, "weights");
	run_to_end(&base);
	base_recipe(&other, "others");
	other.recipe.seed = 77;
	run_to_end(&other);
	base_recipe(&run, "stranger");
	run.recipe.trained = PITH_TRAIN_ADAPTER;
	run.recipe.base_path = base.outputs[0];
	run.recipe.tasks = &tasks[1];
	run.recipe.n_tasks = 1;
	run.recipe.adapter_path[PITH_REGENERATE] = other.outputs[1];
	assert_int_equal(pith_train_run(&run.recipe, NULL, NULL, NULL, &err), PITH_MISMATCH);
	assert_non_null(strstr(err.message, "other weights"));
	/* One for answers begins as one for regeneration does; one for reading texts as neither. */
	run.recipe.curriculum_loss = 0;
	run.recipe.tasks = &tasks[3];
	run.recipe.adapter_path[PITH_REGENERATE] = NULL;
	run.recipe.adapter_path[PITH_ANSWER] = base.outputs[1];
	run_to_end(&run);
	base_recipe(&run, "reader");
	run.recipe.trained = PITH_TRAIN_ADAPTER;
	run.recipe.base_path = base.outputs[0];
	run.recipe.tasks = &tasks[2];
	run.recipe.curriculum_loss = 0;
	run.recipe.n_tasks = 1;
	run.recipe.adapter_path[PITH_READ] = base.outputs[1];
	assert_int_equal(pith_train_run(&run.recipe, NULL, NULL, NULL, &err), PITH_MISMATCH);
	run.recipe.adapter_path[PITH_READ] = NULL;
	run.recipe.evidence_tokens = 300;
	run.recipe.span_tokens = 255;
	assert_int_equal(pith_train_run(&run.recipe, NULL, NULL, NULL, &err), PITH_BAD_ARGUMENT);
	assert_non_null(strstr(err.message, "span_tokens"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adapter_goes_on),
		cmocka_unit_test(test_adapter_by_muon),
		cmocka_unit_test(test_embeddings),
		cmocka_unit_test(test_memory_reader),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_held_out_ratio),
		cmocka_unit_test(test_distillation),
		cmocka_unit_test(test_other_adapters),
	};
	return cmocka_run_group_tests(tests, runs_setup, scratch_teardown);
}
