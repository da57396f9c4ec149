/*
 * 500xCompressor's encoder (arXiv 2408.03094, section 3.1): the base with its
 * adapter on reads the document and then the memory tokens, whose keys and
 * values of every layer are the compressed form. Different from the published
 * code: no padding, any k up to k_max by one adapter, and memory tokens stand
 * where model/memory_layout.h says.
 */
#ifndef COMPRESS_SOFT_ENCODER_H
#define COMPRESS_SOFT_ENCODER_H

#include "compress/rows.h"

/* Spans that n_tokens document tokens and k memory tokens need with this adapter; never more than k. */
size_t soft_encoder_n_spans(const struct adapter *adapter, size_t n_tokens, size_t k);

/* Encodes the document in equal spans with k memory tokens in all: fills *rows. */
enum pith_status soft_encoder_run(struct rows *rows, struct pith_model *model, enum pith_purpose purpose,
                                  const struct pith_token *tokens, size_t n_tokens, size_t k,
                                  const struct pith_control *control, struct pith_error *err);

#endif
