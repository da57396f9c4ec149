#define _GNU_SOURCE
#include "cli/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "nearest.h"

enum { LONG_ONLY = 256 }; /* getopt's value of option i is LONG_ONLY + i, whether it has a letter or not */

/* getopt's tables from ours. */
static void fill_getopt(struct option *rows, char *letters, size_t size)
{
	const struct option_row *options = command_options();
	size_t used = (size_t)snprintf(letters, size, ":");
	for (int i = 0; i < OPTION_N; i++) {
		bool argument = options[i].argument != NULL;
		rows[i] = (struct option){options[i].name, argument ? required_argument : no_argument, NULL, LONG_ONLY + i};
		if (options[i].letter != 0)
			used += (size_t)snprintf(letters + used, size - used, "%c%s", options[i].letter, argument ? ":" : "");
	}
	rows[OPTION_N] = (struct option){0};
}

static int option_of_letter(int letter)
{
	const struct option_row *options = command_options();
	for (int i = 0; i < OPTION_N; i++)
		if (options[i].letter == letter)
			return i;
	return OPTION_N;
}

static enum pith_status unknown_option(const char *word, int letter, struct pith_error *err)
{
	if (letter != 0 && letter < LONG_ONLY)
		return fault(err, PITH_BAD_ARGUMENT, "There is no option -%c.", letter);
	const char *names[OPTION_N];
	for (int i = 0; i < OPTION_N; i++)
		names[i] = command_options()[i].name;
	char name[64];
	snprintf(name, sizeof name, "%.*s", (int)strcspn(word + strspn(word, "-"), "="), word + strspn(word, "-"));
	if (letter >= LONG_ONLY)
		return fault(err, PITH_BAD_ARGUMENT, "--%s takes no value.", name);
	const char *meant = nearest_word(name, names, OPTION_N);
	if (meant != NULL)
		return fault(err, PITH_BAD_ARGUMENT, "There is no option --%s; did you mean --%s?", name, meant);
	return fault(err, PITH_BAD_ARGUMENT, "There is no option --%s.", name);
}

static enum pith_status add_flag(struct arguments *arguments, const char *key, const char *value, const char *name,
				 struct pith_error *err)
{
	if (arguments->n_flags == ARGUMENTS_MAX_FLAGS)
		return fault(err, PITH_BAD_ARGUMENT, "More than %d settings stand on the command line.", ARGUMENTS_MAX_FLAGS);
	arguments->flags[arguments->n_flags++] = (struct settings_flag){key, value, name};
	return PITH_OK;
}

/* Notes option with its value (NULL: it takes none). */
static enum pith_status take_option(struct arguments *arguments, int option, char *value, struct pith_error *err)
{
	const struct option_row *row = &command_options()[option];
	arguments->given[option] = true;
	arguments->value[option] = value;
	if (option == OPTION_SET) {
		char *equals = strchr(value, '=');
		if (equals == NULL || equals == value)
			return fault(err, PITH_BAD_ARGUMENT, "--set wants KEY=VALUE, not \"%.60s\".", value);
		*equals = '\0';
		return add_flag(arguments, value, equals + 1, "--set", err);
	}
	if (option == OPTION_PIN) {
		if (value[0] == '\0')
			return fault(err, PITH_BAD_ARGUMENT, "--pin wants a text that is not empty.");
		if (arguments->n_pins == ARGUMENTS_MAX_PINS)
			return fault(err, PITH_BAD_ARGUMENT, "--pin may come at most %d times.", ARGUMENTS_MAX_PINS);
		arguments->pins[arguments->n_pins++] = value;
	}
	if (row->setting == NULL)
		return PITH_OK;
	static char names[OPTION_N][24];
	snprintf(names[option], sizeof names[option], "--%s", row->name);
	return add_flag(arguments, row->setting, row->value != NULL ? row->value : value, names[option], err);
}

