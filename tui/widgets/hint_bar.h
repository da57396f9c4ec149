/* The bar of keys at the bottom: those of the table of actions that have a word for it. */
#ifndef HINT_BAR_H
#define HINT_BAR_H

#include "actions.h"
#include "canvas.h"

/* The actions of one context, as far as the row goes. */
void hint_bar_draw(struct canvas *canvas, struct rect rect, enum action_context context);

#endif
