/*
 * A keep head: how likely each token of a text is one that a person would keep
 * (LLMLingua-2, arXiv 2403.12968). A small network on hidden states of the
 * frozen base. The base sees what stands before a token only, so a text is
 * read twice in one sequence: states of the second copy have seen all of it.
 * All numbers stand in one flat fp32 array; a GGUF file holds them by name.
 */
#ifndef MODEL_KEEP_HEAD_H
#define MODEL_KEEP_HEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/status.h"
#include "model/hyperparams.h"
#include "model/session.h"

struct keep_head {
	size_t n_embd, n_hidden;
	size_t depth;         /* layers of the base that are run; 0: all */
	size_t window_tokens; /* longest text that is read at once */
	char base_fingerprint[33], tokenizer_fingerprint[33]; /* hex; "" when not known yet */

	size_t n_values;
	float *values;        /* everything below points into it */
	float *w1, *b1;       /* (n_hidden, n_embd), (n_hidden) */
	float *w2, *b2;       /* (n_hidden), (1) */
};

/* A new head: W1 normal with variance 1 / n_embd, W2 with 1 / n_hidden, b1 and b2 zero. */
enum pith_status keep_head_create(struct keep_head **out, const struct hyperparams *h, size_t n_hidden, size_t depth,
                                  size_t window_tokens, struct random_state *random, struct pith_error *err);
/* A file made by keep_head_save(), for a model of shape h. */
enum pith_status keep_head_load(struct keep_head **out, const struct hyperparams *h, const char *path, struct pith_error *err);
enum pith_status keep_head_save(const struct keep_head *head, const struct hyperparams *h, const char *path,
                                struct pith_error *err);
void keep_head_destroy(struct keep_head *head); /* NULL is allowed */

/* Rows of cache that reading a window takes. */
size_t keep_head_capacity(const struct keep_head *head);
/*
 * Reads BOS and a text of n tokens, at most window_tokens, twice. *states (n,
 * n_embd) are those of the second copy, the session's until its next read.
 * ids has room for keep_head_capacity() and holds the text from ids[1] on.
 */
enum pith_status keep_head_read(const struct keep_head *head, struct session *session, int32_t bos, int32_t *ids, size_t n,
                                const float **states, const struct pith_control *control, struct pith_error *err);

/*
 * logits (n) = w2 . silu(W1 x + b1) + b2 of states x (n, n_embd); the chance
 * that a token is kept is their logistic function. inner (n, n_hidden) takes
 * W1 x + b1, for backward.
 */
void keep_head_forward(const struct keep_head *head, float *logits, float *inner, const float *x, size_t n);
/* d_values (n_values) += from d_logits (n). inner is used up. */
void keep_head_backward(const struct keep_head *head, float *d_values, const float *d_logits, float *inner, const float *x,
                        size_t n);

/* 1 / (1 + exp(-logit)). */
float keep_probability(float logit);

#endif
