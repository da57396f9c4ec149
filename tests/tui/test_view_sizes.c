/* Help, menus and panes on screens of all sizes, drawn into a canvas without a terminal: nothing is lost where they are narrow. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "workbench.h"

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
		cmocka_unit_test(help_is_wrapped),
		cmocka_unit_test(menu_is_wrapped),
		cmocka_unit_test(too_small),
		cmocka_unit_test(resized_pane),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
