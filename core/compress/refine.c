#define _GNU_SOURCE
/*
 * Per-document optimisation of memory rows, span by span (refine_span.h).
 * Threads share out whole spans, which do not know of each other: what comes out
 * does not depend on how many threads there are. Of a model whose weights are
 * too large to be unpacked the spans follow one another.
 */
#include "pith/refine.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "compress/document.h"
#include "compress/refine_span.h"
#include "compress/returned.h"
#include "model/generate.h"
#include "model/parameters.h"
#include "pith/expand.h"

enum { MOST_UNPACKED = 1 << 28 }; /* parameters: up to here the weights are unpacked once, for products of whole matrices */

/*
 * What a number of a memory row can be expected to hold, in nats. How much a vector saves a model is nearly a constant, whatever
 * the text (Cramming 1568 tokens, arXiv 2502.13063). With the default model one memory token, 4,096 numbers, held a text of 990
 * nats after 929 steps, and one of 1,241 not within 1,500.
 */
static const double nats_per_number = 0.25;

void pith_refine_options_init(struct pith_refine_options *options)
{
	*options = (struct pith_refine_options){.n_steps = 400, .learning_rate = 0.02};
}

/* What came of one span. */
struct refined_span {
	enum pith_status status;
	struct pith_error err;
	size_t matched_before, matched;
	double loss_before, loss; /* sums over its tokens */
};

struct refiner {
	struct pith_compressed *compressed;
	const struct pith_document *document;
	const struct pith_refine_options *options;
	const struct pith_control *control;
	struct pith_refine_result *result;
	struct transformer transformer; /* positions of its own; weights unpacked or the model's own */
	struct parameters *unpacked;    /* NULL: too large */
	struct adapter vector;          /* of the rows' reader, when the rest of it is in the unpacked weights */
	struct thread_pool *pool;       /* its own: watch may use the model's; NULL: one thread */
	struct refine_desk *desks;      /* (threads of the pool) */
	size_t n_desks;
	struct refined_span *spans;
	atomic_size_t next;             /* span to be refined */
	atomic_size_t n_right;          /* tokens of all spans, as they are now */
	atomic_int n_steps;
	atomic_bool failed;             /* a span did, or was stopped: the others stop */
	int steps_before;               /* of earlier refinements */
	pthread_mutex_t lock;           /* of: */
	float *rows; /* as they are now, all spans'; the caller's thread copies them where watch can see them */
};

static struct rows *rows_of(const struct refiner *r)
{
	return &r->compressed->rows[PITH_REGENERATE];
}

static enum pith_status open_weights(struct refiner *r, struct pith_error *err)
{
	struct pith_model *model = r->document->model;
	r->transformer = model->transformer;
	/* The model's own angles may move while this one works: watch may regenerate, and that may ask for more of them. */
	r->transformer.rope = (struct rope_table){0};
	enum pith_status status = transformer_reserve_positions(&r->transformer, rows_longest_span(rows_of(r)) + 1, err);
	if (status != PITH_OK || model->info.n_params > MOST_UNPACKED)
		return status;
	status = parameters_create(&r->unpacked, &model->transformer.h, model->transformer.weights.tied, err);
	if (status != PITH_OK)
		return status;
	parameters_copy(r->unpacked, &model->transformer.weights);
	r->transformer.weights = r->unpacked->weights;
	return PITH_OK;
}

/* The reader stays as it is while the rows change: what it adds to unpacked weights is added once, and not at every step. */
static void merge_reader(struct refiner *r)
{
	const struct adapter *reader = r->desks[0].reader;
	if (reader == NULL || r->unpacked == NULL)
		return;
	for (size_t i = 0; reader->rank > 0 && i < reader->n_layers * N_PROJECTIONS; i++)
		lora_merge(&reader->projections[i],
		           (float *)r->unpacked->weights.layers[i / N_PROJECTIONS].projections[i % N_PROJECTIONS].data);
	r->vector = *reader;
	r->vector.rank = 0;
	r->vector.projections = NULL;
	for (size_t i = 0; i < r->n_desks; i++)
		r->desks[i].reader = &r->vector;
}

