/* The training loop behind pith_train_run(). */
#define _POSIX_C_SOURCE 200809L
#include "pith/train.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "train/run.h"
#include "train/schedule.h"

void pith_recipe_init(struct pith_recipe *recipe)
{
	*recipe = (struct pith_recipe){
		.trained = PITH_TRAIN_BASE,
		.model_name = "pith",
		.n_layers = 6,
		.n_embd = 256,
		.n_heads = 4,
		.n_kv_heads = 4,
		.head_dim = 64,
		.n_ff = 768,
		.n_context = 2048,
		.rope_theta = 10000,
		.lora_rank = 32,
		.lora_alpha = 64,
		.span_tokens = 512,
		.max_memory_tokens = 64,
		.k_ratio_min_start = 0.12,
		.k_ratio_max_start = 0.25,
		.k_ratio_min = 0.02,
		.k_ratio_max = 0.25,
		.batch_tokens = 2048,
		.n_accumulate = 2,
		.n_steps = 1000,
		.warmup_steps = 100,
		.decay_steps = 200,
		.learning_rate = 2e-3,
		.min_learning_rate = 1e-5,
		.beta1 = 0.9,
		.beta2 = 0.95,
		.weight_decay = 0.1,
		.clip_norm = 1,
		.cloze_noise = 0.5,
		.length_start = 24,
		.eval_steps = 500,
		.eval_limit = 100,
		.eval_k_ratio = 0.125,
		.checkpoint_steps = 500,
		.output_type = "Q8_0",
		.adapter_type = "F32",
		.bf16 = true,
		.report_steps = 20,
		.seed = 1,
	};
}

/* The micro-batches of a step, taken slot by slot by whichever thread is free. */
struct round {
	struct run *run;
	atomic_int next; /* slot that nobody has taken */
};

/* Of n slots, slot i has the micro-batches i, i + n, i + 2n, ... */
static void run_slot(struct run *run, struct step_worker *w, int number)
{
	struct gradient_slot *slot = &run->slots[number];
	struct sampling sampling = schedule_sampling(run->recipe, &run->state.curriculum);
	int n_micro = run->recipe->n_accumulate;
	slot->losses = (struct step_losses){0};
	slot->error = (struct pith_error){0};
	run_use_slot(run, w, number);
	for (int i = number; i < n_micro; i += run->n_slots) {
		/* The data of a micro-batch follow from the seed and its number alone. */
		uint64_t seed = (uint64_t)run->state.step * (uint64_t)n_micro + (uint64_t)i;
		random_seed(&w->builder.random, run->recipe->seed * 0x9e3779b97f4a7c15u + seed);
		/* A mask of its own, and room for the layers' own. */
		w->dropout =
			(struct dropout){(float)run->recipe->dropout, run->recipe->seed * 0x9e3779b97f4a7c15u + (seed << 16)};
		microbatch_clear(&w->microbatch);
		struct step_losses losses = {0};
		if (microbatch_build(&w->microbatch, &w->builder, &sampling, &slot->error) != PITH_OK ||
		    step_run(w, true, &losses, &slot->error) != PITH_OK)
			return;
		step_losses_add(&slot->losses, &losses);
	}
}

static void run_slots(void *user, size_t begin, size_t end, int thread)
{
	struct round *round = user;
	(void)begin, (void)end;
	for (int slot; (slot = atomic_fetch_add(&round->next, 1)) < round->run->n_slots;)
		run_slot(round->run, &round->run->workers[thread], slot);
}

static enum pith_status train_step(struct run *run, struct step_losses *sum, double *norm, struct pith_error *err)
{
	struct round round = {.run = run};
	thread_pool_run(run->pool, (size_t)run->n_threads, 1, run_slots, &round);
	struct step_losses step = {0};
	for (int i = 0; i < run->n_slots; i++) {
		const struct gradient_slot *slot = &run->slots[i];
		if (slot->error.code != PITH_OK)
			return fail(err, slot->error.code, "%s", slot->error.message);
		step_losses_add(&step, &slot->losses);
	}
	step_losses_add(sum, &step);
	run->state.tokens += (uint64_t)step.n_read;
	enum pith_status status = optimizer_step(run->arrays, run->n_arrays, run->recipe, run->state.step,
	                                         run->recipe->n_accumulate, run->pool, norm, err);
	if (status != PITH_OK)
		return status;
	double n_regenerated = step.n_tokens[PITH_OBJECTIVE_REGENERATE];
	curriculum_advance(&run->state.curriculum, run->recipe, run->state.step,
	                   n_regenerated > 0 ? step.loss[PITH_OBJECTIVE_REGENERATE] / n_regenerated : NAN);
	run->state.step++;
	return PITH_OK;
}

