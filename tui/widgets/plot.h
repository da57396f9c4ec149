/*
 * Lines over a scale, in cells: dots of braille, two across and four down in a
 * cell, or letters where there is ASCII only. Each series ends in its letter at
 * the right edge, so that nothing depends on colour alone.
 */
#ifndef PLOT_H
#define PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "canvas.h"

struct plot_series {
	enum role role;
	char letter;           /* '\0': there is no other to tell it from */
	const double *x, *y;   /* (n), x rising; a y that is NaN has no point */
	size_t n;
};

/*
 * Draws series between the whole numbers x_low and x_high, the y axis fitted to
 * what is seen. Where there is no room or nothing to see that is said. false:
 * no memory, nothing was drawn.
 */
bool plot_draw(struct canvas *canvas, struct rect rect, const struct plot_series *series, int n_series, double x_low,
               double x_high, bool logarithmic);

#endif
