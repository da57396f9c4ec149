/*
 * The pairs of neighbouring tokens in a collection of words, with their counts
 * and the words they stand in, kept up to date while pairs are joined: what
 * learning a byte-pair vocabulary spends its time on.
 */
#ifndef TEXT_PAIR_COUNTS_H
#define TEXT_PAIR_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pair_counts;

struct pair_counts *pair_counts_create(void); /* NULL: no memory */
void pair_counts_destroy(struct pair_counts *counts); /* NULL is allowed */

/* Adds a word of n tokens that occurs count times. False: no memory. All words come before the first pair_counts_best(). */
bool pair_counts_add_word(struct pair_counts *counts, const int32_t *ids, size_t n, uint64_t count);

/* The most frequent pair, the smaller one (left, then right) of equally frequent ones. False: no pair is left. */
bool pair_counts_best(struct pair_counts *counts, int32_t *left, int32_t *right, uint64_t *count);

/* Joins that pair to merged in every word. False: no memory. */
bool pair_counts_join(struct pair_counts *counts, int32_t left, int32_t right, int32_t merged);

#endif
