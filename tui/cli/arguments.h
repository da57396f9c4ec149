/* The command line, parsed by the tables of commands.h. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/commands.h"
#include "pith/status.h"
#include "settings.h"

enum { ARGUMENTS_MAX_FLAGS = 32, ARGUMENTS_MAX_PINS = 64 };

struct arguments {
	const struct command *command;  /* NULL: the workbench, or the help of a group */
	const char *group;              /* "train" with --help and nothing after it */
	bool given[OPTION_N];
	const char *value[OPTION_N];    /* the last one given */
	const char *pins[ARGUMENTS_MAX_PINS];
	size_t n_pins;
	struct settings_flag flags[ARGUMENTS_MAX_FLAGS]; /* what overrides settings */
	size_t n_flags;
	char **words; /* what is left: files */
	size_t n_words;
};

/*
 * Parses argv, whose words may be reordered and cut; arguments borrows them.
 * PITH_BAD_ARGUMENT with a sentence when the words make no sense.
 */
enum pith_status arguments_parse(struct arguments *arguments, int argc, char **argv, struct pith_error *err);

/* A whole number from minimum to INT_MAX; PITH_BAD_ARGUMENT names the option. */
enum pith_status arguments_count(const struct arguments *arguments, enum option_id option, size_t minimum, size_t *value,
                                 struct pith_error *err);

/* A rate as people write it: 0.25, 25% or 4x. */
enum pith_status arguments_read_rate(const char *text, double *rate, struct pith_error *err);
/* That of --cr. */
enum pith_status arguments_rate(const struct arguments *arguments, double *rate, struct pith_error *err);

#endif
