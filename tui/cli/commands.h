/*
 * The commands of the program. One table of options and one of commands; the
 * parser, --help, and the test of the manual go by them.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_FAILED = 1,
	EXIT_CODE_USAGE = 2, /* usage or configuration */
	EXIT_CODE_MODEL = 3, /* model missing or incompatible; a soft prompt that does not fit the model */
	EXIT_CODE_SIGNAL = 128, /* and the number of the signal that ended it, as shells have it: */
	EXIT_CODE_INTERRUPTED = 130,
	EXIT_CODE_TERMINATED = 143,
};

/* The order of --help. Those before OPTION_N_GENERAL go with every command and with the workbench. */
enum option_id {
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_CONFIG,
	OPTION_SET,
	OPTION_MODEL,
	OPTION_THREADS,
	OPTION_THEME,
	OPTION_NO_COLOR,
	OPTION_NO_MOUSE,
	OPTION_ASCII,
	OPTION_N_GENERAL,

	OPTION_METHOD = OPTION_N_GENERAL,
	OPTION_CR,
	OPTION_TOKENS,
	OPTION_COMPAT,
	OPTION_SERVER,
	OPTION_SERVER_MODEL,
	OPTION_OUTPUT,
	OPTION_PIN,
	OPTION_QUESTION,
	OPTION_MAX_TOKENS,
	OPTION_DATA,
	OPTION_LENGTH,
	OPTION_LIMIT,
	OPTION_REFINE,
	OPTION_METHODS,
	OPTION_AGAINST,
	OPTION_RATES,
	OPTION_FORMAT,
	OPTION_WATCH,
	OPTION_PLOT,
	OPTION_JSON,
	OPTION_N
};

struct option_row {
	char letter;          /* 0: none */
	const char *name;
	const char *argument; /* "FILE"; NULL: takes none */
	const char *help;
	const char *setting;  /* the setting that it overrides; NULL: none */
	const char *value;    /* ... by this value; NULL: by the argument */
};
const struct option_row *command_options(void); /* OPTION_N rows, by enum option_id */

struct cli;

struct command {
	const char *name;      /* "compress", "eval regenerate" */
	const char *arguments; /* "FILE|-" */
	int n_arguments;       /* how many must come */
	uint32_t options;      /* bit per enum option_id */
	enum exit_code (*run)(struct cli *cli);
	const char *summary; /* one line */
	const char *details; /* more, for its own help; lines end in line feeds */
};
const struct command *commands_table(size_t *n);

/*
 * The command that words name, and in *n_used how many of them (1 or 2); NULL:
 * none. For a word that only begins commands of two words NULL comes with
 * *n_used = 1, also when a word that is none of theirs follows.
 */
const struct command *command_find(char *const *words, size_t n_words, size_t *n_used);

/* Does command take this option? NULL is the workbench. */
bool command_takes(const struct command *command, enum option_id option);

/* A name near word among the commands, for a hint; NULL: none. */
const char *command_nearest(const char *word);

/* Help of one command; NULL: of the program. command_help_group: of all commands that begin with word ("train"). */
void command_help(FILE *out, const struct command *command);
void command_help_group(FILE *out, const char *word);

/* Do other commands begin with the name of this one, as those of pith train do? */
bool command_is_group(const struct command *command);

/* Each in its own cmd_*.c. */
enum exit_code cmd_compress(struct cli *cli);
enum exit_code cmd_regenerate(struct cli *cli);
enum exit_code cmd_ask(struct cli *cli);
enum exit_code cmd_eval_regenerate(struct cli *cli);
enum exit_code cmd_eval_answer(struct cli *cli);
enum exit_code cmd_eval_memory(struct cli *cli);
enum exit_code cmd_bench_models(struct cli *cli);
enum exit_code cmd_eval_all(struct cli *cli);
enum exit_code cmd_pairs(struct cli *cli);
enum exit_code cmd_inspect(struct cli *cli);
enum exit_code cmd_tokens(struct cli *cli);
enum exit_code cmd_train(struct cli *cli);
enum exit_code cmd_train_base(struct cli *cli);
enum exit_code cmd_train_regenerate(struct cli *cli);
enum exit_code cmd_train_answer(struct cli *cli);
enum exit_code cmd_train_keep(struct cli *cli);
enum exit_code cmd_train_read(struct cli *cli);
enum exit_code cmd_train_sft(struct cli *cli);
enum exit_code cmd_train_grpo(struct cli *cli);
enum exit_code cmd_train_tokenizer(struct cli *cli);
enum exit_code cmd_config(struct cli *cli);
enum exit_code cmd_help(struct cli *cli);

#endif
