/*
 * Training a keep head: the base reads every text once, then epochs go over
 * the hidden states with a loss of logistic regression on each token. What is
 * written is the head of the epoch with the lowest held-out loss.
 */
#define _POSIX_C_SOURCE 200809L
#include "train/keep.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"
#include "base/cancel.h"
#include "train/keep_data.h"
#include "train/optimizer.h"

void pith_keep_recipe_init(struct pith_keep_recipe *recipe)
{
	*recipe = (struct pith_keep_recipe){
		.window_tokens = 512,
		.n_hidden = 64,
		.least_hit_rate = 0.5,
		.surprise_share = 0.4,
		.held_out = 0.1,
		.n_epochs = 6,
		.batch_tokens = 2000,
		.learning_rate = 1e-3,
		.weight_decay = 0.01,
		.seed = 1,
	};
}

struct keep_run {
	const struct pith_keep_recipe *recipe;
	struct pith_model *model;
	struct keep_head *head;
	struct keep_data data;
	size_t *order;          /* texts that are trained on, in the order of the epoch */
	size_t n_order;
	float *gradients, *best; /* (head->n_values) */
	float *logits, *inner;  /* of one text */
	float *centre, *inverse; /* (n_embd): means of the states, and one by their deviations */
	struct keep_ranked *ranked;
	struct trained_array array;
	struct pith_recipe schedule; /* what the optimiser wants to know */
	int step;
	FILE *log;
};

/* --- states of mean 0 and variance 1 ------------------------------------------------------------------------ */

/* Numbers of a hidden state differ a hundredfold in size: as they stand the large ones learn and the small ones do not. */
static void standardise(struct keep_run *run)
{
	size_t n_embd = run->data.n_embd, n_rows = run->data.n_rows;
	for (size_t j = 0; j < n_embd; j++) {
		double sum = 0, squares = 0;
		for (size_t i = 0; i < n_rows; i++) {
			double x = (double)run->data.states[i * n_embd + j];
			sum += x;
			squares += x * x;
		}
		double mean = sum / (double)n_rows, variance = squares / (double)n_rows - mean * mean;
		run->centre[j] = (float)mean;
		run->inverse[j] = (float)(1 / sqrt(variance > 1e-8 ? variance : 1e-8));
	}
	for (size_t i = 0; i < n_rows; i++)
		for (size_t j = 0; j < n_embd; j++) {
			float *x = &run->data.states[i * n_embd + j];
			*x = (*x - run->centre[j]) * run->inverse[j];
		}
}

/* Makes the head one for states as the base gives them. */
static void unstandardise(struct keep_run *run)
{
	struct keep_head *head = run->head;
	for (size_t i = 0; i < head->n_hidden; i++) {
		double shift = 0;
		for (size_t j = 0; j < head->n_embd; j++) {
			float *w = &head->w1[i * head->n_embd + j];
			*w *= run->inverse[j];
			shift += (double)*w * (double)run->centre[j];
		}
		head->b1[i] -= (float)shift;
	}
}

/* --- measuring -------------------------------------------------------------------------------------------- */

/* The highest score first; what is no number, of a head that diverged, comes last. */
static int compare_ranked(const void *a, const void *b)
{
	float x = ((const struct keep_ranked *)a)->score, y = ((const struct keep_ranked *)b)->score;
	if (isnan(x) || isnan(y))
		return (isnan(x) != 0) - (isnan(y) != 0);
	return x > y ? -1 : x < y;
}

void keep_measure(struct keep_ranked *tokens, size_t n, double *f1, double *auc)
{
	size_t n_keep = 0, n_right = 0;
	double above = 0, wins = 0;
	qsort(tokens, n, sizeof *tokens, compare_ranked);
	for (size_t i = 0; i < n; i++)
		n_keep += tokens[i].keep;
	for (size_t i = 0; i < n_keep; i++)
		n_right += tokens[i].keep;
	/* By runs of equal scores, from the top: each token to be dropped loses to those to be kept above it. */
	for (size_t i = 0, end; i < n; i = end) {
		size_t kept = tokens[i].keep;
		for (end = i + 1; end < n && tokens[end].score == tokens[i].score; end++)
			kept += tokens[end].keep;
		size_t dropped = end - i - kept;
		wins += (double)dropped * (above + 0.5 * (double)kept);
		above += (double)kept;
	}
	*f1 = n_keep > 0 ? (double)n_right / (double)n_keep : NAN;
	*auc = n_keep > 0 && n_keep < n ? wins / ((double)n_keep * (double)(n - n_keep)) : NAN;
}

