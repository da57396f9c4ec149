/*
 * What packed weights mean, in plain C: one function per type unpacks a block.
 * Layouts and formulas are those of ggml (ggml-quants.c), by which the files
 * were written; tests hold them against its Python package.
 */
#include <string.h>

#include "base/tensor_blocks.h"
#include "kernels/kernels.h"

enum { BLOCK = 32, K_BLOCK = 256, PART = 32, HALF = 16 };

static void unpack_f32(float *out, const void *w)
{
	memcpy(out, w, sizeof *out);
}

static void unpack_f16(float *out, const void *w)
{
	*out = float_from_half(*(const uint16_t *)w);
}

static void unpack_bf16(float *out, const void *w)
{
	*out = float_from_bf16(*(const uint16_t *)w);
}

static void unpack_q8_0(float *out, const void *w)
{
	const struct block_q8_0 *block = w;
	for (size_t i = 0; i < BLOCK; i++)
		out[i] = float_from_half(block->scale) * (float)block->q[i];
}

/* Number i of 32 that have four bits each in 16 bytes: the low halves come first. */
static int four_bits_of_32(const uint8_t q[HALF], size_t i)
{
	return i < HALF ? q[i] & 15 : q[i - HALF] >> 4;
}

/* Bit i of 32, as the fifth bit of a number. */
static int fifth_bit(const uint8_t high[4], size_t i)
{
	return (high[i / 8] >> (i % 8) & 1) << 4;
}

static void unpack_q4_0(float *out, const void *w)
{
	const struct block_q4_0 *block = w;
	for (size_t i = 0; i < BLOCK; i++)
		out[i] = float_from_half(block->scale) * (float)(four_bits_of_32(block->q, i) - 8);
}

static void unpack_q4_1(float *out, const void *w)
{
	const struct block_q4_1 *block = w;
	for (size_t i = 0; i < BLOCK; i++)
		out[i] = float_from_half(block->scale) * (float)four_bits_of_32(block->q, i) + float_from_half(block->least);
}

static void unpack_q5_0(float *out, const void *w)
{
	const struct block_q5_0 *block = w;
	for (size_t i = 0; i < BLOCK; i++) {
		int q = four_bits_of_32(block->q, i) | fifth_bit(block->high, i);
		out[i] = float_from_half(block->scale) * (float)(q - 16);
	}
}

static void unpack_q5_1(float *out, const void *w)
{
	const struct block_q5_1 *block = w;
	for (size_t i = 0; i < BLOCK; i++) {
		int q = four_bits_of_32(block->q, i) | fifth_bit(block->high, i);
		out[i] = float_from_half(block->scale) * (float)q + float_from_half(block->least);
	}
}

/*
 * The K types: 256 numbers, 8 parts of 32. Two bits: four parts share 32
 * bytes, each two bits further up. Four bits: two parts share 32 bytes.
 */
static int two_bits(const uint8_t *q, size_t part, size_t i)
{
	return q[part / 4 * PART + i] >> (part % 4 * 2) & 3;
}

static int four_bits(const uint8_t *q, size_t part, size_t i)
{
	return q[part / 2 * PART + i] >> (part % 2 * 4) & 15;
}

static void unpack_q2_k(float *out, const void *w)
{
	const struct block_q2_k *block = w;
	for (size_t n = 0; n < K_BLOCK; n++) {
		uint8_t both = block->scales[n / HALF];
		float scale = float_from_half(block->scale) * (float)(both & 15);
		float least = float_from_half(block->least) * (float)(both >> 4);
		out[n] = scale * (float)two_bits(block->q, n / PART, n % PART) - least;
	}
}

/* Scale s of 16: four bits in half a byte, two more in a quarter of another. */
static int scale_of_q3_k(const uint8_t scales[12], size_t s)
{
	int low = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4;
	return (low | (scales[8 + s % 4] >> (s / 4 * 2) & 3) << 4) - 32;
}

static void unpack_q3_k(float *out, const void *w)
{
	const struct block_q3_k *block = w;
	for (size_t n = 0; n < K_BLOCK; n++) {
		float scale = float_from_half(block->scale) * (float)scale_of_q3_k(block->scales, n / HALF);
		int high = block->high[n % PART] >> (n / PART) & 1;
		out[n] = scale * (float)((two_bits(block->q, n / PART, n % PART) | high << 2) - 4);
	}
}

