/* pith eval all: every method, at several rates, over every data set of a folder. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compare_report.h"
#include "cli/output.h"
#include "cli/output_path.h"
#include "cli/target.h"
#include "fault.h"

/* What is to be measured, and what came of it. */
struct plan {
	const struct compare_format *format;
	struct pith_compress_options *targets;
	size_t n_targets;
	const struct pith_method *against; /* NULL: none */
	char **paths; /* (n_paths) data sets */
	size_t n_paths;
	struct compared *compared; /* (n_paths), the first n_done filled */
	size_t n_done;
	size_t n_whole; /* of them, those that were measured to their end */
	size_t limit;
};

static void plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_paths; i++)
		free(plan->paths[i]);
	for (size_t i = 0; i < plan->n_done; i++) {
		free(plan->compared[i].data);
		pith_compare_report_free(&plan->compared[i].report);
	}
	free(plan->paths);
	free(plan->compared);
	free(plan->targets);
}

static bool add_path(struct plan *plan, char *path)
{
	char **grown = path == NULL ? NULL : realloc(plan->paths, (plan->n_paths + 1) * sizeof *grown);
	if (grown == NULL) {
		free(path);
		return false;
	}
	plan->paths = grown;
	plan->paths[plan->n_paths++] = path;
	return true;
}

static int is_data_set(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	return length > 6 && strcmp(entry->d_name + length - 6, ".jsonl") == 0;
}

/* A file, or all *.jsonl of a folder by name. */
static enum pith_status find_data(struct plan *plan, struct cli *cli)
{
	const char *data = cli->arguments->value[OPTION_DATA];
	struct stat info;
	if (data == NULL)
		return fault(&cli->err, PITH_BAD_ARGUMENT, "pith eval all wants --data, a FILE.jsonl or a folder of them.");
	if (stat(data, &info) != 0)
		return fault(&cli->err, PITH_IO, "%s cannot be opened: %s.", data, strerror(errno));
	if (!S_ISDIR(info.st_mode))
		return add_path(plan, strdup(data)) ? PITH_OK : fault_memory(&cli->err);
	struct dirent **entries;
	int n = scandir(data, &entries, is_data_set, alphasort);
	if (n < 0)
		return fault(&cli->err, PITH_IO, "The folder %s cannot be read: %s.", data, strerror(errno));
	bool done = true;
	for (int i = 0; i < n; i++) {
		char *path = NULL;
		if (done && asprintf(&path, "%s/%s", data, entries[i]->d_name) < 0)
			path = NULL;
		done = done && add_path(plan, path);
		free(entries[i]);
	}
	free(entries);
	if (done && n == 0)
		return fault(&cli->err, PITH_BAD_ARGUMENT, "The folder %s holds no .jsonl file.", data);
	return done ? PITH_OK : fault_memory(&cli->err);
}

/* A report must not take the place of what it is about. */
static enum pith_status check_output(const struct plan *plan, struct cli *cli)
{
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < plan->n_paths; i++)
		status = output_path_check(cli, plan->paths[i]);
	return status;
}

/* Copies the next of a list parted by commas to word; false: there is none. Words that are too long are cut. */
static bool next_word(const char **list, char *word, size_t size)
{
	size_t n = strcspn(*list, ",");
	if (**list == '\0')
		return false;
	snprintf(word, size, "%.*s", (int)n, *list);
	*list += n + ((*list)[n] == ',');
	return true;
}

/* The rates of one method. */
static enum pith_status add_targets(struct plan *plan, struct cli *cli, const struct pith_compress_options *base,
                                    const struct pith_method *method)
{
	const char *rates = cli->arguments->given[OPTION_RATES] ? cli->arguments->value[OPTION_RATES] : "0.1,0.2,0.3,0.5";
	char word[32];
	while (next_word(&rates, word, sizeof word)) {
		double rate;
		enum pith_status status = arguments_read_rate(word, &rate, &cli->err);
		if (status != PITH_OK)
			return status;
		struct pith_compress_options *grown = realloc(plan->targets, (plan->n_targets + 1) * sizeof *grown);
		if (grown == NULL)
			return fault_memory(&cli->err);
		plan->targets = grown;
		plan->targets[plan->n_targets] = *base;
		plan->targets[plan->n_targets].method = method;
		plan->targets[plan->n_targets++].rate = rate;
	}
	return PITH_OK;
}

