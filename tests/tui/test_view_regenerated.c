/* The text that comes back beside the document: losses and additions marked, its figures, and words that are still to come. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/bare_workbench.h"
#include "unit.h"

/* The comparison comes from the library: what is tested here is how it is shown. */
static void show_regenerated(const char *document, const char *candidate, bool final, const char *expected)
{
	struct workbench workbench;
	char text[256], other[256];
	snprintf(text, sizeof text, "%s", document);
	snprintf(other, sizeof other, "%s", candidate);
	begin(&workbench, text);
	struct comparison comparison = {.text = other, .length = strlen(other), .final = final};
	assert_int_equal(pith_diff_words(&comparison.words, &comparison.n_words, text, strlen(text), other, strlen(other), NULL),
	                 PITH_OK);
	workbench.forms[FORM_FIRST].comparison = &comparison;
	assert_true(bytes_append(&workbench.forms[FORM_FIRST].regenerated, other, strlen(other)));
	assert_true(view_regenerated_build(&workbench, &workbench.forms[FORM_FIRST], &workbench.result_pane));
	assert_string_equal(workbench.result_pane.styled.text == NULL ? "" : workbench.result_pane.styled.text, expected);
	/* What is the document's stands in its order. */
	const struct styled_text *styled = &workbench.result_pane.styled;
	for (size_t i = 1; i < styled->n_runs; i++)
		assert_true(styled->runs[i].source >= styled->runs[i - 1].source);
	free(comparison.words);
	end(&workbench);
}

static void regenerated(void **state)
{
	(void)state;
	show_regenerated("one two three four", "one two three four", true, "one two three four");
	show_regenerated("one two three four", "one three four", true, "one [-two-] three four");
	show_regenerated("one two three", "one two very three", true, "one two {+very+} three");
	show_regenerated("one two three", "one 2 three", true, "one [-two-]{+2+} three");
	show_regenerated("one two three four", "one two", true, "one two [-three four-]");
	show_regenerated("one two three four", "one two", false, "one two"); /* what has not come yet is not lost */
	show_regenerated("one two", "", true, "[-one two-]");
	/* White space is lost like a word; what came in its place gives the text its shape. */
	show_regenerated("a  b\n\nc d\n", "a  b\n\nc d\n", true, "a  b\n\nc d\n");
	show_regenerated("a b\n\nc d", "a b c d", true, "a b[-\\n\\n-]{+ +}c d");
	show_regenerated("isles  of\nHollen", "isles of Hollen", true, "isles[-  -]{+ +}of[-\\n-]{+ +}Hollen");
	show_regenerated("a b\tc", "a\nb\tc", true, "a[- -]{+\\n+}\nb\tc");
	show_regenerated("a b\n", "a b", true, "a b[-\\n-]");
	show_regenerated("a b", "a b\n", true, "a b{+\\n+}\n");
	show_regenerated("  a b", "a b", true, "[-  -]a b");
	show_regenerated("a b\n", "a b", false, "a b");
	show_regenerated("a\n\nb c", "a c", true, "a\n\n[-b-] c"); /* beside a word that is marked nothing more is */
}

static void streaming_tail(void **state)
{
	(void)state;
	struct workbench workbench;
	char text[] = "one two three four", other[] = "one two ";
	begin(&workbench, text);
	struct comparison comparison = {.text = other, .length = strlen(other)};
	assert_int_equal(pith_diff_words(&comparison.words, &comparison.n_words, text, 7, other, 8, NULL), PITH_OK);
	workbench.forms[FORM_FIRST].comparison = &comparison;
	assert_true(bytes_append(&workbench.forms[FORM_FIRST].regenerated, "one two three fo", 16));
	assert_true(view_regenerated_build(&workbench, &workbench.forms[FORM_FIRST], &workbench.result_pane));
	assert_string_equal(workbench.result_pane.styled.text, "one two three fo");
	free(comparison.words);
	end(&workbench);
}

static void assert_legend(const struct form *form, int rows, int cols, const char *expected)
{
	struct canvas canvas = {0};
	assert_true(canvas_resize(&canvas, rows, cols));
	view_regenerated_draw_legend(form, &canvas, (struct rect){0, 0, rows, cols});
	char *dump = canvas_dump(&canvas);
	assert_string_equal(dump, expected);
	free(dump);
	canvas_free(&canvas);
}

