#include "text_layout.h"

#include <stdlib.h>

#include "glyphs.h"

static bool add_row(struct text_layout *layout, size_t begin)
{
	if (layout->n_rows == layout->capacity) {
		size_t capacity = layout->capacity * 2 + 64;
		size_t *grown = realloc(layout->begin, capacity * sizeof *grown);
		if (grown == NULL)
			return false;
		layout->begin = grown;
		layout->capacity = capacity;
	}
	layout->begin[layout->n_rows++] = begin;
	return true;
}

/* A printable ASCII character that nothing combines with: one column, no questions asked. Most text is made of them. */
static bool is_simple(const char *text, size_t length, size_t offset)
{
	return text[offset] > ' ' && text[offset] < 0x7f && (offset + 1 == length || (unsigned char)text[offset + 1] < 0x80);
}

/* Where a row that begins at begin ends and the next one begins. */
static size_t row_end(const char *text, size_t length, size_t begin, int width)
{
	int column = 0;
	size_t breakable = begin; /* after the last space, or before a wide character */
	struct glyph glyph;
	for (size_t offset = begin; offset < length; offset = glyph.end) {
		if (column < width && is_simple(text, length, offset)) {
			glyph.end = offset + 1;
			column++;
			continue;
		}
		glyph_read(&glyph, text, length, offset);
		if (glyph.kind == GLYPH_BREAK)
			return glyph.end;
		if (glyph.kind == GLYPH_SPACE) {
			/* Spaces never begin a row: what does not fit hangs over the edge, unseen. */
			column += glyph.width;
			breakable = glyph.end;
			continue;
		}
		if (column + glyph.width > width && offset > begin) {
			if (glyph.kind == GLYPH_TEXT && glyph.width == 2)
				return offset;
			return breakable > begin ? breakable : offset;
		}
		column += glyph.width;
		if (glyph.kind == GLYPH_TAB || (glyph.kind == GLYPH_TEXT && glyph.width == 2))
			breakable = glyph.end;
	}
	return length;
}

bool layout_wrap(struct text_layout *layout, const char *text, size_t length, int width)
{
	layout->n_rows = 0;
	layout->length = length;
	layout->width = width;
	size_t begin = 0;
	do {
		if (!add_row(layout, begin)) {
			layout_free(layout);
			return false;
		}
		begin = length == 0 ? 0 : row_end(text, length, begin, width);
	} while (begin < length);
	/* A line feed at the very end opens no empty row. */
	return true;
}

void layout_free(struct text_layout *layout)
{
	free(layout->begin);
	*layout = (struct text_layout){0};
}

size_t layout_row_of(const struct text_layout *layout, size_t offset)
{
	size_t low = 0, high = layout->n_rows;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (layout->begin[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

size_t layout_row_end(const struct text_layout *layout, size_t row)
{
	return row + 1 < layout->n_rows ? layout->begin[row + 1] : layout->length;
}
