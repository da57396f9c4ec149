/*
 * The tensors of a base model, by role. Views only: into a mapped GGUF file,
 * or into the trainer's flat parameters. One table (weights_names) says which
 * tensor has which name and shape; loading, saving and training walk it.
 */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/tensor.h"
#include "formats/gguf.h"
#include "model/hyperparams.h"

/* The seven projections of a layer, in the order of the computation. */
enum projection {
	PROJECTION_Q,
	PROJECTION_K,
	PROJECTION_V,
	PROJECTION_O,
	PROJECTION_GATE,
	PROJECTION_UP,
	PROJECTION_DOWN,
	N_PROJECTIONS
};

struct layer_weights {
	struct tensor projections[N_PROJECTIONS]; /* ne = {n_in, n_out} */
	const float *attn_norm;                   /* (n_embd) */
	const float *ffn_norm;                    /* (n_embd) */
	const float *q_norm, *k_norm;             /* (head_dim), NULL without qk_norm */
	const float *biases[PROJECTION_V + 1];    /* of q (q_dim), k and v (kv_dim), NULL without qkv_bias */
};

struct weights {
	struct tensor token_embd;  /* ne = {n_embd, n_vocab} */
	struct tensor output;      /* the same as token_embd when tied */
	bool tied;
	const float *output_norm;  /* (n_embd) */
	const float *rope_factors; /* (head_dim / 2) or NULL */
	struct layer_weights *layers;
};

/* Size of one projection's weight. */
void projection_shape(const struct hyperparams *h, enum projection projection, size_t *n_in, size_t *n_out);
/* "attn_q": the middle of the tensor's name in GGUF. */
const char *projection_name(enum projection projection);

/* One tensor of a model: its name in files, shape, and where weights keep it. */
struct weight_slot {
	char name[48];
	int n_dims;
	size_t ne[2];
	struct tensor *tensor;  /* one of these two is set: a matrix of any type, */
	const float **vector;   /* or an F32 vector */
};
/* Slots of a model: index counts from 0; false past the last. tied: without output.weight. */
bool weights_slot(struct weight_slot *slot, struct weights *weights, const struct hyperparams *h, bool tied, size_t index);

/* The tensor of rope_factors, which a model may have beside its slots. */
extern const char rope_factors_name[];

/* Finds and checks all tensors of an open file, which must outlive the weights. */
enum pith_status weights_load(struct weights *weights, const struct hyperparams *h, const struct gguf *gguf,
                              struct pith_error *err);
void weights_free(struct weights *weights); /* the table of layers; not the data */

#endif
