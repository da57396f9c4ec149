#define _POSIX_C_SOURCE 200809L
#include "model/activations.h"

#include <stdlib.h>

enum pith_status scratch_reserve(struct scratch *scratch, size_t n_floats, const char *what, struct pith_error *err)
{
	if (n_floats <= scratch->capacity)
		return PITH_OK;
	void *data = NULL;
	/* A quarter more than asked: batches vary a little from step to step. */
	size_t capacity = n_floats + n_floats / 4;
	if (posix_memalign(&data, 64, capacity * sizeof(float)) != 0)
		return fail_memory(err, what);
	free(scratch->data);
	scratch->data = data;
	scratch->capacity = capacity;
	return PITH_OK;
}

void scratch_free(struct scratch *scratch)
{
	free(scratch->data);
	*scratch = (struct scratch){0};
}

/* Takes n floats from *next, a cache line apart. */
static float *take(float **next, size_t n)
{
	float *taken = *next;
	if (*next != NULL)
		*next += (n + 15) / 16 * 16;
	return taken;
}

/* Hands out all arrays from block; with block NULL it only measures. Returns the floats needed. */
static size_t lay_out(struct activations *a, const struct hyperparams *h, size_t rank, size_t n, float *block)
{
	size_t q_dim = hyperparams_q_dim(h), kv_dim = hyperparams_kv_dim(h);
	struct {
		float **array;
		size_t width;
	} table[] = {
		{&a->norm1, h->n_embd}, {&a->rstd1, 1},       {&a->q, q_dim},          {&a->k, kv_dim},
		{&a->v, kv_dim},        {&a->attn, q_dim},    {&a->lse, h->n_heads},   {&a->x_mid, h->n_embd},
		{&a->norm2, h->n_embd}, {&a->rstd2, 1},       {&a->gate, h->n_ff},     {&a->up, h->n_ff},
		{&a->act, h->n_ff},     {&a->rstd_q, h->n_heads}, {&a->rstd_k, h->n_kv_heads},
		{&a->q_raw, h->qk_norm ? q_dim : 0},          {&a->k_raw, h->qk_norm ? kv_dim : 0},
	};
	size_t total = 0;
	float *next = block;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		*table[i].array = take(&next, table[i].width * n);
		total += (table[i].width * n + 15) / 16 * 16;
	}
	for (int p = 0; p < N_PROJECTIONS; p++) {
		a->low[p] = take(&next, rank * n);
		total += (rank * n + 15) / 16 * 16;
	}
	if (!h->qk_norm) {
		a->q_raw = a->q;
		a->k_raw = a->k;
	}
	return total;
}

enum pith_status activations_reserve(struct activations *a, const struct hyperparams *h, size_t rank, size_t n_tokens,
                                     struct pith_error *err)
{
	size_t needed = lay_out(a, h, rank, n_tokens, NULL);
	struct scratch block = {a->block, a->block_floats};
	enum pith_status status = scratch_reserve(&block, needed, "the activations of a layer", err);
	a->block = block.data;
	a->block_floats = block.capacity;
	if (status == PITH_OK)
		lay_out(a, h, rank, n_tokens, a->block);
	return status;
}

void activations_free(struct activations *a)
{
	free(a->block);
	*a = (struct activations){0};
}
