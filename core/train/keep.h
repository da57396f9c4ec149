/* Measures of a keep head on held-out tokens; the training itself is pith_train_keep(). */
#ifndef TRAIN_KEEP_H
#define TRAIN_KEEP_H

#include <stdbool.h>
#include <stddef.h>

/* A token: what the head says of it, and whether it is to be kept. */
struct keep_ranked {
	float score;
	bool keep;
};
/*
 * Sorts tokens. *f1: when as many of the highest as are to be kept are kept,
 * which makes precision, recall and F1 one. *auc: the chance that a token to
 * be kept stands above one to be dropped, equal scores counting half. NaN
 * where there are none of a kind.
 */
void keep_measure(struct keep_ranked *tokens, size_t n, double *f1, double *auc);

#endif