/* --- telling ------------------------------------------------------------------------------------------- */

struct telling {
	pith_train_report_fn *report;
	void *user;
	FILE *log;
	double last;       /* report */
	struct step_losses sum;   /* since the last report */
	bool evaluated;           /* since the last report */
	struct pith_train_report newest;
};

static void log_number(FILE *log, const char *name, double value)
{
	if (isfinite(value))
		fprintf(log, ",\"%s\":%.6g", name, value);
}

static void write_log(FILE *log, const struct pith_train_report *r, bool evaluated)
{
	char name[64];
	fprintf(log, "{\"step\":%d,\"n_steps\":%d,\"tokens\":%llu", r->step, r->n_steps, (unsigned long long)r->tokens);
	log_number(log, "loss", r->loss);
	for (int i = 0; i < PITH_N_OBJECTIVES; i++) {
		snprintf(name, sizeof name, "loss_%s", pith_objective_name((enum pith_objective)i));
		log_number(log, name, r->objective_loss[i]);
		if (!evaluated)
			continue;
		snprintf(name, sizeof name, "eval_loss_%s", pith_objective_name((enum pith_objective)i));
		log_number(log, name, r->eval_loss[i]);
		snprintf(name, sizeof name, "eval_accuracy_%s", pith_objective_name((enum pith_objective)i));
		log_number(log, name, r->eval_accuracy[i]);
	}
	log_number(log, "length", r->length);
	log_number(log, "learning_rate", r->learning_rate);
	log_number(log, "gradient_norm", r->gradient_norm);
	log_number(log, "tokens_per_second", r->tokens_per_second);
	fprintf(log, "}\n");
	fflush(log);
}

static void tell(struct telling *t, const struct run *run, double norm)
{
	struct pith_train_report *r = &t->newest;
	double seconds = clock_seconds() - t->last, loss = 0, n_tokens = 0;
	r->step = run->state.step;
	r->n_steps = run->recipe->n_steps;
	for (int i = 0; i < PITH_N_OBJECTIVES; i++) {
		r->objective_loss[i] = t->sum.n_tokens[i] > 0 ? t->sum.loss[i] / t->sum.n_tokens[i] : NAN;
		loss += t->sum.loss[i];
		n_tokens += t->sum.n_tokens[i];
	}
	r->loss = n_tokens > 0 ? loss / n_tokens : NAN;
	r->length = run->state.curriculum.length;
	r->learning_rate = schedule_learning_rate(run->recipe, run->state.step - 1);
	r->gradient_norm = norm;
	r->tokens_per_second = t->sum.n_read / seconds;
	r->seconds_left = seconds / run->recipe->report_steps * (r->n_steps - r->step);
	r->tokens = run->state.tokens;
	if (t->log != NULL)
		write_log(t->log, r, t->evaluated);
	if (t->report != NULL)
		t->report(t->user, r);
	t->sum = (struct step_losses){0};
	t->evaluated = false;
	t->last = clock_seconds();
}

/* Of a run that is over its checkpoint says no more than this. */
static void tell_over(struct telling *t, const struct run *run)
{
	struct pith_train_report *r = &t->newest;
	r->over = true;
	r->step = run->state.step;
	r->n_steps = run->recipe->n_steps;
	for (int i = 0; i < PITH_N_OBJECTIVES; i++)
		r->objective_loss[i] = NAN;
	r->loss = r->learning_rate = r->gradient_norm = r->tokens_per_second = r->seconds_left = NAN;
	r->length = run->state.curriculum.length;
	r->tokens = run->state.tokens;
	if (t->report != NULL)
		t->report(t->user, r);
}

/*
 * Opens the log behind its last line of a step that the run has behind it: steps
 * after the checkpoint are done again, and a run that begins anew has a new log.
 */
