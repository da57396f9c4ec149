/*
 * A training run: everything that lives from its first step to its last.
 * train.c drives it; setup and teardown are in run.c; measuring on held-out
 * data is in validate.c, what comes out of it in run_outputs.c.
 */
#ifndef TRAIN_RUN_H
#define TRAIN_RUN_H

#include "base/thread_pool.h"
#include "model/parameters.h"
#include "model/transformer.h"
#include "train/checkpoint.h"
#include "train/optimizer.h"
#include "train/step.h"

/*
 * Where the gradients of every so-manieth micro-batch are summed. Threads take slots as they come free, and slots are summed
 * in order: the result does not depend on which thread was how fast, nor, up to 8 (open_slots()),
 * on how many there are.
 */
struct gradient_slot {
	struct weight_gradients gradients;         /* into base_gradients; all NULL when the base is frozen */
	struct adapter *adapters[PITH_N_PURPOSES]; /* views with this slot's gradients; NULL: that purpose is not used */
	struct step_losses losses;                 /* of the step's micro-batches */
	struct pith_error error;
};

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
	int n_slots;
	struct gradient_slot *slots;                /* (n_slots) */
	float **base_gradients;                     /* (n_slots) */
	float **adapter_gradients[PITH_N_PURPOSES]; /* (n_slots) */

	struct trained_array arrays[1 + PITH_N_PURPOSES];
	size_t n_arrays;
	struct checkpoint_state state;
	enum tensor_type output_type, adapter_type;
};

enum pith_status run_open(struct run *run, const struct pith_recipe *recipe, struct pith_error *err);
void run_close(struct run *run);
/* The type of a recipe's key by its name: F32, F16, BF16 or Q8_0. */
enum pith_status run_find_type(enum tensor_type *type, const char *key, const char *name, struct pith_error *err);
/* Are the recipe's numbers in order? Sets the types of the outputs. */
enum pith_status run_check_recipe(struct run *run, struct pith_error *err);
/* Every text that a task may bring must have a position, behind BOS and the memory slots; so must a span. */
enum pith_status run_check_lengths(const struct run *run, struct pith_error *err);
/* From here on the worker's gradients go to this slot. */
void run_use_slot(const struct run *run, struct step_worker *worker, int slot);
/* Tokens that an adapter of the run reads at once: one for reading no more than it was trained on. */
int run_span_of(const struct pith_recipe *recipe, enum pith_purpose purpose, int n_context);
/* Writes the output files as they are now. */
enum pith_status run_save_outputs(struct run *run, struct pith_error *err);

/* Mean loss by objective over held-out data; NaN where there is none. */
enum pith_status run_validate(struct run *run, double loss[PITH_N_OBJECTIVES], double accuracy[PITH_N_OBJECTIVES],
                              struct pith_error *err);

#endif
