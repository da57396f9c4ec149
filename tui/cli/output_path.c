#include "cli/output_path.h"

#include <string.h>

#include "cli/same_file.h"
#include "fault.h"

/* Made of weights: nobody means to write a text or memory rows over one. */
static bool is_model(const char *path)
{
	struct pith_file_report report;
	if (pith_inspect(path, &report, NULL) != PITH_OK)
		return false;
	bool model = report.kind == PITH_FILE_MODEL || report.kind == PITH_FILE_ADAPTER || report.kind == PITH_FILE_VOCABULARY;
	pith_file_report_free(&report);
	return model;
}

enum pith_status output_path_check(struct cli *cli, const char *source)
{
	const char *output = cli->arguments->value[OPTION_OUTPUT];
	if (output == NULL)
		return PITH_OK;
	if (source != NULL && same_file(output, strcmp(source, "-") == 0 ? "/dev/stdin" : source))
		return fault(&cli->err, PITH_BAD_ARGUMENT, "-o would write the result over what it is made of, %s: name another file.",
		             output);
	if (is_model(output))
		return fault(&cli->err, PITH_BAD_ARGUMENT, "-o would write the result over a model's file, %s: name another file.",
		             output);
	return PITH_OK;
}
