/*
 * The only file that knows curses: it opens the screen, shows canvases on it,
 * and reads bytes from the keyboard. One screen per process, used by one thread.
 */
#ifndef SCREEN_H
#define SCREEN_H

#include "canvas.h"
#include "pith/status.h"
#include "settings.h"
#include "terminal.h"
#include "theme.h"

/*
 * Opens the terminal (stdin and stdout, or /dev/tty where one of them is something else) and the alternate screen. canvas, which
 * is to be shown there, and the glyphs of all texts are ASCII alone where settings say so, on the Linux console, and where the
 * locale is not UTF-8.
 */
enum pith_status screen_open(const struct settings *settings, bool mouse, struct canvas *canvas, struct pith_error *err);
void screen_close(void);

int screen_descriptor(void); /* of the keyboard */
int screen_colors(void);     /* 0: none */
void screen_size(int *rows, int *cols);

void screen_set_theme(const struct theme *theme);
void screen_show(const struct canvas *canvas);
void screen_redraw(void);    /* the next screen_show() repaints every cell */
void screen_set_mouse(bool on);
void screen_set_synchronized(bool on); /* frames between the marks of DEC mode 2026 */

void screen_suspend(void); /* stops the process; the screen is back when it returns */
/* Does what signals ask of the screen: a new size, a stop, the return from one that nobody announced. */
void screen_take_news(const struct terminal_news *news);

#endif
