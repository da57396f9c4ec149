#include "training/curves.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glyphs.h"
#include "widgets/gauge.h"
#include "widgets/hint_bar.h"
#include "widgets/plot.h"

enum {
	MIN_ROWS = 8, MIN_COLS = 30,
	GRID_ROWS = 20, GRID_COLS = 72, /* from here on four panels have room */
	NAMED_COLS = 60,                /* ... and the name of the log */
	LEAST_POINTS = 4,               /* zooming in ends here */
	QUIET_SECONDS = 120,            /* a run that has not reported for so long has something else to do, or is gone */
};

void curves_view_init(struct curves_view *view)
{
	*view = (struct curves_view){.panel = N_PANELS};
}

/* --- what is seen ---------------------------------------------------------------------------------------- */

/* The panel that is shown: where there is no room for all, the first of them. */
static int shown_panel(const struct curves_view *view, int rows, int cols)
{
	bool room = rows >= GRID_ROWS && cols >= GRID_COLS;
	return view->panel == N_PANELS && !room ? PANEL_LOSS : view->panel;
}

static long newest_step(const struct training_log *log)
{
	return log->n > 0 ? log->points[log->n - 1].step : 0;
}

/* Steps from the first report to the last. */
static long whole_span(const struct training_log *log)
{
	return log->n > 0 ? newest_step(log) - log->points[0].step : 0;
}

/* The first and the last step that are seen. */
static void seen_steps(const struct curves_view *view, const struct training_log *log, long *first, long *last)
{
	long whole = whole_span(log), span = view->span > 0 && view->span < whole ? view->span : whole;
	long back = view->span > 0 && view->back < whole - span ? view->back : view->span > 0 ? whole - span : 0;
	*last = newest_step(log) - back;
	*first = *last - span;
}

static void zoom_in(struct curves_view *view, const struct training_log *log)
{
	long whole = whole_span(log), span = view->span > 0 && view->span < whole ? view->span : whole;
	long least = log->n > 1 ? LEAST_POINTS * (whole / (long)(log->n - 1)) : 1;
	if (span / 2 >= least)
		view->span = span / 2;
}

static void zoom_out(struct curves_view *view, const struct training_log *log)
{
	view->span *= 2;
	if (view->span < whole_span(log))
		return;
	view->span = 0;
	view->back = 0;
}

static void move(struct curves_view *view, const struct training_log *log, int direction)
{
	long quarter = view->span / 4 > 0 ? view->span / 4 : 1, most = whole_span(log) - view->span;
	if (view->span == 0)
		return;
	view->back -= direction * quarter;
	view->back = view->back > most ? most : view->back;
	view->back = view->back < 0 ? 0 : view->back;
}

void curves_perform(struct curves_view *view, const struct training_log *log, enum action_id action, const char *key, int rows,
                    int cols)
{
	/* All panels count as one more; where they have no room they are passed over. */
	int n = rows >= GRID_ROWS && cols >= GRID_COLS ? N_PANELS + 1 : N_PANELS, shown = shown_panel(view, rows, cols);
	switch (action) {
	case ACTION_CURVES_NEXT: view->panel = (shown + 1) % (N_PANELS + 1) % n; break;
	case ACTION_CURVES_PREVIOUS: view->panel = (shown + n - 1) % n; break;
	case ACTION_CURVES_PANEL:
		if (key[0] >= '1' && key[0] < '1' + N_PANELS)
			view->panel = key[0] - '1';
		break;
	case ACTION_CURVES_GRID: view->panel = N_PANELS; break;
	case ACTION_CURVES_LOGARITHMIC: view->logarithmic = !view->logarithmic; break;
	case ACTION_CURVES_ZOOM_IN: zoom_in(view, log); break;
	case ACTION_CURVES_ZOOM_OUT: zoom_out(view, log); break;
	case ACTION_CURVES_EARLIER: move(view, log, -1); break;
	case ACTION_CURVES_LATER: move(view, log, 1); break;
	case ACTION_CURVES_WHOLE: view->span = view->back = 0; break;
	case ACTION_CURVES_NEWEST: view->back = 0; break;
	default: break;
	}
}

