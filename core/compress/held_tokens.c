/*
 * How much of a text memory tokens are given. Beyond what an encoder was trained to put into them a text comes back with wrong words
 * at every turn; up to there it comes back nearly as it was. An adapter knows about how much that is (held_tokens), but texts differ: where
 * they are longer, beginnings of several lengths are encoded and read again, and the one stays of which most comes back right.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "compress/soft_encoder.h"

/* Lengths that are tried, in parts of what the adapter says: every COARSE ones, then nearer and nearer to the best. */
enum { PARTS = 32, SHORTEST = 24, LONGEST = 48, COARSE = 4 };
/* Up to so many memory tokens: with more, what the adapter says is true on average, and the search would be felt. */
enum { SEARCHED = 8 };

/*
 * What a wrong token costs, in right ones: behind one that was told the right text before it, free running has many more. With 3, 6 and
 * 12 development texts came back from one memory token with set-based ROUGE-L 0.731, 0.736 and 0.718 (112 tokens, lengths an eighth apart).
 */
static const double cost_of_error = 6;

/* A token that costs more is less likely than all others together. */
static const float nats_of_a_half = 0.69314718f;

/* As many tokens as that, or a little fewer: up to the end of a word. Never fewer than the k memory tokens. */
static size_t up_to_word(const struct pith_document *document, size_t k, size_t most)
{
	most = most < k ? k : most;
	if (most >= document->n_tokens)
		return document->n_tokens;
	size_t n = most, least = most - most / 4 > k ? most - most / 4 : k;
	while (n > least && strchr(" \t\n", document->text[document->tokens[n].begin]) == NULL)
		n--;
	return n > least ? n : most; /* no space in sight: another script, or a very long word */
}

/* Tokens of one span that the reader would not say, given the right ones before them; its end is one too. */
static enum pith_status count_wrong_in_span(size_t *n_wrong, const struct rows *rows, size_t span, const struct pith_document *document,
                                            const struct adapter *reader, const struct pith_control *control, struct pith_error *err)
{
	struct pith_model *model = document->model;
	size_t n = rows->spans[span].n_tokens, k = rows->spans[span].n_rows, token, row;
	rows_span_begin(rows, span, &token, &row);
	struct session *session = NULL;
	int32_t *ids = malloc((n + 2) * sizeof *ids);
	float *losses = malloc((n + 1) * sizeof *losses);
	enum pith_status status = ids == NULL || losses == NULL ? fail_memory(err, "a span") : PITH_OK;
	if (status == PITH_OK)
		status = session_create(&session, &model->transformer, model->pool, k + n + 1, err);
	if (status == PITH_OK)
		status = rows_attach(rows, row, k, session, &model->transformer.h, err);
	if (status == PITH_OK) {
		ids[0] = tokenizer_bos(model->tokenizer);
		for (size_t i = 0; i < n; i++)
			ids[1 + i] = document->tokens[token + i].id;
		ids[1 + n] = tokenizer_eos(model->tokenizer);
		session_set_precision(session, PRECISION_BF16);
		struct session_input input = {
			.ids = ids, .first_position = rows_read_position(rows, PITH_REGENERATE), .n = n + 1, .adapter = reader};
		status = session_read(session, &input, control, err);
	}
	if (status == PITH_OK)
		status = session_losses(session, 0, ids + 1, n + 1, losses, err);
	for (size_t i = 0; status == PITH_OK && i <= n; i++)
		*n_wrong += losses[i] > nats_of_a_half;
	session_destroy(session);
	free(losses);
	free(ids);
	return status;
}

/* How well the document comes back from rows of its beginning: F1 of its tokens, about. */
static enum pith_status score(double *f1, const struct rows *rows, const struct pith_document *document, const struct adapter *reader,
                              const struct pith_control *control, struct pith_error *err)
{
	size_t n_wrong = 0, n_tokens = rows_n_tokens(rows);
	enum pith_status status = PITH_OK;
	for (size_t s = 0; status == PITH_OK && s < rows->n_spans; s++)
		status = count_wrong_in_span(&n_wrong, rows, s, document, reader, control, err);
	*f1 = 2 * ((double)n_tokens - cost_of_error * (double)n_wrong) / (double)(n_tokens + document->n_tokens);
	return status;
}

/* The search for the length of which most comes back. */
struct search {
	const struct pith_document *document;
	const struct adapter *adapter;
	size_t k;
	struct rows *best;
	size_t best_part; /* of PARTS; 0: none yet */
	double best_f1;
	size_t newest;    /* tokens of the newest try */
};

static enum pith_status try_length(struct search *s, size_t part, const struct pith_control *control, struct pith_error *err)
{
	struct rows rows = {0};
	size_t n_tokens = up_to_word(s->document, s->k, s->adapter->held_tokens * s->k * part / PARTS);
	double f1 = 0;
	if (n_tokens == s->newest) /* ends at the same word */
		return PITH_OK;
	s->newest = n_tokens;
	enum pith_status status =
		soft_encoder_run(&rows, s->document->model, s->adapter, s->document->tokens, n_tokens, s->k, control, err);
	if (status == PITH_OK)
		status = score(&f1, &rows, s->document, s->adapter->reader, control, err);
	if (status == PITH_OK && (s->best_part == 0 || f1 > s->best_f1)) {
		struct rows worse = *s->best;
		*s->best = rows;
		rows = worse;
		s->best_f1 = f1;
		s->best_part = part;
	}
	rows_free(&rows);
	return status;
}

static enum pith_status encode_best(struct rows *best, const struct pith_document *document, const struct adapter *adapter, size_t k,
                                    const struct pith_control *control, struct pith_error *err)
{
	if (k > SEARCHED)
		return soft_encoder_run(best, document->model, adapter, document->tokens, up_to_word(document, k, adapter->held_tokens * k), k,
		                        control, err);
	/* Each try would begin the progress anew. */
	struct pith_control quiet = {.cancel = control == NULL ? NULL : control->cancel};
	struct search s = {.document = document, .adapter = adapter, .k = k, .best = best};
	enum pith_status status = PITH_OK;
	for (size_t part = SHORTEST; status == PITH_OK && part <= LONGEST; part += COARSE)
		status = try_length(&s, part, &quiet, err);
	for (size_t step = COARSE / 2; status == PITH_OK && step > 0; step /= 2) {
		size_t middle = s.best_part;
		status = try_length(&s, middle - step, &quiet, err);
		if (status == PITH_OK)
			status = try_length(&s, middle + step, &quiet, err);
	}
	if (status != PITH_OK)
		rows_free(best);
	return status;
}

enum pith_status soft_encode(struct rows *rows, const struct pith_document *document, const struct adapter *adapter, size_t k, bool whole,
                             const struct pith_control *control, struct pith_error *err)
{
	/* Only what a text comes back from can be looked at. */
	bool bounded = !whole && adapter->held_tokens > 0 && adapter->purpose == PITH_REGENERATE;
	*rows = (struct rows){0};
	if (bounded && document->n_tokens > adapter->held_tokens * k * SHORTEST / PARTS)
		return encode_best(rows, document, adapter, k, control, err);
	return soft_encoder_run(rows, document->model, adapter, document->tokens, document->n_tokens, k, control, err);
}
