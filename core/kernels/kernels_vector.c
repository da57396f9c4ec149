/*
 * The kernels in vector extensions of the compiler. This one source is compiled
 * once per instruction set (CMakeLists.txt, add_kernels) with KERNELS_ISA naming
 * it; the width of a vector follows from the flags.
 *
 * It calls no inline function of other headers: the linker might keep the copy
 * made here for callers on a machine that lacks these instructions.
 *
 * Sums run in several accumulators, because one addition waits four cycles for
 * the one before. The last, incomplete vector is a padded copy, so that every
 * element goes through the same arithmetic wherever it stands.
 */
#include "kernels/kernels.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
enum { WIDTH = 64 };
#elif defined(__AVX2__)
enum { WIDTH = 32 };
#else
enum { WIDTH = 16 };
#endif

enum { LANES = WIDTH / 4, UNROLL = 4, STRIDE = LANES * UNROLL, BLOCK = 32 };

typedef float vector __attribute__((vector_size(WIDTH)));
typedef int32_t int_vector __attribute__((vector_size(WIDTH)));
typedef uint32_t bit_vector __attribute__((vector_size(WIDTH))); /* shifts and sums that may wrap */
typedef uint16_t half_vector __attribute__((vector_size(WIDTH / 2)));
typedef int8_t byte_vector __attribute__((vector_size(WIDTH / 4)));
typedef float quad __attribute__((vector_size(16)));

static inline vector splat(float value)
{
	return value - (vector){0}; /* minus, so that -0 stays -0 */
}

static inline vector load(const float *p)
{
	vector v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline void store(float *p, vector v)
{
	memcpy(p, &v, sizeof v);
}

/* The first n < LANES lanes from p, the others fill. */
static inline vector load_part(const float *p, size_t n, float fill)
{
	vector v = splat(fill);
	memcpy(&v, p, n * sizeof *p);
	return v;
}

static inline void store_part(float *p, vector v, size_t n)
{
	memcpy(p, &v, n * sizeof *p);
}

/* Lane by lane: mask (all ones or zero) ? a : b. */
static inline vector choose(int_vector mask, vector a, vector b)
{
	return (vector)((mask & (int_vector)a) | (~mask & (int_vector)b));
}

static inline float sum_lanes(vector v)
{
	quad parts[WIDTH / 16];
	memcpy(parts, &v, sizeof v);
	for (size_t half = WIDTH / 32; half > 0; half /= 2)
		for (size_t i = 0; i < half; i++)
			parts[i] += parts[i + half];
	return (parts[0][0] + parts[0][2]) + (parts[0][1] + parts[0][3]);
}

static inline float sum_accumulators(const vector sum[UNROLL])
{
	return sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

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

/* How a row of 16-bit weights becomes floats: LANES of them from p. */
typedef vector widen_fn(const uint16_t *p);

static inline half_vector load_halves(const uint16_t *p)
{
	half_vector v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline vector widen_f16(const uint16_t *p)
{
#if defined(__AVX512F__)
	return (vector)_mm512_cvtph_ps((__m256i)load_halves(p));
#elif defined(__F16C__)
	return (vector)_mm256_cvtph_ps((__m128i)load_halves(p));
#else
	/* The bits of a half, moved up, are the number times 2^-112, subnormal or not; infinity and NaN need their exponent. */
	bit_vector bits = __builtin_convertvector(load_halves(p), bit_vector);
	bit_vector magnitude = bits & 0x7fff;
	vector value = (vector)(magnitude << 13) * splat(0x1p112f);
	bit_vector special = (bit_vector)(magnitude >= 0x7c00) & 0x7f800000;
	return (vector)((bit_vector)value | special | (bits & 0x8000) << 16);
#endif
}

static inline vector widen_bf16(const uint16_t *p)
{
	/* Named instructions, because gcc 12 takes __builtin_convertvector apart where the width changes. */
#if defined(__AVX512F__)
	bit_vector bits = (bit_vector)_mm512_cvtepu16_epi32((__m256i)load_halves(p));
#elif defined(__AVX2__)
	bit_vector bits = (bit_vector)_mm256_cvtepu16_epi32((__m128i)load_halves(p));
#else
	bit_vector bits = __builtin_convertvector(load_halves(p), bit_vector);
#endif
	return (vector)(bits << 16);
}

static inline vector widen_bytes(const int8_t *p)
{
	byte_vector v;
	memcpy(&v, p, sizeof v);
#if defined(__AVX512F__)
	int_vector numbers = (int_vector)_mm512_cvtepi8_epi32((__m128i)v);
#elif defined(__AVX2__)
	int_vector numbers = (int_vector)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)&v));
#elif defined(__aarch64__)
	uint32_t word;
	memcpy(&word, &v, sizeof word);
	int_vector numbers = (int_vector)vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(word)))));
#else
	int_vector numbers = __builtin_convertvector(v, int_vector);
#endif
	return __builtin_convertvector(numbers, vector);
}

static inline float widen_scale(uint16_t half)
{
#if defined(__F16C__)
	return _cvtsh_ss(half);
#else
	uint16_t padded[LANES] = {half};
	return widen_f16(padded)[0];
#endif
}

