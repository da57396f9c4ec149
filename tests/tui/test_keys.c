/* Bytes of terminals into events: sequences as xterm, tmux, rxvt and the Linux console send them. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actions.h"
#include "keys.h"
#include "unit.h"

/* The names of all events in bytes, ' ' between two; mouse as "press0@row,col", pastes as "<text>". */
static void names_of(struct input_decoder *decoder, char *out, size_t size)
{
	static const char *const actions[] = {"press", "release", "drag", "motion", "up", "down"};
	struct input_event event;
	out[0] = '\0';
	while (input_next(decoder, &event)) {
		char name[INPUT_NAME_SIZE], piece[128];
		input_name(&event, name);
		snprintf(piece, sizeof piece, "%s", name);
		if (event.kind == INPUT_MOUSE)
			snprintf(piece, sizeof piece, "%s%d@%d,%d", actions[event.action], event.button, event.row, event.col);
		if (event.kind == INPUT_PASTE)
			snprintf(piece, sizeof piece, "<%s>", event.paste);
		if (event.kind == INPUT_MODE_REPORT)
			snprintf(piece, sizeof piece, "mode%u=%d", event.code, event.button);
		if (out[0] != '\0')
			strncat(out, " ", size - strlen(out) - 1);
		strncat(out, piece, size - strlen(out) - 1);
		free(event.paste);
	}
}

/* Decodes at once, and again byte by byte: both must give the same. */
static void assert_events(const char *bytes, size_t length, const char *expected)
{
	char names[1024];
	struct input_decoder decoder = {0};
	assert_true(input_feed(&decoder, bytes, length));
	names_of(&decoder, names, sizeof names);
	assert_string_equal(names, expected);
	input_free(&decoder);

	char all[1024] = "";
	for (size_t i = 0; i < length; i++) {
		assert_true(input_feed(&decoder, bytes + i, 1));
		names_of(&decoder, names, sizeof names);
		if (all[0] != '\0' && names[0] != '\0')
			strncat(all, " ", sizeof all - strlen(all) - 1);
		strncat(all, names, sizeof all - strlen(all) - 1);
	}
	assert_string_equal(all, expected);
	input_free(&decoder);
}

static void events(const char *bytes, const char *expected)
{
	assert_events(bytes, strlen(bytes), expected);
}

static void characters(void **state)
{
	(void)state;
	events("aZ?", "a Z ?");
	events(" ", "Space");
	events("\xc3\xa9\xe6\xb5\xb7\xf0\x9f\x98\x80", "\xc3\xa9 \xe6\xb5\xb7 \xf0\x9f\x98\x80");
	events("\x03\x0c\x1a\x12", "Ctrl-C Ctrl-L Ctrl-Z Ctrl-R");
	events("\r\n\t\x7f\b", "Enter Enter Tab Backspace Backspace");
	events("a\xffz", "a z"); /* a byte that is no character is no key */
}

static void keys(void **state)
{
	(void)state;
	events("\033[A\033[B\033[C\033[D", "Up Down Right Left");
	events("\033OA\033OB\033OH\033OF", "Up Down Home End");
	events("\033[H\033[F\033[1~\033[4~\033[7~\033[8~", "Home End Home End Home End");
	events("\033[5~\033[6~\033[3~\033[2~", "PgUp PgDn Delete Insert");
	events("\033OP\033[11~\033[[A\033[15~\033[24~", "F1 F1 F1 F5 F12");
	events("\033[Z", "Shift-Tab");
	events("\033[1;5C\033[1;3D\033[1;2A", "Ctrl-Right Alt-Left Shift-Up");
	events("\033x", "Alt-x");
	events("\033[99~a", "a");      /* unknown sequences vanish whole */
	events("\033[?1;2ca", "a");
	events("\033[?2026;2$y", "mode2026=2");
}

static void escape_delay(void **state)
{
	(void)state;
	char names[256];
	struct input_decoder decoder = {0};
	assert_true(input_feed(&decoder, "\033", 1));
	names_of(&decoder, names, sizeof names);
	assert_string_equal(names, "");
	assert_true(input_pending(&decoder));
	assert_true(fabs(input_deadline(&decoder, 10, 25) - 10.025) < 1e-9);
	input_expire(&decoder);
	names_of(&decoder, names, sizeof names);
	assert_string_equal(names, "Esc");
	assert_false(input_pending(&decoder));
	assert_true(isinf(input_deadline(&decoder, 10, 25)));
	/* The rest of a sequence in time is no Escape. */
	assert_true(input_feed(&decoder, "\033[", 2));
	names_of(&decoder, names, sizeof names);
	assert_string_equal(names, "");
	assert_true(input_feed(&decoder, "A", 1));
	names_of(&decoder, names, sizeof names);
	assert_string_equal(names, "Up");
	/* The rest of a paste may take longer. */
	assert_true(input_feed(&decoder, "\033[200~ab", 8));
	names_of(&decoder, names, sizeof names);
	assert_string_equal(names, "");
	assert_true(input_deadline(&decoder, 10, 25) > 11);
	input_free(&decoder);
}

