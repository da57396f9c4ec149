/*
 * Text as columns of a terminal: which bytes form one glyph, and how wide it
 * is. Text from outside is hostile: control bytes, bidi marks, invisible and
 * unassigned characters and bytes that are not UTF-8 come out as visible
 * escapes (^G, <U+202E>, <0xE2>), never raw.
 */
#ifndef GLYPHS_H
#define GLYPHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum glyph_kind {
	GLYPH_TEXT,   /* code[0] and its combining marks, one cell or two */
	GLYPH_SPACE,
	GLYPH_TAB,    /* drawn as spaces */
	GLYPH_BREAK,  /* line feed, or carriage return and line feed; no columns */
	GLYPH_ESCAPE, /* ASCII that stands for something invisible, a column each */
};

enum { GLYPH_CODES = 12, GLYPH_TAB_WIDTH = 4 };

struct glyph {
	size_t begin, end; /* bytes of the text */
	uint32_t code[GLYPH_CODES];
	int n_codes;
	int width; /* columns */
	enum glyph_kind kind;
};

/* Reads the glyph that begins at offset, which must be below length. */
void glyph_read(struct glyph *glyph, const char *text, size_t length, size_t offset);

/* ASCII only: everything else becomes an escape. For terminals that cannot show more. Off at first. */
void glyphs_ascii_only(bool on);

/* Columns of a text without line feeds. */
int text_width(const char *text, size_t length);

/* Writes code as UTF-8 into bytes (at least 4); returns how many. */
size_t utf8_encode(uint32_t code, char *bytes);

#endif
