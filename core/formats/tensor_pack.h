/* Floats into the types that files hold. */
#ifndef FORMATS_TENSOR_PACK_H
#define FORMATS_TENSOR_PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/tensor.h"

/*
 * A row of n floats as type, rounded to nearest; Q8_0 in blocks of 32 with one
 * scale each (n % 32 == 0). False for the types that are only read.
 */
bool tensor_pack_row(void *out, enum tensor_type type, const float *x, size_t n);

#endif