static void mouse(void **state)
{
	(void)state;
	events("\033[<0;1;1M\033[<0;1;1m", "press0@0,0 release0@0,0");
	events("\033[<32;251;20M", "drag0@19,250"); /* beyond column 223 */
	events("\033[<35;10;20M", "motion3@19,9");
	events("\033[<64;5;6M\033[<65;5;6M", "up0@5,4 down1@5,4");
	events("\033[<2;3;4M", "press2@3,2");
	events("\033[<0;0;0Ma", "a");               /* not on the screen */
	events("\033[<0;1Ma", "a");
	events("\033[<99999999999;1;1Ma", "a");
	events("\033[<128;1;1Ma", "a");             /* buttons that no mouse here has */
	struct input_decoder decoder = {0};
	struct input_event event;
	assert_true(input_feed(&decoder, "\033[<20;2;3M", 10));
	assert_true(input_next(&decoder, &event));
	assert_int_equal(event.modifiers, INPUT_SHIFT | INPUT_CTRL);
	input_free(&decoder);
}

static void pastes(void **state)
{
	(void)state;
	events("\033[200~hello\033[201~q", "<hello> q");
	events("\033[200~\033[201~", "<>");
	events("\033[200~a\rb\r\nc\nd\033[201~", "<a\nb\nc\nd>");
	events("\033[200~q\033[<0;1;1Mq\033[A\033[201~", "<q\033[<0;1;1Mq\033[A>"); /* nothing in it is a key */
	events("\033[200~a\033[20\033[201~b", "<a\033[20> b");
	char names[256];
	struct input_decoder decoder = {0};
	assert_true(input_feed(&decoder, "\033[200~abc\033[20", 13)); /* its end never comes */
	names_of(&decoder, names, sizeof names);
	assert_string_equal(names, "");
	input_expire(&decoder);
	names_of(&decoder, names, sizeof names);
	assert_string_equal(names, "<abc\033[20>");
	input_free(&decoder);
}

static void big_paste(void **state)
{
	(void)state;
	enum { SIZE = 1 << 20, CHUNK = 4095 };
	char *text = malloc(SIZE);
	assert_non_null(text);
	memset(text, 'x', SIZE);
	struct timespec begin, end;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	struct input_decoder decoder = {0};
	struct input_event event;
	assert_true(input_feed(&decoder, "\033[200~", 6));
	for (size_t at = 0; at < SIZE; at += CHUNK) {
		assert_true(input_feed(&decoder, text + at, SIZE - at < CHUNK ? SIZE - at : CHUNK));
		assert_false(input_next(&decoder, &event));
	}
	assert_true(input_feed(&decoder, "\033[201~", 6));
	assert_true(input_next(&decoder, &event));
	clock_gettime(CLOCK_MONOTONIC, &end);
	double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) * 1e-9;
	print_message("1 MiB pasted in %.1f ms\n", seconds * 1000);
	assert_int_equal(event.paste_length, SIZE);
	assert_true(seconds < 1); /* 0.2 s is the promise; sanitizers and busy machines run this too */
	free(event.paste);
	free(text);
	input_free(&decoder);
}

/* Bytes of any kind: no crash, nothing read twice, and after the delay nothing is left. */
static void noise(void **state)
{
	(void)state;
	static const char alphabet[] = "\033[<;?$0129~MmOAZay\xc3\xa9\x01 \t";
	unsigned seed = 3;
	for (int round = 0; round < 3000; round++) {
		char bytes[48], names[4096];
		for (size_t i = 0; i < sizeof bytes; i++) {
			seed = seed * 1103515245u + 12345u;
			bytes[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
		}
		struct input_decoder decoder = {0};
		assert_true(input_feed(&decoder, bytes, sizeof bytes));
		names_of(&decoder, names, sizeof names);
		for (int i = 0; i < 64 && input_pending(&decoder); i++) {
			input_expire(&decoder);
			names_of(&decoder, names, sizeof names);
		}
		assert_false(input_pending(&decoder));
		input_free(&decoder);
	}
}

/* The table of actions: no key means two things in one place, and every name is one that the decoder gives. */
static void table_of_actions(void **state)
{
	(void)state;
	const struct action *table = actions_table();
	for (int i = 0; i < N_ACTIONS; i++) {
		assert_int_equal(table[i].id, i);
		assert_true(table[i].help[0] != '\0');
		char keys_copy[128];
		snprintf(keys_copy, sizeof keys_copy, "%s", table[i].keys);
		for (char *key = strtok(keys_copy, " "); key != NULL; key = strtok(NULL, " "))
			if (table[i].context < CONTEXT_LINE)
				assert_int_equal(actions_find(table[i].context, key), i);
	}
	assert_int_equal(actions_find(CONTEXT_SLIDER, "q"), ACTION_QUIT);
	assert_int_equal(actions_find(CONTEXT_SLIDER, "PgUp"), ACTION_RATE_PAGE_UP);
	assert_int_equal(actions_find(CONTEXT_PANES, "PgUp"), ACTION_PAGE_UP);
	assert_int_equal(actions_find(CONTEXT_PANES, "7"), ACTION_RATE);
	assert_int_equal(actions_find(CONTEXT_PANES, "Ctrl-W"), ACTION_NONE);
	assert_int_equal(actions_find(CONTEXT_PANES, ""), ACTION_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters), cmocka_unit_test(keys),      cmocka_unit_test(escape_delay),
		cmocka_unit_test(mouse),      cmocka_unit_test(pastes),    cmocka_unit_test(big_paste),
		cmocka_unit_test(noise),      cmocka_unit_test(table_of_actions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
