/*
 * Cmprsr's second stage (arXiv 2511.12281): GRPO (arXiv 2402.03300, eq. 3) of the rewriting adapter. Every step draws its
 * rewrites anew and uses them once, so that (at a temperature of 1) the ratio of new to old policy is 1 and nothing has to be
 * clipped: what is left is -A log p of each rewrite, and the distance to the adapter where the run began.
 */
#define _POSIX_C_SOURCE 200809L
#include "train/grpo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "train/run.h"

const char grpo_question[] = "What is the text about?";

void pith_grpo_recipe_init(struct pith_grpo_recipe *recipe)
{
	*recipe = (struct pith_grpo_recipe){
		.max_tokens = 320,
		.rate_min = 0.1,
		.rate_max = 0.7,
		.n_inputs = 4,
		.n_rollouts = 6,
		.n_steps = 200,
		.temperature = 1,
		.kl = 0.02,
		.length_reward = true,
		.quality_reward = true,
		.learning_rate = 1e-4,
		.clip_norm = 1,
		.adapter_type = "F32",
		.save_steps = 50,
		.seed = 1,
	};
}

static void mean(struct pith_grpo_report *sum, double n)
{
	double *const numbers[] = {&sum->reward_length, &sum->reward_quality, &sum->rate, &sum->delta_cr, &sum->over_budget,
	                           &sum->hacked,        &sum->kl};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		*numbers[i] /= n;
}

static void write_log(FILE *log, const struct pith_grpo_report *r)
{
	if (log == NULL)
		return;
	fprintf(log,
	        "{\"step\":%d,\"n_steps\":%d,\"reward_length\":%.6g,\"reward_quality\":%.6g,\"rate\":%.6g,\"delta_cr\":%.6g,"
	        "\"over_budget\":%.6g,\"hacked\":%.6g,\"kl\":%.6g,\"seconds\":%.1f}\n",
	        r->step, r->n_steps, r->reward_length, r->reward_quality, r->rate, r->delta_cr, r->over_budget, r->hacked, r->kl,
	        r->seconds);
	fflush(log);
}

static enum pith_status loop(struct grpo *g, pith_grpo_report_fn *report, void *user, struct pith_error *err)
{
	const struct pith_grpo_recipe *recipe = g->recipe;
	enum pith_status status = PITH_OK;
	double began = clock_seconds();
	int n_learned = 0;
	for (int step = 0; status == PITH_OK && step < recipe->n_steps; step++) {
		struct pith_grpo_report sum = {.step = step + 1, .n_steps = recipe->n_steps};
		for (int i = 0; status == PITH_OK && i < recipe->n_inputs; i++)
			status = recipe->keep_words ? grpo_learn_words(g, &sum, err) : grpo_learn_rewrites(g, &sum, err);
		double norm;
		if (status == PITH_OK)
			status = optimizer_step(&g->array, 1, &g->schedule, step, 1, NULL, &norm, err);
		if (status != PITH_OK)
			break;
		n_learned++;
		mean(&sum, (double)recipe->n_inputs * recipe->n_rollouts);
		sum.seconds = clock_seconds() - began;
		write_log(g->log, &sum);
		if (report != NULL)
			report(user, &sum);
		if ((step + 1) % recipe->save_steps == 0 || step + 1 == recipe->n_steps)
			status = adapter_save(g->adapter, &g->model->transformer.h, g->adapter_type, recipe->output_path, err);
	}
	/* What stands when it is stopped is worth keeping, if it is not what it began with. */
	if (status == PITH_CANCELLED && n_learned > 0 &&
	    adapter_save(g->adapter, &g->model->transformer.h, g->adapter_type, recipe->output_path, NULL) != PITH_OK)
		return fail(err, PITH_IO, "The run was stopped, and %s could not be written.", recipe->output_path);
	if (status == PITH_CANCELLED && n_learned > 0)
		return fail(err, PITH_CANCELLED, "Stopped after step %d. %s is written.", n_learned, recipe->output_path);
	if (status == PITH_CANCELLED)
		return fail(err, PITH_CANCELLED, "Stopped before step 1 was done: nothing was written.");
	return status;
}

