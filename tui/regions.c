#include "regions.h"

enum {
	STACK_BELOW_COLS = 76, /* two panes of less than 38 columns are hard to read */
	STACK_MIN_ROWS = 24,
	WIDE_COLS = 120,       /* from here on the figures may fit one row */
	SLIDER_LABEL_COLS = 4, /* "CR [" */
	SLIDER_VALUE_COLS = 34,
	SLIDER_VALUE_COLS_NARROW = 27,
};

/* Columns of text, as wide as each other, with a line between two; the last one takes what is left over. */
static void split(struct rect whole, int n, struct rect *parts, struct rect *dividers)
{
	int each = (whole.cols - (n - 1)) / n;
	for (int i = 0; i < n; i++) {
		int col = whole.col + i * (each + 1);
		parts[i] = (struct rect){whole.row, col, whole.rows, i < n - 1 ? each : whole.col + whole.cols - col};
		if (i < n - 1)
			dividers[i] = (struct rect){whole.row, col + each, whole.rows, 1};
	}
}

/* The first row is the header. */
static void take_header(struct rect *body, struct rect *header)
{
	*header = *body;
	header->rows = body->rows > 0 ? 1 : 0;
	body->row += header->rows;
	body->rows -= header->rows;
}

static void place_panes(struct regions *regions, struct rect whole)
{
	if (regions->stacked) {
		int half = whole.rows / 2;
		regions->document = (struct rect){whole.row, whole.col, half, whole.cols};
		regions->result = (struct rect){whole.row + half, whole.col, whole.rows - half, whole.cols};
	} else {
		struct rect panes[2];
		split(whole, 2, panes, &regions->divider);
		regions->document = panes[0];
		regions->result = panes[1];
	}
	take_header(&regions->document, &regions->document_header);
	take_header(&regions->result, &regions->result_header);
}

struct regions regions_compute(int rows, int cols, int n_answers, int n_figure_rows)
{
	struct regions regions = {0};
	if (rows < REGIONS_MIN_ROWS || cols < REGIONS_MIN_COLS) {
		regions.too_small = true;
		return regions;
	}
	regions.stacked = rows >= STACK_MIN_ROWS && (cols < STACK_BELOW_COLS || (cols < 100 && rows * 5 > cols * 3));
	regions.title = (struct rect){0, 0, 1, cols};
	int bottom = rows;
	regions.hints = (struct rect){--bottom, 0, 1, cols};
	regions.status = (struct rect){--bottom, 0, 1, cols};
	regions.question = (struct rect){--bottom, 0, 1, cols};
	if (n_answers > 0) {
		int body = rows / 6;
		body = body < 3 ? 3 : body > 10 ? 10 : body;
		bottom -= body + 1;
		split((struct rect){bottom, 0, body + 1, cols}, n_answers, regions.answer, regions.answer_divider);
		for (int i = 0; i < n_answers; i++)
			take_header(&regions.answer[i], &regions.answer_header[i]);
	}
	int figure_rows = cols >= WIDE_COLS && n_figure_rows < 2 ? 1 : 2;
	bottom -= figure_rows;
	regions.figures = (struct rect){bottom, 0, figure_rows, cols};
	regions.slider = (struct rect){--bottom, 0, 1, cols};
	int value_cols = cols < 100 ? SLIDER_VALUE_COLS_NARROW : SLIDER_VALUE_COLS;
	regions.track = (struct rect){bottom, SLIDER_LABEL_COLS, 1, cols - SLIDER_LABEL_COLS - value_cols};
	place_panes(&regions, (struct rect){1, 0, bottom - 1, cols});
	return regions;
}
