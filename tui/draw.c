/* One frame: the bars and lines around the views, from top to bottom. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "glyphs.h"
#include "prompt.h"
#include "screen.h"
#include "views/view_figures.h"
#include "widgets/gauge.h"
#include "widgets/hint_bar.h"
#include "widgets/paragraph.h"
#include "workbench.h"

/* A job shows itself when it takes longer than a blink. */
#define SHOW_AFTER_SECONDS 0.1

/* Pieces of the title, separated by lines; returns the column after it. */
static int draw_title_piece(struct canvas *canvas, int col, enum role role, const char *text)
{
	if (text[0] == '\0' || col + 8 > canvas->cols)
		return col;
	if (col > 7)
		col += canvas_string(canvas, 0, col, canvas->cols - col, ROLE_TITLE, canvas->ascii ? " | " : " \xe2\x94\x82 ");
	/* A long name leaves room for the others. */
	int limit = canvas->cols / 3 < canvas->cols - col ? canvas->cols / 3 : canvas->cols - col;
	return col + canvas_string(canvas, 0, col, limit, role, text);
}

/* "Self-information", or "Self-information -> DAC": what is shown, and what was chosen to take its place. */
static void write_methods(char *out, size_t size, const struct form *form)
{
	const struct pith_method *shown = form->compressed == NULL ? form->method : form->compressed->info.method;
	bool pending = form->method != NULL && form->method != shown;
	snprintf(out, size, "%s%s%s", shown->title, pending ? " -> " : "", pending ? form->method->title : "");
}

static void draw_title(struct workbench *workbench)
{
	struct canvas *canvas = &workbench->canvas;
	canvas_fill(canvas, workbench->regions.title, ' ', ROLE_TITLE);
	int col = 1 + canvas_string(canvas, 0, 1, 5, ROLE_TITLE_METHOD, "pith ");
	col = draw_title_piece(canvas, col + 1, ROLE_TITLE_NAME,
	                       workbench->document_name == NULL ? "no document" : workbench->document_name);
	char model[192] = "no model";
	int length = 0;
	if (workbench->has_model)
		length = snprintf(model, sizeof model, "%s (%s, %d layers, %s)", workbench->model.name,
		                  workbench->model.architecture, workbench->model.info.n_layers, workbench->model.weight_type);
	if (workbench->has_model && (canvas->cols < 110 || length > canvas->cols / 3))
		snprintf(model, sizeof model, "%s", workbench->model.name);
	else if (!workbench->has_model && workbench->running.active && workbench->running.kind == TASK_MODEL)
		snprintf(model, sizeof model, "opening the model");
	col = draw_title_piece(canvas, col, ROLE_TITLE, model);
	int before = col;
	char methods[96];
	write_methods(methods, sizeof methods, &workbench->forms[FORM_FIRST]);
	col = draw_title_piece(canvas, col, ROLE_TITLE_METHOD, methods);
	workbench->method_place[FORM_FIRST] = (struct rect){0, before, 1, col - before};
	const char *help = "F1 help ";
	int width = (int)strlen(help);
	if (col + width + 1 < canvas->cols)
		canvas_string(canvas, 0, canvas->cols - width, width, ROLE_TITLE, help);
}

/* The left pane's name: the document, or the method that stands in its place, and its rate where it is not the slider's. */
static int draw_left_name(const struct workbench *workbench, struct canvas *canvas, struct rect rect, bool focused)
{
	const struct shown_compressed *second = workbench->forms[FORM_SECOND].compressed;
	char title[96] = "Document";
	if (second != NULL)
		write_methods(title, sizeof title, &workbench->forms[FORM_SECOND]);
	int used = canvas_string(canvas, rect.row, rect.col, rect.cols, focused ? ROLE_TAB : ROLE_TEXT, title);
	if (!form_beside_differs(workbench))
		return used;
	char rate[FIGURE_SIZE], line[FIGURE_SIZE + 8];
	figure_rate(rate, second->info.target_cr);
	snprintf(line, sizeof line, " at %s", rate);
	return used + canvas_string(canvas, rect.row, rect.col + used, rect.cols - used, ROLE_WARNING, line);
}

