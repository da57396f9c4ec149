/*
 * How alike two texts are to the model: BERTScore's greedy matching of token vectors (Zhang et al. 2020, arXiv 1904.09675)
 * over the model's own last hidden states, without idf weights or rescaling. The published figures come from a bidirectional
 * encoder; these compare with each other only, under one model.
 */
#ifndef EVAL_SIMILARITY_H
#define EVAL_SIMILARITY_H

#include "model/model.h"
#include "pith/control.h"

/* The unit vectors of a text's tokens, as far as the model's context reaches. Zero-initialise. */
struct token_vectors {
	size_t n, n_embd;
	float *data; /* (n, n_embd) */
};
void token_vectors_free(struct token_vectors *vectors);
enum pith_status token_vectors_read(struct token_vectors *out, struct pith_model *model, const char *text, size_t length,
                                    const struct pith_control *control, struct pith_error *err);

/* F of precision and recall, each the mean of the best cosine of every token of one text among the other's. No tokens: 0. */
enum pith_status token_vectors_similarity(double *f, const struct token_vectors *reference,
                                          const struct token_vectors *candidate, struct pith_error *err);

#endif
