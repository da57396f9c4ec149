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
	/* Letters by category that are blank wherever they stand. */
	static const int32_t fillers[] = {0x034f, 0x115f, 0x1160, 0x180b, 0x180c, 0x180d, 0x180f, 0x3164, 0xffa0};
	if (code < 0 || code == 0x200d)
		return false;
	for (size_t i = 0; i < sizeof fillers / sizeof fillers[0]; i++)
		if (code == fillers[i])
			return true;
	switch (utf8proc_category(code)) {
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP: return true;
	/* Marks around the digits that follow them are seen. */
	case UTF8PROC_CATEGORY_CF:
		return !(code >= 0x0600 && code <= 0x0605) && code != 0x06dd && code != 0x070f && code != 0x08e2;
	default: return false;
	}
}
