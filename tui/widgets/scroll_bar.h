/* The column beside scrolling rows that says where they are; nothing is drawn when all of them fit. */
#ifndef SCROLL_BAR_H
#define SCROLL_BAR_H

#include <stddef.h>

#include "canvas.h"

void scroll_bar_draw(struct canvas *canvas, struct rect rect, size_t top, size_t n_rows);

#endif
