/* The views, drawn into a canvas without a terminal and compared as text; and panes that scroll together. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "workbench.h"

static const struct pith_method extractive = {"keep", "Keep", "", "", PITH_EXTRACTIVE, PITH_MEMORY_ROWS};

/* A workbench with a document and nothing that computes. */
static void begin(struct workbench *workbench, char *text)
{
	*workbench = (struct workbench){.text = text, .length = strlen(text), .marks = true, .tokenised = true};
}

static void end(struct workbench *workbench)
{
	text_pane_free(&workbench->document_pane);
	text_pane_free(&workbench->result_pane);
	bytes_free(&workbench->forms[FORM_FIRST].regenerated);
	canvas_free(&workbench->canvas);
}

static void assert_pane(struct text_pane *pane, int rows, int cols, const char *expected)
{
	struct canvas canvas = {0};
	assert_true(canvas_resize(&canvas, rows, cols));
	text_pane_draw(pane, &canvas, (struct rect){0, 0, rows, cols});
	char *dump = canvas_dump(&canvas);
	assert_string_equal(dump, expected);
	free(dump);
	canvas_free(&canvas);
}

static char sentence[] = "The level never rose by more than 41 cm in a day.";

/* Keeps the words that begin at these offsets. */
static size_t split_words(struct pith_word *words, const char *text, const char *kept)
{
	size_t n = 0;
	for (size_t at = 0; text[at] != '\0';) {
		size_t length = strcspn(text + at, " ");
		bool must_keep = text[at] >= '0' && text[at] <= '9';
		char word[64];
		snprintf(word, sizeof word, " %.*s ", (int)length, text + at);
		words[n++] = (struct pith_word){.begin = (uint32_t)at, .end = (uint32_t)(at + length), .n_tokens = 1,
		                                .kept = strstr(kept, word) != NULL, .must_keep = must_keep};
		at += length + strspn(text + at + length, " ");
	}
	return n;
}

static void document_and_compressed(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench, sentence);
	struct pith_word words[32];
	char left[] = "level never rose 41";
	struct shown_compressed compressed = {
		.info = {.method = &extractive}, .text = left, .length = strlen(left), .words = words};
	compressed.n_words = split_words(words, sentence, " level never rose 41 ");
	workbench.forms[FORM_FIRST].compressed = &compressed;
	assert_true(view_document_build(&workbench));
	assert_pane(&workbench.document_pane, 3, 30, "~The~ level never rose ~by\nmore than~ 41 ~cm in a day.~\n\n");
	assert_true(view_compressed_build(&workbench, &workbench.forms[FORM_FIRST], &workbench.result_pane));
	assert_pane(&workbench.result_pane, 2, 40, "level never rose 41\n\n");
	/* The compressed words know where they come from. */
	const struct styled_text *styled = &workbench.result_pane.styled;
	assert_int_equal(styled_text_source(styled, 0), 4);
	assert_int_equal(styled_text_source(styled, 17), strstr(sentence, "41") - sentence);
	assert_int_equal(styled->runs[styled_text_run_at(styled, 17)].role, ROLE_MUST_KEEP);
	workbench.marks = false;
	assert_true(view_document_build(&workbench));
	assert_pane(&workbench.document_pane, 2, 60, "The level never rose by more than 41 cm in a day.\n\n");
	end(&workbench);
}

static const struct pith_method soft = {"rows", "Rows", "", "", PITH_SOFT, PITH_MEMORY_ROWS};

/* The left pane with a second form in it, drawn at this size. */
static void assert_beside(struct workbench *workbench, int rows, int cols, const char *expected)
{
	struct canvas canvas = {.ascii = true};
	const struct rect pane = {0, 1, rows, cols - 1};
	assert_true(form_beside(workbench));
	assert_true(view_beside_build(workbench));
	assert_true(canvas_resize(&canvas, rows, cols));
	const struct rect text = view_beside_text(workbench, pane);
	assert_true(text_pane_fit(&workbench->document_pane, text.rows, text.cols));
	view_beside_draw(workbench, &canvas, pane);
	char *dump = canvas_dump(&canvas);
	assert_string_equal(dump, expected);
	free(dump);
	canvas_free(&canvas);
}

