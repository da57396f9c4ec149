#include "training/curves_svg.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "pith/characters.h"
#include "training/axis.h"
#include "training/training_panels.h"
#include "widgets/gauge.h"

/* Pixels: the picture, its margins, one plot below the other. */
enum {
	WIDTH = 860, PLOT_HEIGHT = 230, TOP = 44, GAP = 92, LEFT = 64, RIGHT = 190, BOTTOM = 52,
	PLOT_WIDTH = WIDTH - LEFT - RIGHT,
	X_TICKS = 8, Y_TICKS = 6, LEGEND_ROW = 22,
	N_STYLES = 4,
};

static const enum training_panel_id drawn[] = {PANEL_LOSS, PANEL_HELD_OUT};
enum { N_DRAWN = sizeof drawn / sizeof *drawn, HEIGHT = TOP + N_DRAWN * PLOT_HEIGHT + (N_DRAWN - 1) * GAP + BOTTOM };

/* Colours that have a contrast of 4.5 and more with their ground, and dashes for who does not see them. */
static const char style[] =
	"<style>\n"
	".ground{fill:#ffffff}.ink{fill:#1f2328}.soft{fill:#59636e}\n"
	".rule{stroke:#d1d9e0;stroke-width:1}.frame{stroke:#59636e;stroke-width:1;fill:none}\n"
	".line{fill:none;stroke-width:1.6;stroke-linejoin:round}.dot{stroke:none}\n"
	".s0{stroke:#0550ae}.s1{stroke:#1a6d2e;stroke-dasharray:7 3}.s2{stroke:#a13b00;stroke-dasharray:2 2}"
	".s3{stroke:#7a35b5;stroke-dasharray:9 3 2 3}\n"
	".d0{fill:#0550ae}.d1{fill:#1a6d2e}.d2{fill:#a13b00}.d3{fill:#7a35b5}\n"
	"text{font-family:system-ui,sans-serif;font-size:13px}.title{font-size:15px;font-weight:600}\n"
	"@media (prefers-color-scheme:dark){\n"
	".ground{fill:#0d1117}.ink{fill:#e6edf3}.soft{fill:#9da7b3}.rule{stroke:#30363d}.frame{stroke:#9da7b3}\n"
	".s0{stroke:#79c0ff}.s1{stroke:#7ee787}.s2{stroke:#ffa657}.s3{stroke:#d2a8ff}\n"
	".d0{fill:#79c0ff}.d1{fill:#7ee787}.d2{fill:#ffa657}.d3{fill:#d2a8ff}}\n"
	"</style>\n";

