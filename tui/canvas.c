#include "canvas.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glyphs.h"

bool rect_contains(struct rect rect, int row, int col)
{
	return row >= rect.row && row < rect.row + rect.rows && col >= rect.col && col < rect.col + rect.cols;
}

bool canvas_resize(struct canvas *canvas, int rows, int cols)
{
	if (rows < 1 || cols < 1 || rows > SHRT_MAX || cols > SHRT_MAX)
		return false;
	struct cell *cells = realloc(canvas->cells, (size_t)rows * (size_t)cols * sizeof *cells);
	if (cells == NULL)
		return false;
	canvas->cells = cells;
	canvas->rows = rows;
	canvas->cols = cols;
	canvas_clear(canvas);
	return true;
}

void canvas_free(struct canvas *canvas)
{
	free(canvas->cells);
	*canvas = (struct canvas){0};
}

void canvas_clear(struct canvas *canvas)
{
	const struct cell blank = {.code = {' '}, .n_codes = 1, .width = 1, .role = ROLE_TEXT};
	size_t n = (size_t)canvas->rows * (size_t)canvas->cols;
	for (size_t i = 0; i < n; i++)
		canvas->cells[i] = blank;
	canvas->cursor_row = -1;
	canvas->cursor_col = 0;
}

static struct cell *cell_at(struct canvas *canvas, int row, int col)
{
	return &canvas->cells[(size_t)row * (size_t)canvas->cols + (size_t)col];
}

/* What is about to be overwritten may be half of a wide character: the other half becomes a space. */
static void split_wide(struct canvas *canvas, int row, int col)
{
	const struct cell *cell = cell_at(canvas, row, col);
	int other = -1;
	if (cell->n_codes == 0 && col > 0)
		other = col - 1;
	else if (cell->width == 2 && col + 1 < canvas->cols)
		other = col + 1;
	if (other >= 0) {
		struct cell *half = cell_at(canvas, row, other);
		half->code[0] = ' ';
		half->n_codes = 1;
		half->width = 1;
	}
}

void canvas_put(struct canvas *canvas, int row, int col, const uint32_t *code, int n_codes, int width, enum role role,
                unsigned attributes)
{
	if (row < 0 || row >= canvas->rows || col < 0 || col + width > canvas->cols || n_codes < 1)
		return;
	for (int i = 0; i < width; i++)
		split_wide(canvas, row, col + i);
	struct cell *cell = cell_at(canvas, row, col);
	*cell = (struct cell){.width = (uint8_t)width, .role = (uint8_t)role, .attributes = (uint8_t)attributes};
	for (int i = 0; i < n_codes && i < CELL_CODES; i++)
		cell->code[cell->n_codes++] = code[i];
	if (width == 2)
		cell[1] = (struct cell){.role = (uint8_t)role, .attributes = (uint8_t)attributes};
}

void canvas_code(struct canvas *canvas, int row, int col, uint32_t code, enum role role)
{
	canvas_put(canvas, row, col, &code, 1, 1, role, 0);
}

void canvas_fill(struct canvas *canvas, struct rect rect, uint32_t code, enum role role)
{
	for (int row = rect.row; row < rect.row + rect.rows; row++)
		for (int col = rect.col; col < rect.col + rect.cols; col++)
			canvas_code(canvas, row, col, code, role);
}

int canvas_text(struct canvas *canvas, int row, int col, int limit, enum role role, const char *text, size_t length)
{
	int used = 0;
	struct glyph glyph;
	for (size_t offset = 0; offset < length; offset = glyph.end) {
		glyph_read(&glyph, text, length, offset);
		if (glyph.kind == GLYPH_BREAK) { /* one row only: a line feed shows as a space */
			glyph.kind = GLYPH_SPACE;
			glyph.code[0] = ' ';
			glyph.n_codes = glyph.width = 1;
		}
		if (used + glyph.width > limit)
			break;
		if (glyph.kind == GLYPH_TEXT || glyph.kind == GLYPH_SPACE)
			canvas_put(canvas, row, col + used, glyph.code, glyph.n_codes, glyph.width, role, 0);
		for (int i = 0; glyph.kind == GLYPH_ESCAPE && i < glyph.n_codes; i++)
			canvas_code(canvas, row, col + used + i, glyph.code[i], role);
		for (int i = 0; glyph.kind == GLYPH_TAB && i < glyph.width; i++)
			canvas_code(canvas, row, col + used + i, ' ', role);
		used += glyph.width;
	}
	return used;
}

int canvas_string(struct canvas *canvas, int row, int col, int limit, enum role role, const char *string)
{
	return canvas_text(canvas, row, col, limit, role, string, strlen(string));
}

int canvas_printf(struct canvas *canvas, int row, int col, int limit, enum role role, const char *format, ...)
{
	char line[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	return canvas_string(canvas, row, col, limit, role, line);
}

void canvas_line(struct canvas *canvas, int row, int col, int cols, enum role role)
{
	for (int i = 0; i < cols; i++)
		canvas_code(canvas, row, col + i, canvas->ascii ? '-' : 0x2500, role);
}

void canvas_column(struct canvas *canvas, int row, int col, int rows, enum role role)
{
	for (int i = 0; i < rows; i++)
		canvas_code(canvas, row + i, col, canvas->ascii ? '|' : 0x2502, role);
}

void canvas_box(struct canvas *canvas, struct rect rect, enum role role)
{
	int bottom = rect.row + rect.rows - 1, right = rect.col + rect.cols - 1;
	canvas_line(canvas, rect.row, rect.col, rect.cols, role);
	canvas_line(canvas, bottom, rect.col, rect.cols, role);
	canvas_column(canvas, rect.row + 1, rect.col, rect.rows - 2, role);
	canvas_column(canvas, rect.row + 1, right, rect.rows - 2, role);
	canvas_code(canvas, rect.row, rect.col, canvas->ascii ? '+' : 0x250c, role);
	canvas_code(canvas, rect.row, right, canvas->ascii ? '+' : 0x2510, role);
	canvas_code(canvas, bottom, rect.col, canvas->ascii ? '+' : 0x2514, role);
	canvas_code(canvas, bottom, right, canvas->ascii ? '+' : 0x2518, role);
}

char *canvas_dump(const struct canvas *canvas)
{
	size_t n = (size_t)canvas->rows * (size_t)canvas->cols;
	char *dump = malloc(n * CELL_CODES * 4 + (size_t)canvas->rows + 1);
	if (dump == NULL)
		return NULL;
	size_t length = 0;
	for (int row = 0; row < canvas->rows; row++) {
		size_t begin = length;
		for (int col = 0; col < canvas->cols; col++) {
			const struct cell *cell = &canvas->cells[(size_t)row * (size_t)canvas->cols + (size_t)col];
			for (int i = 0; i < cell->n_codes; i++)
				length += utf8_encode(cell->code[i], dump + length);
		}
		while (length > begin && dump[length - 1] == ' ')
			length--;
		dump[length++] = '\n';
	}
	dump[length] = '\0';
	return dump;
}
