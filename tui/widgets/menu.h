/* A list in a box over the screen, one item chosen. */
#ifndef MENU_H
#define MENU_H

#include "canvas.h"

struct menu_item {
	const char *name;   /* the first column */
	const char *detail; /* what follows it, on as many rows as it takes */
};

struct menu {
	const char *title; /* NULL: closed */
	const struct menu_item *items; /* borrowed */
	size_t n, chosen, top;
	struct rect place; /* where it was drawn last */
};

void menu_open(struct menu *menu, const char *title, const struct menu_item *items, size_t n, size_t chosen);
void menu_close(struct menu *menu);
void menu_move(struct menu *menu, long rows);
bool menu_hit(const struct menu *menu, int row, int col, size_t *item); /* the item drawn there */
void menu_draw(struct menu *menu, struct canvas *canvas);

#endif
