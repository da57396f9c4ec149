/*
 * Questions made of a text itself: one of its sentences with a word left out.
 * The word occurs once and says something: a number, a name, a long word.
 */
#ifndef TRAIN_CLOZE_H
#define TRAIN_CLOZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/random.h"

/* Fills question and answer (cleared first); false: nothing suitable in the text, or no memory. */
bool cloze_make(const char *text, size_t length, struct random_state *random, struct buffer *question, struct buffer *answer);

#endif
