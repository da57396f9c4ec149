/*
 * How likely each token of a document is one to keep. The paper's classifier
 * (LLMLingua-2, arXiv 2403.12968) reads both ways; here it is a head on the
 * decoder itself, which reads each window twice (model/keep_head.h). Windows
 * end where sentences end. A rewriting adapter that has learned to keep words
 * says it of a chunk (text/keep_prompt.h).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "compress/windows.h"
#include "text/keep_prompt.h"
#include "text/sentences.h"

/* --- windows ---------------------------------------------------------------------------------------------- */

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

/* Where each window ends, a token each; *n of them. Freed with free(). */
static enum pith_status find_windows(size_t **ends, size_t *n, const struct pith_document *document, struct pith_error *err)
{
	size_t most = document->model->keep_head->window_tokens, capacity = 0;
	*ends = NULL;
	*n = 0;
	for (size_t begin = 0; begin < document->n_tokens; begin = (*ends)[(*n)++]) {
		if (*n == capacity) {
			capacity = capacity == 0 ? 16 : 2 * capacity;
			size_t *more = realloc(*ends, capacity * sizeof *more);
			if (more == NULL)
				return fail_memory(err, "the windows");
			*ends = more;
		}
		(*ends)[*n] = window_end(document, begin, most);
	}
	return PITH_OK;
}

/* --- scoring ---------------------------------------------------------------------------------------------- */

struct scoring {
	const struct pith_document *document;
	float *scores; /* (n_tokens) */
	size_t *ends, n_windows;
};

static enum pith_status score_window(void *user, struct session *session, size_t window, size_t *n_done,
                                     const struct pith_control *control, struct pith_error *err)
{
	const struct scoring *scoring = user;
	const struct pith_document *document = scoring->document;
	const struct keep_head *head = document->model->keep_head;
	size_t begin = window == 0 ? 0 : scoring->ends[window - 1], n = scoring->ends[window] - begin;
	float *scores = scoring->scores + begin;
	const float *states;
	int32_t *ids = malloc(keep_head_capacity(head) * sizeof *ids);
	float *inner = malloc(n * head->n_hidden * sizeof *inner);
	enum pith_status status = ids == NULL || inner == NULL ? fail_memory(err, "the scores") : PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < n; i++)
		ids[1 + i] = document->tokens[begin + i].id;
	if (status == PITH_OK)
		status = keep_head_read(head, session, tokenizer_bos(document->model->tokenizer), ids, n, &states, control, err);
	if (status == PITH_OK)
		keep_head_forward(head, scores, inner, states, n);
	for (size_t i = 0; status == PITH_OK && i < n; i++)
		scores[i] = keep_probability(scores[i]);
	free(ids);
	free(inner);
	*n_done = n;
	return status;
}

static enum pith_status score(struct scoring *scoring, const struct pith_control *control, struct pith_error *err)
{
	const struct pith_document *document = scoring->document;
	size_t n = document->n_tokens;
	scoring->scores = malloc(n * sizeof *scoring->scores);
	if (scoring->scores == NULL)
		return fail_memory(err, "the scores");
	struct windows windows = {
		.model = document->model,
		.n = scoring->n_windows,
		.capacity = keep_head_capacity(document->model->keep_head),
		.precision = PRECISION_BF16,
		.n_units = n,
		.read = score_window,
		.user = scoring,
		.what = "scoring",
		.end = (double)n,
		.total = (double)n,
	};
	return windows_read(&windows, control, err);
}

/* The scores do not depend on the rate: they are computed once for a document. */
enum pith_status document_keep_scores(struct pith_document *document, const float **scores, const struct pith_control *control,
                                      struct pith_error *err)
{
	*scores = document->keep_scores;
	if (*scores != NULL)
		return PITH_OK;
	struct scoring scoring = {.document = document};
	enum pith_status status = find_windows(&scoring.ends, &scoring.n_windows, document, err);
	if (status == PITH_OK)
		status = score(&scoring, control, err);
	free(scoring.ends);
	if (status != PITH_OK)
		free(scoring.scores);
	else
		*scores = document->keep_scores = scoring.scores;
	return status;
}

/* --- scores of an adapter --------------------------------------------------------------------------------- */

/* scores (n): the chance of `kept` behind each token of the second copy. */
static enum pith_status ask_adapter(float *scores, struct session *session, const struct token_list *prompt, int32_t kept, size_t n,
                                    const struct adapter *adapter, const struct pith_control *control, struct pith_error *err)
{
	struct session_input input = {.ids = prompt->ids, .n = prompt->n, .adapter = adapter};
	int32_t *targets = malloc(n * sizeof *targets);
	if (targets == NULL)
		return fail_memory(err, "the scores");
	for (size_t i = 0; i < n; i++)
		targets[i] = kept;
	session_set_precision(session, PRECISION_BF16);
	enum pith_status status = session_read(session, &input, control, err);
	if (status == PITH_OK)
		status = session_losses(session, 1 + n, targets, n, scores, err);
	for (size_t i = 0; status == PITH_OK && i < n; i++)
		scores[i] = expf(-scores[i]);
	free(targets);
	return status;
}

enum pith_status adapter_keep_scores(float **out, const struct pith_document *document, const struct adapter *adapter,
                                     const struct pith_control *control, struct pith_error *err)
{
	struct pith_model *model = document->model;
	size_t n = document->n_tokens;
	struct session *session = NULL;
	struct token_list prompt = {0};
	int32_t kept, dropped;
	*out = malloc(n * sizeof **out);
	bool room = *out != NULL && keep_prompt(model->tokenizer, document->tokens, n, &prompt);
	enum pith_status status = room ? keep_prompt_verdicts(model->tokenizer, &kept, &dropped, err) : fail_memory(err, "the scores");
	if (status == PITH_OK)
		status = session_create(&session, &model->transformer, model->pool, prompt.n, err);
	if (status == PITH_OK)
		status = ask_adapter(*out, session, &prompt, kept, n, adapter, control, err);
	session_destroy(session);
	token_list_free(&prompt);
	if (status != PITH_OK) {
		free(*out);
		*out = NULL;
	}
	return status;
}

/* --- two judges ------------------------------------------------------------------------------------------- */

static double log_odds(double chance)
{
	static const double least = 1e-4; /* nobody is surer than that */
	chance = fmin(fmax(chance, least), 1 - least);
	return log(chance / (1 - chance));
}

void keep_scores_agree(float *scores, const float *others, size_t n)
{
	for (size_t i = 0; i < n; i++)
		scores[i] = keep_probability((float)(0.5 * (log_odds((double)scores[i]) + log_odds((double)others[i]))));
}
