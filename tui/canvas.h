/*
 * A grid of cells that views draw into. It knows no terminal: screen.c copies
 * it to curses, tests dump it as text.
 */
#ifndef CANVAS_H
#define CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "theme.h"

enum { CELL_CODES = 4 };

struct cell {
	uint32_t code[CELL_CODES]; /* a character and its combining marks */
	uint8_t n_codes;           /* 0: the right half of a wide character */
	uint8_t width;
	uint8_t role;              /* enum role */
	uint8_t attributes;        /* on top of the role's */
};

struct rect {
	int row, col, rows, cols;
};
bool rect_contains(struct rect rect, int row, int col);

struct canvas {
	int rows, cols;
	struct cell *cells; /* rows * cols */
	int cursor_row, cursor_col; /* cursor_row -1: hidden */
	bool ascii; /* no line drawing, no blocks */
};

bool canvas_resize(struct canvas *canvas, int rows, int cols); /* false: no memory, nothing changed */
void canvas_free(struct canvas *canvas);
void canvas_clear(struct canvas *canvas); /* spaces in ROLE_TEXT, no cursor */

/* Draws at most limit columns of text from (row, col) on; returns the columns used. Outside the grid nothing is drawn. */
int canvas_text(struct canvas *canvas, int row, int col, int limit, enum role role, const char *text, size_t length);
int canvas_string(struct canvas *canvas, int row, int col, int limit, enum role role, const char *string);
int canvas_printf(struct canvas *canvas, int row, int col, int limit, enum role role, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* One glyph's worth of codes into one place; width 1 or 2. */
void canvas_put(struct canvas *canvas, int row, int col, const uint32_t *code, int n_codes, int width, enum role role,
                unsigned attributes);
void canvas_code(struct canvas *canvas, int row, int col, uint32_t code, enum role role);
void canvas_fill(struct canvas *canvas, struct rect rect, uint32_t code, enum role role);

/* A horizontal line; corners and lines fall back to ASCII where needed. */
void canvas_line(struct canvas *canvas, int row, int col, int cols, enum role role);
void canvas_column(struct canvas *canvas, int row, int col, int rows, enum role role);
void canvas_box(struct canvas *canvas, struct rect rect, enum role role);

/* The rows as text, trailing spaces cut, each ended by a line feed; freed with free(). NULL: no memory. */
char *canvas_dump(const struct canvas *canvas);

#endif
