/* Rotary position embedding, Su et al. 2021 (arXiv 2104.09864), equation 15. */
#include "ops/ops.h"

#include <math.h>

void rope_table_fill(struct rope_table *table, double theta, const float *factors)
{
	size_t half = table->head_dim / 2;
	for (size_t i = 0; i < half; i++) {
		double frequency = pow(theta, -2.0 * (double)i / (double)table->head_dim);
		if (factors != NULL)
			frequency /= (double)factors[i];
		for (size_t position = 0; position < table->n_positions; position++) {
			double angle = (double)position * frequency;
			table->cosines[position * half + i] = (float)cos(angle);
			table->sines[position * half + i] = (float)sin(angle);
		}
	}
}

/* Rotates every pair by direction times its angle. */
static void rotate(float *x, const int32_t *positions, size_t n_tokens, size_t n_heads, const struct rope_table *table,
                   float direction)
{
	size_t half = table->head_dim / 2;
	size_t step = table->style == ROPE_HALVES ? 1 : 2;
	size_t apart = table->style == ROPE_HALVES ? half : 1;
	for (size_t t = 0; t < n_tokens; t++) {
		const float *cosines = table->cosines + (size_t)positions[t] * half;
		const float *sines = table->sines + (size_t)positions[t] * half;
		for (size_t h = 0; h < n_heads; h++) {
			float *head = x + (t * n_heads + h) * table->head_dim;
			for (size_t i = 0; i < half; i++) {
				float a = head[i * step];
				float b = head[i * step + apart];
				float sine = direction * sines[i];
				head[i * step] = a * cosines[i] - b * sine;
				head[i * step + apart] = a * sine + b * cosines[i];
			}
		}
	}
}

void rope_forward(float *x, const int32_t *positions, size_t n_tokens, size_t n_heads, const struct rope_table *table)
{
	rotate(x, positions, n_tokens, n_heads, table, 1.0f);
}

void rope_backward(float *d_x, const int32_t *positions, size_t n_tokens, size_t n_heads, const struct rope_table *table)
{
	rotate(d_x, positions, n_tokens, n_heads, table, -1.0f);
}
