#include "text/piece_alphabet.h"

#include <string.h>

static const char space[] = "\xe2\x96\x81"; /* U+2581 */
enum { SPACE_LENGTH = sizeof space - 1, BYTE_LENGTH = 6 };

size_t piece_alphabet_decode(const char *text, size_t length, char *bytes)
{
	size_t n = 0;
	for (size_t i = 0; i < length;) {
		if (length - i >= SPACE_LENGTH && memcmp(text + i, space, SPACE_LENGTH) == 0) {
			bytes[n++] = ' ';
			i += SPACE_LENGTH;
		} else {
			bytes[n++] = text[i++];
		}
	}
	return n;
}

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

int piece_alphabet_byte(const char *text, size_t length)
{
	if (length != BYTE_LENGTH || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
		return -1;
	int high = digit_value(text[3]), low = digit_value(text[4]);
	return high < 0 || low < 0 ? -1 : 16 * high + low;
}
