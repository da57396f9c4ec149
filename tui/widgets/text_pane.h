/* A scrolling pane of styled, wrapped text. */
#ifndef TEXT_PANE_H
#define TEXT_PANE_H

#include "canvas.h"
#include "styled_text.h"
#include "text_layout.h"

struct text_pane {
	struct styled_text styled; /* fill it, then call text_pane_changed() */
	struct text_layout layout;
	bool wrapped; /* the layout is of this text */
	size_t top;   /* first row shown */
	int rows;     /* rows of the place it was last drawn in */
};

void text_pane_free(struct text_pane *pane);
void text_pane_changed(struct text_pane *pane); /* the text is another one; the place in it is kept as far as possible */

/* Wraps for a place of this size, if that is not done yet; the row at the top keeps showing the same text. false: no memory. */
bool text_pane_fit(struct text_pane *pane, int rows, int cols);

/* Draws the visible rows, and a scroll bar in the last column when there is more. */
void text_pane_draw(struct text_pane *pane, struct canvas *canvas, struct rect rect);

void text_pane_scroll(struct text_pane *pane, long rows);
void text_pane_scroll_to(struct text_pane *pane, size_t row);
size_t text_pane_last_top(const struct text_pane *pane);

#endif
