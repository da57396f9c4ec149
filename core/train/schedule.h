/* How learning rate, text length and memory ratio change over the steps of a run. Pure functions of the step. */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include "pith/train.h"
#include "train/microbatch.h"

/* Warm-up, constant, linear decay over the last decay_steps (WSD). step counts from 0. */
double schedule_learning_rate(const struct pith_recipe *recipe, int step);

/* The longest text of memory rows now, and what decides when it grows. Part of a run's state. */
struct curriculum {
	double length;  /* tokens */
	double loss;    /* running loss of regeneration, nats; NaN: none yet */
};
struct curriculum curriculum_begin(const struct pith_recipe *recipe);
/* After a step: loss is the mean loss of regeneration in it, NaN: there was none. */
void curriculum_advance(struct curriculum *curriculum, const struct pith_recipe *recipe, int step, double loss);
/* The sampling knobs at a state of the curriculum; ratios move with the logarithm of the length. */
struct sampling schedule_sampling(const struct pith_recipe *recipe, const struct curriculum *curriculum);
/* The same with the curriculum at its end and nothing replaced: what held-out data are measured with. */
struct sampling schedule_final_sampling(const struct pith_recipe *recipe);

#endif