static float dot_f32(const float *w, const float *x, size_t n)
{
	vector sum[UNROLL] = {{0}};
	size_t i = 0;
	for (; i + STRIDE <= n; i += STRIDE)
		for (size_t j = 0; j < UNROLL; j++)
			sum[j] += load(w + i + j * LANES) * load(x + i + j * LANES);
	for (; i + LANES <= n; i += LANES)
		sum[0] += load(w + i) * load(x + i);
	if (i < n)
		sum[1] += load_part(w + i, n - i, 0) * load_part(x + i, n - i, 0);
	return sum_accumulators(sum);
}

/* Inlined with a known widen, so that no call is left in the loop. */
static inline __attribute__((always_inline)) float dot_16_bits(widen_fn *widen, const uint16_t *w, const float *x, size_t n)
{
	vector sum[UNROLL] = {{0}};
	size_t i = 0;
	for (; i + STRIDE <= n; i += STRIDE)
		for (size_t j = 0; j < UNROLL; j++)
			sum[j] += widen(w + i + j * LANES) * load(x + i + j * LANES);
	for (; i + LANES <= n; i += LANES)
		sum[0] += widen(w + i) * load(x + i);
	if (i < n) {
		uint16_t padded[LANES] = {0};
		memcpy(padded, w + i, (n - i) * sizeof *w);
		sum[1] += widen(padded) * load_part(x + i, n - i, 0);
	}
	return sum_accumulators(sum);
}

static float dot_f16(const uint16_t *w, const float *x, size_t n)
{
	return dot_16_bits(widen_f16, w, x, n);
}

static float dot_bf16(const uint16_t *w, const float *x, size_t n)
{
	return dot_16_bits(widen_bf16, w, x, n);
}

/* The products of one block, not yet scaled or summed over lanes. */
static inline vector block_products(const struct block_q8_0 *block, const float *x)
{
	vector sum = {0};
	for (size_t j = 0; j < BLOCK; j += LANES)
		sum += widen_bytes(block->q + j) * load(x + j);
	return sum;
}

static float dot_q8_0(const struct block_q8_0 *w, const float *x, size_t n)
{
	vector sum[UNROLL] = {{0}};
	size_t n_blocks = n / BLOCK, i = 0;
	for (; i + UNROLL <= n_blocks; i += UNROLL)
		for (size_t j = 0; j < UNROLL; j++)
			sum[j] += splat(widen_scale(w[i + j].scale)) * block_products(&w[i + j], x + (i + j) * BLOCK);
	for (; i < n_blocks; i++)
		sum[0] += splat(widen_scale(w[i].scale)) * block_products(&w[i], x + i * BLOCK);
	return sum_accumulators(sum);
}

static inline __attribute__((always_inline)) void row_from_16_bits(widen_fn *widen, float *out, const uint16_t *w, size_t n)
{
	size_t i = 0;
	for (; i + LANES <= n; i += LANES)
		store(out + i, widen(w + i));
	if (i < n) {
		uint16_t padded[LANES] = {0};
		memcpy(padded, w + i, (n - i) * sizeof *w);
		store_part(out + i, widen(padded), n - i);
	}
}

static void row_from_f16(float *out, const uint16_t *w, size_t n)
{
	row_from_16_bits(widen_f16, out, w, n);
}

static void row_from_bf16(float *out, const uint16_t *w, size_t n)
{
	row_from_16_bits(widen_bf16, out, w, n);
}

static void row_from_q8_0(float *out, const struct block_q8_0 *w, size_t n)
{
	for (size_t i = 0; i < n / BLOCK; i++) {
		vector scale_of_block = splat(widen_scale(w[i].scale));
		for (size_t j = 0; j < BLOCK; j += LANES)
			store(out + i * BLOCK + j, scale_of_block * widen_bytes(w[i].q + j));
	}
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

static void multiply(float *out, const float *a, const float *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = a[i] * b[i];
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

#define JOIN_NAMES(a, b) a##b
#define JOIN(a, b) JOIN_NAMES(a, b)
#define QUOTE_NAME(a) #a
#define QUOTE(a) QUOTE_NAME(a)

void JOIN(kernels_init_, KERNELS_ISA)(struct kernels *table)
{
	*table = (struct kernels){
		.name = QUOTE(KERNELS_ISA),
		.dot_f32 = dot_f32,
		.dot_f16 = dot_f16,
		.dot_bf16 = dot_bf16,
		.dot_q8_0 = dot_q8_0,
		.row_from_f16 = row_from_f16,
		.row_from_bf16 = row_from_bf16,
		.row_from_q8_0 = row_from_q8_0,
		.axpy = axpy,
		.add = add,
		.scale = scale,
		.multiply = multiply,
		.multiply_shifted = multiply_shifted,
		.sum_squares = sum_squares,
		.maximum = maximum,
		.exp_sum = exp_sum,
		.silu_multiply = silu_multiply,
		.silu_multiply_backward = silu_multiply_backward,
		.adamw = adamw,
	};
}
