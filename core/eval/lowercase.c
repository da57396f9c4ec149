/*
 * Lower case as Python's str.lower(): the full mapping of the Unicode standard.
 * Beyond the one-to-one table it has two rules: U+0130 becomes i with a dot
 * above, and a capital sigma that ends a word becomes the final form.
 */
#include "eval/words.h"

#include <string.h>
#include <utf8proc.h>

#include "text/unicode.h"

enum {
	DOTTED_CAPITAL_I = 0x130,
	COMBINING_DOT_ABOVE = 0x307,
	CAPITAL_SIGMA = 0x3a3,
	SMALL_FINAL_SIGMA = 0x3c2,
	SMALL_SIGMA = 0x3c3,
};

/* Cased of the standard: letters of either case, and what is one by another name: ordinals, Roman numerals, enclosed letters. */
static bool is_cased(int32_t code)
{
	static const int32_t others[][2] = {{0xaa, 0xaa},       {0xba, 0xba},       {0x2160, 0x217f},  {0x24b6, 0x24e9},
					    {0x1f130, 0x1f149}, {0x1f150, 0x1f169}, {0x1f170, 0x1f189}};
	if (code < 0)
		return false;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (code >= others[i][0] && code <= others[i][1])
			return true;
	utf8proc_category_t category = utf8proc_category(code);
	return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL || category == UTF8PROC_CATEGORY_LT;
}

/* Marks that stand inside words without being part of the casing: Case_Ignorable of the standard. */
static bool is_case_ignorable(int32_t code)
{
	static const int32_t inside_words[] = {'\'',   '.',    ':',    0xb7,   0x387,  0x55f,  0x5f4,  0x2018, 0x2019,
					       0x2024, 0x2027, 0xfe13, 0xfe52, 0xfe55, 0xff07, 0xff0e, 0xff1a};
	if (code < 0)
		return false;
	for (size_t i = 0; i < sizeof inside_words / sizeof *inside_words; i++)
		if (code == inside_words[i])
			return true;
	switch (utf8proc_category(code)) {
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_ME:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_SK: return true;
	default: return false;
	}
}

/* Does a cased letter follow, behind marks that do not count? */
static bool cased_follows(const char *text, size_t length)
{
	size_t at = 0;
	while (at < length) {
		int32_t code;
		at += unicode_next(text + at, length - at, &code);
		if (!is_case_ignorable(code))
			return is_cased(code);
	}
	return false;
}

static bool append_code(struct buffer *out, int32_t code)
{
	utf8proc_uint8_t bytes[4];
	utf8proc_ssize_t length = utf8proc_encode_char(code, bytes);
	return buffer_append(out, bytes, (size_t)length);
}

/* Appends one character that is not ASCII. after_cased: a cased letter came before it. */
static bool append_lower_character(struct buffer *out, int32_t code, bool after_cased, const char *rest, size_t rest_length)
{
	if (code == DOTTED_CAPITAL_I)
		return append_code(out, 'i') && append_code(out, COMBINING_DOT_ABOVE);
	if (code == CAPITAL_SIGMA)
		return append_code(out, after_cased && !cased_follows(rest, rest_length) ? SMALL_FINAL_SIGMA : SMALL_SIGMA);
	return append_code(out, unicode_lower(code));
}

bool word_append_lower(struct buffer *out, const char *text, size_t length)
{
	if (!buffer_reserve(out, length))
		return false;
	bool after_cased = false;
	size_t at = 0;
	while (at < length) {
		int32_t code;
		size_t step = unicode_next(text + at, length - at, &code);
		bool done;
		if (code >= 0 && code < 0x80) {
			char lower = (char)(code >= 'A' && code <= 'Z' ? code + 'a' - 'A' : code);
			done = buffer_append(out, &lower, 1);
		} else if (code < 0) {
			done = buffer_append(out, text + at, step);
		} else {
			done = append_lower_character(out, code, after_cased, text + at + step, length - at - step);
		}
		if (!done)
			return false;
		if (!is_case_ignorable(code))
			after_cased = is_cased(code);
		at += step;
	}
	return true;
}
