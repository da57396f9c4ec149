/* Glyphs and their widths; what must never reach a terminal raw. Widths are those of Unicode's East Asian Width and of wcwidth. */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "canvas.h"
#include "glyphs.h"
#include "unit.h"

/* What a row of the screen shows for a text. */
static void assert_shown(const char *text, size_t length, const char *expected)
{
	struct canvas canvas = {0};
	assert_true(canvas_resize(&canvas, 1, 60));
	canvas_text(&canvas, 0, 0, 60, ROLE_TEXT, text, length);
	char *dump = canvas_dump(&canvas);
	assert_non_null(dump);
	dump[strcspn(dump, "\n")] = '\0';
	assert_string_equal(dump, expected);
	free(dump);
	canvas_free(&canvas);
}

static void shown(const char *text, const char *expected)
{
	assert_shown(text, strlen(text), expected);
}

static void plain_text(void **state)
{
	(void)state;
	shown("The lake rose by 41 cm.", "The lake rose by 41 cm.");
	shown("na\xc3\xafve r\xc3\xa9sum\xc3\xa9", "na\xc3\xafve r\xc3\xa9sum\xc3\xa9");
	assert_int_equal(text_width("na\xc3\xafve", 6), 5);
	/* A combining acute accent takes no column of its own and stays with its letter. */
	assert_int_equal(text_width("e\xcc\x81t", 4), 2);
	shown("e\xcc\x81t", "e\xcc\x81t");
	/* The vowel signs of this word take columns, its virama none. */
	shown("\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939\u093f\u0928\u094d\u0926\u0940");
	assert_int_equal(text_width("\u0939\u093f\u0928\u094d\u0926\u0940", 18), 5);
}

static void wide_text(void **state)
{
	(void)state;
	assert_int_equal(text_width("\xe6\xb5\xb7\xe5\xb3\xa1", 6), 4);
	shown("\xe6\xb5\xb7\xe5\xb3\xa1!", "\xe6\xb5\xb7\xe5\xb3\xa1!");
	/* Half of a wide character is never drawn. */
	struct canvas canvas = {0};
	assert_true(canvas_resize(&canvas, 1, 4));
	assert_int_equal(canvas_string(&canvas, 0, 0, 3, ROLE_TEXT, "\xe6\xb5\xb7\xe5\xb3\xa1"), 2);
	/* Writing over the right half removes the left one. */
	canvas_code(&canvas, 0, 1, 'x', ROLE_TEXT);
	char *dump = canvas_dump(&canvas);
	assert_string_equal(dump, " x\n");
	free(dump);
	canvas_free(&canvas);
}

static void hostile_text(void **state)
{
	(void)state;
	shown("a\033[31mb", "a^[[31mb");
	shown("bell\a", "bell^G");
	shown("\x7f", "^?");
	shown("x\rOVER", "x^MOVER");
	shown("\xe2\x80\xae" "abc", "<U+202E>abc");   /* right-to-left override */
	shown("a\xe2\x80\x8b" "b", "a<U+200B>b");     /* zero width space */
	shown("\xc2\x9b" "31m", "<U+009B>31m");       /* C1 control sequence introducer */
	shown("a\xf3\xa0\x81\xa9", "a<U+E0069>");     /* tag letter, hidden in a cluster */
	shown("\xcc\x81", "<U+0301>");                /* an accent without a letter */
	shown("\xee\x80\x80", "<U+E000>");            /* private use */
	assert_shown("a\0b", 3, "a^@b");
}

static void broken_utf8(void **state)
{
	(void)state;
	shown("\xe2\x82", "<0xE2><0x82>");
	shown("\xc0\xaf", "<0xC0><0xAF>");             /* overlong */
	shown("\xed\xa0\x80", "<0xED><0xA0><0x80>");   /* surrogate */
	shown("ok\xff", "ok<0xFF>");
}

/* Terminals disagree about joined emoji: only the base is drawn, the whole cluster is one glyph. */
static void joined_emoji(void **state)
{
	(void)state;
	static const char family[] = "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7";
	struct glyph glyph;
	glyph_read(&glyph, family, sizeof family - 1, 0);
	assert_int_equal(glyph.end, sizeof family - 1);
	assert_int_equal(glyph.width, 2);
	assert_int_equal(glyph.n_codes, 1);
	assert_int_equal(glyph.code[0], 0x1f468);
	shown("\xf0\x9f\x87\xab\xf0\x9f\x87\xb7", "FR"); /* a flag */
	assert_int_equal(text_width("\xe2\x9d\xa4\xef\xb8\x8f", 6), 1);
}

static void tabs_and_breaks(void **state)
{
	(void)state;
	struct glyph glyph;
	glyph_read(&glyph, "\r\nx", 3, 0);
	assert_int_equal(glyph.kind, GLYPH_BREAK);
	assert_int_equal(glyph.end, 2);
	assert_int_equal(text_width("a\tb", 3), 2 + GLYPH_TAB_WIDTH);
	shown("a\tb", "a    b");
}

static void ascii_only(void **state)
{
	(void)state;
	glyphs_ascii_only(true);
	shown("\xc3\xa9" "a", "<U+00E9>a");
	glyphs_ascii_only(false);
	shown("\xc3\xa9" "a", "\xc3\xa9" "a");
}

int main(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text), cmocka_unit_test(wide_text),    cmocka_unit_test(hostile_text),
		cmocka_unit_test(broken_utf8), cmocka_unit_test(joined_emoji), cmocka_unit_test(tabs_and_breaks),
		cmocka_unit_test(ascii_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
