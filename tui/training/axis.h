/* The scale beside a curve: where its ends are, and which numbers stand on it. */
#ifndef AXIS_H
#define AXIS_H

#include <stdbool.h>

enum { AXIS_MAX_TICKS = 12, AXIS_LABEL_SIZE = 32 };

struct axis {
	double low, high; /* low < high; logarithmic: both above 0 */
	bool logarithmic;
	int n_ticks;
	double ticks[AXIS_MAX_TICKS]; /* rising, within low..high */
	int digits;                   /* of labels, behind the point */
	bool powers;                  /* labels as 1.2e-3 */
};

/* An axis for values from min to max: it ends on ticks, of which there are at most max_ticks (from 2 on). */
void axis_fit(struct axis *axis, double min, double max, int max_ticks);
/* Logarithmic; values up to 0 have no place on it. Ticks are 1, 2 and 5 times powers of ten as far as there is room. */
void axis_fit_logarithmic(struct axis *axis, double min, double max, int max_ticks);
/* An axis of whole numbers that ends where they end. */
void axis_fit_whole(struct axis *axis, double min, double max, int max_ticks);

/* Where value stands: 0 at low, 1 at high; NaN: nowhere (values up to 0 on a logarithmic axis). */
double axis_share(const struct axis *axis, double value);

/* A tick as the axis writes it; returns the length. */
int axis_label(const struct axis *axis, double value, char out[AXIS_LABEL_SIZE]);

#endif
