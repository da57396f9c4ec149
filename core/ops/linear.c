/* A linear layer without bias. Weights may be packed (kernels/weights_ref.c); products are fp32 unless bf16 is asked for. */
#include "ops/ops.h"

#include "kernels/kernels.h"
#include "kernels/matmul.h"
#include "ops/products.h"

void linear_forward(struct thread_pool *pool, enum precision precision, float *y, const float *x, const struct tensor *w,
                    size_t n_tokens, bool accumulate)
{
	size_t n_in = w->ne[0], n_out = w->ne[1];
	float beta = accumulate ? 1.0f : 0.0f;
	if (w->type != TENSOR_F32)
		matmul_weights(pool, n_tokens, n_out, n_in, x, w->type, w->data, y);
	else if (pool == NULL)
		product_nt(precision, n_tokens, n_out, n_in, x, w->data, beta, y);
	else if (accumulate)
		matmul_nt(pool, n_tokens, n_out, n_in, x, n_in, w->data, n_in, beta, y, n_out);
	else
		matmul_weights(pool, n_tokens, n_out, n_in, x, w->type, w->data, y);
}

enum { PANEL_ROWS = 32 }; /* rows of a packed weight alive as floats in backward */

/* d_x from a packed W, a panel of its rows at a time: frozen weights stay as they are in the file. */
static void packed_backward(float *d_x, const float *d_y, const struct tensor *w, size_t n_tokens, bool accumulate)
{
	size_t n_in = w->ne[0], n_out = w->ne[1];
	float panel[PANEL_ROWS * 512];
	for (size_t column = 0; column < n_in; column += 512) {
		size_t n_columns = n_in - column < 512 ? n_in - column : 512;
		for (size_t row = 0; row < n_out; row += PANEL_ROWS) {
			size_t n_rows = n_out - row < PANEL_ROWS ? n_out - row : PANEL_ROWS;
			for (size_t r = 0; r < n_rows; r++)
				kernels_unpack(panel + r * n_columns, w->type, w->data, (row + r) * n_in + column, n_columns);
			float beta = accumulate || row > 0 ? 1.0f : 0.0f;
			matmul_nn(NULL, n_tokens, n_columns, n_rows, d_y + row, n_out, panel, n_columns, beta, d_x + column,
			          n_in);
		}
	}
}

void linear_backward(enum precision precision, float *d_x, float *d_w, const float *d_y, const float *x, const struct tensor *w,
                     size_t n_tokens, bool accumulate)
{
	size_t n_in = w->ne[0], n_out = w->ne[1];
	if (d_x != NULL && w->type == TENSOR_F32)
		product_nn(precision, n_tokens, n_in, n_out, d_y, w->data, accumulate ? 1.0f : 0.0f, d_x);
	else if (d_x != NULL)
		packed_backward(d_x, d_y, w, n_tokens, accumulate);
	if (d_w != NULL)
		product_tn(precision, n_out, n_in, n_tokens, d_y, x, 1.0f, d_w);
}
