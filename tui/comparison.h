/* Regenerated text against the document, as the screen shows it: words marked, and figures. */
#ifndef COMPARISON_H
#define COMPARISON_H

#include <stdbool.h>
#include <stddef.h>

#include "pith/evaluate.h"
#include "pith/expand.h"

struct comparison {
	char *text; /* NUL-terminated */
	size_t length;
	struct pith_diff_word *words; /* NULL when the texts are too long to compare */
	size_t n_words;
	double rouge_l, bleu;
	double matched_prefix; /* of the document's bytes, up to the last whole word before the first error */
	bool final;      /* nothing more comes */
	size_t n_tokens; /* final only, as what follows */
	double seconds;
	enum pith_stop stop;
};

/*
 * whole: text is all that came; otherwise its whole words are compared with as much of the document as they may cover.
 * NULL: no memory, or no whole word yet.
 */
struct comparison *comparison_create(const char *document, size_t document_length, const char *text, size_t length, bool whole);
struct comparison *comparison_of(const char *document, size_t document_length, const struct pith_generated *generated);
void comparison_destroy(void *comparison);

#endif
