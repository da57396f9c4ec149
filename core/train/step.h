/*
 * The work of one training thread: a micro-batch forward and backward through
 * encoders and reader, gradients into the thread's own arrays.
 */
#ifndef TRAIN_STEP_H
#define TRAIN_STEP_H

#include "model/adapter.h"
#include "model/parameters.h"
#include "model/trace.h"
#include "train/microbatch.h"
#include "train/teacher.h"

/* Sums over the trained tokens of a micro-batch, by objective. */
struct step_losses {
	double loss[PITH_N_OBJECTIVES];    /* nats */
	double n_tokens[PITH_N_OBJECTIVES];
	double n_correct[PITH_N_OBJECTIVES];
	double weighted;                   /* what the gradient is of */
	double n_read;                     /* tokens that went through the model, encoder's included */
};
void step_losses_add(struct step_losses *sum, const struct step_losses *more);

struct step_worker {
	const struct transformer *transformer;
	enum precision precision;
	struct dropout dropout;                     /* in the reader, for this micro-batch */
	struct adapter
		*adapters[PITH_N_PURPOSES]; /* borrowed: views with the gradients at work; NULL: that purpose is not used */
	struct trace encoder[PITH_N_MEMORY_PURPOSES], reader;
	enum pith_memory memory;                    /* what the encoders hand to the reader */
	struct teacher teacher;                     /* where the micro-batch has something for it */
	struct scratch given, d_given;              /* (n_given, n_embd), when that is embeddings */
	struct microbatch microbatch;
	struct microbatch_builder builder;
	struct weight_gradients gradients;          /* all NULL when the base is frozen */
	struct scratch head, losses;
	bool *correct;
	size_t n_correct_capacity;
};

/* Runs the worker's micro-batch. backward: adds its gradients; else only the losses are computed. */
enum pith_status step_run(struct step_worker *worker, bool backward, struct step_losses *losses, struct pith_error *err);

#endif
