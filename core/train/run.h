/*
 * A training run: everything that lives from its first step to its last.
 * train.c drives it; setup and teardown are in run.c; measuring on held-out
 * data is in validate.c.
 */
#ifndef TRAIN_RUN_H
#define TRAIN_RUN_H

#include "base/thread_pool.h"
#include "model/parameters.h"
#include "model/transformer.h"
#include "train/checkpoint.h"
#include "train/optimizer.h"
#include "train/step.h"

struct run {
	const struct pith_recipe *recipe;
	struct gguf *base_file;                     /* weights to start from, or the vocabulary of a new base */
	struct parameters *parameters;
	struct transformer transformer;             /* over parameters */
	struct adapter *adapters[PITH_N_PURPOSES];
	char base_fingerprint[33];                  /* of base_file, when it is the frozen base */
	char tokenizer_fingerprint[33];

	struct task_data *tasks, *eval_tasks;
	size_t n_tasks, n_eval_tasks;

	struct thread_pool *pool;
	int n_threads;
	struct step_worker *workers;                /* (n_threads) */
	struct tokenizer **tokenizers;              /* (n_threads): each thread its own */
	float **base_gradients;                     /* (n_threads) */
	float **adapter_gradients[PITH_N_PURPOSES]; /* (n_threads) */

	struct trained_array arrays[1 + PITH_N_PURPOSES];
	size_t n_arrays;
	struct checkpoint_state state;
	enum tensor_type output_type;
};

enum pith_status run_open(struct run *run, const struct pith_recipe *recipe, struct pith_error *err);
void run_close(struct run *run);
/* Writes the output files as they are now. */
enum pith_status run_save_outputs(struct run *run, struct pith_error *err);

/* Mean loss by objective over held-out data; NaN where there is none. */
enum pith_status run_validate(struct run *run, double loss[PITH_N_OBJECTIVES], double accuracy[PITH_N_OBJECTIVES],
                              struct pith_error *err);

#endif
