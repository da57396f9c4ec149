#include "model/trace.h"

#include <stdlib.h>
#include <string.h>

enum pith_status trace_init(struct trace *trace, const struct transformer *t, struct pith_error *err)
{
	*trace = (struct trace){.n_layers = t->h.n_layers};
	trace->layers = calloc(t->h.n_layers, sizeof *trace->layers);
	return trace->layers == NULL ? fail_memory(err, "a training pass") : PITH_OK;
}

void trace_free(struct trace *trace)
{
	for (size_t l = 0; trace->layers != NULL && l < trace->n_layers; l++) {
		struct trace_layer *layer = &trace->layers[l];
		activations_free(&layer->a);
		scratch_free(&layer->x);
		scratch_free(&layer->keys);
		scratch_free(&layer->values);
		scratch_free(&layer->d_keys);
		scratch_free(&layer->d_values);
	}
	free(trace->layers);
	scratch_free(&trace->x);
	scratch_free(&trace->hidden);
	scratch_free(&trace->rstd);
	scratch_free(&trace->d_x);
	scratch_free(&trace->work);
	*trace = (struct trace){0};
}

enum pith_status trace_reserve_rows(struct trace *trace, const struct transformer *t, const struct batch *batch,
                                    struct pith_error *err)
{
	size_t n = batch->n_kv_rows * hyperparams_kv_dim(&t->h);
	for (size_t l = 0; l < trace->n_layers; l++) {
		struct trace_layer *layer = &trace->layers[l];
		struct scratch *rows[] = {&layer->keys, &layer->values, &layer->d_keys, &layer->d_values};
		for (size_t i = 0; i < 4; i++) {
			enum pith_status status = scratch_reserve(rows[i], n, "the key and value rows", err);
			if (status != PITH_OK)
				return status;
		}
		memset(layer->d_keys.data, 0, n * sizeof(float));
		memset(layer->d_values.data, 0, n * sizeof(float));
	}
	return PITH_OK;
}

static enum pith_status reserve(struct trace *trace, const struct transformer *t, const struct adapter *adapter, size_t n_tokens,
                                struct pith_error *err)
{
	size_t n = n_tokens * t->h.n_embd, rank = adapter == NULL ? 0 : adapter->rank;
	enum pith_status status = PITH_OK;
	for (size_t l = 0; status == PITH_OK && l < trace->n_layers; l++) {
		status = activations_reserve(&trace->layers[l].a, &t->h, rank, n_tokens, err);
		if (status == PITH_OK)
			status = scratch_reserve(&trace->layers[l].x, n, "the activations", err);
	}
	struct scratch *others[] = {&trace->x, &trace->hidden, &trace->d_x};
	for (size_t i = 0; status == PITH_OK && i < 3; i++)
		status = scratch_reserve(others[i], n, "the activations", err);
	if (status == PITH_OK)
		status = scratch_reserve(&trace->rstd, n_tokens, "the activations", err);
	return status;
}

static struct layer_pass pass_of(struct trace *trace, const struct transformer *t, const struct adapter *adapter,
                                 const struct batch *batch, enum precision precision, size_t layer)
{
	return (struct layer_pass){
		.h = &t->h,
		.weights = &t->weights.layers[layer],
		.adapter = transformer_layer_adapter(adapter, layer),
		.rope = &t->rope,
		.batch = batch,
		.pool = NULL,
		.precision = precision,
		.scratch = &trace->work,
		/* Every layer its own mask; layers draw two. */
		.dropout = {trace->dropout.rate, trace->dropout.seed + 2 * layer},
	};
}

enum pith_status trace_forward(struct trace *trace, const struct transformer *t, const struct adapter *adapter,
                               const struct batch *batch, enum precision precision, bool encode, struct pith_error *err)
{
	enum pith_status status = reserve(trace, t, adapter, batch->n_tokens, err);
	if (status != PITH_OK)
		return status;
	transformer_embed_forward(t, adapter, batch, trace->layers[0].x.data);
	for (size_t l = 0; status == PITH_OK && l < trace->n_layers; l++) {
		struct trace_layer *layer = &trace->layers[l];
		bool last = l + 1 == trace->n_layers;
		float *out = !last ? trace->layers[l + 1].x.data : encode ? NULL : trace->x.data;
		struct layer_pass pass = pass_of(trace, t, adapter, batch, precision, l);
		status = layer_forward(&pass, &layer->a, layer->x.data, layer->keys.data, layer->values.data, out, err);
	}
	if (status == PITH_OK && !encode)
		rms_norm_forward(trace->hidden.data, trace->rstd.data, trace->x.data, t->weights.output_norm, batch->n_tokens,
		                 t->h.n_embd, t->h.rms_eps);
	return status;
}

enum pith_status trace_backward(struct trace *trace, const struct transformer *t, const struct adapter *adapter,
                                const struct batch *batch, enum precision precision, bool encode,
                                const struct weight_gradients *gradients, struct pith_error *err)
{
	static const struct layer_gradients frozen;
	float *d_x = trace->d_x.data;
	if (!encode)
		rms_norm_backward(d_x, gradients->output_norm, d_x, trace->x.data, t->weights.output_norm, trace->rstd.data,
		                  batch->n_tokens, t->h.n_embd, false);
	enum pith_status status = PITH_OK;
	for (size_t l = trace->n_layers; status == PITH_OK && l-- > 0;) {
		struct trace_layer *layer = &trace->layers[l];
		bool has_output = !(encode && l + 1 == trace->n_layers);
		struct layer_pass pass = pass_of(trace, t, adapter, batch, precision, l);
		status = layer_backward(&pass, &layer->a, layer->x.data, layer->keys.data, layer->values.data, has_output, d_x,
		                        layer->d_keys.data, layer->d_values.data,
		                        gradients->layers == NULL ? &frozen : &gradients->layers[l], err);
	}
	if (status == PITH_OK)
		transformer_embed_backward(t, adapter, batch, d_x, gradients->token_embd);
	return status;
}