static enum pith_status refiner_open(struct refiner *r, struct pith_error *err)
{
	const struct rows *rows = rows_of(r);
	enum pith_status status = open_weights(r, err);
	if (status != PITH_OK)
		return status;
	size_t n_threads = (size_t)thread_pool_size(r->document->model->pool);
	r->n_desks = r->unpacked == NULL ? 1 : n_threads < rows->n_spans ? n_threads : rows->n_spans;
	r->desks = calloc(r->n_desks, sizeof *r->desks);
	r->spans = calloc(rows->n_spans, sizeof *r->spans);
	r->rows = aligned_floats(rows->n_rows * rows->row_floats);
	if (r->n_desks > 1)
		r->pool = thread_pool_create((int)r->n_desks);
	if (r->desks == NULL || r->spans == NULL || r->rows == NULL || (r->n_desks > 1 && r->pool == NULL))
		return fail_memory(err, "refining");
	memcpy(r->rows, rows->data, rows->n_rows * rows->row_floats * sizeof *r->rows);
	const struct adapter *reader = compressed_reader(r->compressed, r->document->model, PITH_REGENERATE);
	for (size_t i = 0; status == PITH_OK && i < r->n_desks; i++)
		status = refine_desk_init(&r->desks[i], &r->transformer, reader,
		                          r->unpacked != NULL ? PRECISION_BF16 : PRECISION_F32, err);
	return status;
}

static void refiner_close(struct refiner *r)
{
	for (size_t i = 0; r->desks != NULL && i < r->n_desks; i++)
		refine_desk_free(&r->desks[i]);
	thread_pool_destroy(r->pool);
	free(r->desks);
	free(r->spans);
	free(r->rows);
	parameters_destroy(r->unpacked);
	transformer_release_positions(&r->transformer);
}

static enum pith_status open_span(struct refine_span *s, struct refiner *r, size_t i, struct refine_desk *desk,
                                  struct pith_error *err)
{
	const struct rows *rows = rows_of(r);
	size_t token, row;
	rows_span_begin(rows_of(r), i, &token, &row);
	return refine_span_open(s, desk, r->document->model->tokenizer, r->document->tokens + token, &rows->spans[i],
	                        r->rows + row * rows->row_floats, rows->row_floats, err);
}

/* Shows the others the rows (n_values) of span i. */
static void publish(struct refiner *r, size_t i, const float *values, size_t n_values)
{
	size_t token, row;
	rows_span_begin(rows_of(r), i, &token, &row);
	pthread_mutex_lock(&r->lock);
	memcpy(r->rows + row * rows_of(r)->row_floats, values, n_values * sizeof *values);
	pthread_mutex_unlock(&r->lock);
}

/* All spans' rows as they are now become the compressed form's. Only on the caller's thread. */
static void take_rows(struct refiner *r)
{
	struct rows *rows = rows_of(r);
	pthread_mutex_lock(&r->lock);
	memcpy(rows->data, r->rows, rows->n_rows * rows->row_floats * sizeof *r->rows);
	pthread_mutex_unlock(&r->lock);
	r->compressed->info.refine_steps = r->steps_before + atomic_load(&r->n_steps);
}

static bool is_stopped(const struct refiner *r)
{
	return atomic_load(&r->failed) || is_cancelled(r->control);
}

static void tell(struct refiner *r)
{
	if (r->control != NULL && r->control->progress != NULL)
		r->control->progress(r->control->user,
		                     pith_refine_is_hopeful(r->result) ? "refining" : "refining more than usually fits",
		                     (double)atomic_load(&r->n_right), (double)r->result->n_tokens);
}

/* Steps until the span is right, or there are no more; who asked is told, and shown, on his own thread alone. */
static enum pith_status take_steps(struct refiner *r, struct refine_span *s, size_t i, bool on_callers_thread,
                                   struct pith_error *err)
{
	struct refined_span *refined = &r->spans[i];
	for (int step = 0;; step++) {
		if (is_stopped(r))
			return PITH_CANCELLED;
		size_t right_before = s->n_correct;
		enum pith_status status = refine_span_measure(s, err);
		if (status != PITH_OK)
			return status;
		atomic_fetch_add(&r->n_right, s->n_correct - right_before);
		if (step == 0) {
			refined->matched_before = s->matched;
			refined->loss_before = s->loss * (double)s->n;
		}
		if (on_callers_thread)
			tell(r);
		if (refine_span_is_right(s) || step == r->options->n_steps)
			return PITH_OK;
		if (r->options->watch != NULL) {
			publish(r, i, s->rows, s->n_values);
			if (on_callers_thread) {
				take_rows(r);
				r->options->watch(r->options->user, r->compressed);
			}
		}
		refine_span_change(s, step, r->options);
		atomic_fetch_add(&r->n_steps, 1);
	}
}

