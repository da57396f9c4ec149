/*
 * A training run that is watched: its log, how it is looked at, and the help
 * over it. The workbench opens one over its own screen; `pith train --watch` is
 * one and nothing else.
 */
#ifndef TRAINING_VIEW_H
#define TRAINING_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "canvas.h"
#include "training/curves.h"
#include "pith/status.h"
#include "training/training_log.h"

/* Seconds between two looks at the log. */
#define TRAINING_VIEW_SECONDS 1.0

struct training_view {
	bool open;
	struct training_log log;
	struct curves_view curves;
	struct pith_error err; /* of the last look; its code is PITH_OK when there is nothing to say */
	bool help;
	size_t help_top;
	double looked_at;      /* on the clock of who calls */
};

/* Opens a log with a first look at it; what is wrong with it then is an error, an empty one is waited for. */
enum pith_status training_view_open(struct training_view *view, const char *path, double now, struct pith_error *err);
void training_view_close(struct training_view *view); /* one that is not open is allowed */

/* Takes what was written since. What goes wrong from here on is shown, and looked at again. */
void training_view_look(struct training_view *view, double now);

/* What a key of that name does on a screen of rows by cols; false: the view is to be closed. */
bool training_view_key(struct training_view *view, const char *key, int rows, int cols);

void training_view_draw(struct training_view *view, struct canvas *canvas);

#endif
