/* Chooses between AMX tiles, AVX512_BF16 and the fp32 products. */
#define _GNU_SOURCE
#include "kernels/matmul_bf16.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "kernels/matmul.h"
#include "kernels/tiles.h"

#if defined(__x86_64__)
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct tile_level *level;

static bool processor_has_bf16(void)
{
	unsigned a, b, c, d;
	if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & 1u << 5))
		return false; /* AVX512_BF16 */
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

static bool processor_has_tiles(void)
{
	unsigned a, b, c, d;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & 1u << 22) && (d & 1u << 24); /* AMX-BF16, AMX-TILE */
}

/* The tiles are 8 KiB of registers that Linux saves only for processes that asked. All threads share the leave. */
static bool ask_for_tiles(void)
{
#if defined(__linux__)
	enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
	return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
	return false;
#endif
}

static void look(void)
{
	static const char *const lower[] = {"ref", "avx2", "avx512"};
	const char *wanted = getenv("PITH_CPU");
	for (size_t i = 0; wanted != NULL && i < sizeof lower / sizeof *lower; i++)
		if (strcmp(wanted, lower[i]) == 0)
			return;
	if (!processor_has_bf16())
		return;
	bool vectors = wanted != NULL && strcmp(wanted, kernels_avx512bf16.name) == 0;
	level = !vectors && processor_has_tiles() && ask_for_tiles() ? &kernels_amx : &kernels_avx512bf16;
}

const char *matmul_bf16_level(void)
{
	pthread_once(&once, look);
	return level == NULL ? NULL : level->name;
}

static void multiply_tiles(const struct bf16_product *product)
{
	kernels_tiles_product(level, product);
}

void tiles_pack(const struct tiles *to, enum tiles_side side, size_t line, size_t k, const struct bf16_operand *from,
		size_t n_lines, size_t n_k)
{
	kernels_tiles_pack(to, line, k, from, n_lines, n_k, side == TILES_B);
}

void tiles_multiply(const struct tiles_product *product)
{
	kernels_tiles_multiply(level, product);
}
#else
const char *matmul_bf16_level(void)
{
	return NULL;
}

static void multiply_tiles(const struct bf16_product *product)
{
	(void)product; /* never available */
}

void tiles_pack(const struct tiles *to, enum tiles_side side, size_t line, size_t k, const struct bf16_operand *from,
		size_t n_lines, size_t n_k)
{
	(void)to, (void)side, (void)line, (void)k, (void)from, (void)n_lines, (void)n_k;
}

void tiles_multiply(const struct tiles_product *product)
{
	(void)product;
}
#endif

bool matmul_bf16_available(void)
{
	return matmul_bf16_level() != NULL;
}

size_t tiles_size(size_t n_lines, size_t n_k)
{
	size_t lines = (n_lines + TILES_STEP - 1) / TILES_STEP * TILES_STEP;
	return lines * ((n_k + TILES_K - 1) / TILES_K * TILES_K);
}

struct tiles tiles_at(uint16_t *data, size_t n_k)
{
	return (struct tiles){data, (n_k + TILES_K - 1) / TILES_K};
}

void matmul_bf16_nt(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
		    size_t ldc)
{
	if (!matmul_bf16_available() || k == 0)
		matmul_nt(NULL, m, n, k, a, lda, b, ldb, beta, c, ldc);
	else
		multiply_tiles(&(struct bf16_product){m, n, k, {a, lda, true}, {b, ldb, true}, beta != 0, c, ldc});
}

void matmul_bf16_nn(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
		    size_t ldc)
{
	if (!matmul_bf16_available() || k == 0)
		matmul_nn(NULL, m, n, k, a, lda, b, ldb, beta, c, ldc);
	else
		multiply_tiles(&(struct bf16_product){m, n, k, {a, lda, true}, {b, ldb, false}, beta != 0, c, ldc});
}

void matmul_bf16_tn(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, float beta, float *c,
		    size_t ldc)
{
	if (!matmul_bf16_available() || k == 0)
		matmul_tn(NULL, m, n, k, a, lda, b, ldb, beta, c, ldc);
	else
		multiply_tiles(&(struct bf16_product){m, n, k, {a, lda, false}, {b, ldb, false}, beta != 0, c, ldc});
}