/* --- setting up ----------------------------------------------------------------------------------------------------- */

static enum pith_status check(const struct pith_grpo_recipe *r, struct pith_error *err)
{
	if (r->base_path == NULL || r->adapter_path == NULL || r->data_path == NULL || r->output_path == NULL)
		return fail(err, PITH_BAD_ARGUMENT,
		            "A recipe for GRPO needs a base, an adapter to start from, data and an output.");
	if (r->n_rollouts < 2 || r->n_inputs < 1 || r->n_steps < 1 || r->max_tokens < 16 || r->save_steps < 1)
		return fail(err, PITH_BAD_ARGUMENT,
		            "A recipe for GRPO needs two rollouts or more, and n_inputs, n_steps and save_steps of at least 1.");
	if (!(r->rate_min > 0) || !(r->rate_max >= r->rate_min) || !(r->rate_max < 1) || !(r->temperature > 0) || r->kl < 0 ||
	    !(r->learning_rate > 0))
		return fail(err, PITH_BAD_ARGUMENT,
		            "A recipe for GRPO needs rates between 0 and 1 in order, and a positive temperature and "
		            "learning_rate.");
	if (r->keep_words && !r->quality_reward)
		return fail(err, PITH_BAD_ARGUMENT, "Words are kept to the budget in any case: keep_words needs quality_reward.");
	if (!r->length_reward && !r->quality_reward)
		return fail(err, PITH_BAD_ARGUMENT, "A recipe for GRPO needs one of the rewards at least.");
	return PITH_OK;
}

static enum pith_status open_adapters(struct grpo *g, struct pith_error *err)
{
	const struct pith_grpo_recipe *recipe = g->recipe;
	const struct hyperparams *h = &g->model->transformer.h;
	enum pith_status status = adapter_load(&g->adapter, h, recipe->adapter_path, err);
	if (status == PITH_OK)
		status = adapter_load(&g->reference, h, recipe->adapter_path, err);
	if (status == PITH_OK && g->adapter->purpose != PITH_REWRITE)
		status = fail(err, PITH_MISMATCH, "%s is no adapter for rewriting.", recipe->adapter_path);
	if (status == PITH_OK && strcmp(g->adapter->base_fingerprint, model_fingerprint(g->model)) != 0)
		status = fail(err, PITH_MISMATCH, "%s was trained on other weights than those of %s.", recipe->adapter_path,
		              recipe->base_path);
	if (status == PITH_OK && recipe->keep_words && !g->adapter->keeps_words)
		status = fail(err, PITH_MISMATCH, "%s has not learned to say which words to keep.", recipe->adapter_path);
	if (status == PITH_OK)
		status = adapter_enable_gradients(g->adapter, err);
	if (status == PITH_OK)
		status = trained_array_init(&g->array, g->adapter->values, g->adapter->n_values, &g->adapter->gradients, 1, 1,
		                            err);
	return status;
}

static enum pith_status allocate(struct grpo *g, struct pith_error *err)
{
	size_t n = (size_t)g->recipe->n_rollouts;
	g->rollouts = calloc(n, sizeof *g->rollouts);
	g->rows = calloc(n, sizeof *g->rows);
	g->advantages = calloc(n, sizeof *g->advantages);
	g->length_rewards = calloc(n, sizeof *g->length_rewards);
	g->quality_rewards = calloc(n, sizeof *g->quality_rewards);
	bool done = g->rollouts != NULL && g->rows != NULL && g->advantages != NULL && g->length_rewards != NULL &&
	            g->quality_rewards != NULL;
	return done ? PITH_OK : fail_memory(err, "the rewrites");
}

