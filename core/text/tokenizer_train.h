/*
 * Learning a byte-level BPE vocabulary: counts of the split pattern's pieces,
 * then the most frequent pair again and again (Sennrich et al. 2016), ties by
 * the smaller pair so that the result does not depend on the machine.
 */
#ifndef TEXT_TOKENIZER_TRAIN_H
#define TEXT_TOKENIZER_TRAIN_H

#include "base/status.h"
#include "pith/train.h"

/* Implements pith_train_tokenizer(). Ids: 0 <|bos|>, 1 <|eos|>, 2 <|pad|> (control), then 256 bytes, then merges. */

#endif
