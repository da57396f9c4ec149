/*
 * The decoder as a whole: shape, weights, positions. What a pass over it keeps
 * is elsewhere: session.h for inference, trace.h for training.
 */
#ifndef MODEL_TRANSFORMER_H
#define MODEL_TRANSFORMER_H

#include "base/status.h"
#include "model/adapter.h"
#include "model/batch.h"
#include "model/hyperparams.h"
#include "model/weights.h"

struct transformer {
	struct hyperparams h;
	struct weights weights;
	struct rope_table rope; /* grows with transformer_reserve_positions() */
};

/* Makes RoPE angles for positions 0 .. n_positions - 1 at least. */
enum pith_status transformer_reserve_positions(struct transformer *t, size_t n_positions, struct pith_error *err);
/* Frees them. */
void transformer_release_positions(struct transformer *t);
void transformer_free(struct transformer *t); /* the angles and the table of layers */

/*
 * x (n_tokens, n_embd): embeddings of a batch. With an adapter, document
 * tokens get its encoder vector added and ids below 0 are its memory tokens,
 * unless the batch is given embeddings for these.
 */
void transformer_embed_forward(const struct transformer *t, const struct adapter *adapter, const struct batch *batch, float *x);
/* d_table (n_vocab, n_embd) += unless NULL; the adapter's own gradients, if it has any, and the batch's d_given +=. */
void transformer_embed_backward(const struct transformer *t, const struct adapter *adapter, const struct batch *batch,
                                const float *d_x, float *d_table);

/* The LoRA entries of one layer; NULL without adapter or rank. */
const struct lora *transformer_layer_adapter(const struct adapter *adapter, size_t layer);

#endif
