/*
 * The kernels in vector extensions of the compiler. This one source is compiled
 * once per instruction set (CMakeLists.txt, add_kernels) with KERNELS_ISA naming
 * it; the width of a vector follows from the flags. Those that read packed
 * weights are in weights_vector.c.
 *
 * The last, incomplete vector is a padded copy, so that every element goes
 * through the same arithmetic wherever it stands.
 */
#include "kernels/kernels.h"
#include "kernels/vector.h"

static inline vector square_root(vector x)
{
#if defined(__AVX512F__)
	return (vector)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
	return (vector)_mm256_sqrt_ps((__m256)x);
#elif defined(__aarch64__)
	return (vector)vsqrtq_f32((float32x4_t)x);
#else
	for (size_t i = 0; i < LANES; i++)
		x[i] = __builtin_sqrtf(x[i]);
	return x;
#endif
}

/*
 * exp(x): x = n ln 2 + r with |r| <= ln 2 / 2, and exp(r) as a polynomial of
 * degree 6 (fitted for least relative error, 3e-9), whose exponent n is then
 * added to. ln 2 is subtracted in two parts to keep the digits of r.
 */
static inline vector exp_vector(vector x)
{
	const vector to_integer = splat(0x1.8p23f); /* adding it rounds, and leaves n in the low bits */
	vector shifted = x * splat(0x1.715476p+0f) + to_integer;
	vector n = shifted - to_integer;
	vector r = x - n * splat(0.693359375f);
	r = r - n * splat(-2.12194440e-4f);
	vector p = splat(0x1.6a2254p-10f);
	p = p * r + splat(0x1.123b02p-7f);
	p = p * r + splat(0x1.5558f8p-5f);
	p = p * r + splat(0x1.55549p-3f);
	p = p * r + splat(0x1.fffffcp-2f);
	p = p * r + splat(1.0f);
	p = p * r + splat(1.0f);
	vector result = (vector)((bit_vector)p + ((bit_vector)shifted << 23));
	result = choose(x < splat(-87.0f), splat(0.0f), result);
	result = choose(x > splat(0x1.62e42ep+6f), splat(__builtin_inff()), result); /* above the largest float */
	return choose(x != x, x, result);
}

static float dot_f32(const float *a, const float *b, size_t n)
{
	return dot_floats(a, b, n);
}

static float sum_squares(const float *x, size_t n)
{
	return dot_f32(x, x, n);
}

/* The next five the compiler turns into vectors by itself. */
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

static inline vector larger(vector a, vector b)
{
	return choose(a > b, a, b);
}

static float maximum(const float *x, size_t n)
{
	const float lowest = -__builtin_inff();
	vector largest[UNROLL] = {splat(lowest), splat(lowest), splat(lowest), splat(lowest)};
	size_t i = 0;
	for (; i + STRIDE <= n; i += STRIDE)
		for (size_t j = 0; j < UNROLL; j++)
			largest[j] = larger(load(x + i + j * LANES), largest[j]);
	for (; i + LANES <= n; i += LANES)
		largest[0] = larger(load(x + i), largest[0]);
	if (i < n)
		largest[1] = larger(load_part(x + i, n - i, lowest), largest[1]);
	vector all = larger(larger(largest[0], largest[1]), larger(largest[2], largest[3]));
	float result = all[0];
	for (size_t j = 1; j < LANES; j++)
		result = all[j] > result ? all[j] : result;
	return result;
}

static float exp_sum(float *x, float shift, size_t n)
{
	const vector shifts = splat(shift);
	vector sum[UNROLL] = {{0}};
	size_t i = 0;
	for (; i + 2 * LANES <= n; i += 2 * LANES)
		for (size_t j = 0; j < 2; j++) {
			vector e = exp_vector(load(x + i + j * LANES) - shifts);
			store(x + i + j * LANES, e);
			sum[j] += e;
		}
	for (; i + LANES <= n; i += LANES) {
		vector e = exp_vector(load(x + i) - shifts);
		store(x + i, e);
		sum[2] += e;
	}
	if (i < n) {
		/* The padding is far below the shift whatever the shift is, so it adds nothing. */
		vector e = exp_vector(load_part(x + i, n - i, -__builtin_inff()) - shifts);
		store_part(x + i, e, n - i);
		sum[3] += e;
	}
	return sum_accumulators(sum);
}

static inline vector sigmoid(vector z)
{
	return splat(1.0f) / (splat(1.0f) + exp_vector(-z));
}

static void silu_multiply(float *out, const float *gate, const float *up, size_t n)
{
	size_t i = 0;
	for (; i + LANES <= n; i += LANES) {
		vector z = load(gate + i);
		store(out + i, z * sigmoid(z) * load(up + i));
	}
	if (i < n) {
		vector z = load_part(gate + i, n - i, 0);
		store_part(out + i, z * sigmoid(z) * load_part(up + i, n - i, 0), n - i);
	}
}

/* Replaces z and up by their gradients: silu = z s, and its derivative is s (1 + z (1 - s)). */
static inline void silu_gradient(vector *z, vector *up, vector d_out)
{
	vector s = sigmoid(*z);
	vector d_gate = d_out * *up * s * (splat(1.0f) + *z * (splat(1.0f) - s));
	*up = d_out * *z * s;
	*z = d_gate;
}

static void silu_multiply_backward(float *d_gate, float *d_up, const float *gate, const float *up, const float *d_out, size_t n)
{
	size_t i = 0;
	for (; i + LANES <= n; i += LANES) {
		vector z = load(gate + i), u = load(up + i);
		silu_gradient(&z, &u, load(d_out + i));
		store(d_gate + i, z);
		store(d_up + i, u);
	}
	if (i < n) {
		vector z = load_part(gate + i, n - i, 0), u = load_part(up + i, n - i, 0);
		silu_gradient(&z, &u, load_part(d_out + i, n - i, 0));
		store_part(d_gate + i, z, n - i);
		store_part(d_up + i, u, n - i);
	}
}

static inline void adamw_vector(vector *w, vector *m, vector *v, vector g, const struct adamw_step *step)
{
	g *= splat(step->gradient_scale);
	*m = splat(step->beta1) * *m + splat(1 - step->beta1) * g;
	*v = splat(step->beta2) * *v + splat(1 - step->beta2) * g * g;
	vector update = *m * splat(step->correction1) / (square_root(*v * splat(step->correction2)) + splat(step->epsilon));
	*w -= splat(step->learning_rate) * (update + splat(step->weight_decay) * *w);
}

static void adamw(float *w, float *m, float *v, const float *g, const struct adamw_step *step, size_t n)
{
	size_t i = 0;
	for (; i + LANES <= n; i += LANES) {
		vector vw = load(w + i), vm = load(m + i), vv = load(v + i);
		adamw_vector(&vw, &vm, &vv, load(g + i), step);
		store(w + i, vw);
		store(m + i, vm);
		store(v + i, vv);
	}
	if (i < n) {
		size_t left = n - i;
		vector vw = load_part(w + i, left, 0), vm = load_part(m + i, left, 0), vv = load_part(v + i, left, 1);
		adamw_vector(&vw, &vm, &vv, load_part(g + i, left, 0), step);
		store_part(w + i, vw, left);
		store_part(m + i, vm, left);
		store_part(v + i, vv, left);
	}
}

void VECTOR_JOIN(kernels_init_, KERNELS_ISA)(struct kernels *table)
{
	*table = (struct kernels){
		.name = VECTOR_QUOTE(KERNELS_ISA),
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
