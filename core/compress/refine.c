#define _GNU_SOURCE
/*
 * Per-document optimisation of memory rows. One span at a time: the reader gets
 * the right text behind the span's rows (teacher forcing), the loss's gradient
 * comes back through keys and values, Adam changes them. When every token is the
 * most likely one given the right tokens before it, greedy regeneration is
 * right by induction, so that is where it stops. Where the whole text at once
 * gets no further it grows: first its beginning, then a few tokens more each
 * time that all before them are right (Progressive Cramming: 99 % of the tokens
 * right given the right ones before them often give a text that derails at once).
 */
#include "pith/refine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"
#include "compress/document.h"
#include "kernels/kernels.h"
#include "model/generate.h"
#include "model/parameters.h"
#include "model/trace.h"
#include "pith/expand.h"

enum {
	WARM_UP = 10,
	PATIENCE = 60, /* steps in which the loss has to fall by least_gain, or the text is learned from its beginning on */
	AHEAD = 6,     /* wrong tokens that are learned at once then */
	MOST_UNPACKED = 1 << 28, /* parameters: up to here the weights are unpacked once, for products of whole matrices */
};

/* Weights keep this much of a step that is already right: what is wrong is what has to change. */
static const float settled_weight = 0.1f;
static const double least_gain = 0.1;
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

/* What all spans share. */
struct refiner {
	struct transformer transformer; /* positions of its own; weights unpacked or the model's own */
	struct parameters *unpacked;    /* NULL: too large */
	enum precision precision;       /* of the span at work: bf16 at first where that is possible */
	struct trace trace;
	struct scratch head;
};

static size_t longest_span(const struct rows *rows)
{
	size_t longest = 0;
	for (size_t i = 0; i < rows->n_spans; i++)
		longest = rows->spans[i].n_tokens > longest ? rows->spans[i].n_tokens : longest;
	return longest;
}

static enum pith_status refiner_open(struct refiner *r, struct pith_model *model, const struct rows *rows, struct pith_error *err)
{
	const struct hyperparams *h = &model->transformer.h;
	*r = (struct refiner){.transformer = model->transformer, .precision = PRECISION_F32};
	/* The model's own angles may move while this one works: watch may regenerate, and that may ask for more of them. */
	r->transformer.rope = (struct rope_table){0};
	enum pith_status status = transformer_reserve_positions(&r->transformer, longest_span(rows) + 1, err);
	if (status == PITH_OK && model->info.n_params <= MOST_UNPACKED) {
		status = parameters_create(&r->unpacked, h, model->transformer.weights.tied, err);
		if (status != PITH_OK)
			return status;
		parameters_copy(r->unpacked, &model->transformer.weights);
		r->transformer.weights = r->unpacked->weights;
	}
	if (status == PITH_OK)
		status = trace_init(&r->trace, &r->transformer, err);
	if (status == PITH_OK)
		status = scratch_reserve(&r->head, loss_head_scratch_size(h->n_vocab, h->n_embd), "the logits", err);
	return status;
}

static void refiner_close(struct refiner *r)
{
	trace_free(&r->trace);
	scratch_free(&r->head);
	parameters_destroy(r->unpacked);
	transformer_release_positions(&r->transformer);
}

/* One span being refined. Arrays of n_values have the order of struct rows; those of n are one for each reader token. */
struct span_state {
	struct refiner *refiner;
	struct batch batch;
	struct sequence sequence;
	size_t k, n;       /* memory rows; tokens of the span and its end */
	size_t n_values;
	int32_t *ids, *positions, *targets; /* (n) */
	float *weights, *losses;            /* (n) */
	bool *correct;                      /* (n) */
	float *rows;       /* (n_values), borrowed: the result's own */
	float *best;       /* (n_values) */
	float *gradient, *first_moment, *second_moment;
	size_t n_correct, matched, best_matched;
	double loss, best_loss;
	size_t limit;      /* tokens that count: n, or when the text grows those up to here */
	int mark_step;     /* when the loss was last found to fall, ... */
	double mark_loss;  /* ... and what it was then */
};

static void span_close(struct span_state *s)
{
	free(s->ids);
	free(s->positions);
	free(s->targets);
	free(s->weights);
	free(s->losses);
	free(s->correct);
	free(s->best);
	free(s->gradient);
	free(s->first_moment);
	free(s->second_moment);
}

