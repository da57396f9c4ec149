#define _POSIX_C_SOURCE 200809L
#include "cli/compare_report.h"

#include <math.h>
#include <string.h>

#include <jansson.h>

#include "cli/output.h"

static const char *method_name(const struct pith_compare_row *row)
{
	return row->target == NULL ? "full text" : row->target->method->name;
}

/* "0.10", "16 tokens", or "" for the full text. */
static void write_target(char *out, size_t size, const struct pith_compare_row *row)
{
	if (row->target == NULL)
		out[0] = '\0';
	else if (row->target->n_tokens > 0)
		snprintf(out, size, "%zu token%s", row->target->n_tokens, row->target->n_tokens == 1 ? "" : "s");
	else
		snprintf(out, size, "%.3g", row->target->rate);
}

/* --- Markdown ------------------------------------------------------------------------------------------------------- */

static void write_cell(FILE *out, const struct pith_compare_row *row, size_t m)
{
	int digits = pith_measures()[m].n_decimals;
	const struct pith_mean *value = &row->values[m];
	if (!row->has[m])
		fprintf(out, " – |");
	else if (isinf(value->mean))
		fprintf(out, " never |");
	else if (isinf(value->high))
		fprintf(out, " %.*f [%.*f, never] |", digits, value->mean, digits, value->low);
	else if (value->low == value->high)
		fprintf(out, " %.*f |", digits, value->mean);
	else
		fprintf(out, " %.*f [%.*f, %.*f] |", digits, value->mean, digits, value->low, digits, value->high);
}

static void write_difference(FILE *out, const struct pith_compare_row *row, size_t m)
{
	int digits = pith_measures()[m].n_decimals;
	const struct pith_mean *value = &row->differences[m];
	if (!row->has_difference[m])
		fprintf(out, " – |");
	else
		fprintf(out, " %+.*f [%+.*f, %+.*f] |", digits, value->mean, digits, value->low, digits, value->high);
}

typedef void write_cell_fn(FILE *out, const struct pith_compare_row *row, size_t m);

/* One table of the rows that were measured, or of those that are compared with against unless that is NULL. */
static void write_table(FILE *out, const struct compared *all, size_t n, write_cell_fn *cell, const struct pith_method *against)
{
	const struct pith_measure_info *measures = pith_measures();
	fprintf(out, "| data | lines | method | target |");
	for (size_t m = 0; m < PITH_N_MEASURES; m++)
		fprintf(out, " %s |", measures[m].title);
	fprintf(out, "\n|---|---:|---|---:|");
	for (size_t m = 0; m < PITH_N_MEASURES; m++)
		fprintf(out, "---:|");
	fputc('\n', out);
	for (size_t i = 0; i < n; i++) {
		for (size_t r = 0; r < all[i].report.n_rows; r++) {
			const struct pith_compare_row *row = &all[i].report.rows[r];
			char target[32];
			if (row->failure.code != PITH_OK ||
			    (against != NULL && (row->target == NULL || row->target->method == against)))
				continue;
			write_target(target, sizeof target, row);
			fprintf(out, "| %s | %zu | %s | %s |", all[i].data, all[i].report.n, method_name(row), target);
			for (size_t m = 0; m < PITH_N_MEASURES; m++)
				cell(out, row, m);
			fputc('\n', out);
		}
	}
}

static bool write_markdown(FILE *out, const struct compared *all, size_t n, const struct pith_method *against)
{
	const struct pith_measure_info *measures = pith_measures();
	write_table(out, all, n, write_cell, NULL);
	fprintf(out, "\nIn brackets 95 %% bootstrap intervals over the lines.\n\n");
	if (against != NULL) {
		fprintf(out, "How much more than %s at the same target; intervals of the difference, line by line:\n\n",
		        against->name);
		write_table(out, all, n, write_difference, against);
		fputc('\n', out);
	}
	for (size_t m = 0; m < PITH_N_MEASURES; m++)
		fprintf(out, "- **%s**: %s\n", measures[m].title, measures[m].summary);
	for (size_t i = 0; i < n; i++)
		if (all[i].report.n_left_out > 0)
			fprintf(out, "- %s: %zu line%s left out. The first: %s\n", all[i].data, all[i].report.n_left_out,
			        all[i].report.n_left_out == 1 ? " was" : "s were", all[i].report.left_out.message);
	for (size_t i = 0; i < n; i++)
		for (size_t r = 0; r < all[i].report.n_rows; r++)
			if (all[i].report.rows[r].failure.code != PITH_OK)
				fprintf(out, "- Not measured: %s on %s. %s\n", method_name(&all[i].report.rows[r]), all[i].data,
				        all[i].report.rows[r].failure.message);
	return true;
}

