/*
 * Which level of kernels this machine runs. Levels are tried in rising order;
 * each starts from the table below it, so a level may leave an entry as it is.
 */
#define _POSIX_C_SOURCE 200809L
#include "kernels/kernels.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <stdbool.h>
#endif

enum { MAX_LEVELS = 4 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct kernels levels[MAX_LEVELS];
static size_t n_levels;
static const struct kernels *chosen;

static void add_level(void (*init)(struct kernels *table), void (*init_weights)(struct kernels *table))
{
	if (n_levels > 0)
		levels[n_levels] = levels[n_levels - 1];
	init(&levels[n_levels]);
	init_weights(&levels[n_levels]);
	n_levels++;
}

#if defined(__x86_64__)
/* Half precision conversion has a CPUID bit of its own, which clang's builtin does not know. */
static bool has_f16c(void)
{
	unsigned a, b, c, d;
	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

static void add_machine_levels(void)
{
#if defined(__x86_64__)
	/* The builtin also asks whether the operating system saves the wide registers. */
	__builtin_cpu_init();
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !has_f16c())
		return;
	add_level(kernels_init_avx2, kernels_init_weights_avx2);
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("avx512vl"))
		add_level(kernels_init_avx512, kernels_init_weights_avx512);
#elif defined(__aarch64__)
	add_level(kernels_init_neon, kernels_init_weights_neon); /* every 64-bit ARM has it */
#endif
}

static void choose(void)
{
	add_level(kernels_init_ref, kernels_init_weights_ref);
	add_machine_levels();
	chosen = &levels[n_levels - 1];
	const char *wanted = getenv("PITH_CPU");
	for (size_t i = 0; wanted != NULL && i < n_levels; i++)
		if (strcmp(levels[i].name, wanted) == 0)
			chosen = &levels[i];
}

const struct kernels *kernels_get(void)
{
	pthread_once(&once, choose);
	return chosen;
}

void kernels_unpack(float *out, enum tensor_type type, const void *data, size_t first, size_t n)
{
	size_t begin;
	/* Shapes were checked against the type's blocks when the weights were loaded. */
	if (tensor_row_size(type, first, &begin))
		kernels_get()->of_type[type].row(out, (const uint8_t *)data + begin, n);
}

size_t kernels_available(const struct kernels **tables, size_t capacity)
{
	pthread_once(&once, choose);
	size_t n = n_levels < capacity ? n_levels : capacity;
	for (size_t i = 0; i < n; i++)
		tables[i] = &levels[i];
	return n;
}
