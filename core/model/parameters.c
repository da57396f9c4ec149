#include "model/parameters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/aligned.h"

/* Walks slots of a model whose weights are not to be changed. */
static bool next_slot(struct weight_slot *slot, const struct parameters *p, size_t index)
{
	return weights_slot(slot, (struct weights *)&p->weights, &p->h, p->tied, index);
}

static void point_slot(const struct weight_slot *slot, float *values)
{
	if (slot->vector != NULL) {
		*slot->vector = values;
		return;
	}
	size_t n = slot->ne[0] * slot->ne[1];
	*slot->tensor = (struct tensor){.type = TENSOR_F32,
	                                .n_dims = 2,
	                                .ne = {slot->ne[0], slot->ne[1], 1, 1},
	                                .data = values,
	                                .size = n * sizeof(float)};
}

enum pith_status parameters_create(struct parameters **out, const struct hyperparams *h, bool tied, struct pith_error *err)
{
	*out = NULL;
	struct parameters *p = calloc(1, sizeof *p);
	if (p == NULL)
		return fail_memory(err, "the parameters");
	p->h = *h;
	p->tied = tied;
	p->weights.tied = tied;
	p->weights.layers = calloc(h->n_layers, sizeof *p->weights.layers);
	struct weight_slot slot;
	for (size_t i = 0; p->weights.layers != NULL && next_slot(&slot, p, i); i++)
		p->n_values += slot.ne[0] * slot.ne[1];
	p->values = aligned_floats(p->n_values);
	if (p->weights.layers == NULL || p->values == NULL) {
		parameters_destroy(p);
		return fail_memory(err, "the parameters");
	}
	float *next = p->values;
	for (size_t i = 0; next_slot(&slot, p, i); i++) {
		point_slot(&slot, next);
		next += slot.ne[0] * slot.ne[1];
	}
	if (tied)
		p->weights.output = p->weights.token_embd;
	*out = p;
	return PITH_OK;
}

void parameters_destroy(struct parameters *p)
{
	if (p == NULL)
		return;
	weights_free(&p->weights);
	free(p->values);
	free(p);
}

static const float *slot_values(const struct weight_slot *slot)
{
	return slot->vector != NULL ? *slot->vector : slot->tensor->data;
}

void parameters_randomise(struct parameters *p, struct random_state *random)
{
	struct weight_slot slot;
	for (size_t i = 0; next_slot(&slot, p, i); i++) {
		float *values = (float *)slot_values(&slot);
		size_t n = slot.ne[0] * slot.ne[1];
		bool residual = strstr(slot.name, "attn_output") != NULL || strstr(slot.name, "ffn_down") != NULL;
		double deviation = residual ? 0.02 / sqrt(2.0 * (double)p->h.n_layers) : 0.02;
		float start = strstr(slot.name, ".bias") != NULL ? 0.0f : 1.0f; /* of a vector: a bias or a norm */
		for (size_t j = 0; j < n; j++)
			values[j] = slot.vector != NULL ? start : (float)(deviation * random_normal(random));
	}
}

void parameters_copy(struct parameters *p, const struct weights *from)
{
	struct weight_slot to, source;
	for (size_t i = 0; next_slot(&to, p, i); i++) {
		weights_slot(&source, (struct weights *)from, &p->h, p->tied, i);
		float *values = (float *)slot_values(&to);
		if (to.vector != NULL)
			memcpy(values, *source.vector, to.ne[0] * sizeof *values);
		else
			for (size_t row = 0; row < to.ne[1]; row++)
				embedding_forward(values + row * to.ne[0], &(int32_t){(int32_t)row}, 1, to.ne[0], source.tensor);
	}
	p->weights.rope_factors = from->rope_factors;
}

enum pith_status parameters_gradients(const struct parameters *p, float *gradients, struct weight_gradients *g,
                                      struct pith_error *err)
{
	const struct weights *w = &p->weights;
	*g = (struct weight_gradients){.layers = calloc(p->h.n_layers, sizeof *g->layers)};
	if (g->layers == NULL)
		return fail_memory(err, "the gradients");
	g->token_embd = gradients + ((const float *)w->token_embd.data - p->values);
	g->output = gradients + ((const float *)w->output.data - p->values);
	g->output_norm = gradients + (w->output_norm - p->values);
	for (size_t l = 0; l < p->h.n_layers; l++) {
		const struct layer_weights *from = &w->layers[l];
		struct layer_gradients *to = &g->layers[l];
		for (int i = 0; i < N_PROJECTIONS; i++)
			to->projections[i] = gradients + ((const float *)from->projections[i].data - p->values);
		to->attn_norm = gradients + (from->attn_norm - p->values);
		to->ffn_norm = gradients + (from->ffn_norm - p->values);
		if (p->h.qk_norm) {
			to->q_norm = gradients + (from->q_norm - p->values);
			to->k_norm = gradients + (from->k_norm - p->values);
		}
		for (int i = 0; i <= PROJECTION_V && p->h.qkv_bias; i++)
			to->biases[i] = gradients + (from->biases[i] - p->values);
	}
	return PITH_OK;
}

