/*
 * A training pass: forward keeps every layer's activations, backward walks
 * them in reverse. The encoder and the reader of one step are two traces of
 * the same transformer; the reader's earlier rows are the encoder's memory
 * rows, and their gradients go back through d_keys and d_values.
 */
#ifndef MODEL_TRACE_H
#define MODEL_TRACE_H

#include <stdbool.h>

#include "base/status.h"
#include "model/activations.h"
#include "model/layer.h"
#include "model/transformer.h"

/* Gradients of the base weights, shapes as the weights; all NULL: frozen. */
struct weight_gradients {
	float *token_embd;              /* (n_vocab, n_embd) */
	float *output;                  /* the same as token_embd when tied */
	float *output_norm;             /* (n_embd) */
	struct layer_gradients *layers; /* (n_layers) */
};

struct trace_layer {
	struct activations a;
	struct scratch x;                  /* (n_tokens, n_embd): what the layer read */
	struct scratch keys, values;       /* (n_kv_rows, kv_dim) */
	struct scratch d_keys, d_values;   /* the same */
};

struct trace {
	struct trace_layer *layers; /* (n_layers) */
	struct scratch x;           /* (n_tokens, n_embd): output of the last layer */
	struct scratch hidden;      /* (n_tokens, n_embd): after the last norm */
	struct scratch rstd;        /* (n_tokens) */
	struct scratch d_x;         /* (n_tokens, n_embd) */
	struct scratch work;
	size_t n_layers;
	struct dropout dropout;     /* of the pass; rate 0: none */
};

enum pith_status trace_init(struct trace *trace, const struct transformer *t, struct pith_error *err);
void trace_free(struct trace *trace);

/* Makes room for the key/value rows of a batch; do it before writing earlier rows. Zeroes d_keys and d_values. */
enum pith_status trace_reserve_rows(struct trace *trace, const struct transformer *t, const struct batch *batch,
                                    struct pith_error *err);

/* encode: the last layer stops after keys and values, hidden is not computed. */
enum pith_status trace_forward(struct trace *trace, const struct transformer *t, const struct adapter *adapter,
                               const struct batch *batch, enum precision precision, bool encode, struct pith_error *err);

/*
 * trace->d_x holds the gradient of hidden (not used when encode). Gradients of
 * the rows must stand in d_keys and d_values: zeros, or what a reader sent.
 */
enum pith_status trace_backward(struct trace *trace, const struct transformer *t, const struct adapter *adapter,
                                const struct batch *batch, enum precision precision, bool encode,
                                const struct weight_gradients *gradients, struct pith_error *err);

#endif
