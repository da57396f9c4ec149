/* pith train: recipes to their end, with a line that says how it goes. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/recipe_checks.h"
#include "cli/train_report.h"
#include "fault.h"
#include "pith/train.h"
#include "recipe.h"

/* What the reports of one run leave behind. */
struct watch {
	struct cli *cli;
	struct pith_train_report last;
	bool reported;
};

/* On a terminal one line is rewritten; elsewhere each report is a line. */
static void on_report(void *user, const struct pith_train_report *report)
{
	struct watch *watch = user;
	struct cli *cli = watch->cli;
	watch->last = *report;
	watch->reported = true;
	cli_progress_clear(cli);
	if (report->over) {
		cli_say(cli,
		        "The run had finished before, with step %d, and had read %llu tokens: there was nothing left to learn.",
		        report->step, (unsigned long long)report->tokens);
		return;
	}
	train_report_print(stderr, report);
	if (cli->shows_progress)
		cli->progress_on_line = true;
	else
		fputc('\n', stderr);
	fflush(stderr);
}

static enum pith_status print_result(struct cli *cli, const struct watch *watch, const char *output)
{
	cli_progress_clear(cli);
	if (!cli->json) {
		cli_say(cli, "%s is written.", output);
		return PITH_OK;
	}
	json_t *object = json_pack("{s:o}", "output", output_json_text(output, strlen(output)));
	if (watch->reported && watch->last.over)
		json_object_set_new(object, "finished_before", json_true());
	if (watch->reported) {
		json_object_set_new(object, "steps", json_integer(watch->last.step));
		json_object_set_new(object, "tokens", json_integer((json_int_t)watch->last.tokens));
		json_object_set_new(object, "loss", isnan(watch->last.loss) ? json_null() : json_real(watch->last.loss));
		json_object_set_new(object, "losses", train_report_losses(watch->last.objective_loss));
		json_object_set_new(object, "eval_losses", train_report_losses(watch->last.eval_loss));
		json_object_set_new(object, "eval_accuracies", train_report_losses(watch->last.eval_accuracy));
	}
	return output_json(object) ? PITH_OK : fault_memory(&cli->err);
}

/* An adapter that rewrites learns which words are worth keeping, too. */
static bool serves(enum pith_objective task, enum pith_objective objective)
{
	return task == objective || (objective == PITH_OBJECTIVE_REWRITE && task == PITH_OBJECTIVE_KEEP);
}

/* An adapter is trained for one purpose: every task must serve it. */
static enum pith_status check_tasks(struct cli *cli, const struct recipe *recipe, enum pith_objective objective)
{
	for (size_t i = 0; i < recipe->options.n_tasks; i++)
		if (!serves(recipe->options.tasks[i].objective, objective))
			return fault(&cli->err, PITH_BAD_ARGUMENT, "%s: pith %s takes tasks with the objective %s only, not %s.",
				     cli->arguments->words[0], cli->arguments->command->name, pith_objective_name(objective),
				     pith_objective_name(recipe->options.tasks[i].objective));
	if (recipe->options.base_path == NULL)
		return fault(&cli->err, PITH_BAD_ARGUMENT, "%s: an adapter needs the base that it belongs to: base: FILE.gguf.",
			     cli->arguments->words[0]);
	return PITH_OK;
}

/* A recipe that cannot be used is a matter of configuration. */
static enum exit_code failed_recipe(struct cli *cli, enum pith_status status)
{
	enum exit_code code = cli_failed(cli, status);
	return status == PITH_BAD_FILE ? EXIT_CODE_USAGE : code;
}

static enum exit_code train(struct cli *cli, enum pith_trained trained, enum pith_objective objective)
{
	struct recipe recipe;
	struct watch watch = {.cli = cli};
	enum pith_status status = recipe_load(&recipe, cli->arguments->words[0], &cli->err);
	recipe.options.trained = trained;
	if (status == PITH_OK)
		status = recipe_check(&recipe, cli->arguments->words[0], &cli->err);
	if (status == PITH_OK && trained == PITH_TRAIN_ADAPTER)
		status = check_tasks(cli, &recipe, objective);
	if (status == PITH_OK && cli->arguments->given[OPTION_THREADS])
		recipe.options.n_threads = cli->settings.threads;
	if (status != PITH_OK) {
		recipe_free(&recipe);
		return failed_recipe(cli, status);
	}
	status = pith_train_run(&recipe.options, on_report, &watch, &cli->control, &cli->err);
	if (status == PITH_OK)
		status = print_result(cli, &watch, recipe.options.output_path);
	if (status == PITH_CANCELLED)
		cli_say(cli, "%s", cli->err.message);
	recipe_free(&recipe);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}

enum exit_code cmd_train_base(struct cli *cli)
{
	return train(cli, PITH_TRAIN_BASE, PITH_OBJECTIVE_LM);
}

enum exit_code cmd_train_regenerate(struct cli *cli)
{
	return train(cli, PITH_TRAIN_ADAPTER, PITH_OBJECTIVE_REGENERATE);
}

enum exit_code cmd_train_answer(struct cli *cli)
{
	return train(cli, PITH_TRAIN_ADAPTER, PITH_OBJECTIVE_ANSWER);
}

enum exit_code cmd_train_read(struct cli *cli)
{
	return train(cli, PITH_TRAIN_ADAPTER, PITH_OBJECTIVE_ANSWER_FULL);
}

