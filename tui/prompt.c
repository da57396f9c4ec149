#define _GNU_SOURCE
#include "prompt.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>
#include <readline/tilde.h>

#include "glyphs.h"
#include "paths.h"

/* readline has one line and one history per process, and so has this file. */
static enum prompt_kind kind;
static char *question;      /* left unfinished */
static char *begun_with;    /* by the line that is open; NULL: nothing */
static char *finished;      /* a line that was taken */
static enum prompt_kind finished_kind;
static bool ended;          /* by the last key */
static bool leaving;        /* the line that ends now is nobody's */
static char completions[512];
static char *history_path;
static int history_limit;
static HISTORY_STATE *question_history; /* set aside while a line of another kind is typed */

/* Bytes on their way to readline. */
static char queue[8192];
static size_t queue_begin, queue_end;

static int next_byte(FILE *stream)
{
	(void)stream;
	return queue_begin < queue_end ? (unsigned char)queue[queue_begin++] : 0;
}

static int byte_available(void)
{
	return queue_begin < queue_end;
}

static void draw_later(void)
{
}

/* The matches of Tab, without their common folder; matches[0] is what they share. */
static void show_completions(char **matches, int n, int longest)
{
	(void)longest;
	size_t used = 0;
	for (int i = 1; i <= n && used < sizeof completions - 1; i++) {
		const char *slash = strrchr(matches[i], '/');
		int length = snprintf(completions + used, sizeof completions - used, "%s%s", i > 1 ? "  " : "",
		                      slash != NULL && slash[1] != '\0' ? slash + 1 : matches[i]);
		used += length > 0 ? (size_t)length : 0;
	}
}

static bool is_path(enum prompt_kind of)
{
	return of == PROMPT_OPEN || of == PROMPT_SAVE || of == PROMPT_WATCH;
}

/* The names of files, as ever, but nothing is put after one: readline would add a space, which is then part of the name. */
static char **complete(const char *text, int start, int end)
{
	(void)text;
	(void)start;
	(void)end;
	rl_completion_append_character = '\0';
	rl_attempted_completion_over = !is_path(kind); /* elsewhere no file is meant */
	return NULL;
}

