#include "formats/tensor_pack.h"

#include <math.h>
#include <string.h>

#include "base/tensor_blocks.h"

static void pack_q8_0(struct block_q8_0 *out, const float *x, size_t n)
{
	for (size_t b = 0; b < n / 32; b++) {
		float largest = 0;
		for (size_t i = 0; i < 32; i++)
			largest = fmaxf(largest, fabsf(x[b * 32 + i]));
		float scale = largest / 127.0f;
		out[b].scale = half_from_float(scale);
		for (size_t i = 0; i < 32; i++)
			out[b].q[i] = (int8_t)lrintf(scale == 0 ? 0 : x[b * 32 + i] / scale);
	}
}

bool tensor_pack_row(void *out, enum tensor_type type, const float *x, size_t n)
{
	switch (type) {
	case TENSOR_F32: memcpy(out, x, n * sizeof *x); break;
	case TENSOR_Q8_0: pack_q8_0(out, x, n); break;
	case TENSOR_BF16:
		for (size_t i = 0; i < n; i++)
			((uint16_t *)out)[i] = bf16_from_float(x[i]);
		break;
	case TENSOR_F16:
		for (size_t i = 0; i < n; i++)
			((uint16_t *)out)[i] = half_from_float(x[i]);
		break;
	default: return false;
	}
	return true;
}
