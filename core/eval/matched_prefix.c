/*
 * How far a regenerated text goes before its first error: exact prefix match,
 * the strictest measure of a greedy decoder, because all after one wrong word
 * is conditioned on it.
 */
#include "pith/evaluate.h"

#include <string.h>

#include "text/unicode.h"

double pith_matched_prefix(const char *reference, const char *candidate)
{
	size_t length = strlen(reference), other_length = strlen(candidate);
	if (length == 0)
		return other_length == 0;
	size_t at = 0;
	while (at < length && at < other_length) {
		int32_t code, other;
		size_t step = unicode_next(reference + at, length - at, &code);
		size_t other_step = unicode_next(candidate + at, other_length - at, &other);
		if (step != other_step || memcmp(reference + at, candidate + at, step) != 0)
			break;
		at += step;
	}
	return (double)at / (double)length;
}
