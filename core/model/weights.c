#include "model/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void projection_shape(const struct hyperparams *h, enum projection projection, size_t *n_in, size_t *n_out)
{
	size_t q_dim = hyperparams_q_dim(h), kv_dim = hyperparams_kv_dim(h);
	*n_in = projection == PROJECTION_O ? q_dim : projection == PROJECTION_DOWN ? h->n_ff : h->n_embd;
	switch (projection) {
	case PROJECTION_Q: *n_out = q_dim; break;
	case PROJECTION_K:
	case PROJECTION_V: *n_out = kv_dim; break;
	case PROJECTION_GATE:
	case PROJECTION_UP: *n_out = h->n_ff; break;
	default: *n_out = h->n_embd; break;
	}
}

const char *projection_name(enum projection projection)
{
	static const char *const names[N_PROJECTIONS] = {
		"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down",
	};
	return names[projection];
}

static void set_vector(struct weight_slot *slot, const float **vector, size_t n)
{
	slot->n_dims = 1;
	slot->ne[0] = n;
	slot->ne[1] = 1;
	slot->vector = vector;
	slot->tensor = NULL;
}

static void set_matrix(struct weight_slot *slot, struct tensor *tensor, size_t n_in, size_t n_out)
{
	slot->n_dims = 2;
	slot->ne[0] = n_in;
	slot->ne[1] = n_out;
	slot->tensor = tensor;
	slot->vector = NULL;
}

static size_t n_layer_slots(const struct hyperparams *h)
{
	return N_PROJECTIONS + 2 + (h->qk_norm ? 2 : 0) + (h->qkv_bias ? 3 : 0);
}

/* Slots of one layer: projections, then those vectors that the architecture has. */
static void layer_slot(struct weight_slot *slot, struct layer_weights *layer, const struct hyperparams *h, size_t number,
                       size_t index)
{
	if (index < N_PROJECTIONS) {
		size_t n_in, n_out;
		projection_shape(h, (enum projection)index, &n_in, &n_out);
		set_matrix(slot, &layer->projections[index], n_in, n_out);
		snprintf(slot->name, sizeof slot->name, "blk.%zu.%s.weight", number, projection_name((enum projection)index));
		return;
	}
	const struct {
		const char *name;
		const float **vector;
		size_t n;
		bool present;
	} vectors[] = {
		{"attn_norm.weight", &layer->attn_norm, h->n_embd, true},
		{"ffn_norm.weight", &layer->ffn_norm, h->n_embd, true},
		{"attn_q_norm.weight", &layer->q_norm, h->head_dim, h->qk_norm},
		{"attn_k_norm.weight", &layer->k_norm, h->head_dim, h->qk_norm},
		{"attn_q.bias", &layer->biases[PROJECTION_Q], hyperparams_q_dim(h), h->qkv_bias},
		{"attn_k.bias", &layer->biases[PROJECTION_K], hyperparams_kv_dim(h), h->qkv_bias},
		{"attn_v.bias", &layer->biases[PROJECTION_V], hyperparams_kv_dim(h), h->qkv_bias},
	};
	size_t i = 0;
	for (size_t left = index - N_PROJECTIONS; left > 0 || !vectors[i].present; i++)
		left -= vectors[i].present;
	set_vector(slot, vectors[i].vector, vectors[i].n);
	snprintf(slot->name, sizeof slot->name, "blk.%zu.%s", number, vectors[i].name);
}

bool weights_slot(struct weight_slot *slot, struct weights *weights, const struct hyperparams *h, bool tied, size_t index)
{
	size_t per_layer = n_layer_slots(h);
	if (index == 0) {
		set_matrix(slot, &weights->token_embd, h->n_embd, h->n_vocab);
		snprintf(slot->name, sizeof slot->name, "token_embd.weight");
		return true;
	}
	index--;
	if (index < per_layer * h->n_layers) {
		size_t number = index / per_layer;
		layer_slot(slot, &weights->layers[number], h, number, index % per_layer);
		return true;
	}
	index -= per_layer * h->n_layers;
	if (index == 0) {
		set_vector(slot, &weights->output_norm, h->n_embd);
		snprintf(slot->name, sizeof slot->name, "output_norm.weight");
		return true;
	}
	if (index == 1 && !tied) {
		set_matrix(slot, &weights->output, h->n_embd, h->n_vocab);
		snprintf(slot->name, sizeof slot->name, "output.weight");
		return true;
	}
	return false;
}

