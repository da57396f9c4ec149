/*
 * LLMLingua's iterative token-level compression (arXiv 2310.05736, section
 * 4.2): the document is read in segments, each behind what was kept of the
 * segments before it, so a token's score is its surprisal given what survived.
 * Its faults are left out: a score decides the token that it is the score of,
 * words are the unit, and the choice among the scored words is one for the
 * whole document, with an exact budget. With options->compat they are there.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "compress/published.h"
#include "compress/protected.h"
#include "compress/select_words.h"
#include "compress/survivors.h"
#include "compress/windows.h"
#include "compress/words.h"
#include "kernels/matmul_bf16.h"
#include "model/session.h"

enum {
	SEGMENT = 200,            /* tokens, as published */
	LONGEST_PREFIX = 800,     /* rows of cache, where the model has room for as many: four segments */
	LONGEST_PUBLISHED = 2048, /* ... and as published */
	SHORTEST_PREFIX = 16,     /* ... and where it says that it has hardly any */
	HEAD = 10,                /* tokens behind BOS that stay when the cache overflows, as published */
};

/*
 * The items of the cache are BOS, the first HEAD survivors, and the survivors
 * after them without the skipped oldest ones. What it lacks of them, the last
 * one at least, is read with the segment that it shall predict.
 */
struct prefix {
	struct survivors survivors;
	struct session *session;
	size_t segment, head; /* SEGMENT and HEAD, less where the context is small */
	size_t skipped;
	int32_t *ids; /* (capacity of the session + 1) */
};

static enum pith_status prefix_create(struct prefix *prefix, struct pith_document *document, struct pith_word *words,
				      size_t n_words, bool published, struct pith_error *err)
{
	struct pith_model *model = document->model;
	size_t capacity = model->transformer.h.n_context, longest = published ? LONGEST_PUBLISHED : LONGEST_PREFIX;
	capacity = capacity < longest ? capacity : longest;
	capacity = capacity > SHORTEST_PREFIX ? capacity : SHORTEST_PREFIX;
	/* In bf16 a small model has read a segment sooner than several threads have met for each of its products. */
	bool one_thread = !published && matmul_bf16_available() && model->transformer.h.n_embd <= WIDE_EMBD;
	*prefix = (struct prefix){.segment = capacity / 4 < SEGMENT ? capacity / 4 : SEGMENT,
				  .head = capacity / 4 < HEAD ? capacity / 4 : HEAD};
	enum pith_status status = survivors_create(&prefix->survivors, document, words, n_words, err);
	if (status == PITH_OK)
		status = session_create(&prefix->session, &model->transformer, one_thread ? NULL : model->pool, capacity, err);
	if (status == PITH_OK && !published)
		session_set_precision(prefix->session, PRECISION_BF16);
	prefix->ids = malloc((capacity + 1) * sizeof *prefix->ids);
	if (status == PITH_OK && prefix->ids == NULL)
		status = fail_memory(err, "the tokens");
	return status;
}

static void prefix_free(struct prefix *prefix)
{
	survivors_free(&prefix->survivors);
	session_destroy(prefix->session);
	free(prefix->ids);
}

static size_t n_items(const struct prefix *prefix)
{
	return 1 + prefix->survivors.n - prefix->skipped;
}

/* The ids of items [begin, end). */
static void fill_ids(struct prefix *prefix, size_t begin, size_t end)
{
	const struct pith_document *document = prefix->survivors.document;
	for (size_t i = begin; i < end; i++) {
		size_t place = i <= prefix->head ? i - 1 : i - 1 + prefix->skipped;
		prefix->ids[i - begin] =
			i == 0 ? tokenizer_bos(document->model->tokenizer) : document->tokens[prefix->survivors.tokens[place]].id;
	}
}

