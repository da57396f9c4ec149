/*
 * An encoder adapter: what makes the frozen base write memory rows. Low-rank
 * additions to the seven projections (LoRA), the vectors of the memory tokens,
 * and one vector added to the embedding of every document token, by which the
 * model knows that it encodes. All numbers stand in one flat fp32 array, so
 * that the optimiser sees one parameter; a GGUF file holds them by name.
 *
 * 500xCompressor's and ICAE's reader is the frozen base. An adapter may bring a
 * reader of its own: a second set of additions, switched on while its memory
 * tokens are read, and trained along with the first.
 */
#ifndef MODEL_ADAPTER_H
#define MODEL_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/status.h"
#include "model/hyperparams.h"
#include "model/weights.h"
#include "pith/model.h"

struct adapter {
	enum pith_purpose purpose;
	enum pith_memory hands_over; /* what its memory tokens give the reader; rows unless set otherwise */
	bool slots;               /* its memory tokens stand at 1..k (model/memory_layout.h); else spread */
	size_t rank;              /* 0: no LoRA, memory vectors only */
	float alpha;              /* LoRA scale = alpha / rank */
	size_t n_memory;          /* k_max */
	size_t span_tokens;       /* longest span it was trained on */
	bool keeps_words;         /* it also says which words of a text are worth keeping (text/keep_prompt.h) */
	size_t held_tokens;       /* document tokens that a memory token can hold, about; 0: texts are encoded whole */
	char base_fingerprint[33], tokenizer_fingerprint[33], fingerprint[33]; /* hex; "" when not known yet */

	size_t n_values;
	float *values;            /* everything below points into it */
	float *gradients;         /* (n_values) while training, else NULL */
	float *memory;            /* (n_memory, n_embd) */
	float *encoder_vector;    /* (n_embd) */
	struct lora *projections; /* (n_layers, N_PROJECTIONS); NULL when rank is 0 */
	size_t n_layers, n_embd;
	struct adapter *reader;   /* its numbers are the last of values, its gradients of gradients; NULL: the base alone reads */
};

/* "regenerate", "answer", "rewrite", "read". */
const char *purpose_name(enum pith_purpose purpose);
/* A new adapter: A normal with variance 1/n_in, B zero, memory vectors normal times 0.02; random NULL: all of it is zero. */
enum pith_status adapter_create(struct adapter **out, const struct hyperparams *h, enum pith_purpose purpose, size_t rank,
                                float alpha, size_t n_memory, struct random_state *random, struct pith_error *err);
/*
 * Gives an adapter with memory tokens, before it has gradients, a reader of the same rank, which does nothing yet: A as above, B
 * and its vector zero; random NULL: all of it is.
 */
enum pith_status adapter_add_reader(struct adapter *adapter, const struct hyperparams *h, struct random_state *random,
                                    struct pith_error *err);
/* A file made by adapter_save(), for a model of shape h. */
enum pith_status adapter_load(struct adapter **out, const struct hyperparams *h, const char *path, struct pith_error *err);
/* type: of its matrices; F32 keeps every bit. */
enum pith_status adapter_save(const struct adapter *adapter, const struct hyperparams *h, enum tensor_type type, const char *path,
                              struct pith_error *err);
void adapter_destroy(struct adapter *adapter); /* NULL is allowed */
/*
 * Makes a new adapter compute what another of the same shape does. The other may have a smaller rank: the rest of the
 * new one stays as adapter_create() left it, with B zero, and does nothing yet; so does a reader that the other lacks. n_memory
 * must be equal, and the new one have a reader if the other has.
 */
void adapter_start_from(struct adapter *to, const struct adapter *from);

/* Gives the adapter gradients (zeroed), so that the lora entries have d_a and d_b. */
enum pith_status adapter_enable_gradients(struct adapter *adapter, struct pith_error *err);
/* The adapter with other gradients: a shallow view for one training thread. gradients (n_values) stays the caller's. */
enum pith_status adapter_view(struct adapter **out, const struct adapter *adapter, float *gradients, struct pith_error *err);
void adapter_view_destroy(struct adapter *view); /* NULL is allowed */

/* The part of the gradients that belongs to a pointer into values. */
static inline float *adapter_gradient(const struct adapter *adapter, const float *value)
{
	return adapter->gradients == NULL ? NULL : adapter->gradients + (value - adapter->values);
}

#endif
