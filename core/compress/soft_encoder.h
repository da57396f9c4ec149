/*
 * The encoder of the soft methods: the base with its adapter on reads the
 * document and then the memory tokens. Of these, 500xCompressor (arXiv
 * 2408.03094, section 3.1) keeps the keys and values of every layer, ICAE (arXiv
 * 2307.06945, section 2.2) the last hidden states. Different from the published
 * code of both: no padding, any k up to k_max by one adapter, and memory tokens
 * stand where model/memory_layout.h says, for encoder and reader alike.
 */
#ifndef COMPRESS_SOFT_ENCODER_H
#define COMPRESS_SOFT_ENCODER_H

#include "compress/rows.h"

/* Encodes the document in equal spans, shared out among threads, with k memory tokens in all: fills *rows. The adapter is one of
 * the model's. */
enum pith_status soft_encoder_run(struct rows *rows, struct pith_model *model, const struct adapter *adapter,
                                  const struct pith_token *tokens, size_t n_tokens, size_t k,
                                  const struct pith_control *control, struct pith_error *err);

#endif