/* Where n more tokens would not fit: the first rows stay, behind them the newest half of what fits is to be read anew. */
static void make_room(struct prefix *prefix, size_t n)
{
	size_t capacity = session_capacity(prefix->session);
	if (n_items(prefix) - 1 + n <= capacity)
		return;
	size_t wanted = (capacity - n) / 2;
	if (wanted < prefix->head + 2)
		wanted = prefix->head + 2;
	prefix->skipped += n_items(prefix) - wanted;
	session_rewind(prefix->session, 1 + prefix->head);
}

/* Adds the tokens [begin, end) and scores them behind what survived before, of which the cache may lack the last items. */
static enum pith_status score_segment(struct prefix *prefix, size_t begin, size_t end, const struct pith_control *control,
				      struct pith_error *err)
{
	size_t n = end - begin;
	make_room(prefix, n);
	size_t length = session_length(prefix->session), n_lacking = n_items(prefix) - 1 - length;
	survivors_add(&prefix->survivors, begin, end);
	fill_ids(prefix, length, n_items(prefix));
	struct session_input input = {.ids = prefix->ids, .n = n_lacking + n, .first_position = (int32_t)length};
	enum pith_status status = session_read(prefix->session, &input, control, err);
	if (status == PITH_OK)
		status = session_losses(prefix->session, n_lacking, prefix->ids + n_lacking + 1, n,
		                        prefix->survivors.scores + begin, err);
	return status;
}

/* The tokens from place first_gone on are not those that were read: the cache forgets them. */
static void forget(struct prefix *prefix, size_t first_gone)
{
	size_t right = first_gone + 1 - prefix->skipped, last = n_items(prefix) - 1;
	session_rewind(prefix->session, right < last ? right : last);
}

static void report(const struct pith_control *control, size_t done, size_t total)
{
	if (control != NULL && control->progress != NULL)
		control->progress(control->user, "scoring", (double)done, (double)total);
}

/*
 * Scores all words. What a segment keeps for the next ones to be read behind
 * is its share of the budget and what the segments before have left of theirs.
 */
static enum pith_status score_words(struct prefix *prefix, size_t budget, const struct pith_control *control,
				    struct pith_error *err)
{
	struct survivors *survivors = &prefix->survivors;
	size_t n = survivors->document->n_tokens, kept = 0;
	enum pith_status status = PITH_OK;
	for (size_t begin = 0, end; status == PITH_OK && begin < n; begin = end) {
		size_t first = survivors->n, n_kept;
		end = survivors_segment_end(survivors, begin, prefix->segment);
		status = score_segment(prefix, begin, end, control, err);
		if (status != PITH_OK)
			break;
		survivors_rank(survivors, first, 0);
		size_t share = (size_t)((double)budget * (double)end / (double)n);
		size_t first_gone = budget >= n ? survivors->n : survivors_cut(survivors, first, share - kept, &n_kept);
		if (budget < n)
			kept += n_kept;
		forget(prefix, first_gone);
		report(control, end, n);
	}
	survivors_share_scores(survivors);
	return status;
}

/* --- as published ---------------------------------------------------------------------------------------- */

/*
 * The loss that share of all that is left reaches: of tokens that were decided
 * and of tokens still to come, from end on. The document's last has none.
 */
static float threshold(const struct survivors *survivors, size_t end, double share, float *sorted)
{
	size_t last = survivors->document->n_tokens - 1, n = 0;
	for (size_t place = 0; place < survivors->n; place++)
		if (survivors->tokens[place] != last)
			sorted[n++] = survivors->scores[survivors->tokens[place]];
	for (size_t t = end; t < last; t++)
		sorted[n++] = survivors->scores[t];
	sort_descending(sorted, n);
	size_t wanted = (size_t)((double)n * share);
	wanted = wanted > n ? n : wanted;
	return n == 0 ? -INFINITY : sorted[wanted == 0 ? 0 : wanted - 1];
}

/*
 * Reads a segment behind what is left before it. Token i gets the loss of
 * token i + 1, the segment's last token keeps the one that it has.
 */