/* The second form's text and its own figures stand in the left pane; the first form's pane is what it was. */
static void two_methods(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench, sentence);
	assert_false(form_beside(&workbench));
	struct pith_word first_words[32], second_words[32];
	char first_text[] = "level never rose 41", second_text[] = "The level 41 cm day.";
	struct shown_compressed first = {.info = {.method = &extractive}, .text = first_text, .words = first_words};
	struct shown_compressed second = {.info = {.method = &extractive, .original_tokens = 12, .compressed_tokens = 5}};
	second.info.target_cr = 0.5;
	second.info.cr = 5.0 / 12;
	second.info.delta_cr = second.info.cr - 0.5;
	second.info.original_bytes = strlen(sentence);
	second.info.compressed_bytes = strlen(second_text);
	second.info.seconds = 0.5;
	first.length = strlen(first_text);
	first.n_words = split_words(first_words, sentence, " level never rose 41 ");
	second.text = second_text;
	second.length = strlen(second_text);
	second.words = second_words;
	second.n_words = split_words(second_words, sentence, " The level 41 cm day. ");
	workbench.forms[FORM_FIRST].compressed = &first;
	workbench.forms[FORM_SECOND].compressed = &second;
	assert_beside(&workbench, 10, 44,
	              " The level 41 cm day.\n\n\n\n\n\n\n"
	              " target 0.50 (2.0x)  achieved 0.42 (2.4x)\n"
	              " dCR -0.083  tokens 12 -> 5\n"
	              " bytes 49 B -> 20 B  took 0.50 s\n");
	/* A low pane is the text's first: what has no row is left out. */
	assert_beside(&workbench, 3, 44, " The level 41 cm day.\n\n target 0.50 (2.0x)  achieved 0.42 (2.4x)\n");
	/* Its words know their places, so that both panes can scroll together. */
	assert_int_equal(styled_text_source(&workbench.document_pane.styled, 10), strstr(sentence, "41") - sentence);
	snprintf(second.note, sizeof second.note, "Said of it.");
	assert_beside(&workbench, 5, 44, " Said of it.\n\n The level 41 cm day.\n target 0.50 (2.0x)  achieved 0.42 (2.4x)\n"
	              " dCR -0.083  tokens 12 -> 5\n");
	/* So does what has to be said of the first form. */
	snprintf(first.note, sizeof first.note, "Said too.");
	assert_true(view_note_build(&workbench.forms[FORM_FIRST], &workbench.result_pane));
	assert_true(view_compressed_build(&workbench, &workbench.forms[FORM_FIRST], &workbench.result_pane));
	assert_pane(&workbench.result_pane, 3, 40, "Said too.\n\nlevel never rose 41\n");
	end(&workbench);
}

/* Memory tokens beside a text: what comes back from them, losses marked; until it is wanted, what they are. */
static void soft_second(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench, sentence);
	struct shown_compressed second = {.info = {.method = &soft, .compressed_tokens = 4, .n_spans = 1}, .n_layers = 2};
	struct form *form = &workbench.forms[FORM_SECOND];
	form->compressed = &second;
	assert_false(form_beside_regenerated(&workbench));
	assert_true(view_beside_build(&workbench));
	assert_non_null(strstr(workbench.document_pane.styled.text, "4 memory tokens of 2 layers hold this"));
	assert_non_null(strstr(workbench.document_pane.styled.text, "their key and value rows"));
	static const struct pith_method icae = {"icae", "ICAE", "", "", PITH_SOFT, PITH_MEMORY_EMBEDDINGS};
	second.info.method = &icae;
	second.info.compressed_tokens = 1;
	assert_true(view_beside_build(&workbench));
	assert_non_null(strstr(workbench.document_pane.styled.text, "1 memory token holds this"));
	assert_non_null(strstr(workbench.document_pane.styled.text, "its embedding:"));
	second.info.method = &soft;
	workbench.wanted.regenerated[FORM_SECOND] = true;
	assert_true(form_beside_regenerated(&workbench));
	assert_true(view_beside_build(&workbench));
	assert_int_equal(workbench.document_pane.styled.length, 0); /* nothing flashes up that is gone at once */
	workbench.wanted.regenerated[FORM_SECOND] = false;
	char back[] = "The level never fell by more than 41 cm in a day.";
	struct comparison comparison = {.text = back, .length = strlen(back), .final = true};
	size_t length = strlen(sentence);
	assert_int_equal(pith_diff_words(&comparison.words, &comparison.n_words, sentence, length, back, strlen(back), NULL),
	                 PITH_OK);
	form->comparison = &comparison;
	assert_true(bytes_append(&form->regenerated, back, strlen(back)));
	assert_true(view_beside_build(&workbench));
	assert_string_equal(workbench.document_pane.styled.text, "The level never [-rose-]{+fell+} by more than 41 cm in a day.");
	free(comparison.words);
	bytes_free(&form->regenerated);
	end(&workbench);
}

