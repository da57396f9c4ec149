#include "compress/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked_size.h"
#include "model/memory_layout.h"

void rows_free(struct rows *rows)
{
	free(rows->spans);
	free(rows->data);
	*rows = (struct rows){0};
}

enum pith_status rows_create(struct rows *rows, const struct hyperparams *h, size_t n_rows, size_t n_spans, size_t n_tokens,
                             struct pith_error *err)
{
	*rows = (struct rows){.row_floats = 2 * h->n_layers * hyperparams_kv_dim(h), .n_rows = n_rows, .n_spans = n_spans};
	size_t n_floats;
	if (checked_multiply(n_rows, rows->row_floats, &n_floats))
		rows->data = calloc(n_floats, sizeof *rows->data);
	rows->spans = calloc(n_spans, sizeof *rows->spans);
	if (rows->data == NULL || rows->spans == NULL) {
		rows_free(rows);
		return fail_memory(err, "the memory rows");
	}
	for (size_t s = 0; s < n_spans; s++) {
		rows->spans[s].n_rows = n_rows * (s + 1) / n_spans - n_rows * s / n_spans;
		rows->spans[s].n_tokens = n_tokens * (s + 1) / n_spans - n_tokens * s / n_spans;
	}
	return PITH_OK;
}

size_t rows_longest_span(const struct rows *rows)
{
	size_t longest = 0;
	for (size_t s = 0; s < rows->n_spans; s++)
		longest = rows->spans[s].n_tokens > longest ? rows->spans[s].n_tokens : longest;
	return longest;
}

int32_t rows_read_position(const struct rows *rows, enum pith_purpose purpose)
{
	return purpose == PITH_REGENERATE ? 0 : memory_question_position(rows_longest_span(rows));
}

enum pith_status rows_attach(const struct rows *rows, size_t first, size_t n, struct session *session,
                             const struct hyperparams *h, struct pith_error *err)
{
	size_t kv_dim = hyperparams_kv_dim(h), at = session_length(session);
	if (n > session_capacity(session) - at)
		return fail(err, PITH_TOO_LONG, "%zu memory rows do not fit a context of %zu.", n, session_capacity(session));
	for (size_t l = 0; l < h->n_layers; l++) {
		for (size_t i = 0; i < n; i++) {
			const float *row = rows->data + (first + i) * rows->row_floats + 2 * l * kv_dim;
			memcpy(session_keys(session, l, at + i), row, kv_dim * sizeof *row);
			memcpy(session_values(session, l, at + i), row + kv_dim, kv_dim * sizeof *row);
		}
	}
	return session_attach(session, n, err);
}