static enum pith_status span_open(struct span_state *s, struct refiner *r, const struct pith_model *model,
                                  const struct pith_token *tokens, const struct rows_span *span, float *rows, size_t row_floats,
                                  struct pith_error *err)
{
	size_t n = span->n_tokens + 1, n_values = span->n_rows * row_floats;
	*s = (struct span_state){.refiner = r, .k = span->n_rows, .n = n, .n_values = n_values, .rows = rows};
	s->ids = malloc(n * sizeof *s->ids);
	s->positions = malloc(n * sizeof *s->positions);
	s->targets = malloc(n * sizeof *s->targets);
	s->weights = malloc(n * sizeof *s->weights);
	s->losses = malloc(n * sizeof *s->losses);
	s->correct = malloc(n * sizeof *s->correct);
	s->best = aligned_floats(n_values);
	s->gradient = aligned_floats(n_values);
	s->first_moment = aligned_floats(n_values);
	s->second_moment = aligned_floats(n_values);
	if (s->ids == NULL || s->positions == NULL || s->targets == NULL || s->weights == NULL || s->losses == NULL ||
	    s->correct == NULL || s->best == NULL || s->gradient == NULL || s->first_moment == NULL || s->second_moment == NULL)
		return fail_memory(err, "refining");
	for (size_t i = 0; i < n; i++) {
		s->ids[i] = i == 0 ? tokenizer_bos(model->tokenizer) : tokens[i - 1].id;
		s->positions[i] = (int32_t)i;
		s->targets[i] = i + 1 < n ? tokens[i].id : tokenizer_eos(model->tokenizer);
		s->weights[i] = 1.0f / (float)n;
	}
	memcpy(s->best, rows, n_values * sizeof *rows);
	s->best_loss = s->mark_loss = INFINITY;
	s->limit = n;
	s->sequence = (struct sequence){.first = 0, .n = n, .kv_first = 0, .n_past = s->k};
	s->batch = (struct batch){.n_tokens = n, .ids = s->ids, .positions = s->positions, .n_sequences = 1,
				  .sequences = &s->sequence, .n_kv_rows = s->k + n};
	return PITH_OK;
}

/* What the span costs the model with nothing remembered: the cross-entropy of its tokens, in nats. */
static enum pith_status measure_cost(struct span_state *s, double *nats, struct pith_error *err)
{
	struct refiner *r = s->refiner;
	struct sequence alone = s->sequence;
	struct batch batch = s->batch;
	alone.n_past = 0;
	batch.sequences = &alone;
	batch.n_kv_rows = s->n;
	enum pith_status status = trace_reserve_rows(&r->trace, &r->transformer, &batch, err);
	if (status == PITH_OK)
		status = trace_forward(&r->trace, &r->transformer, NULL, &batch, r->precision, false, err);
	if (status != PITH_OK)
		return status;
	loss_head_forward(NULL, r->precision, s->losses, s->correct, r->trace.hidden.data, &r->transformer.weights.output,
	                  s->targets, s->n, r->head.data);
	*nats = 0;
	for (size_t i = 0; i < s->n; i++)
		*nats += (double)s->losses[i];
	return PITH_OK;
}

/* Copies between rows (k, row_floats), where a row's layers follow one another, and the trace's arrays of a layer. */
static void rows_to_trace(const struct span_state *s, size_t kv_dim)
{
	const struct trace *trace = &s->refiner->trace;
	for (size_t l = 0; l < trace->n_layers; l++)
		for (size_t i = 0; i < s->k; i++) {
			const float *row = s->rows + (i * trace->n_layers + l) * 2 * kv_dim;
			memcpy(trace->layers[l].keys.data + i * kv_dim, row, kv_dim * sizeof *row);
			memcpy(trace->layers[l].values.data + i * kv_dim, row + kv_dim, kv_dim * sizeof *row);
		}
}

static void gradient_from_trace(struct span_state *s, size_t kv_dim)
{
	const struct trace *trace = &s->refiner->trace;
	for (size_t l = 0; l < trace->n_layers; l++)
		for (size_t i = 0; i < s->k; i++) {
			float *row = s->gradient + (i * trace->n_layers + l) * 2 * kv_dim;
			memcpy(row, trace->layers[l].d_keys.data + i * kv_dim, kv_dim * sizeof *row);
			memcpy(row + kv_dim, trace->layers[l].d_values.data + i * kv_dim, kv_dim * sizeof *row);
		}
}

/* Loss, correctness and gradient at the rows as they are. */
static enum pith_status evaluate_rows(struct span_state *s, struct pith_error *err)
{
	struct refiner *r = s->refiner;
	static const struct weight_gradients frozen;
	size_t kv_dim = hyperparams_kv_dim(&r->transformer.h);
	enum pith_status status = trace_reserve_rows(&r->trace, &r->transformer, &s->batch, err);
	if (status != PITH_OK)
		return status;
	rows_to_trace(s, kv_dim);
	status = trace_forward(&r->trace, &r->transformer, NULL, &s->batch, r->precision, false, err);
	if (status != PITH_OK)
		return status;
	loss_head_backward(r->precision, s->losses, s->correct, r->trace.d_x.data, NULL, r->trace.hidden.data,
	                   &r->transformer.weights.output, s->targets, s->weights, NULL, s->n, r->head.data);
	status = trace_backward(&r->trace, &r->transformer, NULL, &s->batch, r->precision, false, &frozen, err);
	if (status != PITH_OK)
		return status;
	gradient_from_trace(s, kv_dim);
	s->loss = 0;
	s->n_correct = 0;
	for (size_t i = 0; i < s->n; i++) {
		s->loss += (double)s->losses[i] / (double)s->n;
		s->n_correct += s->correct[i];
	}
	for (s->matched = 0; s->matched < s->n && s->correct[s->matched];)
		s->matched++;
	return PITH_OK;
}

