/* pith bench models: which model writes the best short texts? Each is the writer of the method vanilla; one model answers for
 * all. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "fault.h"
#include "pith/evaluate.h"

enum { MOST_RATES = 16, MOST_MODELS = 64 };

/* A model of the list, and what came of it. */
struct entrant {
	char *name;             /* as it is shown; of a server: the model's name there */
	const char *url;        /* NULL: a file */
	struct pith_answer_scores scores[MOST_RATES];
	double kept, delta_cr, abs_delta_cr; /* means over the rates */
	struct pith_error failure;           /* code PITH_OK: none */
};

struct bench {
	struct cli *cli;
	char *list; /* the words of the command line, cut up */
	struct entrant *entrants;
	size_t n_entrants;
	double rates[MOST_RATES];
	size_t n_rates;
	struct pith_evaluate_options options;
};

/* --- what is asked for -------------------------------------------------------------------------------------- */

static enum pith_status read_rates(struct bench *bench)
{
	const char *given = bench->cli->arguments->value[OPTION_RATES];
	char *copy = strdup(given != NULL ? given : "0.1,0.3,0.5"), *rest = NULL;
	enum pith_status status = copy == NULL ? fault_memory(&bench->cli->err) : PITH_OK;
	for (char *word = copy == NULL ? NULL : strtok_r(copy, ",", &rest); status == PITH_OK && word != NULL;
	     word = strtok_r(NULL, ",", &rest)) {
		if (bench->n_rates == MOST_RATES)
			status = fault(&bench->cli->err, PITH_BAD_ARGUMENT, "--rates takes at most %d rates.", (int)MOST_RATES);
		else
			status = arguments_read_rate(word, &bench->rates[bench->n_rates++], &bench->cli->err);
	}
	if (status == PITH_OK && bench->n_rates == 0)
		status = fault(&bench->cli->err, PITH_BAD_ARGUMENT, "--rates wants a list such as 0.1,0.3,0.5.");
	free(copy);
	return status;
}

/* NAME=URL, or a file. */
static struct entrant read_entrant(char *word)
{
	char *equals = strchr(word, '=');
	struct entrant entrant = {.name = word};
	if (equals != NULL && strstr(equals, "://") != NULL) {
		*equals = '\0';
		entrant.url = equals + 1;
	}
	return entrant;
}

