/*
 * How a choice of words teaches the adapter that is asked for it (text/keep_prompt.h). Whether a word is kept is drawn, so what
 * the choices were worth says which way its log-odds s should move (REINFORCE; Williams, Machine Learning 8, 1992):
 *
 *     pull_w = 1/G sum_i A_i kept_iw
 *
 * As the advantages A of a group sum to 0, a word that all of its choices kept, or none, is left alone. Pure functions.
 */
#ifndef TRAIN_KEPT_WORDS_H
#define TRAIN_KEPT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* pulls (n_words): of the words, from kept (n_choices, n_words) and advantages (n_choices). */
void kept_words_pulls(double *pulls, const bool *kept, const double *advantages, size_t n_choices, size_t n_words);

/* The distance of two chances that a token is kept, KL(p || q) in nats, and how it grows with the log-odds of p. */
double kept_words_distance(double *slope, double p, double q);

/*
 * The one target, "+" (*plus) or "-", and its weight in the sum of losses -log p, by which the gradient of that sum on the
 * log-odds of "+" is -pull: the less likely of both, so that the weight stays below 2 |pull|. chance: of "+", beside which only
 * "-" is likely.
 */
void kept_words_target(bool *plus, float *weight, double pull, double chance);

#endif
