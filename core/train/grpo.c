/*
 * Cmprsr's second stage (arXiv 2511.12281): GRPO (arXiv 2402.03300, eq. 3) of the rewriting adapter. Every step draws its
 * rewrites anew and uses them once, so that (at a temperature of 1) the ratio of new to old policy is 1 and nothing has to be
 * clipped: what is left is -A log p of each rewrite, and the distance to the adapter where the run began.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "formats/jsonl.h"
#include "model/answer_entropy.h"
#include "model/generate.h"
#include "pith/train.h"
#include "text/length_prompt.h"
#include "train/optimizer.h"
#include "train/rewards.h"
#include "train/rollout.h"
#include "train/run.h"

/* QUESTION_TOKENS: around the question about a text, whatever the vocabulary. */
enum { LEAST_ASKED = 4, TRIES = 200, QUESTION_TOKENS = 64 };
static const char question[] = "What is the text about?";

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

struct grpo {
	const struct pith_grpo_recipe *recipe;
	const struct pith_control *control;
	struct pith_model *model;
	struct adapter *adapter, *reference; /* trained; where it began */
	enum tensor_type adapter_type;       /* that it is written in */
	struct jsonl *data;
	struct random_state random;
	struct step_worker worker;
	struct trained_array array;
	struct pith_recipe schedule; /* what the optimiser wants to know */
	struct rollout *rollouts;    /* (n_rollouts) */
	size_t *rows;                /* (n_rollouts) */
	double *advantages, *length_rewards, *quality_rewards; /* (n_rollouts) */
	struct scratch policy;       /* (rows of a micro-batch): losses under the trained adapter */
	FILE *log;
};

/* A text, what a person wrote about it, and how long its rewrites may be. */
struct input {
	struct jsonl_record *record;
	const char *text, *target;
	size_t length, n_tokens, asked;
	struct token_list prompt;
};

/* Tokens that a rewrite may take. */
static size_t most_written(const struct input *input)
{
	return input->asked + input->asked / 4 + 16;
}

static void input_free(struct input *input)
{
	jsonl_record_free(input->record);
	token_list_free(&input->prompt);
	*input = (struct input){0};
}

/* --- inputs --------------------------------------------------------------------------------------------------------- */

/* Reads a line; *suits false: it has no text with a target, or one that is too long. */
static enum pith_status read_input(struct grpo *g, struct input *input, size_t line, bool *suits, struct pith_error *err)
{
	const struct pith_grpo_recipe *recipe = g->recipe;
	struct token_list ids = {0};
	*suits = false;
	enum pith_status status = jsonl_read(&input->record, g->data, line, err);
	if (status != PITH_OK)
		return status;
	input->text = jsonl_string(input->record, "text", &input->length);
	input->target = jsonl_string(input->record, "target", NULL);
	if (input->target == NULL)
		input->target = jsonl_string(input->record, "title", NULL);
	if (input->text == NULL || input->target == NULL || input->target[0] == '\0')
		return PITH_OK;
	status = tokenizer_encode(g->model->tokenizer, input->text, input->length, &ids, err);
	input->n_tokens = ids.n;
	token_list_free(&ids);
	double rate = recipe->rate_min + (recipe->rate_max - recipe->rate_min) * random_uniform(&g->random);
	input->asked = (size_t)(rate * (double)input->n_tokens);
	if (status != PITH_OK || input->n_tokens > (size_t)recipe->max_tokens || input->asked < LEAST_ASKED)
		return status;
	status = length_prompt(g->model->tokenizer, input->text, input->length, input->asked, &input->prompt, err);
	ids = (struct token_list){0};
	if (status == PITH_OK)
		status = tokenizer_encode(g->model->tokenizer, input->target, strlen(input->target), &ids, err);
	size_t context = g->model->transformer.h.n_context;
	*suits = input->prompt.n + most_written(input) <= context && input->n_tokens + QUESTION_TOKENS + ids.n <= context;
	token_list_free(&ids);
	return status;
}

static enum pith_status draw_input(struct grpo *g, struct input *input, struct pith_error *err)
{
	for (int i = 0; i < TRIES; i++) {
		bool suits;
		enum pith_status status = read_input(g, input, random_below(&g->random, jsonl_n_lines(g->data)), &suits, err);
		if (status != PITH_OK || suits)
			return status;
		input_free(input);
	}
	return fail(err, PITH_BAD_FILE, "%s: hardly any line has a \"text\" of up to %d tokens and a \"target\" or \"title\".",
	            g->recipe->data_path, g->recipe->max_tokens);
}

/* --- rewards -------------------------------------------------------------------------------------------------------- */