/* Cross-entropy of the head's chance against a label from 0 to 1. */
static double token_loss(float logit, float label)
{
	double z = (double)logit, dropped = z > 0 ? z + log1p(exp(-z)) : log1p(exp(z)); /* -ln(1 - p); and -ln p is z less */
	return dropped - (double)label * z;
}

static void measure_held_out(struct keep_run *run, struct pith_keep_report *report)
{
	double loss = 0, weights = 0;
	size_t n = 0;
	for (size_t t = 0; t < run->data.n_texts; t++) {
		const struct keep_text *text = &run->data.texts[t];
		const float *labels = run->data.labels + text->first;
		if (!text->held_out)
			continue;
		keep_head_forward(run->head, run->logits, run->inner, run->data.states + text->first * run->data.n_embd, text->n);
		for (size_t i = 0; i < text->n; i++) {
			if (labels[i] < 0)
				continue;
			loss += (double)text->weight * token_loss(run->logits[i], labels[i]);
			weights += (double)text->weight;
			run->ranked[n++] = (struct keep_ranked){run->logits[i], labels[i] > 0.5f};
		}
	}
	report->held_out_loss = weights > 0 ? loss / weights : NAN;
	keep_measure(run->ranked, n, &report->f1, &report->auc);
}

/* --- an epoch --------------------------------------------------------------------------------------------- */

/* Adds the gradient of one text's loss, summed over its tokens; returns that loss. */
static double text_step(struct keep_run *run, const struct keep_text *text, double *weights)
{
	const float *states = run->data.states + text->first * run->data.n_embd, *labels = run->data.labels + text->first;
	double loss = 0;
	keep_head_forward(run->head, run->logits, run->inner, states, text->n);
	for (size_t i = 0; i < text->n; i++) {
		float d = 0;
		if (labels[i] >= 0) {
			loss += (double)text->weight * token_loss(run->logits[i], labels[i]);
			*weights += (double)text->weight;
			d = text->weight * (keep_probability(run->logits[i]) - labels[i]);
		}
		run->logits[i] = d;
	}
	keep_head_backward(run->head, run->gradients, run->logits, run->inner, states, text->n);
	return loss;
}

static void shuffle(size_t *order, size_t n, struct random_state *random)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = random_below(random, i), moved = order[i - 1];
		order[i - 1] = order[j];
		order[j] = moved;
	}
}

static enum pith_status run_epoch(struct keep_run *run, struct random_state *random, double *mean, struct pith_error *err)
{
	double loss = 0, weights = 0;
	shuffle(run->order, run->n_order, random);
	for (size_t i = 0; i < run->n_order;) {
		double batch_weights = 0;
		size_t n_tokens = 0;
		while (i < run->n_order && n_tokens < (size_t)run->recipe->batch_tokens) {
			const struct keep_text *text = &run->data.texts[run->order[i++]];
			loss += text_step(run, text, &batch_weights);
			n_tokens += text->n;
		}
		weights += batch_weights;
		for (size_t j = 0; batch_weights > 0 && j < run->head->n_values; j++)
			run->gradients[j] /= (float)batch_weights;
		double norm;
		enum pith_status status = optimizer_step(&run->array, 1, &run->schedule, run->step++, 1, NULL, &norm, err);
		if (status != PITH_OK)
			return status;
	}
	*mean = weights > 0 ? loss / weights : NAN;
	return PITH_OK;
}

static void write_log(FILE *log, const struct pith_keep_report *r)
{
	fprintf(log, "{\"epoch\":%d,\"n_epochs\":%d,\"loss\":%.6g", r->epoch, r->n_epochs, r->loss);
	if (isfinite(r->held_out_loss))
		fprintf(log, ",\"held_out_loss\":%.6g", r->held_out_loss);
	if (isfinite(r->auc))
		fprintf(log, ",\"f1\":%.6g,\"auc\":%.6g", r->f1, r->auc);
	fprintf(log, "}\n");
	fflush(log);
}