/* The left pane's name, then tokens and bytes. */
static void draw_left_header(struct workbench *workbench, struct canvas *canvas)
{
	const struct rect rect = workbench->regions.document_header;
	const struct shown_compressed *second = workbench->forms[FORM_SECOND].compressed;
	bool focused = workbench->focus == FOCUS_DOCUMENT;
	canvas_line(canvas, rect.row, rect.col, rect.cols, focused ? ROLE_FOCUS : ROLE_BORDER);
	int col = rect.col + 1;
	col += draw_left_name(workbench, canvas, (struct rect){rect.row, col, 1, rect.cols - 1}, focused);
	workbench->method_place[FORM_SECOND] = (struct rect){rect.row, rect.col + 1, second == NULL ? 0 : 1, col - rect.col - 1};
	if (workbench->text == NULL)
		return;
	char tokens[FIGURE_SIZE] = "? tokens", bytes[FIGURE_SIZE], line[3 * FIGURE_SIZE];
	if (workbench->tokenised)
		figure_tokens(tokens, second == NULL ? workbench->n_tokens : second->info.compressed_tokens);
	figure_bytes(bytes, second == NULL ? workbench->length : second->info.compressed_bytes);
	int length = snprintf(line, sizeof line, " %s, %s ", tokens, bytes);
	if (col + length < rect.col + rect.cols)
		canvas_string(canvas, rect.row, rect.col + rect.cols - length - 1, length, ROLE_VALUE, line);
}

/* The names of the views, the current one marked; then tokens and bytes of the compressed form. */
static void draw_result_header(struct workbench *workbench, struct canvas *canvas)
{
	static const char *const names[N_VIEWS] = {"Compressed", "Regenerated", "Memory"};
	const struct rect rect = workbench->regions.result_header;
	bool focused = workbench->focus == FOCUS_RESULT;
	canvas_line(canvas, rect.row, rect.col, rect.cols, focused ? ROLE_FOCUS : ROLE_BORDER);
	int col = rect.col + 1;
	/* Narrow: only the current one in full. */
	bool narrow = rect.cols < 52;
	for (int i = 0; i < N_VIEWS; i++) {
		bool current = workbench->view == (enum view)i;
		int limit = narrow && !current ? 3 : 16, begin = col;
		col += canvas_string(canvas, rect.row, col, 1, ROLE_FAINT, current ? "[" : " ");
		col += canvas_string(canvas, rect.row, col, limit, current ? ROLE_TAB : ROLE_LABEL, names[i]);
		col += canvas_string(canvas, rect.row, col, 1, ROLE_FAINT, current ? "]" : " ");
		workbench->view_tabs[i] = (struct rect){rect.row, begin, 1, col - begin};
	}
	if (workbench->forms[FORM_FIRST].compressed == NULL)
		return;
	const struct pith_compressed_info *info = &workbench->forms[FORM_FIRST].compressed->info;
	char tokens[FIGURE_SIZE], bytes[FIGURE_SIZE], line[3 * FIGURE_SIZE];
	figure_tokens(tokens, info->compressed_tokens);
	figure_bytes(bytes, info->compressed_bytes);
	int length = snprintf(line, sizeof line, " %s, %s ", tokens, bytes);
	figure_count(tokens, info->compressed_tokens);
	if (col + length >= rect.col + rect.cols)
		length = snprintf(line, sizeof line, " %s tok ", tokens);
	if (col + length < rect.col + rect.cols)
		canvas_string(canvas, rect.row, rect.col + rect.cols - length - 1, length, ROLE_VALUE, line);
}

/* What an empty pane says. */
static void draw_hint(struct canvas *canvas, struct rect rect, const char *first, const char *second)
{
	int used = paragraph_draw(canvas, rect, ROLE_FAINT, first);
	paragraph_draw(canvas, (struct rect){rect.row + used, rect.col, rect.rows - used, rect.cols}, ROLE_FAINT, second);
}

/*
 * Text keeps a column away from lines and edges, and is as wide in both panes,
 * so that the same text breaks at the same places; a column that is left over
 * stays empty.
 */
static struct rect inset(const struct regions *regions, struct rect pane)
{
	int cols = regions->document.cols < regions->result.cols ? regions->document.cols : regions->result.cols;
	return (struct rect){pane.row, pane.col + 1, pane.rows, cols - 1};
}

