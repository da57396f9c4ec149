/* Whole numbers that add up to another: for budgets that are to be met to the token. */
#ifndef COMPRESS_EXACT_SUM_H
#define COMPRESS_EXACT_SUM_H

#include <stdbool.h>
#include <stddef.h>

enum { EXACT_SUM_MOST = 4096 }; /* partial sums beyond it, of either sign, are not looked at */

/*
 * Of n sizes of either sign the fewest that add up to wanted: sets chosen (n), and *found if there are such. Time and memory
 * grow with n times EXACT_SUM_MOST. False: no memory.
 */
bool exact_sum(bool *found, bool *chosen, const int *sizes, size_t n, int wanted);

#endif
