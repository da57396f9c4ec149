/* pith train --watch and --plot: what the log of a run says. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/train_report.h"
#include "fault.h"
#include "terminal.h"
#include "training/curves_svg.h"
#include "training/training_view.h"
#include "training/watch.h"

static json_t *number_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static bool print_state_json(const char *path, const struct pith_train_report *state)
{
	json_t *object = json_pack("{s:o, s:i, s:o, s:I, s:o}", "log", output_json_text(path, strlen(path)), "step", state->step,
				   "n_steps", state->n_steps > 0 ? json_integer(state->n_steps) : json_null(), "tokens",
				   (json_int_t)state->tokens, "loss", number_json(state->loss));
	if (object == NULL)
		return false;
	json_object_set_new(object, "losses", train_report_losses(state->objective_loss));
	json_object_set_new(object, "held_out", train_report_losses(state->eval_loss));
	json_object_set_new(object, "held_out_accuracies", train_report_losses(state->eval_accuracy));
	json_object_set_new(object, "learning_rate", number_json(state->learning_rate));
	json_object_set_new(object, "tokens_per_second", number_json(state->tokens_per_second));
	json_object_set_new(object, "seconds_left", number_json(state->seconds_left));
	return output_json(object);
}

/* The whole log as it is now; a run that has not reported yet has nothing to show. */
static enum pith_status read_log(struct cli *cli, struct training_log *log, const char *path)
{
	enum pith_status status = training_log_open(log, path, &cli->err);
	if (status == PITH_OK)
		status = training_log_read(log, true, &cli->err);
	if (status == PITH_OK && log->n == 0)
		status = fault(&cli->err, PITH_BAD_FILE, "%s is empty: the run has not reported yet.", path);
	return status;
}

static enum exit_code print_once(struct cli *cli, const char *path)
{
	struct training_log log;
	struct pith_train_report state;
	enum pith_status status = read_log(cli, &log, path);
	if (status == PITH_OK && training_log_state(&log, &state)) {
		if (!cli->json) {
			train_report_print(stdout, &state);
			putchar('\n');
		} else if (!print_state_json(path, &state)) {
			status = fault_memory(&cli->err);
		}
	}
	training_log_close(&log);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}

static enum exit_code plot(struct cli *cli, const char *path)
{
	struct training_log log;
	if (cli->json) {
		fault(&cli->err, PITH_BAD_ARGUMENT, "--plot prints a picture: it takes no --json.");
		return cli_failed(cli, PITH_BAD_ARGUMENT);
	}
	enum pith_status status = read_log(cli, &log, path);
	if (status == PITH_OK)
		curves_svg_write(stdout, &log);
	training_log_close(&log);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}

static enum exit_code watch(struct cli *cli, const char *path)
{
	struct training_view view;
	enum pith_status status = training_view_open(&view, path, 0, &cli->err);
	if (status != PITH_OK)
		return cli_failed(cli, status);
	enum exit_code code = (enum exit_code)watch_run(&cli->settings, &view);
	training_view_close(&view);
	return code;
}

enum exit_code cmd_train(struct cli *cli)
{
	const struct arguments *arguments = cli->arguments;
	if (arguments->given[OPTION_WATCH] && arguments->given[OPTION_PLOT]) {
		fault(&cli->err, PITH_BAD_ARGUMENT, "--watch and --plot are two ways to look at a log: give one of them.");
		return cli_failed(cli, PITH_BAD_ARGUMENT);
	}
	if (arguments->given[OPTION_PLOT])
		return plot(cli, arguments->value[OPTION_PLOT]);
	const char *path = arguments->value[OPTION_WATCH];
	return cli->json || !terminal_is_there() ? print_once(cli, path) : watch(cli, path);
}
