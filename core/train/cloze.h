/*
 * Questions that a text makes of itself: a telling word, name, number or short
 * phrase that occurs once is asked for. A cloze shows the words around the gap as
 * they stand; others are put like a question: a question word by the kind of the
 * answer, then the words around it, some of them lost or turned round, so that
 * matching exact phrases is not enough (cloze translation with noise: Lewis et
 * al. 2019, arXiv 1906.04980).
 */
#ifndef TRAIN_CLOZE_H
#define TRAIN_CLOZE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/random.h"

/*
 * Question and answer from a text; both buffers are cleared first. noise: the
 * share that is put like a question. False: no suitable word was found.
 */
bool cloze_make(const char *text, size_t length, double noise, struct random_state *random, struct buffer *question,
                struct buffer *answer);

#endif
