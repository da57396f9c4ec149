#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/output_path.h"
#include "cli/target.h"
#include "fault.h"
#include "pith/refine.h"

/* What refining reached, NULL: it was not asked for. */
static json_t *refined_json(const struct pith_refine_result *refined)
{
	return json_pack("{s:b, s:b, s:I, s:I, s:I, s:i, s:f, s:f, s:f}", "exact", refined->exact, "unchanged",
	                 refined->unchanged, "tokens", (json_int_t)refined->n_tokens, "matched_before",
	                 (json_int_t)refined->matched_before, "matched", (json_int_t)refined->matched, "steps",
	                 refined->n_steps, "seconds", refined->seconds, "nats", refined->nats, "room", refined->room);
}

/* The result as JSON: with its text, or with the file that it went to. */
static enum pith_status print_json(struct cli *cli, const struct pith_compressed *compressed,
				   const struct pith_refine_result *refined, const char *file)
{
	const struct pith_compressed_info *info = pith_compressed_info(compressed);
	size_t length;
	const char *text = pith_compressed_text(compressed, &length);
	json_t *object = target_json(info);
	json_object_set_new(object, "seconds", json_real(info->seconds));
	json_object_set_new(object, "original_bytes", json_integer((json_int_t)info->original_bytes));
	json_object_set_new(object, "compressed_bytes", json_integer((json_int_t)info->compressed_bytes));
	if (info->method->family == PITH_SOFT)
		json_object_set_new(object, "encoded_tokens", json_integer((json_int_t)info->encoded_tokens));
	if (info->method->family == PITH_ABSTRACTIVE) {
		json_object_set_new(object, "chunks", json_integer((json_int_t)info->n_chunks));
		json_object_set_new(object, "chunks_in_words", json_integer((json_int_t)info->n_chunks_in_words));
		json_object_set_new(object, "chunks_extractive", json_integer((json_int_t)info->n_chunks_extractive));
		json_object_set_new(object, "server_tokens_read", json_integer((json_int_t)info->server_tokens_read));
		json_object_set_new(object, "server_tokens_written", json_integer((json_int_t)info->server_tokens_written));
	}
	if (info->method->family != PITH_SOFT)
		json_object_set_new(object, "must_keep_dropped", json_integer((json_int_t)info->n_must_keep_dropped));
	if (refined != NULL)
		json_object_set_new(object, "refined", refined_json(refined));
	if (info->note != NULL && info->note[0] != '\0')
		json_object_set_new(object, "note", json_string(info->note));
	if (file != NULL)
		json_object_set_new(object, "file", output_json_text(file, strlen(file)));
	else
		json_object_set_new(object, "text", output_json_text(text, length));
	return output_json(object) ? PITH_OK : fault_memory(&cli->err);
}

static void say_refined(struct cli *cli, const struct pith_refine_result *refined)
{
	const char *plural = refined->n_steps == 1 ? "" : "s";
	if (refined->exact)
		cli_say(cli, "Refined in %d step%s, %.1f s: the text comes back byte for byte.", refined->n_steps, plural,
		        refined->seconds);
	else
		cli_say(cli, "Refined for %d step%s, %.1f s: %zu of %zu tokens are right before the first error, %zu were.",
		        refined->n_steps, plural, refined->seconds, refined->matched, refined->n_tokens, refined->matched_before);
	if (refined->unchanged)
		cli_say(cli, "Less comes back in all than before: the memory tokens are as they were.%s",
			pith_refine_is_hopeful(refined) ? " The text is likely to come back with more steps." : "");
	if (!refined->exact && !pith_refine_is_hopeful(refined))
		cli_say(cli, "The text has %.0f nats, these rows usually hold %.0f.", refined->nats, refined->room);
}

static enum pith_status deliver(struct cli *cli, const struct pith_compressed *compressed,
                                const struct pith_refine_result *refined)
{
	const char *file = cli->arguments->value[OPTION_OUTPUT];
	size_t length;
	const char *text = pith_compressed_text(compressed, &length);
	enum pith_status status = PITH_OK;
	if (file != NULL && text != NULL)
		status = output_file(file, text, length, &cli->err);
	else if (file != NULL)
		status = pith_compressed_save(compressed, file, &cli->err);
	if (status != PITH_OK)
		return status;
	if (cli->json)
		return print_json(cli, compressed, refined, file);
	cli_progress_clear(cli);
	if (file == NULL) {
		output_text(stdout, text, length);
		if (length > 0 && text[length - 1] != '\n')
			putchar('\n');
	}
	target_say(cli, pith_compressed_info(compressed));
	if (refined != NULL)
		say_refined(cli, refined);
	return PITH_OK;
}

static enum pith_status refine(struct cli *cli, struct pith_compressed *compressed, struct pith_document *document, int n_steps,
			       struct pith_refine_result *result)
{
	struct pith_refine_options options;
	pith_refine_options_init(&options);
	options.n_steps = n_steps;
	return pith_refine(compressed, document, &options, result, &cli->control, &cli->err);
}

enum exit_code cmd_compress(struct cli *cli)
{
	bool to_stdout = !cli->arguments->given[OPTION_OUTPUT];
	struct target target;
	struct pith_document *document = NULL;
	struct pith_compressed *compressed = NULL;
	struct pith_refine_result refined;
	int n_steps = 0;
	enum pith_status status = target_begin(&target, cli, to_stdout);
	if (status == PITH_OK)
		status = target_refine_steps(&target, cli, &n_steps);
	if (status == PITH_OK && to_stdout && target.options.method->family == PITH_SOFT)
		status = fault(&cli->err, PITH_BAD_ARGUMENT,
			       "%s makes memory rows, which are no text: name a file for them with -o OUT.",
			       target.options.method->name);
	if (status == PITH_OK)
		status = output_path_check(cli, cli->arguments->words[0]);
	if (status == PITH_OK)
		status = cli_document(cli, cli->arguments->words[0], &document);
	if (status == PITH_OK)
		status = target_find_pins(&target, cli, document);
	if (status == PITH_OK)
		status = pith_compress(&compressed, document, &target.options, &cli->control, &cli->err);
	if (status == PITH_OK && n_steps > 0)
		status = refine(cli, compressed, document, n_steps, &refined);
	if (status == PITH_OK)
		status = deliver(cli, compressed, n_steps > 0 ? &refined : NULL);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
	target_end(&target);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}