static enum pith_status run_epochs(struct keep_run *run, pith_keep_report_fn *tell, void *user,
                                   const struct pith_control *control, struct pith_error *err)
{
	const struct pith_keep_recipe *recipe = run->recipe;
	struct pith_keep_report report = {.n_epochs = recipe->n_epochs, .n_texts = run->data.n_texts,
	                                  .n_left_out = run->data.n_left_out, .n_tokens = run->data.n_rows};
	struct random_state random;
	double lowest = INFINITY;
	random_seed(&random, recipe->seed + 1);
	for (int epoch = 0; epoch < recipe->n_epochs; epoch++) {
		if (is_cancelled(control))
			return fail(err, PITH_CANCELLED, "Stopped in epoch %d: nothing was saved.", epoch + 1);
		enum pith_status status = run_epoch(run, &random, &report.loss, err);
		if (status != PITH_OK)
			return status;
		measure_held_out(run, &report);
		report.epoch = epoch + 1;
		/* Where nothing is held out, the last epoch is the one. */
		if (!(report.held_out_loss >= lowest)) {
			lowest = isnan(report.held_out_loss) ? INFINITY : report.held_out_loss;
			memcpy(run->best, run->head->values, run->head->n_values * sizeof *run->best);
		}
		if (run->log != NULL)
			write_log(run->log, &report);
		if (tell != NULL)
			tell(user, &report);
	}
	memcpy(run->head->values, run->best, run->head->n_values * sizeof *run->best);
	unstandardise(run);
	return PITH_OK;
}

/* --- from the recipe to the file ---------------------------------------------------------------------------- */

static enum pith_status check_recipe(const struct pith_keep_recipe *r, struct pith_error *err)
{
	if (r->base_path == NULL || r->output_path == NULL)
		return fail(err, PITH_BAD_ARGUMENT,
		            "A keep head needs the base that it belongs to, and a file to be written to.");
	if (r->n_sources == 0)
		return fail(err, PITH_BAD_ARGUMENT, "There are no texts to train a keep head on.");
	for (size_t i = 0; i < r->n_sources; i++)
		if (!(r->sources[i].weight > 0) || r->sources[i].limit < 0)
			return fail(err, PITH_BAD_ARGUMENT, "The source %s needs a positive weight, and a limit of 0 or more.",
			            r->sources[i].path);
	if (r->n_epochs < 1 || r->batch_tokens < 1 || !(r->learning_rate > 0) || r->window_tokens < 1 || r->depth < 0 ||
	    r->n_hidden < 1 || !(r->held_out >= 0 && r->held_out < 1) || !(r->surprise_share >= 0 && r->surprise_share < 0.5))
		return fail(err, PITH_BAD_ARGUMENT,
		            "A keep head needs n_epochs, batch_tokens, window_tokens and n_hidden of at least "
		            "1, a positive learning_rate, held_out from 0 to below 1, and surprise_share "
		            "from 0 to below 0.5.");
	return PITH_OK;
}

static enum pith_status open_head(struct keep_run *run, struct pith_error *err)
{
	const struct pith_keep_recipe *recipe = run->recipe;
	struct pith_model_options options = model_options_alone(recipe->n_threads);
	struct random_state random;
	random_seed(&random, recipe->seed);
	enum pith_status status = pith_model_open(&run->model, recipe->base_path, &options, NULL, err);
	if (status == PITH_OK)
		status = keep_head_create(&run->head, &run->model->transformer.h, (size_t)recipe->n_hidden, (size_t)recipe->depth,
		                          (size_t)recipe->window_tokens, &random, err);
	if (status == PITH_OK && model_fingerprint(run->model)[0] == '\0')
		status = fail_memory(err, "the fingerprint of the model");
	if (status != PITH_OK)
		return status;
	strcpy(run->head->base_fingerprint, model_fingerprint(run->model));
	strcpy(run->head->tokenizer_fingerprint, tokenizer_fingerprint(run->model->tokenizer));
	return PITH_OK;
}

