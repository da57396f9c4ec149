/* Scales: their ends, their ticks, and how these are written. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "training/axis.h"
#include "unit.h"

/* The labels of an axis in one line. */
static const char *labels(const struct axis *axis)
{
	static char text[AXIS_MAX_TICKS * AXIS_LABEL_SIZE];
	size_t used = 0;
	text[0] = '\0';
	for (int i = 0; i < axis->n_ticks; i++) {
		char label[AXIS_LABEL_SIZE];
		int length = axis_label(axis, axis->ticks[i], label);
		assert_int_equal(length, strlen(label));
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? " " : "", label);
	}
	return text;
}

static void straight(void **state)
{
	(void)state;
	static const struct {
		double min, max;
		int n;
		const char *labels;
	} cases[] = {
		{0.3, 8.7, 3, "0 5 10"},
		{0.3, 8.7, 6, "0 2 4 6 8 10"},
		{2, 8, 4, "2 4 6 8"},
		{2.31, 2.44, 4, "2.30 2.35 2.40 2.45"},
		{0, 0.0012, 4, "0 5.0e-4 1.0e-3 1.5e-3"},
		{2.2e-5, 2e-3, 3, "0 1e-3 2e-3"},
		{-1, 1, 3, "-1 0 1"},
		{3000, 9600, 5, "2000 4000 6000 8000 10000"},
		{5, 5, 3, "4.5 5.0 5.5"},
		{0, 0, 3, "0.0 0.5 1.0"},
		{0, 0, 2, "0 1"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct axis axis;
		axis_fit(&axis, cases[i].min, cases[i].max, cases[i].n);
		if (strcmp(labels(&axis), cases[i].labels) != 0)
			fail_msg("%g to %g: \"%s\" is not \"%s\"", cases[i].min, cases[i].max, labels(&axis), cases[i].labels);
	}
}

static void logarithmic(void **state)
{
	(void)state;
	struct axis axis;
	axis_fit_logarithmic(&axis, 0.05, 8, 8);
	assert_string_equal(labels(&axis), "0.05 0.10 0.20 0.50 1.00 2.00 5.00");
	axis_fit_logarithmic(&axis, 0.05, 8, 3);
	assert_string_equal(labels(&axis), "0.1 1.0");
	axis_fit_logarithmic(&axis, 2.1, 4.4, 4); /* less than a decade */
	assert_true(axis.n_ticks >= 2);
	axis_fit_logarithmic(&axis, 1e-5, 2e-3, 4);
	assert_string_equal(labels(&axis), "1e-5 1e-4 1e-3");
	assert_true(fabs(axis_share(&axis, axis.low)) < 1e-12 && fabs(axis_share(&axis, axis.high) - 1) < 1e-12);
	assert_true(isnan(axis_share(&axis, 0)) && isnan(axis_share(&axis, -1)));
	/* Halfway between 1 and 100 stands 10. */
	axis = (struct axis){.low = 1, .high = 100, .logarithmic = true};
	assert_true(fabs(axis_share(&axis, 10) - 0.5) < 1e-12);
}

static void whole(void **state)
{
	(void)state;
	struct axis axis;
	axis_fit_whole(&axis, 20, 5720, 3);
	assert_string_equal(labels(&axis), "2000 4000");
	assert_true(axis.low == 20 && axis.high == 5720);
	axis_fit_whole(&axis, 7, 9, 8);
	assert_string_equal(labels(&axis), "7 8 9");
	axis_fit_whole(&axis, 40, 40, 4);
	assert_true(axis.low < 40 && axis.high > 40);
}

/* Whatever the values: ends in order, values inside, ticks inside and rising, never too many. */
static void any_values(void **state)
{
	(void)state;
	static const double values[] = {-1e9, -3, -0.001, 0, 1e-12, 1e-5, 0.0123, 0.99999, 1, 1.00001, 2.7, 10, 123456, 1e12};
	enum { N = sizeof values / sizeof *values };
	for (int i = 0; i < N; i++) {
		for (int j = i; j < N; j++) {
			for (int n = 0; n < 20; n++) {
				struct axis axes[3];
				axis_fit(&axes[0], values[i], values[j], n);
				axis_fit_whole(&axes[1], values[i], values[j], n);
				axis_fit_logarithmic(&axes[2], values[i], values[j], n);
				for (int a = 0; a < 3; a++) {
					const struct axis *axis = &axes[a];
					assert_true(axis->low < axis->high && isfinite(axis->low) && isfinite(axis->high));
					assert_true(axis->n_ticks >= 0 && axis->n_ticks <= AXIS_MAX_TICKS);
					if (a == 0 || (a == 2 && values[i] > 0)) {
						assert_true(axis_share(axis, values[i]) >= -1e-6);
						assert_true(axis_share(axis, values[j]) <= 1 + 1e-6);
					}
					for (int t = 1; t < axis->n_ticks; t++)
						assert_true(axis->ticks[t] > axis->ticks[t - 1]);
					labels(axis);
				}
			}
		}
	}
}

/* A run that blows up logs the largest of numbers: the scale stays finite, and every tick has a place. */
static void huge_values(void **state)
{
	(void)state;
	static const double values[] = {-DBL_MAX, -1.7e308, 1e-300, 1, 1e300, 1.79e308, DBL_MAX};
	enum { N = sizeof values / sizeof *values };
	for (int i = 0; i < N; i++) {
		for (int j = i; j < N; j++) {
			struct axis axes[3];
			axis_fit(&axes[0], values[i], values[j], 5);
			axis_fit_whole(&axes[1], values[i], values[j], 5);
			axis_fit_logarithmic(&axes[2], values[i], values[j], 5);
			for (int a = 0; a < 3; a++) {
				assert_true(axes[a].low < axes[a].high && isfinite(axes[a].low) && isfinite(axes[a].high));
				assert_true(isfinite(axis_share(&axes[a], axes[a].high)));
				for (int t = 0; t < axes[a].n_ticks; t++)
					assert_true(isfinite(axis_share(&axes[a], axes[a].ticks[t])) || axes[a].ticks[t] <= 0);
				if (a != 1) /* steps are written out whole, and are no such numbers */
					labels(&axes[a]);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(straight), cmocka_unit_test(logarithmic), cmocka_unit_test(whole), cmocka_unit_test(any_values),
		cmocka_unit_test(huge_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
