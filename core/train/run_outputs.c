/* The files that come out of a run. */
#include <string.h>

#include "train/run.h"

/* The fingerprint of the model file as it stands on disk: quantised weights are what an adapter will meet. */
static enum pith_status fingerprint_file(const char *path, char fingerprint[33], struct pith_error *err)
{
	struct gguf *gguf;
	struct hyperparams h;
	struct weights weights;
	enum pith_status status = gguf_open(&gguf, path, err);
	if (status != PITH_OK)
		return status;
	status = hyperparams_read(&h, gguf, err);
	if (status == PITH_OK)
		status = weights_load(&weights, &h, gguf, err);
	if (status == PITH_OK) {
		weights_fingerprint(&weights, &h, fingerprint);
		weights_free(&weights);
	}
	gguf_close(gguf);
	return status;
}

int run_span_of(const struct pith_recipe *recipe, enum pith_purpose purpose, int n_context)
{
	if (purpose != PITH_READ)
		return recipe->span_tokens;
	if (recipe->evidence_tokens == 0)
		return n_context - 2; /* BOS, a text of whatever length, and an answer of one token */
	return recipe->span_tokens < recipe->evidence_tokens ? recipe->span_tokens : recipe->evidence_tokens;
}

static bool learns_to_keep(const struct pith_recipe *recipe)
{
	for (size_t i = 0; i < recipe->n_tasks; i++)
		if (recipe->tasks[i].objective == PITH_OBJECTIVE_KEEP)
			return true;
	return false;
}

enum pith_status run_save_outputs(struct run *run, struct pith_error *err)
{
	const struct pith_recipe *recipe = run->recipe;
	bool base = recipe->trained == PITH_TRAIN_BASE;
	enum pith_status status = PITH_OK;
	if (base && recipe->output_path != NULL) {
		status = parameters_save(run->parameters, recipe->output_path, run->output_type, recipe->model_name,
		                         run->base_file, err);
		if (status == PITH_OK)
			status = fingerprint_file(recipe->output_path, run->base_fingerprint, err);
	}
	for (int p = 0; status == PITH_OK && p < PITH_N_PURPOSES; p++) {
		struct adapter *adapter = run->adapters[p];
		const char *path = base ? recipe->output_adapter_path[p] : recipe->output_path;
		if (adapter == NULL || path == NULL)
			continue;
		adapter->span_tokens = (size_t)run_span_of(recipe, (enum pith_purpose)p, (int)run->parameters->h.n_context);
		adapter->held_tokens = p < PITH_N_MEMORY_PURPOSES ? (size_t)recipe->held_tokens : 0;
		adapter->keeps_words = p == PITH_REWRITE && learns_to_keep(recipe);
		strcpy(adapter->base_fingerprint, run->base_fingerprint);
		strcpy(adapter->tokenizer_fingerprint, run->tokenizer_fingerprint);
		status = adapter_save(adapter, &run->parameters->h, run->adapter_type, path, err);
	}
	return status;
}
