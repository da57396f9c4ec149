#include "eval/sample_means.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum { RESAMPLES = 2000 };

void sample_table_free(struct sample_table *table)
{
	free(table->values);
	*table = (struct sample_table){.n_columns = table->n_columns};
}

bool sample_table_add(struct sample_table *table, const double *values)
{
	if (table->n == table->capacity) {
		size_t capacity = 2 * table->capacity + 64;
		double *grown = realloc(table->values, capacity * table->n_columns * sizeof *grown);
		if (grown == NULL)
			return false;
		table->values = grown;
		table->capacity = capacity;
	}
	memcpy(table->values + table->n++ * table->n_columns, values, table->n_columns * sizeof *values);
	return true;
}

/* What a statistic is of: column's mean, over by's unless that is NONE, less that of another table unless that is NULL. */
enum { NONE = -1 };
struct statistic {
	const struct sample_table *table, *less;
	size_t column;
	ptrdiff_t by;
	double otherwise; /* a ratio of nothing */
};

/* Over the lines themselves, or as many that are drawn from them. */
static double mean_of_lines(const struct sample_table *table, const struct statistic *statistic, struct random_state *random)
{
	double above = 0, below = 0;
	for (size_t i = 0; i < table->n; i++) {
		size_t line = random == NULL ? i : (size_t)random_below(random, table->n);
		const double *values = table->values + line * table->n_columns;
		above += values[statistic->column];
		below += statistic->by == NONE ? 1 : values[statistic->by];
	}
	return below > 0 ? above / below : statistic->otherwise;
}

static double find_statistic(const struct statistic *statistic, struct random_state *random)
{
	/* The same lines are drawn again from the other table. */
	struct random_state again = random == NULL ? (struct random_state){0} : *random;
	double value = mean_of_lines(statistic->table, statistic, random);
	if (statistic->less == NULL)
		return value;
	return value - mean_of_lines(statistic->less, statistic, random == NULL ? NULL : &again);
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static struct pith_mean with_interval(const struct statistic *statistic)
{
	double drawn[RESAMPLES];
	struct random_state random;
	if (statistic->table->n == 0)
		return (struct pith_mean){0};
	random_seed(&random, 1);
	for (int i = 0; i < RESAMPLES; i++)
		drawn[i] = find_statistic(statistic, &random);
	qsort(drawn, RESAMPLES, sizeof *drawn, compare);
	return (struct pith_mean){
		.mean = find_statistic(statistic, NULL),
		.low = drawn[RESAMPLES * 25 / 1000],
		.high = drawn[RESAMPLES - 1 - RESAMPLES * 25 / 1000],
	};
}

struct pith_mean sample_table_mean(const struct sample_table *table, size_t column)
{
	return with_interval(&(struct statistic){table, NULL, column, NONE, 0});
}

struct pith_mean sample_table_ratio(const struct sample_table *table, size_t column, size_t by, double otherwise)
{
	return with_interval(&(struct statistic){table, NULL, column, (ptrdiff_t)by, otherwise});
}

struct pith_mean sample_table_mean_difference(const struct sample_table *table, const struct sample_table *less, size_t column)
{
	return with_interval(&(struct statistic){table, less, column, NONE, 0});
}

struct pith_mean sample_table_ratio_difference(const struct sample_table *table, const struct sample_table *less, size_t column,
                                               size_t by)
{
	return with_interval(&(struct statistic){table, less, column, (ptrdiff_t)by, 0});
}