/* Of Q4_K and Q5_K: six bits of a part's scale and of its least; those of the last four parts are in two pieces. */
static int k_scale(const uint8_t scales[12], size_t part)
{
	return part < 4 ? scales[part] & 63 : (scales[part + 4] & 15) | scales[part - 4] >> 6 << 4;
}

static int k_least(const uint8_t scales[12], size_t part)
{
	return part < 4 ? scales[part + 4] & 63 : scales[part + 4] >> 4 | scales[part] >> 6 << 4;
}

static void unpack_q4_k(float *out, const void *w)
{
	const struct block_q4_k *block = w;
	for (size_t n = 0; n < K_BLOCK; n++) {
		float scale = float_from_half(block->scale) * (float)k_scale(block->scales, n / PART);
		float least = float_from_half(block->least) * (float)k_least(block->scales, n / PART);
		out[n] = scale * (float)four_bits(block->q, n / PART, n % PART) - least;
	}
}

static void unpack_q5_k(float *out, const void *w)
{
	const struct block_q5_k *block = w;
	for (size_t n = 0; n < K_BLOCK; n++) {
		float scale = float_from_half(block->scale) * (float)k_scale(block->scales, n / PART);
		float least = float_from_half(block->least) * (float)k_least(block->scales, n / PART);
		int high = block->high[n % PART] >> (n / PART) & 1;
		out[n] = scale * (float)(four_bits(block->q, n / PART, n % PART) | high << 4) - least;
	}
}

/* Of each 128 numbers, the first 64 have the low halves of 64 bytes, the others the high ones. */
static int low_bits_of_q6_k(const uint8_t *q, size_t n)
{
	return q[n / 128 * 64 + n % 64] >> (n % 128 / 64 * 4) & 15;
}

static void unpack_q6_k(float *out, const void *w)
{
	const struct block_q6_k *block = w;
	for (size_t n = 0; n < K_BLOCK; n++) {
		int q = low_bits_of_q6_k(block->q, n) | two_bits(block->high, n / PART, n % PART) << 4;
		out[n] = float_from_half(block->scale) * (float)block->scales[n / HALF] * (float)(q - 32);
	}
}

/* The two kernels of a type, from its block. */
#define PACKED(type, block_size, block_bytes)                                                                  \
	static float dot_##type(const void *w, const float *x, size_t n)                                       \
	{                                                                                                      \
		float sum = 0, numbers[block_size];                                                            \
		for (size_t i = 0; i < n; i += block_size) {                                                   \
			unpack_##type(numbers, (const uint8_t *)w + i / block_size * block_bytes);             \
			for (size_t j = 0; j < block_size; j++)                                                \
				sum += numbers[j] * x[i + j];                                                  \
		}                                                                                              \
		return sum;                                                                                    \
	}                                                                                                      \
	static void row_##type(float *out, const void *w, size_t n)                                            \
	{                                                                                                      \
		for (size_t i = 0; i < n; i += block_size)                                                     \
			unpack_##type(out + i, (const uint8_t *)w + i / block_size * block_bytes);             \
	}
PACKED(f32, 1, sizeof(float))
PACKED(f16, 1, sizeof(uint16_t))
PACKED(bf16, 1, sizeof(uint16_t))
PACKED(q8_0, BLOCK, sizeof(struct block_q8_0))
PACKED(q4_0, BLOCK, sizeof(struct block_q4_0))
PACKED(q4_1, BLOCK, sizeof(struct block_q4_1))
PACKED(q5_0, BLOCK, sizeof(struct block_q5_0))
PACKED(q5_1, BLOCK, sizeof(struct block_q5_1))
PACKED(q2_k, K_BLOCK, sizeof(struct block_q2_k))
PACKED(q3_k, K_BLOCK, sizeof(struct block_q3_k))
PACKED(q4_k, K_BLOCK, sizeof(struct block_q4_k))
PACKED(q5_k, K_BLOCK, sizeof(struct block_q5_k))
PACKED(q6_k, K_BLOCK, sizeof(struct block_q6_k))

void kernels_init_weights_ref(struct kernels *table)
{
#define FILL_IN(type, stem) table->of_type[TENSOR_##type] = (struct kernels_of_type){dot_##stem, row_##stem};
	KERNELS_EACH_TYPE(FILL_IN)
}
