/* Root-mean-square normalisation, Zhang and Sennrich 2019 (arXiv 1910.07467), equation 4. */
#include "ops/ops.h"

#include <math.h>

#include "kernels/kernels.h"

void rms_norm_forward(float *y, float *rstd, const float *x, const float *w, size_t n_rows, size_t n, float eps)
{
	const struct kernels *kernels = kernels_get();
	for (size_t i = 0; i < n_rows; i++) {
		const float *row = x + i * n;
		float *out = y + i * n;
		float r = 1.0f / sqrtf(kernels->sum_squares(row, n) / (float)n + eps);
		for (size_t j = 0; j < n; j++)
			out[j] = row[j] * r * w[j];
		if (rstd != NULL)
			rstd[i] = r;
	}
}

/* With z = x r: d_x = r (g - z mean(g z)), g = d_y w; d_w = d_y z. */
void rms_norm_backward(float *d_x, float *d_w, const float *d_y, const float *x, const float *w, const float *rstd,
                       size_t n_rows, size_t n, bool accumulate)
{
	for (size_t i = 0; i < n_rows; i++) {
		const float *row = x + i * n;
		const float *d_out = d_y + i * n;
		float *d_row = d_x + i * n;
		float r = rstd[i];
		/* Eight partial sums: the compiler may not reorder one float sum, eight lanes it can. */
		float lanes[8] = {0};
		size_t j = 0;
		for (; j + 8 <= n; j += 8)
			for (size_t l = 0; l < 8; l++)
				lanes[l] += d_out[j + l] * w[j + l] * row[j + l];
		for (; j < n; j++)
			lanes[0] += d_out[j] * w[j] * row[j];
		float dot = 0;
		for (size_t l = 0; l < 8; l++)
			dot += lanes[l];
		float shrink = dot * r * r * r / (float)n;
		if (d_w != NULL)
			for (j = 0; j < n; j++)
				d_w[j] += d_out[j] * row[j] * r;
		if (accumulate)
			for (j = 0; j < n; j++)
				d_row[j] += d_out[j] * w[j] * r - row[j] * shrink;
		else
			for (j = 0; j < n; j++)
				d_row[j] = d_out[j] * w[j] * r - row[j] * shrink;
	}
}
