/* Over the screen: actions and their keys, written from the table of actions. */
#ifndef VIEW_HELP_H
#define VIEW_HELP_H

#include <stdbool.h>
#include <stddef.h>

#include "actions.h"
#include "canvas.h"

/* Contexts as bits, 1 << enum action_context. */
enum { HELP_OF_ALL = (1 << N_CONTEXTS) - 1, HELP_OF_CURVES = 1 << CONTEXT_CURVES };

/* Draws the help of some contexts from row *top on, which is clipped to what there is. */
void view_help_draw(struct canvas *canvas, size_t *top, unsigned contexts);

/* What a key does to an open help: it scrolls (rows: of the canvas), or false: the help is to be closed. */
bool view_help_key(const char *key, size_t *top, int rows);

#endif