static enum pith_status parse_options(struct arguments *arguments, int argc, char **argv, struct pith_error *err)
{
	struct option rows[OPTION_N + 1];
	char letters[2 * OPTION_N + 2];
	fill_getopt(rows, letters, sizeof letters);
	opterr = 0;
	optind = 0; /* start afresh, so that a test may parse twice */
	for (;;) {
		int c = getopt_long(argc, argv, letters, rows, NULL);
		if (c == -1)
			break;
		if (c == '?')
			return unknown_option(argv[optind - 1], optopt, err);
		if (c == ':')
			return fault(err, PITH_BAD_ARGUMENT, "%s wants a value.", argv[optind - 1]);
		int option = c >= LONG_ONLY ? c - LONG_ONLY : option_of_letter(c);
		enum pith_status status = take_option(arguments, option, optarg, err);
		if (status != PITH_OK)
			return status;
	}
	arguments->words = argv + optind;
	arguments->n_words = (size_t)(argc - optind);
	return PITH_OK;
}

/* A word that is no command must be a file. */
static enum pith_status check_workbench_words(const struct arguments *arguments, struct pith_error *err)
{
	if (arguments->n_words == 0)
		return PITH_OK;
	const char *word = arguments->words[0];
	bool file = strcmp(word, "-") == 0 || strpbrk(word, "/.") != NULL || access(word, F_OK) == 0;
	if (file && arguments->n_words > 1)
		return fault(err, PITH_BAD_ARGUMENT, "The workbench opens one document, and \"%.60s\" is a second.",
			     arguments->words[1]);
	if (file)
		return PITH_OK;
	const char *meant = command_nearest(word);
	if (meant != NULL)
		return fault(err, PITH_BAD_ARGUMENT, "There is no command and no file \"%.60s\"; did you mean pith %s?", word,
			     meant);
	return fault(err, PITH_BAD_ARGUMENT, "There is no command and no file \"%.60s\"; pith --help lists the commands.", word);
}

/* Names of the commands of a group for a message: "base, regenerate". */
static void list_group(const char *group, char *out, size_t size)
{
	size_t n, length = strlen(group), used = 0;
	const struct command *commands = commands_table(&n);
	out[0] = '\0';
	for (size_t i = 0; i < n && used < size; i++)
		if (strncmp(commands[i].name, group, length) == 0 && commands[i].name[length] == ' ')
			used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "",
						 commands[i].name + length + 1);
}

static enum pith_status find_command(struct arguments *arguments, struct pith_error *err)
{
	size_t n_used;
	arguments->command = command_find(arguments->words, arguments->n_words, &n_used);
	bool bare = arguments->command != NULL && command_is_group(arguments->command) && !arguments->given[OPTION_HELP] &&
		    !arguments->given[OPTION_WATCH] && !arguments->given[OPTION_PLOT];
	if ((arguments->command == NULL && n_used == 1) || bare) {
		char list[160];
		const char *group = arguments->words[0];
		arguments->group = group;
		list_group(group, list, sizeof list);
		if (arguments->given[OPTION_HELP])
			return PITH_OK;
		if (bare)
			return fault(err, PITH_BAD_ARGUMENT, "pith %s wants one of: %s; or %s.", group, list,
				     arguments->command->arguments);
		if (arguments->n_words < 2)
			return fault(err, PITH_BAD_ARGUMENT, "pith %s wants one of: %s.", group, list);
		return fault(err, PITH_BAD_ARGUMENT, "pith %s does not know \"%.60s\", only: %s.", group, arguments->words[1],
			     list);
	}
	arguments->words += n_used;
	arguments->n_words -= n_used;
	return PITH_OK;
}

/* Some commands take one of a thing, others several: the option that the command takes in place of the other; OPTION_N: none. */
static int counterpart(const struct command *command, int option)
{
	static const int pairs[][2] = {{OPTION_CR, OPTION_RATES}, {OPTION_METHOD, OPTION_METHODS}};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		for (int side = 0; side < 2; side++)
			if (option == pairs[i][side] && command_takes(command, (enum option_id)pairs[i][1 - side]))
				return pairs[i][1 - side];
	return OPTION_N;
}

