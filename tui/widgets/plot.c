#include "widgets/plot.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "training/axis.h"

enum {
	MIN_ROWS = 2, MIN_COLS = 8,        /* of the dots */
	ROWS_PER_TICK = 2, COLS_PER_TICK = 10,
	FOOT_ROWS = 2,                     /* the line below and its numbers */
	LETTER_COLS = 2,                   /* a space and the letter at a curve's end */
	BRAILLE = 0x2800,
};

/* The dots of a plot, before they become cells. */
struct raster {
	int rows, cols;     /* cells */
	int across, down;   /* dots of a cell */
	uint8_t *bits;      /* (rows * cols), the pattern of braille */
	uint8_t *owner;     /* (rows * cols), the series seen last there, from 1; 0: none */
};

/* Bits of a cell by its dots, column by column. */
static const uint8_t dot_bits[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};

static void set_dot(struct raster *raster, long x, long y, int owner)
{
	if (x < 0 || y < 0 || x >= (long)raster->cols * raster->across || y >= (long)raster->rows * raster->down)
		return;
	size_t cell = (size_t)(y / raster->down) * (size_t)raster->cols + (size_t)(x / raster->across);
	raster->bits[cell] |= dot_bits[x % raster->across][y % raster->down];
	raster->owner[cell] = (uint8_t)owner;
}

static void set_line(struct raster *raster, long x0, long y0, long x1, long y1, int owner)
{
	long n = labs(x1 - x0) > labs(y1 - y0) ? labs(x1 - x0) : labs(y1 - y0);
	for (long i = 0; i <= n; i++) {
		double share = n == 0 ? 0 : (double)i / (double)n;
		set_dot(raster, lround((double)x0 + share * (double)(x1 - x0)), lround((double)y0 + share * (double)(y1 - y0)),
		        owner);
	}
}

static void fill_cell(struct raster *raster, long x, long y)
{
	raster->bits[(size_t)(y / raster->down) * (size_t)raster->cols + (size_t)(x / raster->across)] = 0xff;
}

/* A place on an axis as a dot. */
static long dot_of(double share, long n)
{
	return lround(share * (double)(n - 1));
}

/* Draws one series; returns the row of cells where it ends, -1: nothing of it is seen. */
static int rasterise(struct raster *raster, const struct plot_series *series, int owner, const struct axis *x_axis,
                     const struct axis *y_axis)
{
	long across = (long)raster->cols * raster->across, down = (long)raster->rows * raster->down;
	size_t n_seen = 0;
	long last_x = 0, last_y = 0;
	for (size_t i = 0; i < series->n; i++) {
		double x_share = axis_share(x_axis, series->x[i]), y_share = axis_share(y_axis, series->y[i]);
		/* The comparison is false for NaN. */
		if (!(x_share >= 0 && x_share <= 1 && y_share >= 0 && y_share <= 1))
			continue;
		long x = dot_of(x_share, across), y = dot_of(1 - y_share, down);
		set_line(raster, n_seen > 0 ? last_x : x, n_seen > 0 ? last_y : y, x, y, owner);
		last_x = x;
		last_y = y;
		n_seen++;
	}
	if (n_seen == 1) /* a single dot would be overlooked: its cell is filled */
		fill_cell(raster, last_x, last_y);
	return n_seen > 0 ? (int)(last_y / raster->down) : -1;
}

/* Smallest and largest value between x_low and x_high; false: there is none. */
static bool find_range(const struct plot_series *series, int n_series, double x_low, double x_high, bool logarithmic, double *min,
                       double *max)
{
	*min = INFINITY;
	*max = -INFINITY;
	for (int s = 0; s < n_series; s++) {
		for (size_t i = 0; i < series[s].n; i++) {
			double y = series[s].y[i];
			if (!isfinite(y) || series[s].x[i] < x_low || series[s].x[i] > x_high || (logarithmic && !(y > 0)))
				continue;
			*min = fmin(*min, y);
			*max = fmax(*max, y);
		}
	}
	return *min <= *max;
}

static void draw_dots(struct canvas *canvas, struct rect place, const struct raster *raster, const struct plot_series *series)
{
	for (int row = 0; row < raster->rows; row++) {
		for (int col = 0; col < raster->cols; col++) {
			size_t cell = (size_t)row * (size_t)raster->cols + (size_t)col;
			if (raster->owner[cell] == 0)
				continue;
			const struct plot_series *owner = &series[raster->owner[cell] - 1];
			uint32_t letter = owner->letter == '\0' ? '*' : (uint32_t)owner->letter;
			canvas_code(canvas, place.row + row, place.col + col,
			            canvas->ascii ? letter : (uint32_t)BRAILLE + raster->bits[cell], owner->role);
		}
	}
}

