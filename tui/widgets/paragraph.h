/* Text that is wrapped into a place and does not scroll: hints and messages. */
#ifndef PARAGRAPH_H
#define PARAGRAPH_H

#include "canvas.h"

int paragraph_rows(const char *text, int cols); /* how many rows it takes; 0: no memory */

/* Draws as many of its rows as there are in rect; returns how many. */
int paragraph_draw(struct canvas *canvas, struct rect rect, enum role role, const char *text);

#endif
