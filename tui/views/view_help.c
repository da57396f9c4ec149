#include "views/view_help.h"

#include <stdio.h>
#include <string.h>

#include "actions.h"
#include "widgets/scroll_bar.h"

enum { KEYS_COLS = 18, MAX_COLS = 96 };

static size_t count_actions(int context)
{
	size_t n = 0;
	const struct action *table = actions_table();
	for (int i = 0; i < N_ACTIONS; i++)
		n += table[i].context == (enum action_context)context;
	return n;
}

/* A title per context, its actions, an empty row between. */
size_t view_help_rows(unsigned contexts)
{
	size_t rows = 0;
	for (int context = 0; context < N_CONTEXTS; context++)
		if ((contexts >> context & 1) != 0 && count_actions(context) > 0)
			rows += count_actions(context) + 2;
	return rows;
}

/* Digits come as a range: ten keys that do the same would fill a row. */
static void format_keys(const char *keys, char *out, size_t size)
{
	const char *digits = strstr(keys, "0 1 2 3 4 5 6 7 8 9");
	if (digits != NULL)
		snprintf(out, size, "%.*s0-9", (int)(digits - keys), keys);
	else
		snprintf(out, size, "%s", keys);
}

static void draw_line(struct canvas *canvas, struct rect rect, size_t top, size_t line, const char *keys, const char *text)
{
	if (line < top || line >= top + (size_t)rect.rows)
		return;
	int row = rect.row + (int)(line - top);
	if (keys == NULL) {
		canvas_string(canvas, row, rect.col, rect.cols, ROLE_TITLE_NAME, text);
		return;
	}
	char shown[64];
	format_keys(keys, shown, sizeof shown);
	canvas_string(canvas, row, rect.col + 1, KEYS_COLS - 1, ROLE_TITLE_METHOD, shown);
	canvas_string(canvas, row, rect.col + KEYS_COLS, rect.cols - KEYS_COLS, ROLE_POPUP, text);
}

void view_help_draw(struct canvas *canvas, size_t *top, unsigned contexts)
{
	int cols = canvas->cols - 4 < MAX_COLS ? canvas->cols - 4 : MAX_COLS, rows = canvas->rows - 2;
	size_t n = view_help_rows(contexts) - 1;
	if ((size_t)rows > n + 2)
		rows = (int)n + 2;
	const struct rect box = {(canvas->rows - rows) / 2, (canvas->cols - cols) / 2, rows, cols};
	canvas_fill(canvas, box, ' ', ROLE_POPUP);
	canvas_box(canvas, box, ROLE_POPUP);
	canvas_string(canvas, box.row, box.col + 2, cols - 4, ROLE_POPUP, " Help (Esc closes, arrows scroll) ");
	const struct rect inner = {box.row + 1, box.col + 2, rows - 2, cols - 4};
	size_t last = n > (size_t)inner.rows ? n - (size_t)inner.rows : 0;
	*top = *top < last ? *top : last;
	size_t line = 0;
	for (int context = 0; context < N_CONTEXTS; context++) {
		if ((contexts >> context & 1) == 0 || count_actions(context) == 0)
			continue;
		draw_line(canvas, inner, *top, line++, NULL, actions_context_title((enum action_context)context));
		const struct action *table = actions_table();
		for (int i = 0; i < N_ACTIONS; i++)
			if (table[i].context == (enum action_context)context)
				draw_line(canvas, inner, *top, line++, table[i].keys, table[i].help);
		line++;
	}
	const struct rect bar = {inner.row, box.col + cols - 2, inner.rows, 1};
	scroll_bar_draw(canvas, bar, *top, n);
}

bool view_help_key(const char *key, size_t *top, int rows, unsigned contexts)
{
	size_t page = rows > 6 ? (size_t)rows - 5 : 1;
	switch (actions_find(CONTEXT_PANES, key)) {
	case ACTION_SCROLL_UP: *top = *top > 0 ? *top - 1 : 0; break;
	case ACTION_SCROLL_DOWN: *top += 1; break; /* drawing clips it */
	case ACTION_PAGE_UP: *top = *top > page ? *top - page : 0; break;
	case ACTION_PAGE_DOWN: *top += page; break;
	case ACTION_TOP: *top = 0; break;
	case ACTION_BOTTOM: *top = view_help_rows(contexts); break;
	default: return false;
	}
	return true;
}