static enum pith_status score_published(struct prefix *prefix, size_t begin, size_t end, const struct pith_control *control,
					struct pith_error *err)
{
	float *scores = prefix->survivors.scores, last = scores[end - 1];
	enum pith_status status = score_segment(prefix, begin, end, control, err);
	memmove(scores + begin, scores + begin + 1, (end - begin - 1) * sizeof *scores);
	scores[end - 1] = last;
	return status;
}

/* Keeps the tokens of the segment [begin, end) whose loss is above the threshold. */
static enum pith_status decide_published(struct prefix *prefix, size_t begin, size_t end, double share, float *sorted,
					 const struct pith_control *control, struct pith_error *err)
{
	struct survivors *survivors = &prefix->survivors;
	size_t first = survivors->n, to = first, first_gone = SIZE_MAX;
	enum pith_status status = PITH_OK;
	if (begin == 0)
		survivors_add(survivors, begin, end); /* the document was read as it stands, there is nothing else before it */
	else
		status = score_published(prefix, begin, end, control, err);
	if (status != PITH_OK)
		return status;
	float limit = threshold(survivors, end, share, sorted);
	for (size_t place = first; place < survivors->n; place++) {
		size_t token = survivors->tokens[place];
		if (share >= 1 || token + 1 == survivors->document->n_tokens || survivors->scores[token] > limit)
			survivors->tokens[to++] = token;
		else if (first_gone == SIZE_MAX)
			first_gone = place;
	}
	survivors->n = to;
	forget(prefix, first_gone == SIZE_MAX ? to : first_gone);
	return PITH_OK;
}

static enum pith_status decide_all_published(struct prefix *prefix, struct pith_document *document, size_t budget,
					     const struct pith_control *control, struct pith_error *err)
{
	struct survivors *survivors = &prefix->survivors;
	size_t n = document->n_tokens;
	/* Instruction, question and what joins them are empty, and still counted. */
	double share = (double)budget / (double)(n + 3);
	float *sorted = malloc(n * sizeof *sorted), *scores = NULL;
	enum pith_status status = sorted != NULL ? PITH_OK : fail_memory(err, "the thresholds");
	if (status == PITH_OK)
		status = document_published_scores(&scores, document, control, err);
	/* One too early each: that is the fault. The last token has none and stays. */
	if (status == PITH_OK)
		memcpy(survivors->scores, scores + 1, (n - 1) * sizeof *scores);
	for (size_t begin = 0, end; status == PITH_OK && begin < n; begin = end) {
		end = n - begin < prefix->segment ? n : begin + prefix->segment;
		/* The rest behind the last full segment stays whole. */
		if (begin > 0 && end - begin < prefix->segment)
			survivors_add(survivors, begin, end);
		else
			status = decide_published(prefix, begin, end, budget >= n ? 1 : share, sorted, control, err);
		if (status == PITH_OK)
			report(control, n + end, 2 * n);
	}
	free(sorted);
	free(scores);
	return status;
}

/* --- the method ------------------------------------------------------------------------------------------ */

enum pith_status llmlingua_compress(struct pith_compressed *out, struct pith_document *document,
				    const struct pith_compress_options *options, const struct pith_control *control,
				    struct pith_error *err)
{
	struct prefix prefix = {0};
	size_t budget = out->info.budget_tokens;
	enum pith_status status = words_split(&out->words, &out->n_words, document, NULL, options, err);
	if (status == PITH_OK && !protected_limit_names(out->words, out->n_words, budget))
		status = fail_memory(err, "the names");
	if (status == PITH_OK)
		status = prefix_create(&prefix, document, out->words, out->n_words, options->compat, err);
	if (status == PITH_OK && options->compat)
		status = decide_all_published(&prefix, document, budget, control, err);
	else if (status == PITH_OK && out->n_words > 0)
		status = score_words(&prefix, budget, control, err);
	if (status == PITH_OK && options->compat)
		status = keep_tokens(out, document, prefix.survivors.tokens, prefix.survivors.n, prefix.survivors.scores, err);
	else if (status == PITH_OK)
		status = select_words(out, document, out->words, out->n_words, options->coherence, err);
	prefix_free(&prefix);
	return status;
}
