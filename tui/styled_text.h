/*
 * What a pane shows: text in runs of one role each, and where every run comes
 * from in the document. Marks that are not part of the document ("~", "[-")
 * are runs too. Source offsets never go down, so that two panes can be scrolled
 * together by the document's sentences.
 */
#ifndef STYLED_TEXT_H
#define STYLED_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "theme.h"

struct style_run {
	size_t begin;  /* in the styled text; it ends where the next one begins */
	size_t source; /* in the document */
	enum role role;
	bool literal;  /* all of it stands for the one place source */
};

struct styled_text {
	char *text; /* NUL-terminated when not NULL */
	size_t length, capacity;
	struct style_run *runs;
	size_t n_runs, runs_capacity;
};

void styled_text_clear(struct styled_text *styled); /* memory is kept */
void styled_text_free(struct styled_text *styled);

/* Appends a copy of document[begin, end). false: no memory. */
bool styled_text_append(struct styled_text *styled, enum role role, const char *document, size_t begin, size_t end);
/* Appends bytes that stand for one place of the document. */
bool styled_text_mark(struct styled_text *styled, enum role role, const char *bytes, size_t length, size_t source);

size_t styled_text_run_at(const struct styled_text *styled, size_t offset); /* the run that offset is in; n_runs must not be 0 */
size_t styled_text_source(const struct styled_text *styled, size_t offset); /* where it comes from; 0 for no text */
size_t styled_text_find(const struct styled_text *styled, size_t source);   /* the first offset at or after source's place */

#endif