static void legend(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench, sentence);
	struct comparison comparison = {.rouge_l = 0.912, .matched_prefix = 0.5, .bleu = 0.25, .final = true};
	workbench.forms[FORM_FIRST].comparison = &comparison;
	static const struct {
		int rows, cols;
		const char *expected;
	} cases[] = {
		{1, 80, "ROUGE-L 0.912  prefix 50%  BLEU 0.250  [-lost-] {+added+} [-was-]{+now+}\n"},
		{2, 38, "ROUGE-L 0.912  prefix 50%  BLEU 0.250\n[-lost-] {+added+} [-was-]{+now+}\n"},
		{3, 28, "ROUGE-L 0.912  prefix 50%\nBLEU 0.250  [-lost-]\n{+added+} [-was-]{+now+}\n"},
	};
	struct form *form = &workbench.forms[FORM_FIRST];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_legend(form, cases[i].rows, cases[i].cols, cases[i].expected);
	/* While it streams the figures are of what has come; when it was cancelled nothing else would say so. */
	assert_true(bytes_append(&form->regenerated, "The lev", 7));
	comparison.final = false;
	form->regenerating = true;
	assert_legend(form, 2, 38, "ROUGE-L 0.912  prefix 50%\n[-lost-] {+added+} [-was-]{+now+}\n");
	form->regenerating = false;
	assert_legend(form, 2, 38, "partial  ROUGE-L 0.912  prefix 50%\n[-lost-] {+added+} [-was-]{+now+}\n");
	comparison.final = form->outdated = true;
	assert_legend(form, 2, 38, "earlier  ROUGE-L 0.912  prefix 50%\n[-lost-] {+added+} [-was-]{+now+}\n");
	comparison.final = form->outdated = false;
	form->comparison = NULL;
	assert_legend(form, 2, 38, "partial\n[-lost-] {+added+} [-was-]{+now+}\n");
	end(&workbench);
}

/* What came back before the first error ends at a whole word. */
static void matched_words(void **state)
{
	(void)state;
	static const struct {
		const char *document, *text;
		double expected;
	} cases[] = {
		{"hello", "hello", 1},
		{"hello", "hellooian", 0},
		{"hello", "hello there", 1},
		{"one two three", "one two thirty", 8.0 / 13},
		{"one two three", "one twofold", 4.0 / 13},
		{"one two three", "one two", 7.0 / 13},
		{"one, two", "one. two", 0},
		{"one. two.", "one. two..", 5.0 / 9},
		{"one. two.", "one. two. ", 1},
		{"zwei \xc3\xa4mter", "zwei \xc3\xa4mtern", 5.0 / 11},
		{"\xe6\xb0\xb4\xe9\x81\x93", "\xe6\xb0\xb4\xe5\xba\x93", 0.5},
		{"\xe6\xb0\xb4\xe9\x81\x93", "\xe6\xb0\xb4\xe9\x81\x93\xe5\xba\x93", 0.5},
		{"one", "", 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *document = cases[i].document, *text = cases[i].text;
		struct comparison *comparison = comparison_create(document, strlen(document), text, strlen(text), true);
		assert_non_null(comparison);
		if (fabs(comparison->matched_prefix - cases[i].expected) > 1e-9)
			fail_msg("\"%s\" of \"%s\": %g", text, document, comparison->matched_prefix);
		comparison_destroy(comparison);
	}
}

/* While it streams a word may be cut, and a cut word is no change: no more is compared than whole words. */
static void whole_words(void **state)
{
	(void)state;
	static const char document[] = "Accurate perception of tides";
	assert_null(comparison_create(document, strlen(document), "Accur", 5, false));
	struct comparison *comparison = comparison_create(document, strlen(document), "Accurate perc", 13, false);
	assert_non_null(comparison);
	assert_int_equal(comparison->length, 9);
	assert_true(comparison->matched_prefix > 0);
	struct workbench workbench;
	char text[sizeof document];
	memcpy(text, document, sizeof document);
	begin(&workbench, text);
	struct form *form = &workbench.forms[FORM_FIRST];
	form->comparison = comparison;
	assert_true(bytes_append(&form->regenerated, "Accurate perc", 13));
	assert_true(view_regenerated_build(&workbench, form, &workbench.result_pane));
	assert_string_equal(workbench.result_pane.styled.text, "Accurate perc");
	comparison_destroy(comparison);
	end(&workbench);
}

int main(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regenerated),
		cmocka_unit_test(streaming_tail),
		cmocka_unit_test(legend),
		cmocka_unit_test(matched_words),
		cmocka_unit_test(whole_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
