/*
 * Whole training runs of twelve steps: a run that was cancelled, or killed
 * between two checkpoints, goes on to the same losses and the same output
 * files, byte for byte, as one that was left alone. Base and adapters, fp32
 * and bf16, a curriculum that depends on the losses.
 */
#define _XOPEN_SOURCE 700
#include "unit.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "model/adapter.h"
#include "model/model.h"
#include "model/parameters.h"
#include "pith/train.h"
#include "scratch.h"
#include "support/tiny.h"

enum { N_STEPS = 12, N_FILES = 3, KILLED = 3 };

static struct pith_task tasks[] = {
	{.objective = PITH_OBJECTIVE_LM, .weight = 1, .max_tokens = 60},
	{.objective = PITH_OBJECTIVE_REGENERATE, .weight = 2, .max_tokens = 60},
	{.objective = PITH_OBJECTIVE_ANSWER_FULL, .weight = 1, .loss_weight = 2, .max_tokens = 60},
	{.objective = PITH_OBJECTIVE_ANSWER, .weight = 1, .loss_weight = 2, .max_tokens = 60},
};

/* A recipe with paths of its own: NAME.gguf, NAME-regenerate.gguf, NAME-answer.gguf, NAME.checkpoint, NAME.log. */
struct named_recipe {
	struct pith_recipe recipe;
	char outputs[N_FILES][512], checkpoint[512], log[512];
};

static char data_paths[3][512];

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	static const char *const names[] = {"vocabulary.gguf", "texts.jsonl", "questions.jsonl"};
	for (int i = 0; i < 3; i++)
		snprintf(data_paths[i], sizeof data_paths[i], "%s", scratch_path(names[i]));
	tiny_vocabulary(data_paths[0]);
	tiny_texts(data_paths[1], 60, 1);
	tiny_questions(data_paths[2], 30, 2);
	for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
		tasks[i].path = data_paths[i < 2 ? 1 : 2];
	return 0;
}

static void name_files(struct named_recipe *r, const char *name)
{
	static const char *const endings[N_FILES] = {".gguf", "-regenerate.gguf", "-answer.gguf"};
	for (int i = 0; i < N_FILES; i++)
		snprintf(r->outputs[i], sizeof r->outputs[i], "%s/%s%s", scratch_directory, name, endings[i]);
	snprintf(r->checkpoint, sizeof r->checkpoint, "%s/%s.checkpoint", scratch_directory, name);
	snprintf(r->log, sizeof r->log, "%s/%s.log", scratch_directory, name);
	r->recipe.output_path = r->outputs[0];
	r->recipe.output_adapter_path[PITH_REGENERATE] = r->outputs[1];
	r->recipe.output_adapter_path[PITH_ANSWER] = r->outputs[2];
	r->recipe.checkpoint_path = r->checkpoint;
	r->recipe.log_path = r->log;
}

static void base_recipe(struct named_recipe *r, const char *name)
{
	pith_recipe_init(&r->recipe);
	struct pith_recipe *recipe = &r->recipe;
	name_files(r, name);
	recipe->tokenizer_path = data_paths[0];
	recipe->n_layers = 2;
	recipe->n_embd = 32;
	recipe->n_heads = 2;
	recipe->n_kv_heads = 1;
	recipe->head_dim = 16;
	recipe->n_ff = 48;
	recipe->n_context = 256;
	recipe->lora_rank = 2;
	recipe->max_memory_tokens = 8;
	recipe->span_tokens = 60;
	recipe->tasks = tasks;
	recipe->n_tasks = sizeof tasks / sizeof *tasks;
	recipe->batch_tokens = 300;
	recipe->n_accumulate = 3;
	recipe->n_steps = N_STEPS;
	recipe->warmup_steps = 2;
	recipe->decay_steps = 4;
	recipe->learning_rate = 1e-2;
	recipe->length_start = 20;
	recipe->curriculum_loss = 5.3; /* a little below ln 258: soon passed */
	recipe->eval_path = data_paths[1];
	recipe->eval_answer_path = data_paths[2];
	recipe->eval_steps = 4;
	recipe->eval_limit = 6;
	recipe->checkpoint_steps = 4;
	recipe->report_steps = 1;
	recipe->output_type = "F32";
	recipe->bf16 = false;
	recipe->n_threads = 2;
}

/* What a run's report does: stops the run at a step, politely or not. */
struct stopping {
	int step;
	bool kill;
	atomic_bool cancel;
};

