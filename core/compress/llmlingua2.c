/*
 * LLMLingua-2 (arXiv 2403.12968): keep the words that a classifier of tokens
 * finds worth keeping. The paper's classifier reads both ways; here it is a
 * head on the decoder itself, which reads each window twice (model/keep_head.h).
 * Windows end where sentences end, and there is one selection for the whole
 * document: a window full of matter may keep more than its neighbour.
 */
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "compress/select_words.h"
#include "compress/words.h"
#include "model/session.h"
#include "text/sentences.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The token where the window ends that starts at token begin: whole sentences if one fits, else whole words. */
static size_t window_end(const struct pith_document *document, size_t begin, size_t most)
{
	const struct pith_token *tokens = document->tokens;
	if (document->n_tokens - begin <= most)
		return document->n_tokens;
	size_t limit = begin + most, end = begin, token = begin;
	/* Not further than the window: what is cut off there is no sentence's end. */
	size_t length = tokens[limit - 1].end;
	for (size_t at = tokens[begin].begin; at < length;) {
		size_t next = sentence_end(document->text, length, at), last = next;
		if (next == length)
			break;
		/* A space behind the sentence belongs to the token of the next one's first word. */
		while (last > at && is_space(document->text[last - 1]))
			last--;
		while (token < limit && tokens[token].begin < last)
			token++;
		end = token;
		at = next;
	}
	if (end > begin)
		return end;
	for (end = limit; end > begin + 1; end--)
		if (is_space(document->text[tokens[end].begin]))
			return end;
	return limit;
}

static enum pith_status score_windows(struct pith_document *document, struct session *session, float *scores,
                                      const struct pith_control *control, struct pith_error *err)
{
	const struct pith_model *model = document->model;
	const struct keep_head *head = model->keep_head;
	int32_t *ids = malloc(keep_head_capacity(head) * sizeof *ids);
	float *inner = malloc(head->window_tokens * head->n_hidden * sizeof *inner);
	enum pith_status status = ids == NULL || inner == NULL ? fail_memory(err, "the scores") : PITH_OK;
	for (size_t begin = 0, end; status == PITH_OK && begin < document->n_tokens; begin = end) {
		const float *states;
		end = window_end(document, begin, head->window_tokens);
		size_t n = end - begin;
		for (size_t i = 0; i < n; i++)
			ids[1 + i] = document->tokens[begin + i].id;
		status = keep_head_read(head, session, tokenizer_bos(model->tokenizer), ids, n, &states, control, err);
		if (status != PITH_OK)
			break;
		keep_head_forward(head, scores + begin, inner, states, n);
		for (size_t i = begin; i < end; i++)
			scores[i] = keep_probability(scores[i]);
		if (control != NULL && control->progress != NULL)
			control->progress(control->user, "scoring", (double)end, (double)document->n_tokens);
	}
	free(ids);
	free(inner);
	return status;
}

/* The scores do not depend on the rate: they are computed once for a document. */
static enum pith_status compute_scores(struct pith_document *document, const struct pith_control *control, struct pith_error *err)
{
	struct pith_model *model = document->model;
	struct session *session;
	enum pith_status status = session_create(&session, &model->transformer, model->pool, keep_head_capacity(model->keep_head),
	                                         err);
	if (status != PITH_OK)
		return status;
	float *scores = malloc(document->n_tokens * sizeof *scores);
	status = scores == NULL ? fail_memory(err, "the scores") : score_windows(document, session, scores, control, err);
	session_destroy(session);
	if (status != PITH_OK) {
		free(scores);
		return status;
	}
	document->keep_scores = scores;
	return PITH_OK;
}

enum pith_status document_keep_scores(struct pith_document *document, const float **scores, const struct pith_control *control,
                                      struct pith_error *err)
{
	enum pith_status status = document->keep_scores == NULL ? compute_scores(document, control, err) : PITH_OK;
	*scores = document->keep_scores;
	return status;
}

enum pith_status llmlingua2_compress(struct pith_compressed *out, struct pith_document *document,
                                     const struct pith_compress_options *options, const struct pith_control *control,
                                     struct pith_error *err)
{
	if (document->model->keep_head == NULL)
		return fail(err, PITH_UNSUPPORTED, "%s has no head that says which words to keep: `pith train keep RECIPE` makes one.",
		            document->model->path);
	const float *scores;
	enum pith_status status = document_keep_scores(document, &scores, control, err);
	if (status == PITH_OK)
		status = words_split(&out->words, &out->n_words, document, scores, options, err);
	if (status == PITH_OK)
		status = select_words(out, document, out->words, out->n_words, err);
	return status;
}
