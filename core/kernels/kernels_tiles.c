/*
 * bf16 matrix products on x86, fp32 sums: operands are brought into tiles, and
 * C goes step by step, 32 x 32 numbers each, through whatever this machine
 * multiplies tiles with (struct tile_level).
 *
 * A tile is 16 rows of 64 bytes. C += A B takes A as 16 lines of 32 numbers
 * along k, and B as 16 pairs of k for each of 16 columns: number 2p and 2p + 1
 * of a column stand together in row p. As 32-bit pairs, one form is the
 * transpose of the other, so either storage order of an operand can feed
 * either side.
 *
 * Blocks of A and B are converted into tiles that stay in the second-level
 * cache; edges are padded with zeros.
 *
 * Compiled with its own flags; like kernels_vector.c it calls no inline
 * function of other headers.
 */
#include "kernels/matmul_bf16.h"
#include "kernels/tiles.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

enum {
	LINES = TILES_LINES,
	TILE_K = TILES_K,
	TILE = TILES_SIZE,
	STEP = TILES_STEP,
	A_CAPACITY = 128 * 1024, /* 256 KiB */
	B_CAPACITY = 512 * 1024, /* 1 MiB; a level may take less */
};

static _Thread_local _Alignas(64) uint16_t a_tiles[A_CAPACITY];
static _Thread_local _Alignas(64) uint16_t b_tiles[B_CAPACITY];

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t round_up(size_t n, size_t multiple)
{
	return (n + multiple - 1) / multiple * multiple;
}

static __mmask16 first_lanes(size_t n)
{
	return (__mmask16)(n >= 16 ? 0xffff : (1u << n) - 1);
}

/* One line along k into row 0 of its tiles; source NULL is a line of zeros. */
static void pack_line(uint16_t *tiles, const float *source, size_t n_k)
{
	for (size_t k = 0; k < n_k; k += TILE_K) {
		__m512 first = _mm512_setzero_ps(), second = first;
		if (source != NULL)
			first = _mm512_maskz_loadu_ps(first_lanes(n_k - k), source + k);
		if (source != NULL && n_k - k > LINES)
			second = _mm512_maskz_loadu_ps(first_lanes(n_k - k - LINES), source + k + LINES);
		_mm512_store_si512(tiles + k * LINES, (__m512i)_mm512_cvtne2ps_pbh(second, first));
	}
}

/* Two neighbours of k over all lines, interleaved, into row 0 of one tile for each 16 lines; NULL is zeros. */
static void pack_pair(uint16_t *tiles, const float *even, const float *odd, size_t n_lines, size_t strip)
{
	const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
						    21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
	for (size_t line = 0; line < round_up(n_lines, STEP); line += LINES) {
		__m512 low = _mm512_setzero_ps(), high = low;
		__mmask16 mask = line < n_lines ? first_lanes(n_lines - line) : 0;
		if (even != NULL && mask != 0)
			low = _mm512_maskz_loadu_ps(mask, even + line);
		if (odd != NULL && mask != 0)
			high = _mm512_maskz_loadu_ps(mask, odd + line);
		__m512i numbers = (__m512i)_mm512_cvtne2ps_pbh(high, low);
		_mm512_store_si512(tiles + line / LINES * strip, _mm512_permutexvar_epi16(interleave, numbers));
	}
}

/* 16 x 16 pairs in place. */
static void transpose_tile(uint16_t *tile)
{
	__m512i r[16], t[16];
	for (size_t i = 0; i < 16; i++)
		r[i] = _mm512_load_si512(tile + i * TILE_K);
	for (size_t i = 0; i < 16; i += 2) {
		t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
		t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
	}
	/* Then r[4g + c], in its quarter q, holds column 4q + c of rows 4g..4g + 3. */
	for (size_t i = 0; i < 16; i += 4) {
		r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
		r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
		r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
		r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
	}
	for (size_t c = 0; c < 4; c++) {
		__m512i even_low = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x88),
			even_high = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x88);
		__m512i odd_low = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xdd),
			odd_high = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xdd);
		_mm512_store_si512(tile + c * TILE_K, _mm512_shuffle_i32x4(even_low, even_high, 0x88));
		_mm512_store_si512(tile + (4 + c) * TILE_K, _mm512_shuffle_i32x4(odd_low, odd_high, 0x88));
		_mm512_store_si512(tile + (8 + c) * TILE_K, _mm512_shuffle_i32x4(even_low, even_high, 0xdd));
		_mm512_store_si512(tile + (12 + c) * TILE_K, _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd));
	}
}

/*
 * Memory is read in the order of storage, in long runs; the tiles are written
 * in whole cache lines. The number of lines is padded to a multiple of STEP,
 * that of k to TILE_K.
 */
void kernels_tiles_pack(const struct tiles *to, size_t line_first, size_t k_first, const struct bf16_operand *from,
			size_t n_lines, size_t n_k, bool as_pairs)
{
	size_t n_strips = round_up(n_lines, STEP) / LINES, n_deep = round_up(n_k, TILE_K) / TILE_K;
	size_t stride = from->stride, strip = to->n_deep * TILE; /* numbers from one strip of 16 lines to the next */
	uint16_t *tiles = to->data + line_first / LINES * strip + k_first / TILE_K * TILE;
	if (from->k_contiguous) {
		for (size_t line = 0; line < n_strips * LINES; line++) {
			uint16_t *row = tiles + line / LINES * strip + line % LINES * TILE_K;
			pack_line(row, line < n_lines ? from->data + line * stride : NULL, n_k);
		}
	} else {
		for (size_t k = 0; k < n_deep * TILE_K; k += 2) {
			uint16_t *row = tiles + k / TILE_K * TILE + k % TILE_K * LINES;
			const float *even = k < n_k ? from->data + k * stride : NULL;
			const float *odd = k + 1 < n_k ? from->data + (k + 1) * stride : NULL;
			pack_pair(row, even, odd, n_lines, strip);
		}
	}
	for (size_t i = 0; i < n_strips && from->k_contiguous == as_pairs; i++)
		for (size_t deep = 0; deep < n_deep; deep++)
			transpose_tile(tiles + i * strip + deep * TILE);
}

