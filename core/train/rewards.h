/*
 * What a rewrite is worth to Cmprsr's reinforcement learning (arXiv 2511.12281): the length that was asked for is not exceeded,
 * and a frozen reader still expects what a person wrote about the text. Pure functions.
 */
#ifndef TRAIN_REWARDS_H
#define TRAIN_REWARDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * R_len = 1 - max(0, r_C - r_T): what is shorter than asked for costs nothing. two_sided: it costs as much as what is longer;
 * published as an ablation.
 */
double reward_length(double rate, double target_rate, bool two_sided);

/*
 * R_qual = exp(CE(S|x) - CE(S|c)), at most 1: how much less the frozen model expects the reference S behind the rewrite c than
 * behind the text x. The paper's own formula is not known to us; this has its ends: 1 where nothing is lost, towards 0 where all
 * is.
 */
double reward_quality(double entropy_full, double entropy_rewrite);

/*
 * The ways to please a reader without rewriting that are known: nothing at all, words glued together to save tokens (fewer
 * than 8 of 100 bytes are white space, in 15 bytes or more that are more glued than the text), the same over and over. Quality
 * counts half then.
 */
bool reward_hacked(const char *text, size_t length, const char *rewrite, size_t rewrite_length);

/*
 * Rewards (n) of one input's rewrites become advantages: less their mean, by their deviation, which counts as 0.01 at
 * least so that noise is not blown up (with 0.05 lengths, which differ by less, hardly counted, and rewrites grew beyond
 * theirs); added to advantages (n). Each reward is normalised on its own: summed first, the one that varies more would drown
 * the other.
 */
void reward_normalise(double *advantages, const double *rewards, size_t n);

#endif
