#include "training/training_panels.h"

#include <math.h>

static double loss(const struct training_point *point, int series)
{
	return point->objective_loss[series];
}

static double held_out(const struct training_point *point, int series)
{
	return point->eval_loss[series];
}

static double rate(const struct training_point *point, int series)
{
	(void)series;
	return point->learning_rate;
}

static double speed(const struct training_point *point, int series)
{
	(void)series;
	return point->tokens_per_second;
}

static const struct training_panel panels[N_PANELS] = {
	[PANEL_LOSS] = {"loss", "Training loss", "nats a token", PITH_N_OBJECTIVES, loss},
	[PANEL_HELD_OUT] = {"held-out", "Held-out loss", "nats a token", PITH_N_OBJECTIVES, held_out},
	[PANEL_RATE] = {"rate", "Learning rate", "", 1, rate},
	[PANEL_SPEED] = {"speed", "Speed", "tokens/s", 1, speed},
};

const struct training_panel *training_panels(void)
{
	return panels;
}

const char *training_series_name(const struct training_panel *panel, int series)
{
	return panel->n_series == 1 ? "" : pith_objective_name((enum pith_objective)series);
}

double training_series_newest(const struct training_panel *panel, const struct training_log *log, int series)
{
	for (size_t i = log->n; i-- > 0;) {
		double value = panel->value(&log->points[i], series);
		if (!isnan(value))
			return value;
	}
	return NAN;
}
