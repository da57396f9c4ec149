/* Low-rank adapters, Hu et al. 2021 (arXiv 2106.09685): y += scale (x A^T) B^T. */
#include "ops/ops.h"

#include "kernels/kernels.h"
#include "ops/products.h"

void lora_forward(enum precision precision, float *y, float *low, const float *x, const struct lora *lora, size_t n_tokens)
{
	product_nt(precision, n_tokens, lora->rank, lora->n_in, x, lora->a, 0, low);
	/* low keeps the scale: the second product and d_b both want it. */
	for (size_t i = 0; i < n_tokens * lora->rank; i++)
		low[i] *= lora->scale;
	product_nt(precision, n_tokens, lora->n_out, lora->rank, low, lora->b, 1, y);
}

void lora_merge(const struct lora *lora, float *w)
{
	for (size_t row = 0; row < lora->n_out; row++)
		for (size_t r = 0; r < lora->rank; r++)
			kernels_get()->axpy(w + row * lora->n_in, lora->scale * lora->b[row * lora->rank + r],
			                    lora->a + r * lora->n_in, lora->n_in);
}

/* low holds scale x A^T, as forward left it. */
void lora_backward(enum precision precision, float *d_x, float *d_low, const float *d_y, const float *x, const float *low,
                   const struct lora *lora, size_t n_tokens)
{
	if (lora->d_b != NULL)
		product_tn(precision, lora->n_out, lora->rank, n_tokens, d_y, low, 1, lora->d_b);
	product_nn(precision, n_tokens, lora->rank, lora->n_out, d_y, lora->b, 0, d_low);
	for (size_t i = 0; i < n_tokens * lora->rank; i++)
		d_low[i] *= lora->scale;
	if (lora->d_a != NULL)
		product_tn(precision, lora->rank, lora->n_in, n_tokens, d_low, x, 1, lora->d_a);
	if (d_x != NULL)
		product_nn(precision, n_tokens, lora->n_in, lora->rank, d_low, lora->a, 1, d_x);
}