/* Rows from a file may be no numbers: they are shown as such, and the others keep their scale. */
static void memory_without_numbers(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench, sentence);
	float norms[] = {NAN, 1, 2, INFINITY, 3, 5, 1, 5};
	struct shown_compressed shown = {
		.info = {.method = &soft, .compressed_tokens = 2, .compressed_bytes = 3072, .n_spans = 1},
		.n_layers = 2,
		.norms = {norms}};
	workbench.forms[FORM_FIRST].compressed = &shown;
	struct canvas canvas = {.ascii = true};
	assert_true(canvas_resize(&canvas, 6, 80));
	view_memory_draw(&workbench, &canvas, (struct rect){0, 0, 6, 80});
	char *dump = canvas_dump(&canvas);
	assert_non_null(strstr(dump, "3.0 KiB in all, 1.5 KiB a token"));
	assert_non_null(strstr(dump, "bars: keys 1.00 to 3.00, values 1.00 to 5.00"));
	assert_non_null(strstr(dump, "    1 ?=     .?"));
	assert_non_null(strstr(dump, "    2 @.     @@"));
	free(dump);
	canvas_free(&canvas);
	workbench.forms[FORM_FIRST].compressed = NULL;
	end(&workbench);
}

static void nothing_kept_and_everything(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench, sentence);
	struct pith_word words[32];
	char nothing[] = "";
	struct shown_compressed compressed = {.info = {.method = &extractive}, .text = nothing, .words = words};
	compressed.n_words = split_words(words, sentence, "");
	workbench.forms[FORM_FIRST].compressed = &compressed;
	assert_true(view_document_build(&workbench));
	assert_pane(&workbench.document_pane, 1, 60, "~The level never rose by more than 41 cm in a day.~\n");
	assert_true(view_compressed_build(&workbench, &workbench.forms[FORM_FIRST], &workbench.result_pane));
	assert_pane(&workbench.result_pane, 1, 60, "\n");
	end(&workbench);
}

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