static enum pith_status open_log(FILE **log, const char *path, int step, struct pith_error *err)
{
	char line[1024];
	long keep = 0;
	*log = fopen(path, "a+e");
	if (*log == NULL)
		return fail(err, PITH_IO, "Cannot write %s: %s.", path, strerror(errno));
	rewind(*log);
	while (fgets(line, sizeof line, *log) != NULL) {
		int logged;
		if (strchr(line, '\n') == NULL || sscanf(line, "{\"step\":%d", &logged) != 1 || logged > step)
			break;
		keep = ftell(*log);
	}
	if (keep >= 0 && ftruncate(fileno(*log), keep) == 0 && fseek(*log, 0, SEEK_END) == 0)
		return PITH_OK;
	enum pith_status status = fail(err, PITH_IO, "Cannot go on with %s: %s.", path, strerror(errno));
	fclose(*log);
	*log = NULL;
	return status;
}

/* Lines that were left out since the last step. */
static void tell_skipped(struct run *run, const struct pith_control *control)
{
	char line[sizeof(struct pith_error) + 32];
	for (int t = 0; t < run->n_threads; t++) {
		struct pith_error *skipped = &run->workers[t].builder.skipped;
		if (skipped->code == PITH_OK)
			continue;
		snprintf(line, sizeof line, "%s It was skipped.", skipped->message);
		if (control != NULL && control->log != NULL)
			control->log(control->user, line);
		*skipped = (struct pith_error){0};
	}
}

/* --- the loop ------------------------------------------------------------------------------------------- */

static enum pith_status save(struct run *run, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	if (run->recipe->checkpoint_path != NULL)
		status = checkpoint_save(run->recipe->checkpoint_path, run->arrays, run->n_arrays, &run->state, err);
	return status == PITH_OK ? run_save_outputs(run, err) : status;
}

static bool due(int step, int every)
{
	return every > 0 && step % every == 0;
}

/* Says where a run was stopped, and what it leaves. */
static enum pith_status stopped(const struct run *run, int began, struct pith_error *err)
{
	int step = run->state.step;
	if (step == began)
		return fail(err, PITH_CANCELLED, "Stopped before step %d was done: nothing was written.", step + 1);
	if (run->recipe->checkpoint_path != NULL)
		return fail(err, PITH_CANCELLED, "Stopped at step %d. The same command goes on from the checkpoint.", step);
	return fail(err, PITH_CANCELLED, "Stopped at step %d. %s is written. There is no checkpoint: the same command begins anew.",
	            step, run->recipe->output_path);
}

static enum pith_status loop(struct run *run, struct telling *t, const struct pith_control *control, struct pith_error *err)
{
	const struct pith_recipe *recipe = run->recipe;
	/* A checkpoint of a run that is over: there is nothing left to do but to write what it holds. */
	int began = run->state.step;
	bool over = began >= recipe->n_steps;
	enum pith_status status = over ? run_save_outputs(run, err) : PITH_OK;
	if (over && status == PITH_OK)
		tell_over(t, run);
	while (status == PITH_OK && run->state.step < recipe->n_steps) {
		if (is_cancelled(control)) {
			/* Where nothing was learned yet, what a run before may have written is worth more. */
			status = run->state.step > began ? save(run, err) : PITH_OK;
			return status != PITH_OK ? status : stopped(run, began, err);
		}
		double norm = 0;
		status = train_step(run, &t->sum, &norm, err);
		tell_skipped(run, control);
		bool last = run->state.step == recipe->n_steps;
		if (status == PITH_OK && (due(run->state.step, recipe->eval_steps) || last))
			status = run_validate(run, t->newest.eval_loss, t->newest.eval_accuracy, err);
		tell_skipped(run, control);
		t->evaluated = t->evaluated || due(run->state.step, recipe->eval_steps) || last;
		if (status == PITH_OK && (due(run->state.step, recipe->report_steps) || last))
			tell(t, run, norm);
		if (status == PITH_OK && (due(run->state.step, recipe->checkpoint_steps) || last))
			status = save(run, err);
	}
	return status;
}

enum pith_status pith_train_run(const struct pith_recipe *recipe, pith_train_report_fn *report, void *report_user,
                                const struct pith_control *control, struct pith_error *err)
{
	struct run run;
	struct telling t = {.report = report, .user = report_user};
	for (int i = 0; i < PITH_N_OBJECTIVES; i++)
		t.newest.eval_loss[i] = t.newest.eval_accuracy[i] = NAN;
	enum pith_status status = run_open(&run, recipe, err);
	if (status == PITH_OK && recipe->log_path != NULL)
		status = open_log(&t.log, recipe->log_path, run.state.step, err);
	t.last = clock_seconds();
	if (status == PITH_OK)
		status = loop(&run, &t, control, err);
	if (t.log != NULL)
		fclose(t.log);
	run_close(&run);
	return status;
}
