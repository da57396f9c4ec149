/*
 * Gradients by finite differences, for comparison with what a backward pass
 * says. The loss is summed in double precision by its caller; the formula is
 * the fourth-order central one, so that its own error (step^4) stays below
 * that of fp32 arithmetic (about 1e-7 / step) and steps can be large.
 */
#ifndef TESTS_SUPPORT_GRADIENTS_H
#define TESTS_SUPPORT_GRADIENTS_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/random.h"
#include "unit.h"

struct gradient_check {
	const char *name;
	double (*loss)(void *user); /* of the present values */
	void *user;
	float *values;         /* (n), changed and put back */
	const float *gradient; /* (n): what is to be checked */
	size_t n;
	double step;
	double bound;          /* on the largest difference, relative to the root mean square of the gradient */
	size_t most;           /* numbers looked at, drawn at random when there are more; 0: all */
};

static inline double difference_at(const struct gradient_check *check, float *value)
{
	float here = *value;
	double loss[4], moved[4];
	for (int i = 0; i < 4; i++) {
		static const double steps[4] = {-2, -1, 1, 2};
		*value = (float)(here + steps[i] * check->step);
		moved[i] = (double)*value - (double)here;
		loss[i] = check->loss(check->user);
	}
	*value = here;
	/* The steps that were really made: here + step is rounded. */
	double near = (loss[2] - loss[1]) / (moved[2] - moved[1]);
	double far = (loss[3] - loss[0]) / (moved[3] - moved[0]);
	return (4 * near - far) / 3;
}

/* Fails when a gradient is wrong; returns the largest relative difference. */
static inline double check_gradient(const struct gradient_check *check, struct random_state *random)
{
	double squares = 0, worst = 0, wrong = 0, right = 0;
	size_t where = 0;
	for (size_t i = 0; i < check->n; i++) {
		if (!isfinite(check->gradient[i]))
			fail_msg("%s: gradient %zu is %g", check->name, i, (double)check->gradient[i]);
		squares += (double)check->gradient[i] * (double)check->gradient[i];
	}
	double scale = sqrt(squares / (double)check->n);
	if (!(scale > 0))
		fail_msg("%s: the whole gradient is zero", check->name);
	bool all = check->most == 0 || check->n <= check->most;
	for (size_t j = 0; j < (all ? check->n : check->most); j++) {
		size_t i = all ? j : (size_t)random_below(random, check->n);
		double numeric = difference_at(check, &check->values[i]);
		double difference = fabs(numeric - (double)check->gradient[i]) / scale;
		if (!(difference <= worst)) {
			worst = difference;
			where = i;
			wrong = (double)check->gradient[i];
			right = numeric;
		}
	}
	if (!(worst <= check->bound))
		fail_msg("%s: gradient %zu is %g, differences say %g; %.1e of its root mean square apart, bound %.1e",
		         check->name, where, wrong, right, worst, check->bound);
	if (getenv("PITH_TEST_VERBOSE") != NULL)
		print_message("%-28s %.1e (bound %.1e)\n", check->name, worst, check->bound);
	return worst;
}

static inline float *normal_array(struct random_state *random, size_t n, double deviation)
{
	float *array = malloc((n + 1) * sizeof *array);
	assert_non_null(array);
	for (size_t i = 0; i < n; i++)
		array[i] = (float)(deviation * random_normal(random));
	return array;
}

/* sum a_i b_i in double: a loss whose gradient by a is b. */
static inline double dot_in_double(const float *a, const float *b, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (double)a[i] * (double)b[i];
	return sum;
}

#endif
