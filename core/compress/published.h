/*
 * Results as the papers' programs give them (options->compat): single tokens
 * are kept, their bytes follow each other, and the budget is what it becomes.
 */
#ifndef COMPRESS_PUBLISHED_H
#define COMPRESS_PUBLISHED_H

#include "compress/document.h"

/*
 * Sets words (unless they are there), text, token count and note of out from
 * the n tokens of the document that are kept, in order. A word counts as kept
 * when all of it is; scores are by token of the document.
 */
enum pith_status keep_tokens(struct pith_compressed *out, struct pith_document *document, const size_t *tokens, size_t n,
                             const float *scores, struct pith_error *err);

/* The programs take limits from sorted scores: values (n), the largest first. */
void sort_descending(float *values, size_t n);

#endif
