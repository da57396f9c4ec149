/*
 * Scores of the lines of a data set: kept one by one, so that their means come
 * with an interval.
 */
#ifndef EVAL_SAMPLE_MEANS_H
#define EVAL_SAMPLE_MEANS_H

#include <stdbool.h>
#include <stddef.h>

#include "pith/evaluate.h"

/* A table of n lines with n_columns scores each. */
struct sample_table {
	double *values; /* (n, n_columns) */
	size_t n, capacity, n_columns;
};
void sample_table_free(struct sample_table *table);
/* Adds a line; false: no memory. */
bool sample_table_add(struct sample_table *table, const double *values);

/*
 * The mean of a column with its 95 % interval by the percentile bootstrap (Efron
 * 1979): RESAMPLES times as many lines are drawn again from the lines, by a
 * generator of fixed seed. No lines: zeros.
 */
struct pith_mean sample_table_mean(const struct sample_table *table, size_t column);
/* The mean of one column over that of another, lines drawn together; `otherwise` where the second mean is not above 0. */
struct pith_mean sample_table_ratio(const struct sample_table *table, size_t column, size_t by, double otherwise);
/* A mean, or a ratio, less the same of another table of the same lines in the same order, lines drawn together for both. */
struct pith_mean sample_table_mean_difference(const struct sample_table *table, const struct sample_table *less, size_t column);
struct pith_mean sample_table_ratio_difference(const struct sample_table *table, const struct sample_table *less, size_t column,
                                               size_t by);

#endif
