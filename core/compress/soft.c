/* The soft method `500x` as a row of the method table: rows for every purpose that the model has an adapter for. */
#include <stdio.h>
#include <string.h>

#include "compress/document.h"
#include "compress/soft_encoder.h"

/* The rows of one purpose; the full encoding is kept with the document for the next rate. */
static enum pith_status compress_for(struct pith_compressed *out, struct pith_document *document, enum pith_purpose purpose,
                                     size_t k, const struct pith_control *control, struct pith_error *err)
{
	struct pith_model *model = document->model;
	struct rows *full = &document->full[purpose];
	size_t n_spans = soft_encoder_n_spans(model->adapters[purpose], document->n_tokens, k);
	enum pith_status status = PITH_OK;
	if (full->n_spans != n_spans) {
		rows_free(full);
		status = soft_encoder_run(full, model, purpose, document->tokens, document->n_tokens, n_spans, control, err);
	}
	if (status == PITH_OK)
		status = soft_encoder_take(&out->rows[purpose], full, &model->transformer.h, document->n_tokens, k, err);
	if (status != PITH_OK)
		return status;
	out->info.has_purpose[purpose] = true;
	out->info.compressed_bytes += out->rows[purpose].n_rows * out->rows[purpose].row_floats * sizeof(float);
	out->info.n_spans = n_spans > out->info.n_spans ? n_spans : out->info.n_spans;
	strcpy(out->adapter_fingerprint[purpose], model->adapters[purpose]->fingerprint);
	out->read_position[purpose] = (size_t)rows_read_position(model->adapters[purpose]);
	size_t longest = (document->n_tokens + n_spans - 1) / n_spans;
	if (longest > model->adapters[purpose]->span_tokens)
		snprintf(out->note, sizeof out->note,
		         "So few memory tokens that each span has %zu tokens; the adapter was trained on up to %zu.", longest,
		         model->adapters[purpose]->span_tokens);
	return PITH_OK;
}

enum pith_status soft_compress(struct pith_compressed *out, struct pith_document *document,
                               const struct pith_compress_options *options, const struct pith_control *control,
                               struct pith_error *err)
{
	(void)options; /* the budget is in out->info */
	struct pith_model *model = document->model;
	size_t k = out->info.budget_tokens;
	if (model->adapters[PITH_REGENERATE] == NULL && model->adapters[PITH_ANSWER] == NULL)
		return fail(err, PITH_UNSUPPORTED,
		            "%s has no adapter for memory tokens beside it; train one with `pith train regenerate`.", model->path);
	out->info.compressed_tokens = k;
	enum pith_status status = PITH_OK;
	for (int p = 0; status == PITH_OK && p < PITH_N_PURPOSES; p++)
		if (model->adapters[p] != NULL)
			status = compress_for(out, document, (enum pith_purpose)p, k, control, err);
	return status;
}