/* Forty sentences on the left; on the right every second word of them, so that its rows are fewer. */
static void synchronised(void **state)
{
	(void)state;
	enum { N = 40 };
	static char text[8192];
	static struct pith_word words[2048];
	static char left[8192];
	size_t length = 0, n_words = 0, n_left = 0;
	struct pith_sentence sentences[N];
	for (int i = 0; i < N; i++) {
		sentences[i].begin = (uint32_t)length;
		for (int word = 0; word <= 5 + i % 7; word++) {
			size_t begin_word = length;
			length += (size_t)sprintf(text + length, "word%dof%d", word, i);
			bool kept = word % 2 == 0;
			words[n_words++] =
				(struct pith_word){.begin = (uint32_t)begin_word, .end = (uint32_t)length, .kept = kept};
			if (kept)
				n_left += (size_t)sprintf(left + n_left, "%s%.*s", n_left > 0 ? " " : "",
				                          (int)(length - begin_word), text + begin_word);
			text[length++] = ' ';
		}
		sentences[i].end = (uint32_t)length;
	}
	struct workbench workbench;
	begin(&workbench, text);
	struct shown_compressed compressed = {.info = {.method = &extractive}, .text = left, .length = n_left, .words = words};
	compressed.n_words = n_words;
	workbench.forms[FORM_FIRST].compressed = &compressed;
	workbench.sentences = sentences;
	workbench.n_sentences = N;
	assert_true(view_document_build(&workbench));
	assert_true(view_compressed_build(&workbench, &workbench.forms[FORM_FIRST], &workbench.result_pane));
	struct text_pane *a = &workbench.document_pane, *b = &workbench.result_pane;
	assert_true(text_pane_fit(a, 10, 40));
	assert_true(text_pane_fit(b, 10, 40));
	assert_true(a->layout.n_rows > b->layout.n_rows + 10);
	size_t before = 0;
	for (size_t top = 0; top <= text_pane_last_top(a); top++) {
		text_pane_scroll_to(a, top);
		synchronise_panes(&workbench, a, b);
		assert_true(b->top >= before); /* never backwards */
		before = b->top;
		if (b->top == 0 || b->top == text_pane_last_top(b))
			continue;
		/* The sentences at both tops are the same one, or neighbours where one row holds the end of one and the next. */
		size_t source_a = styled_text_source(&a->styled, a->layout.begin[a->top]);
		size_t source_b = styled_text_source(&b->styled, b->layout.begin[b->top]);
		int sentence_a = 0, sentence_b = 0;
		for (int i = 0; i < N; i++) {
			sentence_a = sentences[i].begin <= source_a ? i : sentence_a;
			sentence_b = sentences[i].begin <= source_b ? i : sentence_b;
		}
		if (abs(sentence_a - sentence_b) > 1)
			fail_msg("row %zu: sentence %d beside sentence %d", top, sentence_a, sentence_b);
	}
	assert_int_equal(b->top, text_pane_last_top(b));
	/* And the other way round. */
	text_pane_scroll_to(b, 0);
	synchronise_panes(&workbench, b, a);
	assert_int_equal(a->top, 0);
	end(&workbench);
}

/* The rows of the answers on a screen of so many columns. */
static void assert_answers(struct workbench *workbench, int cols, const char *expected)
{
	enum { ROWS = 24 };
	struct canvas canvas = {.ascii = true};
	assert_true(canvas_resize(&canvas, ROWS, cols));
	workbench->regions = regions_compute(ROWS, cols, workbench->n_answers, 1);
	view_answers_draw(workbench, &canvas);
	char *dump = canvas_dump(&canvas), *begin = dump;
	for (int row = 0; row < workbench->regions.answer_header[0].row; row++)
		begin = strchr(begin, '\n') + 1;
	begin[strlen(expected) < strlen(begin) ? strlen(expected) : strlen(begin)] = '\0';
	assert_string_equal(begin, expected);
	free(dump);
	canvas_free(&canvas);
}

static void answer_with(struct answer *answer, const struct pith_method *method, const char *text)
{
	answer->method = method;
	answer->cr = 0.25;
	answer->done = true;
	assert_true(bytes_append(&answer->text, text, strlen(text)));
}

