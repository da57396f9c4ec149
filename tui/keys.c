#define _GNU_SOURCE
#include "keys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "glyphs.h"

static const double paste_seconds = 2; /* a paste whose end does not come */
static const char paste_begin[] = "\033[200~";
static const char paste_end[] = "\033[201~";
enum { MARKER_LENGTH = 6, MAX_PARAMETERS = 4, MAX_SEQUENCE = 64 };

/* How reading one event ended. */
enum outcome { OUTCOME_EVENT, OUTCOME_NOTHING, OUTCOME_MORE };

bool input_feed(struct input_decoder *decoder, const char *bytes, size_t length)
{
	if (decoder->begin > 0 && (decoder->begin == decoder->end || decoder->end + length > decoder->capacity)) {
		memmove(decoder->bytes, decoder->bytes + decoder->begin, decoder->end - decoder->begin);
		decoder->scanned -= decoder->scanned > decoder->begin ? decoder->begin : decoder->scanned;
		decoder->end -= decoder->begin;
		decoder->begin = 0;
	}
	if (decoder->end + length > decoder->capacity) {
		size_t capacity = (decoder->end + length) * 2;
		char *grown = realloc(decoder->bytes, capacity);
		if (grown == NULL)
			return false;
		decoder->bytes = grown;
		decoder->capacity = capacity;
	}
	memcpy(decoder->bytes + decoder->end, bytes, length);
	decoder->end += length;
	decoder->expired = false;
	return true;
}

void input_free(struct input_decoder *decoder)
{
	free(decoder->bytes);
	*decoder = (struct input_decoder){0};
}

bool input_pending(const struct input_decoder *decoder)
{
	return decoder->pasting || decoder->begin < decoder->end;
}

double input_deadline(const struct input_decoder *decoder, double typed, int escape_delay_ms)
{
	if (decoder->pasting)
		return typed + paste_seconds;
	return input_pending(decoder) ? typed + escape_delay_ms / 1000.0 : INFINITY;
}

void input_expire(struct input_decoder *decoder)
{
	decoder->expired = true;
}

static enum outcome key_event(struct input_event *event, enum input_key key, unsigned modifiers)
{
	event->kind = INPUT_KEY;
	event->code = key;
	event->modifiers = modifiers;
	return OUTCOME_EVENT;
}

/* The parameters of a control sequence: numbers between semicolons, missing ones 0. */
static int read_parameters(const char *bytes, size_t length, int parameters[MAX_PARAMETERS])
{
	int n = 0;
	for (int i = 0; i < MAX_PARAMETERS; i++)
		parameters[i] = 0;
	for (size_t i = 0; i < length && n < MAX_PARAMETERS; i++) {
		if (bytes[i] >= '0' && bytes[i] <= '9') {
			if (parameters[n] < 100000)
				parameters[n] = parameters[n] * 10 + (bytes[i] - '0');
		} else if (bytes[i] == ';') {
			n++;
		}
	}
	return n < MAX_PARAMETERS ? n + 1 : n;
}

/* SGR mouse, "b;x;y" and M (press, motion) or m (release): bits of b are 0-1 button, 2-4 modifiers, 5 motion, 6 wheel. */
static enum outcome mouse_event(struct input_event *event, const char *bytes, size_t length, char final)
{
	int parameters[MAX_PARAMETERS];
	int bits = read_parameters(bytes, length, parameters) < 3 ? -1 : parameters[0];
	if (bits < 0 || bits > 127 || parameters[1] < 1 || parameters[2] < 1)
		return OUTCOME_NOTHING;
	event->kind = INPUT_MOUSE;
	event->button = bits & 3;
	event->modifiers = ((bits & 4) != 0 ? INPUT_SHIFT : 0u) | ((bits & 8) != 0 ? INPUT_ALT : 0u) |
	                   ((bits & 16) != 0 ? INPUT_CTRL : 0u);
	event->col = parameters[1] - 1;
	event->row = parameters[2] - 1;
	if ((bits & 64) != 0) {
		if ((bits & 3) > 1 || final == 'm') /* sideways wheels */
			return OUTCOME_NOTHING;
		event->action = (bits & 1) != 0 ? MOUSE_WHEEL_DOWN : MOUSE_WHEEL_UP;
	} else if ((bits & 32) != 0) {
		event->action = event->button == 3 ? MOUSE_MOTION : MOUSE_DRAG;
	} else {
		event->action = final == 'm' ? MOUSE_RELEASE : MOUSE_PRESS;
	}
	return OUTCOME_EVENT;
}