static enum pith_status refuse_option(const struct command *command, int option, struct pith_error *err)
{
	const char *name = command != NULL ? command->name : "the workbench", *pith = command != NULL ? "pith " : "";
	const char *given = command_options()[option].name;
	int meant = counterpart(command, option);
	if (meant < OPTION_N)
		return fault(err, PITH_BAD_ARGUMENT, "%s%s takes no --%s; did you mean --%s?", pith, name, given,
		             command_options()[meant].name);
	return fault(err, PITH_BAD_ARGUMENT, "%s%s takes no --%s; pith%s%s --help lists what it takes.", pith, name, given,
	             command != NULL ? " " : "", command != NULL ? name : "");
}

static enum pith_status check_command(const struct arguments *arguments, struct pith_error *err)
{
	const struct command *command = arguments->command;
	for (int option = 0; option < OPTION_N; option++)
		if (arguments->given[option] && !command_takes(command, (enum option_id)option))
			return refuse_option(command, option, err);
	if (command == NULL)
		return check_workbench_words(arguments, err);
	const char *name = command->name;
	if (arguments->n_words < (size_t)command->n_arguments)
		return fault(err, PITH_BAD_ARGUMENT, "pith %s wants %s.", name, command->arguments);
	if (arguments->n_words > (size_t)command->n_arguments && command->run != cmd_help)
		return fault(err, PITH_BAD_ARGUMENT, "pith %s does not know what to do with \"%.60s\".", name,
			     arguments->words[command->n_arguments]);
	if (arguments->given[OPTION_CR] && arguments->given[OPTION_TOKENS])
		return fault(err, PITH_BAD_ARGUMENT, "--cr and --tokens are two ways to say one thing: give one of them.");
	return PITH_OK;
}

enum pith_status arguments_parse(struct arguments *arguments, int argc, char **argv, struct pith_error *err)
{
	*arguments = (struct arguments){0};
	enum pith_status status = parse_options(arguments, argc, argv, err);
	if (status == PITH_OK && arguments->given[OPTION_VERSION])
		return PITH_OK;
	if (status == PITH_OK)
		status = find_command(arguments, err);
	if (status == PITH_OK && !arguments->given[OPTION_HELP])
		status = check_command(arguments, err);
	return status;
}

enum pith_status arguments_count(const struct arguments *arguments, enum option_id option, size_t minimum, size_t *value,
				 struct pith_error *err)
{
	const char *text = arguments->value[option];
	char *end = NULL;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	const char *name = command_options()[option].name;
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || (errno == 0 && number < minimum))
		return fault(err, PITH_BAD_ARGUMENT, "--%s wants a whole number of at least %zu, not \"%.60s\".", name, minimum,
		             text);
	if (errno != 0 || number > INT_MAX)
		return fault(err, PITH_BAD_ARGUMENT, "--%s takes at most %d, not \"%.60s\".", name, INT_MAX, text);
	*value = (size_t)number;
	return PITH_OK;
}

enum pith_status arguments_read_rate(const char *text, double *rate, struct pith_error *err)
{
	char *end = NULL;
	double number = strtod(text, &end);
	if (strcmp(end, "%") == 0)
		number /= 100;
	else if (strcmp(end, "x") == 0)
		number = number > 0 ? 1 / number : 0;
	else if (*end != '\0')
		number = 0;
	if (end == text || !isfinite(number) || number <= 0 || number > 1)
		return fault(err, PITH_BAD_ARGUMENT,
			     "A rate is the share to keep, above 0 and at most 1 (0.25, 25%% or 4x), not \"%.60s\".", text);
	*rate = number;
	return PITH_OK;
}

enum pith_status arguments_rate(const struct arguments *arguments, double *rate, struct pith_error *err)
{
	return arguments_read_rate(arguments->value[OPTION_CR], rate, err);
}
