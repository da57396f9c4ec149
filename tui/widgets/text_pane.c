#include "widgets/text_pane.h"

#include "glyphs.h"
#include "widgets/scroll_bar.h"

void text_pane_free(struct text_pane *pane)
{
	styled_text_free(&pane->styled);
	layout_free(&pane->layout);
	*pane = (struct text_pane){0};
}

void text_pane_changed(struct text_pane *pane)
{
	pane->wrapped = false;
}

size_t text_pane_last_top(const struct text_pane *pane)
{
	size_t rows = pane->rows < 1 ? 1 : (size_t)pane->rows;
	return pane->layout.n_rows > rows ? pane->layout.n_rows - rows : 0;
}

void text_pane_scroll_to(struct text_pane *pane, size_t row)
{
	size_t last = text_pane_last_top(pane);
	pane->top = row < last ? row : last;
}

void text_pane_scroll(struct text_pane *pane, long rows)
{
	if (rows < 0)
		text_pane_scroll_to(pane, pane->top > (size_t)-rows ? pane->top - (size_t)-rows : 0);
	else
		text_pane_scroll_to(pane, pane->top + (size_t)rows);
}

bool text_pane_fit(struct text_pane *pane, int rows, int cols)
{
	int width = cols > 2 ? cols - 1 : 1; /* the last column is the scroll bar's */
	pane->rows = rows;
	if (!pane->wrapped || pane->layout.width != width) {
		bool resized = pane->wrapped && pane->layout.n_rows > 0;
		size_t offset = resized ? pane->layout.begin[pane->top] : 0;
		const char *text = pane->styled.text == NULL ? "" : pane->styled.text;
		pane->wrapped = layout_wrap(&pane->layout, text, pane->styled.length, width);
		if (resized && pane->wrapped)
			pane->top = layout_row_of(&pane->layout, offset);
	}
	text_pane_scroll_to(pane, pane->top);
	return pane->wrapped;
}

static void draw_row(const struct text_pane *pane, size_t row, struct canvas *canvas, int line, int col, int cols)
{
	const struct styled_text *styled = &pane->styled;
	size_t end = layout_row_end(&pane->layout, row), offset = pane->layout.begin[row];
	if (styled->n_runs == 0)
		return;
	size_t run = styled_text_run_at(styled, offset);
	int used = 0;
	struct glyph glyph;
	for (; offset < end; offset = glyph.end) {
		glyph_read(&glyph, styled->text, styled->length, offset);
		while (run + 1 < styled->n_runs && styled->runs[run + 1].begin <= offset)
			run++;
		enum role role = styled->runs[run].role;
		if (glyph.kind == GLYPH_BREAK || used + glyph.width > cols)
			return;
		if (glyph.kind == GLYPH_TEXT || glyph.kind == GLYPH_SPACE)
			canvas_put(canvas, line, col + used, glyph.code, glyph.n_codes, glyph.width, role, 0);
		for (int i = 0; glyph.kind == GLYPH_ESCAPE && i < glyph.n_codes; i++)
			canvas_put(canvas, line, col + used + i, &glyph.code[i], 1, 1, ROLE_WARNING, 0);
		used += glyph.width;
	}
}

void text_pane_draw(struct text_pane *pane, struct canvas *canvas, struct rect rect)
{
	if (rect.rows < 1 || rect.cols < 3 || !text_pane_fit(pane, rect.rows, rect.cols))
		return;
	for (int i = 0; i < rect.rows && pane->top + (size_t)i < pane->layout.n_rows; i++)
		draw_row(pane, pane->top + (size_t)i, canvas, rect.row + i, rect.col, rect.cols - 1);
	const struct rect bar = {rect.row, rect.col + rect.cols - 1, rect.rows, 1};
	scroll_bar_draw(canvas, bar, pane->top, pane->layout.n_rows);
}
