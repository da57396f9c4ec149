/* What is a character, at the edges of the Unicode standard's table, and what is kept from screens. */
#include "pith/characters.h"

#include <string.h>

#include "unit.h"

/* The table of well-formed byte sequences of the Unicode standard (3-7), at its edges. */
static void test_characters(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		{"a", 1},
		{"\x7f", 1},
		{"\x80", 0},
		{"\xc1\xbf", 0},
		{"\xc2\x80", 2},
		{"\xdf\xbf", 2},
		{"\xe0\x9f\xbf", 0},
		{"\xe0\xa0\x80", 3},
		{"\xed\x9f\xbf", 3},
		{"\xed\xa0\x80", 0},
		{"\xee\x80\x80", 3},
		{"\xef\xbf\xbf", 3},
		{"\xf0\x8f\xbf\xbf", 0},
		{"\xf0\x90\x80\x80", 4},
		{"\xf4\x8f\xbf\xbf", 4},
		{"\xf4\x90\x80\x80", 0},
		{"\xf5\x80\x80\x80", 0},
		{"\xff", 0},
		{"\xc2", 0},
		{"\xe2\x82", 0},
		{"\xe2\x28\xa1", 0},
	};
	int32_t code;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(pith_character(cases[i].bytes, strlen(cases[i].bytes), &code), cases[i].length);
	assert_int_equal(pith_character("", 0, &code), 0);
	assert_int_equal(pith_character("\xe2\x82\xac!", 4, &code), 3);
	assert_int_equal(code, 0x20ac);
}

static void test_texts(void **state)
{
	(void)state;
	assert_true(pith_is_utf8("", 0));
	assert_true(pith_is_utf8("caf\xc3\xa9 \0 \xf0\x9f\x98\x80", 12));
	assert_false(pith_is_utf8("caf\xc3\xa9", 4));
	assert_false(pith_is_utf8("caf\xe9!", 5));
}

static void test_hidden(void **state)
{
	(void)state;
	static const int32_t hidden[] = {0,      '\n',   0x1b,   0x1f,   0x7f,   0x80,   0x9b,   0x9f,   0x061c, 0x200b, 0x200e,
	                                 0x200f, 0x2028, 0x202a, 0x202e, 0x2066, 0x2069, 0xfeff, 0xad,   0x034f, 0x115f, 0x180e,
	                                 0x2060, 0x2063, 0x206a, 0x3164, 0xfff9, 0x1d173, 0xe0041};
	static const int32_t shown[] = {-1,     ' ',    '~',    0xa0,   0xe9,   0x0301, 0x0601, 0x061b,
	                                0x200a, 0x200d, 0x2010, 0x2027, 0x202f, 0xfe0f, 0x1f600};
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		assert_true(pith_character_is_hidden(hidden[i]));
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
		assert_false(pith_character_is_hidden(shown[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_hidden),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