/* --- the bars -------------------------------------------------------------------------------------------- */

/* A piece of the title, with a line before it; one that does not fit is left out. Returns the column after it. */
static int draw_piece(struct canvas *canvas, int col, enum role role, const char *text)
{
	int width = text_width(text, strlen(text)), line = col > 1 ? 3 : 0;
	if (text[0] == '\0' || col + line + width > canvas->cols)
		return col;
	if (line > 0)
		canvas_string(canvas, 0, col, line, ROLE_TITLE, canvas->ascii ? " | " : " \xe2\x94\x82 ");
	return col + line + canvas_string(canvas, 0, col + line, width, role, text);
}

/* "step 5,720 of 60,000 (9 %)" */
static void format_step(const struct pith_train_report *state, char *out, size_t size)
{
	char step[FIGURE_SIZE], n_steps[FIGURE_SIZE];
	figure_count(step, (size_t)state->step);
	figure_count(n_steps, (size_t)state->n_steps);
	if (state->n_steps > 0)
		snprintf(out, size, "step %s of %s (%.0f %%)", step, n_steps, floor(100.0 * state->step / state->n_steps));
	else
		snprintf(out, size, "step %s", step);
}

/* How long it will take, or that it will not go on; "": nobody knows. */
static void format_left(const struct pith_train_report *state, double quiet, char *out, size_t size)
{
	char clock[FIGURE_SIZE];
	out[0] = '\0';
	if (state->n_steps > 0 && state->step >= state->n_steps) {
		snprintf(out, size, "finished");
	} else if (quiet >= QUIET_SECONDS) {
		figure_clock(clock, quiet);
		snprintf(out, size, "quiet for %s", clock);
	} else if (isfinite(state->seconds_left)) {
		figure_clock(clock, state->seconds_left);
		snprintf(out, size, "%s left", clock);
	}
}

static void draw_title(struct canvas *canvas, const struct training_log *log, time_t now)
{
	struct pith_train_report state;
	char text[4 * FIGURE_SIZE], figure[FIGURE_SIZE];
	canvas_fill(canvas, (struct rect){0, 0, 1, canvas->cols}, ' ', ROLE_TITLE);
	int col = 1;
	if (canvas->cols >= NAMED_COLS || log->n == 0) {
		const char *slash = strrchr(log->path, '/'), *name = slash != NULL ? slash + 1 : log->path;
		col += canvas_string(canvas, 0, col, canvas->cols / 3, ROLE_TITLE_NAME, name);
	}
	if (!training_log_state(log, &state))
		return;
	format_step(&state, text, sizeof text);
	col = draw_piece(canvas, col, ROLE_TITLE_METHOD, text);
	format_left(&state, difftime(now, log->modified), text, sizeof text);
	col = draw_piece(canvas, col, ROLE_TITLE_METHOD, text);
	if (isfinite(state.loss)) {
		snprintf(text, sizeof text, "loss %.3f", state.loss);
		col = draw_piece(canvas, col, ROLE_TITLE, text);
	}
	if (state.tokens_per_second > 0 && state.tokens_per_second < 1e15) {
		figure_count(figure, (size_t)lround(state.tokens_per_second));
		snprintf(text, sizeof text, "%s tokens/s", figure);
		col = draw_piece(canvas, col, ROLE_TITLE, text);
	}
	if (isfinite(state.learning_rate)) {
		snprintf(text, sizeof text, "rate %.2e", state.learning_rate);
		draw_piece(canvas, col, ROLE_TITLE, text);
	}
}

