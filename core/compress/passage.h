/* The part of a long text that a question is likely to be about, by the words that they share. */
#ifndef COMPRESS_PASSAGE_H
#define COMPRESS_PASSAGE_H

#include <stddef.h>

/*
 * Whole sentences, [*begin, *end) of text, of up to most bytes together, that
 * hold the most different words of the question (four bytes and longer; ASCII
 * case is ignored); the first such passage if several do. A sentence longer than
 * most is cut.
 */
void passage_find(const char *text, size_t length, const char *question, size_t most, size_t *begin, size_t *end);

#endif
