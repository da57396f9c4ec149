/* Arithmetic on sizes that come from files: each returns false instead of wrapping. */
#ifndef BASE_CHECKED_SIZE_H
#define BASE_CHECKED_SIZE_H

#include <stdbool.h>
#include <stddef.h>

static inline bool checked_multiply(size_t a, size_t b, size_t *product)
{
	return !__builtin_mul_overflow(a, b, product);
}

static inline bool checked_add(size_t a, size_t b, size_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

/* Is [offset, offset + length) inside [0, size)? */
static inline bool range_inside(size_t offset, size_t length, size_t size)
{
	return offset <= size && length <= size - offset;
}

#endif