/* The panels by their keys, the shown one marked; then how they are looked at. */
static void draw_tabs(struct canvas *canvas, const struct training_log *log, const struct curves_view *view)
{
	const struct training_panel *panels = training_panels();
	int shown = shown_panel(view, canvas->rows, canvas->cols), col = 1;
	for (int i = 0; i <= N_PANELS; i++) {
		bool all = i == N_PANELS, fits = canvas->rows >= GRID_ROWS && canvas->cols >= GRID_COLS;
		if (all && !fits)
			continue;
		col += canvas_printf(canvas, 1, col, 2, ROLE_KEY, "%d ", all ? 0 : i + 1);
		enum role role = i == shown ? ROLE_TAB : ROLE_LABEL;
		col += canvas_string(canvas, 1, col, canvas->cols - col, role, all ? "all" : panels[i].tab);
		col += i == shown ? canvas_string(canvas, 1, col, canvas->cols - col, ROLE_TAB, "<") + 1 : 2;
	}
	char text[3 * FIGURE_SIZE] = "", first_figure[FIGURE_SIZE], last_figure[FIGURE_SIZE];
	long first, last;
	seen_steps(view, log, &first, &last);
	figure_count(first_figure, (size_t)first);
	figure_count(last_figure, (size_t)last);
	if (view->span > 0)
		snprintf(text, sizeof text, "steps %s to %s  ", first_figure, last_figure);
	snprintf(text + strlen(text), sizeof text - strlen(text), "%s", view->logarithmic ? "log " : "");
	int width = (int)strlen(text);
	if (col + width <= canvas->cols)
		canvas_string(canvas, 1, canvas->cols - width, width, ROLE_VALUE, text);
}

/* --- the panels ------------------------------------------------------------------------------------------ */

/* Names and newest values of the series, behind the title where they fit, else in rows of their own. */
struct legend {
	struct canvas *canvas;
	struct rect rect;
	int row, col;
};

/* "b regenerate 1.097", at most as wide as the panel. */
static int format_entry(const struct training_panel *panel, const struct training_log *log, int series, char *out, size_t size)
{
	double value = training_series_newest(panel, log, series);
	if (isnan(value))
		return 0;
	if (panel->n_series > 1)
		return snprintf(out, size, "%c %s %.3f", 'a' + series, training_series_name(panel, series), value);
	return snprintf(out, size, value != 0 && fabs(value) < 0.01 ? "%.2e" : "%.0f", value);
}

static enum role series_role(int series)
{
	return (enum role)(ROLE_CURVE_1 + series % (ROLE_CURVE_4 - ROLE_CURVE_1 + 1));
}

/* Draws title and legend; returns the rows used. */
static int draw_heading(struct canvas *canvas, struct rect rect, const struct training_panel *panel,
                        const struct training_log *log)
{
	enum { MOST_ROWS = 3, PLOT_ROWS = 4 };
	int most = rect.rows - PLOT_ROWS < 1 ? 1 : rect.rows - PLOT_ROWS < MOST_ROWS ? rect.rows - PLOT_ROWS : MOST_ROWS;
	char entry[96];
	struct legend legend = {canvas, rect, 0, 0};
	legend.col = canvas_string(canvas, rect.row, rect.col, rect.cols, ROLE_TAB, panel->title) + 2;
	for (int s = 0; s < panel->n_series; s++) {
		int length = format_entry(panel, log, s, entry, sizeof entry);
		if (length == 0)
			continue;
		bool fits = legend.col + length <= rect.cols;
		if (!fits && legend.row + 1 == most)
			break;
		legend.row += !fits;
		legend.col = fits ? legend.col : 0;
		int room = rect.cols - legend.col;
		legend.col +=
			canvas_string(canvas, rect.row + legend.row, rect.col + legend.col, room, series_role(s), entry) + 2;
	}
	int unit = (int)strlen(panel->unit);
	if (legend.col + unit <= rect.cols)
		canvas_string(canvas, rect.row + legend.row, rect.col + legend.col, unit, ROLE_FAINT, panel->unit);
	return legend.row + 1;
}

