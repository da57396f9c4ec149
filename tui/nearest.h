/* "Did you mean": the known word that is nearest to a mistyped one. */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

/*
 * The name with the fewest changed letters (inserted, dropped, replaced, or two
 * neighbours swapped), or one that begins with word; NULL: none is near enough.
 */
const char *nearest_word(const char *word, const char *const *names, size_t n);

/* The end of a sentence: "; did you mean X?" with the nearest name in place of X, or "."; out is returned. */
const char *nearest_hint(char *out, size_t size, const char *word, const char *const *names, size_t n);

#endif
