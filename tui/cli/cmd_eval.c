/* pith eval: a method over a data set. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/target.h"
#include "fault.h"
#include "pith/evaluate.h"

/* What both kinds of run ask for. */
static enum pith_status begin(struct cli *cli, struct target *target, struct pith_evaluate_options *options, bool soft_only)
{
	const struct arguments *arguments = cli->arguments;
	*options = (struct pith_evaluate_options){.data_path = arguments->value[OPTION_DATA]};
	enum pith_status status = target_begin(target, cli, false);
	if (status == PITH_OK && soft_only && target->options.method->family != PITH_SOFT)
		status = fault(&cli->err, PITH_BAD_ARGUMENT, "pith %s wants a soft method: %s has no memory tokens to take away.",
		               arguments->command->name, target->options.method->name);
	if (status == PITH_OK && options->data_path == NULL)
		status = fault(&cli->err, PITH_BAD_ARGUMENT, "pith %s wants --data FILE.jsonl.", arguments->command->name);
	if (status == PITH_OK && arguments->given[OPTION_LIMIT])
		status = arguments_count(arguments, OPTION_LIMIT, 1, &options->limit, &cli->err);
	if (status == PITH_OK && arguments->given[OPTION_LENGTH])
		status = arguments_count(arguments, OPTION_LENGTH, 1, &options->max_length_tokens, &cli->err);
	if (status == PITH_OK)
		status = target_refine_steps(target, cli, &options->refine_steps);
	options->compress = target->options;
	return status == PITH_OK ? cli_open_model(cli) : status;
}

/* A score under its name in JSON and on the screen. */
struct score {
	const char *key, *title;
	const struct pith_mean *value;
};

/* "key": mean and "key_interval": [low, high] into object; false: no memory. */
static bool add_scores(json_t *object, const struct score *scores, size_t n)
{
	bool done = object != NULL;
	for (size_t i = 0; done && i < n; i++) {
		char name[64];
		snprintf(name, sizeof name, "%s_interval", scores[i].key);
		done = json_object_set_new(object, scores[i].key, json_real(scores[i].value->mean)) == 0 &&
		       json_object_set_new(object, name, json_pack("[f, f]", scores[i].value->low, scores[i].value->high)) == 0;
	}
	return done;
}

/* Prints the object, which is released. */
static enum pith_status print_json(struct cli *cli, json_t *object, const struct score *scores, size_t n)
{
	if (!add_scores(object, scores, n)) {
		json_decref(object);
		return fault_memory(&cli->err);
	}
	return output_json(object) ? PITH_OK : fault_memory(&cli->err);
}

/* Rows of the table that people read. */
static void print_row(const char *name, double value)
{
	printf("%-16s %8.4f\n", name, value);
}

static void print_scores(const struct score *scores, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%-16s %8.4f  [%.4f, %.4f]\n", scores[i].title, scores[i].value->mean, scores[i].value->low,
		       scores[i].value->high);
}

/* What it took. */
static void print_end(double refine_steps, double seconds)
{
	if (refine_steps > 0)
		print_row("refine steps", refine_steps);
	printf("%-16s %8.1f\n", "seconds", seconds);
}

static enum pith_status print_regenerate(struct cli *cli, const struct target *target,
					 const struct pith_regenerate_scores *scores)
{
	const struct score table[] = {
		{"rouge_l", "ROUGE-L", &scores->rouge_l}, {"rouge_l_set", "ROUGE-L (set)", &scores->rouge_l_set},
		{"bleu", "BLEU", &scores->bleu},          {"exact", "exact", &scores->exact},
		{"matched_prefix", "matched prefix", &scores->matched_prefix},
	};
	enum { N = sizeof table / sizeof *table };
	if (cli->json)
		return print_json(cli,
				  json_pack("{s:I, s:s, s:f, s:f, s:f, s:f}", "n", (json_int_t)scores->n, "method",
					    target->options.method->name, "cr", scores->cr, "delta_cr", scores->delta_cr,
					    "refine_steps", scores->refine_steps, "seconds", scores->seconds),
				  table, N);
	cli_progress_clear(cli);
	printf("%-16s %8s\n%-16s %8zu\n", "method", target->options.method->name, "texts", scores->n);
	print_row("CR", scores->cr);
	print_row("delta CR", scores->delta_cr);
	print_scores(table, N);
	print_end(scores->refine_steps, scores->seconds);
	return PITH_OK;
}

