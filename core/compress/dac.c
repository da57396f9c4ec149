/*
 * DAC, dynamic attention-aware compression (arXiv 2507.11942): a token is worth
 * (1 - a) I + a A, where I is its self-information and A the attention that it
 * gets, both scaled to 0 .. 1 over what is left. It goes in stages; after each
 * the rest is read anew, because what has gone changes what is surprising.
 * Here A is the mean over the queries behind the token, where the published
 * sum favours early tokens; words are the unit; the final choice has an exact
 * budget; long documents are read in windows, and in so few stages that all
 * together read no more than MOST_READINGS documents, at any rate. That costs
 * little: of the words that 15 stages keep of some thousand tokens at a rate
 * of 0.5, 14 stages keep 96 %, 5 stages 89 %, and 15 stages with windows of
 * 1024 tokens 89 % as well. With options->compat none of it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "compress/published.h"
#include "compress/protected.h"
#include "compress/select_words.h"
#include "compress/survivors.h"
#include "compress/words.h"
#include "compress/windows.h"

#define ATTENTION_WEIGHT 0.8 /* a, as published */

enum {
	WINDOW = 512,       /* rows read at once: BOS and tokens, where the context has room for as many */
	SHORTEST = 16,      /* ... and where it says that it has hardly any */
	OVERLAPS = 4,       /* a window's share that was read before, as context: 1 / OVERLAPS */
	STAGE_TOKENS = 100, /* one stage for as many tokens, as published */
	MOST_STAGES = 15,   /* as published */
	LONG = 4096,        /* tokens from which on ... */
	MOST_READINGS = 4,  /* ... all stages together read at most as often the document's length */
	FEW_QUERIES = 32,   /* too few to say what a token is worth, ... */
	FEW_SHARE = 8,      /* ... but of a short text at most 1 / FEW_SHARE of the tokens have so few */
};

struct dac {
	struct survivors survivors;
	double *attention, *n_queries;      /* (n_tokens): of a stage, by place */
	float *losses;                      /* (n_tokens): by place */
	float *received;                    /* (n_windows, window): attention, of each window by itself */
	float *ranked;                      /* (n_tokens): to find what is worth keeping, as published */
	size_t window;
	size_t stage, n_stages;
	bool published;
};

/* How often the document's length is read in n_stages stages, each of which leaves the same share of what the last one left. */
static double readings(double rate, size_t n_stages)
{
	double share = pow(rate, 1 / (double)n_stages), left = 1, sum = 0;
	for (size_t stage = 0; stage < n_stages; stage++, left *= share)
		sum += left;
	return sum;
}

static size_t published_stages(size_t n_tokens)
{
	size_t stages = n_tokens / STAGE_TOKENS;
	return stages < 1 ? 1 : stages > MOST_STAGES ? MOST_STAGES : stages;
}

static size_t affordable_stages(size_t n_tokens, size_t budget)
{
	size_t stages = published_stages(n_tokens);
	while (n_tokens >= LONG && stages > 1 && readings((double)budget / (double)n_tokens, stages) > MOST_READINGS)
		stages--;
	return stages;
}

/* Window i of a stage: the places [begin, end), of which those before `from` are in the window before as well. */
struct extent {
	size_t begin, from, end;
};

static size_t window_overlap(const struct dac *dac)
{
	return (dac->window - 1) / OVERLAPS;
}

static size_t scored_from(const struct dac *dac, size_t window)
{
	size_t length = dac->window - 1;
	if (dac->published) /* there is no BOS: the first token is read in its place, and stays */
		return window == 0 ? 1 : dac->survivors.n;
	return window == 0 ? 0 : length + (window - 1) * (length - window_overlap(dac));
}

static struct extent extent_of(const struct dac *dac, size_t window)
{
	size_t from = scored_from(dac, window), end = scored_from(dac, window + 1);
	return (struct extent){window == 0 ? from : from - window_overlap(dac), from,
	                       end < dac->survivors.n ? end : dac->survivors.n};
}

