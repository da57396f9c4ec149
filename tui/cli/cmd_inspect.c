#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "fault.h"
#include "pith/model.h"

static const char *kind_name(enum pith_file_kind kind)
{
	switch (kind) {
	case PITH_FILE_MODEL: return "model";
	case PITH_FILE_ADAPTER: return "adapter";
	case PITH_FILE_SOFT_PROMPT: return "soft prompt";
	case PITH_FILE_VOCABULARY: return "vocabulary";
	case PITH_FILE_UNKNOWN: break;
	}
	return "unknown";
}

/* {key: value, ...}; NULL: no memory. */
static json_t *entries_json(const struct pith_file_entry *entries, size_t n)
{
	json_t *object = json_object();
	for (size_t i = 0; i < n; i++) {
		json_t *key = output_json_text(entries[i].key, strlen(entries[i].key));
		json_t *value = output_json_text(entries[i].value, strlen(entries[i].value));
		if (key == NULL || json_object_set_new(object, json_string_value(key), value) != 0) {
			json_decref(key);
			json_decref(object);
			return NULL;
		}
		json_decref(key);
	}
	return object;
}

static void print_entries(const char *title, const struct pith_file_entry *entries, size_t n)
{
	int width = 0;
	for (size_t i = 0; i < n; i++)
		if ((int)strlen(entries[i].key) > width)
			width = (int)strlen(entries[i].key);
	if (width > 44)
		width = 44;
	printf("\n%s (%zu):\n", title, n);
	for (size_t i = 0; i < n; i++) {
		fputs("  ", stdout);
		output_escaped(stdout, entries[i].key, strlen(entries[i].key));
		printf("%*s  ", width > (int)strlen(entries[i].key) ? width - (int)strlen(entries[i].key) : 0, "");
		output_escaped(stdout, entries[i].value, strlen(entries[i].value));
		putchar('\n');
	}
}

enum exit_code cmd_inspect(struct cli *cli)
{
	const char *path = cli->arguments->words[0];
	struct pith_file_report report;
	enum pith_status status = pith_inspect(path, &report, &cli->err);
	if (status != PITH_OK)
		return cli_failed(cli, status);
	if (cli->json) {
		json_t *object = json_pack("{s:o, s:s, s:o, s:o}", "file", output_json_text(path, strlen(path)), "kind",
					   kind_name(report.kind), "metadata", entries_json(report.metadata, report.n_metadata),
					   "tensors", entries_json(report.tensors, report.n_tensors));
		if (!output_json(object))
			status = fault_memory(&cli->err);
	} else {
		output_escaped(stdout, path, strlen(path));
		printf(": %s\n", kind_name(report.kind));
		print_entries("Metadata", report.metadata, report.n_metadata);
		print_entries("Tensors", report.tensors, report.n_tensors);
	}
	pith_file_report_free(&report);
	return status == PITH_OK ? EXIT_CODE_OK : cli_failed(cli, status);
}
