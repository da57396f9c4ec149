/* Token embeddings: rows of a table, copied out and scattered back. */
#include "ops/ops.h"

#include "kernels/kernels.h"

void embedding_forward(float *x, const int32_t *ids, size_t n_tokens, size_t n_embd, const struct tensor *table)
{
	for (size_t i = 0; i < n_tokens; i++)
		if (ids[i] >= 0)
			kernels_unpack(x + i * n_embd, table->type, table->data, (size_t)ids[i] * n_embd, n_embd);
}

void embedding_backward(float *d_table, const int32_t *ids, const float *d_x, size_t n_tokens, size_t n_embd)
{
	const struct kernels *kernels = kernels_get();
	for (size_t i = 0; i < n_tokens; i++)
		if (ids[i] >= 0)
			kernels->add(d_table + (size_t)ids[i] * n_embd, d_x + i * n_embd, n_embd);
}