static bool build_left(struct workbench *workbench)
{
	return form_beside(workbench) ? view_beside_build(workbench) : view_document_build(workbench);
}

/* Has nothing come back from its memory tokens, nor is about to? */
static bool awaits_regeneration(const struct form *form)
{
	return form_is_soft(form) && form->comparison == NULL && !form->regenerating && form->regenerated.length == 0;
}

static bool build_result(struct workbench *workbench)
{
	const struct form *form = &workbench->forms[FORM_FIRST];
	struct text_pane *pane = &workbench->result_pane;
	styled_text_clear(&pane->styled);
	text_pane_changed(pane);
	if (!view_note_build(form, pane))
		return false;
	if (workbench->view == VIEW_COMPRESSED)
		return view_compressed_build(workbench, form, pane);
	static const char hint[] = "Press r to regenerate the document from its memory tokens.";
	if (awaits_regeneration(form))
		return styled_text_mark(&pane->styled, ROLE_FAINT, hint, strlen(hint), 0);
	return view_regenerated_build(workbench, form, pane);
}

static void fit_left(struct workbench *workbench)
{
	struct rect rect = inset(&workbench->regions, workbench->regions.document);
	struct text_pane *pane = &workbench->document_pane;
	if (workbench->document_stale && build_left(workbench))
		workbench->document_stale = false;
	if (form_beside(workbench))
		rect = view_beside_text(workbench, rect);
	text_pane_fit(pane, rect.rows, rect.cols);
	if (workbench->follow && workbench->forms[FORM_SECOND].regenerating) {
		text_pane_scroll_to(pane, text_pane_last_top(pane));
		workbench->result_leads = false;
	}
}

/* Builds and wraps what has changed, then lets the one pane follow the other. */
static void prepare_panes(struct workbench *workbench)
{
	const struct regions *regions = &workbench->regions;
	fit_left(workbench);
	if (workbench->view == VIEW_MEMORY)
		return;
	struct text_pane *result = &workbench->result_pane;
	if (workbench->result_stale && build_result(workbench))
		workbench->result_stale = false;
	int legend = workbench->view == VIEW_REGENERATED ? view_regenerated_legend_rows(inset(regions, regions->result)) : 0;
	text_pane_fit(result, regions->result.rows - legend, inset(regions, regions->result).cols);
	if (workbench->follow && workbench->view == VIEW_REGENERATED && !workbench->forms[FORM_SECOND].regenerating) {
		text_pane_scroll_to(result, text_pane_last_top(result));
		workbench->result_leads = true;
	}
	if (!workbench->sync)
		return;
	if (workbench->result_leads)
		synchronise_panes(workbench, result, &workbench->document_pane);
	else
		synchronise_panes(workbench, &workbench->document_pane, result);
}

static void draw_left(struct workbench *workbench, struct canvas *canvas)
{
	const struct rect rect = inset(&workbench->regions, workbench->regions.document);
	if (workbench->text == NULL)
		draw_hint(canvas, rect, "Paste a text here, or press o to open a file.", "");
	else if (form_beside(workbench))
		view_beside_draw(workbench, canvas, rect);
	else
		text_pane_draw(&workbench->document_pane, canvas, rect);
}

static void draw_result(struct workbench *workbench, struct canvas *canvas)
{
	struct rect rect = inset(&workbench->regions, workbench->regions.result);
	const struct form *form = &workbench->forms[FORM_FIRST];
	if (workbench->view == VIEW_MEMORY) {
		view_memory_draw(workbench, canvas, rect);
		return;
	}
	if (form->compressed == NULL) {
		if (workbench->text == NULL || workbench->running.active)
			return;
		if (workbench->has_model) /* it was cancelled, or failed */
			draw_hint(canvas, rect, "Nothing is compressed yet.",
			          "Left and Right move the slider and compress, = takes a target.");
		else
			draw_hint(canvas, rect, "Without a model nothing can be compressed.",
			          "Start pith with --model FILE.gguf.");
		return;
	}
	if (workbench->view == VIEW_COMPRESSED) {
		text_pane_draw(&workbench->result_pane, canvas, rect);
		return;
	}
	if (!form_is_soft(form)) {
		draw_hint(canvas, rect, "This method makes text: the compressed text is all there is.",
		          "Regeneration belongs to memory tokens (m: method, p: view).");
		return;
	}
	int rows = view_regenerated_legend_rows(rect);
	rect.rows -= rows;
	const struct rect legend = {rect.row + rect.rows, rect.col, rows, rect.cols};
	text_pane_draw(&workbench->result_pane, canvas, rect);
	view_regenerated_draw_legend(form, canvas, legend);
}

