#include "training/axis.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers outside these are written as powers. */
#define SMALLEST_PLAIN 0.01
#define LARGEST_PLAIN 1e7
/* Ends of an axis; beyond it, sums of two of them and the ticks around them would no longer be finite. */
#define LARGEST_END (DBL_MAX / 16)

/* The smallest of 1, 2, 5 times a power of ten that cuts range into at most n steps. */
static double round_step(double range, int n)
{
	double raw = range / n, power = pow(10, floor(log10(raw)));
	static const double factors[] = {1, 2, 5};
	for (int i = 0; i < 3; i++)
		if (factors[i] * power >= raw * (1 - 1e-9))
			return factors[i] * power;
	return 10 * power;
}

/* The power of ten of a number's first digit. */
static int exponent_of(double value)
{
	return value > 0 ? (int)floor(log10(value) + 1e-9) : 0;
}

/* As many digits as tell two neighbouring ticks apart. */
static void choose_digits(struct axis *axis, double step)
{
	double largest = fmax(fabs(axis->low), fabs(axis->high));
	axis->powers = largest < SMALLEST_PLAIN || largest >= LARGEST_PLAIN;
	int digits = (axis->powers ? exponent_of(largest) : 0) - exponent_of(step);
	axis->digits = digits < 0 ? 0 : digits > 9 ? 9 : digits;
}

/* Ticks at multiples of step, between the ends. */
static void place_ticks(struct axis *axis, double step)
{
	axis->n_ticks = 0;
	double first = ceil(axis->low / step - 1e-6), last = floor(axis->high / step + 1e-6);
	for (double i = first; i <= last && axis->n_ticks < AXIS_MAX_TICKS; i++)
		axis->ticks[axis->n_ticks++] = i * step;
	choose_digits(axis, step);
}

/* One value still needs a scale around it, and one that is out of all measure none as large. */
static void widen(double *min, double *max, double least)
{
	if (!isfinite(*min) || !isfinite(*max)) {
		*min = 0;
		*max = 1;
	}
	*min = fmin(fmax(*min, -LARGEST_END), LARGEST_END);
	*max = fmin(fmax(*max, -LARGEST_END), LARGEST_END);
	if (*max - *min > fmax(fabs(*min), fabs(*max)) * 1e-9)
		return;
	double by = fmax(fabs(*max) * 0.1, least);
	*min -= by;
	*max += by;
}

static int clamp_ticks(int n)
{
	return n < 2 ? 2 : n > AXIS_MAX_TICKS ? AXIS_MAX_TICKS : n;
}

void axis_fit(struct axis *axis, double min, double max, int max_ticks)
{
	bool positive = min >= 0;
	widen(&min, &max, max == 0 ? 1 : 0);
	if (positive && min < 0)
		min = 0;
	*axis = (struct axis){0};
	/* Both ends move out to ticks, which may make one tick more than there are steps: a rounder step is tried then. */
	for (int n = clamp_ticks(max_ticks) - 1; n >= 1; n--) {
		double step = round_step(max - min, n);
		axis->low = floor(min / step + 1e-9) * step;
		axis->high = ceil(max / step - 1e-9) * step;
		place_ticks(axis, step);
		if (axis->n_ticks <= clamp_ticks(max_ticks))
			return;
	}
}

void axis_fit_whole(struct axis *axis, double min, double max, int max_ticks)
{
	widen(&min, &max, 1);
	*axis = (struct axis){.low = min, .high = max};
	/* The ends are no ticks, so that there may be as many steps as ticks. */
	place_ticks(axis, fmax(1, round_step(max - min, clamp_ticks(max_ticks))));
	axis->powers = false;
	axis->digits = 0;
}

/* Ticks at factors times powers of ten. */
static void place_decades(struct axis *axis, const double *factors, int n_factors, int every)
{
	int n = 0;
	int first = (int)floor(log10(axis->low)), last = (int)ceil(log10(axis->high));
	for (int power = first; power <= last; power++) {
		for (int i = 0; i < n_factors; i++) {
			double tick = factors[i] * pow(10, power);
			if (power % every != 0 || tick < axis->low * (1 - 1e-9) || tick > axis->high * (1 + 1e-9))
				continue;
			if (n < AXIS_MAX_TICKS)
				axis->ticks[n] = tick;
			n++;
		}
	}
	axis->n_ticks = n;
}

void axis_fit_logarithmic(struct axis *axis, double min, double max, int max_ticks)
{
	static const double factors[] = {1, 2, 5}, decades[] = {1};
	if (!(min > 0) || !isfinite(max)) {
		min = 0.1;
		max = fmax(isfinite(max) ? max : 1, 1);
	}
	widen(&min, &max, 0);
	*axis = (struct axis){.low = min / 1.02, .high = max * 1.02, .logarithmic = true};
	int room = clamp_ticks(max_ticks);
	place_decades(axis, factors, 3, 1);
	for (int every = 1; axis->n_ticks > room && every < 400; every++)
		place_decades(axis, decades, 1, every);
	/* Less than a decade: round numbers, as on a straight axis. */
	if (axis->n_ticks < 2) {
		place_ticks(axis, round_step(axis->high - axis->low, room - 1));
		return;
	}
	double largest = axis->ticks[axis->n_ticks - 1], smallest = axis->ticks[0];
	axis->powers = largest < SMALLEST_PLAIN || largest >= LARGEST_PLAIN || smallest < SMALLEST_PLAIN * 0.01;
	int digits = axis->powers ? 0 : -exponent_of(smallest);
	axis->digits = digits < 0 ? 0 : digits;
}

double axis_share(const struct axis *axis, double value)
{
	if (!axis->logarithmic)
		return (value - axis->low) / (axis->high - axis->low);
	if (!(value > 0))
		return NAN;
	/* Not of the quotients, which may be beyond all numbers. */
	return (log(value) - log(axis->low)) / (log(axis->high) - log(axis->low));
}

int axis_label(const struct axis *axis, double value, char out[AXIS_LABEL_SIZE])
{
	double zero = fabs(value) < 1e-300 ? 0 : value; /* never -0 */
	if (!axis->powers || zero == 0)
		return snprintf(out, AXIS_LABEL_SIZE, "%.*f", zero == 0 && axis->powers ? 0 : axis->digits, zero);
	snprintf(out, AXIS_LABEL_SIZE, "%.*e", axis->digits, zero);
	char *e = strchr(out, 'e');
	if (e != NULL) /* 1.2e-03 becomes 1.2e-3 */
		snprintf(e, (size_t)(out + AXIS_LABEL_SIZE - e), "e%d", atoi(e + 1));
	return (int)strlen(out);
}
