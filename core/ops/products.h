/*
 * Dense products in the precision that the caller asked for: contiguous
 * operands, the calling thread. bf16 falls back to fp32 where the CPU lacks it.
 */
#ifndef OPS_PRODUCTS_H
#define OPS_PRODUCTS_H

#include "ops/ops.h"

/* C (m, n) = beta C + A (m, k) B (n, k)^T. */
void product_nt(enum precision precision, size_t m, size_t n, size_t k, const float *a, const float *b, float beta, float *c);
/* C (m, n) = beta C + A (m, k) B (k, n). */
void product_nn(enum precision precision, size_t m, size_t n, size_t k, const float *a, const float *b, float beta, float *c);
/* C (m, n) = beta C + A (k, m)^T B (k, n). */
void product_tn(enum precision precision, size_t m, size_t n, size_t k, const float *a, const float *b, float beta, float *c);

#endif
