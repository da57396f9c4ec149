#include "text/byte_alphabet.h"

#include <stdint.h>

/* The 68 bytes without a printable character of their own: 0-32, 127-160 and 173. */
enum { FIRST_BORROWED = 256, N_BORROWED = 68 };

static bool is_printable(unsigned byte)
{
	return (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
}

static unsigned character_of_byte(unsigned byte)
{
	if (is_printable(byte))
		return byte;
	if (byte <= 32)
		return FIRST_BORROWED + byte;
	if (byte <= 160)
		return FIRST_BORROWED + 33 + (byte - 127);
	return FIRST_BORROWED + N_BORROWED - 1;
}

/* -1: not a character of the alphabet. */
static int byte_of_character(unsigned code)
{
	if (code < FIRST_BORROWED)
		return is_printable(code) ? (int)code : -1;
	unsigned index = code - FIRST_BORROWED;
	if (index <= 32)
		return (int)index;
	if (index < N_BORROWED - 1)
		return (int)(index - 33 + 127);
	return index == N_BORROWED - 1 ? 173 : -1;
}

bool byte_alphabet_append(struct buffer *out, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned code = character_of_byte((unsigned char)bytes[i]);
		char character[2] = {(char)code, 0};
		size_t n = 1;
		if (code >= 0x80) {
			character[0] = (char)(0xc0 | code >> 6);
			character[1] = (char)(0x80 | (code & 0x3f));
			n = 2;
		}
		if (!buffer_append(out, character, n))
			return false;
	}
	return true;
}

bool byte_alphabet_decode(const char *text, size_t length, char *bytes, size_t *n_bytes)
{
	size_t n = 0;
	for (size_t i = 0; i < length;) {
		unsigned first = (unsigned char)text[i++];
		unsigned code = first;
		if (first >= 0x80) {
			/* The whole alphabet lies below U+0800: two bytes at most. */
			if ((first & 0xe0) != 0xc0 || i == length || ((unsigned char)text[i] & 0xc0) != 0x80)
				return false;
			code = (first & 0x1f) << 6 | ((unsigned char)text[i++] & 0x3f);
			if (code < 0x80)
				return false;
		}
		int byte = byte_of_character(code);
		if (byte < 0)
			return false;
		bytes[n++] = (char)byte;
	}
	*n_bytes = n;
	return true;
}