static enum outcome tilde_event(struct input_event *event, int number, unsigned modifiers)
{
	static const struct {
		int number;
		int key;
	} rows[] = {{1, INPUT_HOME}, {2, INPUT_INSERT}, {3, INPUT_DELETE}, {4, INPUT_END}, {5, INPUT_PAGE_UP},
	            {6, INPUT_PAGE_DOWN}, {7, INPUT_HOME}, {8, INPUT_END}, {11, INPUT_F1}, {12, INPUT_F1 + 1},
	            {13, INPUT_F1 + 2}, {14, INPUT_F1 + 3}, {15, INPUT_F1 + 4}, {17, INPUT_F1 + 5}, {18, INPUT_F1 + 6},
	            {19, INPUT_F1 + 7}, {20, INPUT_F1 + 8}, {21, INPUT_F1 + 9}, {23, INPUT_F1 + 10}, {24, INPUT_F12}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].number == number)
			return key_event(event, (enum input_key)rows[i].key, modifiers);
	return OUTCOME_NOTHING;
}

/* Keys named by one letter, after ESC [ or ESC O. */
static enum outcome letter_event(struct input_event *event, char letter, unsigned modifiers)
{
	switch (letter) {
	case 'A': return key_event(event, INPUT_UP, modifiers);
	case 'B': return key_event(event, INPUT_DOWN, modifiers);
	case 'C': return key_event(event, INPUT_RIGHT, modifiers);
	case 'D': return key_event(event, INPUT_LEFT, modifiers);
	case 'H': return key_event(event, INPUT_HOME, modifiers);
	case 'F': return key_event(event, INPUT_END, modifiers);
	case 'Z': return key_event(event, INPUT_TAB, modifiers | INPUT_SHIFT);
	case 'M': return key_event(event, INPUT_ENTER, modifiers); /* of the number block */
	case 'P': case 'Q': case 'R': case 'S':
		return key_event(event, (enum input_key)(INPUT_F1 + (letter - 'P')), modifiers);
	default: return OUTCOME_NOTHING;
	}
}

/* The answer to "is DEC mode N known": ESC [ ? N ; state $ y. */
static enum outcome report_event(struct input_event *event, const char *bytes, size_t length)
{
	int parameters[MAX_PARAMETERS];
	read_parameters(bytes, length, parameters);
	event->kind = INPUT_MODE_REPORT;
	event->code = (uint32_t)parameters[0];
	event->button = parameters[1];
	return OUTCOME_EVENT;
}

/* ESC [ ...: bytes has length of them after the bracket. *used tells how many the sequence took. */
static enum outcome control_sequence(struct input_event *event, const char *bytes, size_t length, size_t *used)
{
	size_t i = 0;
	if (length > 1 && bytes[0] == '[') { /* Linux console: F1 to F5 are ESC [ [ A to E */
		*used = 2;
		return bytes[1] >= 'A' && bytes[1] <= 'E' ? key_event(event, (enum input_key)(INPUT_F1 + (bytes[1] - 'A')), 0)
		                                          : OUTCOME_NOTHING;
	}
	while (i < length && bytes[i] >= 0x20 && bytes[i] < 0x40)
		i++;
	if (i == length || (i == 0 && bytes[0] == '[' && length == 1))
		return length > MAX_SEQUENCE ? (*used = length, OUTCOME_NOTHING) : OUTCOME_MORE;
	*used = i + 1;
	char final = bytes[i];
	if (bytes[0] == '<')
		return final == 'M' || final == 'm' ? mouse_event(event, bytes + 1, i - 1, final) : OUTCOME_NOTHING;
	if (bytes[0] == '?')
		return final == 'y' && i > 1 && bytes[i - 1] == '$' ? report_event(event, bytes + 1, i - 2) : OUTCOME_NOTHING;
	int parameters[MAX_PARAMETERS];
	read_parameters(bytes, i, parameters);
	unsigned modifiers = parameters[1] > 1 ? (unsigned)(parameters[1] - 1) & 7u : 0;
	return final == '~' ? tilde_event(event, parameters[0], modifiers) : letter_event(event, final, modifiers);
}

