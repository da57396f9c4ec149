#include "cli/arguments.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

enum { MAX_WORDS = 16 };

/* Parses a command line given as one string; words are cut at spaces. The words stay until the next call. */
static enum pith_status parse(struct arguments *arguments, const char *line, struct pith_error *err)
{
	static char copy[512];
	static char *words[MAX_WORDS + 1];
	int n = 0;
	snprintf(copy, sizeof copy, "pith %s", line);
	for (char *word = strtok(copy, " "); word != NULL && n < MAX_WORDS; word = strtok(NULL, " "))
		words[n++] = word;
	words[n] = NULL;
	return arguments_parse(arguments, n, words, err);
}

static void test_command_and_options(void **state)
{
	(void)state;
	struct arguments arguments;
	assert_int_equal(parse(&arguments, "compress --theme dark -m selfinfo doc.txt -o out --json --set rate=0.5", NULL),
			 PITH_OK);
	assert_string_equal(arguments.command->name, "compress");
	assert_true(arguments.given[OPTION_JSON]);
	assert_false(arguments.given[OPTION_CR]);
	assert_string_equal(arguments.value[OPTION_OUTPUT], "out");
	assert_int_equal(arguments.n_words, 1);
	assert_string_equal(arguments.words[0], "doc.txt");
	assert_int_equal(arguments.n_flags, 3);
	assert_string_equal(arguments.flags[0].key, "theme");
	assert_string_equal(arguments.flags[0].name, "--theme");
	assert_string_equal(arguments.flags[1].value, "selfinfo");
	assert_string_equal(arguments.flags[2].key, "rate");
	assert_string_equal(arguments.flags[2].value, "0.5");

	assert_int_equal(parse(&arguments, "--no-mouse eval regenerate --data x.jsonl --pin", NULL), PITH_BAD_ARGUMENT);
	assert_int_equal(parse(&arguments, "--no-mouse eval regenerate --data x.jsonl", NULL), PITH_OK);
	assert_string_equal(arguments.command->name, "eval regenerate");
	assert_string_equal(arguments.flags[0].value, "false");
	assert_int_equal(parse(&arguments, "compress --pin a --pin b - --", NULL), PITH_OK);
	assert_int_equal(arguments.n_pins, 2);
	assert_string_equal(arguments.words[0], "-");
}

static void test_workbench_words(void **state)
{
	(void)state;
	struct arguments arguments;
	static const char *const files[] = {"", "-", "notes.txt", "./compress", "--cr 4x -m 500x a/b"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		assert_int_equal(parse(&arguments, files[i], NULL), PITH_OK);
		assert_null(arguments.command);
	}
	assert_int_equal(parse(&arguments, "nosuchfile", NULL), PITH_BAD_ARGUMENT);
	assert_int_equal(parse(&arguments, "a.txt b.txt", NULL), PITH_BAD_ARGUMENT);
}

static void test_rates(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		double rate; /* 0: refused */
	} cases[] = {
		{"--cr 0.25", 0.25}, {"--cr 25%", 0.25}, {"--cr 4x", 0.25}, {"--cr 1", 1},    {"--cr 1x", 1},
		{"--cr 100%", 1},    {"--cr 0", 0},      {"--cr 2", 0},     {"--cr 0.5x", 0}, {"--cr 0x", 0},
		{"--cr nan", 0},     {"--cr 4xx", 0},    {"--cr -1", 0},    {"--cr inf", 0},  {"--cr infx", 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arguments arguments;
		double rate = 0;
		assert_int_equal(parse(&arguments, cases[i].line, NULL), PITH_OK);
		enum pith_status status = arguments_rate(&arguments, &rate, NULL);
		assert_int_equal(status, cases[i].rate > 0 ? PITH_OK : PITH_BAD_ARGUMENT);
		assert_true(rate == cases[i].rate);
	}
}

/* Every option of the tables has a command that takes it, a help, and a name of its own. */
static void test_tables(void **state)
{
	(void)state;
	size_t n;
	const struct command *commands = commands_table(&n);
	const struct option_row *options = command_options();
	for (int option = 0; option < OPTION_N; option++) {
		bool taken = false;
		for (size_t i = 0; i < n; i++)
			taken |= command_takes(&commands[i], (enum option_id)option);
		assert_true(taken);
		assert_true(options[option].help[0] != '\0');
		for (int other = 0; other < option; other++) {
			assert_string_not_equal(options[option].name, options[other].name);
			assert_true(options[option].letter == 0 || options[option].letter != options[other].letter);
		}
	}
	for (size_t i = 0; i < n; i++) {
		assert_non_null(commands[i].run);
		assert_true(commands[i].summary[0] != '\0');
		assert_non_null(commands[i].details);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command_and_options),
		cmocka_unit_test(test_workbench_words),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
