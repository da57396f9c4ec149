/*
 * The terminal itself: what curses does not own. Modes (mouse, bracketed
 * paste), signals, where stderr goes, and the promise that whatever ends the
 * program leaves the terminal as it was.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>

#include "pith/status.h"

/* Can a screen be opened? What is piped in leaves the keyboard to /dev/tty. */
bool terminal_is_there(void);

/* Takes fd (a terminal, for reading and writing) over: remembers its settings, installs handlers, sends stderr to the log. */
enum pith_status terminal_open(int fd, struct pith_error *err);
void terminal_close(void); /* gives everything back */

/* Mouse and paste reports; on again after a suspension. */
void terminal_modes(bool mouse);
void terminal_modes_off(void);
/* Asks whether the terminal can draw a frame at once (DEC mode 2026); the answer comes as an INPUT_MODE_REPORT. */
void terminal_ask_synchronized(void);
void terminal_write(const char *sequence);

/* Readable after a signal. */
int terminal_descriptor(void);
/* What signals said since the last call. */
struct terminal_news {
	bool resized;
	bool continued; /* after a stop that was not ours to prepare */
	bool suspend;   /* somebody wants us to stop */
	int ended;      /* SIGTERM, SIGHUP, SIGINT; 0: none */
};
struct terminal_news terminal_news(void);

/* Stops the process until it is continued; curses must have been ended before. */
void terminal_stop(void);

bool terminal_size(int *rows, int *cols);

#endif
