/*
 * A form: the text that came back from the memory tokens, compared with
 * the document word by word: [-lost-], {+added+}, [-was-]{+now+}; and the white
 * space between words that came back, byte by byte. While it streams, what came after the last comparison is shown as it is.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "glyphs.h"
#include "widgets/gauge.h"
#include "workbench.h"

/* Where a build is. */
struct build {
	const struct workbench *workbench;
	const struct comparison *comparison;
	struct styled_text *styled;
	size_t at;    /* in the document: everything before it is told */
	bool started; /* something was written, so the next word needs a space */
};

static bool mark(struct build *build, enum role role, const char *string)
{
	return styled_text_mark(build->styled, role, string, strlen(string), build->at);
}

/* The white space before a word at begin of the document: as it stands there, so that paragraphs stay. */
static bool append_gap(struct build *build, size_t begin)
{
	const char *text = build->workbench->text;
	size_t gap = begin;
	while (gap > build->at && strchr(" \t\r\n", text[gap - 1]) != NULL)
		gap--;
	if (gap < begin && build->started)
		return styled_text_append(build->styled, ROLE_TEXT, text, gap, begin);
	return true;
}

/* White space as a mark shows it: a line feed is written as \n, since a break is not seen to be marked. */
static bool mark_white_space(struct build *build, enum role role, const char *open, const char *bytes, size_t length,
                             const char *close)
{
	static const char *const names[] = {['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t"};
	bool done = mark(build, role, open);
	for (size_t i = 0; done && i < length; i++) {
		size_t byte = (unsigned char)bytes[i];
		bool named = byte < sizeof names / sizeof *names && names[byte] != NULL;
		done = named ? mark(build, role, names[byte]) : styled_text_mark(build->styled, role, bytes + i, 1, build->at);
	}
	return done && mark(build, role, close);
}

/*
 * What stands between two words that came back, or before the first of them or
 * behind the last: the document's bytes up to end, and those that came in their
 * place. No word is lost with them, but the text is another one.
 */
static bool append_between(struct build *build, size_t end, size_t other_begin, size_t other_end)
{
	const char *was = build->workbench->text + build->at, *now = build->comparison->text + other_begin;
	size_t n_was = end - build->at, n_now = other_end - other_begin;
	if (n_was == n_now && memcmp(was, now, n_was) == 0)
		return !build->started || styled_text_append(build->styled, ROLE_TEXT, build->workbench->text, build->at, end);
	if (n_was > 0 && !mark_white_space(build, n_now > 0 ? ROLE_WAS : ROLE_LOST, "[-", was, n_was, "-]"))
		return false;
	if (n_now == 0)
		return true;
	if (!mark_white_space(build, n_was > 0 ? ROLE_NOW : ROLE_ADDED, "{+", now, n_now, "+}"))
		return false;
	/* And the shape that it gives the text. */
	return memchr(now, '\n', n_now) == NULL || styled_text_mark(build->styled, ROLE_TEXT, now, n_now, build->at);
}

/* A word that came back, and what stands before it. Beside words that did not, white space is the document's. */
static bool append_same(struct build *build, size_t i)
{
	const struct pith_diff_word *word = &build->comparison->words[i], *before = i == 0 ? NULL : word - 1;
	bool beside_same = before == NULL || before->kind == PITH_SAME;
	bool done = beside_same ? append_between(build, word->begin, before == NULL ? 0 : before->other_end, word->other_begin)
	                        : append_gap(build, word->begin);
	done = done && styled_text_append(build->styled, ROLE_TEXT, build->workbench->text, word->begin, word->end);
	build->at = word->end;
	build->started = true;
	return done;
}

/* Does the candidate have white space before this offset? */
static bool spaced_before(const struct comparison *comparison, size_t offset)
{
	return offset > 0 && strchr(" \t\r\n", comparison->text[offset - 1]) != NULL;
}

/* The first entry after those of the same kind as the i-th. */
static size_t run_end(const struct comparison *comparison, size_t i, size_t n)
{
	size_t end = i + 1;
	while (end < n && comparison->words[end].kind == comparison->words[i].kind)
		end++;
	return end;
}

static bool append_lost(struct build *build, enum role role, size_t begin, size_t end)
{
	if (!append_gap(build, begin))
		return false;
	build->at = begin;
	bool done = mark(build, role, "[-") && styled_text_append(build->styled, role, build->workbench->text, begin, end);
	build->at = end;
	build->started = true;
	return done && mark(build, role, "-]");
}

static bool append_added(struct build *build, enum role role, size_t begin, size_t end, bool spaced)
{
	const struct comparison *comparison = build->comparison;
	if (spaced && build->started && spaced_before(comparison, begin) && !mark(build, ROLE_TEXT, " "))
		return false;
	build->started = true;
	return mark(build, role, "{+") &&
	       styled_text_mark(build->styled, role, comparison->text + begin, end - begin, build->at) && mark(build, role, "+}");
}

static bool append_run(struct build *build, size_t i, size_t end)
{
	const struct pith_diff_word *first = &build->comparison->words[i], *last = &build->comparison->words[end - 1];
	switch (first->kind) {
	case PITH_SAME:
		for (; i < end; i++)
			if (!append_same(build, i))
				return false;
		return true;
	case PITH_LOST: return append_lost(build, ROLE_LOST, first->begin, last->end);
	case PITH_ADDED: return append_added(build, ROLE_ADDED, first->other_begin, last->other_end, true);
	case PITH_CHANGED:
		return append_lost(build, ROLE_WAS, first->begin, last->end) &&
		       append_added(build, ROLE_NOW, first->other_begin, last->other_end, false);
	}
	return true;
}

bool view_regenerated_build(const struct workbench *workbench, const struct form *form, struct text_pane *pane)
{
	struct styled_text *styled = &pane->styled;
	const struct comparison *comparison = form->comparison;
	struct build build = {workbench, comparison, styled, 0, false};
	size_t n = comparison == NULL ? 0 : comparison->n_words, told = comparison == NULL ? 0 : comparison->length;
	/* What has not come yet is not lost. */
	while (n > 0 && !comparison->final && comparison->words[n - 1].kind == PITH_LOST)
		n--;
	for (size_t i = 0; i < n;) {
		size_t end = run_end(comparison, i, n);
		if (!append_run(&build, i, end))
			return false;
		i = end;
	}
	if (n > 0 && comparison->final && comparison->words[n - 1].kind == PITH_SAME)
		return append_between(&build, workbench->length, comparison->words[n - 1].other_end, comparison->length);
	/* White space at the end of what was compared belongs to what comes after it. */
	while (told > 0 && strchr(" \t\r\n", comparison->text[told - 1]) != NULL)
		told--;
	if (n == 0)
		told = 0; /* no alignment: the text as it is */
	const struct bytes *all = &form->regenerated;
	return all->length <= told || styled_text_mark(styled, ROLE_TEXT, all->data + told, all->length - told, build.at);
}

/* A row of the legend being written. */
struct legend {
	struct canvas *canvas;
	struct rect rect; /* rows that are left */
	int col;
};

static void next_row(struct legend *legend)
{
	legend->rect.row++;
	legend->rect.rows--;
	legend->col = 0;
}

/* One piece, gap columns after the one before, on the next row if this one is full; what does not fit at all is left out. */
static void legend_piece(struct legend *legend, int gap, enum role role, const char *text)
{
	int width = text_width(text, strlen(text));
	gap = legend->col > 0 ? gap : 0;
	if (legend->col > 0 && legend->col + gap + width > legend->rect.cols && legend->rect.rows > 1) {
		next_row(legend);
		gap = 0;
	}
	if (legend->col + gap + width > legend->rect.cols)
		return;
	legend->col += gap;
	legend->col += canvas_string(legend->canvas, legend->rect.row, legend->rect.col + legend->col, width, role, text);
}

/* Below this the marks do not fit one row: then they go on behind the figures, over as many rows as it takes. */
enum { NARROW_COLS = 34 };

int view_regenerated_legend_rows(struct rect pane)
{
	return pane.cols < NARROW_COLS ? 3 : pane.cols < 70 ? 2 : 1;
}

void view_regenerated_draw_legend(const struct form *form, struct canvas *canvas, struct rect rect)
{
	const struct comparison *comparison = form->comparison;
	struct legend legend = {canvas, rect, 0};
	bool stopped = !form->regenerating && form->regenerated.length > 0 && (comparison == NULL || !comparison->final);
	if (stopped) /* what stands above ends where it was cancelled, and the figures are of so much */
		legend_piece(&legend, 0, ROLE_WARNING, "partial");
	if (form->outdated && form->regenerated.length > 0)
		legend_piece(&legend, 2, ROLE_WARNING, "earlier");
	if (comparison != NULL) {
		char figure[48];
		snprintf(figure, sizeof figure, "ROUGE-L %.3f", comparison->rouge_l);
		if (!isnan(comparison->rouge_l))
			legend_piece(&legend, 2, ROLE_VALUE, figure);
		/* Rounded down: 100 % is said of nothing less. */
		snprintf(figure, sizeof figure, "prefix %d%%", (int)(comparison->matched_prefix * 100));
		legend_piece(&legend, 2, ROLE_VALUE, figure);
		snprintf(figure, sizeof figure, "BLEU %.3f", comparison->bleu);
		if (comparison->final && !form->outdated) /* the first that gives way to the word before them */
			legend_piece(&legend, 2, ROLE_VALUE, figure);
	}
	if (legend.rect.rows > 1 && legend.col > 0 && rect.cols >= NARROW_COLS)
		next_row(&legend);
	legend_piece(&legend, 2, ROLE_LOST, "[-lost-]");
	legend_piece(&legend, 1, ROLE_ADDED, "{+added+}");
	legend_piece(&legend, 1, ROLE_WAS, "[-was-]");
	legend_piece(&legend, 0, ROLE_NOW, "{+now+}");
}
