#include "pith/characters.h"

#include <utf8proc.h>

size_t pith_character(const char *text, size_t length, int32_t *code)
{
	*code = -1;
	utf8proc_ssize_t available = length < 4 ? (utf8proc_ssize_t)length : 4;
	if (available == 0)
		return 0;
	utf8proc_int32_t decoded;
	utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text, available, &decoded);
	if (n <= 0)
		return 0;
	*code = decoded;
	return (size_t)n;
}

bool pith_is_utf8(const char *text, size_t length)
{
	for (size_t i = 0, n; i < length; i += n) {
		int32_t code;
		n = pith_character(text + i, length - i, &code);
		if (n == 0)
			return false;
	}
	return true;
}

bool pith_character_is_hidden(int32_t code)
{
	return (code >= 0 && code < 0x20) || (code >= 0x7f && code <= 0x9f) || code == 0x061c ||
	       (code >= 0x200b && code <= 0x200f && code != 0x200d) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}
