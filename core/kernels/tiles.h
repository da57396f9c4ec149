/*
 * Operands of bf16 products that are converted once and used in several: a
 * matrix in tiles, in memory of the caller. Only where matmul_bf16_available();
 * there is nothing here for other machines.
 *
 * An operand of C (m, n) = A B^T, A of m lines and B of n lines along k, is
 * cut into strips of 16 lines, each tile after tile along k. Lines are padded
 * with zeros to a multiple of 32, as is k.
 */
#ifndef KERNELS_TILES_H
#define KERNELS_TILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/matmul_bf16.h"

enum {
	TILES_LINES = 16,                   /* lines of an operand in a tile */
	TILES_K = 32,                       /* numbers of k in a tile */
	TILES_SIZE = TILES_LINES * TILES_K, /* numbers in a tile, 1 KiB */
	TILES_STEP = 32,                    /* lines are packed and multiplied in multiples of this */
};

/* Which operand: tiles for one are not tiles for the other. */
enum tiles_side { TILES_A, TILES_B };

struct tiles {
	uint16_t *data; /* 64-byte aligned */
	size_t n_deep;  /* tiles along k */
};

/* Numbers (of two bytes) in the tiles of n_lines lines along n_k. */
size_t tiles_size(size_t n_lines, size_t n_k);
/* Tiles for lines along n_k at data, nothing in them yet. */
struct tiles tiles_at(uint16_t *data, size_t n_k);
/* Converts n_lines lines along n_k into the tiles from (line, k) on, multiples of TILES_STEP and TILES_K. */
void tiles_pack(const struct tiles *to, enum tiles_side side, size_t line, size_t k, const struct bf16_operand *from,
		size_t n_lines, size_t n_k);

/* C (m, n), added to when accumulate, from the lines of A and B that begin at a_line and b_line, multiples of TILES_STEP. */
struct tiles_product {
	size_t m, n, k;
	struct tiles a, b;
	size_t a_line, b_line;
	size_t a_k, b_k; /* where k begins in each, multiples of TILES_K */
	bool accumulate;
	float *c;
	size_t ldc;
};
void tiles_multiply(const struct tiles_product *product);

#if defined(__x86_64__)
/* Two strips of an operand: the tiles of the second begin `second` numbers behind those of the first. */
struct tile_strips {
	const uint16_t *tiles;
	size_t second;
};

/* What multiplies tiles. Packing and the walk over C are the same for all (kernels_tiles.c). */
struct tile_level {
	const char *name;    /* as PITH_CPU has it */
	size_t max_k;        /* numbers of k in a block: short enough for two strips to stay in the first-level cache */
	size_t b_capacity;   /* numbers of B that are packed at a time: with A they fit the second-level cache */
	void (*begin)(void); /* before the steps of a product, and behind them; NULL: nothing to do */
	void (*end)(void);
	/* 32 x 32 of C, added to when accumulate, from two strips of A and two of B, n_deep tiles along k. */
	void (*step)(struct tile_strips a, struct tile_strips b, size_t n_deep, bool accumulate, float *c, size_t ldc);
};
extern const struct tile_level kernels_amx, kernels_avx512bf16;

void kernels_tiles_pack(const struct tiles *to, size_t line_first, size_t k_first, const struct bf16_operand *from,
			size_t n_lines, size_t n_k, bool as_pairs);
void kernels_tiles_multiply(const struct tile_level *level, const struct tiles_product *product);
void kernels_tiles_product(const struct tile_level *level, const struct bf16_product *product);
#endif

#endif