static enum pith_status load_slot(const struct weight_slot *slot, const struct gguf *gguf, struct pith_error *err)
{
	const struct tensor *tensor = gguf_find_tensor(gguf, slot->name);
	if (tensor == NULL)
		return fail(err, PITH_BAD_FILE, "%s: the tensor %s is missing.", gguf_path(gguf), slot->name);
	if (tensor->ne[0] != slot->ne[0] || tensor->ne[1] != slot->ne[1] || tensor->n_dims > 2)
		return fail(err, PITH_BAD_FILE, "%s: tensor %s is [%zu, %zu], expected [%zu, %zu].", gguf_path(gguf), slot->name,
		            tensor->ne[0], tensor->ne[1], slot->ne[0], slot->ne[1]);
	if (tensor->data == NULL) {
		char known[128];
		tensor_type_names(known, sizeof known);
		return fail(err, PITH_UNSUPPORTED, "%s: tensor %s has GGUF type %d; this version reads %s.", gguf_path(gguf),
		            slot->name, (int)tensor->type, known);
	}
	if (slot->vector != NULL && tensor->type != TENSOR_F32)
		return fail(err, PITH_UNSUPPORTED, "%s: tensor %s is %s, expected F32.", gguf_path(gguf), slot->name,
		            tensor_type_name(tensor->type));
	if (slot->vector != NULL)
		*slot->vector = tensor->data;
	else
		*slot->tensor = *tensor;
	return PITH_OK;
}

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), end_length = strlen(end);
	return length > end_length && strcmp(name + length - end_length, end) == 0;
}

/* A tensor that the computation would leave out must not be ignored: the model would speak, but nonsense. */
static enum pith_status refuse_biases(const struct hyperparams *h, const struct gguf *gguf, struct pith_error *err)
{
	for (size_t i = 0; i < gguf_n_tensors(gguf); i++) {
		const char *name = gguf_tensor(gguf, i)->name;
		bool known = h->qkv_bias && (ends_with(name, ".attn_q.bias") || ends_with(name, ".attn_k.bias") ||
					     ends_with(name, ".attn_v.bias"));
		if (ends_with(name, ".bias") && !known)
			return fail(err, PITH_UNSUPPORTED, "%s: biases (tensor %s) are not supported.", gguf_path(gguf), name);
	}
	return PITH_OK;
}

const char rope_factors_name[] = "rope_freqs.weight";

static enum pith_status load_rope_factors(struct weights *weights, const struct hyperparams *h, const struct gguf *gguf,
                                          struct pith_error *err)
{
	const struct tensor *factors = gguf_find_tensor(gguf, rope_factors_name);
	if (factors == NULL)
		return PITH_OK;
	if (factors->type != TENSOR_F32 || factors->data == NULL || tensor_n_elements(factors) != h->head_dim / 2)
		return fail(err, PITH_UNSUPPORTED, "%s: tensor %s is not F32 of %zu numbers.", gguf_path(gguf), rope_factors_name,
		            h->head_dim / 2);
	weights->rope_factors = factors->data;
	return PITH_OK;
}

enum pith_status weights_load(struct weights *weights, const struct hyperparams *h, const struct gguf *gguf,
                              struct pith_error *err)
{
	*weights = (struct weights){.tied = gguf_find_tensor(gguf, "output.weight") == NULL};
	enum pith_status status = refuse_biases(h, gguf, err);
	if (status != PITH_OK)
		return status;
	weights->layers = calloc(h->n_layers, sizeof *weights->layers);
	if (weights->layers == NULL)
		return fail_memory(err, "the table of layers");
	struct weight_slot slot;
	for (size_t i = 0; weights_slot(&slot, weights, h, weights->tied, i); i++) {
		status = load_slot(&slot, gguf, err);
		if (status != PITH_OK) {
			weights_free(weights);
			return status;
		}
	}
	if (weights->tied)
		weights->output = weights->token_embd;
	status = load_rope_factors(weights, h, gguf, err);
	if (status != PITH_OK)
		weights_free(weights);
	return status;
}

void weights_free(struct weights *weights)
{
	free(weights->layers);
	weights->layers = NULL;
}
