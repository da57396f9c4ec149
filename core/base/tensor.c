#include "base/tensor.h"

#include <string.h>

#include "base/checked_size.h"

const char *tensor_type_name(uint32_t type)
{
	switch (type) {
	case TENSOR_F32: return "F32";
	case TENSOR_F16: return "F16";
	case TENSOR_Q8_0: return "Q8_0";
	case TENSOR_BF16: return "BF16";
	default: return NULL;
	}
}

bool tensor_row_size(enum tensor_type type, size_t n, size_t *size)
{
	switch (type) {
	case TENSOR_F32: return checked_multiply(n, 4, size);
	case TENSOR_F16:
	case TENSOR_BF16: return checked_multiply(n, 2, size);
	case TENSOR_Q8_0: return n % 32 == 0 && checked_multiply(n / 32, sizeof(struct block_q8_0), size);
	}
	return false;
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
