/* The views, drawn into a canvas without a terminal and compared as text; and panes that scroll together. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/bare_workbench.h"
#include "unit.h"

static const struct pith_method extractive = {"keep", "Keep", "", "", PITH_EXTRACTIVE, PITH_MEMORY_ROWS};

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

int main(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(document_and_compressed),
		cmocka_unit_test(two_methods),
		cmocka_unit_test(soft_second),
		cmocka_unit_test(memory_without_numbers),
		cmocka_unit_test(nothing_kept_and_everything),
		cmocka_unit_test(synchronised),
		cmocka_unit_test(answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
