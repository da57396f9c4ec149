#include "widgets/menu.h"

#include <string.h>

#include "glyphs.h"
#include "text_layout.h"
#include "widgets/scroll_bar.h"

enum { BORDER = 2, PADDING = 2 };

void menu_open(struct menu *menu, const char *title, const struct menu_item *items, size_t n, size_t chosen)
{
	*menu = (struct menu){.title = title, .items = items, .n = n, .chosen = chosen < n ? chosen : 0};
}

void menu_close(struct menu *menu)
{
	*menu = (struct menu){0};
}

void menu_move(struct menu *menu, long rows)
{
	long chosen = (long)menu->chosen + rows;
	if (chosen < 0)
		chosen = 0;
	if (menu->n > 0)
		menu->chosen = (size_t)chosen < menu->n ? (size_t)chosen : menu->n - 1;
}

static int column_width(const struct menu *menu, bool detail)
{
	int widest = 0;
	for (size_t i = 0; i < menu->n; i++) {
		const char *text = detail ? menu->items[i].detail : menu->items[i].name;
		int width = text_width(text, strlen(text));
		widest = width > widest ? width : widest;
	}
	return widest;
}

static int detail_cols(const struct menu *menu)
{
	int cols = menu->place.cols - BORDER - 2 - column_width(menu, false) - PADDING;
	return cols > 1 ? cols : 1;
}

/* The rows that an item takes: its detail is wrapped, never cut. */
static int item_rows(const struct menu *menu, size_t item)
{
	const char *detail = menu->items[item].detail;
	struct text_layout layout = {0};
	int rows = layout_wrap(&layout, detail, strlen(detail), detail_cols(menu)) ? (int)layout.n_rows : 1;
	layout_free(&layout);
	return rows;
}

/* The rows of items [begin, end). */
static int rows_between(const struct menu *menu, size_t begin, size_t end)
{
	int rows = 0;
	for (size_t i = begin; i < end; i++)
		rows += item_rows(menu, i);
	return rows;
}

bool menu_hit(const struct menu *menu, int row, int col, size_t *item)
{
	const struct rect place = menu->place;
	if (menu->title == NULL || row <= place.row || row >= place.row + place.rows - 1 || !rect_contains(place, row, col))
		return false;
	for (*item = menu->top; *item < menu->n; ++*item)
		if (row - place.row - 1 < rows_between(menu, menu->top, *item + 1))
			return true;
	return false;
}

/* A box of the right size in the middle; items that do not fit are scrolled to. */
static void place_menu(struct menu *menu, const struct canvas *canvas)
{
	int cols = column_width(menu, false) + PADDING + column_width(menu, true) + BORDER + 2;
	int title = text_width(menu->title, strlen(menu->title)) + BORDER + 4;
	cols = cols > title ? cols : title;
	menu->place.cols = cols < canvas->cols - 2 ? cols : canvas->cols - 2;
	int rows = rows_between(menu, 0, menu->n) + BORDER;
	rows = rows < canvas->rows - 2 ? rows : canvas->rows - 2;
	menu->place = (struct rect){(canvas->rows - rows) / 2, (canvas->cols - menu->place.cols) / 2, rows, menu->place.cols};
	if (menu->chosen < menu->top)
		menu->top = menu->chosen;
	while (menu->top < menu->chosen && rows_between(menu, menu->top, menu->chosen + 1) > rows - BORDER)
		menu->top++;
}

/* An item from a row of the box on; rows below last are not drawn. */
static void draw_item(const struct menu *menu, struct canvas *canvas, size_t i, int row, int last)
{
	const struct menu_item *item = &menu->items[i];
	const struct rect place = menu->place;
	enum role role = i == menu->chosen ? ROLE_CHOICE : ROLE_POPUP;
	int rows = item_rows(menu, i), name_cols = column_width(menu, false), col = place.col + 2;
	rows = rows < last - row + 1 ? rows : last - row + 1;
	canvas_fill(canvas, (struct rect){row, place.col + 1, rows, place.cols - BORDER}, ' ', role);
	/* The chosen item is told without colour too. */
	if (role == ROLE_CHOICE)
		canvas_code(canvas, row, place.col + 1, '>', role);
	canvas_string(canvas, row, col, name_cols, role, item->name);
	struct text_layout layout = {0};
	if (!layout_wrap(&layout, item->detail, strlen(item->detail), detail_cols(menu)))
		return;
	for (int k = 0; k < rows; k++)
		canvas_text(canvas, row + k, col + name_cols + PADDING, detail_cols(menu), role, item->detail + layout.begin[k],
		            layout_row_end(&layout, (size_t)k) - layout.begin[k]);
	layout_free(&layout);
}

/* Items that do not fit are told of: nothing else says that there are more. */
static void draw_scroll_bar(const struct menu *menu, struct canvas *canvas)
{
	const struct rect place = menu->place;
	const struct rect bar = {place.row + 1, place.col + place.cols - 2, place.rows - BORDER, 1};
	int rows = rows_between(menu, 0, menu->n), top = rows_between(menu, 0, menu->top);
	/* The menu scrolls by whole items, so its last place may be beyond the last row's. */
	top = top < rows - bar.rows ? top : rows - bar.rows;
	scroll_bar_draw(canvas, bar, top > 0 ? (size_t)top : 0, (size_t)rows);
}

void menu_draw(struct menu *menu, struct canvas *canvas)
{
	if (menu->title == NULL)
		return;
	place_menu(menu, canvas);
	const struct rect place = menu->place;
	canvas_fill(canvas, place, ' ', ROLE_POPUP);
	canvas_box(canvas, place, ROLE_POPUP);
	canvas_printf(canvas, place.row, place.col + 2, place.cols - 4, ROLE_POPUP, " %s ", menu->title);
	int last = place.row + place.rows - BORDER;
	int row = place.row + 1;
	for (size_t i = menu->top; i < menu->n && row <= last; i++) {
		draw_item(menu, canvas, i, row, last);
		row += item_rows(menu, i);
	}
	draw_scroll_bar(menu, canvas);
}