static void draw_slider(const struct workbench *workbench, struct canvas *canvas)
{
	const struct rect row = workbench->regions.slider, track = workbench->regions.track;
	bool focused = workbench->focus == FOCUS_SLIDER;
	canvas_string(canvas, row.row, row.col + 1, 2, focused ? ROLE_TAB : ROLE_LABEL, "CR");
	canvas_code(canvas, row.row, track.col - 1, canvas->ascii ? '[' : 0x2590, focused ? ROLE_FOCUS : ROLE_BORDER);
	slider_draw(&workbench->slider, canvas, track, workbench->n_tokens);
	canvas_code(canvas, row.row, track.col + track.cols, canvas->ascii ? ']' : 0x258c, focused ? ROLE_FOCUS : ROLE_BORDER);
	char rate[FIGURE_SIZE];
	figure_rate(rate, slider_share(workbench->slider.live, workbench->n_tokens));
	int col = track.col + track.cols + 2, room = row.cols - col;
	int used = canvas_string(canvas, row.row, col, room, ROLE_VALUE, rate);
	size_t budget = jobs_budget(workbench, workbench->slider.live);
	/* Until what is shown is of so many tokens, not only until that has begun. */
	const struct shown_compressed *shown = workbench->forms[FORM_FIRST].compressed;
	bool pending = shown == NULL || shown->info.budget_tokens != budget;
	char tokens[FIGURE_SIZE], line[FIGURE_SIZE + 16];
	figure_count(tokens, budget);
	int length = snprintf(line, sizeof line, " %s%s tok", pending ? "-> " : "", tokens);
	if (length > room - used) /* of a long document on a narrow screen: the number is what counts */
		snprintf(line, sizeof line, " %s%s", pending ? "-> " : "", tokens);
	if (budget > 0)
		canvas_string(canvas, row.row, col + used, room - used, ROLE_LABEL, line);
}

/* The first form's figures, and what is switched off; returns the rows that they take. Without a canvas they are only counted. */
static int draw_figures(const struct workbench *workbench, struct canvas *canvas, struct rect rect)
{
	if (workbench->forms[FORM_FIRST].compressed == NULL)
		return 0;
	struct figure_flow flow = {canvas, rect, 0, 1};
	view_figures_add(&flow, &workbench->forms[FORM_FIRST].compressed->info);
	if (!workbench->sync)
		figure_flow_add(&flow, "", ROLE_WARNING, "scrolling apart");
	if (!workbench->mouse)
		figure_flow_add(&flow, "", ROLE_WARNING, "mouse off");
	return flow.row + 1;
}

/* How far a job is (share below 0: unknown), how long it still takes, and how to stop it. */
static void write_progress(char *out, size_t size, const struct running *running, double share, double elapsed)
{
	char seconds[FIGURE_SIZE], done[FIGURE_SIZE], total[FIGURE_SIZE];
	figure_seconds(seconds, elapsed);
	if (share < 0) {
		snprintf(out, size, "%s  Esc cancels", seconds);
	} else if (running->kind == TASK_REFINE) {
		/* Tokens that are right come and go, and the last ones take longest: nobody knows how long. */
		figure_count(done, (size_t)running->progress.done);
		figure_count(total, (size_t)running->progress.total);
		snprintf(out, size, "%s of %s right  %s  Esc cancels", done, total, seconds);
	} else if (share > 0.01 && clock_now() - running->stage_since > 0.5) {
		double in_stage = clock_now() - running->stage_since;
		figure_seconds(seconds, in_stage / share - in_stage);
		snprintf(out, size, "%3.0f%%  %s left  Esc cancels", floor(share * 100), seconds);
	} else {
		snprintf(out, size, "%3.0f%%  Esc cancels", floor(share * 100));
	}
}

