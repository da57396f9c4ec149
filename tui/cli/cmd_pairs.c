/* pith pairs: texts and what an extractive method leaves of them, at rates all over a range; for `pith train sft`. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/output_path.h"
#include "cli/target.h"
#include "fault.h"
#include "pith/output_file.h"
#include "pith/texts.h"

struct pairs {
	struct pith_texts *texts;
	struct pith_output_file *out; /* NULL: standard output */
	size_t n, limit;              /* pairs written; 0: no limit */
	size_t longest;               /* tokens of a text; 0: any */
	size_t n_left_out;            /* texts that were longer */
	double low, high;             /* rates */
};

/* The next of a sequence that fills [low, high) evenly, however many are taken (multiples of the golden ratio's inverse). */
static double next_rate(const struct pairs *pairs)
{
	double turns = (double)pairs->n * 0.61803398874989485;
	return pairs->low + (pairs->high - pairs->low) * (turns - floor(turns));
}

static enum pith_status write_line(struct pairs *pairs, struct cli *cli, const char *line)
{
	enum pith_status status = PITH_OK;
	if (pairs->out == NULL)
		puts(line); /* what cannot be written shows when standard output is finished */
	else
		status = pith_output_file_write(pairs->out, line, strlen(line), &cli->err);
	if (status == PITH_OK && pairs->out != NULL)
		status = pith_output_file_write(pairs->out, "\n", 1, &cli->err);
	pairs->n += status == PITH_OK;
	return status;
}

static enum pith_status write_pair(struct pairs *pairs, struct cli *cli, struct pith_compressed *compressed, const char *text,
                                   size_t text_length)
{
	const struct pith_compressed_info *info = pith_compressed_info(compressed);
	size_t length;
	const char *target = pith_compressed_text(compressed, &length);
	json_t *object = json_pack("{s:o, s:o, s:s, s:f}", "text", output_json_text(text, text_length), "target",
	                           output_json_text(target, length), "method", info->method->name, "cr", info->cr);
	char *line = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
	json_decref(object);
	enum pith_status status = line == NULL ? fault_memory(&cli->err) : write_line(pairs, cli, line);
	free(line);
	return status;
}

static enum pith_status make_pair(struct pairs *pairs, struct cli *cli, struct target *target, const char *text, size_t length)
{
	struct pith_document *document = NULL;
	struct pith_compressed *compressed = NULL;
	size_t n_tokens;
	struct pith_control quiet = {.cancel = cli->control.cancel};
	if (length == 0)
		return PITH_OK;
	enum pith_status status = pith_document_create(&document, cli->model, text, length, &cli->err);
	if (status == PITH_OK)
		pith_document_tokens(document, &n_tokens);
	bool too_long = status == PITH_OK && pairs->longest > 0 && n_tokens > pairs->longest;
	pairs->n_left_out += too_long;
	if (status == PITH_OK && !too_long) {
		target->options.rate = next_rate(pairs);
		status = pith_compress(&compressed, document, &target->options, &quiet, &cli->err);
		if (status == PITH_OK && pith_compressed_info(compressed)->compressed_tokens > 0)
			status = write_pair(pairs, cli, compressed, text, length);
	}
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
	return status;
}

static enum pith_status make_pairs(struct pairs *pairs, struct cli *cli, struct target *target)
{
	char *previous = NULL; /* the text before: questions about one text stand together */
	size_t previous_length = 0, length = 0;
	const char *text = NULL;
	enum pith_status status = PITH_OK;
	while (status == PITH_OK && (pairs->limit == 0 || pairs->n < pairs->limit)) {
		status = pith_texts_next(pairs->texts, &text, &length, &cli->err);
		if (status != PITH_OK || text == NULL)
			break;
		if (previous != NULL && previous_length == length && memcmp(previous, text, length) == 0)
			continue;
		status = make_pair(pairs, cli, target, text, length);
		free(previous);
		previous = malloc(length + 1);
		if (previous == NULL)
			return status == PITH_OK ? fault_memory(&cli->err) : status;
		memcpy(previous, text, length);
		previous_length = length;
		if (cli->control.progress != NULL)
			cli->control.progress(cli->control.user, "pairs", (double)pairs->n, (double)pairs->limit);
	}
	free(previous);
	return status;
}

