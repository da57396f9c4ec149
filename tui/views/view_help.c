#include "views/view_help.h"

#include <stdio.h>
#include <string.h>

#include "actions.h"
#include "text_layout.h"
#include "widgets/scroll_bar.h"

enum { KEYS_COLS = 18, MAX_COLS = 104, FAR = 1 << 20 /* more rows than there are */ };

static size_t count_actions(int context)
{
	size_t n = 0;
	const struct action *table = actions_table();
	for (int i = 0; i < N_ACTIONS; i++)
		n += table[i].context == (enum action_context)context;
	return n;
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

/* The help being written, row by row. */
struct page {
	struct canvas *canvas; /* NULL: the rows are only counted */
	struct rect rect;
	size_t top, row; /* the first row that is shown, and the next one that is written */
};

static void draw_in_row(const struct page *page, int col, int cols, enum role role, const char *text, size_t length)
{
	if (page->canvas == NULL || page->row < page->top || page->row >= page->top + (size_t)page->rect.rows)
		return;
	canvas_text(page->canvas, page->rect.row + (int)(page->row - page->top), page->rect.col + col, cols, role, text, length);
}

/* The keys, and beside them what they do, on as many rows as it takes. */
static void add_action(struct page *page, const struct action *action)
{
	const int cols = page->rect.cols - KEYS_COLS;
	char keys[64];
	struct text_layout layout = {0};
	format_keys(action->keys, keys, sizeof keys);
	draw_in_row(page, 1, KEYS_COLS - 1, ROLE_TITLE_METHOD, keys, strlen(keys));
	if (!layout_wrap(&layout, action->help, strlen(action->help), cols > 1 ? cols : 1)) {
		page->row++;
		return;
	}
	for (size_t i = 0; i < layout.n_rows; i++, page->row++)
		draw_in_row(page, KEYS_COLS, cols, ROLE_POPUP, action->help + layout.begin[i],
		            layout_row_end(&layout, i) - layout.begin[i]);
	layout_free(&layout);
}

/* A title per context, its actions, an empty row between. */
static void add_contexts(struct page *page, unsigned contexts)
{
	const struct action *table = actions_table();
	for (int context = 0; context < N_CONTEXTS; context++) {
		if ((contexts >> context & 1) == 0 || count_actions(context) == 0)
			continue;
		page->row += page->row > 0 ? 1 : 0;
		const char *title = actions_context_title((enum action_context)context);
		draw_in_row(page, 0, page->rect.cols, ROLE_TITLE_NAME, title, strlen(title));
		page->row++;
		for (int i = 0; i < N_ACTIONS; i++)
			if (table[i].context == (enum action_context)context)
				add_action(page, &table[i]);
	}
}

void view_help_draw(struct canvas *canvas, size_t *top, unsigned contexts)
{
	int cols = canvas->cols - 4 < MAX_COLS ? canvas->cols - 4 : MAX_COLS, rows = canvas->rows - 2;
	struct page page = {.rect = {.cols = cols - 4}};
	add_contexts(&page, contexts);
	size_t n = page.row;
	if ((size_t)rows > n + 2)
		rows = (int)n + 2;
	const struct rect box = {(canvas->rows - rows) / 2, (canvas->cols - cols) / 2, rows, cols};
	canvas_fill(canvas, box, ' ', ROLE_POPUP);
	canvas_box(canvas, box, ROLE_POPUP);
	canvas_string(canvas, box.row, box.col + 2, cols - 4, ROLE_POPUP, " Help (Esc closes, arrows scroll) ");
	const struct rect inner = {box.row + 1, box.col + 2, rows - 2, cols - 4};
	size_t last = n > (size_t)inner.rows ? n - (size_t)inner.rows : 0;
	*top = *top < last ? *top : last;
	page = (struct page){canvas, inner, *top, 0};
	add_contexts(&page, contexts);
	const struct rect bar = {inner.row, box.col + cols - 2, inner.rows, 1};
	scroll_bar_draw(canvas, bar, *top, n);
}

bool view_help_key(const char *key, size_t *top, int rows)
{
	size_t page = rows > 6 ? (size_t)rows - 5 : 1;
	switch (actions_find(CONTEXT_PANES, key)) {
	case ACTION_SCROLL_UP: *top = *top > 0 ? *top - 1 : 0; break;
	case ACTION_SCROLL_DOWN: *top += 1; break; /* drawing clips it */
	case ACTION_PAGE_UP: *top = *top > page ? *top - page : 0; break;
	case ACTION_PAGE_DOWN: *top += page; break;
	case ACTION_TOP: *top = 0; break;
	case ACTION_BOTTOM: *top = FAR; break;
	default: return false;
	}
	return true;
}
