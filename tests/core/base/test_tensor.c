/* Conversions of single numbers over every half and bf16, against numpy and the gguf package; row sizes. */
#include <math.h>
#include <string.h>

#include "base/tensor.h"
#include "unit.h"

/* Printed by make_golden.py: sums over i of value_i * (2 i + 1), NaN counted as 0. */
static const uint64_t SUM_FLOAT_FROM_HALF = 0x9a0971d14c800000;
static const uint64_t SUM_HALF_FROM_FLOAT = 0x007d85f8670e767c;
static const uint64_t SUM_HALF_FROM_FLOAT_NEAR = 0x00591ffe2fe8ba8e;
static const uint64_t SUM_BF16_FROM_FLOAT = 0x007f40345448a0c6;

static float from_bits(uint32_t bits)
{
	float value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

static uint32_t to_bits(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

/* The 2^20 numbers that make_golden.py converts. */
static uint32_t number_bits(uint64_t i)
{
	return (uint32_t)(i * 2654435761u);
}

static void test_every_half_has_its_value(void **state)
{
	(void)state;
	uint64_t sum = 0;
	for (uint32_t i = 0; i < 65536; i++) {
		float value = float_from_half((uint16_t)i);
		int exponent = i >> 10 & 31;
		int mantissa = i & 1023;
		double expected = exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);
		if (exponent == 31 && mantissa != 0) {
			assert_true(isnan(value));
			continue;
		}
		if (exponent == 31)
			expected = INFINITY;
		assert_true((double)value == (i & 0x8000 ? -expected : expected));
		assert_int_equal(signbit(value) != 0, i >> 15);
		sum += to_bits(value) * (2 * (uint64_t)i + 1);
	}
	assert_true(sum == SUM_FLOAT_FROM_HALF);
}

static void test_every_half_comes_back(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 65536; i++) {
		uint16_t back = half_from_float(float_from_half((uint16_t)i));
		if ((i & 0x7fff) > 0x7c00)
			assert_true((back & 0x7fff) > 0x7c00 && (back & 0x8000) == (i & 0x8000));
		else
			assert_int_equal(back, i);
	}
}

/* Between each pair of neighbours: the middle goes to the even one, a little off it to the nearer one. */
static void test_halves_round_to_nearest_even(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 0x7c00; i++) {
		float low = float_from_half((uint16_t)i);
		float high = i == 0x7bff ? 65536.0f : float_from_half((uint16_t)(i + 1));
		float middle = low + (high - low) / 2;
		assert_int_equal(half_from_float(middle), i % 2 == 0 ? i : i + 1);
		assert_int_equal(half_from_float(nextafterf(middle, 0)), i);
		assert_int_equal(half_from_float(nextafterf(middle, INFINITY)), i + 1);
		assert_int_equal(half_from_float(-middle), (i % 2 == 0 ? i : i + 1) | 0x8000);
	}
}

static void test_floats_to_halves_as_numpy(void **state)
{
	(void)state;
	uint64_t sum = 0, near_sum = 0;
	for (uint64_t i = 0; i < 1 << 20; i++) {
		uint32_t bits = number_bits(i);
		if (!isnan(from_bits(bits)))
			sum += half_from_float(from_bits(bits)) * (2 * i + 1);
		uint32_t near = ((bits >> 4) % (48u << 23) + (100u << 23)) | (bits & 1) << 31;
		near_sum += half_from_float(from_bits(near)) * (2 * i + 1);
	}
	assert_true(sum == SUM_HALF_FROM_FLOAT);
	assert_true(near_sum == SUM_HALF_FROM_FLOAT_NEAR);
}

static void test_bf16(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 65536; i++) {
		float value = float_from_bf16((uint16_t)i);
		assert_int_equal(to_bits(value), i << 16);
		if (isnan(value))
			assert_true(isnan(float_from_bf16(bf16_from_float(value))));
		else
			assert_int_equal(bf16_from_float(value), i);
	}
	/* A NaN whose only bits are the ones cut off must stay one. */
	assert_true(isnan(float_from_bf16(bf16_from_float(from_bits(0x7f800001)))));
	uint64_t sum = 0;
	for (uint64_t i = 0; i < 1 << 20; i++)
		if (!isnan(from_bits(number_bits(i))))
			sum += bf16_from_float(from_bits(number_bits(i))) * (2 * i + 1);
	assert_true(sum == SUM_BF16_FROM_FLOAT);
}

static void test_row_sizes(void **state)
{
	(void)state;
	size_t size;
	assert_true(tensor_row_size(TENSOR_F32, 7, &size));
	assert_int_equal(size, 28);
	assert_true(tensor_row_size(TENSOR_BF16, 7, &size));
	assert_int_equal(size, 14);
	assert_true(tensor_row_size(TENSOR_Q8_0, 64, &size));
	assert_int_equal(size, 68);
	assert_false(tensor_row_size(TENSOR_Q8_0, 33, &size));
	assert_false(tensor_row_size(TENSOR_F32, SIZE_MAX / 4 + 1, &size));
	assert_true(tensor_row_size(TENSOR_Q4_K, 512, &size));
	assert_int_equal(size, 288);
	assert_false(tensor_row_size(TENSOR_Q4_K, 32, &size));
	assert_false(tensor_row_size((enum tensor_type)16, 256, &size));
	assert_false(tensor_row_size((enum tensor_type)TENSOR_N_NUMBERS, 256, &size));
	assert_null(tensor_type_name(16));
	assert_null(tensor_type_name(UINT32_MAX));
	assert_string_equal(tensor_type_name(TENSOR_Q8_0), "Q8_0");
	const struct tensor tensor = {.n_dims = 3, .ne = {2, 3, 5, 1}};
	assert_int_equal(tensor_n_elements(&tensor), 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_half_has_its_value),
		cmocka_unit_test(test_every_half_comes_back),
		cmocka_unit_test(test_halves_round_to_nearest_even),
		cmocka_unit_test(test_floats_to_halves_as_numpy),
		cmocka_unit_test(test_bf16),
		cmocka_unit_test(test_row_sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