static enum pith_status open_run(struct grpo *g, struct pith_error *err)
{
	const struct pith_grpo_recipe *recipe = g->recipe;
	/* It is the base that judges rewrites, and it reads all of a text. Words are chosen and judged as in use, with what is beside it. */
	struct pith_model_options options = model_options_alone(recipe->n_threads);
	if (recipe->keep_words) {
		options.adapter_path[PITH_MEMORY_ROWS][PITH_READ] = NULL;
		options.keep_head_path = NULL;
	}
	enum pith_status status = run_find_type(&g->adapter_type, "adapter_type", recipe->adapter_type, err);
	if (status == PITH_OK)
		status = pith_model_open(&g->model, recipe->base_path, &options, g->control, err);
	if (status == PITH_OK)
		status = open_adapters(g, err);
	if (status == PITH_OK && recipe->keep_words)
		g->model->adapters[PITH_MEMORY_ROWS][PITH_REWRITE] = g->adapter; /* borrowed: what chooses is what learns */
	if (status == PITH_OK)
		status = jsonl_open(&g->data, recipe->data_path, err);
	if (status == PITH_OK && jsonl_n_lines(g->data) == 0)
		status = fail(err, PITH_BAD_FILE, "%s holds no lines.", recipe->data_path);
	if (status == PITH_OK)
		status = allocate(g, err);
	if (status == PITH_OK)
		status = transformer_reserve_positions(&g->model->transformer, g->model->transformer.h.n_context, err);
	g->worker = (struct step_worker){.precision = recipe->bf16 ? PRECISION_BF16 : PRECISION_F32};
	if (status == PITH_OK) {
		g->worker.transformer = &g->model->transformer;
		status = trace_init(&g->worker.reader, &g->model->transformer, err);
	}
	if (status == PITH_OK && recipe->log_path != NULL && (g->log = fopen(recipe->log_path, "w")) == NULL)
		status = fail(err, PITH_IO, "The log %s cannot be written: %s.", recipe->log_path, strerror(errno));
	pith_recipe_init(&g->schedule);
	g->schedule.n_steps = recipe->n_steps;
	g->schedule.warmup_steps = recipe->n_steps / 10; /* as the paper's */
	g->schedule.decay_steps = 0;
	g->schedule.learning_rate = g->schedule.min_learning_rate = recipe->learning_rate;
	g->schedule.weight_decay = 0;
	g->schedule.clip_norm = recipe->clip_norm;
	random_seed(&g->random, recipe->seed);
	return status;
}

static void close_run(struct grpo *g)
{
	if (g->log != NULL)
		fclose(g->log);
	trace_free(&g->worker.reader);
	microbatch_free(&g->worker.microbatch);
	scratch_free(&g->worker.head);
	scratch_free(&g->worker.losses);
	scratch_free(&g->policy);
	free(g->worker.correct);
	free(g->rollouts);
	free(g->rows);
	free(g->advantages);
	free(g->length_rewards);
	free(g->quality_rewards);
	trained_array_free(&g->array);
	if (g->model != NULL)
		g->model->adapters[PITH_MEMORY_ROWS][PITH_REWRITE] = NULL; /* not the model's own */
	adapter_destroy(g->adapter);
	adapter_destroy(g->reference);
	jsonl_close(g->data);
	pith_model_close(g->model);
}

enum pith_status pith_train_grpo(const struct pith_grpo_recipe *recipe, pith_grpo_report_fn *report, void *report_user,
                                 const struct pith_control *control, struct pith_error *err)
{
	/* Many short reads, whose own progress would only flicker. */
	struct pith_control quiet = {0};
	if (control != NULL)
		quiet = (struct pith_control){.log = control->log, .user = control->user, .cancel = control->cancel};
	struct grpo g = {.recipe = recipe, .control = &quiet};
	enum pith_status status = check(recipe, err);
	if (status == PITH_OK)
		status = open_run(&g, err);
	if (status == PITH_OK)
		status = loop(&g, report, report_user, err);
	close_run(&g);
	return status;
}
