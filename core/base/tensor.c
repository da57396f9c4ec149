#include "base/tensor.h"

#include <stdio.h>
#include <string.h>

#include "base/checked_size.h"
#include "base/tensor_blocks.h"

/* Numbers of a row stand in blocks of so many, each of so many bytes. */
static const struct {
	const char *name;
	size_t block, block_bytes;
} types[TENSOR_N_NUMBERS] = {
	[TENSOR_F32] = {"F32", 1, sizeof(float)},
	[TENSOR_F16] = {"F16", 1, sizeof(uint16_t)},
	[TENSOR_BF16] = {"BF16", 1, sizeof(uint16_t)},
	[TENSOR_Q8_0] = {"Q8_0", 32, sizeof(struct block_q8_0)},
	[TENSOR_Q4_0] = {"Q4_0", 32, sizeof(struct block_q4_0)},
	[TENSOR_Q4_1] = {"Q4_1", 32, sizeof(struct block_q4_1)},
	[TENSOR_Q5_0] = {"Q5_0", 32, sizeof(struct block_q5_0)},
	[TENSOR_Q5_1] = {"Q5_1", 32, sizeof(struct block_q5_1)},
	[TENSOR_Q2_K] = {"Q2_K", 256, sizeof(struct block_q2_k)},
	[TENSOR_Q3_K] = {"Q3_K", 256, sizeof(struct block_q3_k)},
	[TENSOR_Q4_K] = {"Q4_K", 256, sizeof(struct block_q4_k)},
	[TENSOR_Q5_K] = {"Q5_K", 256, sizeof(struct block_q5_k)},
	[TENSOR_Q6_K] = {"Q6_K", 256, sizeof(struct block_q6_k)},
};

const char *tensor_type_name(uint32_t type)
{
	return type < TENSOR_N_NUMBERS ? types[type].name : NULL;
}

void tensor_type_names(char *names, size_t size)
{
	size_t used = 0;
	names[0] = '\0';
	for (uint32_t type = 0; type < TENSOR_N_NUMBERS && used < size; type++)
		if (types[type].name != NULL)
			used += (size_t)snprintf(names + used, size - used, "%s%s", used > 0 ? ", " : "", types[type].name);
}

bool tensor_row_size(enum tensor_type type, size_t n, size_t *size)
{
	if (tensor_type_name((uint32_t)type) == NULL || n % types[type].block != 0)
		return false;
	return checked_multiply(n / types[type].block, types[type].block_bytes, size);
}

size_t tensor_n_elements(const struct tensor *tensor)
{
	size_t n = 1;
	for (int i = 0; i < tensor->n_dims; i++)
		n *= tensor->ne[i];
	return n;
}

static float float_from_bits(uint32_t bits)
{
	float value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

static uint32_t bits_from_float(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

float float_from_half(uint16_t half)
{
	uint32_t sign = (uint32_t)(half & 0x8000) << 16;
	uint32_t exponent = (half >> 10) & 0x1f;
	uint32_t mantissa = half & 0x3ff;
	if (exponent == 0x1f)
		return float_from_bits(sign | 0x7f800000 | mantissa << 13);
	if (exponent != 0)
		return float_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
	float value = (float)mantissa * 0x1.0p-24f; /* subnormal or zero */
	return sign ? -value : value;
}

uint16_t half_from_float(float value)
{
	uint32_t bits = bits_from_float(value);
	uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
	bits &= 0x7fffffff;
	if (bits > 0x7f800000)
		return sign | 0x7e00; /* NaN */
	if (bits >= 0x477ff000)
		return sign | 0x7c00; /* rounds to infinity */
	if (bits < 0x38800000) {
		/* Subnormal half: adding 0.5 makes the hardware round at the right bit. */
		uint32_t rounded = bits_from_float(float_from_bits(bits) + 0.5f);
		return (uint16_t)(sign | (rounded - 0x3f000000));
	}
	uint32_t rounded = bits + 0xfff + (bits >> 13 & 1);
	return (uint16_t)(sign | (rounded - 0x38000000) >> 13);
}

float float_from_bf16(uint16_t value)
{
	return float_from_bits((uint32_t)value << 16);
}

uint16_t bf16_from_float(float value)
{
	uint32_t bits = bits_from_float(value);
	if ((bits & 0x7fffffff) > 0x7f800000)
		return (uint16_t)(bits >> 16 | 0x40);
	return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