static size_t count_windows(const struct dac *dac)
{
	size_t n = 1;
	while (scored_from(dac, n) < dac->survivors.n)
		n++;
	return n;
}

static enum pith_status dac_create(struct dac *dac, struct pith_document *document, const struct pith_compressed *out,
				   bool published, struct pith_error *err)
{
	struct pith_model *model = document->model;
	size_t n = document->n_tokens, context = model->transformer.h.n_context;
	*dac = (struct dac){
		.published = published,
		.n_stages = published ? published_stages(n) : affordable_stages(n, out->info.budget_tokens),
	};
	context = context > SHORTEST ? context : SHORTEST;
	if (published && n > context)
		return fail(err, PITH_TOO_LONG,
			    "As published, dac reads the document at once: it has %zu tokens, the model reads %zu.", n, context);
	dac->window = published ? n : context < WINDOW ? context : WINDOW;
	enum pith_status status = survivors_create(&dac->survivors, document, out->words, out->n_words, err);
	if (status != PITH_OK)
		return status;
	survivors_add(&dac->survivors, 0, n);
	dac->received = malloc(count_windows(dac) * dac->window * sizeof *dac->received);
	dac->attention = malloc(n * sizeof *dac->attention);
	dac->n_queries = malloc(n * sizeof *dac->n_queries);
	dac->losses = malloc(n * sizeof *dac->losses);
	dac->ranked = malloc(n * sizeof *dac->ranked);
	if (dac->received == NULL || dac->attention == NULL || dac->n_queries == NULL || dac->losses == NULL ||
	    dac->ranked == NULL)
		return fail_memory(err, "the attention");
	return PITH_OK;
}

static void dac_free(struct dac *dac)
{
	survivors_free(&dac->survivors);
	free(dac->received);
	free(dac->attention);
	free(dac->n_queries);
	free(dac->losses);
	free(dac->ranked);
}

static int32_t id_at(const struct dac *dac, size_t place)
{
	return dac->survivors.document->tokens[dac->survivors.tokens[place]].id;
}

static enum pith_status read_window(void *user, struct session *session, size_t window, size_t *n_done,
				    const struct pith_control *control, struct pith_error *err)
{
	struct dac *dac = user;
	struct extent e = extent_of(dac, window);
	size_t n = e.end - e.begin;
	float *got = dac->received + window * dac->window;
	int32_t *ids = malloc((n + 1) * sizeof *ids);
	struct attention_received received = {calloc(n + 1, sizeof(float)), calloc(n + 1, sizeof(float))};
	enum pith_status status =
		ids != NULL && received.later != NULL && received.own != NULL ? PITH_OK : fail_memory(err, "the attention");
	if (status == PITH_OK) {
		ids[0] = dac->published ? id_at(dac, 0) : tokenizer_bos(dac->survivors.document->model->tokenizer);
		for (size_t i = 0; i < n; i++)
			ids[1 + i] = id_at(dac, e.begin + i);
		struct session_input input = {.ids = ids, .n = n + 1, .received = &received};
		status = session_read(session, &input, control, err);
	}
	if (status == PITH_OK)
		status = session_losses(session, e.from - e.begin, ids + 1 + (e.from - e.begin), e.end - e.from,
		                        dac->losses + e.from, err);
	for (size_t i = 0; status == PITH_OK && i < n; i++)
		got[i] = received.later[1 + i] + (dac->published ? received.own[1 + i] : 0);
	free(ids);
	free(received.later);
	free(received.own);
	*n_done = e.end - e.from;
	return status;
}

