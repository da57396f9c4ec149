#include "compress/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked_size.h"
#include "model/memory_layout.h"

void rows_free(struct rows *rows)
{
	free(rows->spans);
	free(rows->data);
	free(rows->embeddings);
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

enum pith_status rows_create_embeddings(struct rows *rows, size_t n_embd, struct pith_error *err)
{
	size_t n_floats;
	rows->n_embd = n_embd;
	if (checked_multiply(rows->n_rows, n_embd, &n_floats))
		rows->embeddings = calloc(n_floats, sizeof *rows->embeddings);
	return rows->embeddings == NULL ? fail_memory(err, "the memory tokens") : PITH_OK;
}

enum pith_status rows_copy_without(struct rows *rows, const struct rows *from, size_t row, struct pith_error *err)
{
	size_t row_floats = from->row_floats, n = from->n_rows - 1, span = 0, first = 0;
	*rows = (struct rows){.row_floats = row_floats, .n_rows = n, .n_spans = from->n_spans, .slots = from->slots};
	rows->data = malloc((n > 0 ? n : 1) * row_floats * sizeof *rows->data);
	rows->spans = malloc(from->n_spans * sizeof *rows->spans);
	if (rows->data == NULL || rows->spans == NULL) {
		rows_free(rows);
		return fail_memory(err, "the memory rows");
	}
	memcpy(rows->data, from->data, row * row_floats * sizeof *rows->data);
	memcpy(rows->data + row * row_floats, from->data + (row + 1) * row_floats, (n - row) * row_floats * sizeof *rows->data);
	memcpy(rows->spans, from->spans, from->n_spans * sizeof *rows->spans);
	while (row >= first + from->spans[span].n_rows)
		first += from->spans[span++].n_rows;
	rows->spans[span].n_rows--;
	return PITH_OK;
}

size_t rows_bytes(const struct rows *rows)
{
	return rows->n_rows * (rows->embeddings != NULL ? rows->n_embd : rows->row_floats) * sizeof(float);
}

void rows_from_session(float *out, struct session *session, const struct hyperparams *h, size_t first, size_t n)
{
	size_t kv_dim = hyperparams_kv_dim(h), row_floats = 2 * h->n_layers * kv_dim;
	for (size_t i = 0; i < n; i++) {
		for (size_t l = 0; l < h->n_layers; l++) {
			float *row = out + i * row_floats + 2 * l * kv_dim;
			memcpy(row, session_keys(session, l, first + i), kv_dim * sizeof *row);
			memcpy(row + kv_dim, session_values(session, l, first + i), kv_dim * sizeof *row);
		}
	}
}

/* Each memory token at the place in its span that it had in the encoder. */
static void fill_given(const struct rows *rows, int32_t *ids, int32_t *positions)
{
	size_t i = 0;
	for (size_t s = 0; s < rows->n_spans; s++)
		for (size_t j = 0; j < rows->spans[s].n_rows; j++, i++) {
			ids[i] = -1 - (int32_t)i;
			positions[i] = memory_position(rows->slots, j, rows->spans[s].n_rows, rows->spans[s].n_tokens);
		}
}

enum pith_status rows_read_embeddings(struct rows *rows, struct pith_model *model, const struct pith_control *control,
                                      struct pith_error *err)
{
	size_t n = rows->n_rows;
	int32_t *ids = malloc(n * sizeof *ids), *positions = malloc(n * sizeof *positions);
	struct session *session = NULL;
	enum pith_status status = ids == NULL || positions == NULL
	                                  ? fail_memory(err, "the memory tokens")
	                                  : session_create(&session, &model->transformer, model->pool, n, err);
	if (status == PITH_OK) {
		fill_given(rows, ids, positions);
		struct session_input input = {
			.ids = ids, .positions = positions, .n = n, .given = rows->embeddings, .n_given = n, .encode = true};
		status = session_read(session, &input, control, err);
	}
	if (status == PITH_OK)
		rows_from_session(rows->data, session, &model->transformer.h, 0, n);
	session_destroy(session);
	free(ids);
	free(positions);
	return status;
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
