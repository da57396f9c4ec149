#include "nearest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LENGTH = 48 };

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance (Damerau 1964, each substring edited once). Words over MAX_LENGTH are infinitely far. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	if (n > MAX_LENGTH || m > MAX_LENGTH)
		return SIZE_MAX;
	size_t d[MAX_LENGTH + 1][MAX_LENGTH + 1];
	for (size_t i = 0; i <= n; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			size_t cost = a[i - 1] != b[j - 1];
			d[i][j] = smaller(smaller(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = smaller(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[n][m];
}

const char *nearest_word(const char *word, const char *const *names, size_t n)
{
	size_t length = strlen(word);
	const char *best = NULL;
	size_t least = length / 3 + 2; /* a third of the letters may be wrong, and one */
	for (size_t i = 0; i < n; i++) {
		size_t distance = edit_distance(word, names[i]);
		if (distance < least) {
			least = distance;
			best = names[i];
		}
	}
	for (size_t i = 0; best == NULL && length >= 2 && i < n; i++)
		if (strncmp(names[i], word, length) == 0)
			best = names[i];
	return best;
}

const char *nearest_hint(char *out, size_t size, const char *word, const char *const *names, size_t n)
{
	const char *name = nearest_word(word, names, n);
	snprintf(out, size, "%s%s%s", name != NULL ? "; did you mean " : ".", name != NULL ? name : "", name != NULL ? "?" : "");
	return out;
}
