/* pith pairs: texts and what an extractive method leaves of them, at rates all over a range; for `pith train sft`. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/target.h"
#include "fault.h"

struct pairs {
	FILE *in, *out;
	const char *path;   /* of in */
	size_t line;        /* of in, from 1 */
	size_t n, limit;    /* pairs written; 0: no limit */
	size_t longest;     /* tokens of a text; 0: any */
	double low, high;   /* rates */
};

/* The next of a sequence that fills [low, high) evenly, however many are taken (multiples of the golden ratio's inverse). */
static double next_rate(const struct pairs *pairs)
{
	double turns = (double)pairs->n * 0.61803398874989485;
	return pairs->low + (pairs->high - pairs->low) * (turns - floor(turns));
}

static enum pith_status write_pair(struct pairs *pairs, struct cli *cli, struct pith_compressed *compressed, const char *text)
{
	const struct pith_compressed_info *info = pith_compressed_info(compressed);
	size_t length;
	const char *target = pith_compressed_text(compressed, &length);
	json_t *object = json_pack("{s:s, s:o, s:s, s:f}", "text", text, "target", output_json_text(target, length), "method",
	                           info->method->name, "cr", info->cr);
	bool done = object != NULL && json_dumpf(object, pairs->out, JSON_COMPACT) == 0 && fputc('\n', pairs->out) != EOF;
	json_decref(object);
	pairs->n += done;
	return done ? PITH_OK : fault(&cli->err, PITH_IO, "The pairs cannot be written: %s.", strerror(errno));
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
	if (status == PITH_OK && (pairs->longest == 0 || n_tokens <= pairs->longest)) {
		target->options.rate = next_rate(pairs);
		status = pith_compress(&compressed, document, &target->options, &quiet, &cli->err);
		if (status == PITH_OK && pith_compressed_info(compressed)->compressed_tokens > 0)
			status = write_pair(pairs, cli, compressed, text);
	}
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
	return status;
}

static enum pith_status read_lines(struct pairs *pairs, struct cli *cli, struct target *target)
{
	char *line = NULL, *previous = NULL; /* the text before: questions about one text stand together */
	size_t size = 0;
	enum pith_status status = PITH_OK;
	while (status == PITH_OK && (pairs->limit == 0 || pairs->n < pairs->limit) && getline(&line, &size, pairs->in) > 0) {
		json_error_t error;
		json_t *object = json_loads(line, 0, &error);
		json_t *text = json_object_get(object, "text");
		if (text == NULL)
			text = json_object_get(object, "context");
		pairs->line++;
		if (line[strspn(line, " \t\r\n")] == '\0')
			continue;
		if (!json_is_string(text))
			status = fault(&cli->err, PITH_BAD_FILE, "%s, line %zu: there is no \"text\" and no \"context\".", pairs->path,
			               pairs->line);
		else if (previous == NULL || strcmp(previous, json_string_value(text)) != 0)
			status = make_pair(pairs, cli, target, json_string_value(text), json_string_length(text));
		free(previous);
		previous = json_is_string(text) ? strdup(json_string_value(text)) : NULL;
		json_decref(object);
		if (cli->control.progress != NULL)
			cli->control.progress(cli->control.user, "pairs", (double)pairs->n, (double)pairs->limit);
	}
	free(previous);
	free(line);
	if (status == PITH_OK && ferror(pairs->in))
		status = fault(&cli->err, PITH_IO, "%s cannot be read: %s.", pairs->path, strerror(errno));
	return status;
}

/* --rates LOW,HIGH. */
static enum pith_status read_rates(struct pairs *pairs, struct cli *cli)
{
	const char *rates = cli->arguments->given[OPTION_RATES] ? cli->arguments->value[OPTION_RATES] : "0.1,0.7";
	const char *comma = strchr(rates, ',');
	char low[32];
	if (comma == NULL)
		return fault(&cli->err, PITH_BAD_ARGUMENT, "pith pairs wants --rates LOW,HIGH, not \"%.40s\".", rates);
	snprintf(low, sizeof low, "%.*s", (int)(comma - rates), rates);
	enum pith_status status = arguments_read_rate(low, &pairs->low, &cli->err);
	if (status == PITH_OK)
		status = arguments_read_rate(comma + 1, &pairs->high, &cli->err);
	if (status == PITH_OK && pairs->high < pairs->low)
		status = fault(&cli->err, PITH_BAD_ARGUMENT, "The rates of --rates LOW,HIGH stand the wrong way round: %s.", rates);
	return status;
}

static enum pith_status open_files(struct pairs *pairs, struct cli *cli)
{
	const char *out = cli->arguments->value[OPTION_OUTPUT];
	pairs->path = cli->arguments->value[OPTION_DATA];
	if (pairs->path == NULL)
		return fault(&cli->err, PITH_BAD_ARGUMENT, "pith pairs wants --data FILE.jsonl.");
	pairs->in = fopen(pairs->path, "r");
	if (pairs->in == NULL)
		return fault(&cli->err, PITH_IO, "%s cannot be opened: %s.", pairs->path, strerror(errno));
	pairs->out = out == NULL ? stdout : fopen(out, "w");
	if (pairs->out == NULL)
		return fault(&cli->err, PITH_IO, "%s cannot be written: %s.", out, strerror(errno));
	return PITH_OK;
}

static enum pith_status close_files(struct pairs *pairs, struct cli *cli, enum pith_status status)
{
	if (pairs->in != NULL)
		fclose(pairs->in);
	if (pairs->out != NULL && pairs->out != stdout && fclose(pairs->out) != 0 && status == PITH_OK)
		return fault(&cli->err, PITH_IO, "The pairs cannot be written: %s.", strerror(errno));
	return status;
}

enum exit_code cmd_pairs(struct cli *cli)
{
	struct target target;
	struct pairs pairs = {0};
	enum pith_status status = target_begin(&target, cli, true);
	if (status == PITH_OK && target.options.method->family == PITH_SOFT)
		status = fault(&cli->err, PITH_BAD_ARGUMENT, "%s makes memory rows, which are no text.", target.options.method->name);
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
		status = read_lines(&pairs, cli, &target);
	status = close_files(&pairs, cli, status);
	target_end(&target);
	if (status == PITH_OK)
		cli_say(cli, "%zu pairs.", pairs.n);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}
