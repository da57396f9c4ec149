#include "text/unicode.h"

#include <string.h>

#include <utf8proc.h>

#include "pith/characters.h"

size_t unicode_next(const char *text, size_t length, int32_t *code)
{
	unsigned char first = (unsigned char)*text;
	if (first < 0x80) {
		*code = first;
		return 1;
	}
	size_t n = pith_character(text, length, code);
	return n == 0 ? 1 : n;
}

size_t unicode_valid_length(const char *text, size_t length)
{
	size_t i = 0;
	while (i < length) {
		/* Most text is ASCII: eight bytes at a time. */
		uint64_t word;
		if (length - i >= sizeof word) {
			memcpy(&word, text + i, sizeof word);
			if ((word & 0x8080808080808080u) == 0) {
				i += sizeof word;
				continue;
			}
		}
		int32_t code;
		size_t n = unicode_next(text + i, length - i, &code);
		if (code < 0)
			return i;
		i += n;
	}
	return length;
}

/* Bytes of the character that starts with this byte; 0: no character does. */
static size_t bytes_announced(unsigned char first)
{
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	if (first >= 0xf0 && first <= 0xf4)
		return 4;
	return 0;
}

/* May second follow first? Some pairs would be overlong forms, surrogates or codes beyond U+10FFFF. */
static bool may_follow(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0: return second >= 0xa0 && second <= 0xbf;
	case 0xed: return second >= 0x80 && second <= 0x9f;
	case 0xf0: return second >= 0x90 && second <= 0xbf;
	case 0xf4: return second >= 0x80 && second <= 0x8f;
	default: return second >= 0x80 && second <= 0xbf;
	}
}

size_t unicode_incomplete_tail(const char *text, size_t length)
{
	for (size_t n = 1; n <= 3 && n <= length; n++) {
		const unsigned char *tail = (const unsigned char *)text + length - n;
		if ((tail[0] & 0xc0) == 0x80)
			continue;
		if (bytes_announced(tail[0]) <= n || (n > 1 && !may_follow(tail[0], tail[1])))
			return 0;
		return n;
	}
	return 0;
}

bool unicode_append_repaired(struct buffer *out, const char *text, size_t length)
{
	size_t i = 0;
	while (i < length) {
		size_t valid = unicode_valid_length(text + i, length - i);
		if (!buffer_append(out, text + i, valid))
			return false;
		i += valid;
		if (i < length) {
			if (!buffer_append(out, "\xef\xbf\xbd", 3))
				return false;
			i++;
		}
	}
	return true;
}

size_t unicode_next_cluster(const char *text, size_t length, bool *wide)
{
	int32_t code, before, state = 0;
	size_t end = unicode_next(text, length, &code);
	*wide = code >= 0 && utf8proc_charwidth(code) == 2;
	while (code >= 0 && end < length) {
		before = code;
		size_t step = unicode_next(text + end, length - end, &code);
		if (code < 0 || utf8proc_grapheme_break_stateful(before, code, &state))
			break;
		end += step;
	}
	return end;
}

bool unicode_is_letter(int32_t code)
{
	switch (utf8proc_category(code)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO: return true;
	default: return false;
	}
}

bool unicode_is_digit(int32_t code)
{
	switch (utf8proc_category(code)) {
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_NO: return true;
	default: return false;
	}
}

bool unicode_is_space(int32_t code)
{
	if ((code >= '\t' && code <= '\r') || code == 0x85)
		return true; /* control characters by category, white space by property */
	switch (utf8proc_category(code)) {
	case UTF8PROC_CATEGORY_ZS:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP: return true;
	default: return false;
	}
}

int32_t unicode_lower(int32_t code)
{
	return utf8proc_tolower(code);
}
