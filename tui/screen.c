#define _GNU_SOURCE
#include "screen.h"

#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

#include "fault.h"
#include "glyphs.h"

static SCREEN *curses;
static FILE *out, *in;
static int keyboard = -1;
static int n_colors;
static bool mouse, synchronized, repaint;

/* Attributes and colour pair of each role in the current theme. */
static struct role_style {
	attr_t attributes;
	int pair;
} styles[N_ROLES];

/* The locale of characters that somebody asked for; NULL: nobody did, as in most containers. */
static const char *asked_locale(void)
{
	static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
		const char *value = getenv(variables[i]);
		if (value != NULL && value[0] != '\0')
			return value;
	}
	return NULL;
}

/*
 * The encoding of text is UTF-8 whatever the locale says; a C locale would make curses drop it. false: a locale was asked for
 * that says otherwise, and so may the terminal.
 */
static bool set_encoding(void)
{
	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
		return true;
	setlocale(LC_CTYPE, "C.UTF-8");
	return asked_locale() == NULL;
}

static enum pith_status open_streams(struct pith_error *err)
{
	/* Standard input or output may be data: cat essay.txt | pith - */
	bool direct = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	int fd_in = direct ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open("/dev/tty", O_RDWR | O_CLOEXEC);
	int fd_out = direct ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) : fcntl(fd_in, F_DUPFD_CLOEXEC, 3);
	in = fd_in < 0 ? NULL : fdopen(fd_in, "r");
	out = fd_out < 0 ? NULL : fdopen(fd_out, "w");
	if (in == NULL || out == NULL)
		return fault(err, PITH_IO, "The workbench needs a terminal; without one, use a subcommand (see pith --help).");
	keyboard = fd_in;
	return PITH_OK;
}

static void close_streams(void)
{
	if (in != NULL)
		fclose(in);
	if (out != NULL)
		fclose(out);
	in = out = NULL;
	keyboard = -1;
}

static enum pith_status open_curses(struct pith_error *err)
{
	const char *name = getenv("TERM");
	if (name == NULL || name[0] == '\0' || strcmp(name, "dumb") == 0)
		return fault(err, PITH_UNSUPPORTED,
		             "This terminal (TERM=%s) cannot show the workbench; use a subcommand (see pith --help).",
		             name == NULL ? "" : name);
	curses = newterm(name, out, in);
	if (curses == NULL)
		return fault(err, PITH_UNSUPPORTED, "The terminal type \"%s\" is not known to this system.", name);
	set_term(curses);
	raw();
	noecho();
	nonl();
	typeahead(-1); /* curses must not look at the keyboard: the decoder reads it */
	intrflush(stdscr, FALSE);
	leaveok(stdscr, FALSE);
	return PITH_OK;
}

static int count_colors(bool no_color)
{
	if (no_color || !has_colors() || start_color() == ERR)
		return 0;
	use_default_colors();
	return COLORS;
}

enum pith_status screen_open(const struct settings *settings, bool with_mouse, struct canvas *canvas, struct pith_error *err)
{
	bool utf8 = set_encoding();
	enum pith_status status = open_streams(err);
	if (status == PITH_OK)
		status = terminal_open(fileno(out), err);
	if (status == PITH_OK)
		status = open_curses(err);
	if (status != PITH_OK) {
		terminal_close();
		close_streams();
		return status;
	}
	canvas->ascii = settings->unicode == SETTINGS_UNICODE_ASCII || !utf8 || strncmp(getenv("TERM"), "linux", 5) == 0;
	glyphs_ascii_only(canvas->ascii);
	n_colors = count_colors(settings_no_color(settings));
	mouse = with_mouse;
	synchronized = false;
	repaint = true;
	terminal_modes(mouse);
	terminal_ask_synchronized();
	return PITH_OK;
}

void screen_close(void)
{
	if (curses == NULL)
		return;
	terminal_modes_off();
	endwin();
	delscreen(curses);
	curses = NULL;
	terminal_close();
	close_streams();
}

int screen_descriptor(void)
{
	return keyboard;
}

int screen_colors(void)
{
	return n_colors;
}

void screen_size(int *rows, int *cols)
{
	*rows = LINES;
	*cols = COLS;
}

static void take_size(void)
{
	int rows, cols;
	if (terminal_size(&rows, &cols) && (rows != LINES || cols != COLS))
		resizeterm(rows, cols);
	repaint = true;
}

static attr_t curses_attributes(unsigned attributes)
{
	return ((attributes & ATTRIBUTE_BOLD) != 0 ? A_BOLD : 0) | ((attributes & ATTRIBUTE_DIM) != 0 ? A_DIM : 0) |
	       ((attributes & ATTRIBUTE_UNDERLINE) != 0 ? A_UNDERLINE : 0) |
	       ((attributes & ATTRIBUTE_REVERSE) != 0 ? A_REVERSE : 0);
}

void screen_set_theme(const struct theme *theme)
{
	for (int i = 0; i < N_ROLES; i++) {
		struct look look = theme_look(theme, (enum role)i, n_colors);
		styles[i].attributes = curses_attributes(look.attributes);
		int pair = n_colors == 0 ? 0 : alloc_pair(look.foreground, look.background);
		styles[i].pair = pair < 0 ? 0 : pair;
	}
	repaint = true;
}

static void show_cell(const struct cell *cell, int row, int col)
{
	wchar_t text[CELL_CODES + 1];
	for (int i = 0; i < cell->n_codes; i++)
		text[i] = (wchar_t)cell->code[i];
	text[cell->n_codes] = L'\0';
	const struct role_style *style = &styles[cell->role];
	cchar_t wide;
	int pair = style->pair; /* pairs beyond 255 go through the last argument */
	if (setcchar(&wide, text, style->attributes | curses_attributes(cell->attributes), (short)(pair & 0x7fff), &pair) == OK)
		mvadd_wch(row, col, &wide);
}

void screen_show(const struct canvas *canvas)
{
	int rows = canvas->rows < LINES ? canvas->rows : LINES, cols = canvas->cols < COLS ? canvas->cols : COLS;
	if (repaint)
		clearok(stdscr, TRUE);
	repaint = false;
	for (int row = 0; row < rows; row++)
		for (int col = 0; col < cols; col++) {
			const struct cell *cell = &canvas->cells[(size_t)row * (size_t)canvas->cols + (size_t)col];
			if (cell->n_codes > 0)
				show_cell(cell, row, col);
		}
	if (canvas->cursor_row >= 0)
		move(canvas->cursor_row, canvas->cursor_col < cols ? canvas->cursor_col : cols - 1);
	curs_set(canvas->cursor_row >= 0 ? 1 : 0);
	wnoutrefresh(stdscr);
	if (synchronized) {
		fflush(out);
		terminal_write("\033[?2026h");
	}
	doupdate();
	if (synchronized) {
		fflush(out);
		terminal_write("\033[?2026l");
	}
}

void screen_redraw(void)
{
	repaint = true;
}

void screen_set_mouse(bool on)
{
	mouse = on;
	terminal_modes(mouse);
}

void screen_set_synchronized(bool on)
{
	synchronized = on;
}

static void come_back(void)
{
	reset_prog_mode();
	refresh();
	take_size();
	terminal_modes(mouse);
}

void screen_suspend(void)
{
	def_prog_mode();
	terminal_modes_off();
	endwin();
	terminal_stop();
	come_back();
}

void screen_take_news(const struct terminal_news *news)
{
	if (news->resized)
		take_size();
	if (news->suspend)
		screen_suspend();
	if (news->continued)
		come_back();
}
