/*
 * Words hold together: beside words that stay a word is worth more than alone, so that phrases are left and not words one by one,
 * which tell a reader less ("never rose by more than 41 cm", "never 41"). The choice is a chain with two states for each word,
 * kept or not, and a tie between neighbours (a linear-chain random field; Lafferty, McCallum, Pereira, ICML 2001):
 *
 *     log p(x) = sum_w x_w (z_w - t) + coherence sum_w h_w [x_w = x_(w+1)] + constant
 *
 * z_w is the log-odds of the word's place in the order that its method gives, whatever the unit of its scores; h_w is 1 inside a
 * phrase, 1/2 where a phrase or a line ends, 0 where a sentence does; t is such that the words expected to stay have the budget's
 * tokens. Words then count by p(x_w = 1).
 */
#ifndef COMPRESS_COHERENCE_H
#define COMPRESS_COHERENCE_H

#include "pith/compress.h"

/*
 * Sorts order, the indices of words (n) of a text, the most wanted first, anew; what must be kept stays before what need not.
 * coherence, at least 0, is in nats: by so much both of two neighbours are rather kept or dropped than parted. Linear in n but
 * for the sorting. False: no memory.
 */
bool coherence_sort(size_t *order, const struct pith_word *words, size_t n, const char *text, size_t length, size_t budget,
                    double coherence);

#endif
