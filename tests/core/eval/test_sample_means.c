/*
 * Means with bootstrap intervals. The expected bounds are numpy's, 200,000
 * resamples of the same 60 lines: 2,000 resamples come within 0.015 of them.
 */
#include "unit.h"

#include <math.h>

#include "eval/sample_means.h"

static struct sample_table lines(void)
{
	struct sample_table table = {.n_columns = 2};
	for (int i = 0; i < 60; i++) {
		double a = (double)(i * 7919 % 101) / 100, b = (double)((i * 104729 + 13) % 97) / 97;
		assert_true(sample_table_add(&table, (double[]){a * a, b}));
	}
	return table;
}

static void expect(struct pith_mean is, double mean, double low, double high)
{
	if (fabs(is.mean - mean) > 1e-9 || fabs(is.low - low) > 0.015 || fabs(is.high - high) > 0.015)
		fail_msg("%.10f [%.4f, %.4f], expected %.10f [%.4f, %.4f]", is.mean, is.low, is.high, mean, low, high);
}

static void test_intervals(void **state)
{
	(void)state;
	struct sample_table table = lines();
	expect(sample_table_mean(&table, 0), 0.3339150000, 0.2590, 0.4117);
	expect(sample_table_ratio(&table, 0, 1, 0), 0.6596691446, 0.4937, 0.8580);
	struct pith_mean once = sample_table_mean(&table, 1), again = sample_table_mean(&table, 1);
	assert_true(once.low == again.low && once.high == again.high && once.low < once.mean && once.mean < once.high);
	sample_table_free(&table);
}

/* The lines are drawn together for both tables: apart, the interval of the mean would be [0.0485, 0.2206]. */
static void test_differences(void **state)
{
	(void)state;
	struct sample_table table = lines(), other = {.n_columns = 2};
	for (size_t i = 0; i < table.n; i++) {
		const double *line = table.values + i * 2;
		assert_true(sample_table_add(&other, (double[]){0.5 * line[0] + (i % 3 == 0 ? 0.1 : 0), 0.25 + 0.5 * line[1]}));
	}
	expect(sample_table_mean_difference(&table, &other, 0), 0.1336241667, 0.0938, 0.1746);
	expect(sample_table_ratio_difference(&table, &other, 0, 1), 0.2615500701, 0.1683, 0.3827);
	expect(sample_table_mean_difference(&table, &table, 0), 0, 0, 0);
	sample_table_free(&other);
	sample_table_free(&table);
}

static void test_few(void **state)
{
	(void)state;
	struct sample_table table = {.n_columns = 1};
	expect(sample_table_mean(&table, 0), 0, 0, 0);
	assert_true(sample_table_add(&table, (double[]){0.25}));
	struct pith_mean one = sample_table_mean(&table, 0);
	assert_true(one.mean == 0.25 && one.low == 0.25 && one.high == 0.25);
	sample_table_free(&table);

	/* Nothing to compare with. */
	table.n_columns = 2;
	assert_true(sample_table_add(&table, (double[]){0.5, 0}));
	expect(sample_table_ratio(&table, 0, 1, 0), 0, 0, 0);
	sample_table_free(&table);

	/* Never is behind every number: of four lines one takes away what the others bring. */
	static const double lines[][2] = {{1, 1}, {1, 1}, {1, 1}, {1, -2}};
	for (size_t i = 0; i < 4; i++)
		assert_true(sample_table_add(&table, lines[i]));
	struct pith_mean never = sample_table_ratio(&table, 0, 1, INFINITY);
	assert_true(never.mean == 4 && never.low == 1 && isinf(never.high));
	sample_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_intervals), cmocka_unit_test(test_differences),
	                                   cmocka_unit_test(test_few)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
