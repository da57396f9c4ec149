/*
 * The program: a command, or the workbench. A command runs without a screen in
 * cli/; the workbench needs a terminal.
 */
#define _POSIX_C_SOURCE 200809L
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "fault.h"
#include "pith/model.h"
#include "terminal.h"

/* Can it be read more than once? Standard input, a named pipe and <(a command) cannot. */
static bool reads_again(const char *path)
{
	struct stat info;
	return strcmp(path, "-") != 0 && (stat(path, &info) != 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode));
}

/* What can be found wrong with a document before a screen covers the sentence; what reads only once is left to the screen. */
static enum pith_status check_document(const char *path, struct pith_error *err)
{
	struct document_file file;
	if (path != NULL && document_file_is_keyboard(path))
		return fault(err, PITH_BAD_ARGUMENT, "Standard input is the keyboard, which the workbench needs: paste the text there, "
						     "or pipe it in.");
	if (path == NULL || !reads_again(path) || pith_is_soft_prompt(path))
		return PITH_OK;
	enum pith_status status = document_file_read(&file, path, NULL, err);
	if (status == PITH_OK)
		document_file_free(&file);
	return status;
}

static enum exit_code open_workbench(struct cli *cli)
{
	const struct arguments *arguments = cli->arguments;
	const char *document = arguments->n_words > 0 ? arguments->words[0] : NULL;
	if (arguments->given[OPTION_CR] && arguments_rate(arguments, &cli->settings.rate, &cli->err) != PITH_OK)
		return cli_failed(cli, PITH_BAD_ARGUMENT);
	if (!terminal_is_there()) {
		cli_say(cli, "The workbench needs a terminal; without one use a command: pith compress, regenerate, ask, eval "
			     "(pith --help).");
		return EXIT_CODE_USAGE;
	}
	enum pith_status status = check_document(document, &cli->err);
	if (status != PITH_OK)
		return cli_failed(cli, status);
	char *model = cli_model_path(cli);
	cli->about_model = model == NULL;
	if (model == NULL)
		return cli_failed(cli, cli->err.code);
	enum exit_code code = (enum exit_code)workbench_run(&cli->settings, model, document);
	free(model);
	return code;
}

static enum exit_code run(const struct arguments *arguments)
{
	struct cli cli;
	enum exit_code code = cli_begin(&cli, arguments);
	if (code == EXIT_CODE_OK)
		code = arguments->command != NULL ? cli_run(&cli) : open_workbench(&cli);
	cli_end(&cli);
	return code;
}

int main(int argc, char **argv)
{
	/* Numbers keep their point in every language; a reader that goes away ends us quietly, whatever our parent did. */
	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C");
	signal(SIGPIPE, SIG_DFL);

	struct arguments arguments;
	struct pith_error err;
	if (arguments_parse(&arguments, argc, argv, &err) != PITH_OK) {
		fprintf(stderr, "pith: %s\n", err.message);
		return EXIT_CODE_USAGE;
	}
	if (!arguments.given[OPTION_VERSION] && !arguments.given[OPTION_HELP])
		return run(&arguments);
	if (arguments.given[OPTION_VERSION])
		printf("pith %s\n", pith_version());
	else if (arguments.group != NULL)
		command_help_group(stdout, arguments.group);
	else
		command_help(stdout, arguments.command);
	if (output_finish(&err) == PITH_OK)
		return EXIT_CODE_OK;
	fprintf(stderr, "pith: %s\n", err.message);
	return EXIT_CODE_FAILED;
}
