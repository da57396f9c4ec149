#define _POSIX_C_SOURCE 200809L
#include "base/aligned.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

float *aligned_floats(size_t n)
{
	void *data;
	if (n >= SIZE_MAX / sizeof(float) || posix_memalign(&data, 64, (n + 1) * sizeof(float)) != 0)
		return NULL;
	memset(data, 0, n * sizeof(float));
	return data;
}
