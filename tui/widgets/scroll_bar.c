#include "widgets/scroll_bar.h"

void scroll_bar_draw(struct canvas *canvas, struct rect rect, size_t top, size_t n_rows)
{
	size_t height = (size_t)rect.rows;
	if (rect.rows < 1 || n_rows <= height)
		return;
	size_t thumb = height * height / n_rows;
	if (thumb < 1)
		thumb = 1;
	/* The last place is reached exactly when the last row is shown. */
	size_t begin = top * (height - thumb) / (n_rows - height);
	for (size_t i = 0; i < height; i++) {
		bool in_thumb = i >= begin && i < begin + thumb;
		uint32_t code = canvas->ascii ? (in_thumb ? '#' : ':') : (in_thumb ? 0x2590 : 0x2595);
		canvas_code(canvas, rect.row + (int)i, rect.col, code, in_thumb ? ROLE_LABEL : ROLE_BORDER);
	}
}
