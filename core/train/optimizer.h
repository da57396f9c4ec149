/*
 * AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) over flat arrays, with
 * the gradients of several micro-batches summed first and clipped by their norm; and
 * for the matrices that ask for it Muon (train/muon.h).
 */
#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/thread_pool.h"
#include "pith/train.h"

/* A matrix (n_rows, n_columns) of a flat array: weight decay applies to it. */
struct matrix_range {
	size_t begin, end;
	size_t n_rows, n_columns;
	bool by_muon;
};

/* One flat array that is trained. values and gradients are borrowed. */
struct trained_array {
	size_t n;
	float *values;       /* (n) */
	float *m, *v;        /* (n) moments, owned */
	struct matrix_range *ranges; /* owned; none: no weight decay, no Muon */
	size_t n_ranges;
	float *scratch;      /* (n_threads, scratch_size): Muon's, owned */
	size_t scratch_size;
	float **gradients;   /* (n_gradients) of (n) */
	int n_gradients, n_threads;
};
enum pith_status trained_array_init(struct trained_array *array, float *values, size_t n, float **gradients, int n_gradients,
                                    int n_threads, struct pith_error *err);
/* Adds a matrix; they come in order and do not overlap. */
enum pith_status trained_array_add_matrix(struct trained_array *array, const struct matrix_range *range, struct pith_error *err);
void trained_array_free(struct trained_array *array);

/*
 * One step over all arrays: sums the gradients in order, scales them
 * by 1 / n_micro, clips, updates, zeroes. *norm: theirs before clipping;
 * where it is not finite that is the error, and nothing has changed.
 */
enum pith_status optimizer_step(struct trained_array *arrays, size_t n_arrays, const struct pith_recipe *recipe, int step,
                                int n_micro, struct thread_pool *pool, double *norm, struct pith_error *err);

#endif
