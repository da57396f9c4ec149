/* Whether a recipe makes sense: by itself, and for the model that it is about. */
#include <string.h>

#include "train/run.h"

enum pith_status run_find_type(enum tensor_type *type, const char *key, const char *name, struct pith_error *err)
{
	static const enum tensor_type types[] = {TENSOR_F32, TENSOR_F16, TENSOR_BF16, TENSOR_Q8_0};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		if (strcmp(name, tensor_type_name(types[i])) == 0) {
			*type = types[i];
			return PITH_OK;
		}
	}
	return fail(err, PITH_BAD_ARGUMENT, "%s is %s; F32, F16, BF16 and Q8_0 are possible.", key, name);
}

enum pith_status run_check_recipe(struct run *run, struct pith_error *err)
{
	const struct pith_recipe *r = run->recipe;
	if (r->n_tasks == 0 || r->n_tasks > 64)
		return fail(err, PITH_BAD_ARGUMENT, "A recipe needs 1 to 64 tasks.");
	if (r->n_steps < 1 || r->batch_tokens < 16 || r->n_accumulate < 1 || r->report_steps < 1)
		return fail(err, PITH_BAD_ARGUMENT,
		            "A recipe needs n_steps, n_accumulate and report_steps of at least 1, batch_tokens of at least 16.");
	if (!(r->learning_rate > 0) || r->max_memory_tokens < 1 || !(r->k_ratio_min > 0) || !(r->k_ratio_max >= r->k_ratio_min) ||
	    !(r->k_ratio_min_start > 0) || !(r->k_ratio_max_start >= r->k_ratio_min_start))
		return fail(err, PITH_BAD_ARGUMENT,
		            "A recipe needs a positive learning_rate, max_memory_tokens, and k ratios above 0 in order.");
	if (!(r->beta1 >= 0 && r->beta1 < 1) || !(r->beta2 >= 0 && r->beta2 < 1))
		return fail(err, PITH_BAD_ARGUMENT, "A recipe needs beta1 and beta2 of at least 0 and below 1.");
	if (r->lora_rank < 0 || (r->lora_rank > 0 && !(r->lora_alpha > 0)))
		return fail(err, PITH_BAD_ARGUMENT,
		            "A recipe needs a lora_rank of at least 0 and, above that, a positive lora_alpha.");
	if (!(r->dropout >= 0 && r->dropout < 1) || r->evidence_tokens < 0)
		return fail(err, PITH_BAD_ARGUMENT,
		            "A recipe needs a dropout of at least 0 and below 1 and evidence_tokens of at least 0.");
	bool regenerates = false;
	for (size_t i = 0; i < r->n_tasks; i++)
		regenerates = regenerates || r->tasks[i].objective == PITH_OBJECTIVE_REGENERATE;
	if (r->curriculum_loss > 0 && !regenerates)
		return fail(err, PITH_BAD_ARGUMENT,
		            "curriculum_loss is a loss of regeneration, which no task trains: take curriculum_steps.");
	if (r->min_learning_rate > r->learning_rate)
		return fail(err, PITH_BAD_ARGUMENT, "A recipe's min_learning_rate is above its learning_rate.");
	if (!(r->eval_k_ratio > 0 && r->eval_k_ratio <= 1))
		return fail(err, PITH_BAD_ARGUMENT, "A recipe needs an eval_k_ratio above 0 and up to 1.");
	if (r->opening_tokens < 0 || (r->opening_tokens > 0 && !(r->opening_weight > 0)))
		return fail(err, PITH_BAD_ARGUMENT, "A recipe with opening_tokens needs a positive opening_weight.");
	if (r->held_tokens < 0)
		return fail(err, PITH_BAD_ARGUMENT, "A recipe needs held_tokens of at least 0.");
	if (r->trained == PITH_TRAIN_BASE && r->reader)
		return fail(err, PITH_BAD_ARGUMENT,
		            "A base that is trained learns to read memory tokens itself: a reader is an adapter's.");
	for (size_t i = 0; i < r->n_tasks && r->reader; i++)
		if (!objective_has_memory(r->tasks[i].objective))
			return fail(err, PITH_BAD_ARGUMENT, "A reader reads memory tokens: the task on %s has none.",
			            r->tasks[i].path);
	if (r->trained == PITH_TRAIN_ADAPTER && r->base_path == NULL)
		return fail(err, PITH_BAD_ARGUMENT, "Training an adapter needs a base.");
	enum pith_status status = run_find_type(&run->output_type, "output_type", r->output_type, err);
	return status == PITH_OK ? run_find_type(&run->adapter_type, "adapter_type", r->adapter_type, err) : status;
}

enum pith_status run_check_lengths(const struct run *run, struct pith_error *err)
{
	const struct pith_recipe *recipe = run->recipe;
	size_t n_context = run->parameters->h.n_context, slots = (size_t)recipe->max_memory_tokens + 2;
	bool has_adapter = run->adapters[PITH_REGENERATE] != NULL || run->adapters[PITH_ANSWER] != NULL;
	/* With BOS and something to say behind it; a model refuses an adapter that reads more than it can. */
	for (int p = PITH_N_MEMORY_PURPOSES; p < PITH_N_PURPOSES; p++) {
		int span = run_span_of(recipe, (enum pith_purpose)p, (int)n_context);
		if (run->adapters[p] != NULL && (span < 1 || (size_t)span + 2 > n_context))
			return fail(err, PITH_BAD_ARGUMENT,
			            "span_tokens is %d; the context of %zu has room for spans of 1 to %zu.", span, n_context,
			            n_context > 2 ? n_context - 2 : 0);
	}
	if (has_adapter && (recipe->span_tokens < 1 || slots + (size_t)recipe->span_tokens > n_context))
		return fail(err, PITH_BAD_ARGUMENT,
		            "span_tokens is %d; beside %d memory tokens the context of %zu has room for spans of 1 to %zu.",
		            recipe->span_tokens, recipe->max_memory_tokens, n_context, n_context > slots ? n_context - slots : 0);
	for (size_t i = 0; i < recipe->n_tasks; i++) {
		const struct pith_task *task = &recipe->tasks[i];
		size_t needed = (size_t)task->max_tokens + (objective_has_memory(task->objective) ? slots : 1);
		if (needed > n_context)
			return fail(err, PITH_BAD_ARGUMENT,
			            "The task on %s reads up to %d tokens, %zu more than the context of %zu has room for.",
			            task->path, task->max_tokens, needed - n_context, n_context);
	}
	return PITH_OK;
}
