/*
 * Choosing words for a budget: the ones that must be kept first, then by
 * score and by what stands beside them (coherence.h), whole words only, until the kept text has exactly the budget's tokens
 * as the model's tokenizer counts them. Shared by all extractive methods.
 */
#ifndef COMPRESS_SELECT_WORDS_H
#define COMPRESS_SELECT_WORDS_H

#include "compress/document.h"

/*
 * Sets kept of words (n) and the text, token count and note of out. The budget
 * is out->info.budget_tokens. The count never exceeds it; it is below it only
 * when no choice of words that was tried meets it, and then the note says so.
 * A budget of the whole document gives the document, byte for byte.
 */
enum pith_status select_words(struct pith_compressed *out, struct pith_document *document, struct pith_word *words, size_t n,
                              double coherence, struct pith_error *err);

/*
 * A first choice, without counting anew: of words (n, sorted here) the most
 * wanted whose own tokens fit into budget get kept, the others lose it.
 * Returns how many tokens the kept ones have.
 */
size_t keep_best_words(struct pith_word **words, size_t n, size_t budget);

#endif
