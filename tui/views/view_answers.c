/*
 * Below the panes: the answer from the full text, then those from the compressed
 * forms in the order of the panes above, in which the second form stands left.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "glyphs.h"
#include "widgets/gauge.h"
#include "workbench.h"

/* "12 tokens, 0.42 s (read 212 in 0.30 s)", as much of it as fits. */
static void draw_figures(const struct answer *answer, struct canvas *canvas, struct rect rect, int used)
{
	if (!answer->done || answer->facts.status != PITH_OK)
		return;
	char seconds[FIGURE_SIZE], first[FIGURE_SIZE], read[FIGURE_SIZE], tokens[FIGURE_SIZE], line[4 * FIGURE_SIZE + 16];
	figure_seconds(seconds, answer->facts.seconds);
	figure_seconds(first, answer->facts.first_token_seconds);
	figure_count(read, answer->facts.n_prompt_tokens);
	figure_tokens(tokens, answer->facts.n_tokens);
	int length = snprintf(line, sizeof line, "%s, %s (read %s in %s) ", tokens, seconds, read, first);
	if (length + used > rect.cols)
		length = snprintf(line, sizeof line, "%s, %s ", tokens, seconds);
	if (length + used <= rect.cols)
		canvas_string(canvas, rect.row, rect.col + rect.cols - length, length, ROLE_VALUE, line);
}

/* Is it about another question than the one that waits, or read from something else than what stands in the pane above it now? */
static bool is_earlier(const struct workbench *workbench, int side)
{
	const struct answer *answer = &workbench->answers[side];
	const char *waiting = workbench->wanted.question, *asked = workbench->question;
	if (waiting != NULL && (asked == NULL || strcmp(waiting, asked) != 0))
		return true;
	if (side == ANSWER_FULL)
		return false;
	const struct shown_compressed *shown = workbench->forms[side - ANSWER_FIRST].compressed;
	if (shown == NULL || answer->method == NULL) /* there is no such form, or there was none */
		return (shown == NULL) != (answer->method == NULL);
	return shown->info.method != answer->method || fabs(shown->info.cr - answer->cr) > 1e-9 ||
	       fabs(shown->coherence - answer->coherence) > 1e-9 ||
	       form_steps_read(&workbench->forms[side - ANSWER_FIRST]) != answer->refine_steps;
}

/* What an answer was read from: "DAC: 0.25 (4.0x)", of which a narrow column loses the factor first, then the rate. */
static void write_title(char *title, size_t size, const struct answer *answer, bool full, bool earlier, int cols)
{
	char rate[FIGURE_SIZE];
	if (full || answer->method == NULL) {
		snprintf(title, size, " %s: %s ", earlier ? "Earlier" : "Answer", full ? "full text" : "no compressed form");
		return;
	}
	const char *when = earlier ? "Earlier, " : "";
	figure_rate(rate, answer->cr);
	int length = snprintf(title, size, " %s%s: %s ", when, answer->method->title, rate);
	if (length > cols)
		length = snprintf(title, size, " %s%s: %.*s ", when, answer->method->title, (int)strcspn(rate, " "), rate);
	if (length > cols)
		snprintf(title, size, " %s%s ", when, answer->method->title);
}

static void draw_header(const struct workbench *workbench, struct canvas *canvas, struct rect rect, int side, bool earlier)
{
	const struct answer *answer = &workbench->answers[side];
	enum role border = workbench->focus == FOCUS_ANSWERS ? ROLE_FOCUS : ROLE_BORDER;
	canvas_line(canvas, rect.row, rect.col, rect.cols, border);
	char title[FIGURE_SIZE + 64];
	write_title(title, sizeof title, answer, side == ANSWER_FULL, earlier, rect.cols - 1);
	int used = 1 + canvas_string(canvas, rect.row, rect.col + 1, rect.cols - 1, earlier ? ROLE_WARNING : ROLE_TEXT, title);
	draw_figures(answer, canvas, rect, used + 1);
}

/* What stands in the pane: the text in its role, and why it ended when that matters, or why there is none. */
static bool build(struct answer *answer, enum role text_role, bool running)
{
	struct styled_text *styled = &answer->pane.styled;
	styled_text_clear(styled);
	text_pane_changed(&answer->pane);
	if (answer->text.length > 0 && !styled_text_mark(styled, text_role, answer->text.data, answer->text.length, 0))
		return false;
	const char *note = "";
	enum role role = ROLE_FAINT;
	if (!answer->done && running)
		note = answer->text.length == 0 ? "..." : "";
	else if (!answer->done)
		note = answer->text.length == 0 ? "Stopped before it began." : "Stopped before its end.";
	else if (answer->facts.status != PITH_OK)
		note = answer->facts.error;
	else
		note = pith_stop_sentence(answer->facts.stop);
	if (answer->done || !running)
		role = ROLE_WARNING;
	if (note[0] == '\0' && answer->done && (answer->facts.n_regenerated > 0 || answer->facts.narrowed)) {
		role = ROLE_FAINT;
		note = answer->facts.n_regenerated == 0 ? "Read in the nearest sentences."
		       : answer->facts.narrowed         ? "Read in the nearest sentences of the regenerated text."
		                                        : "Read from the regenerated text.";
	}
	if (note[0] == '\0')
		return true;
	if (answer->text.length > 0 && !styled_text_mark(styled, role, "\n", 1, 0))
		return false;
	return styled_text_mark(styled, role, note, strlen(note), 0);
}

int view_answers_side(const struct workbench *workbench, int column)
{
	static const int beside[N_ANSWERS] = {ANSWER_FULL, ANSWER_SECOND, ANSWER_FIRST};
	return workbench->n_answers > 2 ? beside[column] : column;
}

void view_answers_draw(struct workbench *workbench, struct canvas *canvas)
{
	if (workbench->regions.answer[0].rows < 1)
		return;
	bool running = workbench->running.active && workbench->running.kind == TASK_ASK;
	for (int column = 0; column < workbench->n_answers; column++) {
		int side = view_answers_side(workbench, column);
		bool earlier = is_earlier(workbench, side);
		struct answer *answer = &workbench->answers[side];
		struct rect rect = workbench->regions.answer[column];
		draw_header(workbench, canvas, workbench->regions.answer_header[column], side, earlier);
		rect.col++;
		rect.cols--;
		if (build(answer, earlier ? ROLE_FAINT : ROLE_TEXT, running))
			text_pane_draw(&answer->pane, canvas, rect);
	}
	for (int i = 0; i < N_ANSWERS - 1; i++) {
		const struct rect divider = workbench->regions.answer_divider[i];
		if (divider.rows < 1)
			continue;
		canvas_column(canvas, divider.row + 1, divider.col, divider.rows - 1, ROLE_BORDER);
		canvas_code(canvas, divider.row, divider.col, canvas->ascii ? '+' : 0x252c,
		            workbench->focus == FOCUS_ANSWERS ? ROLE_FOCUS : ROLE_BORDER);
	}
}
