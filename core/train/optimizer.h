/*
 * AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) over flat arrays, with
 * the gradients of several threads summed first and clipped by their norm.
 */
#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/thread_pool.h"
#include "pith/train.h"

struct decay_range {
	size_t begin, end;
};

/* One flat array that is trained. values and gradients are borrowed. */
struct trained_array {
	size_t n;
	float *values;       /* (n) */
	float *m, *v;        /* (n) moments, owned */
	struct decay_range *ranges; /* where weight decay applies, owned; none: nowhere */
	size_t n_ranges;
	float **gradients;   /* (n_threads) of (n) */
	int n_threads;
};
enum pith_status trained_array_init(struct trained_array *array, float *values, size_t n, float **gradients, int n_threads,
                                    struct pith_error *err);
/* Adds a range to which weight decay applies; ranges come in order and do not overlap. */
enum pith_status trained_array_add_decay(struct trained_array *array, size_t begin, size_t end, struct pith_error *err);
void trained_array_free(struct trained_array *array);

/*
 * One step over all arrays: sums the threads' gradients in order, scales them
 * by 1 / n_micro, clips, updates, zeroes. Returns the norm before clipping.
 */
double optimizer_step(struct trained_array *arrays, size_t n_arrays, const struct pith_recipe *recipe, int step, int n_micro,
                      struct thread_pool *pool);

#endif