static void refine_one(struct refiner *r, size_t i, struct refine_desk *desk, bool on_callers_thread)
{
	struct refined_span *refined = &r->spans[i];
	struct refine_span s;
	refined->status = open_span(&s, r, i, desk, &refined->err);
	if (refined->status == PITH_OK) {
		refined->status = take_steps(r, &s, i, on_callers_thread, &refined->err);
		publish(r, i, s.best, s.n_values);
	}
	if (isfinite(s.best_loss)) { /* else it was stopped before anything was measured */
		refined->matched = s.best_matched;
		refined->loss = s.best_loss * (double)s.n;
	}
	if (refined->status != PITH_OK)
		atomic_store(&r->failed, true);
	refine_span_close(&s);
}

static void refine_some(void *user, size_t begin, size_t end, int thread)
{
	struct refiner *r = user;
	size_t n_spans = rows_of(r)->n_spans;
	for (size_t desk = begin; desk < end; desk++) {
		size_t i;
		while ((i = atomic_fetch_add(&r->next, 1)) < n_spans && !is_stopped(r))
			refine_one(r, i, &r->desks[desk], thread == 0);
	}
}

static enum pith_status sum_up(struct refiner *r, struct pith_error *err)
{
	struct pith_refine_result *result = r->result;
	const struct refined_span *failed = NULL;
	for (size_t i = 0; i < rows_of(r)->n_spans; i++) {
		const struct refined_span *refined = &r->spans[i];
		result->matched_before += refined->matched_before;
		result->matched += refined->matched;
		result->loss_before += refined->loss_before / (double)result->n_tokens;
		result->loss += refined->loss / (double)result->n_tokens;
		if (refined->status != PITH_OK && refined->status != PITH_CANCELLED && failed == NULL)
			failed = refined;
	}
	result->n_steps = atomic_load(&r->n_steps);
	if (failed != NULL)
		return fail(err, failed->status, "%s", failed->err.message);
	if (is_stopped(r))
		return fail(err, PITH_CANCELLED, "Stopped after %d steps.", result->n_steps);
	return PITH_OK;
}

static enum pith_status refine_spans(struct refiner *r, struct pith_error *err)
{
	r->result->n_tokens = r->document->n_tokens + rows_of(r)->n_spans;
	thread_pool_run(r->pool, r->n_desks, 1, refine_some, r);
	take_rows(r);
	enum pith_status status = sum_up(r, err);
	if (status == PITH_OK)
		tell(r);
	return status;
}

/* Before anything is changed: the span that asks most of its rows. */
static enum pith_status forecast(struct refiner *r, struct pith_error *err)
{
	const struct rows *rows = rows_of(r);
	struct pith_refine_result *result = r->result;
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < rows->n_spans; i++) {
		struct refine_span s;
		if (is_stopped(r))
			return fail(err, PITH_CANCELLED, "Cancelled.");
		double nats = 0, room = nats_per_number * (double)(rows->spans[i].n_rows * rows->row_floats);
		status = open_span(&s, r, i, &r->desks[0], err);
		if (status == PITH_OK)
			status = refine_span_cost(&s, &nats, err);
		refine_span_close(&s);
		if (result->room == 0 || nats / room > result->nats / result->room) {
			result->nats = nats;
			result->room = room;
		}
	}
	return status;
}

bool pith_refine_is_hopeful(const struct pith_refine_result *result)
{
	return result->nats <= result->room;
}

/*
 * Rows of the beginning of a text, as much of it as the encoder could put into them. Optimised they hold far more: they are made
 * anew for the whole text, of which little comes back until many steps are done.
 */
struct beginning {
	struct rows rows; /* n_spans 0: the rows were of the whole text */
	struct returned returned;
	int n_steps;      /* that they had been refined for */
};

