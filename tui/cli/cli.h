/*
 * What a command works with: its arguments, the settings, the model, a control
 * that shows progress and listens to Ctrl-C, and the way from an error to a
 * sentence on stderr and an exit code.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "document_file.h"
#include "pith/compress.h"
#include "pith/control.h"
#include "pith/model.h"
#include "settings.h"

struct cli {
	const struct arguments *arguments;
	struct settings settings;
	struct pith_control control; /* progress on stderr, cancelled by SIGINT and SIGTERM */
	struct pith_model *model;    /* NULL: the command needs none */
	struct pith_error err;       /* the last failure */
	bool json;
	bool about_model;            /* the failure is that of a model or soft prompt: EXIT_CODE_MODEL */
	/* Progress on the terminal. */
	bool shows_progress, progress_on_line;
	double progress_since; /* seconds; what takes less than a blink shows nothing */
	double progress_drawn;
};

/* Settings first; the code is EXIT_CODE_USAGE when they are wrong. Warnings go to stderr. */
enum exit_code cli_begin(struct cli *cli, const struct arguments *arguments);
/* Takes SIGINT and SIGTERM over and runs the command. */
enum exit_code cli_run(struct cli *cli);
void cli_end(struct cli *cli);

/* Prints the sentence of cli->err to stderr; the exit code that belongs to status. */
enum exit_code cli_failed(struct cli *cli, enum pith_status status);
/* "pith: " and a sentence on stderr, on a line of its own. */
void cli_say(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The path of the model to use, freed with free(); NULL: cli->err says why. */
char *cli_model_path(struct cli *cli);

/* Opens cli->model, once. Commands do it late, so that what is wrong with the rest is told without waiting. */
enum pith_status cli_open_model(struct cli *cli);

/* Opens the model and a soft prompt for it. */
enum pith_status cli_soft_prompt(struct cli *cli, const char *path, struct pith_compressed **out);

/* Reads a document, opens the model, and tokenises; a warning for bytes that are no UTF-8. */
enum pith_status cli_document(struct cli *cli, const char *path, struct pith_document **out);

/* The control of a command that streams text to stdout. */
struct pith_control cli_streaming(struct cli *cli);

/* Takes the progress off the terminal's line. */
void cli_progress_clear(struct cli *cli);

#endif