static void remember_question(const char *line)
{
	const HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
	if (line[0] == '\0' || history_limit == 0 || (last != NULL && strcmp(last->line, line) == 0))
		return;
	add_history(line);
	if (history_path == NULL)
		return;
	/* What people ask is private. */
	int fd = open(history_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	close(fd);
	append_history(1, history_path);
}

static void use_question_history(bool on)
{
	if (on == (question_history == NULL))
		return;
	if (on) {
		HISTORY_STATE *empty = history_get_history_state();
		history_set_history_state(question_history);
		free(question_history);
		free(empty);
		question_history = NULL;
		using_history();
		return;
	}
	question_history = history_get_history_state();
	HISTORY_STATE none = {0};
	history_set_history_state(&none);
}

/* A search of the history, or a key of which more was to come: readline would go on with it in the next line. */
static void end_search(void)
{
	rl_callback_sigcleanup();
}

static void close_line(void)
{
	rl_callback_handler_remove();
	use_question_history(true);
	kind = PROMPT_NONE;
	ended = true;
}

static void on_line(char *line)
{
	enum prompt_kind taken = kind;
	close_line();
	if (line == NULL) /* Ctrl-D */
		return;
	if (leaving) {
		free(line);
		return;
	}
	if (is_path(taken)) {
		char *expanded = tilde_expand(line);
		free(line);
		line = expanded;
	}
	free(finished);
	finished = line;
	finished_kind = taken;
	if (taken == PROMPT_QUESTION) {
		remember_question(line);
		free(question);
		question = NULL;
	}
}

void prompt_init(int history_size)
{
	rl_readline_name = "pith";
	rl_catch_signals = 0;
	rl_catch_sigwinch = 0;
	rl_change_environment = 0;
	rl_prep_term_function = NULL;
	rl_deprep_term_function = NULL;
	rl_getc_function = next_byte;
	rl_input_available_hook = byte_available;
	rl_redisplay_function = draw_later;
	rl_completion_display_matches_hook = show_completions;
	rl_completion_query_items = -1;
	rl_attempted_completion_function = complete;
	rl_completer_word_break_characters = ""; /* the line is one name, whatever is in it */
	rl_outstream = fopen("/dev/null", "we"); /* nothing is written past the functions above, but to be sure */
	history_limit = history_size;
	using_history();
	stifle_history(history_size);
	history_path = history_size > 0 ? paths_user_state("questions") : NULL;
	if (history_path != NULL && paths_make_parents(history_path))
		read_history(history_path);
	rl_initialize();
	rl_variable_bind("bell-style", "none");
	/* An earlier question that was changed is what it was when the line ends. */
	rl_variable_bind("revert-all-at-newline", "on");
	rl_bind_keyseq("\\e[3~", rl_delete);
}

void prompt_end(void)
{
	if (kind != PROMPT_NONE)
		prompt_leave();
	if (history_path != NULL && access(history_path, W_OK) == 0)
		history_truncate_file(history_path, history_limit);
	clear_history();
	free(history_path);
	free(question);
	free(begun_with);
	free(finished);
	history_path = question = begun_with = finished = NULL;
	if (rl_outstream != NULL && rl_outstream != stdout)
		fclose(rl_outstream);
	rl_outstream = NULL;
}

static const char *label_of(enum prompt_kind of)
{
	switch (of) {
	case PROMPT_QUESTION: return "Question: ";
	case PROMPT_RATE: return "Target (0.25, 25%, 4x, 16t): ";
	case PROMPT_OPEN: return "Open: ";
	case PROMPT_SAVE: return "Save as: ";
	case PROMPT_WATCH: return "Training log: ";
	case PROMPT_NONE: break;
	}
	return "";
}

void prompt_begin(enum prompt_kind new_kind, const char *text)
{
	if (kind != PROMPT_NONE)
		prompt_leave();
	kind = new_kind;
	completions[0] = '\0';
	queue_begin = queue_end = 0;
	use_question_history(new_kind == PROMPT_QUESTION);
	rl_callback_handler_install(label_of(new_kind), on_line);
	const char *initial = text == NULL && new_kind == PROMPT_QUESTION ? question : text;
	free(begun_with);
	begun_with = initial == NULL ? NULL : strdup(initial);
	if (initial != NULL)
		rl_insert_text(initial);
}

bool prompt_edited(void)
{
	return kind != PROMPT_NONE && strcmp(rl_line_buffer, begun_with == NULL ? "" : begun_with) != 0;
}

void prompt_keep_question(const char *text)
{
	char *copy = text == NULL || text[0] == '\0' ? NULL : strdup(text);
	free(question);
	question = copy;
}

enum prompt_kind prompt_kind(void)
{
	return kind;
}

bool prompt_takes_path(void)
{
	return is_path(kind);
}

static void feed(const char *bytes, size_t length)
{
	if (length > sizeof queue)
		return;
	memcpy(queue, bytes, length);
	queue_begin = 0;
	queue_end = length;
	while (queue_begin < queue_end && kind != PROMPT_NONE)
		rl_callback_read_char();
}

/*
 * Only the end of a line gives back what readline knows of its changes: to earlier questions, to the line that was typed before
 * one of them was fetched. A handler that is merely removed leaves that behind, for the next line to stumble over.
 */
void prompt_leave(void)
{
	if (kind == PROMPT_NONE)
		return;
	end_search();
	if (kind == PROMPT_QUESTION)
		prompt_keep_question(rl_line_buffer);
	leaving = true;
	feed("\r", 1);
	leaving = false;
	if (kind != PROMPT_NONE) /* somebody's inputrc has Enter for something else */
		close_line();
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *found = c == '\0' ? NULL : strchr(digits, c);
	return found == NULL ? -1 : (int)(found - digits) % 16;
}

/* file://HOST/PATH, its bytes as %XX (RFC 8089). In place. */
static void take_path_of_url(char *text)
{
	const char *from = strchr(text + strlen("file://"), '/');
	char *to = text;
	for (; from != NULL && *from != '\0'; from++) {
		int high = *from == '%' ? hex_digit(from[1]) : -1, low = high < 0 ? -1 : hex_digit(from[2]);
		bool byte = low >= 0 && high + low > 0;
		*to++ = byte ? (char)(16 * high + low) : *from;
		from += byte ? 2 : 0;
	}
	*to = '\0';
}

/* The path in what a terminal pastes for a dropped file: quoted, with backslashes, or file://. In place. */
static void unquote_path(char *text)
{
	size_t length = strlen(text);
	while (length > 0 && strchr(" \n\t", text[length - 1]) != NULL)
		text[--length] = '\0';
	if (strncmp(text, "file://", 7) == 0) {
		take_path_of_url(text);
		return;
	}
	char *from = text;
	size_t left = strlen(from);
	bool quoted = left >= 2 && (from[0] == '\'' || from[0] == '"') && from[left - 1] == from[0];
	if (quoted) {
		from[left - 1] = '\0';
		from++;
	}
	char *to = text;
	for (; *from != '\0'; from++) {
		if (quoted && strncmp(from, "'\\''", 4) == 0) /* how a shell has one within them */
			from += 3;
		else if (!quoted && *from == '\\' && from[1] != '\0')
			from++;
		*to++ = *from;
	}
	*to = '\0';
}

/* A paste is inserted as it is, on one line. */
static void insert_paste(const struct input_event *event)
{
	char *text = strndup(event->paste, event->paste_length);
	if (text == NULL)
		return;
	end_search();
	if (is_path(kind))
		unquote_path(text);
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	rl_insert_text(text);
	free(text);
}

bool prompt_input(const struct input_event *event)
{
	static const char *const sequences[] = {
		[INPUT_UP] = "\033[A", [INPUT_DOWN] = "\033[B", [INPUT_LEFT] = "\033[D", [INPUT_RIGHT] = "\033[C",
		[INPUT_HOME] = "\033[H", [INPUT_END] = "\033[F", [INPUT_DELETE] = "\033[3~", [INPUT_TAB] = "\t",
		[INPUT_ENTER] = "\r", [INPUT_BACKSPACE] = "\177", [INPUT_F1] = NULL,
	};
	ended = false;
	completions[0] = '\0';
	if (event->kind == INPUT_PASTE) {
		insert_paste(event);
	} else if (event->kind == INPUT_CHARACTER) {
		char bytes[8] = "\033";
		size_t prefix = (event->modifiers & INPUT_ALT) != 0 ? 1 : 0;
		feed(bytes, prefix + utf8_encode(event->code, bytes + prefix));
	} else if (event->kind == INPUT_KEY && event->code <= INPUT_F1) {
		bool word = (event->modifiers & (INPUT_CTRL | INPUT_ALT)) != 0;
		const char *sequence = sequences[event->code];
		if (word && event->code == INPUT_LEFT)
			sequence = "\033b";
		if (word && event->code == INPUT_RIGHT)
			sequence = "\033f";
		if (word && event->code == INPUT_BACKSPACE)
			sequence = "\033\177";
		if (sequence != NULL)
			feed(sequence, strlen(sequence));
	}
	return ended;
}

char *prompt_take(enum prompt_kind *of)
{
	char *line = finished;
	*of = finished_kind;
	finished = NULL;
	return line;
}

const char *prompt_completions(void)
{
	return completions;
}

/* Columns up to a byte offset; a cursor inside a glyph stands at its begin. */
static int columns_before(const char *text, size_t length, size_t offset)
{
	int columns = 0;
	struct glyph glyph;
	for (size_t at = 0; at < length; at = glyph.end) {
		glyph_read(&glyph, text, length, at);
		if (glyph.end > offset)
			break;
		columns += glyph.width;
	}
	return columns;
}

static void draw_closed(struct canvas *canvas, struct rect rect, const char *waiting, const char *asked)
{
	const char *label = label_of(PROMPT_QUESTION), *text = "press i to ask about the document";
	enum role role = ROLE_TEXT;
	if (waiting != NULL) {
		label = "Waiting to be asked: ";
		text = waiting;
	} else if (question != NULL) {
		text = question;
	} else if (asked != NULL) {
		label = "Asked: ";
		text = asked;
	} else {
		role = ROLE_FAINT;
	}
	int used = canvas_string(canvas, rect.row, rect.col, rect.cols, waiting != NULL ? ROLE_WARNING : ROLE_FAINT, label);
	canvas_string(canvas, rect.row, rect.col + used, rect.cols - used, role, text);
}

void prompt_draw(struct canvas *canvas, struct rect rect, const char *waiting, const char *asked)
{
	if (kind == PROMPT_NONE) {
		draw_closed(canvas, rect, waiting, asked);
		return;
	}
	/* The prompt differs from the label while readline searches its history. */
	const char *label = rl_display_prompt == NULL ? label_of(kind) : rl_display_prompt;
	int used = canvas_string(canvas, rect.row, rect.col, rect.cols - 1, ROLE_PROMPT, label);
	int room = rect.cols - used - 1;
	const char *line = rl_line_buffer == NULL ? "" : rl_line_buffer;
	size_t length = strlen(line);
	int cursor = columns_before(line, length, (size_t)rl_point);
	size_t first = 0;
	struct glyph glyph;
	/* Scrolled so that the cursor is in view. */
	while (cursor > room && first < length) {
		glyph_read(&glyph, line, length, first);
		cursor -= glyph.width;
		first = glyph.end;
	}
	canvas_text(canvas, rect.row, rect.col + used, room + 1, ROLE_TEXT, line + first, length - first);
	canvas->cursor_row = rect.row;
	canvas->cursor_col = rect.col + used + (cursor > 0 ? cursor : 0);
}
