/*
 * The kernels in plain C: the definition of what is right, and what runs where
 * no faster level exists. Written to be read; tests hold every other level
 * against it. Those that read packed weights are in weights_ref.c.
 */
#include "kernels/kernels.h"

#include <math.h>

/* Below this exp() is called zero, so that no level has to produce subnormal numbers. */
static const float EXP_LOWEST = -87.0f;

static float exp_or_zero(float x)
{
	return x < EXP_LOWEST ? 0.0f : expf(x);
}

static float dot_f32(const float *w, const float *x, size_t n)
{
	float sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += w[i] * x[i];
	return sum;
}

static void axpy(float *y, float a, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] += a * x[i];
}

static void add(float *y, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] += x[i];
}

static void scale(float *y, float a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] *= a;
}

static void multiply_shifted(float *y, const float *x, float shift, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = x[i] * (y[i] - shift);
}

static float sum_squares(const float *x, size_t n)
{
	float sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += x[i] * x[i];
	return sum;
}

static float maximum(const float *x, size_t n)
{
	float largest = -INFINITY;
	for (size_t i = 0; i < n; i++)
		if (x[i] > largest)
			largest = x[i];
	return largest;
}

static float exp_sum(float *x, float shift, size_t n)
{
	float sum = 0;
	for (size_t i = 0; i < n; i++) {
		x[i] = exp_or_zero(x[i] - shift);
		sum += x[i];
	}
	return sum;
}

static void silu_multiply(float *out, const float *gate, const float *up, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = gate[i] / (1 + exp_or_zero(-gate[i])) * up[i];
}

static void silu_multiply_backward(float *d_gate, float *d_up, const float *gate, const float *up, const float *d_out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		/* silu = z s with s = sigmoid(z); its derivative is s (1 + z (1 - s)). All is read before an alias is written. */
		float z = gate[i];
		float s = 1 / (1 + exp_or_zero(-z));
		float through_gate = d_out[i] * up[i] * s * (1 + z * (1 - s));
		d_up[i] = d_out[i] * z * s;
		d_gate[i] = through_gate;
	}
}

static void adamw(float *w, float *m, float *v, const float *g, const struct adamw_step *step, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float gradient = step->gradient_scale * g[i];
		m[i] = step->beta1 * m[i] + (1 - step->beta1) * gradient;
		v[i] = step->beta2 * v[i] + (1 - step->beta2) * gradient * gradient;
		float update = m[i] * step->correction1 / (sqrtf(v[i] * step->correction2) + step->epsilon);
		w[i] -= step->learning_rate * (update + step->weight_decay * w[i]);
	}
}

void kernels_init_ref(struct kernels *table)
{
	*table = (struct kernels){
		.name = "ref",
		.dot_f32 = dot_f32,
		.axpy = axpy,
		.add = add,
		.scale = scale,
		.multiply_shifted = multiply_shifted,
		.sum_squares = sum_squares,
		.maximum = maximum,
		.exp_sum = exp_sum,
		.silu_multiply = silu_multiply,
		.silu_multiply_backward = silu_multiply_backward,
		.adamw = adamw,
	};
}
