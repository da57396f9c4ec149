#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "fault.h"
#include "pith/compress.h"

static enum pith_status print_json(struct cli *cli, const char *text, size_t length, const struct pith_token *tokens, size_t n)
{
	json_t *list = json_array();
	int failed = 0;
	for (size_t i = 0; i < n && failed == 0; i++)
		failed = json_array_append_new(
			list, json_pack("{s:i, s:I, s:I, s:o}", "id", tokens[i].id, "begin", (json_int_t)tokens[i].begin, "end",
					(json_int_t)tokens[i].end, "text",
					output_json_text(text + tokens[i].begin, tokens[i].end - tokens[i].begin)));
	if (failed != 0) {
		json_decref(list);
		return fault_memory(&cli->err);
	}
	json_t *object = json_pack("{s:I, s:I, s:o}", "n", (json_int_t)n, "bytes", (json_int_t)length, "tokens", list);
	return output_json(object) ? PITH_OK : fault_memory(&cli->err);
}

enum exit_code cmd_tokens(struct cli *cli)
{
	struct pith_document *document;
	enum pith_status status = cli_document(cli, cli->arguments->words[0], &document);
	if (status != PITH_OK)
		return cli_failed(cli, status);
	size_t length, n;
	const char *text = pith_document_text(document, &length);
	const struct pith_token *tokens = pith_document_tokens(document, &n);
	if (cli->json)
		status = print_json(cli, text, length, tokens, n);
	for (size_t i = 0; !cli->json && i < n; i++) {
		printf("%d\t%u-%u\t", tokens[i].id, tokens[i].begin, tokens[i].end);
		output_escaped(stdout, text + tokens[i].begin, tokens[i].end - tokens[i].begin);
		putchar('\n');
	}
	pith_document_destroy(document);
	if (status == PITH_OK && !cli->json)
		cli_say(cli, "%zu token%s, %zu byte%s.", n, n == 1 ? "" : "s", length, length == 1 ? "" : "s");
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}
