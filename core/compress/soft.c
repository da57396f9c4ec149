/* The soft method `500x` as a row of the method table: rows for every purpose that the model has an adapter for. */
#include <stdio.h>
#include <string.h>

#include "compress/document.h"
#include "compress/soft_encoder.h"

static enum pith_status compress_for(struct pith_compressed *out, struct pith_document *document, enum pith_purpose purpose,
                                     const struct pith_control *control, struct pith_error *err)
{
	struct pith_model *model = document->model;
	const struct adapter *adapter = model->adapters[purpose];
	struct rows *rows = &out->rows[purpose];
	enum pith_status status = soft_encoder_run(rows, model, purpose, document->tokens, document->n_tokens,
	                                           out->info.budget_tokens, control, err);
	if (status != PITH_OK)
		return status;
	out->info.has_purpose[purpose] = true;
	out->info.compressed_bytes += rows->n_rows * rows->row_floats * sizeof(float);
	out->info.n_spans = rows->n_spans > out->info.n_spans ? rows->n_spans : out->info.n_spans;
	strcpy(out->adapter_fingerprint[purpose], adapter->fingerprint);
	size_t longest = rows_longest_span(rows);
	if (longest > adapter->span_tokens)
		snprintf(out->note, sizeof out->note,
		         "So few memory tokens that a span has %zu tokens; the adapter for %s was trained on up to %zu.", longest,
		         purpose == PITH_REGENERATE ? "regeneration" : "answers", adapter->span_tokens);
	return PITH_OK;
}

enum pith_status soft_compress(struct pith_compressed *out, struct pith_document *document,
                               const struct pith_compress_options *options, const struct pith_control *control,
                               struct pith_error *err)
{
	(void)options; /* the budget is in out->info */
	struct pith_model *model = document->model;
	if (model->adapters[PITH_REGENERATE] == NULL && model->adapters[PITH_ANSWER] == NULL)
		return fail(err, PITH_UNSUPPORTED,
		            "%s has no adapter for memory tokens beside it; train one with `pith train regenerate`.", model->path);
	out->info.compressed_tokens = out->info.budget_tokens;
	enum pith_status status = PITH_OK;
	for (int p = 0; status == PITH_OK && p < PITH_N_PURPOSES; p++)
		if (model->adapters[p] != NULL)
			status = compress_for(out, document, (enum pith_purpose)p, control, err);
	return status;
}
