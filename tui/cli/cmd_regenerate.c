#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "fault.h"
#include "pith/expand.h"

static enum pith_status print_json(struct cli *cli, const struct pith_generated *generated,
                                   const struct pith_compressed_info *info)
{
	const char *stop = pith_stop_sentence(generated->stop);
	json_t *object = json_pack("{s:o, s:I, s:f, s:I, s:I}", "text", output_json_text(generated->text, generated->length),
	                           "tokens", (json_int_t)generated->n_tokens, "seconds", generated->seconds, "original_tokens",
	                           (json_int_t)info->original_tokens, "encoded_tokens", (json_int_t)info->encoded_tokens);
	if (stop[0] != '\0')
		json_object_set_new(object, "note", json_string(stop));
	return output_json(object) ? PITH_OK : fault_memory(&cli->err);
}

/* What the stream did not say. */
static void print_end(struct cli *cli, const struct pith_generated *generated, const struct pith_compressed_info *info)
{
	const char *stop = pith_stop_sentence(generated->stop);
	if (generated->length > 0 && generated->text[generated->length - 1] != '\n')
		putchar('\n');
	cli_say(cli, "%zu token%s in %.2f s.", generated->n_tokens, generated->n_tokens == 1 ? "" : "s", generated->seconds);
	if (stop[0] != '\0')
		cli_say(cli, "%s", stop);
	if (info->note != NULL && info->note[0] != '\0')
		cli_say(cli, "%s", info->note);
}

enum exit_code cmd_regenerate(struct cli *cli)
{
	struct pith_compressed *compressed = NULL;
	struct pith_generated generated = {0};
	size_t max_tokens = 0;
	enum pith_status status = PITH_OK;
	if (cli->arguments->given[OPTION_MAX_TOKENS])
		status = arguments_count(cli->arguments, OPTION_MAX_TOKENS, 1, &max_tokens, &cli->err);
	if (status == PITH_OK)
		status = cli_soft_prompt(cli, cli->arguments->words[0], &compressed);
	struct pith_control control = cli->json ? cli->control : cli_streaming(cli);
	if (status == PITH_OK)
		status = pith_regenerate(&generated, cli->model, compressed, max_tokens, &control, &cli->err);
	if (status == PITH_OK && cli->json)
		status = print_json(cli, &generated, pith_compressed_info(compressed));
	else if (status == PITH_OK)
		print_end(cli, &generated, pith_compressed_info(compressed));
	pith_generated_free(&generated);
	pith_compressed_destroy(compressed);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}
