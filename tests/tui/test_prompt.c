/*
 * The typed line: earlier questions are edited, searched and left in every
 * order, which is where readline's undo lists are shared between lines.
 */
#include "prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"
#include "unit.h"

/* readline forgets what it copied of a killed or quoted piece when keys come in an order that it did not think of: a few bytes
 * each. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libreadline\n";
}

static int setup(void **state)
{
	char path[600];
	if (scratch_setup(state) != 0)
		return -1;
	setenv("XDG_STATE_HOME", scratch_directory, 1);
	setenv("INPUTRC", "/dev/null", 1);
	snprintf(path, sizeof path, "%s/pith", scratch_directory);
	if (mkdir(path, 0700) != 0)
		return -1;
	snprintf(path, sizeof path, "%s/pith/questions", scratch_directory);
	FILE *file = fopen(path, "w");
	if (file == NULL)
		return -1;
	fputs("first question\nsecond question\nthird question\n", file);
	fclose(file);
	prompt_init(50);
	return 0;
}

static int teardown(void **state)
{
	char path[600];
	prompt_end();
	snprintf(path, sizeof path, "%s/pith/questions", scratch_directory);
	unlink(path);
	snprintf(path, sizeof path, "%s/pith", scratch_directory);
	rmdir(path);
	return scratch_teardown(state);
}

static bool key(enum input_key code)
{
	return prompt_input(&(struct input_event){.kind = INPUT_KEY, .code = code});
}

static bool type(const char *text)
{
	bool done = false;
	for (; *text != '\0'; text++)
		done = prompt_input(&(struct input_event){.kind = INPUT_CHARACTER, .code = (unsigned char)*text});
	return done;
}

/* Enter; the line must be this. */
static void expect_line(const char *expected)
{
	enum prompt_kind kind;
	assert_true(key(INPUT_ENTER));
	char *line = prompt_take(&kind);
	assert_non_null(line);
	assert_string_equal(line, expected);
	free(line);
	assert_int_equal(prompt_kind(), PROMPT_NONE);
}

static void test_history(void **state)
{
	(void)state;
	prompt_begin(PROMPT_QUESTION, "");
	key(INPUT_UP);
	key(INPUT_UP);
	expect_line("second question");
	/* What was changed of an earlier question stays there as it was. */
	prompt_begin(PROMPT_QUESTION, "");
	key(INPUT_UP); /* the second, asked anew */
	type("x");
	key(INPUT_UP);
	key(INPUT_DOWN);
	prompt_leave();
	prompt_begin(PROMPT_QUESTION, NULL);
	expect_line("second questionx"); /* what was left comes back, from the beginning of a line of its own */
	prompt_begin(PROMPT_QUESTION, "");
	key(INPUT_UP);
	key(INPUT_UP);
	expect_line("second question");
}

/* Left while an edited earlier question is in the line, in a search, in the middle of a key. */
static void test_leaving(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		prompt_begin(PROMPT_QUESTION, "");
		key(INPUT_UP);
		type("x");
		key(INPUT_UP);
		key(INPUT_DOWN);
		prompt_leave();
		prompt_begin(PROMPT_QUESTION, "");
		key(INPUT_UP);
		prompt_leave();
		prompt_begin(PROMPT_QUESTION, "");
		type("\022thi"); /* Ctrl-R */
		prompt_leave();
		prompt_begin(PROMPT_QUESTION, "");
		type("\026"); /* Ctrl-V */
		prompt_leave();
		prompt_begin(PROMPT_RATE, "");
		type("0.5");
		expect_line("0.5");
	}
	prompt_begin(PROMPT_QUESTION, "");
	expect_line("");
}

/* Whether what was said of the line still goes for it. */
static void test_edited(void **state)
{
	(void)state;
	assert_false(prompt_edited());
	prompt_begin(PROMPT_OPEN, "nope.txt");
	assert_false(prompt_edited());
	key(INPUT_LEFT);
	assert_false(prompt_edited());
	type("x");
	assert_true(prompt_edited());
	prompt_leave();
	assert_false(prompt_edited());
	prompt_begin(PROMPT_RATE, NULL);
	assert_false(prompt_edited());
	type("5");
	assert_true(prompt_edited());
	prompt_leave();
}

static void paste(const char *text)
{
	prompt_input(&(struct input_event){.kind = INPUT_PASTE, .paste = (char *)text, .paste_length = strlen(text)});
}

/* What terminals paste for a file that is dropped on them. */
static void test_dropped_files(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"file:///home/u/my%20caf%C3%A9.txt\n", "/home/u/my caf\xc3\xa9.txt"},
		{"file://host/a%2", "/a%2"},
		{"file:///a%00b", "/a%00b"},
		{"file://", ""},
		{"'it'\\''s here.txt'", "it's here.txt"},
		{"\"a b\"", "a b"},
		{"a\\ b.txt ", "a b.txt"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		prompt_begin(PROMPT_OPEN, "");
		paste(cases[i][0]);
		expect_line(cases[i][1]);
	}
}

/* Tab completes the names of files, with spaces and all, where a file is meant. */
static void test_completion(void **state)
{
	(void)state;
	char folder[600], path[700], typed[700];
	snprintf(folder, sizeof folder, "%s/my folder=1", scratch_directory);
	snprintf(path, sizeof path, "%s/report (2).txt", folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	snprintf(typed, sizeof typed, "%s/re", folder);
	for (int i = 0; i < 2; i++) {
		prompt_begin(i == 0 ? PROMPT_OPEN : PROMPT_RATE, typed);
		key(INPUT_TAB);
		expect_line(i == 0 ? path : typed);
	}
	unlink(path);
	rmdir(folder);
}

/* 0 to n - 1 (Numerical Recipes' generator, its upper bits). */
static uint32_t any_below(uint32_t *state, uint32_t n)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 8) % n;
}

/* Any keys at all. */
static void test_random_keys(void **state)
{
	(void)state;
	static const enum prompt_kind kinds[] = {PROMPT_QUESTION, PROMPT_QUESTION, PROMPT_QUESTION, PROMPT_RATE, PROMPT_OPEN};
	static const char characters[] = "ab \001\005\013\014\016\020\022\024\025\026\027\031\037\033";
	uint32_t random = 17;
	for (int i = 0; i < 20000; i++) {
		enum prompt_kind taken;
		uint32_t what = any_below(&random, 20);
		if (prompt_kind() == PROMPT_NONE)
			prompt_begin(kinds[any_below(&random, 5)], what % 3 == 0 ? NULL : what % 3 == 1 ? "" : "text");
		if (what < 8)
			key((enum input_key)any_below(&random, INPUT_F1 + 1));
		else if (what < 18)
			type((char[]){characters[any_below(&random, sizeof characters - 1)], '\0'});
		else if (what == 18)
			prompt_leave();
		else
			prompt_begin(kinds[any_below(&random, 5)], NULL);
		free(prompt_take(&taken));
	}
	prompt_leave();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_history), cmocka_unit_test(test_leaving),
	                                   cmocka_unit_test(test_edited),
	                                   cmocka_unit_test(test_dropped_files), cmocka_unit_test(test_completion),
	                                   cmocka_unit_test(test_random_keys)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