/* Every answer stands under the name of what it was read from, however narrow the screen is; in the order of the panes. */
static void answers(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench, sentence);
	struct shown_compressed first = {.info = {.method = &extractive, .cr = 0.25}};
	struct shown_compressed second = {.info = {.method = &soft, .cr = 0.25}};
	workbench.forms[FORM_FIRST].compressed = &first;
	answer_with(&workbench.answers[ANSWER_FULL], NULL, "41 cm");
	answer_with(&workbench.answers[ANSWER_FIRST], &extractive, "40 cm");
	answer_with(&workbench.answers[ANSWER_SECOND], &soft, "14 cm");
	workbench.n_answers = 2;
	assert_answers(&workbench, 60,
	               "- Answer: full text ---------+- Keep: 0.25 (4.0x) ----------\n"
	               " 41 cm                       | 40 cm\n");
	workbench.forms[FORM_SECOND].compressed = &second;
	workbench.n_answers = 3;
	assert_answers(&workbench, 60,
	               "- Answer: full text+- Rows: 0.25 ------+- Keep: 0.25 (4.0x)\n"
	               " 41 cm             | 14 cm             | 40 cm\n");
	/* What stands above has changed since: an answer says that it is of something else. */
	workbench.n_answers = 2;
	first.info.cr = 0.5;
	assert_answers(&workbench, 80,
	               "- Answer: full text ----0 tokens, 0 ms +- Earlier, Keep: 0.25 (4.0x) -----------\n"
	               " 41 cm                                 | 40 cm\n");
	first.info = (struct pith_compressed_info){.method = &soft, .cr = 0.25};
	assert_answers(&workbench, 60, "- Answer: full text ---------+- Earlier, Keep: 0.25 (4.0x) -\n");
	/* Nor is it an answer to a question that still waits. */
	first.info.method = &extractive;
	workbench.question = workbench.wanted.question = sentence;
	assert_answers(&workbench, 60, "- Answer: full text ---------+- Keep: 0.25 (4.0x) ----------\n");
	char waiting[] = "Why?";
	workbench.wanted.question = waiting;
	assert_answers(&workbench, 60, "- Earlier: full text --------+- Earlier, Keep: 0.25 (4.0x) -\n");
	/* Asked before anything was compressed: that is no answer from the full text, and an earlier one only when there is a
	 * form. */
	workbench.wanted.question = NULL;
	workbench.answers[ANSWER_FIRST].method = NULL;
	workbench.forms[FORM_FIRST].compressed = NULL;
	assert_answers(&workbench, 60, "- Answer: full text ---------+- Answer: no compressed form -\n");
	workbench.forms[FORM_FIRST].compressed = &first;
	assert_answers(&workbench, 60, "- Answer: full text ---------+- Earlier: no compressed form\n");
	/* One that was cancelled says so, whether anything had come of it or not. */
	workbench.answers[ANSWER_FIRST].method = &extractive;
	workbench.answers[ANSWER_FULL].done = workbench.answers[ANSWER_FIRST].done = false;
	bytes_clear(&workbench.answers[ANSWER_FIRST].text);
	assert_answers(&workbench, 60,
	               "- Answer: full text ---------+- Keep: 0.25 (4.0x) ----------\n"
	               " 41 cm                       | Stopped before it began.\n"
	               " Stopped before its end.     |\n");
	for (int i = 0; i < N_ANSWERS; i++) {
		bytes_free(&workbench.answers[i].text);
		text_pane_free(&workbench.answers[i].pane);
	}
	end(&workbench);
}

/* Whatever the width: the help and the menus leave no word out. */
static void assert_words(const char *dump, const char *text)
{
	for (const char *at = text; *at != '\0';) {
		char word[64];
		size_t length = strcspn(at, " ");
		snprintf(word, sizeof word, "%.*s", (int)length, at);
		if (strstr(dump, word) == NULL)
			fail_msg("\"%s\" of \"%s\" is not shown", word, text);
		at += length + strspn(at + length, " ");
	}
}

static void help_is_wrapped(void **state)
{
	(void)state;
	const int widths[] = {60, 80, 100, 160};
	for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
		struct canvas canvas = {.ascii = true};
		size_t top = 0;
		assert_true(canvas_resize(&canvas, 150, widths[i]));
		view_help_draw(&canvas, &top, HELP_OF_ALL);
		char *dump = canvas_dump(&canvas);
		for (int action = 0; action < N_ACTIONS; action++)
			assert_words(dump, actions_table()[action].help);
		free(dump);
		canvas_free(&canvas);
	}
}

