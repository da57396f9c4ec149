/* The soft methods as rows of the method table: memory rows for every purpose that the model has an adapter for. */
#include <stdio.h>
#include <string.h>

#include "compress/document.h"
#include "compress/soft_encoder.h"

static enum pith_status compress_for(struct pith_compressed *out, struct pith_document *document, enum pith_purpose purpose,
                                     const struct pith_control *control, struct pith_error *err)
{
	struct pith_model *model = document->model;
	const struct adapter *adapter = model->adapters[out->info.method->memory][purpose];
	struct rows *rows = &out->rows[purpose];
	enum pith_status status = soft_encoder_run(rows, model, adapter, document->tokens, document->n_tokens,
	                                           out->info.budget_tokens, control, err);
	if (status != PITH_OK)
		return status;
	out->info.has_purpose[purpose] = true;
	out->info.compressed_bytes += rows_bytes(rows);
	out->info.n_spans = rows->n_spans > out->info.n_spans ? rows->n_spans : out->info.n_spans;
	strcpy(out->adapter_fingerprint[purpose], adapter->fingerprint);
	size_t longest = rows_longest_span(rows);
	size_t said = strlen(out->note);
	if (longest > adapter->span_tokens)
		snprintf(out->note + said, sizeof out->note - said,
		         "%sSo few memory tokens that a span has %zu tokens; the adapter for %s was trained on up to %zu.",
		         said > 0 ? " " : "", longest, purpose == PITH_REGENERATE ? "regeneration" : "answers", adapter->span_tokens);
	return PITH_OK;
}

enum pith_status soft_compress(struct pith_compressed *out, struct pith_document *document,
                               const struct pith_compress_options *options, const struct pith_control *control,
                               struct pith_error *err)
{
	(void)options; /* the budget is in out->info */
	struct pith_model *model = document->model;
	struct adapter *const *adapters = model->adapters[out->info.method->memory];
	if (adapters[PITH_REGENERATE] == NULL && adapters[PITH_ANSWER] == NULL)
		return fail(err, PITH_UNSUPPORTED,
		            "%s has no adapter for memory tokens of %s beside it. Take a method that keeps words, as selfinfo, or train "
		            "one with `pith train regenerate` from a recipe that says memory: %s.",
		            model->path, out->info.method->title, pith_memory_name(out->info.method->memory));
	out->info.compressed_tokens = out->info.budget_tokens;
	enum pith_status status = PITH_OK;
	for (int p = 0; status == PITH_OK && p < PITH_N_MEMORY_PURPOSES; p++)
		if (adapters[p] != NULL)
			status = compress_for(out, document, (enum pith_purpose)p, control, err);
	return status;
}
