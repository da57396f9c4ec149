#define _GNU_SOURCE
#include "glyphs.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>
#include <wchar.h>

static bool ascii_only;

void glyphs_ascii_only(bool on)
{
	ascii_only = on;
}

static void set_escape(struct glyph *glyph, size_t end, const char *shown)
{
	glyph->kind = GLYPH_ESCAPE;
	glyph->end = end;
	glyph->n_codes = 0;
	for (const char *c = shown; *c != '\0' && glyph->n_codes < GLYPH_CODES; c++)
		glyph->code[glyph->n_codes++] = (unsigned char)*c;
	glyph->width = glyph->n_codes;
}

/* Decodes one character; returns its bytes, 0 when they are not UTF-8. */
static size_t decode(const char *text, size_t length, size_t offset, int32_t *code)
{
	size_t left = length - offset;
	utf8proc_ssize_t n =
		utf8proc_iterate((const utf8proc_uint8_t *)text + offset, left > 4 ? 4 : (utf8proc_ssize_t)left, code);
	return n > 0 ? (size_t)n : 0;
}

/* Columns of one character on which the C library (and so curses) and utf8proc agree; -1: they do not, or it is invisible. */
static int agreed_width(int32_t code)
{
	switch (utf8proc_category(code)) {
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_CO:
	case UTF8PROC_CATEGORY_CN:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return -1;
	default:
		break;
	}
	if (ascii_only && code >= 0x80)
		return -1;
	int width = wcwidth((wchar_t)code);
	/* Vowel signs of Indic scripts take a column, which utf8proc does not count. */
	if (utf8proc_category(code) == UTF8PROC_CATEGORY_MC && width == 1)
		return width;
	return width >= 0 && (width == 0 || width == utf8proc_charwidth(code)) ? width : -1;
}

/* Joiners and the two common presentation selectors: part of a cluster, never drawn. */
static bool is_silent_joiner(int32_t code)
{
	return code == 0x200c || code == 0x200d || code == 0xfe0e || code == 0xfe0f;
}

static bool is_skin_tone(int32_t code)
{
	return code >= 0x1f3fb && code <= 0x1f3ff;
}

static bool is_regional_letter(int32_t code)
{
	return code >= 0x1f1e6 && code <= 0x1f1ff;
}

/*
 * Takes what follows the base character of a cluster. Terminals disagree about
 * the width of joined emoji, so only the base and its combining marks are
 * drawn; the bytes of the rest belong to the glyph. What hides itself in a
 * cluster (tag characters, rare selectors) ends it and is shown on its own.
 */
static void take_cluster(struct glyph *glyph, const char *text, size_t length, int32_t base)
{
	utf8proc_int32_t state = 0;
	int32_t before = base, code;
	for (;;) {
		if (glyph->end >= length || (unsigned char)text[glyph->end] < 0x80)
			return;
		size_t n = decode(text, length, glyph->end, &code);
		if (n == 0 || utf8proc_grapheme_break_stateful(before, code, &state))
			return;
		if (!is_silent_joiner(code) && !is_skin_tone(code) && before != 0x200d) {
			if (agreed_width(code) != 0 || (code >= 0xe0100 && code <= 0xe01ef))
				return;
			if (glyph->n_codes < 4) /* a cell of curses holds no more */
				glyph->code[glyph->n_codes++] = (uint32_t)code;
		}
		glyph->end += n;
		before = code;
	}
}

static void read_character(struct glyph *glyph, const char *text, size_t length, int32_t code)
{
	char shown[GLYPH_CODES + 1];
	int32_t next;
	size_t n = is_regional_letter(code) && glyph->end < length ? decode(text, length, glyph->end, &next) : 0;
	if (n > 0 && is_regional_letter(next)) {
		/* A flag: one cell or two or four, depending on the terminal. Its two letters are always two. */
		snprintf(shown, sizeof shown, "%c%c", 'A' + (code - 0x1f1e6), 'A' + (next - 0x1f1e6));
		set_escape(glyph, glyph->end + n, shown);
		return;
	}
	int width = agreed_width(code);
	if (width <= 0) {
		snprintf(shown, sizeof shown, "<U+%04X>", (unsigned)code);
		set_escape(glyph, glyph->end, shown);
		return;
	}
	glyph->kind = utf8proc_category(code) == UTF8PROC_CATEGORY_ZS ? GLYPH_SPACE : GLYPH_TEXT;
	glyph->code[0] = glyph->kind == GLYPH_SPACE ? ' ' : (uint32_t)code;
	glyph->n_codes = 1;
	glyph->width = width;
	take_cluster(glyph, text, length, code);
	if (code == 0xa0 || glyph->n_codes > 1)
		glyph->kind = GLYPH_TEXT; /* lines do not break there */
}

static void read_control(struct glyph *glyph, const char *text, size_t length, unsigned char c)
{
	size_t offset = glyph->begin;
	bool carriage = c == '\r' && offset + 1 < length && text[offset + 1] == '\n';
	if (c == '\n' || carriage) {
		glyph->kind = GLYPH_BREAK;
		glyph->end = offset + (carriage ? 2 : 1);
		glyph->n_codes = 0;
		glyph->width = 0;
	} else if (c == '\t') {
		glyph->kind = GLYPH_TAB;
		glyph->end = offset + 1;
		glyph->n_codes = 1;
		glyph->code[0] = ' ';
		glyph->width = GLYPH_TAB_WIDTH;
	} else {
		const char shown[3] = {'^', (char)(c ^ 0x40), '\0'};
		set_escape(glyph, offset + 1, shown);
	}
}

void glyph_read(struct glyph *glyph, const char *text, size_t length, size_t offset)
{
	unsigned char c = (unsigned char)text[offset];
	glyph->begin = offset;
	glyph->end = offset + 1;
	if (c < 0x20 || c == 0x7f) {
		read_control(glyph, text, length, c);
		return;
	}
	if (c < 0x80) {
		glyph->kind = c == ' ' ? GLYPH_SPACE : GLYPH_TEXT;
		glyph->code[0] = c;
		glyph->n_codes = 1;
		glyph->width = 1;
		take_cluster(glyph, text, length, c);
		if (glyph->n_codes > 1)
			glyph->kind = GLYPH_TEXT; /* a space that carries an accent */
		return;
	}
	int32_t code;
	size_t n = decode(text, length, offset, &code);
	if (n == 0) {
		char shown[GLYPH_CODES + 1];
		snprintf(shown, sizeof shown, "<0x%02X>", c);
		set_escape(glyph, offset + 1, shown);
		return;
	}
	glyph->end = offset + n;
	read_character(glyph, text, length, code);
}

int text_width(const char *text, size_t length)
{
	int width = 0;
	struct glyph glyph;
	for (size_t offset = 0; offset < length; offset = glyph.end) {
		glyph_read(&glyph, text, length, offset);
		width += glyph.width;
	}
	return width;
}

size_t utf8_encode(uint32_t code, char *bytes)
{
	utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)code, (utf8proc_uint8_t *)bytes);
	return n > 0 ? (size_t)n : 0;
}
