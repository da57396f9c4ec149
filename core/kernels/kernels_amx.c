/*
 * Steps of bf16 products on AMX tiles (Intel SDM, TDPBF16PS): C is held in
 * 2 x 2 tiles. Compiled with its own flags; calls no inline function of other
 * headers.
 */
#include "kernels/tiles.h"

#include <immintrin.h>
#include <stdint.h>

enum {
	LINES = TILES_LINES,
	TILE = TILES_SIZE,
	STEP = TILES_STEP,
	ROW_BYTES = 64, /* of a tile */
};

/* Palette 1: all eight tiles whole. Layout: LDTILECFG in the SDM. */
struct tile_config {
	uint8_t palette, start_row, reserved[14];
	uint16_t bytes_per_row[16];
	uint8_t rows[16];
};

/* Constant: gcc 12 takes the intrinsic to read 8 bytes and drops stores into a configuration made on the stack. */
static const _Alignas(64) struct tile_config config = {
	.palette = 1,
	.bytes_per_row = {ROW_BYTES, ROW_BYTES, ROW_BYTES, ROW_BYTES, ROW_BYTES, ROW_BYTES, ROW_BYTES, ROW_BYTES},
	.rows = {LINES, LINES, LINES, LINES, LINES, LINES, LINES, LINES},
};

static void configure(void)
{
	_tile_loadconfig(&config);
}

static void release(void)
{
	_tile_release();
}

/* Tiles 0..3 are C, 4 and 5 A, 6 and 7 B. */
static void step(struct tile_strips a, struct tile_strips b, size_t n_deep, bool accumulate, float *c, size_t ldc)
{
	size_t row_bytes = ldc * sizeof *c;
	if (accumulate) {
		_tile_loadd(0, c, row_bytes);
		_tile_loadd(1, c + LINES, row_bytes);
		_tile_loadd(2, c + LINES * ldc, row_bytes);
		_tile_loadd(3, c + LINES * ldc + LINES, row_bytes);
	} else {
		/* The lines of C that will be written come while the tiles multiply; one may begin anywhere in a line. */
		for (size_t row = 0; row < STEP; row++) {
			__builtin_prefetch(c + row * ldc, 1);
			__builtin_prefetch(c + row * ldc + LINES, 1);
			__builtin_prefetch(c + row * ldc + STEP - 1, 1);
		}
		_tile_zero(0);
		_tile_zero(1);
		_tile_zero(2);
		_tile_zero(3);
	}
	for (size_t deep = 0; deep < n_deep; deep++) {
		_tile_loadd(4, a.tiles + deep * TILE, ROW_BYTES);
		_tile_loadd(6, b.tiles + deep * TILE, ROW_BYTES);
		_tile_dpbf16ps(0, 4, 6);
		_tile_loadd(7, b.tiles + b.second + deep * TILE, ROW_BYTES);
		_tile_dpbf16ps(1, 4, 7);
		_tile_loadd(5, a.tiles + a.second + deep * TILE, ROW_BYTES);
		_tile_dpbf16ps(2, 5, 6);
		_tile_dpbf16ps(3, 5, 7);
	}
	_tile_stored(0, c, row_bytes);
	_tile_stored(1, c + LINES, row_bytes);
	_tile_stored(2, c + LINES * ldc, row_bytes);
	_tile_stored(3, c + LINES * ldc + LINES, row_bytes);
}

/* B of 1 MiB: every processor with AMX has a second-level cache of 2 MiB. */
const struct tile_level kernels_amx = {
	.name = "amx", .max_k = 512, .b_capacity = 512 * 1024, .begin = configure, .end = release, .step = step};
