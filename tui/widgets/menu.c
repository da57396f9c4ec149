#include "widgets/menu.h"

#include <string.h>

#include "glyphs.h"

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

bool menu_hit(const struct menu *menu, int row, int col, size_t *item)
{
	const struct rect place = menu->place;
	if (menu->title == NULL || row <= place.row || row >= place.row + place.rows - 1 || !rect_contains(place, row, col))
		return false;
	*item = menu->top + (size_t)(row - place.row - 1);
	return *item < menu->n;
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

/* A box of the right size in the middle; rows that do not fit are scrolled to. */
static void place_menu(struct menu *menu, const struct canvas *canvas)
{
	int cols = column_width(menu, false) + PADDING + column_width(menu, true) + BORDER + 2;
	int title = text_width(menu->title, strlen(menu->title)) + BORDER + 4;
	cols = cols > title ? cols : title;
	cols = cols < canvas->cols - 2 ? cols : canvas->cols - 2;
	int rows = (int)(menu->n < 100 ? menu->n : 100) + BORDER;
	rows = rows < canvas->rows - 2 ? rows : canvas->rows - 2;
	menu->place = (struct rect){(canvas->rows - rows) / 2, (canvas->cols - cols) / 2, rows, cols};
	size_t shown = rows > BORDER ? (size_t)(rows - BORDER) : 1;
	if (menu->chosen < menu->top)
		menu->top = menu->chosen;
	if (menu->chosen >= menu->top + shown)
		menu->top = menu->chosen - shown + 1;
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
	int name_cols = column_width(menu, false), inner = place.cols - BORDER - 2;
	for (int i = 0; i < place.rows - BORDER && menu->top + (size_t)i < menu->n; i++) {
		const struct menu_item *item = &menu->items[menu->top + (size_t)i];
		int row = place.row + 1 + i, col = place.col + 2;
		enum role role = menu->top + (size_t)i == menu->chosen ? ROLE_CHOICE : ROLE_POPUP;
		canvas_fill(canvas, (struct rect){row, place.col + 1, 1, place.cols - BORDER}, ' ', role);
		/* The chosen row is told without colour too. */
		if (role == ROLE_CHOICE)
			canvas_code(canvas, row, place.col + 1, '>', role);
		canvas_string(canvas, row, col, inner, role, item->name);
		canvas_string(canvas, row, col + name_cols + PADDING, inner - name_cols - PADDING, role, item->detail);
	}
}
