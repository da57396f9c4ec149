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
		rows->spans[s].n_rows = memory_span_begin(n_rows, n_spans, s + 1) - memory_span_begin(n_rows, n_spans, s);
		rows->spans[s].n_tokens =
			memory_text_begin(n_tokens, n_rows, n_spans, s + 1) - memory_text_begin(n_tokens, n_rows, n_spans, s);
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

/* The embeddings of some spans, n_rows together, on their way through the model. */
struct given_rows {
	struct session *session;
	const struct adapter *reader;
	int32_t *ids, *positions; /* (rows of all spans) */
};

/* Reads the embeddings of spans [begin, end), which see each other, into their rows from row *first on, which then is the row
 * behind. */
static enum pith_status read_spans(struct rows *rows, const struct given_rows *given, const struct hyperparams *h, size_t begin,
                                   size_t end, size_t *first, const struct pith_control *control, struct pith_error *err)
{
	size_t n = 0;
	/* Each memory token at the place in its span that it had in the encoder. */
	for (size_t s = begin; s < end; s++)
		for (size_t j = 0; j < rows->spans[s].n_rows; j++, n++) {
			given->ids[n] = -1 - (int32_t)n;
			given->positions[n] = memory_position(rows->slots, j, rows->spans[s].n_rows, rows->spans[s].n_tokens);
		}
	struct session_input input = {.ids = given->ids,
	                              .positions = given->positions,
	                              .n = n,
	                              .adapter = given->reader,
	                              .given = rows->embeddings + *first * rows->n_embd,
	                              .n_given = n,
	                              .encode = true};
	session_rewind(given->session, 0);
	enum pith_status status = session_read(given->session, &input, control, err);
	if (status == PITH_OK)
		rows_from_session(rows->data + *first * rows->row_floats, given->session, h, 0, n);
	*first += n;
	return status;
}

enum pith_status rows_read_embeddings(struct rows *rows, struct pith_model *model, const struct adapter *adapter,
                                      const struct pith_control *control, struct pith_error *err)
{
	const struct hyperparams *h = &model->transformer.h;
	size_t n = rows->n_rows, first = 0;
	struct given_rows given = {.reader = adapter->reader,
	                           .ids = malloc(n * sizeof *given.ids),
	                           .positions = malloc(n * sizeof *given.positions)};
	enum pith_status status = given.ids == NULL || given.positions == NULL
	                                  ? fail_memory(err, "the memory tokens")
	                                  : session_create(&given.session, &model->transformer, model->pool, n, err);
	/* As in training: a text comes back from the memory tokens of its own span, a question sees those of all. */
	size_t together = adapter->purpose == PITH_REGENERATE ? 1 : rows->n_spans;
	for (size_t s = 0; status == PITH_OK && s < rows->n_spans; s += together)
		status = read_spans(rows, &given, h, s, s + together, &first, control, err);
	session_destroy(given.session);
	free(given.ids);
	free(given.positions);
	return status;
}

void rows_span_begin(const struct rows *rows, size_t span, size_t *token, size_t *row)
{
	*token = *row = 0;
	for (size_t s = 0; s < span; s++) {
		*token += rows->spans[s].n_tokens;
		*row += rows->spans[s].n_rows;
	}
}

size_t rows_n_tokens(const struct rows *rows)
{
	size_t n = 0;
	for (size_t s = 0; s < rows->n_spans; s++)
		n += rows->spans[s].n_tokens;
	return n;
}

size_t rows_longest_span(const struct rows *rows)
{
	size_t longest = 0;
	for (size_t s = 0; s < rows->n_spans; s++)
		longest = rows->spans[s].n_tokens > longest ? rows->spans[s].n_tokens : longest;
	return longest;
}

size_t rows_span_limit(const struct hyperparams *h, size_t n)
{
	size_t room = h->n_context - 1, limit = n + n / 4 + 8;
	return limit < room ? limit : room;
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
