/* Wrapping, and the way between rows, shown text and document. */
#define _POSIX_C_SOURCE 200809L
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "glyphs.h"
#include "styled_text.h"
#include "text_layout.h"
#include "unit.h"

/* Wraps and compares with rows written one after the other, '/' between two. */
static void assert_rows(const char *text, int width, const char *expected)
{
	struct text_layout layout = {0};
	size_t length = strlen(text);
	assert_true(layout_wrap(&layout, text, length, width));
	char joined[512] = "";
	for (size_t row = 0; row < layout.n_rows; row++) {
		size_t begin = layout.begin[row], end = layout_row_end(&layout, row);
		if (row > 0)
			strcat(joined, "/");
		strncat(joined, text + begin, end - begin);
		assert_int_equal(layout_row_of(&layout, begin), row);
		if (end > begin)
			assert_int_equal(layout_row_of(&layout, end - 1), row);
	}
	assert_string_equal(joined, expected);
	layout_free(&layout);
}

static void words(void **state)
{
	(void)state;
	assert_rows("the quick brown fox", 10, "the quick /brown fox");
	assert_rows("the quick brown fox", 9, "the quick /brown fox"); /* the space hangs over the edge */
	assert_rows("the quick brown fox", 8, "the /quick /brown /fox");
	assert_rows("one", 10, "one");
	assert_rows("", 10, "");
	assert_rows("abcdefghij", 4, "abcd/efgh/ij");
	assert_rows("a abcdefghij", 4, "a /abcd/efgh/ij");
}

static void line_feeds(void **state)
{
	(void)state;
	assert_rows("a\nb", 10, "a\n/b");
	assert_rows("a\n\nb\n", 10, "a\n/\n/b\n");
	assert_rows("abcd\nef", 4, "abcd\n/ef");
	assert_rows("abcd   \nef", 4, "abcd   \n/ef");
}

static void wide_characters(void **state)
{
	(void)state;
	/* Five wide characters: two to a row of five columns, and no space needed between. */
	assert_rows("\xe6\xb5\xb7\xe5\xb3\xa1\xe6\xb5\xb7\xe5\xb3\xa1\xe6\xb5\xb7", 5,
	            "\xe6\xb5\xb7\xe5\xb3\xa1/\xe6\xb5\xb7\xe5\xb3\xa1/\xe6\xb5\xb7");
	/* An accent never begins a row. */
	assert_rows("abce\xcc\x81" "f", 4, "abce\xcc\x81/f");
}

static void narrow(void **state)
{
	(void)state;
	assert_rows("ab", 1, "a/b");
	assert_rows("\xe6\xb5\xb7" "a", 1, "\xe6\xb5\xb7/a");
}

/* Every byte is in exactly one row, whatever the text and the width. */
static void rows_cover_the_text(void **state)
{
	(void)state;
	unsigned seed = 1;
	static const char alphabet[] = "ab \n\t\xc3\xa9\xe6\xb5\xb7\xcc\x81\x01\xff";
	for (int round = 0; round < 2000; round++) {
		char text[64];
		size_t length = 0;
		for (; length < sizeof text; length++) {
			seed = seed * 1103515245u + 12345u;
			text[length] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
		}
		struct text_layout layout = {0};
		int width = 1 + round % 20;
		assert_true(layout_wrap(&layout, text, length, width));
		assert_int_equal(layout.begin[0], 0);
		for (size_t row = 0; row < layout.n_rows; row++) {
			size_t begin = layout.begin[row], end = layout_row_end(&layout, row);
			assert_true(end > begin);
			/* What is drawn fits: everything but white space at the end. */
			size_t last = end;
			while (last > begin && strchr(" \n", text[last - 1]) != NULL)
				last--;
			struct glyph glyph;
			int columns = 0, n_glyphs = 0;
			for (size_t offset = begin; offset < last; offset = glyph.end) {
				glyph_read(&glyph, text, length, offset);
				columns += glyph.width;
				n_glyphs++;
			}
			assert_true(columns <= width || n_glyphs == 1);
		}
		layout_free(&layout);
	}
}

static void megabyte(void **state)
{
	(void)state;
	size_t length = 1 << 20;
	char *text = malloc(length);
	assert_non_null(text);
	for (size_t i = 0; i < length; i++)
		text[i] = i % 7 == 6 ? ' ' : (char)('a' + i % 26);
	struct timespec begin, end;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	struct text_layout layout = {0};
	assert_true(layout_wrap(&layout, text, length, 40));
	clock_gettime(CLOCK_MONOTONIC, &end);
	double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
	print_message("1 MiB wrapped in %.1f ms\n", seconds * 1000);
	assert_true(seconds < 2); /* generous: sanitizers and busy machines run this too */
	layout_free(&layout);
	free(text);
}

static void styled_runs(void **state)
{
	(void)state;
	static const char document[] = "keep drop keep";
	struct styled_text styled = {0};
	assert_true(styled_text_append(&styled, ROLE_KEPT, document, 0, 4));
	assert_true(styled_text_append(&styled, ROLE_TEXT, document, 4, 5));
	assert_true(styled_text_mark(&styled, ROLE_DROPPED, "~", 1, 5));
	assert_true(styled_text_append(&styled, ROLE_DROPPED, document, 5, 9));
	assert_true(styled_text_mark(&styled, ROLE_DROPPED, "~", 1, 9));
	assert_true(styled_text_append(&styled, ROLE_TEXT, document, 9, 10));
	assert_true(styled_text_append(&styled, ROLE_TEXT, document, 10, 14)); /* goes on: no new run */
	assert_string_equal(styled.text, "keep ~drop~ keep");
	assert_int_equal(styled.n_runs, 6);
	assert_int_equal(styled_text_source(&styled, 0), 0);
	assert_int_equal(styled_text_source(&styled, 5), 5);  /* the mark */
	assert_int_equal(styled_text_source(&styled, 7), 6);
	assert_int_equal(styled_text_source(&styled, 15), 13);
	assert_int_equal(styled_text_find(&styled, 0), 0);
	assert_int_equal(styled_text_find(&styled, 7), 8);
	assert_int_equal(styled_text_find(&styled, 12), 14);
	assert_int_equal(styled_text_find(&styled, 100), 16);
	styled_text_free(&styled);
}

int main(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),  cmocka_unit_test(line_feeds),          cmocka_unit_test(wide_characters),
		cmocka_unit_test(narrow), cmocka_unit_test(rows_cover_the_text), cmocka_unit_test(megabyte),
		cmocka_unit_test(styled_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
