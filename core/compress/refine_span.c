#define _GNU_SOURCE
#include "compress/refine_span.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"
#include "kernels/kernels.h"

enum {
	WARM_UP = 10,
	PATIENCE = 60, /* steps in which the loss has to fall by least_gain, or the text is learned from its beginning on */
	AHEAD = 6,     /* wrong tokens that are learned at once then */
	HORIZON = 2000, /* steps over which the rate falls, whatever the limit: half way through a short one must not be its end */
};

/* Weights keep this much of a step that is already right: what is wrong is what has to change. */
static const float settled_weight = 0.1f;
static const double least_gain = 0.1;

enum pith_status refine_desk_init(struct refine_desk *desk, const struct transformer *transformer, const struct adapter *reader,
                                  enum precision first_precision, struct pith_error *err)
{
	const struct hyperparams *h = &transformer->h;
	*desk = (struct refine_desk){.transformer = transformer, .reader = reader, .first_precision = first_precision};
	enum pith_status status = trace_init(&desk->trace, transformer, err);
	if (status == PITH_OK)
		status = scratch_reserve(&desk->head, loss_head_scratch_size(h->n_vocab, h->n_embd), "the logits", err);
	return status;
}

void refine_desk_free(struct refine_desk *desk)
{
	trace_free(&desk->trace);
	scratch_free(&desk->head);
}

void refine_span_close(struct refine_span *s)
{
	free(s->ids);
	free(s->positions);
	free(s->targets);
	free(s->weights);
	free(s->losses);
	free(s->correct);
	free(s->rows);
	free(s->best);
	free(s->gradient);
	free(s->first_moment);
	free(s->second_moment);
}

enum pith_status refine_span_open(struct refine_span *s, struct refine_desk *desk, const struct tokenizer *tokenizer,
                                  const struct pith_token *tokens, const struct rows_span *span, const float *rows,
                                  size_t row_floats, struct pith_error *err)
{
	size_t n = span->n_tokens + 1, n_values = span->n_rows * row_floats;
	*s = (struct refine_span){
		.desk = desk, .precision = desk->first_precision, .k = span->n_rows, .n = n, .n_values = n_values};
	s->ids = malloc(n * sizeof *s->ids);
	s->positions = malloc(n * sizeof *s->positions);
	s->targets = malloc(n * sizeof *s->targets);
	s->weights = malloc(n * sizeof *s->weights);
	s->losses = malloc(n * sizeof *s->losses);
	s->correct = malloc(n * sizeof *s->correct);
	s->rows = aligned_floats(n_values);
	s->best = aligned_floats(n_values);
	s->gradient = aligned_floats(n_values);
	s->first_moment = aligned_floats(n_values);
	s->second_moment = aligned_floats(n_values);
	if (s->ids == NULL || s->positions == NULL || s->targets == NULL || s->weights == NULL || s->losses == NULL ||
	    s->correct == NULL || s->rows == NULL || s->best == NULL || s->gradient == NULL || s->first_moment == NULL ||
	    s->second_moment == NULL)
		return fail_memory(err, "refining");
	for (size_t i = 0; i < n; i++) {
		s->ids[i] = i == 0 ? tokenizer_bos(tokenizer) : tokens[i - 1].id;
		s->positions[i] = (int32_t)i;
		s->targets[i] = i + 1 < n ? tokens[i].id : tokenizer_eos(tokenizer);
		s->weights[i] = 1.0f / (float)n;
	}
	memcpy(s->rows, rows, n_values * sizeof *rows);
	memcpy(s->best, rows, n_values * sizeof *rows);
	s->best_loss = s->mark_loss = INFINITY;
	s->limit = n;
	s->sequence = (struct sequence){.first = 0, .n = n, .kv_first = 0, .n_past = s->k};
	s->batch = (struct batch){.n_tokens = n, .ids = s->ids, .positions = s->positions, .n_sequences = 1,
				  .sequences = &s->sequence, .n_kv_rows = s->k + n};
	return PITH_OK;
}

enum pith_status refine_span_cost(struct refine_span *s, double *nats, struct pith_error *err)
{
	struct refine_desk *desk = s->desk;
	struct sequence alone = s->sequence;
	struct batch batch = s->batch;
	alone.n_past = 0;
	batch.sequences = &alone;
	batch.n_kv_rows = s->n;
	enum pith_status status = trace_reserve_rows(&desk->trace, desk->transformer, &batch, err);
	if (status == PITH_OK)
		status = trace_forward(&desk->trace, desk->transformer, NULL, &batch, s->precision, false, err);
	if (status != PITH_OK)
		return status;
	loss_head_forward(NULL, s->precision, s->losses, s->correct, desk->trace.hidden.data, &desk->transformer->weights.output,
	                  s->targets, s->n, desk->head.data);
	*nats = 0;
	for (size_t i = 0; i < s->n; i++)
		*nats += (double)s->losses[i];
	return PITH_OK;
}