/* How much of the text counts: all of it while its loss falls, then what is right so far and a little more. */
static void grow(struct span_state *s, int step)
{
	if (s->limit == s->n) {
		if (s->loss < s->mark_loss * (1 - least_gain)) {
			s->mark_loss = s->loss;
			s->mark_step = step;
		}
		if (step - s->mark_step < PATIENCE)
			return;
		s->limit = s->matched;
	}
	if (s->matched < s->limit)
		return;
	size_t n_wrong = 0;
	for (s->limit = s->matched; s->limit < s->n && n_wrong < AHEAD; s->limit++)
		n_wrong += !s->correct[s->limit];
}

/* Tokens that are already most likely with confidence pull less. */
static void weigh(struct span_state *s)
{
	for (size_t i = 0; i < s->n; i++) {
		bool settled = s->correct[i] && s->losses[i] < 0.1f;
		s->weights[i] = i >= s->limit ? 0 : (settled ? settled_weight : 1.0f) / (float)s->n;
	}
}

static void change_rows(struct span_state *s, int step, int n_steps, double learning_rate)
{
	const float beta1 = 0.9f, beta2 = 0.95f;
	double rate = step < WARM_UP ? learning_rate * (step + 1) / WARM_UP : learning_rate;
	rate *= 0.1 + 0.9 * 0.5 * (1 + cos(M_PI * step / n_steps));
	struct adamw_step adam = {
		.learning_rate = (float)rate,
		.beta1 = beta1,
		.beta2 = beta2,
		.correction1 = 1.0f / (1.0f - powf(beta1, (float)(step + 1))),
		.correction2 = 1.0f / (1.0f - powf(beta2, (float)(step + 1))),
		.epsilon = 1e-8f,
		.gradient_scale = 1,
	};
	kernels_get()->adamw(s->rows, s->first_moment, s->second_moment, s->gradient, &adam, s->n_values);
}

static void keep_best(struct span_state *s)
{
	if (s->matched < s->best_matched || (s->matched == s->best_matched && s->loss >= s->best_loss))
		return;
	s->best_matched = s->matched;
	s->best_loss = s->loss;
	memcpy(s->best, s->rows, s->n_values * sizeof *s->best);
}

static enum pith_status refine_span(struct span_state *s, const struct pith_compressed *compressed,
                                    const struct pith_refine_options *options, size_t done, struct pith_refine_result *result,
                                    const struct pith_control *control, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	s->refiner->precision = s->refiner->unpacked != NULL ? PRECISION_BF16 : PRECISION_F32;
	for (int step = 0;; step++) {
		if (control != NULL && control->cancel != NULL && atomic_load(control->cancel)) {
			status = fail(err, PITH_CANCELLED, "Stopped after %d steps.", result->n_steps);
			break;
		}
		status = evaluate_rows(s, err);
		if (status != PITH_OK)
			break;
		if (step == 0) {
			result->matched_before += s->matched;
			result->loss_before += s->loss * (double)s->n;
		}
		/* In bf16 all is right: from here on as the text will be regenerated, in fp32. */
		if (s->n_correct == s->n && s->refiner->precision == PRECISION_BF16) {
			s->refiner->precision = PRECISION_F32;
			status = evaluate_rows(s, err);
			if (status != PITH_OK)
				break;
		}
		keep_best(s);
		if (control != NULL && control->progress != NULL)
			control->progress(control->user, pith_refine_is_hopeful(result) ? "refining" : "refining more than usually fits",
			                  (double)(done + s->n_correct), (double)result->n_tokens);
		if (s->n_correct == s->n || step == options->n_steps)
			break;
		if (options->watch != NULL)
			options->watch(options->user, compressed);
		grow(s, step);
		weigh(s);
		change_rows(s, step, options->n_steps, options->learning_rate);
		result->n_steps++;
	}
	memcpy(s->rows, s->best, s->n_values * sizeof *s->rows);
	if (!isfinite(s->best_loss)) /* stopped before anything was measured */
		return status;
	result->matched += s->best_matched;
	result->loss += s->best_loss * (double)s->n;
	return status;
}