static enum outcome character_event(struct input_event *event, const char *bytes, size_t length, bool expired, size_t *used)
{
	unsigned char c = (unsigned char)bytes[0];
	*used = 1;
	if (c == '\r' || c == '\n')
		return key_event(event, INPUT_ENTER, 0);
	if (c == '\t')
		return key_event(event, INPUT_TAB, 0);
	if (c == 0x7f || c == '\b')
		return key_event(event, INPUT_BACKSPACE, 0);
	event->kind = INPUT_CHARACTER;
	if (c < 0x80) {
		event->code = c;
		return OUTCOME_EVENT;
	}
	size_t expected = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c >= 0xc2 && c < 0xf5 && length < expected && !expired)
		return OUTCOME_MORE;
	utf8proc_int32_t code;
	utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)bytes, length > 4 ? 4 : (utf8proc_ssize_t)length, &code);
	if (n <= 0)
		return OUTCOME_NOTHING;
	event->code = (uint32_t)code;
	*used = (size_t)n;
	return OUTCOME_EVENT;
}

static enum outcome escape_event(struct input_decoder *decoder, struct input_event *event, size_t *used)
{
	const char *bytes = decoder->bytes + decoder->begin;
	size_t length = decoder->end - decoder->begin, n = 0;
	enum outcome outcome = OUTCOME_MORE;
	if (length > 1 && bytes[1] == '[') {
		outcome = length > 2 ? control_sequence(event, bytes + 2, length - 2, &n) : OUTCOME_MORE;
		*used = n + 2;
	} else if (length > 1 && bytes[1] == 'O') {
		outcome = length > 2 ? letter_event(event, bytes[2], 0) : OUTCOME_MORE;
		*used = 3;
	} else if (length > 1 && (unsigned char)bytes[1] >= 0x20) {
		outcome = character_event(event, bytes + 1, length - 1, decoder->expired, &n);
		event->modifiers |= INPUT_ALT;
		*used = n + 1;
	} else if (length > 1) { /* Escape, then a control key */
		*used = 1;
		return key_event(event, INPUT_ESCAPE, 0);
	}
	if (outcome == OUTCOME_MORE && decoder->expired) {
		*used = 1;
		return key_event(event, INPUT_ESCAPE, 0);
	}
	return outcome;
}

/* Hands out what has been collected up to end, with line ends as LF: terminals send CR. */
static enum outcome finish_paste(struct input_decoder *decoder, struct input_event *event, size_t end, size_t marker)
{
	size_t length = end - decoder->begin;
	bool cut = length > INPUT_MAX_PASTE;
	if (cut)
		length = INPUT_MAX_PASTE;
	char *paste = malloc(length + 1);
	const char *bytes = decoder->bytes + decoder->begin;
	size_t n = 0;
	for (size_t i = 0; paste != NULL && i < length; i++) {
		if (bytes[i] == '\r' && i + 1 < length && bytes[i + 1] == '\n')
			continue;
		paste[n++] = bytes[i] == '\r' ? '\n' : bytes[i];
	}
	decoder->begin = end + marker;
	decoder->pasting = false;
	if (paste == NULL)
		return OUTCOME_NOTHING;
	paste[n] = '\0';
	*event = (struct input_event){.kind = INPUT_PASTE, .paste = paste, .paste_length = n, .paste_cut = cut};
	return OUTCOME_EVENT;
}