/* Text as XML allows it: markup spelled out, and neither control bytes nor what is no UTF-8. */
static void write_escaped(FILE *out, const char *text)
{
	size_t length = strlen(text);
	for (size_t i = 0; i < length;) {
		int32_t code;
		size_t n = pith_character(text + i, length - i, &code);
		if (n == 1 && strchr("<>&\"", text[i]) != NULL)
			fprintf(out, "&#%d;", text[i]);
		else if (n == 0 || (unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			fputc('?', out);
		else
			fwrite(text + i, 1, n, out);
		i += n > 0 ? n : 1;
	}
}

/* One plot: its place, and the scales of its values. */
struct plot {
	const struct training_panel *panel;
	const struct training_log *log;
	double top;
	struct axis x, y;
};

static double x_of(const struct plot *plot, double step)
{
	return LEFT + axis_share(&plot->x, step) * PLOT_WIDTH;
}

static double y_of(const struct plot *plot, double value)
{
	return plot->top + (1 - axis_share(&plot->y, value)) * PLOT_HEIGHT;
}

/* Fits the scales; false: there is nothing to draw. */
static bool fit(struct plot *plot)
{
	const struct training_log *log = plot->log;
	double min = INFINITY, max = -INFINITY;
	for (size_t i = 0; i < log->n; i++) {
		for (int s = 0; s < plot->panel->n_series; s++) {
			double value = plot->panel->value(&log->points[i], s);
			if (!isfinite(value))
				continue;
			min = fmin(min, value);
			max = fmax(max, value);
		}
	}
	axis_fit_whole(&plot->x, (double)log->points[0].step, (double)log->points[log->n - 1].step, X_TICKS);
	axis_fit(&plot->y, min, max, Y_TICKS);
	return min <= max;
}

static void write_axes(FILE *out, const struct plot *plot)
{
	char label[AXIS_LABEL_SIZE], count[FIGURE_SIZE];
	double bottom = plot->top + PLOT_HEIGHT;
	for (int i = 0; i < plot->y.n_ticks; i++) {
		double y = y_of(plot, plot->y.ticks[i]);
		axis_label(&plot->y, plot->y.ticks[i], label);
		fprintf(out, "<line class=\"rule\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n", LEFT, y, LEFT + PLOT_WIDTH,
		        y);
		fprintf(out, "<text class=\"soft\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", LEFT - 8, y + 4, label);
	}
	for (int i = 0; i < plot->x.n_ticks; i++) {
		double x = x_of(plot, plot->x.ticks[i]);
		figure_count(count, (size_t)plot->x.ticks[i]);
		fprintf(out, "<path class=\"frame\" d=\"M%.1f %.1fv5\"/>\n", x, bottom);
		fprintf(out, "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n", x, bottom + 20,
		        count);
	}
	fprintf(out, "<path class=\"frame\" d=\"M%d %.1fV%.1fH%d\"/>\n", LEFT, plot->top, bottom, LEFT + PLOT_WIDTH);
	fprintf(out, "<text class=\"soft\" x=\"%d\" y=\"%.1f\" text-anchor=\"middle\">step</text>\n", LEFT + PLOT_WIDTH / 2,
	        bottom + 38);
	fprintf(out, "<text class=\"ink title\" x=\"%d\" y=\"%.1f\">%s", LEFT, plot->top - 14, plot->panel->title);
	fprintf(out, "<tspan class=\"soft\" dx=\"8\" font-weight=\"400\" font-size=\"13\">%s</tspan></text>\n",
	        plot->panel->unit);
}

/* What of a line falls into one column of pixels: where it enters, its ends, where it leaves. */
struct column {
	long at;
	double first, low, high, last;
};

static void write_column(FILE *out, const struct column *column, bool *begun)
{
	const double ys[] = {column->first, column->low, column->high, column->last};
	for (int i = 0; i < 4; i++) {
		if (i > 0 && ys[i] == ys[i - 1])
			continue;
		fprintf(out, "%c%ld %.1f", *begun ? 'L' : 'M', column->at, ys[i]);
		*begun = true;
	}
}

/* A long run has more reports than the picture has columns: each column draws what it covers, spikes and all. */
static void write_line(FILE *out, const struct plot *plot, int series)
{
	struct column column = {.at = -1};
	bool begun = false;
	size_t n_points = 0;
	double x = 0, y = 0;
	fprintf(out, "<path class=\"line s%d\" d=\"", series % N_STYLES);
	for (size_t i = 0; i < plot->log->n; i++) {
		double value = plot->panel->value(&plot->log->points[i], series);
		if (!isfinite(value))
			continue;
		x = x_of(plot, (double)plot->log->points[i].step);
		y = y_of(plot, value);
		n_points++;
		if (lround(x) != column.at) {
			if (column.at >= 0)
				write_column(out, &column, &begun);
			column = (struct column){lround(x), y, y, y, y};
		}
		column.low = fmin(column.low, y);
		column.high = fmax(column.high, y);
		column.last = y;
	}
	if (column.at >= 0)
		write_column(out, &column, &begun);
	fputs("\"/>\n", out);
	if (n_points == 1)
		fprintf(out, "<circle class=\"dot d%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", series % N_STYLES, x, y);
}

static void write_legend(FILE *out, const struct plot *plot, int series, int row)
{
	double y = plot->top + 10 + row * LEGEND_ROW;
	int x = LEFT + PLOT_WIDTH + 14;
	fprintf(out, "<path class=\"line s%d\" d=\"M%d %.1fH%d\"/>\n", series % N_STYLES, x, y, x + 30);
	fprintf(out, "<text class=\"ink\" x=\"%d\" y=\"%.1f\">%s", x + 38, y + 4, training_series_name(plot->panel, series));
	fprintf(out, "<tspan class=\"soft\" dx=\"6\">%.3f</tspan></text>\n",
	        training_series_newest(plot->panel, plot->log, series));
}

static void write_plot(FILE *out, const struct training_log *log, int i)
{
	struct plot plot = {.panel = &training_panels()[drawn[i]], .log = log, .top = TOP + i * (PLOT_HEIGHT + GAP)};
	bool any = fit(&plot);
	write_axes(out, &plot);
	if (!any) {
		fprintf(out, "<text class=\"soft\" x=\"%d\" y=\"%.1f\" text-anchor=\"middle\">nothing yet</text>\n",
		        LEFT + PLOT_WIDTH / 2, plot.top + PLOT_HEIGHT / 2.0);
		return;
	}
	for (int s = 0, row = 0; s < plot.panel->n_series; s++) {
		if (isnan(training_series_newest(plot.panel, log, s)))
			continue;
		write_line(out, &plot, s);
		write_legend(out, &plot, s, row++);
	}
}

void curves_svg_write(FILE *out, const struct training_log *log)
{
	const char *slash = strrchr(log->path, '/');
	char step[FIGURE_SIZE];
	if (log->n == 0)
		return;
	figure_count(step, (size_t)log->points[log->n - 1].step);
	fprintf(out,
	        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n<title>",
	        WIDTH, HEIGHT, WIDTH, HEIGHT);
	write_escaped(out, slash != NULL ? slash + 1 : log->path);
	fprintf(out, ": training and held-out loss up to step %s</title>\n%s", step, style);
	fprintf(out, "<rect class=\"ground\" width=\"%d\" height=\"%d\"/>\n", WIDTH, HEIGHT);
	for (int i = 0; i < N_DRAWN; i++)
		write_plot(out, log, i);
	fputs("</svg>\n", out);
}
