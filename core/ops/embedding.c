/* Token embeddings: rows of a table, copied out and scattered back. */
#include "ops/ops.h"

#include <string.h>

#include "kernels/kernels.h"

static void copy_row(float *out, const struct tensor *table, size_t row, size_t n)
{
	const struct kernels *kernels = kernels_get();
	switch (table->type) {
	case TENSOR_F32: memcpy(out, (const float *)table->data + row * n, n * sizeof *out); break;
	case TENSOR_F16: kernels->row_from_f16(out, (const uint16_t *)table->data + row * n, n); break;
	case TENSOR_BF16: kernels->row_from_bf16(out, (const uint16_t *)table->data + row * n, n); break;
	case TENSOR_Q8_0: kernels->row_from_q8_0(out, (const struct block_q8_0 *)table->data + row * (n / 32), n); break;
	}
}

void embedding_forward(float *x, const int32_t *ids, size_t n_tokens, size_t n_embd, const struct tensor *table)
{
	for (size_t i = 0; i < n_tokens; i++)
		if (ids[i] >= 0)
			copy_row(x + i * n_embd, table, (size_t)ids[i], n_embd);
}

void embedding_backward(float *d_table, const int32_t *ids, const float *d_x, size_t n_tokens, size_t n_embd)
{
	const struct kernels *kernels = kernels_get();
	for (size_t i = 0; i < n_tokens; i++)
		if (ids[i] >= 0)
			kernels->add(d_table + (size_t)ids[i] * n_embd, d_x + i * n_embd, n_embd);
}