static void draw_y_axis(struct canvas *canvas, struct rect place, const struct axis *axis, int label_col)
{
	int line = place.col - 1;
	canvas_column(canvas, place.row, line, place.rows, ROLE_BORDER);
	canvas_code(canvas, place.row + place.rows, line, canvas->ascii ? '+' : 0x2514, ROLE_BORDER);
	for (int i = 0; i < axis->n_ticks; i++) {
		char label[AXIS_LABEL_SIZE];
		int length = axis_label(axis, axis->ticks[i], label);
		int row = place.row + (int)dot_of(1 - axis_share(axis, axis->ticks[i]), place.rows);
		int col = line - length > label_col ? line - length : label_col;
		canvas_string(canvas, row, col, line - label_col, ROLE_LABEL, label);
		canvas_code(canvas, row, line, canvas->ascii ? '+' : 0x2524, ROLE_BORDER);
	}
}

static void draw_x_axis(struct canvas *canvas, struct rect place, const struct axis *axis)
{
	int row = place.row + place.rows, free_from = place.col - 1;
	canvas_line(canvas, row, place.col, place.cols, ROLE_BORDER);
	for (int i = 0; i < axis->n_ticks; i++) {
		char label[AXIS_LABEL_SIZE];
		int length = axis_label(axis, axis->ticks[i], label);
		int at = place.col + (int)dot_of(axis_share(axis, axis->ticks[i]), place.cols), begin = at - length / 2;
		int most = place.col + place.cols + LETTER_COLS - length;
		begin = begin > most ? most : begin;
		if (begin < free_from)
			continue;
		canvas_code(canvas, row, at, canvas->ascii ? '+' : 0x252c, ROLE_BORDER);
		canvas_string(canvas, row + 1, begin, length, ROLE_LABEL, label);
		free_from = begin + length + 1;
	}
}

/* The letters behind the ends of the curves; one that finds its row taken goes to the nearest free one. */
static void draw_letters(struct canvas *canvas, struct rect place, const struct plot_series *series, const int *end_rows, int n)
{
	uint64_t taken = 0;
	int rows = place.rows < 64 ? place.rows : 64;
	for (int s = 0; s < n; s++) {
		if (end_rows[s] < 0 || series[s].letter == '\0')
			continue;
		for (int away = 0; away < 2 * rows; away++) {
			int row = end_rows[s] + (away % 2 == 0 ? away / 2 : -(away + 1) / 2);
			if (row < 0 || row >= rows || (taken >> row & 1) != 0)
				continue;
			taken |= UINT64_C(1) << row;
			canvas_code(canvas, place.row + row, place.col + place.cols + 1, (uint32_t)series[s].letter,
			            series[s].role);
			break;
		}
	}
}

/* Columns that the numbers of the y axis need. */
static int label_cols(const struct axis *axis)
{
	int most = 0;
	for (int i = 0; i < axis->n_ticks; i++) {
		char label[AXIS_LABEL_SIZE];
		int length = axis_label(axis, axis->ticks[i], label);
		most = length > most ? length : most;
	}
	return most;
}

static void draw_nothing(struct canvas *canvas, struct rect rect, const char *sentence)
{
	int length = (int)strlen(sentence), col = rect.cols > length ? (rect.cols - length) / 2 : 0;
	canvas_string(canvas, rect.row + rect.rows / 2, rect.col + col, rect.cols - col, ROLE_FAINT, sentence);
}

bool plot_draw(struct canvas *canvas, struct rect rect, const struct plot_series *series, int n_series, double x_low,
               double x_high, bool logarithmic)
{
	enum { MOST_SERIES = 16 };
	struct axis x_axis, y_axis;
	double min, max;
	int rows = rect.rows - FOOT_ROWS, end_rows[MOST_SERIES];
	n_series = n_series > MOST_SERIES ? MOST_SERIES : n_series;
	if (rect.rows < 1 || rect.cols < 1)
		return true;
	bool any = find_range(series, n_series, x_low, x_high, logarithmic, &min, &max);
	if (any)
		(logarithmic ? axis_fit_logarithmic : axis_fit)(&y_axis, min, max, 1 + rows / ROWS_PER_TICK);
	int labels = any ? label_cols(&y_axis) : 0, cols = rect.cols - labels - 1 - LETTER_COLS;
	if (!any || rows < MIN_ROWS || cols < MIN_COLS) {
		draw_nothing(canvas, rect, any ? "no room" : "nothing yet");
		return true;
	}
	axis_fit_whole(&x_axis, x_low, x_high, 1 + cols / COLS_PER_TICK);
	const struct rect place = {rect.row, rect.col + labels + 1, rows, cols};
	size_t n_cells = (size_t)rows * (size_t)cols;
	uint8_t *bits = calloc(2, n_cells);
	if (bits == NULL)
		return false;
	struct raster raster = {rows, cols, canvas->ascii ? 1 : 2, canvas->ascii ? 1 : 4, bits, bits + n_cells};
	for (int s = 0; s < n_series; s++)
		end_rows[s] = rasterise(&raster, &series[s], s + 1, &x_axis, &y_axis);
	draw_y_axis(canvas, place, &y_axis, rect.col);
	draw_x_axis(canvas, place, &x_axis);
	draw_dots(canvas, place, &raster, series);
	draw_letters(canvas, place, series, end_rows, n_series);
	free(bits);
	return true;
}