static void stop_at(void *user, const struct pith_train_report *report)
{
	struct stopping *stopping = user;
	if (report->step != stopping->step)
		return;
	if (stopping->kill)
		_exit(KILLED);
	atomic_store(&stopping->cancel, true);
}

static void run_to_end(const struct named_recipe *r)
{
	struct pith_error err;
	if (pith_train_run(&r->recipe, NULL, NULL, NULL, &err) != PITH_OK)
		fail_msg("%s", err.message);
}

static void run_and_cancel(const struct named_recipe *r, int step)
{
	struct pith_error err;
	struct stopping stopping = {.step = step};
	struct pith_control control = {.cancel = &stopping.cancel};
	assert_int_equal(pith_train_run(&r->recipe, stop_at, &stopping, &control, &err), PITH_CANCELLED);
}

static void run_and_kill(const struct named_recipe *r, int step)
{
	int how;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct stopping stopping = {.step = step, .kill = true};
		pith_train_run(&r->recipe, stop_at, &stopping, NULL, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_true(WIFEXITED(how) && WEXITSTATUS(how) == KILLED);
}

static void assert_same_file(const char *a, const char *b)
{
	size_t size_a, size_b;
	char *data_a = scratch_read(a, &size_a), *data_b = scratch_read(b, &size_b);
	assert_int_equal(size_a, size_b);
	if (memcmp(data_a, data_b, size_a) != 0)
		fail_msg("%s and %s differ", a, b);
	free(data_a);
	free(data_b);
}

struct line {
	double loss, gradient_norm, length, eval_loss, eval_answers;
	int n_seen;
};

/* Lines of a log by step. */
static void read_log(const char *path, struct line lines[N_STEPS + 1])
{
	FILE *stream = fopen(path, "r");
	char text[2048];
	assert_non_null(stream);
	memset(lines, 0, (N_STEPS + 1) * sizeof *lines);
	while (fgets(text, sizeof text, stream) != NULL) {
		json_t *json = json_loads(text, 0, NULL);
		assert_non_null(json);
		json_int_t step = json_integer_value(json_object_get(json, "step"));
		assert_in_range(step, 1, N_STEPS);
		struct line *line = &lines[step];
		line->loss = json_number_value(json_object_get(json, "loss"));
		line->gradient_norm = json_number_value(json_object_get(json, "gradient_norm"));
		line->length = json_number_value(json_object_get(json, "length"));
		line->eval_loss = json_number_value(json_object_get(json, "eval_loss_regenerate"));
		line->eval_answers = json_number_value(json_object_get(json, "eval_loss_answer_full"));
		line->n_seen++;
		json_decref(json);
	}
	fclose(stream);
}

/* Every step was told once, and says the same. */
static void assert_same_run(const struct named_recipe *a, const struct named_recipe *b, int n_files)
{
	struct line x[N_STEPS + 1], y[N_STEPS + 1];
	read_log(a->log, x);
	read_log(b->log, y);
	for (int step = 1; step <= N_STEPS; step++) {
		assert_true(x[step].n_seen == 1 && y[step].n_seen == 1);
		assert_true(x[step].loss > 0 && x[step].loss == y[step].loss);
		assert_true(x[step].gradient_norm == y[step].gradient_norm);
		assert_true(x[step].length == y[step].length);
		/* Held-out losses stand in the lines of the steps that they were taken at. */
		assert_true(x[step].eval_loss == y[step].eval_loss);
		assert_int_equal(x[step].eval_loss > 0, step % 4 == 0);
	}
	for (int i = 0; i < n_files; i++)
		assert_same_file(a->outputs[i], b->outputs[i]);
}

/* --- tests -------------------------------------------------------------------------------------------- */

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
		cmocka_unit_test(test_base_goes_on),
		cmocka_unit_test(test_bf16_goes_on),
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_adapter_goes_on),
		cmocka_unit_test(test_adapter_by_muon),
		cmocka_unit_test(test_embeddings),
		cmocka_unit_test(test_memory_reader),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_distillation),
		cmocka_unit_test(test_held_out_ratio),
		cmocka_unit_test(test_base_in_place),
		cmocka_unit_test(test_other_adapters),
		cmocka_unit_test(test_number_of_threads),
		cmocka_unit_test(test_bad_recipes),
		cmocka_unit_test(test_cancelled_at_once), cmocka_unit_test(test_first_line_malformed),
		cmocka_unit_test(test_diverging),
	};
	return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
