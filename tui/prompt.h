/*
 * The line being typed, edited by readline through its callback interface:
 * readline never touches the terminal. There is one line at a time; a question
 * that was left unfinished is kept and comes back.
 */
#ifndef PROMPT_H
#define PROMPT_H

#include <stdbool.h>

#include "canvas.h"
#include "keys.h"

enum prompt_kind { PROMPT_NONE, PROMPT_QUESTION, PROMPT_RATE, PROMPT_OPEN, PROMPT_SAVE, PROMPT_WATCH };

/* Before the screen is opened. history_size questions are remembered over sessions. */
void prompt_init(int history_size);
void prompt_end(void);

/* Begins a line with text in it (a question: with what was left there if text is NULL). Another open line is left first. */
void prompt_begin(enum prompt_kind kind, const char *text);
void prompt_leave(void); /* Esc: a question's text is kept */
enum prompt_kind prompt_kind(void);
bool prompt_takes_path(void); /* is the open line the name of a file? */
bool prompt_edited(void);     /* is the open line another than it began with? */

/* Hands over a key, a character or a paste; true: the line was taken (prompt_take() has it) or left by Ctrl-D. */
bool prompt_input(const struct input_event *event);

/* The finished line and its kind; freed with free(); NULL: none. */
char *prompt_take(enum prompt_kind *kind);

/* Keeps text as the unfinished question, for a question that could not be asked. */
void prompt_keep_question(const char *text);

/*
 * Draws the open line with the cursor; when none is open, the question that waits
 * for a running job, else the unfinished one, else the one that was asked last
 * (waiting, asked; NULL: none).
 */
void prompt_draw(struct canvas *canvas, struct rect rect, const char *waiting, const char *asked);

/* Completions of the last Tab, "essay.txt  essays/"; "" when there were none or one. Valid until the next key. */
const char *prompt_completions(void);

#endif
