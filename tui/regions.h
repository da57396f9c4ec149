/*
 * Which part of the screen stands where: a pure function of its size. Two panes
 * side by side, or stacked on narrow and tall screens; below them the slider,
 * its figures, the answers (once there are any), the question line, the status
 * strip and the bar of hints.
 */
#ifndef REGIONS_H
#define REGIONS_H

#include <stdbool.h>

#include "canvas.h"

enum { REGIONS_MIN_COLS = 60, REGIONS_MIN_ROWS = 17 };

enum { REGIONS_MAX_ANSWERS = 3 };

struct regions {
	bool too_small;
	bool stacked;
	struct rect title;
	struct rect document_header, document;
	struct rect divider; /* side by side: the column between the panes; else no columns */
	struct rect result_header, result;
	struct rect slider;
	struct rect track;   /* the part of it that the mouse moves */
	struct rect figures; /* one row or two */
	struct rect answer_header[REGIONS_MAX_ANSWERS], answer[REGIONS_MAX_ANSWERS]; /* no rows: not shown */
	struct rect answer_divider[REGIONS_MAX_ANSWERS - 1];
	struct rect question, status, hints;
};

/* 0, 2 or 3 answers; the figures get a second row where they need one, and on narrow screens always, so that nothing jumps. */
struct regions regions_compute(int rows, int cols, int n_answers, int n_figure_rows);

#endif
