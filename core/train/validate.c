/* Losses on held-out data: the same samples every time, memory of the same share of each text. */
#include <math.h>
#include <stdlib.h>

#include "train/run.h"
#include "train/schedule.h"

enum { LINES_AT_ONCE = 4 };

struct validation {
	struct run *run;
	struct sampling sampling;
	size_t task, n_lines;
	struct step_losses *losses;  /* (n_threads) */
	struct pith_error *errors;   /* (n_threads) */
};

static enum pith_status validate_lines(struct validation *v, size_t begin, size_t end, struct step_worker *w,
                                       struct step_losses *sum, struct pith_error *err)
{
	microbatch_clear(&w->microbatch);
	for (size_t line = begin; line < end; line++) {
		bool added;
		random_seed(&w->builder.random, line);
		enum pith_status status = microbatch_add(&w->microbatch, &w->builder, v->task, line, &v->sampling, &added, err);
		if (status != PITH_OK)
			return status;
	}
	if (w->microbatch.reader.batch.n_tokens == 0)
		return PITH_OK;
	microbatch_normalise(&w->microbatch);
	struct step_losses losses;
	w->dropout = (struct dropout){0};
	enum pith_status status = step_run(w, false, &losses, err);
	if (status == PITH_OK)
		step_losses_add(sum, &losses);
	return status;
}

static void validate_part(void *user, size_t begin, size_t end, int thread)
{
	struct validation *v = user;
	struct step_worker *w = &v->run->workers[thread];
	w->builder.tasks = v->run->eval_tasks;
	for (; begin < end && v->errors[thread].code == PITH_OK; begin += LINES_AT_ONCE) {
		size_t stop = begin + LINES_AT_ONCE < end ? begin + LINES_AT_ONCE : end;
		validate_lines(v, begin, stop, w, &v->losses[thread], &v->errors[thread]);
	}
	w->builder.tasks = v->run->tasks;
}

enum pith_status run_validate(struct run *run, double loss[PITH_N_OBJECTIVES], double accuracy[PITH_N_OBJECTIVES],
                              struct pith_error *err)
{
	struct sampling sampling = schedule_final_sampling(run->recipe);
	sampling.k_ratio_min = sampling.k_ratio_max = run->recipe->eval_k_ratio;
	for (int i = 0; i < PITH_N_OBJECTIVES; i++)
		loss[i] = accuracy[i] = NAN;
	struct step_losses *losses = calloc((size_t)run->n_threads, sizeof *losses);
	struct pith_error *errors = calloc((size_t)run->n_threads, sizeof *errors);
	enum pith_status status = losses == NULL || errors == NULL ? fail_memory(err, "held-out losses") : PITH_OK;
	for (size_t task = 0; status == PITH_OK && task < run->n_eval_tasks; task++) {
		size_t n_lines = jsonl_n_lines(run->eval_tasks[task].file);
		if (run->recipe->eval_limit > 0 && n_lines > (size_t)run->recipe->eval_limit)
			n_lines = (size_t)run->recipe->eval_limit;
		for (int t = 0; t < run->n_threads; t++)
			losses[t] = (struct step_losses){0};
		struct validation v = {run, sampling, task, n_lines, losses, errors};
		thread_pool_run(run->pool, n_lines, LINES_AT_ONCE, validate_part, &v);
		enum pith_objective objective = run->eval_tasks[task].task.objective;
		struct step_losses sum = {0};
		for (int t = 0; t < run->n_threads; t++) {
			if (status == PITH_OK && errors[t].code != PITH_OK)
				status = fail(err, errors[t].code, "%s", errors[t].message);
			step_losses_add(&sum, &losses[t]);
		}
		if (sum.n_tokens[objective] > 0) {
			loss[objective] = sum.loss[objective] / sum.n_tokens[objective];
			accuracy[objective] = sum.n_correct[objective] / sum.n_tokens[objective];
		}
	}
	free(losses);
	free(errors);
	return status;
}
