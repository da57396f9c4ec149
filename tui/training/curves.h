/* The screen of a training run: from a log and a way to look at it to cells. It knows no file and no terminal. */
#ifndef CURVES_H
#define CURVES_H

#include <stdbool.h>
#include <time.h>

#include "actions.h"
#include "canvas.h"
#include "training/training_log.h"
#include "training/training_panels.h"

struct curves_view {
	int panel;        /* enum training_panel_id, or N_PANELS: all of them */
	bool logarithmic;
	long span;        /* steps that are seen; 0: all */
	long back;        /* steps between the last that is seen and the newest */
};

/* Everything, as it goes on. */
void curves_view_init(struct curves_view *view);

/* Does an action of CONTEXT_CURVES on a screen of rows by cols; key says which panel ACTION_CURVES_PANEL means. */
void curves_perform(struct curves_view *view, const struct training_log *log, enum action_id action, const char *key, int rows,
                    int cols);

/* Fills the canvas; now is the time of day, message a sentence in place of the keys (NULL: none). */
void curves_draw(struct canvas *canvas, const struct training_log *log, const struct curves_view *view, time_t now,
                 const char *message);

#endif