/* Losses and attention of all that is left. A place in two windows gets what the queries of both pay. */
static enum pith_status read_stage(struct dac *dac, const struct pith_control *control, struct pith_error *err)
{
	size_t n = dac->survivors.n;
	struct windows windows = {
		.model = dac->survivors.document->model,
		.n = count_windows(dac),
		.capacity = dac->window,
		.precision = dac->published ? PRECISION_F32 : PRECISION_BF16,
		.n_units = n - scored_from(dac, 0),
		.read = read_window,
		.user = dac,
		.what = "scoring",
		.begin = (double)dac->stage,
		.end = (double)dac->stage + 1,
		.total = (double)dac->n_stages,
	};
	enum pith_status status = windows_read(&windows, control, err);
	if (status != PITH_OK)
		return status;
	memset(dac->attention, 0, n * sizeof *dac->attention);
	memset(dac->n_queries, 0, n * sizeof *dac->n_queries);
	for (size_t window = 0; window < windows.n; window++) {
		struct extent e = extent_of(dac, window);
		for (size_t place = e.begin; place < e.end; place++) {
			dac->attention[place] += (double)dac->received[window * dac->window + place - e.begin];
			dac->n_queries[place] += (double)(e.end - 1 - place);
		}
	}
	return PITH_OK;
}

/*
 * Attention per query. Near tokens get more of it than far ones, so the last
 * tokens, whose queries are all near, would win for their place alone: where
 * the queries are few the average of the others stands in.
 */
static void average_attention(struct dac *dac)
{
	size_t n = dac->survivors.n, n_averaged = 0;
	double few = n / FEW_SHARE < FEW_QUERIES ? (double)(n / FEW_SHARE) : FEW_QUERIES, sum = 0;
	few = few < 1 ? 1 : few;
	for (size_t i = 0; i < n; i++) {
		if (dac->n_queries[i] < few)
			continue;
		dac->attention[i] /= dac->n_queries[i];
		sum += dac->attention[i];
		n_averaged++;
	}
	for (size_t i = 0; i < n; i++)
		if (dac->n_queries[i] < few)
			dac->attention[i] = n_averaged > 0 ? sum / (double)n_averaged : 0;
}

/* Place x of low .. high on a scale of 0 .. 1; where all are alike, 0. */
static double scaled(double x, double low, double high)
{
	return high - low > 1e-8 * fabs(high) ? (x - low) / (high - low) : 0;
}

/* Scores the places from first on. */
static void fuse(struct dac *dac, size_t first)
{
	const double infinity = INFINITY;
	double low_i = infinity, high_i = -infinity, low_a = infinity, high_a = -infinity;
	for (size_t i = first; i < dac->survivors.n; i++) {
		low_i = fmin(low_i, (double)dac->losses[i]);
		high_i = fmax(high_i, (double)dac->losses[i]);
		low_a = fmin(low_a, dac->attention[i]);
		high_a = fmax(high_a, dac->attention[i]);
	}
	for (size_t i = first; i < dac->survivors.n; i++) {
		double information = scaled((double)dac->losses[i], low_i, high_i),
		       attention = scaled(dac->attention[i], low_a, high_a);
		dac->survivors.scores[dac->survivors.tokens[i]] =
			(float)((1 - ATTENTION_WEIGHT) * information + ATTENTION_WEIGHT * attention);
	}
}

/*
 * All stages, words whole. A word's score is the stage that read it last and
 * its score there, so that what went earlier is wanted less.
 */
static enum pith_status score_words(struct dac *dac, size_t budget, const struct pith_control *control, struct pith_error *err)
{
	struct survivors *survivors = &dac->survivors;
	double n = (double)survivors->n, share = pow((double)budget / n, 1 / (double)dac->n_stages);
	enum pith_status status = PITH_OK;
	for (dac->stage = 0; status == PITH_OK && dac->stage < dac->n_stages && survivors->n > 0; dac->stage++) {
		size_t n_kept;
		status = read_stage(dac, control, err);
		if (status != PITH_OK)
			break;
		average_attention(dac);
		fuse(dac, 0);
		survivors_rank(survivors, 0, (float)dac->stage);
		/* What rounding to whole words took in one stage is not taken again in the next. */
		size_t wanted = (size_t)(n * pow(share, (double)(dac->stage + 1)) + 0.5);
		if (dac->stage + 1 < dac->n_stages)
			survivors_cut(survivors, 0, wanted, &n_kept);
	}
	survivors_share_scores(survivors);
	return status;
}

