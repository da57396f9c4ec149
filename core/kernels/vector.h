/*
 * Vectors of the widest registers that the flags allow, for the sources that
 * are compiled once per instruction set (CMakeLists.txt, add_kernels). All
 * static: an inline function with a name might be kept by the linker for
 * callers on a machine that lacks these instructions; for the same reason
 * these sources call no inline function of other headers.
 *
 * Sums run in several accumulators, because one addition waits four cycles for
 * the one before.
 */
#ifndef KERNELS_VECTOR_H
#define KERNELS_VECTOR_H

#include <stddef.h>
#include <stdint.h>
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

enum { LANES = WIDTH / 4, UNROLL = 4, STRIDE = LANES * UNROLL };

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

static inline float dot_floats(const float *w, const float *x, size_t n)
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

#define VECTOR_JOIN_NAMES(a, b) a##b
#define VECTOR_JOIN(a, b) VECTOR_JOIN_NAMES(a, b)
#define VECTOR_QUOTE_NAME(a) #a
#define VECTOR_QUOTE(a) VECTOR_QUOTE_NAME(a)

#endif
