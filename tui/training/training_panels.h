/* What of a training run is drawn: one table of panels, for the screen, its keys and the picture. */
#ifndef TRAINING_PANELS_H
#define TRAINING_PANELS_H

#include "training/training_log.h"

enum training_panel_id { PANEL_LOSS, PANEL_HELD_OUT, PANEL_RATE, PANEL_SPEED, N_PANELS };

struct training_panel {
	const char *tab;   /* one word */
	const char *title;
	const char *unit;
	int n_series;      /* one per objective, or 1 */
	double (*value)(const struct training_point *point, int series); /* NaN: none */
};
const struct training_panel *training_panels(void); /* N_PANELS rows */

/* The name of a series: its objective's, or "" where there is one only. */
const char *training_series_name(const struct training_panel *panel, int series);

/* The newest value of a series; NaN: it has none. */
double training_series_newest(const struct training_panel *panel, const struct training_log *log, int series);

#endif