static enum pith_status print_answer(struct cli *cli, const struct target *target, const struct pith_answer_scores *scores)
{
	const struct score table[] = {
		{"f1", "F1", &scores->f1},       {"f1_full", "F1, full text", &scores->f1_full},
		{"em", "EM", &scores->em},       {"em_full", "EM, full text", &scores->em_full},
		{"retained", "F1 retained", &scores->retained},
	};
	enum { N = sizeof table / sizeof *table };
	if (cli->json)
		return print_json(cli,
				  json_pack("{s:I, s:s, s:f, s:f, s:f, s:f}", "n", (json_int_t)scores->n, "method",
					    target->options.method->name, "cr", scores->cr, "delta_cr", scores->delta_cr,
					    "refine_steps", scores->refine_steps, "seconds", scores->seconds),
				  table, N);
	cli_progress_clear(cli);
	printf("%-16s %8s\n%-16s %8zu\n", "method", target->options.method->name, "questions", scores->n);
	print_row("CR", scores->cr);
	print_row("delta CR", scores->delta_cr);
	print_scores(table, N);
	print_end(scores->refine_steps, scores->seconds);
	return PITH_OK;
}

enum exit_code cmd_eval_regenerate(struct cli *cli)
{
	struct target target;
	struct pith_evaluate_options options;
	struct pith_regenerate_scores scores;
	enum pith_status status = begin(cli, &target, &options, false);
	if (status == PITH_OK)
		status = pith_evaluate_regenerate(&scores, cli->model, &options, &cli->control, &cli->err);
	if (status == PITH_OK)
		status = print_regenerate(cli, &target, &scores);
	target_end(&target);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}

enum exit_code cmd_eval_answer(struct cli *cli)
{
	struct target target;
	struct pith_evaluate_options options;
	struct pith_answer_scores scores;
	enum pith_status status = begin(cli, &target, &options, false);
	if (status == PITH_OK)
		status = pith_evaluate_answer(&scores, cli->model, &options, &cli->control, &cli->err);
	if (status == PITH_OK)
		status = print_answer(cli, &target, &scores);
	target_end(&target);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}

static enum pith_status print_memory(struct cli *cli, const struct target *target, const struct pith_memory_scores *scores)
{
	if (cli->json) {
		json_t *lost = json_array(), *intervals = json_array();
		for (size_t j = 0; j < scores->n_tokens; j++) {
			json_array_append_new(lost, json_real(scores->lost[j].mean));
			json_array_append_new(intervals, json_pack("[f, f]", scores->lost[j].low, scores->lost[j].high));
		}
		bool done = json_array_size(lost) == scores->n_tokens && json_array_size(intervals) == scores->n_tokens;
		json_t *object = json_pack("{s:I, s:s, s:f, s:o, s:o, s:f, s:f}", "n", (json_int_t)scores->n, "method",
					   target->options.method->name, "rouge_l", scores->rouge_l.mean, "lost", lost,
					   "lost_interval", intervals, "evenness", scores->evenness, "seconds", scores->seconds);
		return done && output_json(object) ? PITH_OK : fault_memory(&cli->err);
	}
	cli_progress_clear(cli);
	printf("%-16s %8s\n%-16s %8zu\n", "method", target->options.method->name, "texts", scores->n);
	print_scores(&(struct score){"rouge_l", "ROUGE-L", &scores->rouge_l}, 1);
	for (size_t j = 0; j < scores->n_tokens; j++) {
		char name[48];
		snprintf(name, sizeof name, "lost without %zu", j + 1);
		print_scores(&(struct score){"lost", name, &scores->lost[j]}, 1);
	}
	print_row("evenness", scores->evenness);
	printf("%-16s %8.1f\n", "seconds", scores->seconds);
	return PITH_OK;
}

enum exit_code cmd_eval_memory(struct cli *cli)
{
	struct target target;
	struct pith_evaluate_options options;
	struct pith_memory_scores scores = {0};
	enum pith_status status = begin(cli, &target, &options, true);
	if (status == PITH_OK)
		status = pith_evaluate_memory(&scores, cli->model, &options, &cli->control, &cli->err);
	if (status == PITH_OK)
		status = print_memory(cli, &target, &scores);
	pith_memory_scores_free(&scores);
	target_end(&target);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}