static bool is_http(const char *url)
{
	return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static enum pith_status read_list(struct bench *bench)
{
	char *rest = NULL;
	bench->list = strdup(bench->cli->arguments->words[0]);
	bench->entrants = calloc(MOST_MODELS, sizeof *bench->entrants);
	if (bench->list == NULL || bench->entrants == NULL)
		return fault_memory(&bench->cli->err);
	for (char *word = strtok_r(bench->list, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
		if (bench->n_entrants == MOST_MODELS)
			return fault(&bench->cli->err, PITH_BAD_ARGUMENT, "At most %d models can be compared.", (int)MOST_MODELS);
		const struct entrant entrant = read_entrant(word);
		if (entrant.url != NULL && !is_http(entrant.url))
			return fault(&bench->cli->err, PITH_BAD_ARGUMENT,
			             "\"%.100s\" is no address of a server: http://HOST:PORT/v1 is what one looks like.",
			             entrant.url);
		bench->entrants[bench->n_entrants++] = entrant;
	}
	if (bench->n_entrants == 0)
		return fault(&bench->cli->err, PITH_BAD_ARGUMENT,
			     "pith bench models wants FILE.gguf or NAME=URL, parted by commas.");
	return PITH_OK;
}

static enum pith_status begin(struct bench *bench)
{
	const struct arguments *arguments = bench->cli->arguments;
	struct pith_compress_options *compress = &bench->options.compress;
	enum pith_status status = read_list(bench);
	if (status == PITH_OK)
		status = read_rates(bench);
	if (status == PITH_OK && arguments->value[OPTION_DATA] == NULL)
		status = fault(&bench->cli->err, PITH_BAD_ARGUMENT, "pith bench models wants --data FILE.jsonl.");
	if (status == PITH_OK && arguments->given[OPTION_LIMIT])
		status = arguments_count(arguments, OPTION_LIMIT, 1, &bench->options.limit, &bench->cli->err);
	bench->options.data_path = arguments->value[OPTION_DATA];
	pith_compress_options_init(compress);
	compress->method = pith_method_find("vanilla");
	settings_keep(&bench->cli->settings, compress);
	compress->rewrite = true; /* it is writers that are ranked */
	compress->server_seconds = bench->cli->settings.server_timeout;
	return status == PITH_OK ? cli_open_model(bench->cli) : status;
}

static void end(struct bench *bench)
{
	free(bench->entrants);
	free(bench->list);
}

/* --- the runs ----------------------------------------------------------------------------------------------- */

static enum pith_status run_rates(struct bench *bench, struct entrant *entrant, struct pith_model *writer)
{
	struct pith_compress_options *compress = &bench->options.compress;
	enum pith_status status = PITH_OK;
	compress->writer = writer;
	compress->server = entrant->url;
	compress->server_model = entrant->name;
	for (size_t i = 0; status == PITH_OK && i < bench->n_rates; i++) {
		struct pith_answer_scores *scores = &entrant->scores[i];
		compress->rate = bench->rates[i];
		status =
			pith_evaluate_answer(scores, bench->cli->model, &bench->options, &bench->cli->control, &entrant->failure);
		entrant->kept += scores->retained.mean / (double)bench->n_rates;
		entrant->delta_cr += scores->delta_cr / (double)bench->n_rates;
		entrant->abs_delta_cr += scores->abs_delta_cr / (double)bench->n_rates;
	}
	return status;
}

/* Of whom only words of the documents are there has no rank: they are nobody's rewrites. */
static bool wrote_nothing(const struct bench *bench, const struct entrant *entrant)
{
	for (size_t i = 0; i < bench->n_rates; i++)
		if (entrant->scores[i].extractive < 1)
			return false;
	return true;
}

/* A model that fails is out, with its sentence; only who cancels, or lacks memory, ends the run. */
static enum pith_status run_entrant(struct bench *bench, struct entrant *entrant)
{
	struct pith_model *writer = NULL;
	const struct pith_model_options options = {.n_threads = bench->cli->settings.threads};
	enum pith_status status = PITH_OK;
	if (entrant->url == NULL)
		status = pith_model_open(&writer, entrant->name, &options, &bench->cli->control, &entrant->failure);
	if (status == PITH_OK)
		status = run_rates(bench, entrant, writer);
	if (status == PITH_OK && wrote_nothing(bench, entrant))
		status = fault(&entrant->failure, PITH_UNSUPPORTED,
		               "None of its texts could be used: words stand for all of them.");
	pith_model_close(writer);
	if (status == PITH_OK)
		entrant->failure.code = PITH_OK;
	else if (status == PITH_CANCELLED || status == PITH_NO_MEMORY)
		bench->cli->err = entrant->failure;
	else
		return PITH_OK;
	return status;
}

/* The most F1 kept first, then the least distance from the rate; those that failed last. */
static int compare_entrants(const void *a, const void *b)
{
	const struct entrant *x = a, *y = b;
	bool x_failed = x->failure.code != PITH_OK, y_failed = y->failure.code != PITH_OK;
	if (x_failed != y_failed)
		return x_failed ? 1 : -1;
	if (x->kept != y->kept)
		return x->kept > y->kept ? -1 : 1;
	return (x->abs_delta_cr > y->abs_delta_cr) - (x->abs_delta_cr < y->abs_delta_cr);
}

/* --- the table ---------------------------------------------------------------------------------------------- */

static json_t *entrant_json(const struct bench *bench, const struct entrant *entrant)
{
	if (entrant->failure.code != PITH_OK)
		return json_pack("{s:o, s:s}", "model", output_json_text(entrant->name, strlen(entrant->name)), "failure",
				 entrant->failure.message);
	json_t *rates = json_array();
	for (size_t i = 0; i < bench->n_rates; i++) {
		const struct pith_answer_scores *s = &entrant->scores[i];
		json_array_append_new(rates, json_pack("{s:f, s:f, s:f, s:f, s:[f, f], s:f, s:f, s:f, s:f, s:f}", "rate",
						       bench->rates[i], "f1", s->f1.mean, "f1_full", s->f1_full.mean, "retained",
						       s->retained.mean, "retained_interval", s->retained.low, s->retained.high,
						       "cr", s->cr, "delta_cr", s->delta_cr, "abs_delta_cr", s->abs_delta_cr,
						       "extractive", s->extractive, "seconds", s->seconds));
	}
	return json_pack("{s:o, s:f, s:f, s:f, s:o}", "model", output_json_text(entrant->name, strlen(entrant->name)), "retained",
			 entrant->kept, "delta_cr", entrant->delta_cr, "abs_delta_cr", entrant->abs_delta_cr, "rates", rates);
}

static enum pith_status print_json(const struct bench *bench)
{
	json_t *models = json_array();
	for (size_t i = 0; i < bench->n_entrants; i++)
		json_array_append_new(models, entrant_json(bench, &bench->entrants[i]));
	if (json_array_size(models) != bench->n_entrants) {
		json_decref(models);
		return fault_memory(&bench->cli->err);
	}
	return output_json(json_pack("{s:o}", "models", models)) ? PITH_OK : fault_memory(&bench->cli->err);
}

static void print_table(const struct bench *bench)
{
	cli_progress_clear(bench->cli);
	printf("%-4s %-24s %5s %8s %18s %8s %8s %8s %8s\n", "rank", "model", "rate", "F1 kept", "95 %", "CR", "dCR", "|dCR|",
	       "by words");
	for (size_t i = 0; i < bench->n_entrants; i++) {
		const struct entrant *entrant = &bench->entrants[i];
		if (entrant->failure.code != PITH_OK)
			continue;
		for (size_t r = 0; r < bench->n_rates; r++) {
			const struct pith_answer_scores *s = &entrant->scores[r];
			char interval[32];
			snprintf(interval, sizeof interval, "[%.3f, %.3f]", s->retained.low, s->retained.high);
			printf("%-4zu %-24.24s %5.3g %8.3f %18s %8.3f %+8.3f %8.3f %7.0f%%\n", i + 1, entrant->name,
			       bench->rates[r], s->retained.mean, interval, s->cr, s->delta_cr, s->abs_delta_cr,
			       100 * s->extractive);
		}
		printf("%-4zu %-24.24s %5s %8.3f %18s %8s %+8.3f %8.3f\n", i + 1, entrant->name, "all", entrant->kept, "", "",
		       entrant->delta_cr, entrant->abs_delta_cr);
	}
	for (size_t i = 0; i < bench->n_entrants; i++)
		if (bench->entrants[i].failure.code != PITH_OK)
			printf("%-4s %s: %s\n", "-", bench->entrants[i].name, bench->entrants[i].failure.message);
}

enum exit_code cmd_bench_models(struct cli *cli)
{
	struct bench bench = {.cli = cli};
	enum pith_status status = begin(&bench);
	size_t n_failed = 0;
	for (size_t i = 0; status == PITH_OK && i < bench.n_entrants; i++) {
		status = run_entrant(&bench, &bench.entrants[i]);
		n_failed += bench.entrants[i].failure.code != PITH_OK;
	}
	if (status == PITH_OK && n_failed == bench.n_entrants) {
		cli->err = bench.entrants[0].failure;
		status = cli->err.code;
	}
	if (status == PITH_OK) {
		qsort(bench.entrants, bench.n_entrants, sizeof *bench.entrants, compare_entrants);
		if (cli->json)
			status = print_json(&bench);
		else
			print_table(&bench);
	}
	end(&bench);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}
