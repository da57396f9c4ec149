#include "ops/products.h"

#include "kernels/matmul.h"
#include "kernels/matmul_bf16.h"

void product_nt(enum precision precision, size_t m, size_t n, size_t k, const float *a, const float *b, float beta, float *c)
{
	if (precision == PRECISION_BF16)
		matmul_bf16_nt(m, n, k, a, k, b, k, beta, c, n);
	else
		matmul_nt(NULL, m, n, k, a, k, b, k, beta, c, n);
}

void product_nn(enum precision precision, size_t m, size_t n, size_t k, const float *a, const float *b, float beta, float *c)
{
	if (precision == PRECISION_BF16)
		matmul_bf16_nn(m, n, k, a, k, b, n, beta, c, n);
	else
		matmul_nn(NULL, m, n, k, a, k, b, n, beta, c, n);
}

void product_tn(enum precision precision, size_t m, size_t n, size_t k, const float *a, const float *b, float beta, float *c)
{
	if (precision == PRECISION_BF16)
		matmul_bf16_tn(m, n, k, a, m, b, n, beta, c, n);
	else
		matmul_tn(NULL, m, n, k, a, m, b, n, beta, c, n);
}
