#define _GNU_SOURCE
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "clock.h"
#include "fault.h"
#include "paths.h"

/* What the signal handler touches. */
static atomic_bool cancel;
static volatile sig_atomic_t cancel_signal;

static void on_signal(int number)
{
	/* The second one means it. */
	if (atomic_exchange(&cancel, true))
		_exit(EXIT_CODE_SIGNAL + number);
	cancel_signal = number;
}

static void catch_signals(void)
{
	/* No SA_RESTART: a read from a terminal or pipe must end. */
	struct sigaction action = {.sa_handler = on_signal};
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

void cli_progress_clear(struct cli *cli)
{
	if (cli->progress_on_line)
		fputs("\r\033[K", stderr);
	cli->progress_on_line = false;
}

void cli_say(struct cli *cli, const char *format, ...)
{
	va_list arguments;
	cli_progress_clear(cli);
	fflush(stdout);
	fputs("pith: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

/* One line, rewritten at most ten times a second, and only when the work takes longer than a blink. */
static void show_progress(void *user, const char *what, double done, double total)
{
	enum { BLINK_MS = 200, REDRAW_MS = 100 };
	struct cli *cli = user;
	double now = clock_now();
	if (!cli->shows_progress || now - cli->progress_since < BLINK_MS * 1e-3 || now - cli->progress_drawn < REDRAW_MS * 1e-3)
		return;
	cli->progress_drawn = now;
	cli->progress_on_line = true;
	if (total > 0)
		fprintf(stderr, "\r\033[K%s %.0f %%", what, 100 * done / total);
	else
		fprintf(stderr, "\r\033[K%s %.0f", what, done);
	fflush(stderr);
}

static void show_log(void *user, const char *line)
{
	cli_say(user, "%s", line);
}

/* A piece of text: from now on the line belongs to it. */
static void stream_text(void *user, const char *text, size_t length)
{
	struct cli *cli = user;
	cli_progress_clear(cli);
	if (isatty(STDOUT_FILENO))
		cli->shows_progress = false;
	output_text(stdout, text, length);
	fflush(stdout);
}

struct pith_control cli_streaming(struct cli *cli)
{
	struct pith_control control = cli->control;
	control.text = stream_text;
	return control;
}

static void print_warnings(struct cli *cli)
{
	char *line = cli->settings.warnings;
	for (char *end; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1)
		cli_say(cli, "%.*s", (int)(end - line), line);
}

/* Figures depend on the level of the kernels: a name that is none is refused, what this machine lacks is told. */
static enum pith_status check_cpu(struct cli *cli)
{
	enum pith_status status = pith_cpu_check(NULL, &cli->err);
	if (status == PITH_UNSUPPORTED)
		cli_say(cli, "%s", cli->err.message);
	return status == PITH_UNSUPPORTED ? PITH_OK : status;
}

enum exit_code cli_begin(struct cli *cli, const struct arguments *arguments)
{
	*cli = (struct cli){.arguments = arguments, .json = arguments->given[OPTION_JSON]};
	const char *terminal = getenv("TERM");
	cli->shows_progress = isatty(STDERR_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
	cli->progress_since = clock_now();
	cli->control = (struct pith_control){.progress = show_progress, .log = show_log, .user = cli, .cancel = &cancel};

	struct settings_request request = {
		.config_path = arguments->value[OPTION_CONFIG], .flags = arguments->flags, .n_flags = arguments->n_flags};
	enum pith_status status = settings_load(&cli->settings, &request, &cli->err);
	if (status == PITH_OK)
		status = check_cpu(cli);
	if (status != PITH_OK) {
		cli_say(cli, "%s", cli->err.message);
		return status == PITH_NO_MEMORY ? EXIT_CODE_FAILED : EXIT_CODE_USAGE;
	}
	print_warnings(cli);
	return EXIT_CODE_OK;
}

char *cli_model_path(struct cli *cli)
{
	bool named = cli->settings.model[0] != '\0';
	char *path = named ? strdup(cli->settings.model) : paths_shipped("models/pith-default.gguf");
	if (path == NULL && named)
		fault_memory(&cli->err);
	else if (path == NULL)
		fault(&cli->err, PITH_IO,
		      "No model was found: models/pith-default.gguf is missing, and neither --model nor PITH_MODEL names "
		      "another.");
	else if (access(path, R_OK) == 0)
		return path;
	else
		fault(&cli->err, PITH_IO, "The model %s cannot be opened: %s.", path, strerror(errno));
	free(path);
	return NULL;
}

enum pith_status cli_open_model(struct cli *cli)
{
	if (cli->model != NULL)
		return PITH_OK;
	char *path = cli_model_path(cli);
	struct pith_model_options options = {.n_threads = cli->settings.threads};
	enum pith_status status = cli->err.code;
	if (path != NULL)
		status = pith_model_open(&cli->model, path, &options, &cli->control, &cli->err);
	cli->about_model = status != PITH_OK;
	free(path);
	return status;
}

enum pith_status cli_soft_prompt(struct cli *cli, const char *path, struct pith_compressed **out)
{
	*out = NULL;
	if (access(path, R_OK) != 0)
		return fault(&cli->err, PITH_IO, "%s cannot be opened: %s.", path, strerror(errno));
	enum pith_status status = cli_open_model(cli);
	if (status != PITH_OK)
		return status;
	status = pith_compressed_load(out, cli->model, path, &cli->err);
	cli->about_model = status != PITH_OK && status != PITH_IO;
	return status;
}

enum exit_code cli_run(struct cli *cli)
{
	catch_signals();
	enum exit_code code = cli->arguments->command->run(cli);
	cli_progress_clear(cli);
	if (code == EXIT_CODE_OK && output_finish(&cli->err) != PITH_OK)
		code = cli_failed(cli, PITH_IO);
	return code;
}

void cli_end(struct cli *cli)
{
	pith_model_close(cli->model);
	settings_free(&cli->settings);
	cli->model = NULL;
}

enum exit_code cli_failed(struct cli *cli, enum pith_status status)
{
	if (status == PITH_CANCELLED) {
		cli_progress_clear(cli);
		return cancel_signal == SIGTERM ? EXIT_CODE_TERMINATED : EXIT_CODE_INTERRUPTED;
	}
	cli_say(cli, "%s", cli->err.message);
	if (cli->about_model && status != PITH_NO_MEMORY)
		return EXIT_CODE_MODEL;
	switch (status) {
	case PITH_BAD_ARGUMENT: return EXIT_CODE_USAGE;
	case PITH_MISMATCH: return EXIT_CODE_MODEL;
	default: return EXIT_CODE_FAILED;
	}
}

enum pith_status cli_document(struct cli *cli, const char *path, struct pith_document **out)
{
	struct document_file file;
	*out = NULL;
	enum pith_status status = document_file_read(&file, path, &cancel, &cli->err);
	if (status != PITH_OK)
		return status;
	if (file.invalid_utf8)
		cli_say(cli, "%s is not valid UTF-8; its bytes are kept as they are.",
			strcmp(path, "-") == 0 ? "Standard input" : path);
	status = cli_open_model(cli);
	if (status == PITH_OK)
		status = pith_document_create(out, cli->model, file.text, file.length, &cli->err);
	document_file_free(&file);
	return status;
}
