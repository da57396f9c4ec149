/*
 * How the ops on bf16 tiles share out the scratch of their caller. A layout is
 * walked twice: with base NULL to count the floats that it needs, then with
 * aligned memory to hand them out.
 */
#ifndef OPS_TILE_MEMORY_H
#define OPS_TILE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/tiles.h"

enum { TILE_MEMORY_SLACK = 16 }; /* floats more than a layout counts: room to align */

/* The first cache line of scratch. */
static inline float *tile_memory_begin(float *scratch)
{
	return (float *)(void *)(((uintptr_t)scratch + 63) / 64 * 64);
}

/* Takes n floats, a cache line apart; with base NULL it only counts. */
static inline float *tile_memory_take(float *base, size_t *used, size_t n)
{
	float *taken = base == NULL ? NULL : base + *used;
	*used += (n + 15) / 16 * 16;
	return taken;
}

static inline struct tiles tile_memory_take_tiles(float *base, size_t *used, size_t n_lines, size_t n_k)
{
	return tiles_at((uint16_t *)(void *)tile_memory_take(base, used, tiles_size(n_lines, n_k) / 2), n_k);
}

#endif
