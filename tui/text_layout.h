/*
 * Wrapping: rows of at most so many columns, broken after spaces (or between
 * wide characters, or inside a word that is longer than a row), never inside a
 * glyph. A row is only the offset where it begins.
 */
#ifndef TEXT_LAYOUT_H
#define TEXT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

struct text_layout {
	size_t *begin; /* of each row */
	size_t n_rows; /* at least 1 after layout_wrap() */
	size_t capacity;
	size_t length; /* of the text */
	int width;     /* columns it was wrapped for */
};

/* Wraps text; false: no memory, the layout is empty. width is at least 1. */
bool layout_wrap(struct text_layout *layout, const char *text, size_t length, int width);
void layout_free(struct text_layout *layout);

/* The row that offset is in. */
size_t layout_row_of(const struct text_layout *layout, size_t offset);
/* Where a row ends: the next one's begin, or the end of the text. */
size_t layout_row_end(const struct text_layout *layout, size_t row);

#endif
