/* The soft methods as rows of the method table: memory rows for every purpose that the model has an adapter for. */
#include <stdio.h>
#include <string.h>

#include "compress/document.h"

/* What is said of the rows for one purpose, behind what has been said. */
static void describe_rows(struct pith_compressed *out, enum pith_purpose purpose, size_t span_tokens)
{
	const struct rows *rows = &out->rows[purpose];
	size_t n_tokens = rows_n_tokens(rows), longest = rows_longest_span(rows), said = strlen(out->note);
	const char *space = said > 0 ? " " : "", *what = purpose == PITH_REGENERATE ? "regeneration" : "answers";
	bool several = out->info.has_purpose[PITH_REGENERATE] && out->info.has_purpose[PITH_ANSWER];
	if (n_tokens < out->info.original_tokens)
		snprintf(out->note + said, sizeof out->note - said,
		         "%s%zu memory %s the first %zu of %zu tokens%s%s; the rest is left out.", space, rows->n_rows,
		         rows->n_rows == 1 ? "token holds" : "tokens hold", n_tokens, out->info.original_tokens,
		         several ? " for " : "", several ? what : "");
	else if (longest > span_tokens)
		snprintf(out->note + said, sizeof out->note - said,
		         "%sSo few memory tokens that a span has %zu tokens; the adapter for %s was trained on up to %zu.", space,
		         longest, what, span_tokens);
}

void soft_describe(struct pith_compressed *out, const struct pith_model *model)
{
	struct pith_compressed_info *info = &out->info;
	info->compressed_bytes = info->n_spans = 0;
	info->encoded_tokens = info->original_tokens;
	out->note[0] = '\0';
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		const struct rows *rows = &out->rows[p];
		if (!info->has_purpose[p])
			continue;
		size_t n_tokens = rows_n_tokens(rows);
		info->compressed_bytes += rows_bytes(rows);
		info->n_spans = rows->n_spans > info->n_spans ? rows->n_spans : info->n_spans;
		info->encoded_tokens = n_tokens < info->encoded_tokens ? n_tokens : info->encoded_tokens;
		describe_rows(out, (enum pith_purpose)p, model->adapters[info->method->memory][p]->span_tokens);
	}
}

enum pith_status soft_compress(struct pith_compressed *out, struct pith_document *document,
                               const struct pith_compress_options *options, const struct pith_control *control,
                               struct pith_error *err)
{
	struct pith_model *model = document->model;
	struct adapter *const *adapters = model->adapters[out->info.method->memory];
	if (adapters[PITH_REGENERATE] == NULL && adapters[PITH_ANSWER] == NULL)
		return fail(err, PITH_UNSUPPORTED,
		            "%s has no adapter for memory tokens of %s beside it. Take a method that keeps words, as selfinfo, or "
		            "train one with `pith train regenerate` from a recipe that says memory: %s.",
		            model->path, out->info.method->title, pith_memory_name(out->info.method->memory));
	out->info.compressed_tokens = out->info.budget_tokens;
	enum pith_status status = PITH_OK;
	for (int p = 0; status == PITH_OK && p < PITH_N_MEMORY_PURPOSES; p++) {
		if (adapters[p] == NULL)
			continue;
		status =
			soft_encode(&out->rows[p], document, adapters[p], out->info.budget_tokens, options->compat, control, err);
		out->info.has_purpose[p] = status == PITH_OK;
		strcpy(out->adapter_fingerprint[p], adapters[p]->fingerprint);
	}
	if (status == PITH_OK)
		soft_describe(out, model);
	return status;
}
