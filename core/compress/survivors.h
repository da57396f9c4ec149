/*
 * What is left of a document while a method reads it again and again: tokens
 * in order, and the words that they belong to. A word lives or goes whole, and
 * the white space behind it goes its way.
 */
#ifndef COMPRESS_SURVIVORS_H
#define COMPRESS_SURVIVORS_H

#include "compress/document.h"

struct survivors {
	const struct pith_document *document;
	struct pith_word *words;  /* borrowed */
	size_t n_words;
	size_t *word_of;          /* (n_tokens of the document) */
	size_t *tokens;           /* (n) of room for all: those that are left */
	size_t n;
	struct pith_word **order; /* (n_words) */
	float *scores;            /* (n_tokens of the document): the newest of each token */
};

/* Nothing is among them yet. survivors_free() it, also after a failure. Without words there is nothing to rank or cut. */
enum pith_status survivors_create(struct survivors *survivors, const struct pith_document *document, struct pith_word *words,
                                  size_t n_words, struct pith_error *err);
void survivors_free(struct survivors *survivors);

/* Adds the tokens [begin, end) of the document, which follow all that are there. */
void survivors_add(struct survivors *survivors, size_t begin, size_t end);

/* Each word that stands at places first, first + 1, ... gets the mean of its tokens' scores there, plus base, as its score. */
void survivors_rank(struct survivors *survivors, size_t first, float base);

/*
 * Words without a token of their own, as of two Han characters in one token the second, get the score of the word that has it.
 * Once all others are ranked for good.
 */
void survivors_share_scores(struct survivors *survivors);

/*
 * Of the words at places first, first + 1, ... the most wanted stay whose
 * tokens fit into budget, and those tokens are counted; the others go. Returns
 * the place of the first token that went, n where all stayed.
 */
size_t survivors_cut(struct survivors *survivors, size_t first, size_t budget, size_t *n_kept);

/* The end of the segment that begins at a token: at most size tokens, whole words unless the first word alone is longer. */
size_t survivors_segment_end(const struct survivors *survivors, size_t begin, size_t size);

#endif