static void menu_is_wrapped(void **state)
{
	(void)state;
	const struct menu_item items[] = {{"One", "keeps the words that the model could predict least, whole and in order"},
	                                  {"Second", "short"},
	                                  {"Third", "keeps the words that a head finds worth keeping, whole and in order"}};
	struct canvas canvas = {.ascii = true};
	struct menu menu;
	size_t item;
	menu_open(&menu, "Method", items, 3, 2);
	assert_true(canvas_resize(&canvas, 10, 60));
	menu_draw(&menu, &canvas);
	char *dump = canvas_dump(&canvas);
	assert_string_equal(dump, "\n"
	                    " +- Method -----------------------------------------------+\n"
	                    " | One     keeps the words that the model could predict   |\n"
	                    " |         least, whole and in order                      |\n"
	                    " | Second  short                                          |\n"
	                    " |>Third   keeps the words that a head finds worth        |\n"
	                    " |         keeping, whole and in order                    |\n"
	                    " +--------------------------------------------------------+\n\n\n");
	free(dump);
	const size_t hit[] = {0, 0, 1, 2, 2};
	for (int i = 0; i < 5; i++)
		assert_true(menu_hit(&menu, 2 + i, 5, &item) && item == hit[i]);
	assert_false(menu_hit(&menu, 7, 5, &item));
	/* Where there is room for four rows the chosen item is shown whole. */
	assert_true(canvas_resize(&canvas, 8, 60));
	canvas_clear(&canvas);
	menu_draw(&menu, &canvas);
	assert_int_equal(menu.top, 1);
	assert_true(menu_hit(&menu, menu.place.row + 1, 5, &item) && item == 1);
	/* And a bar says that there are more. */
	dump = canvas_dump(&canvas);
	assert_string_equal(dump, "\n"
	                    " +- Method -----------------------------------------------+\n"
	                    " | Second  short                                         :|\n"
	                    " |>Third   keeps the words that a head finds worth       #|\n"
	                    " |         keeping, whole and in order                   #|\n"
	                    " |                                                       #|\n"
	                    " +--------------------------------------------------------+\n\n");
	free(dump);
	canvas_free(&canvas);
}

/* The size that is needed is seen whole, however small the screen is. */
static void too_small(void **state)
{
	(void)state;
	for (int rows = 1; rows <= REGIONS_MIN_ROWS; rows++)
		for (int cols = 5; cols < REGIONS_MIN_COLS; cols++) {
			struct canvas canvas = {0};
			assert_true(canvas_resize(&canvas, rows, cols));
			draw_too_small(&canvas);
			char *dump = canvas_dump(&canvas);
			if (strstr(dump, "60x17") == NULL)
				fail_msg("%dx%d: %s", cols, rows, dump);
			free(dump);
			canvas_free(&canvas);
		}
}

/* A pane that is made narrower keeps the text at its top. */
static void resized_pane(void **state)
{
	(void)state;
	struct text_pane pane = {0};
	char text[2000];
	size_t length = 0;
	for (int i = 0; length < 1900; i++)
		length += (size_t)sprintf(text + length, "w%d ", i);
	assert_true(styled_text_append(&pane.styled, ROLE_TEXT, text, 0, length));
	assert_true(text_pane_fit(&pane, 5, 60));
	text_pane_scroll_to(&pane, 10);
	size_t offset = pane.layout.begin[10];
	assert_true(text_pane_fit(&pane, 5, 25));
	assert_true(pane.layout.begin[pane.top] <= offset && layout_row_end(&pane.layout, pane.top) > offset);
	text_pane_scroll(&pane, -1000);
	assert_int_equal(pane.top, 0);
	text_pane_scroll(&pane, 1000000);
	assert_int_equal(pane.top, text_pane_last_top(&pane));
	text_pane_free(&pane);
}

int main(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_methods),             cmocka_unit_test(soft_second),
		cmocka_unit_test(memory_without_numbers),
		cmocka_unit_test(document_and_compressed), cmocka_unit_test(nothing_kept_and_everything),
		cmocka_unit_test(regenerated),             cmocka_unit_test(streaming_tail),
		cmocka_unit_test(legend),                  cmocka_unit_test(synchronised),
		cmocka_unit_test(resized_pane),            cmocka_unit_test(answers),
		cmocka_unit_test(help_is_wrapped),         cmocka_unit_test(menu_is_wrapped),
		cmocka_unit_test(too_small),               cmocka_unit_test(matched_words),
		cmocka_unit_test(whole_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
