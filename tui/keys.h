/*
 * Bytes from the terminal become events: characters, keys, mouse, pastes.
 *
 * curses is not asked to decode: inside tmux it reports no drag and clamps
 * columns, and it reads pastes a byte at a time. The decoder is pure: bytes in,
 * events out. The caller reads the descriptor, and tells it when the escape
 * delay has passed.
 */
#ifndef KEYS_H
#define KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum input_kind { INPUT_CHARACTER, INPUT_KEY, INPUT_MOUSE, INPUT_PASTE, INPUT_MODE_REPORT };

enum input_key {
	INPUT_UP, INPUT_DOWN, INPUT_LEFT, INPUT_RIGHT, INPUT_HOME, INPUT_END, INPUT_PAGE_UP, INPUT_PAGE_DOWN,
	INPUT_INSERT, INPUT_DELETE, INPUT_TAB, INPUT_ENTER, INPUT_BACKSPACE, INPUT_ESCAPE,
	INPUT_F1, INPUT_F12 = INPUT_F1 + 11,
	INPUT_N_KEYS
};

enum input_modifier { INPUT_SHIFT = 1, INPUT_ALT = 2, INPUT_CTRL = 4 };

enum mouse_action { MOUSE_PRESS, MOUSE_RELEASE, MOUSE_DRAG, MOUSE_MOTION, MOUSE_WHEEL_UP, MOUSE_WHEEL_DOWN };

struct input_event {
	enum input_kind kind;
	uint32_t code; /* CHARACTER: code point; KEY: enum input_key; MODE_REPORT: the DEC mode */
	unsigned modifiers;
	enum mouse_action action;
	int button;   /* MOUSE: 0 left, 1 middle, 2 right; MODE_REPORT: its state */
	int row, col; /* MOUSE: from 0 */
	char *paste;  /* PASTE: owned by the caller; line ends are LF; NUL-terminated */
	size_t paste_length;
	bool paste_cut; /* PASTE: longer than INPUT_MAX_PASTE, the rest was dropped */
};

enum { INPUT_MAX_PASTE = 64 << 20 };

struct input_decoder {
	char *bytes;
	size_t begin, end, capacity;
	bool pasting;
	size_t scanned; /* of a paste: no end marker begins before here */
	bool expired;   /* the delay has passed: what is there is all there is */
};

bool input_feed(struct input_decoder *decoder, const char *bytes, size_t length); /* false: no memory */
void input_free(struct input_decoder *decoder);

/* The next event; false: none is complete. */
bool input_next(struct input_decoder *decoder, struct input_event *event);

bool input_pending(const struct input_decoder *decoder); /* is something half there? */
/*
 * When input_expire() is due, if the last bytes came at the time typed: after the escape delay, or the longer one of a paste,
 * whose parts may be far between. INFINITY: nothing is half there.
 */
double input_deadline(const struct input_decoder *decoder, double typed, int escape_delay_ms);
void input_expire(struct input_decoder *decoder);

/* "q", "Ctrl-L", "Shift-Tab", "PgUp", "Space": the name that the action table uses. "" for events without one. */
enum { INPUT_NAME_SIZE = 40 };
void input_name(const struct input_event *event, char name[INPUT_NAME_SIZE]);

#endif
