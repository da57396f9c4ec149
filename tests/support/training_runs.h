/*
 * Whole training runs of twelve steps for tests: recipes over small data files, runs that are stopped politely or not, and the
 * logs and files of two of them beside each other.
 * The .c file that includes it defines _XOPEN_SOURCE 700 first (scratch.h).
 */
#ifndef TESTS_SUPPORT_TRAINING_RUNS_H
#define TESTS_SUPPORT_TRAINING_RUNS_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pith/train.h"
#include "scratch.h"
#include "support/tiny.h"
#include "unit.h"

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

static inline int runs_setup(void **state)
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

static inline void name_files(struct named_recipe *r, const char *name)
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

static inline void base_recipe(struct named_recipe *r, const char *name)
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

static inline void stop_at(void *user, const struct pith_train_report *report)
{
	struct stopping *stopping = user;
	if (report->step != stopping->step)
		return;
	if (stopping->kill)
		_exit(KILLED);
	atomic_store(&stopping->cancel, true);
}

static inline void run_to_end(const struct named_recipe *r)
{
	struct pith_error err;
	if (pith_train_run(&r->recipe, NULL, NULL, NULL, &err) != PITH_OK)
		fail_msg("%s", err.message);
}

static inline void run_and_cancel(const struct named_recipe *r, int step)
{
	struct pith_error err;
	struct stopping stopping = {.step = step};
	struct pith_control control = {.cancel = &stopping.cancel};
	assert_int_equal(pith_train_run(&r->recipe, stop_at, &stopping, &control, &err), PITH_CANCELLED);
}

static inline void run_and_kill(const struct named_recipe *r, int step)
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

static inline void assert_same_file(const char *a, const char *b)
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
static inline void read_log(const char *path, struct line lines[N_STEPS + 1])
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
static inline void assert_same_run(const struct named_recipe *a, const struct named_recipe *b, int n_files)
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

#endif
