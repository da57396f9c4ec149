/*
 * Matrix products: the only file that knows BLAS. Row-major, fp32 results.
 * A few rows with B transposed, as a token that is generated has, go by dot
 * products instead, on the calling thread.
 *
 * OpenBLAS is told to stay on one thread; the pool splits the rows of C. Called
 * with pool NULL a product runs on the calling thread (training runs one
 * micro-batch a thread so).
 */
#ifndef KERNELS_MATMUL_H
#define KERNELS_MATMUL_H

#include <stddef.h>

#include "base/tensor.h"
#include "base/thread_pool.h"

/* C (m, n) = beta C + A (m, k) B^T, B (n, k). lda, ldb, ldc: floats from one row to the next. beta is 0 or 1. */
void matmul_nt(struct thread_pool *pool, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
	       float beta, float *c, size_t ldc);
/* C (m, n) = beta C + A (m, k) B, B (k, n). */
void matmul_nn(struct thread_pool *pool, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
	       float beta, float *c, size_t ldc);
/* C (m, n) = beta C + A^T B, A (k, m), B (k, n). */
void matmul_tn(struct thread_pool *pool, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
	       float beta, float *c, size_t ldc);

/*
 * y (n_tokens, n_out) = x (n_tokens, n_in) W^T for W of any type: n_out rows of
 * n_in numbers. Few tokens: dot products straight from the packed rows. Many:
 * rows are unpacked in panels that stay in cache, then multiplied by BLAS.
 */
void matmul_weights(struct thread_pool *pool, size_t n_tokens, size_t n_out, size_t n_in, const float *x, enum tensor_type type,
		    const void *weights, float *y);

#endif
