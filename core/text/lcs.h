/*
 * Longest common subsequence of two number sequences, bit-parallel (Hyyrö 2004,
 * "Bit-parallel LCS-length computation revisited"): 64 cells of the table in a
 * few instructions, so a comparison takes n * m / 64 steps whatever the texts.
 */
#ifndef TEXT_LCS_H
#define TEXT_LCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Working memory, reused from call to call. */
struct lcs;
struct lcs *lcs_create(size_t n_ids); /* for ids in 0..n_ids-1; NULL: no memory */
void lcs_destroy(struct lcs *lcs);    /* NULL is allowed */

/* Length of a longest common subsequence. False: no memory. */
bool lcs_length(struct lcs *lcs, const int32_t *a, size_t n_a, const int32_t *b, size_t n_b, size_t *length);

/* a[a] and b[b] are the same word and belong together. */
struct lcs_match {
	size_t a, b;
};

/*
 * One longest common subsequence, as matches in order, borrowed until the next
 * call. Of several it is the one that the textbook walk back from the ends of
 * both sequences finds: equal words are taken; otherwise the last word of a is
 * dropped if keeping it would cost length, and else the last word of b.
 * Memory grows with sqrt(n_a) * n_b bits. False: no memory.
 */
bool lcs_matches(struct lcs *lcs, const int32_t *a, size_t n_a, const int32_t *b, size_t n_b, const struct lcs_match **matches,
		 size_t *n);

#endif