/* The rows become those of the whole text: anew, or as an earlier refinement has left them. */
static enum pith_status take_whole(struct beginning *before, struct pith_compressed *compressed,
                                   const struct pith_document *document, const struct pith_control *control,
                                   struct pith_error *err)
{
	struct rows *rows = &compressed->rows[PITH_REGENERATE], whole = compressed->unfinished;
	*before = (struct beginning){.n_steps = compressed->info.refine_steps};
	if (rows_n_tokens(rows) == document->n_tokens)
		return PITH_OK;
	const struct adapter *adapter = document->model->adapters[PITH_MEMORY_ROWS][PITH_REGENERATE];
	struct pith_control silent = {.cancel = control == NULL ? NULL : control->cancel};
	enum pith_status status = returned_measure(&before->returned, compressed, document, control, err);
	if (status == PITH_OK && whole.n_spans == 0)
		status = soft_encode(&whole, document, adapter, rows->n_rows, true, &silent, err);
	if (status != PITH_OK)
		return status;
	before->rows = *rows;
	*rows = whole;
	compressed->info.refine_steps = compressed->unfinished_steps;
	compressed->unfinished = (struct rows){0};
	return PITH_OK;
}

/*
 * Which of both stays: those of which more comes back. Rows of the whole text that are not there yet are put aside, to be gone on
 * with. Are the rows others than before?
 */
static bool choose_rows(struct beginning *before, struct pith_compressed *compressed, struct pith_refine_result *result,
                        const struct returned *returned)
{
	struct rows *rows = &compressed->rows[PITH_REGENERATE];
	if (before->rows.n_spans == 0)
		return result->n_steps > 0;
	result->matched_before = before->returned.n_matched;
	if (returned != NULL && (returned->exact || returned->f1 >= before->returned.f1)) {
		rows_free(&before->rows);
		return true;
	}
	result->unchanged = true;
	compressed->unfinished = *rows;
	compressed->unfinished_steps = compressed->info.refine_steps;
	*rows = before->rows;
	compressed->info.refine_steps = before->n_steps;
	return false;
}

enum pith_status pith_refine(struct pith_compressed *compressed, struct pith_document *document,
                             const struct pith_refine_options *options, struct pith_refine_result *result,
                             const struct pith_control *control, struct pith_error *err)
{
	*result = (struct pith_refine_result){0};
	double began = clock_seconds();
	if (compressed->info.method->memory != PITH_MEMORY_ROWS)
		return fail(err, PITH_UNSUPPORTED,
		            "Refining changes keys and values; %s hands over %s. Refine with 500xCompressor.",
		            compressed->info.method->title, pith_memory_name(compressed->info.method->memory));
	if (!compressed->info.has_purpose[PITH_REGENERATE])
		return fail(err, PITH_BAD_ARGUMENT, "There are no memory rows for regeneration to refine.");
	if (options->n_steps < 1 || !(options->learning_rate > 0))
		return fail(err, PITH_BAD_ARGUMENT, "Refining needs at least one step and a learning rate above 0.");
	char hash[33];
	document_hash(document, hash);
	/* The number of tokens of a form that was loaded is what its file says. */
	if (strcmp(hash, compressed->source_hash) != 0 || compressed->info.original_tokens != document->n_tokens)
		return fail(err, PITH_MISMATCH, "The compressed form was made of another document.");
	enum pith_status status = compressed_check_model(compressed, document->model, "The compressed form", err);
	struct beginning before = {0};
	if (status == PITH_OK)
		status = take_whole(&before, compressed, document, control, err);
	struct refiner r = {.compressed = compressed,
	                    .document = document,
	                    .options = options,
	                    .control = control,
	                    .result = result,
	                    .steps_before = compressed->info.refine_steps};
	pthread_mutex_init(&r.lock, NULL);
	if (status == PITH_OK)
		status = refiner_open(&r, err);
	if (status == PITH_OK)
		status = forecast(&r, err);
	if (status == PITH_OK) {
		merge_reader(&r); /* the forecast is of the base alone */
		compressed_forget_text(compressed);
		status = refine_spans(&r, err);
	}
	refiner_close(&r);
	pthread_mutex_destroy(&r.lock);
	struct returned returned;
	if (status == PITH_OK)
		status = returned_measure(&returned, compressed, document, control, err);
	if (choose_rows(&before, compressed, result, status == PITH_OK ? &returned : NULL)) {
		soft_describe(compressed, document->model);
		compressed->info.exact = false;
	} else if (result->unchanged) {
		compressed_forget_text(compressed); /* it is of the rows that were put aside */
	}
	if (status == PITH_OK && !result->unchanged)
		compressed->info.exact = result->exact = returned.exact;
	result->seconds = clock_seconds() - began;
	return status;
}