/* Rewards of the rollouts, and from them their advantages. */
static enum pith_status judge(struct grpo *g, const struct input *input, struct pith_grpo_report *sum, struct pith_error *err)
{
	const struct pith_grpo_recipe *recipe = g->recipe;
	size_t n = (size_t)recipe->n_rollouts;
	double target_rate = (double)input->asked / (double)input->n_tokens, full = 0;
	enum pith_status status =
		answer_cross_entropy(&full, g->model, input->text, input->length, question, input->target, g->control, err);
	for (size_t i = 0; status == PITH_OK && i < n; i++) {
		const struct rollout *r = &g->rollouts[i];
		double rate = (double)r->n_text / (double)input->n_tokens, left = 0;
		status = answer_cross_entropy(&left, g->model, r->text.data, r->text.length, question, input->target, g->control,
		                              err);
		bool hacked = reward_hacked(input->text, input->length, r->text.data, r->text.length);
		g->length_rewards[i] = reward_length(rate, target_rate, recipe->two_sided);
		g->quality_rewards[i] = reward_quality(full, left) * (hacked ? 0.5 : 1);
		sum->reward_length += g->length_rewards[i];
		sum->reward_quality += g->quality_rewards[i];
		sum->rate += rate;
		sum->delta_cr += rate - target_rate;
		sum->over_budget += r->n_text > input->asked;
		sum->hacked += hacked;
	}
	memset(g->advantages, 0, n * sizeof *g->advantages);
	if (recipe->length_reward)
		reward_normalise(g->advantages, g->length_rewards, n);
	if (recipe->quality_reward)
		reward_normalise(g->advantages, g->quality_rewards, n);
	return status;
}

/* --- the step ------------------------------------------------------------------------------------------------------- */

/*
 * Weights of the rewrites' tokens in the sum of losses -log p: the advantage, and what the k3 estimator of the distance to the
 * reference gives, kl (p_ref / p - 1). Each rewrite counts as much as the others, however long it is.
 */
static void weigh(struct grpo *g, struct pith_grpo_report *sum)
{
	const struct pith_grpo_recipe *recipe = g->recipe;
	struct microbatch *m = &g->worker.microbatch;
	const float *reference = g->worker.losses.data, *policy = g->policy.data;
	for (int i = 0; i < recipe->n_rollouts; i++) {
		size_t n = g->rollouts[i].tokens.n;
		double share = 1.0 / ((double)n * recipe->n_rollouts * recipe->n_inputs);
		for (size_t row = g->rows[i]; row < g->rows[i] + n; row++) {
			double difference = fmin((double)policy[row] - (double)reference[row], 5); /* log p_ref - log p */
			double ratio = exp(difference);
			m->weights[row] = (float)(share * (g->advantages[i] + recipe->kl * (ratio - 1)));
			sum->kl += (ratio - difference - 1) / (double)n;
		}
	}
}

/* Adds the gradients of one input's rollouts. */
static enum pith_status learn(struct grpo *g, const struct input *input, struct pith_grpo_report *sum, struct pith_error *err)
{
	struct step_worker *w = &g->worker;
	struct step_losses losses;
	enum pith_status status =
		rollouts_pack(&w->microbatch, g->rows, g->rollouts, (size_t)g->recipe->n_rollouts, &input->prompt, err);
	size_t n = w->microbatch.reader.batch.n_tokens;
	w->adapters[PITH_REWRITE] = g->adapter;
	if (status == PITH_OK)
		status = scratch_reserve(&g->policy, n, "the losses", err);
	if (status == PITH_OK)
		status = step_run(w, false, &losses, err);
	if (status == PITH_OK)
		memcpy(g->policy.data, w->losses.data, n * sizeof(float));
	w->adapters[PITH_REWRITE] = g->reference;
	if (status == PITH_OK)
		status = step_run(w, false, &losses, err);
	w->adapters[PITH_REWRITE] = g->adapter;
	if (status != PITH_OK)
		return status;
	weigh(g, sum);
	return step_run(w, true, &losses, err);
}

static void forget_rollouts(struct grpo *g)
{
	for (int i = 0; i < g->recipe->n_rollouts; i++)
		rollout_free(&g->rollouts[i]);
}

static enum pith_status run_input(struct grpo *g, struct pith_grpo_report *sum, struct pith_error *err)
{
	struct input input = {0};
	enum pith_status status = draw_input(g, &input, err);
	if (status == PITH_OK)
		status = rollouts_draw(g->rollouts, (size_t)g->recipe->n_rollouts, g->model, g->adapter, &input.prompt, most_written(&input),
		                       g->recipe->temperature, &g->random, g->control, err);
	if (status == PITH_OK)
		status = judge(g, &input, sum, err);
	if (status == PITH_OK)
		status = learn(g, &input, sum, err);
	forget_rollouts(g);
	input_free(&input);
	return status;
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
			status = run_input(g, &sum, err);
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
	/* It is the base that judges, and it reads all of a text. */
	struct pith_model_options options = model_options_alone(recipe->n_threads);
	enum pith_status status = run_find_type(&g->adapter_type, "adapter_type", recipe->adapter_type, err);
	if (status == PITH_OK)
		status = pith_model_open(&g->model, recipe->base_path, &options, g->control, err);
	if (status == PITH_OK)
		status = open_adapters(g, err);
	if (status == PITH_OK)
		status = jsonl_open(&g->data, recipe->data_path, err);
	if (status == PITH_OK && jsonl_n_lines(g->data) == 0)
		status = fail(err, PITH_BAD_FILE, "%s holds no lines.", recipe->data_path);
	if (status == PITH_OK)
		status = allocate(g, err);
	if (status == PITH_OK)
		status = transformer_reserve_positions(&g->model->transformer, g->model->transformer.h.n_context, err);
	g->worker = (struct step_worker){.precision = PRECISION_F32};
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