/* "Compressing: reading  [####    ]  42 %  3 s left  Esc cancels" */
static bool draw_progress(struct workbench *workbench, struct canvas *canvas)
{
	const struct running *running = &workbench->running;
	double elapsed = clock_now() - running->since;
	if (!running->active || elapsed < SHOW_AFTER_SECONDS)
		return false;
	const struct rect rect = workbench->regions.status;
	const struct worker_progress *progress = &running->progress;
	char what[FIGURE_SIZE * 2], tail[4 * FIGURE_SIZE] = "stopping";
	bool named =
		running->has_progress && progress->what[0] != '\0' && strcasecmp(progress->what, task_name(running->kind)) != 0;
	snprintf(what, sizeof what, "%s%s%s", task_name(running->kind), named ? ": " : "", named ? progress->what : "");
	double share = running->has_progress && progress->total > 0 ? progress->done / progress->total : -1;
	share = share > 1 ? 1 : share;
	if (!worker_cancelling(workbench->worker))
		write_progress(tail, sizeof tail, running, share, elapsed);
	int tail_cols = text_width(tail, strlen(tail)), room = rect.cols - tail_cols - 3;
	room = room > rect.cols / 2 ? room : rect.cols / 2;
	int col = 1 + canvas_string(canvas, rect.row, 1, room, ROLE_TEXT, what) + 1;
	int bar = rect.cols - col - tail_cols - 3;
	bar = bar > 40 ? 40 : bar;
	if (bar >= 6) {
		gauge_draw(canvas, (struct rect){rect.row, col, 1, bar}, share, workbench->tick);
		col += bar + 1;
	}
	canvas_string(canvas, rect.row, col, rect.cols - col, ROLE_VALUE, tail);
	return true;
}

/*
 * A message that is to fit so many rows: its longest word, which is the name of
 * a file, loses as much of its middle as it must. What it says behind the name
 * is what is to be read.
 */
static void shorten_name(char *message, size_t size, int cols, int rows)
{
	enum { MIN_NAME = 8 };
	size_t begin = 0, length = 0;
	for (size_t at = 0, n; message[at] != '\0'; at += n + (message[at + n] == ' ')) {
		n = strcspn(message + at, " ");
		if (n > length) {
			begin = at;
			length = n;
		}
	}
	char original[sizeof((struct workbench *)NULL)->message];
	snprintf(original, sizeof original, "%s", message);
	const char *name = original + begin;
	for (size_t keep = length; keep >= MIN_NAME && paragraph_rows(message, cols) > rows; keep--) {
		size_t head = keep / 2, tail = length - (keep - head);
		while (head > 0 && ((unsigned char)name[head] & 0xc0) == 0x80)
			head--;
		while (tail < length && ((unsigned char)name[tail] & 0xc0) == 0x80)
			tail++;
		snprintf(message, size, "%.*s...%s", (int)(begin + head), original, name + tail);
	}
}

/* A sentence that is longer than its row goes on over the hints. */
static void draw_message(const struct workbench *workbench, struct canvas *canvas, int row)
{
	const struct rect hints = workbench->regions.hints;
	char message[sizeof workbench->message];
	if (workbench->message[0] == '\0')
		return;
	snprintf(message, sizeof message, "%s", workbench->message);
	const struct rect place = {row, 1, hints.row - row + 1, hints.cols - 2};
	shorten_name(message, sizeof message, place.cols, place.rows);
	if (row == hints.row || paragraph_rows(message, place.cols) > 1)
		canvas_fill(canvas, hints, ' ', ROLE_TEXT);
	paragraph_draw(canvas, place, workbench->message_role, message);
}

static void draw_status(struct workbench *workbench, struct canvas *canvas)
{
	const struct rect rect = workbench->regions.status;
	const char *completions = prompt_kind() == PROMPT_NONE ? "" : prompt_completions();
	if (completions[0] != '\0')
		canvas_string(canvas, rect.row, 1, rect.cols - 2, ROLE_LABEL, completions);
	else if (!draw_progress(workbench, canvas))
		draw_message(workbench, canvas, rect.row);
	else if (workbench->message_since > workbench->running.since || workbench->message_of_line ||
	         clock_now() - workbench->message_since < MESSAGE_SECONDS)
		draw_message(workbench, canvas,
		             workbench->regions.hints.row); /* of this job, or why a line is open again, or not read yet */
}