/* Named methods as they come, or all that this model can do. */
static enum pith_status choose_targets(struct plan *plan, struct cli *cli)
{
	struct target base;
	enum pith_status status = target_begin(&base, cli, false);
	const char *names = cli->arguments->value[OPTION_METHODS];
	char word[64];
	if (status == PITH_OK && names != NULL && names[0] == '\0')
		status = fault(&cli->err, PITH_BAD_ARGUMENT, "--methods is empty.");
	while (status == PITH_OK && names != NULL && next_word(&names, word, sizeof word)) {
		const struct pith_method *method;
		status = target_method(&method, word, &cli->err);
		if (status == PITH_OK)
			status = add_targets(plan, cli, &base.options, method);
	}
	if (status == PITH_OK && plan->n_targets == 0) {
		size_t n;
		const struct pith_method *methods = pith_methods(&n);
		for (size_t i = 0; status == PITH_OK && i < n; i++)
			status = add_targets(plan, cli, &base.options, &methods[i]);
	}
	if (status == PITH_OK && plan->n_targets == 0)
		status = fault(&cli->err, PITH_BAD_ARGUMENT, "--rates is empty.");
	if (status == PITH_OK && cli->arguments->given[OPTION_AGAINST])
		status = target_method(&plan->against, cli->arguments->value[OPTION_AGAINST], &cli->err);
	bool measured = plan->against == NULL;
	for (size_t i = 0; i < plan->n_targets; i++)
		measured |= plan->targets[i].method == plan->against;
	if (status == PITH_OK && !measured)
		status = fault(&cli->err, PITH_BAD_ARGUMENT, "--against names %s, which is not among the --methods.",
		               plan->against->name);
	target_end(&base);
	return status;
}

static enum pith_status choose_format(struct plan *plan, struct cli *cli)
{
	const char *name = cli->json ? "json" : "markdown";
	if (cli->arguments->given[OPTION_FORMAT])
		name = cli->arguments->value[OPTION_FORMAT];
	plan->format = compare_format_find(name);
	if (plan->format != NULL && cli->json && strcmp(name, "json") != 0)
		return fault(&cli->err, PITH_BAD_ARGUMENT, "--json and --format %s are two formats: give one of them.", name);
	if (plan->format != NULL)
		return PITH_OK;
	return fault(&cli->err, PITH_BAD_ARGUMENT, "There is no format \"%.40s\"; there are markdown, csv and json.", name);
}

static enum pith_status compare_all(struct plan *plan, struct cli *cli)
{
	enum pith_status status = PITH_OK;
	plan->compared = calloc(plan->n_paths, sizeof *plan->compared);
	if (plan->compared == NULL)
		return fault_memory(&cli->err);
	for (size_t i = 0; status == PITH_OK && i < plan->n_paths; i++) {
		struct pith_compare_options options = {
			.data_path = plan->paths[i], .targets = plan->targets, .n_targets = plan->n_targets, .limit = plan->limit,
			.against = plan->against};
		const char *slash = strrchr(plan->paths[i], '/');
		plan->compared[i].data = strdup(slash == NULL ? plan->paths[i] : slash + 1);
		if (plan->compared[i].data == NULL)
			return fault_memory(&cli->err);
		plan->n_done = i + 1;
		status = pith_compare(&plan->compared[i].report, cli->model, &options, &cli->control, &cli->err);
		plan->n_whole += status == PITH_OK;
	}
	return status;
}

/* In memory first, so that a file is written whole or not at all. */
static enum pith_status write_report(const struct plan *plan, struct cli *cli)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	bool done = out != NULL && plan->format->write(out, plan->compared, plan->n_whole, plan->against);
	if (out != NULL)
		done = fclose(out) == 0 && done;
	enum pith_status status = done ? PITH_OK : fault_memory(&cli->err);
	cli_progress_clear(cli);
	if (status == PITH_OK && cli->arguments->given[OPTION_OUTPUT])
		status = output_file(cli->arguments->value[OPTION_OUTPUT], text, length, &cli->err);
	else if (status == PITH_OK)
		output_text(stdout, text, length);
	free(text);
	return status;
}

enum exit_code cmd_eval_all(struct cli *cli)
{
	struct plan plan = {0};
	enum pith_status status = choose_format(&plan, cli);
	if (status == PITH_OK && cli->arguments->given[OPTION_LIMIT])
		status = arguments_count(cli->arguments, OPTION_LIMIT, 1, &plan.limit, &cli->err);
	if (status == PITH_OK)
		status = find_data(&plan, cli);
	if (status == PITH_OK)
		status = check_output(&plan, cli);
	if (status == PITH_OK)
		status = choose_targets(&plan, cli);
	if (status == PITH_OK)
		status = cli_open_model(cli);
	if (status == PITH_OK)
		status = compare_all(&plan, cli);
	/* What was measured before a set that failed, or before Ctrl-C, is not lost. */
	if (status == PITH_OK || (plan.n_whole > 0 && status != PITH_NO_MEMORY)) {
		enum pith_status written = write_report(&plan, cli);
		if (status != PITH_OK && written == PITH_OK)
			cli_say(cli, "The report has the %zu of %zu data sets that were measured whole.", plan.n_whole,
			        plan.n_paths);
		status = status == PITH_OK ? written : status;
	}
	plan_free(&plan);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}