bool parameters_range(const struct parameters *p, size_t index, size_t *begin, size_t *end, bool *decays)
{
	struct weight_slot slot;
	if (!next_slot(&slot, p, index))
		return false;
	*begin = (size_t)(slot_values(&slot) - p->values);
	*end = *begin + slot.ne[0] * slot.ne[1];
	*decays = slot.vector == NULL;
	return true;
}

/* --- files -------------------------------------------------------------------------------------------- */

static uint32_t file_type_number(enum tensor_type type)
{
	/* llama.cpp's general.file_type: mostly F32, F16, Q8_0, BF16. */
	return type == TENSOR_F32 ? 0 : type == TENSOR_F16 ? 1 : type == TENSOR_Q8_0 ? 7 : 32;
}

static enum pith_status write_metadata(const struct parameters *p, enum tensor_type type, const char *name,
                                       const struct gguf *tokenizer, struct gguf_writer *writer, struct pith_error *err)
{
	enum pith_status status = gguf_write_string(writer, "general.architecture", p->h.architecture, err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "general.type", "model", err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "general.name", name, err);
	if (status == PITH_OK)
		status = gguf_write_u32(writer, "general.file_type", file_type_number(type), err);
	if (status == PITH_OK)
		status = gguf_write_u32(writer, "general.quantization_version", 2, err);
	if (status == PITH_OK)
		status = hyperparams_write(&p->h, writer, err);
	if (status == PITH_OK)
		status = gguf_write_copied(writer, tokenizer, "tokenizer.", err);
	if (status == PITH_OK)
		status = gguf_write_copied(writer, tokenizer, "pith.", err);
	return status;
}

enum pith_status parameters_save(const struct parameters *p, const char *path, enum tensor_type type, const char *name,
                                 const struct gguf *tokenizer, struct pith_error *err)
{
	struct gguf_writer *writer;
	enum pith_status status = gguf_writer_create(&writer, err);
	if (status != PITH_OK)
		return status;
	status = write_metadata(p, type, name, tokenizer, writer, err);
	struct weight_slot slot;
	for (size_t i = 0; status == PITH_OK && next_slot(&slot, p, i); i++)
		status = slot.vector != NULL
		                 ? gguf_write_tensor(writer, slot.name, TENSOR_F32, slot.n_dims, slot.ne, slot_values(&slot), err)
		                 : gguf_write_matrix(writer, slot.name, type, slot.ne[0], slot.ne[1], slot_values(&slot), err);
	if (status == PITH_OK && p->weights.rope_factors != NULL)
		status = gguf_write_tensor(writer, rope_factors_name, TENSOR_F32, 1, (size_t[]){p->h.head_dim / 2},
		                           p->weights.rope_factors, err);
	if (status == PITH_OK)
		status = gguf_writer_finish(writer, path, err);
	gguf_writer_destroy(writer);
	return status;
}

void weights_fingerprint(const struct weights *weights, const struct hyperparams *h, char fingerprint[33])
{
	XXH3_state_t *state = XXH3_createState();
	fingerprint[0] = '\0';
	if (state == NULL)
		return;
	XXH3_128bits_reset(state);
	uint64_t numbers[] = {h->n_layers, h->n_embd, h->n_heads, h->n_kv_heads, h->head_dim, h->n_ff, h->n_vocab};
	XXH3_128bits_update(state, h->architecture, strlen(h->architecture));
	XXH3_128bits_update(state, numbers, sizeof numbers);
	XXH3_128bits_update(state, &h->rope_theta, sizeof h->rope_theta);
	struct weight_slot slot;
	for (size_t i = 0; weights_slot(&slot, (struct weights *)weights, h, weights->tied, i); i++) {
		if (slot.vector != NULL)
			XXH3_128bits_update(state, *slot.vector, slot.ne[0] * sizeof(float));
		else
			XXH3_128bits_update(state, slot.tensor->data, slot.tensor->size);
	}
	if (weights->rope_factors != NULL)
		XXH3_128bits_update(state, weights->rope_factors, h->head_dim / 2 * sizeof(float));
	XXH128_hash_t hash = XXH3_128bits_digest(state);
	XXH3_freeState(state);
	snprintf(fingerprint, 33, "%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}
