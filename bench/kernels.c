/*
 * Speed of the kernels, level beside level, and of the matrix products, fp32
 * beside bf16: the best of several alternating rounds on one thread.
 *
 * Usage: bench_kernels [rounds]. Numbers of sgemm depend on the core type that
 * OpenBLAS takes (OPENBLAS_CORETYPE in the environment).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/tensor.h"
#include "base/tensor_blocks.h"
#include "kernels/kernels.h"
#include "kernels/matmul.h"
#include "kernels/matmul_bf16.h"

enum { N = 2048, REPEATS = 2000, MAX_TABLES = 8 };

/* The arrays of every kernel: 8 KiB each, so that all of one call stay in the first-level cache. */
static float x[N], y[N], z[N], m[N], v[N];
static uint16_t halves[N];
static struct block_q8_0 blocks[N / 32];
static struct block_q4_k blocks_of_4[N / 256];
static struct block_q6_k blocks_of_6[N / 256];
static volatile float sink;

static const struct adamw_step step = {1e-4f, 0.9f, 0.95f, 1.1f, 1.2f, 1e-8f, 0.01f, 1};

static const char *const entry_names[] = {"dot_f32",  "dot_f16",  "dot_bf16", "dot_q8_0", "row_q8_0",      "dot_q4_k", "row_q4_k",
					  "dot_q6_k", "row_q6_k", "axpy",     "exp_sum",  "silu_multiply", "adamw"};
enum { N_ENTRIES = sizeof entry_names / sizeof *entry_names };

static void call(const struct kernels *k, int entry)
{
	switch (entry) {
	case 0: sink = k->dot_f32(x, y, N); break;
	case 1: sink = k->of_type[TENSOR_F16].dot(halves, y, N); break;
	case 2: sink = k->of_type[TENSOR_BF16].dot(halves, y, N); break;
	case 3: sink = k->of_type[TENSOR_Q8_0].dot(blocks, y, N); break;
	case 4: k->of_type[TENSOR_Q8_0].row(z, blocks, N); break;
	case 5: sink = k->of_type[TENSOR_Q4_K].dot(blocks_of_4, y, N); break;
	case 6: k->of_type[TENSOR_Q4_K].row(z, blocks_of_4, N); break;
	case 7: sink = k->of_type[TENSOR_Q6_K].dot(blocks_of_6, y, N); break;
	case 8: k->of_type[TENSOR_Q6_K].row(z, blocks_of_6, N); break;
	case 9: k->axpy(z, 0.5f, x, N); break;
	case 10: sink = k->exp_sum(z, 0, N); break;
	case 11: k->silu_multiply(z, x, y, N); break;
	case 12: k->adamw(z, m, v, y, &step, N); break;
	}
}

static void fill(void)
{
	struct random_state random_numbers;
	random_seed(&random_numbers, 1);
	for (size_t i = 0; i < N; i++) {
		x[i] = (float)random_normal(&random_numbers);
		y[i] = (float)random_normal(&random_numbers);
		z[i] = m[i] = v[i] = 0;
		halves[i] = half_from_float(x[i]);
		blocks[i / 32].scale = half_from_float(0.01f);
		blocks[i / 32].q[i % 32] = (int8_t)(x[i] * 30);
	}
}

static void bench_entries(int rounds)
{
	const struct kernels *tables[MAX_TABLES];
	size_t n_tables = kernels_available(tables, MAX_TABLES);
	printf("billions of numbers a second, arrays of %d numbers\n%-14s", N, "");
	for (size_t t = 0; t < n_tables; t++)
		printf(" %8s", tables[t]->name);
	printf("\n");
	for (int entry = 0; entry < N_ENTRIES; entry++) {
		double best[MAX_TABLES] = {0};
		for (int round = 0; round < rounds; round++)
			for (size_t t = 0; t < n_tables; t++) {
				fill();
				double start = clock_seconds();
				for (int i = 0; i < REPEATS; i++)
					call(tables[t], entry);
				double rate = (double)REPEATS * N / (clock_seconds() - start) * 1e-9;
				best[t] = rate > best[t] ? rate : best[t];
			}
		printf("%-14s", entry_names[entry]);
		for (size_t t = 0; t < n_tables; t++)
			printf(" %8.2f", best[t]);
		printf("\n");
	}
}

struct product {
	char form; /* 't': A B^T, 'n': A B, 'T': A^T B */
	size_t m, n, k;
};

static double time_product(const struct product *p, int bf16, const float *a, const float *b, float *c)
{
	size_t lda = p->form == 'T' ? p->m : p->k, ldb = p->form == 't' ? p->k : p->n;
	double start = clock_seconds();
	if (bf16)
		(p->form == 't'   ? matmul_bf16_nt
		 : p->form == 'n' ? matmul_bf16_nn
				  : matmul_bf16_tn)(p->m, p->n, p->k, a, lda, b, ldb, 0, c, p->n);
	else
		(p->form == 't'   ? matmul_nt
		 : p->form == 'n' ? matmul_nn
				  : matmul_tn)(NULL, p->m, p->n, p->k, a, lda, b, ldb, 0, c, p->n);
	return clock_seconds() - start;
}

static void bench_product(const struct product *p, int rounds)
{
	size_t n_a = p->m * p->k, n_b = p->n * p->k, n_c = p->m * p->n;
	float *array = malloc((n_a + n_b + n_c) * sizeof *array);
	if (array == NULL) {
		fprintf(stderr, "Not enough memory.\n");
		exit(1);
	}
	for (size_t i = 0; i < n_a + n_b + n_c; i++)
		array[i] = (float)(i % 17) - 8;
	double best[2] = {1e9, 1e9};
	for (int round = 0; round < rounds; round++)
		for (int bf16 = 0; bf16 < 2; bf16++) {
			double time = time_product(p, bf16, array, array + n_a, array + n_a + n_b);
			best[bf16] = time < best[bf16] ? time : best[bf16];
		}
	double work = 2e-9 * (double)p->m * (double)p->n * (double)p->k;
	printf("%-3s %5zu %5zu %5zu %9.0f %9.0f %8.1f\n",
	       p->form == 't'   ? "nt"
	       : p->form == 'n' ? "nn"
				: "tn",
	       p->m, p->n, p->k, work / best[0], work / best[1], best[0] / best[1]);
	free(array);
}

int main(int argc, char **argv)
{
	static const struct product products[] = {
		{'t', 2048, 256, 256}, {'t', 2048, 768, 256}, {'t', 2048, 256, 768}, {'n', 2048, 256, 768},
		{'n', 2048, 768, 256}, {'T', 256, 256, 2048}, {'T', 256, 768, 2048}, {'t', 512, 8192, 256},
		{'n', 512, 256, 8192}, {'T', 8192, 256, 512}, {'t', 96, 256, 256},   {'t', 2048, 1024, 1024},
	};
	int rounds = argc > 1 ? atoi(argv[1]) : 10;
	bench_entries(rounds);
	const char *level = matmul_bf16_level();
	printf("\nGFLOP/s of one thread, bf16 by %s\n        m     n     k     fp32      bf16    ratio\n",
	       level == NULL ? "fp32, as there is neither AMX nor AVX512_BF16" : level);
	for (size_t i = 0; i < sizeof products / sizeof *products; i++)
		bench_product(&products[i], rounds);
	return 0;
}