static enum outcome paste_event(struct input_decoder *decoder, struct input_event *event)
{
	if (decoder->scanned < decoder->begin)
		decoder->scanned = decoder->begin;
	const char *found = memmem(decoder->bytes + decoder->scanned, decoder->end - decoder->scanned, paste_end, MARKER_LENGTH);
	if (found != NULL)
		return finish_paste(decoder, event, (size_t)(found - decoder->bytes), MARKER_LENGTH);
	/* The marker may be split over two reads. */
	if (decoder->end - decoder->scanned >= MARKER_LENGTH)
		decoder->scanned = decoder->end - (MARKER_LENGTH - 1);
	return decoder->expired ? finish_paste(decoder, event, decoder->end, 0) : OUTCOME_MORE;
}

bool input_next(struct input_decoder *decoder, struct input_event *event)
{
	for (;;) {
		*event = (struct input_event){0};
		enum outcome outcome;
		size_t length = decoder->end - decoder->begin, used = 0;
		if (decoder->pasting) {
			outcome = paste_event(decoder, event);
		} else if (length == 0) {
			return false;
		} else if (length >= MARKER_LENGTH && memcmp(decoder->bytes + decoder->begin, paste_begin, MARKER_LENGTH) == 0) {
			decoder->begin += MARKER_LENGTH;
			decoder->scanned = decoder->begin;
			decoder->pasting = true;
			continue;
		} else if (decoder->bytes[decoder->begin] == '\033') {
			outcome = escape_event(decoder, event, &used);
		} else {
			outcome = character_event(event, decoder->bytes + decoder->begin, length, decoder->expired, &used);
		}
		if (outcome == OUTCOME_MORE)
			return false;
		decoder->begin += used;
		if (outcome == OUTCOME_EVENT)
			return true;
	}
}

void input_name(const struct input_event *event, char name[INPUT_NAME_SIZE])
{
	static const char *const names[] = {
		[INPUT_UP] = "Up", [INPUT_DOWN] = "Down", [INPUT_LEFT] = "Left", [INPUT_RIGHT] = "Right", [INPUT_HOME] = "Home",
		[INPUT_END] = "End", [INPUT_PAGE_UP] = "PgUp", [INPUT_PAGE_DOWN] = "PgDn", [INPUT_INSERT] = "Insert",
		[INPUT_DELETE] = "Delete", [INPUT_TAB] = "Tab", [INPUT_ENTER] = "Enter", [INPUT_BACKSPACE] = "Backspace",
		[INPUT_ESCAPE] = "Esc",
	};
	name[0] = '\0';
	if (event->kind != INPUT_CHARACTER && event->kind != INPUT_KEY)
		return;
	char base[16];
	unsigned modifiers = event->modifiers;
	if (event->kind == INPUT_KEY && event->code >= INPUT_F1) {
		snprintf(base, sizeof base, "F%u", event->code - INPUT_F1 + 1);
	} else if (event->kind == INPUT_KEY) {
		snprintf(name, INPUT_NAME_SIZE, "%s%s%s%s", (modifiers & INPUT_CTRL) != 0 ? "Ctrl-" : "",
		         (modifiers & INPUT_ALT) != 0 ? "Alt-" : "", (modifiers & INPUT_SHIFT) != 0 ? "Shift-" : "",
		         names[event->code]);
		return;
	} else if (event->code == ' ') {
		snprintf(base, sizeof base, "Space");
	} else if (event->code < 0x20) {
		modifiers |= INPUT_CTRL;
		snprintf(base, sizeof base, "%c", (char)(event->code + 0x40));
	} else {
		base[utf8_encode(event->code, base)] = '\0';
	}
	snprintf(name, INPUT_NAME_SIZE, "%s%s%s", (modifiers & INPUT_CTRL) != 0 ? "Ctrl-" : "",
	         (modifiers & INPUT_ALT) != 0 ? "Alt-" : "", base);
}
