/*
 * Words that must be kept: pinned by somebody, or protected by the options, as a shorter text without them would say something
 * else (numbers, negations), or nobody would know of whom or what (names), or they are of no use in part (addresses, code).
 */
#ifndef COMPRESS_PROTECTED_H
#define COMPRESS_PROTECTED_H

#include "pith/compress.h"

/*
 * Sets pinned, must_keep and is_name of the words (n) of a text. Of a name that stands again the first is protected. False: no
 * memory.
 */
bool protected_mark(struct pith_word *words, size_t n, const char *text, size_t length,
                    const struct pith_compress_options *options);

/*
 * Sets must_keep anew of the words that are protected as names alone: the most wanted of them have it as long as all that must be
 * kept takes half of the budget at most. A text of a few words made of names alone would say nothing about them. False: no memory.
 */
bool protected_limit_names(struct pith_word *words, size_t n, size_t budget);

/* What counts before any score: 2 what somebody pinned, 1 what the options protect, 0 all else. */
int protected_rank(const struct pith_word *word);

#endif
