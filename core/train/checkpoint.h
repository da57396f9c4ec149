/*
 * The state of a run on disk: one safetensors file, replaced atomically.
 * Values and moments of every trained array, the step, the tokens read.
 */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include <stdint.h>

#include "base/status.h"
#include "train/optimizer.h"
#include "train/schedule.h"

struct checkpoint_state {
	int step;          /* steps done */
	uint64_t tokens;
	struct curriculum curriculum;
	char base[33];      /* fingerprint of the frozen base; empty where the base itself is trained */
	char tokenizer[33]; /* fingerprint */
	char trained[160];  /* in words: what is trained, and what of it the sizes of the arrays do not tell */
};
enum pith_status checkpoint_save(const char *path, const struct trained_array *arrays, size_t n_arrays,
                                 const struct checkpoint_state *state, struct pith_error *err);
/*
 * Restores arrays of the same sizes. Before, state says of which base and
 * tokenizer the run is, and what it trains: a checkpoint of others is refused. *found false: there
 * is no such file. Unless it is found and fits, nothing is changed.
 */
enum pith_status checkpoint_load(const char *path, struct trained_array *arrays, size_t n_arrays, struct checkpoint_state *state,
                                 bool *found, struct pith_error *err);

#endif
