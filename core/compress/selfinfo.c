/*
 * Self-information: keep the words that the model could predict least
 * (Selective Context, arXiv 2310.06201, with its faults left out: the score of
 * a token is taken in its full context, words are the unit, the budget is one
 * for the whole document and exact). With options->compat the faults are there.
 */
#include <stdlib.h>

#include "compress/document.h"
#include "compress/published.h"
#include "compress/select_words.h"
#include "compress/words.h"
#include "model/session.h"
#include "text/sentences.h"

/* --- as published: each sentence alone, single tokens, a share of them ------------------------------------ */

/* Scores the tokens [begin, end), which are a sentence, behind nothing but BOS. */
static enum pith_status score_sentence(const struct pith_document *document, struct session *session, size_t begin, size_t end,
                                       int32_t *ids, float *scores, const struct pith_control *control, struct pith_error *err)
{
	size_t n = end - begin;
	if (n > session_capacity(session))
		return fail(err, PITH_TOO_LONG,
		            "As published, selfinfo reads each sentence alone, and one has %zu tokens: the model reads %zu.", n,
		            session_capacity(session));
	ids[0] = tokenizer_bos(document->model->tokenizer);
	for (size_t i = 0; i < n; i++)
		ids[1 + i] = document->tokens[begin + i].id;
	struct session_input input = {.ids = ids, .n = n};
	session_rewind(session, 0);
	enum pith_status status = session_read(session, &input, control, err);
	if (status == PITH_OK)
		status = session_losses(session, 0, ids + 1, n, scores + begin, err);
	if (status == PITH_OK && control != NULL && control->progress != NULL)
		control->progress(control->user, "scoring", (double)end, (double)document->n_tokens);
	return status;
}

static enum pith_status score_sentences(const struct pith_document *document, float *scores, const struct pith_control *control,
                                        struct pith_error *err)
{
	struct pith_model *model = document->model;
	size_t context = model->transformer.h.n_context, n = document->n_tokens;
	size_t capacity = context < n ? context : n;
	struct session *session;
	enum pith_status status = session_create(&session, &model->transformer, model->pool, capacity, err);
	if (status != PITH_OK)
		return status;
	int32_t *ids = malloc((capacity + 1) * sizeof *ids);
	if (ids == NULL)
		status = fail_memory(err, "the sentences");
	for (size_t begin = 0, end = 0, at = 0; status == PITH_OK && begin < n; begin = end) {
		/* A token is of the sentence in which it ends: the space before a word stands in the one before. */
		at = at < document->length ? sentence_end(document->text, document->length, at) : document->length;
		while (end < n && (document->tokens[end].end <= at || at == document->length))
			end++;
		if (end > begin)
			status = score_sentence(document, session, begin, end, ids, scores, control, err);
	}
	session_destroy(session);
	free(ids);
	return status;
}

static int ascending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return x < y ? -1 : x > y ? 1 : 0;
}

/* The value below which share of the sorted n values lie, between two of them on a straight line. */
static double percentile(const float *sorted, size_t n, double share)
{
	double place = share * (double)(n - 1);
	size_t below = (size_t)place;
	double low = (double)sorted[below], high = (double)sorted[below + 1 < n ? below + 1 : below];
	return low + (high - low) * (place - (double)below);
}

static enum pith_status compress_published(struct pith_compressed *out, struct pith_document *document,
                                           const struct pith_control *control, struct pith_error *err)
{
	size_t n = document->n_tokens, n_kept = 0;
	float *scores = malloc(n * sizeof *scores), *sorted = malloc(n * sizeof *sorted);
	size_t *tokens = malloc(n * sizeof *tokens);
	enum pith_status status = scores != NULL && sorted != NULL && tokens != NULL ? PITH_OK : fail_memory(err, "the scores");
	if (status == PITH_OK)
		status = score_sentences(document, scores, control, err);
	if (status == PITH_OK) {
		for (size_t t = 0; t < n; t++)
			sorted[t] = scores[t];
		qsort(sorted, n, sizeof *sorted, ascending);
		double limit = percentile(sorted, n, 1 - (double)out->info.budget_tokens / (double)n);
		for (size_t t = 0; t < n; t++)
			if ((double)scores[t] >= limit)
				tokens[n_kept++] = t;
		status = keep_tokens(out, document, tokens, n_kept, scores, err);
	}
	free(scores);
	free(sorted);
	free(tokens);
	return status;
}

/* --- the method ------------------------------------------------------------------------------------------ */

enum pith_status selfinfo_compress(struct pith_compressed *out, struct pith_document *document,
                                   const struct pith_compress_options *options, const struct pith_control *control,
                                   struct pith_error *err)
{
	const float *scores;
	if (options->compat)
		return compress_published(out, document, control, err);
	enum pith_status status = pith_document_scores(document, &scores, control, err);
	if (status == PITH_OK)
		status = words_split(&out->words, &out->n_words, document, scores, options, err);
	if (status == PITH_OK)
		status = select_words(out, document, out->words, out->n_words, options->coherence, err);
	return status;
}
