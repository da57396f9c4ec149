/* How learning rate, text length and memory ratio change over the steps of a run. Pure functions of the step. */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include "pith/train.h"
#include "train/microbatch.h"

/* Warm-up, constant, linear decay over the last decay_steps (WSD). step counts from 0. */
double schedule_learning_rate(const struct pith_recipe *recipe, int step);
/* The sampling knobs of a step: length doubles evenly, ratios move evenly in their logarithm, until curriculum_steps. */
struct sampling schedule_sampling(const struct pith_recipe *recipe, int step);

#endif
