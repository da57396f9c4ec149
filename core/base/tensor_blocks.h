/*
 * Quantised weights as they lie in a GGUF file (layouts: ggml's docs and
 * ggml-common.h). A row is blocks of 32 numbers, or of 256 in the K types,
 * whose parts of 16 or 32 have scales of their own, themselves quantised.
 * scale and least are IEEE halves; q, with its high bits where it has some,
 * are the quantised numbers. What each means: core/kernels/weights_ref.c.
 */
#ifndef BASE_TENSOR_BLOCKS_H
#define BASE_TENSOR_BLOCKS_H

#include <stdint.h>

struct block_q8_0 {
	uint16_t scale;
	int8_t q[32];
};

struct block_q4_0 {
	uint16_t scale;
	uint8_t q[16]; /* byte i: number i in the low half, number 16 + i in the high one; so in the next three */
};

struct block_q4_1 {
	uint16_t scale, least;
	uint8_t q[16];
};

struct block_q5_0 {
	uint16_t scale;
	uint8_t high[4]; /* 32 bits, little-endian: the fifth of each number */
	uint8_t q[16];
};

struct block_q5_1 {
	uint16_t scale, least;
	uint8_t high[4];
	uint8_t q[16];
};

/* Of the K types, 128 numbers share 32 bytes of two bits or 64 of four: number l of part p is in byte l of theirs. */
struct block_q2_k {
	uint8_t scales[16]; /* of 16 numbers each: low half scale, high half least */
	uint8_t q[64];
	uint16_t scale, least;
};

struct block_q3_k {
	uint8_t high[32]; /* bit p of byte l: the third bit of number l of part p, of 32 */
	uint8_t q[64];
	uint8_t scales[12]; /* 16 of six bits: four in half a byte of the first eight, two in the last four */
	uint16_t scale;
};

struct block_q4_k {
	uint16_t scale, least;
	uint8_t scales[12]; /* of 32 numbers each, 8 of six bits for scale and for least */
	uint8_t q[128];
};

struct block_q5_k {
	uint16_t scale, least;
	uint8_t scales[12];
	uint8_t high[32]; /* bit p of byte l: the fifth bit of number l of part p */
	uint8_t q[128];
};

struct block_q6_k {
	uint8_t q[128];
	uint8_t high[64];
	int8_t scales[16]; /* of 16 numbers each */
	uint16_t scale;
};

#endif
