/* Comparisons of methods as one table: Markdown, CSV or JSON. */
#ifndef CLI_COMPARE_REPORT_H
#define CLI_COMPARE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "pith/evaluate.h"

/* The comparison over one data set, under the name of its file. */
struct compared {
	char *data; /* "answer.jsonl" */
	struct pith_compare_report report;
};

/* A form of the report. */
struct compare_format {
	const char *name; /* "markdown" */
	/* against: whose values the rows' differences are to, NULL: there are none. False: no memory. */
	bool (*write)(FILE *out, const struct compared *all, size_t n, const struct pith_method *against);
};
const struct compare_format *compare_format_find(const char *name); /* NULL: there is none */

#endif