/* The values of a panel as the plot wants them: x (n), then y (n) of each series. NULL: no memory. */
static double *gather(const struct training_panel *panel, const struct training_log *log)
{
	size_t n = log->n;
	double *values = calloc(n * (size_t)(panel->n_series + 1), sizeof *values);
	for (size_t i = 0; values != NULL && i < n; i++) {
		values[i] = (double)log->points[i].step;
		for (int s = 0; s < panel->n_series; s++)
			values[n * (size_t)(s + 1) + i] = panel->value(&log->points[i], s);
	}
	return values;
}

static void draw_panel(struct canvas *canvas, struct rect rect, const struct training_panel *panel,
                       const struct training_log *log, const struct curves_view *view)
{
	enum { MOST_SERIES = PITH_N_OBJECTIVES > 1 ? PITH_N_OBJECTIVES : 1 };
	struct plot_series series[MOST_SERIES];
	int heading = draw_heading(canvas, rect, panel, log);
	double *values = gather(panel, log);
	if (values == NULL)
		return;
	for (int s = 0; s < panel->n_series; s++)
		series[s] = (struct plot_series){.role = series_role(s),
		                                 .letter = (char)(panel->n_series > 1 ? 'a' + s : '\0'),
		                                 .x = values,
		                                 .y = values + log->n * (size_t)(s + 1),
		                                 .n = log->n};
	long first, last;
	seen_steps(view, log, &first, &last);
	const struct rect place = {rect.row + heading, rect.col, rect.rows - heading, rect.cols};
	plot_draw(canvas, place, series, panel->n_series, (double)first, (double)last, view->logarithmic);
	free(values);
}

static void draw_panels(struct canvas *canvas, struct rect body, const struct training_log *log, const struct curves_view *view)
{
	const struct training_panel *panels = training_panels();
	int shown = shown_panel(view, canvas->rows, canvas->cols);
	if (shown < N_PANELS) {
		draw_panel(canvas, body, &panels[shown], log, view);
		return;
	}
	/* Two by two. */
	int left = (body.cols - 1) / 2, top = body.rows / 2;
	for (int i = 0; i < N_PANELS; i++) {
		bool right = i % 2 == 1, below = i / 2 == 1;
		const struct rect rect = {body.row + (below ? top : 0), body.col + (right ? left + 1 : 0),
		                          below ? body.rows - top : top, right ? body.cols - left - 1 : left};
		draw_panel(canvas, rect, &panels[i], log, view);
	}
}

static void draw_sentence(struct canvas *canvas, const char *sentence)
{
	int width = text_width(sentence, strlen(sentence));
	int col = canvas->cols > width ? (canvas->cols - width) / 2 : 0;
	canvas_string(canvas, canvas->rows / 2, col, canvas->cols - col, ROLE_TEXT, sentence);
}

void curves_draw(struct canvas *canvas, const struct training_log *log, const struct curves_view *view, time_t now,
                 const char *message)
{
	char sentence[128];
	canvas_clear(canvas);
	if (canvas->rows < MIN_ROWS || canvas->cols < MIN_COLS) {
		snprintf(sentence, sizeof sentence, "needs %dx%d (is %dx%d)", MIN_COLS, MIN_ROWS, canvas->cols, canvas->rows);
		draw_sentence(canvas, sentence);
		return;
	}
	draw_title(canvas, log, now);
	draw_tabs(canvas, log, view);
	if (log->n == 0)
		draw_sentence(canvas, "Waiting for the first report.");
	else
		draw_panels(canvas, (struct rect){2, 1, canvas->rows - 3, canvas->cols - 1}, log, view);
	if (message != NULL)
		canvas_string(canvas, canvas->rows - 1, 1, canvas->cols - 2, ROLE_ERROR, message);
	else
		hint_bar_draw(canvas, (struct rect){canvas->rows - 1, 0, 1, canvas->cols}, CONTEXT_CURVES);
}
