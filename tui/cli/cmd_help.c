#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "fault.h"

enum exit_code cmd_help(struct cli *cli)
{
	const struct arguments *arguments = cli->arguments;
	size_t n_used;
	const struct command *command = command_find(arguments->words, arguments->n_words, &n_used);
	if (n_used < arguments->n_words) {
		fault(&cli->err, PITH_BAD_ARGUMENT, "There is no command \"%.60s\"; pith --help lists them.",
		      arguments->words[n_used]);
		return cli_failed(cli, PITH_BAD_ARGUMENT);
	}
	if (command == NULL && n_used == 1)
		command_help_group(stdout, arguments->words[0]);
	else
		command_help(stdout, command);
	return EXIT_CODE_OK;
}
