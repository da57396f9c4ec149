/*
 * Of several wordings of one thing, each with a weight, the one that has most in common with all of them: the greatest expected
 * F1 of words (minimum Bayes risk decoding, Kumar and Byrne 2004). Words are compared as answers to questions are (SQuAD): in
 * lower case, without punctuation and articles.
 */
#ifndef TEXT_CONSENSUS_H
#define TEXT_CONSENSUS_H

#include <stdbool.h>
#include <stddef.h>

struct wording {
	const char *text; /* borrowed, not NUL-terminated */
	size_t length;
	double weight; /* 0 or more */
};

/* *best of n wordings (1 or more); of equals the first. Time grows with n squared. False: no memory. */
bool consensus_find(size_t *best, const struct wording *wordings, size_t n);

#endif
