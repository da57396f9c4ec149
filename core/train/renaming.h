/*
 * Words of a text exchanged for others of their kind, in the text, the questions about it and their answers alike: what is
 * asked for, and what questions share with the text. A question that has been seen before then has another answer, which
 * only the text can tell; small sets of questions are otherwise soon known by heart (after the permuted entities of Hermann
 * et al. 2015, arXiv 1506.03340).
 */
#ifndef TRAIN_RENAMING_H
#define TRAIN_RENAMING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/random.h"
#include "formats/jsonl.h"

enum { MOST_RENAMED = 24 };

/* Zero-initialise, use, free. */
struct renaming {
	struct {
		struct buffer from, to;
	} pairs[MOST_RENAMED];
	size_t n;
};
void renaming_clear(struct renaming *renaming);
void renaming_free(struct renaming *renaming);

/*
 * Draws what is renamed for the document of a line and all questions of the lines around it that are about it. share: of the
 * answers that stand in the text; shared words are renamed at a fifth of it. What takes their place comes from other lines
 * of the file. Lines that cannot be read are passed over. False: no memory.
 */
bool renaming_draw(struct renaming *renaming, const struct jsonl *file, size_t line, double share, struct random_state *random);

/* Appends the text, renamed. False: no memory. */
bool renaming_apply(const struct renaming *renaming, const char *text, size_t length, struct buffer *out);

#endif
