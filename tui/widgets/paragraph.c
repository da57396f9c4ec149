#include "widgets/paragraph.h"

#include <string.h>

#include "text_layout.h"

int paragraph_rows(const char *text, int cols)
{
	struct text_layout layout = {0};
	int rows = layout_wrap(&layout, text, strlen(text), cols > 1 ? cols : 1) ? (int)layout.n_rows : 0;
	layout_free(&layout);
	return rows;
}

int paragraph_draw(struct canvas *canvas, struct rect rect, enum role role, const char *text)
{
	struct text_layout layout = {0};
	if (rect.cols < 1 || !layout_wrap(&layout, text, strlen(text), rect.cols))
		return 0;
	int rows = (int)layout.n_rows < rect.rows ? (int)layout.n_rows : rect.rows;
	for (int i = 0; i < rows; i++)
		canvas_text(canvas, rect.row + i, rect.col, rect.cols, role, text + layout.begin[i],
		            layout_row_end(&layout, (size_t)i) - layout.begin[i]);
	layout_free(&layout);
	return rows;
}