/* Copies between rows (k, row_floats), where a row's layers follow one another, and the trace's arrays of a layer. */
static void rows_to_trace(const struct refine_span *s, size_t kv_dim)
{
	const struct trace *trace = &s->desk->trace;
	for (size_t l = 0; l < trace->n_layers; l++)
		for (size_t i = 0; i < s->k; i++) {
			const float *row = s->rows + (i * trace->n_layers + l) * 2 * kv_dim;
			memcpy(trace->layers[l].keys.data + i * kv_dim, row, kv_dim * sizeof *row);
			memcpy(trace->layers[l].values.data + i * kv_dim, row + kv_dim, kv_dim * sizeof *row);
		}
}

static void gradient_from_trace(struct refine_span *s, size_t kv_dim)
{
	const struct trace *trace = &s->desk->trace;
	for (size_t l = 0; l < trace->n_layers; l++)
		for (size_t i = 0; i < s->k; i++) {
			float *row = s->gradient + (i * trace->n_layers + l) * 2 * kv_dim;
			memcpy(row, trace->layers[l].d_keys.data + i * kv_dim, kv_dim * sizeof *row);
			memcpy(row + kv_dim, trace->layers[l].d_values.data + i * kv_dim, kv_dim * sizeof *row);
		}
}

static enum pith_status evaluate_rows(struct refine_span *s, struct pith_error *err)
{
	struct refine_desk *desk = s->desk;
	static const struct weight_gradients frozen;
	size_t kv_dim = hyperparams_kv_dim(&desk->transformer->h);
	enum pith_status status = trace_reserve_rows(&desk->trace, desk->transformer, &s->batch, err);
	if (status != PITH_OK)
		return status;
	rows_to_trace(s, kv_dim);
	status = trace_forward(&desk->trace, desk->transformer, desk->reader, &s->batch, s->precision, false, err);
	if (status != PITH_OK)
		return status;
	loss_head_backward(s->precision, s->losses, s->correct, desk->trace.d_x.data, NULL, desk->trace.hidden.data,
	                   &desk->transformer->weights.output, s->targets, s->weights, NULL, s->n, desk->head.data);
	status = trace_backward(&desk->trace, desk->transformer, desk->reader, &s->batch, s->precision, false, &frozen, err);
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

static void keep_best(struct refine_span *s)
{
	if (s->matched < s->best_matched || (s->matched == s->best_matched && s->loss >= s->best_loss))
		return;
	s->best_matched = s->matched;
	s->best_loss = s->loss;
	memcpy(s->best, s->rows, s->n_values * sizeof *s->best);
}

bool refine_span_is_right(const struct refine_span *s)
{
	return s->n_correct == s->n;
}

enum pith_status refine_span_measure(struct refine_span *s, struct pith_error *err)
{
	enum pith_status status = evaluate_rows(s, err);
	/* In bf16 all is right: from here on as the text will be regenerated, in fp32. */
	if (status == PITH_OK && refine_span_is_right(s) && s->precision == PRECISION_BF16) {
		s->precision = PRECISION_F32;
		status = evaluate_rows(s, err);
	}
	if (status == PITH_OK)
		keep_best(s);
	return status;
}

/* How much of the text counts: all of it while its loss falls, then what is right so far and a little more. */
static void grow(struct refine_span *s, int step)
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
static void weigh(struct refine_span *s)
{
	for (size_t i = 0; i < s->n; i++) {
		bool settled = s->correct[i] && s->losses[i] < 0.1f;
		s->weights[i] = i >= s->limit ? 0 : (settled ? settled_weight : 1.0f) / (float)s->n;
	}
}

static void change_rows(struct refine_span *s, int step, double learning_rate)
{
	const float beta1 = 0.9f, beta2 = 0.95f;
	double rate = step < WARM_UP ? learning_rate * (step + 1) / WARM_UP : learning_rate;
	rate *= 0.1 + 0.9 * 0.5 * (1 + cos(M_PI * (step < HORIZON ? step : HORIZON) / HORIZON));
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

void refine_span_change(struct refine_span *s, int step, const struct pith_refine_options *options)
{
	grow(s, step);
	weigh(s);
	change_rows(s, step, options->learning_rate);
}
