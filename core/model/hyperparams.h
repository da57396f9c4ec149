/* The shape of a model, read from GGUF metadata and checked. Keys: facts of the qwen3, qwen2 and llama architectures. */
#ifndef MODEL_HYPERPARAMS_H
#define MODEL_HYPERPARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "formats/gguf.h"
#include "ops/ops.h"

struct hyperparams {
	char architecture[16]; /* "qwen3", "qwen2", "llama" */
	size_t n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ff, n_vocab, n_context;
	float rms_eps;
	double rope_theta;
	enum rope_style rope_style;
	bool qk_norm;  /* RMSNorm on every head of q and k, before RoPE */
	bool qkv_bias; /* the projections to q, k and v have one */
};

static inline size_t hyperparams_q_dim(const struct hyperparams *h)
{
	return h->n_heads * h->head_dim;
}

static inline size_t hyperparams_kv_dim(const struct hyperparams *h)
{
	return h->n_kv_heads * h->head_dim;
}

/* Reads and checks; what is missing or impossible is named. */
enum pith_status hyperparams_read(struct hyperparams *h, const struct gguf *gguf, struct pith_error *err);
/* Checks numbers that came from elsewhere (a recipe). where begins the sentence: a path. */
enum pith_status hyperparams_check(const struct hyperparams *h, const char *where, struct pith_error *err);
/* Writes the metadata that hyperparams_read() and llama.cpp want. */
enum pith_status hyperparams_write(const struct hyperparams *h, struct gguf_writer *writer, struct pith_error *err);

#endif
