/*
 * The sentences of a text that a question is likely to be about, by the words that they share: for readers that are too small
 * for the whole text, or whose context is.
 */
#ifndef TEXT_EVIDENCE_H
#define TEXT_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* What a token of a reader's budget is worth in bytes: its passages are found before anything is tokenised. */
enum { EVIDENCE_BYTES_PER_TOKEN = 4 };

/*
 * Appends whole sentences of text, in their order, of up to most bytes together: first those that share the rarest words with
 * the question (stems of content words; rare: in few of the sentences), earlier ones before later ones that
 * are as good. What is longer than most is first cut into pieces, at white space where there is some. A
 * text of up to most bytes is appended whole. Time is linear in the text. False: no memory.
 */
bool evidence_find(struct buffer *out, const char *text, size_t length, const char *question, size_t most);

#endif
