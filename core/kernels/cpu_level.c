/* What PITH_CPU asks for, and what runs. */
#define _POSIX_C_SOURCE 200809L
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "kernels/kernels.h"
#include "kernels/matmul_bf16.h"
#include "pith/model.h"

enum pith_status pith_cpu_check(const char **level, struct pith_error *err)
{
	static const char *const known[] = {"ref", "avx2", "avx512", "avx512bf16", "amx", "neon"};
	const char *wanted = getenv("PITH_CPU"), *bf16 = matmul_bf16_level();
	const char *runs = bf16 != NULL ? bf16 : kernels_get()->name;
	if (level != NULL)
		*level = runs;
	if (wanted == NULL || wanted[0] == '\0' || strcmp(wanted, runs) == 0)
		return PITH_OK;
	bool is_known = false;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		is_known = is_known || strcmp(wanted, known[i]) == 0;
	if (!is_known)
		return fail(err, PITH_BAD_ARGUMENT,
		            "PITH_CPU is \"%.40s\"; there are ref, avx2, avx512, avx512bf16, amx and neon.", wanted);
	return fail(err, PITH_UNSUPPORTED, "This machine has no %s, which PITH_CPU asks for: %s runs in its place.", wanted,
	            runs);
}