/* --- CSV ------------------------------------------------------------------------------------------------------------ */

/* In quotation marks, those inside doubled (RFC 4180). */
static void write_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void write_csv_mean(FILE *out, bool has, const struct pith_mean *value)
{
	if (has)
		fprintf(out, ",%.6g,%.6g,%.6g", value->mean, value->low, value->high);
	else
		fprintf(out, ",,,");
}

static bool write_csv(FILE *out, const struct compared *all, size_t n, const struct pith_method *against)
{
	const struct pith_measure_info *measures = pith_measures();
	fprintf(out, "data,lines,method,target");
	for (size_t m = 0; m < PITH_N_MEASURES; m++)
		fprintf(out, ",%s,%s_low,%s_high", measures[m].name, measures[m].name, measures[m].name);
	for (size_t m = 0; against != NULL && m < PITH_N_MEASURES; m++)
		fprintf(out, ",%s_difference,%s_difference_low,%s_difference_high", measures[m].name, measures[m].name,
		        measures[m].name);
	fprintf(out, ",failure\n");
	for (size_t i = 0; i < n; i++) {
		for (size_t r = 0; r < all[i].report.n_rows; r++) {
			const struct pith_compare_row *row = &all[i].report.rows[r];
			char target[32];
			write_target(target, sizeof target, row);
			write_quoted(out, all[i].data);
			fprintf(out, ",%zu,%s,%s", all[i].report.n, method_name(row), target);
			for (size_t m = 0; m < PITH_N_MEASURES; m++)
				write_csv_mean(out, row->has[m], &row->values[m]);
			for (size_t m = 0; against != NULL && m < PITH_N_MEASURES; m++)
				write_csv_mean(out, row->has_difference[m], &row->differences[m]);
			fputc(',', out);
			write_quoted(out, row->failure.code == PITH_OK ? "" : row->failure.message);
			fputc('\n', out);
		}
	}
	return true;
}

/* --- JSON ----------------------------------------------------------------------------------------------------------- */

/* JSON has no infinity: what never comes is null. */
static json_t *json_number_or_null(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static void set_mean(json_t *object, const char *name, const char *suffix, const struct pith_mean *value)
{
	char key[64];
	snprintf(key, sizeof key, "%s%s", name, suffix);
	json_object_set_new(object, key, json_number_or_null(value->mean));
	snprintf(key, sizeof key, "%s%s_interval", name, suffix);
	json_object_set_new(object, key, json_pack("[o, o]", json_number_or_null(value->low), json_number_or_null(value->high)));
}

static json_t *json_row(const struct compared *compared, const struct pith_compare_row *row)
{
	/* The name of a file may hold any bytes. */
	json_t *data = output_json_text(compared->data, strlen(compared->data));
	json_t *object = json_pack("{s:o, s:I, s:I, s:s}", "data", data, "lines", (json_int_t)compared->report.n, "left_out",
	                           (json_int_t)compared->report.n_left_out, "method", method_name(row));
	if (row->target != NULL && row->target->n_tokens > 0)
		json_object_set_new(object, "target_tokens", json_integer((json_int_t)row->target->n_tokens));
	else if (row->target != NULL)
		json_object_set_new(object, "target_cr", json_real(row->target->rate));
	if (row->failure.code != PITH_OK)
		json_object_set_new(object, "failure", json_string(row->failure.message));
	for (size_t m = 0; m < PITH_N_MEASURES; m++) {
		if (row->has[m])
			set_mean(object, pith_measures()[m].name, "", &row->values[m]);
		if (row->has_difference[m])
			set_mean(object, pith_measures()[m].name, "_difference", &row->differences[m]);
	}
	return object;
}

static bool write_json(FILE *out, const struct compared *all, size_t n, const struct pith_method *against)
{
	(void)against; /* a row that is compared has its differences */
	json_t *rows = json_array();
	bool done = rows != NULL;
	for (size_t i = 0; i < n; i++)
		for (size_t r = 0; done && r < all[i].report.n_rows; r++)
			done = json_array_append_new(rows, json_row(&all[i], &all[i].report.rows[r])) == 0;
	done = done && json_dumpf(rows, out, JSON_COMPACT) == 0 && fputc('\n', out) != EOF;
	json_decref(rows);
	return done;
}

static const struct compare_format formats[] = {
	{"markdown", write_markdown},
	{"csv", write_csv},
	{"json", write_json},
};

const struct compare_format *compare_format_find(const char *name)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}
