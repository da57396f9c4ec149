/*
 * Rows of packed weights in vector extensions of the compiler, compiled once
 * per instruction set like kernels_vector.c.
 *
 * Of a quantised type one function says how 32 numbers come out of a block,
 * into registers; the row and the dot product are made of it. A quantised
 * number times its scale is exact in a float, so that all levels give the same
 * rows to the bit.
 */
#include "base/tensor_blocks.h"
#include "kernels/kernels.h"
#include "kernels/vector.h"

enum { BLOCK = 32, K_BLOCK = 256, PART = 32, PART_VECTORS = PART / LANES };

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

static inline int_vector widen_bytes(const int8_t *p)
{
	byte_vector v;
	memcpy(&v, p, sizeof v);
#if defined(__AVX512F__)
	return (int_vector)_mm512_cvtepi8_epi32((__m128i)v);
#elif defined(__AVX2__)
	return (int_vector)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)&v));
#elif defined(__aarch64__)
	uint32_t word;
	memcpy(&word, &v, sizeof word);
	return (int_vector)vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(word)))));
#else
	return __builtin_convertvector(v, int_vector);
#endif
}

static inline int_vector widen_unsigned(const uint8_t *p)
{
	byte_vector v;
	memcpy(&v, p, sizeof v);
#if defined(__AVX512F__)
	return (int_vector)_mm512_cvtepu8_epi32((__m128i)v);
#elif defined(__AVX2__)
	return (int_vector)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)&v));
#elif defined(__aarch64__)
	uint32_t word;
	memcpy(&word, &v, sizeof word);
	return (int_vector)vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(word)))));
#else
	return __builtin_convertvector(v, int_vector) & 255;
#endif
}