/* --- as published ---------------------------------------------------------------------------------------- */

/* Leaves the first token and the n_wanted best ones of the others. */
static void cut_published(struct dac *dac, size_t n_wanted)
{
	struct survivors *survivors = &dac->survivors;
	size_t to = 1, n = survivors->n - 1, n_equal = n_wanted;
	for (size_t i = 0; i < n; i++)
		dac->ranked[i] = survivors->scores[survivors->tokens[1 + i]];
	sort_descending(dac->ranked, n);
	float limit = dac->ranked[n_wanted - 1];
	for (size_t i = 0; i < n_wanted; i++)
		n_equal -= dac->ranked[i] > limit; /* of several that score what the last one scores, the first ones stay */
	for (size_t place = 1; place < survivors->n; place++) {
		float score = survivors->scores[survivors->tokens[place]];
		if (score == limit && n_equal > 0)
			n_equal--;
		else if (!(score > limit))
			continue;
		survivors->tokens[to++] = survivors->tokens[place];
	}
	survivors->n = to;
}

static enum pith_status decide_published(struct dac *dac, size_t budget, const struct pith_control *control,
					 struct pith_error *err)
{
	struct survivors *survivors = &dac->survivors;
	double share = pow((double)budget / (double)survivors->n, 1 / (double)dac->n_stages);
	enum pith_status status = PITH_OK;
	for (dac->stage = 0; status == PITH_OK && dac->stage < dac->n_stages && survivors->n > 1; dac->stage++) {
		status = read_stage(dac, control, err);
		if (status != PITH_OK)
			break;
		fuse(dac, 1);
		size_t n_wanted = (size_t)((double)(survivors->n - 1) * share);
		cut_published(dac, n_wanted < 1 ? 1 : n_wanted);
	}
	return status;
}

/* What select_words() has to say comes first. */
static void note_stages(struct pith_compressed *out, const struct dac *dac, size_t n_tokens)
{
	if (out->note[0] == '\0' && dac->n_stages < published_stages(n_tokens))
		snprintf(out->note, sizeof out->note, "The document is long: %zu stage%s in place of %zu.", dac->n_stages,
			 dac->n_stages == 1 ? "" : "s", published_stages(n_tokens));
}

/* --- the method ------------------------------------------------------------------------------------------ */

enum pith_status dac_compress(struct pith_compressed *out, struct pith_document *document,
			      const struct pith_compress_options *options, const struct pith_control *control,
			      struct pith_error *err)
{
	struct dac dac = {0};
	size_t budget = out->info.budget_tokens;
	enum pith_status status = words_split(&out->words, &out->n_words, document, NULL, options, err);
	if (status == PITH_OK && !protected_limit_names(out->words, out->n_words, budget))
		status = fail_memory(err, "the names");
	if (status == PITH_OK)
		status = dac_create(&dac, document, out, options->compat, err);
	if (status == PITH_OK && options->compat)
		status = decide_published(&dac, budget, control, err);
	else if (status == PITH_OK && out->n_words > 0)
		status = score_words(&dac, budget, control, err);
	if (status == PITH_OK && options->compat)
		status = keep_tokens(out, document, dac.survivors.tokens, dac.survivors.n, dac.survivors.scores, err);
	else if (status == PITH_OK)
		status = select_words(out, document, out->words, out->n_words, options->coherence, err);
	if (status == PITH_OK && !options->compat)
		note_stages(out, &dac, document->n_tokens);
	dac_free(&dac);
	return status;
}
