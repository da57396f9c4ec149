#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/target.h"
#include "fault.h"
#include "pith/expand.h"

/* Both answers to one question. */
struct answers {
	const char *question;
	size_t max_tokens;
	struct pith_compressed *compressed;
	struct pith_generated full, from_compressed;
	bool has_full;
	char why_not_full[sizeof((struct pith_error *)0)->message]; /* when has_full is false; "": a soft prompt has no full text
								     */
};

/* The answer from the whole document. A document that does not fit the context has none, which is no failure. */
static enum pith_status answer_full(struct answers *answers, struct cli *cli, const struct pith_document *document)
{
	size_t length;
	const char *text = pith_document_text(document, &length);
	enum pith_status status = pith_answer_text(&answers->full, cli->model, text, length, answers->question,
						   answers->max_tokens, &cli->control, &cli->err);
	answers->has_full = status == PITH_OK;
	if (status != PITH_TOO_LONG)
		return status;
	snprintf(answers->why_not_full, sizeof answers->why_not_full, "%s", cli->err.message);
	return PITH_OK;
}

static enum pith_status answer_compressed(struct answers *answers, struct cli *cli)
{
	return pith_answer_compressed(&answers->from_compressed, cli->model, answers->compressed, answers->question,
				      answers->max_tokens, &cli->control, &cli->err);
}

/* Why the full text has no answer, unless that is what the compressed one fails with as well. */
static void say_why_not_full(const struct answers *answers, struct cli *cli, enum pith_status status)
{
	const char *why = answers->why_not_full;
	if (why[0] != '\0' && (status == PITH_OK || strcmp(why, cli->err.message) != 0))
		cli_say(cli, "No answer from the full text: %s", why);
}

static enum pith_status ask_document(struct answers *answers, struct cli *cli)
{
	struct target target;
	struct pith_document *document = NULL;
	enum pith_status status = target_begin(&target, cli, false);
	if (status == PITH_OK)
		status = cli_document(cli, cli->arguments->words[0], &document);
	if (status == PITH_OK)
		status = target_find_pins(&target, cli, document);
	if (status == PITH_OK)
		status = pith_compress(&answers->compressed, document, &target.options, &cli->control, &cli->err);
	if (status == PITH_OK)
		status = answer_full(answers, cli, document);
	if (status == PITH_OK) {
		status = answer_compressed(answers, cli);
		say_why_not_full(answers, cli, status);
	}
	pith_document_destroy(document);
	target_end(&target);
	return status;
}

static enum pith_status ask_soft_prompt(struct answers *answers, struct cli *cli)
{
	static const enum option_id useless[] = {OPTION_METHOD, OPTION_CR, OPTION_TOKENS, OPTION_COMPAT,
						 OPTION_PIN, OPTION_SERVER, OPTION_SERVER_MODEL};
	for (size_t i = 0; i < sizeof useless / sizeof *useless; i++)
		if (cli->arguments->given[useless[i]])
			return fault(&cli->err, PITH_BAD_ARGUMENT,
				     "A soft prompt is compressed already: --%s has no meaning for it.",
				     command_options()[useless[i]].name);
	enum pith_status status = cli_soft_prompt(cli, cli->arguments->words[0], &answers->compressed);
	return status == PITH_OK ? answer_compressed(answers, cli) : status;
}

static enum pith_status print_json(struct cli *cli, const struct answers *answers)
{
	const struct pith_generated *full = &answers->full, *compressed = &answers->from_compressed;
	json_t *object = target_json(pith_compressed_info(answers->compressed));
	json_object_set_new(object, "answer_full", answers->has_full ? output_json_text(full->text, full->length) : json_null());
	json_object_set_new(object, "answer_compressed", output_json_text(compressed->text, compressed->length));
	json_object_set_new(object, "seconds_full", answers->has_full ? json_real(full->seconds) : json_null());
	json_object_set_new(object, "seconds_compressed", json_real(compressed->seconds));
	json_object_set_new(object, "prompt_tokens_full",
			    answers->has_full ? json_integer((json_int_t)full->n_prompt_tokens) : json_null());
	json_object_set_new(object, "prompt_tokens_compressed", json_integer((json_int_t)compressed->n_prompt_tokens));
	json_object_set_new(object, "tokens_full", answers->has_full ? json_integer((json_int_t)full->n_tokens) : json_null());
	json_object_set_new(object, "tokens_compressed", json_integer((json_int_t)compressed->n_tokens));
	json_object_set_new(object, "narrowed_full", answers->has_full ? json_boolean(full->narrowed) : json_null());
	json_object_set_new(object, "narrowed_compressed", json_boolean(compressed->narrowed));
	if (compressed->n_regenerated > 0)
		json_object_set_new(object, "tokens_regenerated", json_integer((json_int_t)compressed->n_regenerated));
	if (answers->why_not_full[0] != '\0')
		json_object_set_new(object, "note", json_string(answers->why_not_full));
	return output_json(object) ? PITH_OK : fault_memory(&cli->err);
}

static void print_answer(const char *from, const struct pith_generated *answer)
{
	const char *stop = answer->stop == PITH_STOP_LIMIT ? "" : pith_stop_sentence(answer->stop);
	printf("%s (%zu token%s read, %zu written, %.2f s):\n  ", from, answer->n_prompt_tokens,
	       answer->n_prompt_tokens == 1 ? "" : "s", answer->n_tokens, answer->seconds);
	output_text(stdout, answer->text, answer->length);
	printf("%s%s\n", stop[0] != '\0' ? " - " : "", stop);
	if (answer->n_regenerated > 0)
		printf("  (read from the text that was regenerated first, %zu token%s)\n", answer->n_regenerated,
		       answer->n_regenerated == 1 ? "" : "s");
	if (answer->narrowed)
		printf("  (read: the sentences nearest to the question)\n");
}

enum exit_code cmd_ask(struct cli *cli)
{
	const char *question = cli->arguments->value[OPTION_QUESTION];
	struct answers answers = {.question = question, .max_tokens = (size_t)cli->settings.max_answer_tokens};
	enum pith_status status = PITH_OK;
	if (question == NULL || strspn(question, " \t\r\n") == strlen(question))
		status = fault(&cli->err, PITH_BAD_ARGUMENT, "pith ask wants a question: -q \"Who ...?\".");
	if (status == PITH_OK && cli->arguments->given[OPTION_MAX_TOKENS])
		status = arguments_count(cli->arguments, OPTION_MAX_TOKENS, 1, &answers.max_tokens, &cli->err);
	if (status == PITH_OK && pith_is_soft_prompt(cli->arguments->words[0]))
		status = ask_soft_prompt(&answers, cli);
	else if (status == PITH_OK)
		status = ask_document(&answers, cli);
	if (status == PITH_OK && cli->json) {
		status = print_json(cli, &answers);
	} else if (status == PITH_OK) {
		cli_progress_clear(cli);
		if (answers.has_full)
			print_answer("Full text", &answers.full);
		print_answer("Compressed", &answers.from_compressed);
		target_say(cli, pith_compressed_info(answers.compressed));
	}
	pith_generated_free(&answers.full);
	pith_generated_free(&answers.from_compressed);
	pith_compressed_destroy(answers.compressed);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}