/* --rates LOW,HIGH. */
static enum pith_status read_rates(struct pairs *pairs, struct cli *cli)
{
	const char *rates = cli->arguments->given[OPTION_RATES] ? cli->arguments->value[OPTION_RATES] : "0.1,0.7";
	const char *comma = strchr(rates, ',');
	char low[32];
	if (comma == NULL || strchr(comma + 1, ',') != NULL)
		return fault(&cli->err, PITH_BAD_ARGUMENT, "pith pairs wants --rates LOW,HIGH, not \"%.40s\".", rates);
	snprintf(low, sizeof low, "%.*s", (int)(comma - rates), rates);
	enum pith_status status = arguments_read_rate(low, &pairs->low, &cli->err);
	if (status == PITH_OK)
		status = arguments_read_rate(comma + 1, &pairs->high, &cli->err);
	if (status == PITH_OK && pairs->high < pairs->low)
		status = fault(&cli->err, PITH_BAD_ARGUMENT, "The rates of --rates LOW,HIGH stand the wrong way round: %s.",
		               rates);
	return status;
}

static enum pith_status open_files(struct pairs *pairs, struct cli *cli)
{
	const char *data = cli->arguments->value[OPTION_DATA], *out = cli->arguments->value[OPTION_OUTPUT];
	if (data == NULL)
		return fault(&cli->err, PITH_BAD_ARGUMENT, "pith pairs wants --data FILE.jsonl.");
	enum pith_status status = output_path_check(cli, NULL); /* what is read may be replaced: it is written when all is read */
	if (status == PITH_OK)
		status = pith_texts_open(&pairs->texts, data, &cli->err);
	if (status == PITH_OK && out != NULL)
		status = pith_output_file_create(&pairs->out, out, &cli->err);
	return status;
}

static enum pith_status close_files(struct pairs *pairs, struct cli *cli, enum pith_status status)
{
	if (status == PITH_OK && pairs->out != NULL)
		status = pith_output_file_commit(pairs->out, &cli->err);
	else
		pith_output_file_abandon(pairs->out);
	pith_texts_close(pairs->texts);
	return status;
}

static void say_result(struct cli *cli, const struct pairs *pairs)
{
	cli_say(cli, "%zu pair%s.", pairs->n, pairs->n == 1 ? "" : "s");
	if (pairs->n_left_out > 0)
		cli_say(cli, "%zu text%s left out: more than the %zu token%s of --length.", pairs->n_left_out,
		        pairs->n_left_out == 1 ? " was" : "s were", pairs->longest, pairs->longest == 1 ? "" : "s");
}

enum exit_code cmd_pairs(struct cli *cli)
{
	struct target target;
	struct pairs pairs = {0};
	enum pith_status status = target_begin(&target, cli, true);
	if (status == PITH_OK && target.options.method->family == PITH_SOFT)
		status = fault(&cli->err, PITH_BAD_ARGUMENT, "%s makes memory rows, which are no text.",
		               target.options.method->name);
	/* The adapter of cmprsr is not to learn from itself: of that method the words that it is measured by. */
	if (status == PITH_OK)
		target.options.rewrite = target.options.rewrite && strcmp(target.options.method->name, "cmprsr") != 0;
	if (status == PITH_OK)
		status = read_rates(&pairs, cli);
	if (status == PITH_OK && cli->arguments->given[OPTION_LIMIT])
		status = arguments_count(cli->arguments, OPTION_LIMIT, 1, &pairs.limit, &cli->err);
	if (status == PITH_OK && cli->arguments->given[OPTION_LENGTH])
		status = arguments_count(cli->arguments, OPTION_LENGTH, 1, &pairs.longest, &cli->err);
	if (status == PITH_OK)
		status = cli_open_model(cli);
	if (status == PITH_OK)
		status = open_files(&pairs, cli);
	if (status == PITH_OK)
		status = make_pairs(&pairs, cli, &target);
	status = close_files(&pairs, cli, status);
	target_end(&target);
	if (status == PITH_OK)
		say_result(cli, &pairs);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}
