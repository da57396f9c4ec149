/* A training run on a screen of its own: `pith train --watch` on a terminal. */
#ifndef WATCH_H
#define WATCH_H

#include "settings.h"
#include "training/training_view.h"

/* Shows an open view until the user leaves; returns the exit code. A sentence goes to stderr when no screen could be opened. */
int watch_run(const struct settings *settings, struct training_view *view);

#endif