/* Before anything is changed: the span that asks most of its rows. */
static enum pith_status forecast(struct refiner *r, const struct pith_compressed *compressed, const struct pith_document *document,
                                 struct pith_refine_result *result, struct pith_error *err)
{
	const struct rows *rows = &compressed->rows[PITH_REGENERATE];
	size_t token = 0, row = 0;
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < rows->n_spans; i++) {
		struct span_state s;
		double nats = 0, room = nats_per_number * (double)(rows->spans[i].n_rows * rows->row_floats);
		status = span_open(&s, r, document->model, document->tokens + token, &rows->spans[i],
		                   rows->data + row * rows->row_floats, rows->row_floats, err);
		if (status == PITH_OK)
			status = measure_cost(&s, &nats, err);
		span_close(&s);
		if (result->room == 0 || nats / room > result->nats / result->room) {
			result->nats = nats;
			result->room = room;
		}
		token += rows->spans[i].n_tokens;
		row += rows->spans[i].n_rows;
	}
	return status;
}

bool pith_refine_is_hopeful(const struct pith_refine_result *result)
{
	return result->nats <= result->room;
}

/* Is what comes back the document? */
static enum pith_status prove(struct pith_compressed *compressed, struct pith_document *document,
                              struct pith_refine_result *result, const struct pith_control *control, struct pith_error *err)
{
	struct pith_control silent = {.cancel = control == NULL ? NULL : control->cancel};
	struct pith_generated generated;
	enum pith_status status = pith_regenerate(&generated, document->model, compressed, 0, &silent, err);
	if (status != PITH_OK)
		return status;
	result->exact = generated.length == document->length && memcmp(generated.text, document->text, document->length) == 0;
	pith_generated_free(&generated);
	return PITH_OK;
}

static enum pith_status refine_spans(struct refiner *r, struct pith_compressed *compressed, struct pith_document *document,
                                     const struct pith_refine_options *options, struct pith_refine_result *result,
                                     const struct pith_control *control, struct pith_error *err)
{
	struct rows *rows = &compressed->rows[PITH_REGENERATE];
	size_t token = 0, row = 0;
	enum pith_status status = PITH_OK;
	result->n_tokens = document->n_tokens + rows->n_spans;
	for (size_t i = 0; status == PITH_OK && i < rows->n_spans; i++) {
		struct span_state s;
		status = span_open(&s, r, document->model, document->tokens + token, &rows->spans[i],
		                   rows->data + row * rows->row_floats, rows->row_floats, err);
		if (status == PITH_OK)
			status = refine_span(&s, compressed, options, token, result, control, err);
		span_close(&s);
		token += rows->spans[i].n_tokens;
		row += rows->spans[i].n_rows;
	}
	result->loss_before /= (double)result->n_tokens;
	result->loss /= (double)result->n_tokens;
	return status;
}

enum pith_status pith_refine(struct pith_compressed *compressed, struct pith_document *document,
                             const struct pith_refine_options *options, struct pith_refine_result *result,
                             const struct pith_control *control, struct pith_error *err)
{
	*result = (struct pith_refine_result){0};
	double began = seconds_now();
	if (compressed->info.method->memory != PITH_MEMORY_ROWS)
		return fail(err, PITH_UNSUPPORTED, "Refining changes keys and values; %s hands over %s. Refine with 500xCompressor.",
		            compressed->info.method->title, pith_memory_name(compressed->info.method->memory));
	if (!compressed->info.has_purpose[PITH_REGENERATE])
		return fail(err, PITH_BAD_ARGUMENT, "There are no memory rows for regeneration to refine.");
	if (options->n_steps < 1 || !(options->learning_rate > 0))
		return fail(err, PITH_BAD_ARGUMENT, "Refining needs at least one step and a learning rate above 0.");
	char hash[33];
	document_hash(document, hash);
	if (strcmp(hash, compressed->source_hash) != 0)
		return fail(err, PITH_MISMATCH, "The compressed form was made of another document.");
	enum pith_status status = compressed_check_model(compressed, document->model, "The compressed form", err);
	struct refiner r = {0};
	if (status == PITH_OK)
		status = refiner_open(&r, document->model, &compressed->rows[PITH_REGENERATE], err);
	if (status == PITH_OK)
		status = forecast(&r, compressed, document, result, err);
	if (status == PITH_OK)
		status = refine_spans(&r, compressed, document, options, result, control, err);
	refiner_close(&r);
	compressed_forget_text(compressed);
	compressed->info.refine_steps += result->n_steps;
	compressed->info.exact = false;
	if (status == PITH_OK)
		status = prove(compressed, document, result, control, err);
	compressed->info.exact = result->exact;
	result->seconds = seconds_now() - began;
	return status;
}