/* As in the bar of the keys, what does not fit whole is left out. */
static void draw_line_hints(struct canvas *canvas, struct rect rect)
{
	const char *hints[] = {"Enter takes the line", "Esc leaves it", NULL, NULL};
	if (prompt_takes_path()) {
		hints[2] = "Tab completes the name";
	} else if (prompt_kind() == PROMPT_QUESTION) {
		hints[2] = "Up earlier ones";
		hints[3] = "Ctrl-R searches them";
	}
	int col = 1;
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
		if (hints[i] != NULL && col + (int)strlen(hints[i]) < rect.cols)
			col += 2 + canvas_string(canvas, rect.row, col, rect.cols - col, ROLE_FAINT, hints[i]);
}

void draw_too_small(struct canvas *canvas)
{
	char text[80];
	struct text_layout layout = {0};
	int length = snprintf(text, sizeof text, "terminal too small: %dx%d, pith needs %dx%d", canvas->cols, canvas->rows,
	                      REGIONS_MIN_COLS, REGIONS_MIN_ROWS);
	if (length > canvas->cols)
		strchr(text, ',')[1] = '\n';
	if (!layout_wrap(&layout, text, (size_t)length, canvas->cols))
		return;
	/* The size that is needed stands at the end: where there are too few rows the beginning goes. */
	int n = (int)layout.n_rows, first = n > canvas->rows ? n - canvas->rows : 0, top = (canvas->rows - (n - first)) / 2;
	int col = n == 1 ? (canvas->cols - length) / 2 : 0;
	for (int i = first; i < n; i++)
		canvas_text(canvas, top + i - first, col, canvas->cols - col, ROLE_TEXT, text + layout.begin[i],
		            layout_row_end(&layout, (size_t)i) - layout.begin[i]);
	layout_free(&layout);
}

void draw_frame(struct workbench *workbench)
{
	struct canvas *canvas = &workbench->canvas;
	int rows, cols;
	screen_size(&rows, &cols);
	if ((rows != canvas->rows || cols != canvas->cols) && !canvas_resize(canvas, rows, cols))
		return;
	canvas_clear(canvas);
	int figure_rows = draw_figures(workbench, NULL, (struct rect){0, 0, 0, cols});
	workbench->regions = regions_compute(rows, cols, workbench->n_answers, figure_rows);
	if (workbench->training.open) {
		training_view_draw(&workbench->training, canvas);
		screen_show(canvas);
		return;
	}
	if (workbench->regions.too_small) {
		draw_too_small(canvas);
		screen_show(canvas);
		return;
	}
	const struct regions *regions = &workbench->regions;
	draw_title(workbench);
	draw_left_header(workbench, canvas);
	draw_result_header(workbench, canvas);
	prepare_panes(workbench);
	draw_left(workbench, canvas);
	draw_result(workbench, canvas);
	if (regions->divider.cols > 0) {
		canvas_column(canvas, regions->divider.row + 1, regions->divider.col, regions->divider.rows - 1, ROLE_BORDER);
		canvas_code(canvas, regions->divider.row, regions->divider.col, canvas->ascii ? '+' : 0x252c, ROLE_BORDER);
	}
	draw_slider(workbench, canvas);
	draw_figures(workbench, canvas, regions->figures);
	view_answers_draw(workbench, canvas);
	prompt_draw(canvas, (struct rect){regions->question.row, 1, 1, regions->question.cols - 1}, workbench->wanted.question,
	            workbench->question);
	if (prompt_kind() == PROMPT_NONE)
		hint_bar_draw(canvas, regions->hints, CONTEXT_ANYWHERE);
	else
		draw_line_hints(canvas, regions->hints);
	draw_status(workbench, canvas);
	menu_draw(&workbench->menu, canvas);
	if (workbench->help)
		view_help_draw(canvas, &workbench->help_top, HELP_OF_ALL);
	if (workbench->help || workbench->menu.title != NULL)
		canvas->cursor_row = -1;
	screen_show(canvas);
}
