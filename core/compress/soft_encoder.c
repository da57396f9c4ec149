#include "compress/soft_encoder.h"

#include <stdlib.h>
#include <string.h>

#include "compress/windows.h"
#include "model/memory_layout.h"

/* Spans that n_tokens document tokens and k memory tokens, no more than those, need with this adapter. */
static size_t n_spans_of(const struct adapter *adapter, size_t n_tokens, size_t k)
{
	/* Memory tokens whose share of the text is no longer than a span; where even one's is longer, each has a span. */
	size_t most = adapter->span_tokens * k / n_tokens;
	most = most < 1 ? 1 : most;
	most = most > adapter->n_memory ? adapter->n_memory : most;
	return (k + most - 1) / most;
}

/* A document being encoded, its spans as windows that threads share out. */
struct document_spans {
	struct rows *rows;
	struct pith_model *model;
	const struct adapter *adapter;
	const struct pith_token *tokens;
};

static enum pith_status encode_span(void *user, struct session *session, size_t window, size_t *n_done,
                                    const struct pith_control *control, struct pith_error *err)
{
	const struct document_spans *all = user;
	struct rows *rows = all->rows;
	const struct rows_span *span = &rows->spans[window];
	const struct hyperparams *h = &all->model->transformer.h;
	bool embeddings = all->adapter->hands_over == PITH_MEMORY_EMBEDDINGS;
	size_t total = 1 + span->n_tokens + span->n_rows, token, row;
	rows_span_begin(rows, window, &token, &row);
	int32_t *ids = malloc(total * sizeof *ids), *positions = malloc(total * sizeof *positions);
	enum pith_status status = ids == NULL || positions == NULL ? fail_memory(err, "a span") : PITH_OK;
	if (status == PITH_OK) {
		ids[0] = tokenizer_bos(all->model->tokenizer);
		for (size_t i = 0; i < span->n_tokens; i++)
			ids[1 + i] = all->tokens[token + i].id;
		memory_encoder_input(ids, positions, all->adapter->slots, span->n_tokens, span->n_rows);
		struct session_input input = {
			.ids = ids, .positions = positions, .n = total, .adapter = all->adapter, .encode = !embeddings};
		status = session_read(session, &input, control, err);
	}
	if (status == PITH_OK && embeddings)
		memcpy(rows->embeddings + row * h->n_embd, session_hidden(session) + (total - span->n_rows) * h->n_embd,
		       span->n_rows * h->n_embd * sizeof(float));
	else if (status == PITH_OK)
		rows_from_session(rows->data + row * rows->row_floats, session, h, total - span->n_rows, span->n_rows);
	free(ids);
	free(positions);
	*n_done = span->n_tokens;
	return status;
}

/* Rows of cache that the longest span takes. */
static size_t longest_input(const struct rows *rows)
{
	size_t longest = 0;
	for (size_t s = 0; s < rows->n_spans; s++) {
		size_t total = 1 + rows->spans[s].n_tokens + rows->spans[s].n_rows;
		longest = total > longest ? total : longest;
	}
	return longest;
}

enum pith_status soft_encoder_run(struct rows *rows, struct pith_model *model, const struct adapter *adapter,
                                  const struct pith_token *tokens, size_t n_tokens, size_t k,
                                  const struct pith_control *control, struct pith_error *err)
{
	enum pith_status status = rows_create(rows, &model->transformer.h, k, n_spans_of(adapter, n_tokens, k), n_tokens, err);
	size_t longest = status == PITH_OK ? rows_longest_span(rows) : 0;
	if (longest + 1 >= model->transformer.h.n_context)
		status = fail(err, PITH_TOO_LONG,
		              "With so few memory tokens a span has %zu tokens; the model's context is %zu. Ask for more memory "
		              "tokens.",
		              longest, model->transformer.h.n_context);
	if (status == PITH_OK && adapter->hands_over == PITH_MEMORY_EMBEDDINGS)
		status = rows_create_embeddings(rows, model->transformer.h.n_embd, err);
	rows->slots = adapter->slots;
	struct document_spans spans = {rows, model, adapter, tokens};
	struct windows windows = {
		.model = model,
		.n = rows->n_spans,
		.capacity = longest_input(rows),
		.precision = PRECISION_BF16,
		.n_units = n_tokens,
		.read = encode_span,
		.user = &spans,
		.what = "encoding",
		.end = (double)n_tokens,
		.total = (double)n_tokens,
	};
	if (status == PITH_OK)
		status = windows_read(&windows, control, err);
	if (status == PITH_OK && rows->embeddings != NULL)
		status = rows_read_embeddings(rows, model, adapter, control, err);
	if (status != PITH_OK)
		rows_free(rows);
	return status;
}
