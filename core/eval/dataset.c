#define _POSIX_C_SOURCE 200809L
#include "eval/dataset.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct dataset {
	char *path;
	struct jsonl *file;
	size_t n;
};

enum pith_status dataset_open(struct dataset **out, const char *path, size_t limit, struct pith_error *err)
{
	*out = NULL;
	if (path == NULL)
		return fail(err, PITH_BAD_ARGUMENT, "No data set was named.");
	struct dataset *dataset = calloc(1, sizeof *dataset);
	if (dataset != NULL)
		dataset->path = strdup(path);
	if (dataset == NULL || dataset->path == NULL) {
		dataset_close(dataset);
		return fail_memory(err, "a data set");
	}
	enum pith_status status = jsonl_open(&dataset->file, path, err);
	if (status == PITH_OK) {
		dataset->n = jsonl_n_lines(dataset->file);
		if (limit > 0 && dataset->n > limit)
			dataset->n = limit;
		if (dataset->n == 0)
			status = fail(err, PITH_BAD_FILE, "%s has no lines to evaluate.", path);
	}
	if (status != PITH_OK) {
		dataset_close(dataset);
		return status;
	}
	*out = dataset;
	return PITH_OK;
}

void dataset_close(struct dataset *dataset)
{
	if (dataset == NULL)
		return;
	jsonl_close(dataset->file);
	free(dataset->path);
	free(dataset);
}

size_t dataset_size(const struct dataset *dataset)
{
	return dataset->n;
}

static enum pith_status missing(const struct dataset *dataset, size_t i, const char *field, const char *form,
				struct pith_error *err)
{
	return fail(err, PITH_BAD_FILE, "%s, line %zu: the field \"%s\" is missing or is not %s.", dataset->path,
		    jsonl_line_number(dataset->file, i), field, form);
}

/* Reads entry i and its text from the named field. */
static enum pith_status read_field(struct dataset_entry *out, const struct dataset *dataset, size_t i, const char *field,
				   struct pith_error *err)
{
	*out = (struct dataset_entry){0};
	enum pith_status status = jsonl_read(&out->record, dataset->file, i, err);
	if (status != PITH_OK)
		return status;
	out->text = jsonl_string(out->record, field, &out->length);
	if (out->text == NULL)
		status = missing(dataset, i, field, "a string", err);
	else if (out->length == 0)
		status = fail(err, PITH_BAD_FILE, "%s, line %zu: the field \"%s\" is empty.", dataset->path,
			      jsonl_line_number(dataset->file, i), field);
	return status;
}

enum pith_status dataset_read_text(struct dataset_entry *out, const struct dataset *dataset, size_t i, struct pith_error *err)
{
	enum pith_status status = read_field(out, dataset, i, "text", err);
	if (status == PITH_OK)
		out->target = jsonl_string(out->record, "target", NULL);
	else
		dataset_entry_free(out);
	return status;
}

enum pith_status dataset_read_question(struct dataset_entry *out, const struct dataset *dataset, size_t i, struct pith_error *err)
{
	enum pith_status status = read_field(out, dataset, i, "context", err);
	if (status == PITH_OK) {
		size_t length;
		out->question = jsonl_string(out->record, "question", &length);
		if (out->question == NULL)
			status = missing(dataset, i, "question", "a string", err);
	}
	if (status == PITH_OK) {
		out->n_answers = jsonl_n_strings(out->record, "answers");
		if (out->n_answers == 0 && jsonl_is_empty_list(out->record, "answers"))
			status = fail(err, PITH_BAD_FILE, "%s, line %zu: the list \"answers\" is empty.", dataset->path,
			              jsonl_line_number(dataset->file, i));
		else if (out->n_answers == 0)
			status = missing(dataset, i, "answers", "a list of strings", err);
	}
	if (status == PITH_OK) {
		out->answers = calloc(out->n_answers, sizeof *out->answers);
		if (out->answers == NULL)
			status = fail_memory(err, "the answers of a question");
	}
	if (status != PITH_OK) {
		dataset_entry_free(out);
		return status;
	}
	for (size_t k = 0; k < out->n_answers; k++)
		out->answers[k] = jsonl_string_at(out->record, "answers", k);
	return PITH_OK;
}

bool dataset_asks(const struct dataset *dataset, size_t i)
{
	struct jsonl_record *record;
	if (jsonl_read(&record, dataset->file, i, NULL) != PITH_OK)
		return false;
	bool whole = jsonl_has(record, "question") && jsonl_has(record, "answers");
	bool asks = jsonl_has(record, "context") && (whole || !jsonl_has(record, "text"));
	jsonl_record_free(record);
	return asks;
}

bool dataset_lacks_text(const struct dataset *dataset, size_t i)
{
	struct jsonl_record *record;
	size_t length = 0;
	if (jsonl_read(&record, dataset->file, i, NULL) != PITH_OK)
		return false;
	const char *text = jsonl_string(record, "text", &length);
	if (text == NULL)
		text = jsonl_string(record, "context", &length);
	/* One that is no string is a mistake, and said to be one. */
	bool lacks = text != NULL ? length == 0 : !jsonl_has(record, "text") && !jsonl_has(record, "context");
	jsonl_record_free(record);
	return lacks;
}

void dataset_entry_free(struct dataset_entry *entry)
{
	jsonl_record_free(entry->record);
	free(entry->answers);
	*entry = (struct dataset_entry){0};
}

enum pith_status dataset_blame(const struct dataset *dataset, size_t i, enum pith_status code, struct pith_error *err)
{
	if (err == NULL)
		return code;
	struct pith_error cause = *err;
	return fail(err, code, "%s, line %zu: %s", dataset->path, jsonl_line_number(dataset->file, i), cause.message);
}