/* A step where C ends inside: by way of a whole block beside it. */
static void multiply_edge(const struct tile_level *level, struct tile_strips a, struct tile_strips b, size_t n_deep,
			  bool accumulate, float *c, size_t ldc, size_t n_rows, size_t n_columns)
{
	_Alignas(64) float block[STEP * STEP] = {0};
	for (size_t row = 0; row < n_rows && accumulate; row++)
		memcpy(block + row * STEP, c + row * ldc, n_columns * sizeof *c);
	level->step(a, b, n_deep, true, block, STEP);
	for (size_t row = 0; row < n_rows; row++)
		memcpy(c + row * ldc, block + row * STEP, n_columns * sizeof *c);
}

static struct tile_strips strips_at(const struct tiles *tiles, size_t line, size_t deep)
{
	return (struct tile_strips){tiles->data + line / LINES * tiles->n_deep * TILE + deep * TILE, tiles->n_deep * TILE};
}

/* One step of C at (row, column), for deep tiles of k from first_deep on. */
static void multiply_at(const struct tile_level *level, const struct tiles_product *p, size_t row, size_t column,
			size_t first_deep, size_t n_deep, bool accumulate)
{
	struct tile_strips a = strips_at(&p->a, p->a_line + row, p->a_k / TILE_K + first_deep);
	struct tile_strips b = strips_at(&p->b, p->b_line + column, p->b_k / TILE_K + first_deep);
	float *c = p->c + row * p->ldc + column;
	size_t rows = smaller(p->m - row, STEP), columns = smaller(p->n - column, STEP);
	if (rows == STEP && columns == STEP)
		level->step(a, b, n_deep, accumulate, c, p->ldc);
	else
		multiply_edge(level, a, b, n_deep, accumulate, c, p->ldc, rows, columns);
}

void kernels_tiles_multiply(const struct tile_level *level, const struct tiles_product *p)
{
	/* Equal blocks of k. */
	size_t n_deep = round_up(p->k, TILE_K) / TILE_K, n_blocks = (p->k + level->max_k - 1) / level->max_k;
	size_t block = (n_deep + n_blocks - 1) / n_blocks;
	if (level->begin != NULL)
		level->begin();
	for (size_t deep = 0; deep < n_deep; deep += block) {
		size_t n = smaller(n_deep - deep, block);
		bool accumulate = p->accumulate || deep > 0;
		/* The operand with fewer lines is walked again and again. */
		for (size_t row = 0; p->m >= p->n && row < p->m; row += STEP)
			for (size_t column = 0; column < p->n; column += STEP)
				multiply_at(level, p, row, column, deep, n, accumulate);
		for (size_t column = 0; p->m < p->n && column < p->n; column += STEP)
			for (size_t row = 0; row < p->m; row += STEP)
				multiply_at(level, p, row, column, deep, n, accumulate);
	}
	if (level->end != NULL)
		level->end();
}

/* The part of an operand from (line, k) on. */
static struct bf16_operand operand_at(const struct bf16_operand *operand, size_t line, size_t k)
{
	struct bf16_operand part = *operand;
	part.data += operand->k_contiguous ? line * operand->stride + k : k * operand->stride + line;
	return part;
}

void kernels_tiles_product(const struct tile_level *level, const struct bf16_product *p)
{
	/* Equal blocks of k, then as many rows and columns as their tiles have room for. */
	size_t n_blocks = (p->k + level->max_k - 1) / level->max_k, block_k = round_up((p->k + n_blocks - 1) / n_blocks, TILE_K);
	size_t block_rows = A_CAPACITY / block_k / STEP * STEP,
	       block_columns = smaller(level->b_capacity, B_CAPACITY) / block_k / STEP * STEP;
	for (size_t column = 0; column < p->n; column += block_columns)
		for (size_t k = 0; k < p->k; k += block_k) {
			size_t n_columns = smaller(p->n - column, block_columns), n_k = smaller(p->k - k, block_k);
			struct tiles a = {a_tiles, round_up(n_k, TILE_K) / TILE_K}, b = {b_tiles, a.n_deep};
			struct bf16_operand of_b = operand_at(&p->b, column, k);
			kernels_tiles_pack(&b, 0, 0, &of_b, n_columns, n_k, true);
			for (size_t row = 0; row < p->m; row += block_rows) {
				size_t n_rows = smaller(p->m - row, block_rows);
				struct bf16_operand of_a = operand_at(&p->a, row, k);
				kernels_tiles_pack(&a, 0, 0, &of_a, n_rows, n_k, false);
				kernels_tiles_multiply(level, &(struct tiles_product){.m = n_rows,
										      .n = n_columns,
										      .k = n_k,
										      .a = a,
										      .b = b,
										      .accumulate = p->accumulate || k > 0,
										      .c = p->c + row * p->ldc + column,
										      .ldc = p->ldc});
			}
		}
}