static inline vector to_floats(int_vector v)
{
	return __builtin_convertvector(v, vector);
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

static float dot_f32(const void *w, const float *x, size_t n)
{
	return dot_floats(w, x, n);
}

static float dot_f16(const void *w, const float *x, size_t n)
{
	return dot_16_bits(widen_f16, w, x, n);
}

static float dot_bf16(const void *w, const float *x, size_t n)
{
	return dot_16_bits(widen_bf16, w, x, n);
}

/* The products of one block, not yet scaled or summed over lanes. */
static inline vector block_products(const struct block_q8_0 *block, const float *x)
{
	vector sum = {0};
	for (size_t j = 0; j < BLOCK; j += LANES)
		sum += to_floats(widen_bytes(block->q + j)) * load(x + j);
	return sum;
}

static float dot_q8_0(const void *row, const float *x, size_t n)
{
	const struct block_q8_0 *w = row;
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

static void row_f32(float *out, const void *w, size_t n)
{
	memcpy(out, w, n * sizeof *out);
}

static void row_f16(float *out, const void *w, size_t n)
{
	row_from_16_bits(widen_f16, out, w, n);
}

static void row_bf16(float *out, const void *w, size_t n)
{
	row_from_16_bits(widen_bf16, out, w, n);
}

static void row_q8_0(float *out, const void *row, size_t n)
{
	const struct block_q8_0 *w = row;
	for (size_t i = 0; i < n / BLOCK; i++) {
		vector scale_of_block = splat(widen_scale(w[i].scale));
		for (size_t j = 0; j < BLOCK; j += LANES)
			store(out + i * BLOCK + j, scale_of_block * to_floats(widen_bytes(w[i].q + j)));
	}
}

/* How 32 numbers come out of a block of a quantised type: those of its part, floats. */
typedef void part_fn(vector numbers[PART_VECTORS], const void *block, size_t part);

static inline __attribute__((always_inline)) float dot_blocks(part_fn *unpack, size_t block_bytes, size_t block_size,
							      const uint8_t *w, const float *x, size_t n)
{
	vector sum[PART_VECTORS] = {{0}}, numbers[PART_VECTORS];
	for (; n >= block_size; n -= block_size, w += block_bytes)
		for (size_t part = 0; part < block_size / PART; part++, x += PART) {
			unpack(numbers, w, part);
			for (size_t j = 0; j < PART_VECTORS; j++)
				sum[j] += numbers[j] * load(x + j * LANES);
		}
	for (size_t j = 1; j < PART_VECTORS; j++)
		sum[0] += sum[j];
	return sum_lanes(sum[0]);
}

static inline __attribute__((always_inline)) void row_blocks(part_fn *unpack, size_t block_bytes, size_t block_size, float *out,
							     const uint8_t *w, size_t n)
{
	vector numbers[PART_VECTORS];
	for (; n >= block_size; n -= block_size, w += block_bytes)
		for (size_t part = 0; part < block_size / PART; part++, out += PART) {
			unpack(numbers, w, part);
			for (size_t j = 0; j < PART_VECTORS; j++)
				store(out + j * LANES, numbers[j]);
		}
}

/* Four bits of the numbers from `first` on, of 32 in 16 bytes. */
static inline int_vector half_bytes(const uint8_t *q, size_t first)
{
	return widen_unsigned(q + first % 16) >> (first < 16 ? 0 : 4) & 15;
}

/* The fifth bits of the numbers from `first` on, of 32, each in its place. */
static inline int_vector fifth_bits(const uint8_t *high, size_t first)
{
	uint32_t bits;
	memcpy(&bits, high, sizeof bits); /* every machine of pith is little-endian */
	bit_vector lanes;
	for (uint32_t i = 0; i < LANES; i++)
		lanes[i] = i;
	return (int_vector)(((bit_vector){0} + (bits >> first)) >> lanes & 1) << 4;
}

static inline void part_q4_0(vector numbers[PART_VECTORS], const void *block, size_t part)
{
	const struct block_q4_0 *b = block;
	vector scale = splat(widen_scale(b->scale));
	(void)part;
	for (size_t j = 0; j < PART_VECTORS; j++)
		numbers[j] = scale * to_floats(half_bytes(b->q, j * LANES) - 8);
}

static inline void part_q4_1(vector numbers[PART_VECTORS], const void *block, size_t part)
{
	const struct block_q4_1 *b = block;
	vector scale = splat(widen_scale(b->scale)), least = splat(widen_scale(b->least));
	(void)part;
	for (size_t j = 0; j < PART_VECTORS; j++)
		numbers[j] = scale * to_floats(half_bytes(b->q, j * LANES)) + least;
}

static inline void part_q5_0(vector numbers[PART_VECTORS], const void *block, size_t part)
{
	const struct block_q5_0 *b = block;
	vector scale = splat(widen_scale(b->scale));
	(void)part;
	for (size_t j = 0; j < PART_VECTORS; j++)
		numbers[j] = scale * to_floats((half_bytes(b->q, j * LANES) | fifth_bits(b->high, j * LANES)) - 16);
}

static inline void part_q5_1(vector numbers[PART_VECTORS], const void *block, size_t part)
{
	const struct block_q5_1 *b = block;
	vector scale = splat(widen_scale(b->scale)), least = splat(widen_scale(b->least));
	(void)part;
	for (size_t j = 0; j < PART_VECTORS; j++)
		numbers[j] = scale * to_floats(half_bytes(b->q, j * LANES) | fifth_bits(b->high, j * LANES)) + least;
}

/* Of 128 numbers in 32 bytes, two bits each: those of numbers first .. of part (of 32, 0 to 7 in a block). */
static inline int_vector two_bits(const uint8_t *q, size_t part, size_t first)
{
	return widen_unsigned(q + part / 4 * 32 + first) >> (int)(part % 4 * 2) & 3;
}

static inline void part_q2_k(vector numbers[PART_VECTORS], const void *block, size_t part)
{
	const struct block_q2_k *b = block;
	float scale = widen_scale(b->scale), least = widen_scale(b->least);
	for (size_t j = 0; j < PART_VECTORS; j++) {
		uint8_t both = b->scales[part * 2 + j * LANES / 16];
		vector q = to_floats(two_bits(b->q, part, j * LANES));
		numbers[j] = splat(scale * (float)(both & 15)) * q - splat(least * (float)(both >> 4));
	}
}

static inline void part_q3_k(vector numbers[PART_VECTORS], const void *block, size_t part)
{
	const struct block_q3_k *b = block;
	float scale = widen_scale(b->scale);
	for (size_t j = 0; j < PART_VECTORS; j++) {
		size_t s = part * 2 + j * LANES / 16;
		int factor = (b->scales[s % 8] >> (s / 8 * 4) & 15) | (b->scales[8 + s % 4] >> (s / 4 * 2) & 3) << 4;
		int_vector high = (widen_unsigned(b->high + j * LANES) >> (int)part & 1) << 2;
		numbers[j] = splat(scale * (float)(factor - 32)) * to_floats((two_bits(b->q, part, j * LANES) | high) - 4);
	}
}

/* Scale and least of a part of Q4_K and Q5_K: six bits of each, those of the last four parts in two pieces. */
static inline void k_scales(const uint8_t scales[12], size_t part, float *scale, float *least)
{
	if (part < 4) {
		*scale *= (float)(scales[part] & 63);
		*least *= (float)(scales[part + 4] & 63);
	} else {
		*scale *= (float)((scales[part + 4] & 15) | scales[part - 4] >> 6 << 4);
		*least *= (float)(scales[part + 4] >> 4 | scales[part] >> 6 << 4);
	}
}

/* Four bits of numbers first .. of a part: two parts share 32 bytes. */
static inline int_vector four_bits(const uint8_t *q, size_t part, size_t first)
{
	return widen_unsigned(q + part / 2 * 32 + first) >> (int)(part % 2 * 4) & 15;
}

static inline void part_q4_k(vector numbers[PART_VECTORS], const void *block, size_t part)
{
	const struct block_q4_k *b = block;
	float scale = widen_scale(b->scale), least = widen_scale(b->least);
	k_scales(b->scales, part, &scale, &least);
	for (size_t j = 0; j < PART_VECTORS; j++)
		numbers[j] = splat(scale) * to_floats(four_bits(b->q, part, j * LANES)) - splat(least);
}

static inline void part_q5_k(vector numbers[PART_VECTORS], const void *block, size_t part)
{
	const struct block_q5_k *b = block;
	float scale = widen_scale(b->scale), least = widen_scale(b->least);
	k_scales(b->scales, part, &scale, &least);
	for (size_t j = 0; j < PART_VECTORS; j++) {
		int_vector high = (widen_unsigned(b->high + j * LANES) >> (int)part & 1) << 4;
		numbers[j] = splat(scale) * to_floats(four_bits(b->q, part, j * LANES) | high) - splat(least);
	}
}

static inline void part_q6_k(vector numbers[PART_VECTORS], const void *block, size_t part)
{
	const struct block_q6_k *b = block;
	float scale = widen_scale(b->scale);
	/* Of each 128 numbers, the first 64 have the low halves of 64 bytes, the others the high ones. */
	const uint8_t *q = b->q + part / 4 * 64 + part % 2 * 32;
	for (size_t j = 0; j < PART_VECTORS; j++) {
		int_vector low = widen_unsigned(q + j * LANES) >> (part % 4 < 2 ? 0 : 4) & 15;
		int_vector number = low | two_bits(b->high, part, j * LANES) << 4;
		numbers[j] = splat(scale * (float)b->scales[part * 2 + j * LANES / 16]) * to_floats(number - 32);
	}
}

#define QUANTISED(type, block_size)                                                                     \
	static float dot_##type(const void *w, const float *x, size_t n)                                \
	{                                                                                               \
		return dot_blocks(part_##type, sizeof(struct block_##type), block_size, w, x, n);       \
	}                                                                                               \
	static void row_##type(float *out, const void *w, size_t n)                                     \
	{                                                                                               \
		row_blocks(part_##type, sizeof(struct block_##type), block_size, out, w, n);            \
	}
QUANTISED(q4_0, BLOCK)
QUANTISED(q4_1, BLOCK)
QUANTISED(q5_0, BLOCK)
QUANTISED(q5_1, BLOCK)
QUANTISED(q2_k, K_BLOCK)
QUANTISED(q3_k, K_BLOCK)
QUANTISED(q4_k, K_BLOCK)
QUANTISED(q5_k, K_BLOCK)
QUANTISED(q6_k, K_BLOCK)

void VECTOR_JOIN(kernels_init_weights_, KERNELS_ISA)(struct kernels *table)
{
#define FILL_IN(type, stem) table->of_type[TENSOR_##type] = (struct kernels_of_type){dot_##stem, row_##stem};
	KERNELS_EACH_TYPE(FILL_IN)
}
