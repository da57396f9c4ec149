/* What a file is, without loading it: `pith inspect`. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file_map.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "pith/model.h"

/* Takes over value's memory. */
static bool add_entry(struct pith_file_entry **entries, size_t *n, const char *key, struct buffer *value)
{
	struct pith_file_entry *grown = realloc(*entries, (*n + 1) * sizeof *grown);
	if (grown == NULL)
		return false;
	*entries = grown;
	char *copy = strdup(key);
	if (copy == NULL || value->data == NULL) {
		free(copy);
		return false;
	}
	grown[(*n)++] = (struct pith_file_entry){copy, value->data};
	*value = (struct buffer){0};
	return true;
}

static bool add_tensor(struct pith_file_report *report, const struct tensor *tensor)
{
	struct buffer text = {0};
	const char *type = tensor_type_name(tensor->type);
	bool done = type != NULL ? buffer_printf(&text, "%s [", type) : buffer_printf(&text, "type %d [", (int)tensor->type);
	for (int i = 0; done && i < tensor->n_dims; i++)
		done = buffer_printf(&text, "%s%zu", i == 0 ? "" : ", ", tensor->ne[i]);
	done = done && buffer_append_string(&text, "]") && add_entry(&report->tensors, &report->n_tensors, tensor->name, &text);
	buffer_free(&text);
	return done;
}

static enum pith_status inspect_gguf(const char *path, struct pith_file_report *report, struct pith_error *err)
{
	struct gguf *gguf;
	enum pith_status status = gguf_open(&gguf, path, err);
	if (status != PITH_OK)
		return status;
	const char *type;
	size_t length;
	bool adapter = gguf_find_string(gguf, "general.type", &type, &length) && length == 7 && memcmp(type, "adapter", 7) == 0;
	/* Metadata alone: what a tokenizer needs. */
	enum pith_file_kind own = gguf_n_tensors(gguf) == 0 ? PITH_FILE_VOCABULARY : PITH_FILE_MODEL;
	report->kind = adapter ? PITH_FILE_ADAPTER : own;
	bool done = true;
	for (size_t i = 0; done && i < gguf_n_metadata(gguf); i++) {
		struct buffer text = {0};
		done = buffer_append(&text, "", 0) && gguf_metadata_describe(gguf, i, &text) && /* some values are empty */
		       add_entry(&report->metadata, &report->n_metadata, gguf_metadata_key(gguf, i), &text);
		buffer_free(&text);
	}
	for (size_t i = 0; done && i < gguf_n_tensors(gguf); i++)
		done = add_tensor(report, gguf_tensor(gguf, i));
	gguf_close(gguf);
	return done ? PITH_OK : fail_memory(err, "the report");
}

static enum pith_status inspect_safetensors(const char *path, struct pith_file_report *report, struct pith_error *err)
{
	struct safetensors *file;
	enum pith_status status = safetensors_open(&file, path, err);
	if (status != PITH_OK)
		return status;
	const char *format = safetensors_metadata(file, "format");
	report->kind = format != NULL && strcmp(format, "pith-soft-prompt-1") == 0 ? PITH_FILE_SOFT_PROMPT : PITH_FILE_UNKNOWN;
	bool done = true;
	const char *key, *value;
	for (size_t i = 0; done && safetensors_metadata_at(file, i, &key, &value); i++) {
		struct buffer text = {0};
		done = buffer_append_string(&text, value) && add_entry(&report->metadata, &report->n_metadata, key, &text);
		buffer_free(&text);
	}
	for (size_t i = 0; done && i < safetensors_n_tensors(file); i++)
		done = add_tensor(report, safetensors_tensor(file, i));
	safetensors_close(file);
	return done ? PITH_OK : fail_memory(err, "the report");
}

enum pith_status pith_inspect(const char *path, struct pith_file_report *out, struct pith_error *err)
{
	*out = (struct pith_file_report){0};
	struct file_map map;
	enum pith_status status = file_map_open(&map, path, err);
	if (status != PITH_OK)
		return status;
	bool is_gguf = map.size >= 4 && memcmp(map.data, "GGUF", 4) == 0;
	file_map_close(&map);
	if (is_gguf)
		status = inspect_gguf(path, out, err);
	else if (safetensors_recognise(path))
		status = inspect_safetensors(path, out, err);
	else
		status = fail(err, PITH_BAD_FILE, "%s is neither a GGUF nor a safetensors file.", path);
	if (status != PITH_OK)
		pith_file_report_free(out);
	return status;
}

static void free_entries(struct pith_file_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(entries[i].key);
		free(entries[i].value);
	}
	free(entries);
}

void pith_file_report_free(struct pith_file_report *report)
{
	free_entries(report->metadata, report->n_metadata);
	free_entries(report->tensors, report->n_tensors);
	*report = (struct pith_file_report){0};
}