enum exit_code cmd_train_sft(struct cli *cli)
{
	return train(cli, PITH_TRAIN_ADAPTER, PITH_OBJECTIVE_REWRITE);
}

enum exit_code cmd_train_tokenizer(struct cli *cli)
{
	struct recipe_tokenizer recipe;
	struct watch watch = {.cli = cli};
	enum pith_status status = recipe_tokenizer_load(&recipe, cli->arguments->words[0], &cli->err);
	if (status == PITH_OK)
		status = recipe_check_tokenizer(&recipe, cli->arguments->words[0], &cli->err);
	if (status != PITH_OK) {
		recipe_tokenizer_free(&recipe);
		return failed_recipe(cli, status);
	}
	status = pith_train_tokenizer(&recipe.options, &cli->control, &cli->err);
	if (status == PITH_OK)
		status = print_result(cli, &watch, recipe.options.output_path);
	recipe_tokenizer_free(&recipe);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}

/* What the reports on a keep head leave behind. */
struct keep_watch {
	struct cli *cli;
	struct pith_keep_report last;
};

static void on_keep_report(void *user, const struct pith_keep_report *report)
{
	struct keep_watch *watch = user;
	watch->last = *report;
	cli_progress_clear(watch->cli);
	if (report->epoch == 1)
		fprintf(stderr, "%zu texts, %zu tokens; %zu texts left out, which lack the words of their short form\n",
			report->n_texts, report->n_tokens, report->n_left_out);
	fprintf(stderr, "epoch %d/%d, loss %.4f", report->epoch, report->n_epochs, report->loss);
	if (!isnan(report->held_out_loss))
		fprintf(stderr, ", held out %.4f, F1 %.3f, AUC %.3f", report->held_out_loss, report->f1, report->auc);
	fputc('\n', stderr);
	fflush(stderr);
}

static enum pith_status print_keep_result(struct cli *cli, const struct pith_keep_report *last, const char *output)
{
	if (!cli->json) {
		cli_say(cli, "%s is written.", output);
		return PITH_OK;
	}
	json_t *object = json_pack("{s:o, s:i, s:I, s:I, s:I, s:f}", "output", output_json_text(output, strlen(output)), "epochs",
				   last->epoch, "texts", (json_int_t)last->n_texts, "left_out", (json_int_t)last->n_left_out,
				   "tokens", (json_int_t)last->n_tokens, "loss", last->loss);
	const double measures[] = {last->held_out_loss, last->f1, last->auc};
	static const char *const names[] = {"held_out_loss", "f1", "auc"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		json_object_set_new(object, names[i], isnan(measures[i]) ? json_null() : json_real(measures[i]));
	return output_json(object) ? PITH_OK : fault_memory(&cli->err);
}

enum exit_code cmd_train_keep(struct cli *cli)
{
	struct recipe_keep recipe;
	struct keep_watch watch = {.cli = cli};
	enum pith_status status = recipe_keep_load(&recipe, cli->arguments->words[0], &cli->err);
	if (status == PITH_OK)
		status = recipe_check_keep(&recipe, cli->arguments->words[0], &cli->err);
	if (status != PITH_OK) {
		recipe_keep_free(&recipe);
		return failed_recipe(cli, status);
	}
	if (cli->arguments->given[OPTION_THREADS])
		recipe.options.n_threads = cli->settings.threads;
	status = pith_train_keep(&recipe.options, on_keep_report, &watch, &cli->control, &cli->err);
	if (status == PITH_OK)
		status = print_keep_result(cli, &watch.last, recipe.options.output_path);
	recipe_keep_free(&recipe);
	if (status == PITH_CANCELLED)
		cli_say(cli, "Stopped: nothing was saved.");
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}

/* Every step is told: it takes seconds. */
static void on_grpo_report(void *user, const struct pith_grpo_report *r)
{
	struct cli *cli = user;
	cli_progress_clear(cli);
	fprintf(stderr, "step %d/%d, rewards: length %.3f, quality %.3f; CR %.3f, delta CR %+.3f, over %.0f %%, KL %.4f, %.0f s",
	        r->step, r->n_steps, r->reward_length, r->reward_quality, r->rate, r->delta_cr, 100 * r->over_budget, r->kl,
	        r->seconds);
	if (r->hacked > 0)
		fprintf(stderr, ", hacked %.0f %%", 100 * r->hacked);
	fputc('\n', stderr);
	fflush(stderr);
}

enum exit_code cmd_train_grpo(struct cli *cli)
{
	struct recipe_grpo recipe;
	enum pith_status status = recipe_grpo_load(&recipe, cli->arguments->words[0], &cli->err);
	if (status == PITH_OK)
		status = recipe_check_grpo(&recipe, cli->arguments->words[0], &cli->err);
	if (status != PITH_OK) {
		recipe_grpo_free(&recipe);
		return failed_recipe(cli, status);
	}
	if (cli->arguments->given[OPTION_THREADS])
		recipe.options.n_threads = cli->settings.threads;
	status = pith_train_grpo(&recipe.options, on_grpo_report, cli, &cli->control, &cli->err);
	const char *output = recipe.options.output_path;
	if (status == PITH_OK && cli->json) {
		if (!output_json(json_pack("{s:o}", "output", output_json_text(output, strlen(output)))))
			status = fault_memory(&cli->err);
	} else if (status == PITH_OK) {
		cli_say(cli, "%s is written.", output);
	} else if (status == PITH_CANCELLED) {
		cli_say(cli, "%s", cli->err.message);
	}
	recipe_grpo_free(&recipe);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}
