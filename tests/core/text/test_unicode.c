/* Classes and decoding against Python's unicodedata and UTF-8 decoder (golden_text.py). */
#include "text/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text/golden_lines.h"

static json_t *file; /* read once, for the whole program */

static int close_golden(void **state)
{
	(void)state;
	json_decref(file);
	return 0;
}

static const json_t *golden(const char *key, size_t n_least)
{
	if (file == NULL)
		file = json_load_file(GOLDEN_DIR "golden_unicode.json", 0, NULL);
	assert_non_null(file);
	const json_t *rows = json_object_get(file, key);
	assert_true(json_array_size(rows) >= n_least);
	return rows;
}

static void test_classes(void **state)
{
	(void)state;
	size_t i;
	const json_t *row;
	json_array_foreach((json_t *)golden("classes", 1000), i, row) {
		int32_t want[5];
		for (size_t j = 0; j < 5; j++)
			want[j] = (int32_t)json_integer_value(json_array_get(row, j));
		int32_t code = want[0];
		const int32_t got[5] = {code, unicode_is_letter(code), unicode_is_digit(code), unicode_is_space(code),
		                        unicode_lower(code)};
		if (memcmp(got, want, sizeof got) != 0)
			fail_msg("U+%04X: letter %d digit %d space %d lower %X", (unsigned)code, got[1], got[2], got[3],
			         (unsigned)got[4]);
	}
}

static size_t from_hex(const char *hex, char *bytes)
{
	size_t n = strlen(hex) / 2;
	for (size_t i = 0; i < n; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
		bytes[i] = (char)strtoul(digits, NULL, 16);
	}
	return n;
}

static void test_byte_strings(void **state)
{
	(void)state;
	size_t i;
	const json_t *row;
	json_array_foreach((json_t *)golden("bytes", 300), i, row) {
		char bytes[128], repaired[512];
		size_t length = from_hex(json_string_value(json_array_get(row, 0)), bytes);
		size_t n_repaired = from_hex(json_string_value(json_array_get(row, 3)), repaired);
		assert_int_equal(unicode_valid_length(bytes, length), json_integer_value(json_array_get(row, 1)));
		assert_int_equal(unicode_incomplete_tail(bytes, length), json_integer_value(json_array_get(row, 2)));
		struct buffer out = {0};
		assert_true(unicode_append_repaired(&out, bytes, length));
		assert_int_equal(out.length, n_repaired);
		if (n_repaired > 0)
			assert_memory_equal(out.data, repaired, n_repaired);
		buffer_free(&out);
	}
}

static void test_next(void **state)
{
	(void)state;
	int32_t code;
	assert_int_equal(unicode_next("\xf0\x9f\x98\x80", 4, &code), 4);
	assert_int_equal(code, 0x1f600);
	assert_int_equal(unicode_next("\xf0\x9f\x98\x80", 3, &code), 1); /* cut short */
	assert_int_equal(code, -1);
	assert_int_equal(unicode_next("\0", 1, &code), 1);
	assert_int_equal(code, 0);
	assert_int_equal(unicode_next("\xc3\xa9", 2, &code), 2);
	assert_int_equal(code, 0xe9);
}

static void test_no_character_has_no_class(void **state)
{
	(void)state;
	assert_false(unicode_is_letter(-1) || unicode_is_digit(-1) || unicode_is_space(-1));
	assert_int_equal(unicode_lower(-1), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),   cmocka_unit_test(test_byte_strings),
		cmocka_unit_test(test_next),      cmocka_unit_test(test_no_character_has_no_class),
	};
	return cmocka_run_group_tests(tests, NULL, close_golden);
}