/* A tenth of the steps rises, the last third falls. */
static void set_schedule(struct keep_run *run, size_t n_tokens)
{
	const struct pith_keep_recipe *recipe = run->recipe;
	/* A batch is full with the text that brings it over batch_tokens: by half a text, about. */
	size_t half_a_text = n_tokens / (run->data.n_texts + 1) / 2;
	size_t steps = (size_t)recipe->n_epochs * (n_tokens / ((size_t)recipe->batch_tokens + half_a_text) + 1);
	pith_recipe_init(&run->schedule);
	run->schedule.n_steps = (int)steps;
	run->schedule.warmup_steps = (int)(steps / 10);
	run->schedule.decay_steps = (int)(steps / 3);
	run->schedule.learning_rate = recipe->learning_rate;
	run->schedule.min_learning_rate = recipe->learning_rate / 100;
	run->schedule.beta2 = 0.98;
	run->schedule.weight_decay = recipe->weight_decay;
	run->schedule.bf16 = false;
}

static enum pith_status prepare(struct keep_run *run, struct pith_error *err)
{
	struct keep_head *head = run->head;
	const struct keep_data *data = &run->data;
	size_t n_tokens = 0;
	run->order = malloc((data->n_texts + 1) * sizeof *run->order);
	run->gradients = aligned_floats(head->n_values);
	run->best = aligned_floats(head->n_values);
	run->logits = malloc(head->window_tokens * sizeof *run->logits);
	run->inner = malloc(head->window_tokens * head->n_hidden * sizeof *run->inner);
	run->centre = malloc(head->n_embd * sizeof *run->centre);
	run->inverse = malloc(head->n_embd * sizeof *run->inverse);
	run->ranked = malloc((data->n_rows + 1) * sizeof *run->ranked);
	if (run->order == NULL || run->gradients == NULL || run->best == NULL || run->logits == NULL || run->inner == NULL ||
	    run->ranked == NULL || run->centre == NULL || run->inverse == NULL)
		return fail_memory(err, "the training of a keep head");
	for (size_t t = 0; t < data->n_texts; t++) {
		if (data->texts[t].held_out)
			continue;
		run->order[run->n_order++] = t;
		n_tokens += data->texts[t].n;
	}
	if (run->n_order == 0)
		return fail(err, PITH_BAD_FILE, "None of the texts goes with its short form: there is nothing to learn.");
	standardise(run);
	set_schedule(run, n_tokens);
	enum pith_status status = trained_array_init(&run->array, head->values, head->n_values, &run->gradients, 1, 1, err);
	struct matrix_range w1 = {0, head->n_hidden * head->n_embd, head->n_hidden, head->n_embd, false};
	size_t begin = (size_t)(head->w2 - head->values);
	struct matrix_range w2 = {begin, begin + head->n_hidden, 1, head->n_hidden, false};
	if (status == PITH_OK)
		status = trained_array_add_matrix(&run->array, &w1, err);
	if (status == PITH_OK)
		status = trained_array_add_matrix(&run->array, &w2, err);
	return status;
}

static void close_run(struct keep_run *run)
{
	if (run->log != NULL)
		fclose(run->log);
	trained_array_free(&run->array);
	free(run->order);
	free(run->gradients);
	free(run->best);
	free(run->logits);
	free(run->inner);
	free(run->centre);
	free(run->inverse);
	free(run->ranked);
	keep_data_free(&run->data);
	keep_head_destroy(run->head);
	pith_model_close(run->model);
}

enum pith_status pith_train_keep(const struct pith_keep_recipe *recipe, pith_keep_report_fn *report, void *report_user,
                                 const struct pith_control *control, struct pith_error *err)
{
	struct keep_run run = {.recipe = recipe};
	enum pith_status status = check_recipe(recipe, err);
	if (status == PITH_OK)
		status = open_head(&run, err);
	if (status == PITH_OK && recipe->log_path != NULL && (run.log = fopen(recipe->log_path, "we")) == NULL)
		status = fail(err, PITH_IO, "Cannot write %s: %s.", recipe->log_path, strerror(errno));
	if (status == PITH_OK)
		status = keep_data_read(&run.data, recipe, run.model, run.head, control, err);
	if (status == PITH_OK)
		status = prepare(&run, err);
	if (status == PITH_OK)
		status = run_epochs(&run, report, report_user, control, err);
	if (status == PITH_OK)
		status = keep_head_save(run.head, &run.model->transformer.h, recipe->output_path, err);
	close_run(&run);
	return status;
}
