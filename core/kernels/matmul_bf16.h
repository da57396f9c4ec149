/*
 * Matrix products for training with operands rounded to bf16 (nearest even)
 * and sums in fp32: several times faster than sgemm where the processor has
 * AMX tiles, twice as fast where it has AVX512_BF16. fp32 in, fp32 out;
 * operands are converted block by block on the way into the cache. Subnormal
 * numbers count as zero.
 *
 * Everything runs on the calling thread, from thread-local scratch. Where
 * there is neither these are the fp32 products of matmul.h, so callers need no
 * branch.
 */
#ifndef KERNELS_MATMUL_BF16_H
#define KERNELS_MATMUL_BF16_H

#include <stdbool.h>
#include <stddef.h>

/* Does this machine have either, and for AMX the system's leave to use it? PITH_CPU set to a lower level says no. */
bool matmul_bf16_available(void);
/* Which one it is, as PITH_CPU has it: "amx" or "avx512bf16"; NULL where there is neither. */
const char *matmul_bf16_level(void);

/* C (m, n) = beta C + A (m, k) B^T, B (n, k). Arguments as in matmul.h. */
void matmul_bf16_nt(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
		    size_t ldc);
/* C (m, n) = beta C + A (m, k) B, B (k, n). */
void matmul_bf16_nn(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
		    size_t ldc);
/* C (m, n) = beta C + A^T B, A (k, m), B (k, n). */
void matmul_bf16_tn(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
		    size_t ldc);

/* One operand: its lines are the rows of C (for A) or the columns of C (for B). */
struct bf16_operand {
	const float *data;
	size_t stride;     /* floats from one stored row to the next */
	bool k_contiguous; /* stored (lines, k); otherwise (k, lines) */
};

struct bf16_product {
	size_t m, n, k;
	struct bf16_operand a, b;
	bool accumulate;
	float *c;
	size_t ldc;
};

#endif
