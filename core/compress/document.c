#include "compress/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "compress/windows.h"

enum pith_status pith_document_create(struct pith_document **out, struct pith_model *model, const char *text, size_t length,
                                      struct pith_error *err)
{
	*out = NULL;
	if (length == 0)
		return fail(err, PITH_BAD_ARGUMENT, "The document is empty: there is nothing to compress.");
	if (length > UINT32_MAX)
		return fail(err, PITH_TOO_LONG, "Documents of more than 4 GiB are not supported.");
	struct pith_document *document = calloc(1, sizeof *document);
	if (document != NULL)
		document->text = malloc(length + 1);
	if (document == NULL || document->text == NULL) {
		free(document);
		return fail_memory(err, "the document");
	}
	memcpy(document->text, text, length);
	document->text[length] = '\0';
	document->length = length;
	document->model = model;
	enum pith_status status = pith_tokenize(model, text, length, &document->tokens, &document->n_tokens, err);
	if (status == PITH_OK && document->n_tokens == 0)
		status = fail(err, PITH_BAD_ARGUMENT, "The vocabulary of %s has no token for any byte of the document.",
			      model->path);
	if (status != PITH_OK) {
		pith_document_destroy(document);
		return status;
	}
	*out = document;
	return PITH_OK;
}

void pith_document_destroy(struct pith_document *document)
{
	if (document == NULL)
		return;
	free(document->text);
	free(document->tokens);
	free(document->scores);
	free(document->keep_scores);
	free(document);
}

const char *pith_document_text(const struct pith_document *document, size_t *length)
{
	*length = document->length;
	return document->text;
}

const struct pith_token *pith_document_tokens(const struct pith_document *document, size_t *n)
{
	*n = document->n_tokens;
	return document->tokens;
}

/* --- self-information ----------------------------------------------------------------------------------- */

enum {
	WINDOW = 1024,  /* tokens read at once */
	OVERLAPS = 4,   /* a window's share that was read before, as context, in all but the first: 1 / OVERLAPS */
};

struct scoring {
	const struct pith_document *document;
	float *scores;          /* (n_tokens) */
	size_t window, overlap; /* tokens */
};

/* The first token that window i scores. */
static size_t scored_from(const struct scoring *scoring, size_t i)
{
	return i == 0 ? 0 : scoring->window + (i - 1) * (scoring->window - scoring->overlap);
}

static enum pith_status score_window(void *user, struct session *session, size_t window, size_t *n_done,
                                     const struct pith_control *control, struct pith_error *err)
{
	const struct scoring *scoring = user;
	const struct pith_document *document = scoring->document;
	size_t from = scored_from(scoring, window), end = scored_from(scoring, window + 1);
	size_t begin = window == 0 ? 0 : from - scoring->overlap;
	end = end < document->n_tokens ? end : document->n_tokens;
	size_t n = end - begin;
	int32_t *ids = malloc((n + 1) * sizeof *ids);
	if (ids == NULL)
		return fail_memory(err, "the scores");
	ids[0] = tokenizer_bos(document->model->tokenizer);
	for (size_t i = 0; i < n; i++)
		ids[1 + i] = document->tokens[begin + i].id;
	/* The last token predicts nothing that is asked. */
	struct session_input input = {.ids = ids, .n = n};
	enum pith_status status = session_read(session, &input, control, err);
	/* Row i of the read predicts ids[i + 1], the token begin + i of the document. */
	if (status == PITH_OK)
		status = session_losses(session, from - begin, ids + 1 + (from - begin), end - from, scoring->scores + from, err);
	free(ids);
	*n_done = end - from;
	return status;
}

/* *out (n_tokens) is the caller's. The work is the first part of one of `total` tokens, as progress has it. */
static enum pith_status compute_scores(float **out, const struct pith_document *document, enum precision precision, size_t total,
                                       const struct pith_control *control, struct pith_error *err)
{
	*out = NULL;
	struct pith_model *model = document->model;
	size_t context = model->transformer.h.n_context, n = document->n_tokens;
	struct scoring scoring = {.document = document, .scores = malloc(n * sizeof(float))};
	if (scoring.scores == NULL)
		return fail_memory(err, "the scores");
	scoring.window = context < WINDOW ? context : WINDOW;
	scoring.overlap = scoring.window / OVERLAPS;
	struct windows windows = {
		.model = model,
		.n = 1,
		.capacity = scoring.window,
		.precision = precision,
		.n_units = n,
		.read = score_window,
		.user = &scoring,
		.what = "scoring",
		.end = (double)n,
		.total = (double)total,
	};
	while (scored_from(&scoring, windows.n) < n)
		windows.n++;
	enum pith_status status = windows_read(&windows, control, err);
	if (status == PITH_OK)
		*out = scoring.scores;
	else
		free(scoring.scores);
	return status;
}

enum pith_status document_published_scores(float **out, const struct pith_document *document, const struct pith_control *control,
                                           struct pith_error *err)
{
	return compute_scores(out, document, PRECISION_F32, 2 * document->n_tokens, control, err);
}

enum pith_status pith_document_scores(struct pith_document *document, const float **scores, const struct pith_control *control,
                                      struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	if (document->scores == NULL)
		status = compute_scores(&document->scores, document, PRECISION_BF16, document->n_tokens, control, err);
	*scores = document->scores;
	return status;
}

void document_hash(const struct pith_document *document, char hash[33])
{
	XXH128_hash_t h = XXH3_128bits(document->text, document->length);
	snprintf(hash, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}
