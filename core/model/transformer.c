#include "model/transformer.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"

enum pith_status transformer_reserve_positions(struct transformer *t, size_t n_positions, struct pith_error *err)
{
	if (n_positions <= t->rope.n_positions)
		return PITH_OK;
	/* Twice as many at least: a generated token asks for one more every time. */
	if (n_positions < 2 * t->rope.n_positions)
		n_positions = 2 * t->rope.n_positions;
	size_t half = t->h.head_dim / 2;
	float *cosines = malloc(n_positions * half * sizeof *cosines);
	float *sines = malloc(n_positions * half * sizeof *sines);
	if (cosines == NULL || sines == NULL) {
		free(cosines);
		free(sines);
		return fail_memory(err, "the position angles");
	}
	free(t->rope.cosines);
	free(t->rope.sines);
	t->rope = (struct rope_table){t->h.rope_style, t->h.head_dim, n_positions, cosines, sines};
	rope_table_fill(&t->rope, t->h.rope_theta, t->weights.rope_factors);
	return PITH_OK;
}

void transformer_release_positions(struct transformer *t)
{
	free(t->rope.cosines);
	free(t->rope.sines);
	t->rope = (struct rope_table){0};
}

void transformer_free(struct transformer *t)
{
	transformer_release_positions(t);
	weights_free(&t->weights);
}

void transformer_embed_forward(const struct transformer *t, const struct adapter *adapter, const struct batch *batch, float *x)
{
	size_t n_embd = t->h.n_embd;
	embedding_forward(x, batch->ids, batch->n_tokens, n_embd, &t->weights.token_embd);
	if (adapter == NULL && batch->given == NULL)
		return;
	const float *memory = batch->given != NULL ? batch->given : adapter->memory;
	for (size_t i = 0; i < batch->n_tokens; i++) {
		int32_t id = batch->ids[i];
		if (id < 0)
			memcpy(x + i * n_embd, memory + (size_t)(-1 - id) * n_embd, n_embd * sizeof *x);
		else if (adapter != NULL)
			kernels_get()->add(x + i * n_embd, adapter->encoder_vector, n_embd);
	}
}

void transformer_embed_backward(const struct transformer *t, const struct adapter *adapter, const struct batch *batch,
                                const float *d_x, float *d_table)
{
	size_t n_embd = t->h.n_embd;
	if (d_table != NULL)
		embedding_backward(d_table, batch->ids, d_x, batch->n_tokens, n_embd);
	bool trains = adapter != NULL && adapter->gradients != NULL;
	float *d_memory = batch->given != NULL ? batch->d_given : trains ? adapter_gradient(adapter, adapter->memory) : NULL;
	float *d_vector = trains ? adapter_gradient(adapter, adapter->encoder_vector) : NULL;
	for (size_t i = 0; i < batch->n_tokens; i++) {
		int32_t id = batch->ids[i];
		if (id < 0 && d_memory != NULL)
			kernels_get()->add(d_memory + (size_t)(-1 - id) * n_embd, d_x + i * n_embd, n_embd);
		else if (id >= 0 && d_vector != NULL)
			kernels_get()->add(d_vector, d_x + i * n_embd, n_embd);
	}
}

const struct lora *transformer_layer_adapter(const struct adapter *adapter, size_t layer)
{
	if (adapter == NULL || adapter->rank == 0)
		return NULL;
	return adapter->projections + layer * N_PROJECTIONS;
}
