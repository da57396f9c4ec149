/*
 * Steps of bf16 products in vectors (AVX512_BF16, VDPBF16PS), for processors
 * without AMX: a row of a tile of B is one vector, and each line of A gives its
 * pair of numbers to all sixteen columns. Eight lines by two vectors of C stay
 * in registers. Compiled with its own flags; calls no inline function of other
 * headers.
 */
#include "kernels/tiles.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

enum {
	LINES = TILES_LINES,
	TILE = TILES_SIZE,
	ROW = TILES_K, /* numbers in a row of a tile */
	HELD = 8,      /* lines of C in registers, two vectors each */
};

/* Two numbers of one line of A in all lanes. */
static inline __m512bh pair_in_all_lanes(const uint16_t *numbers)
{
	int pair;
	memcpy(&pair, numbers, sizeof pair);
	return (__m512bh)_mm512_set1_epi32(pair);
}

/* HELD lines of C, from that many lines of one strip of A. */
static inline void step_lines(const uint16_t *a, struct tile_strips b, size_t n_deep, bool accumulate, float *c, size_t ldc)
{
	__m512 left[HELD], right[HELD];
#pragma GCC unroll 8
	for (size_t line = 0; line < HELD; line++) {
		left[line] = accumulate ? _mm512_loadu_ps(c + line * ldc) : _mm512_setzero_ps();
		right[line] = accumulate ? _mm512_loadu_ps(c + line * ldc + LINES) : _mm512_setzero_ps();
	}
	for (size_t deep = 0; deep < n_deep; deep++)
		for (size_t pair = 0; pair < LINES; pair++) {
			const uint16_t *row = b.tiles + deep * TILE + pair * ROW, *numbers = a + deep * TILE + 2 * pair;
			__m512bh b_left = (__m512bh)_mm512_load_si512(row);
			__m512bh b_right = (__m512bh)_mm512_load_si512(row + b.second);
#pragma GCC unroll 8
			for (size_t line = 0; line < HELD; line++) {
				__m512bh a_pair = pair_in_all_lanes(numbers + line * ROW);
				left[line] = _mm512_dpbf16_ps(left[line], a_pair, b_left);
				right[line] = _mm512_dpbf16_ps(right[line], a_pair, b_right);
			}
		}
#pragma GCC unroll 8
	for (size_t line = 0; line < HELD; line++) {
		_mm512_storeu_ps(c + line * ldc, left[line]);
		_mm512_storeu_ps(c + line * ldc + LINES, right[line]);
	}
}

static void step(struct tile_strips a, struct tile_strips b, size_t n_deep, bool accumulate, float *c, size_t ldc)
{
	for (size_t line = 0; line < TILES_STEP; line += HELD)
		step_lines(a.tiles + line / LINES * a.second + line % LINES * ROW, b, n_deep, accumulate, c + line * ldc, ldc);
}

/* B of 256 KiB: the second-level cache may be one of 1 MiB. Measured on Zen 5: larger blocks of either lose up to a tenth. */
const struct tile_level kernels_avx512bf16 = {.name = "avx512bf16", .max_k = 256, .b_capacity = 128 * 1024, .step = step};
