/*
 * A soft result as a file: safetensors, F32. The rows for regeneration are the
 * tensor `prompt_embeddings` (k, layers * 2 * kv_heads * head_dim) as the PEFT
 * CARTRIDGE adapter lays it out, of a method that hands over embeddings (k,
 * n_embd) as PEFT's prompt tuning does; those for answers are
 * `answer.prompt_embeddings`. The metadata say what the rows belong to; a file
 * for another model, adapter or tokenizer is refused with the reason.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "compress/document.h"
#include "formats/safetensors.h"

static const char *const format_name = "pith-soft-prompt-1";
static const char *const layout_keys[PITH_N_MEMORY_PURPOSES] = {"regenerate.positions", "answer.positions"};
static const char *const tensor_names[PITH_N_MEMORY_PURPOSES] = {"prompt_embeddings", "answer.prompt_embeddings"};

bool pith_is_soft_prompt(const char *path)
{
	return safetensors_recognise(path);
}

/* Where memory tokens stand (model/memory_layout.h). */
static const char *layout_text(bool slots)
{
	return slots ? "memory token j of k at position 1 + j, j from 0"
	             : "memory token j of k at position 1 + (2j + 1) n / 2k of a span of n tokens, j from 0";
}

/* --- writing ------------------------------------------------------------------------------------------ */

enum { MOST_ENTRIES = 24 };

/* Metadata under construction: the values live in one buffer, found again by offset. */
struct entries {
	struct buffer text;
	const char *keys[MOST_ENTRIES];
	size_t offsets[MOST_ENTRIES];
	size_t n;
	bool failed;
};

static void add_entry(struct entries *entries, const char *key, const char *value)
{
	entries->keys[entries->n] = key;
	entries->offsets[entries->n++] = entries->text.length;
	entries->failed |= !buffer_append(&entries->text, value, strlen(value) + 1);
}

static void add_number(struct entries *entries, const char *key, size_t value)
{
	char text[32];
	snprintf(text, sizeof text, "%zu", value);
	add_entry(entries, key, text);
}

/* "rows:tokens,rows:tokens" */
static void add_spans(struct entries *entries, const char *key, const struct rows *rows)
{
	struct buffer text = {0};
	bool done = true;
	for (size_t i = 0; done && i < rows->n_spans; i++)
		done = buffer_printf(&text, "%s%zu:%zu", i == 0 ? "" : ",", rows->spans[i].n_rows, rows->spans[i].n_tokens);
	entries->failed |= !done;
	add_entry(entries, key, done && text.data != NULL ? text.data : "");
	buffer_free(&text);
}

/* Tokens of the document, from its beginning on, that the rows stand for; not there: all. */
static const char *const encoded_keys[] = {"regenerate.encoded_tokens", "answer.encoded_tokens"};

static void fill_entries(struct entries *entries, const struct pith_compressed *compressed)
{
	static const char *const span_keys[] = {"regenerate.spans", "answer.spans"};
	static const char *const adapter_keys[] = {"regenerate.adapter_fingerprint", "answer.adapter_fingerprint"};
	static const char *const position_keys[] = {"regenerate.read_position", "answer.read_position"};
	add_entry(entries, "format", format_name);
	add_entry(entries, "method", compressed->info.method->name);
	add_entry(entries, "base_fingerprint", compressed->model_fingerprint);
	add_entry(entries, "tokenizer_fingerprint", compressed->tokenizer_fingerprint);
	add_number(entries, "memory_tokens", compressed->info.compressed_tokens);
	add_number(entries, "original_tokens", compressed->info.original_tokens);
	add_number(entries, "original_bytes", compressed->info.original_bytes);
	add_entry(entries, "source_hash", compressed->source_hash);
	if (compressed->info.refine_steps > 0)
		add_number(entries, "refine.steps", (size_t)compressed->info.refine_steps);
	if (compressed->info.refine_steps > 0 || compressed->info.exact) /* rows may be exact without a step */
		add_entry(entries, "refine.exact", compressed->info.exact ? "true" : "false");
	if (compressed->info.method->memory == PITH_MEMORY_ROWS)
		add_entry(entries, "keys", "after RoPE");
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		if (!compressed->info.has_purpose[p])
			continue;
		add_spans(entries, span_keys[p], &compressed->rows[p]);
		if (rows_n_tokens(&compressed->rows[p]) < compressed->info.original_tokens)
			add_number(entries, encoded_keys[p], rows_n_tokens(&compressed->rows[p]));
		add_entry(entries, layout_keys[p], layout_text(compressed->rows[p].slots));
		add_entry(entries, adapter_keys[p], compressed->adapter_fingerprint[p]);
		add_number(entries, position_keys[p], (size_t)rows_read_position(&compressed->rows[p], (enum pith_purpose)p));
	}
}

enum pith_status pith_compressed_save(const struct pith_compressed *compressed, const char *path, struct pith_error *err)
{
	if (compressed->info.method->family != PITH_SOFT)
		return fail(err, PITH_BAD_ARGUMENT, "Only memory rows are saved as a soft prompt; the text of %s is a text file.",
		            compressed->info.method->name);
	if (compressed->lacks_token)
		return fail(err, PITH_BAD_ARGUMENT, "What a memory token was taken from is for measuring, and not saved.");
	struct entries entries = {0};
	fill_entries(&entries, compressed);
	if (entries.failed) {
		buffer_free(&entries.text);
		return fail_memory(err, "the metadata");
	}
	struct safetensors_entry metadata[MOST_ENTRIES];
	for (size_t i = 0; i < entries.n; i++)
		metadata[i] = (struct safetensors_entry){entries.keys[i], entries.text.data + entries.offsets[i]};
	struct tensor tensors[PITH_N_MEMORY_PURPOSES];
	size_t n_tensors = 0;
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		const struct rows *rows = &compressed->rows[p];
		bool embeddings = rows->embeddings != NULL;
		if (compressed->info.has_purpose[p])
			tensors[n_tensors++] = (struct tensor){
				.name = tensor_names[p], .type = TENSOR_F32, .n_dims = 2,
				.ne = {embeddings ? rows->n_embd : rows->row_floats, rows->n_rows, 1, 1},
				.data = embeddings ? rows->embeddings : rows->data, .size = rows_bytes(rows)};
	}
	enum pith_status status = safetensors_write(path, metadata, entries.n, tensors, n_tensors, err);
	buffer_free(&entries.text);
	return status;
}

/* --- reading ------------------------------------------------------------------------------------------ */

static enum pith_status read_text(char *out, size_t size, const struct safetensors *file, const char *path, const char *key,
                                  struct pith_error *err)
{
	const char *value = safetensors_metadata(file, key);
	if (value == NULL || strlen(value) >= size)
		return fail(err, PITH_BAD_FILE, "%s: the metadata lacks %s.", path, key);
	strcpy(out, value);
	return PITH_OK;
}

static enum pith_status read_number(size_t *out, const struct safetensors *file, const char *path, const char *key,
                                    struct pith_error *err)
{
	const char *value = safetensors_metadata(file, key);
	char *end = NULL;
	errno = 0;
	unsigned long long number = value == NULL || value[0] == '-' ? 0 : strtoull(value, &end, 10);
	if (end == NULL || end == value || *end != '\0' || errno != 0 || number == 0 || number > UINT32_MAX)
		return fail(err, PITH_BAD_FILE, "%s: %s is missing or no number.", path, key);
	*out = (size_t)number;
	return PITH_OK;
}

/* Reads one "rows:tokens"; *text moves behind it and its comma. */
static bool next_span(const char **text, struct rows_span *span)
{
	char *end;
	unsigned long long n_rows = strtoull(*text, &end, 10);
	if (end == *text || *end != ':' || n_rows == 0 || n_rows > UINT32_MAX)
		return false;
	const char *after = end + 1;
	unsigned long long n_tokens = strtoull(after, &end, 10);
	if (end == after || (*end != ',' && *end != '\0') || n_tokens == 0 ||
	    n_tokens >= INT32_MAX) /* positions are 32 bits wide */
		return false;
	*span = (struct rows_span){(size_t)n_rows, (size_t)n_tokens};
	*text = *end == ',' ? end + 1 : end;
	return true;
}

/* Checks that the spans account for all k rows and all tokens. */
static enum pith_status read_spans(struct rows *rows, const char *text, size_t k, size_t n_tokens, const char *path,
                                   struct pith_error *err)
{
	size_t n = 1, sum_rows = 0, sum_tokens = 0;
	for (const char *c = text; *c != '\0'; c++)
		n += *c == ',';
	rows->spans = n > k ? NULL : calloc(n, sizeof *rows->spans);
	if (rows->spans == NULL)
		return n > k ? fail(err, PITH_BAD_FILE, "%s: more spans than memory tokens.", path)
		             : fail_memory(err, "the memory rows");
	for (; *text != '\0' && rows->n_spans < n && next_span(&text, &rows->spans[rows->n_spans]); rows->n_spans++) {
		sum_rows += rows->spans[rows->n_spans].n_rows;
		sum_tokens += rows->spans[rows->n_spans].n_tokens;
	}
	if (*text != '\0' || rows->n_spans != n || sum_rows != k || sum_tokens != n_tokens)
		return fail(err, PITH_BAD_FILE, "%s: the spans do not add up to %zu memory tokens for %zu tokens.", path, k,
		            n_tokens);
	return PITH_OK;
}

/* The position follows from the spans: a file that says another was made in another way. */
static enum pith_status check_read_position(const struct rows *rows, const struct safetensors *file, enum pith_purpose purpose,
                                            const char *path, struct pith_error *err)
{
	char key[64], text[32], expected[32];
	snprintf(key, sizeof key, "%s.read_position", purpose_name(purpose));
	snprintf(expected, sizeof expected, "%d", (int)rows_read_position(rows, purpose));
	enum pith_status status = read_text(text, sizeof text, file, path, key, err);
	if (status == PITH_OK && strcmp(text, expected) != 0)
		status = fail(err, PITH_BAD_FILE, "%s: reading would go on at position %s, with these spans it must be %s.", path,
		              text, expected);
	return status;
}

/* The numbers of the tensor: rows as they are, or embeddings, whose rows are made once the model is known to be theirs. */
static enum pith_status copy_numbers(struct rows *rows, const struct pith_compressed *out, const struct tensor *tensor,
                                     const char *path, struct pith_error *err)
{
	bool embeddings = out->info.method->memory == PITH_MEMORY_EMBEDDINGS;
	rows->n_rows = out->info.compressed_tokens;
	rows->row_floats = 2 * out->n_layers * out->kv_dim;
	rows->data = calloc(rows->n_rows * rows->row_floats, sizeof *rows->data);
	if (rows->data == NULL)
		return fail_memory(err, "the memory rows");
	enum pith_status status = embeddings ? rows_create_embeddings(rows, tensor->ne[0], err) : PITH_OK;
	if (status != PITH_OK)
		return status;
	float *numbers = embeddings ? rows->embeddings : rows->data;
	memcpy(numbers, tensor->data, tensor->size);
	for (size_t i = 0; i < tensor->size / sizeof *numbers; i++)
		if (!isfinite(numbers[i]))
			return fail(err, PITH_BAD_FILE, "%s is damaged: %s holds numbers that are none.", path, tensor->name);
	return PITH_OK;
}

static enum pith_status read_rows(struct pith_compressed *out, const struct safetensors *file, const struct hyperparams *h,
                                  enum pith_purpose purpose, const char *path, struct pith_error *err)
{
	const struct tensor *tensor = safetensors_find(file, tensor_names[purpose]);
	char key[64];
	snprintf(key, sizeof key, "%s.spans", purpose_name(purpose));
	const char *spans = safetensors_metadata(file, key);
	if (tensor == NULL && spans != NULL)
		return fail(err, PITH_BAD_FILE, "%s: the tensor %s is missing.", path, tensor_names[purpose]);
	if (tensor == NULL)
		return PITH_OK;
	struct rows *rows = &out->rows[purpose];
	size_t k = out->info.compressed_tokens, width = 2 * out->n_layers * out->kv_dim;
	if (out->info.method->memory == PITH_MEMORY_EMBEDDINGS)
		width = h->n_embd;
	if (tensor->type != TENSOR_F32 || tensor->n_dims != 2 || tensor->ne[1] != k || tensor->ne[0] != width)
		return fail(err, PITH_MISMATCH, "%s: %s is [%zu, %zu], expected [%zu, %zu].", path, tensor_names[purpose],
		            tensor->ne[1], tensor->ne[0], k, width);
	if (spans == NULL)
		return fail(err, PITH_BAD_FILE, "%s: the metadata lacks %s.", path, key);
	size_t n_tokens = out->info.original_tokens;
	enum pith_status status = PITH_OK;
	if (safetensors_metadata(file, encoded_keys[purpose]) != NULL)
		status = read_number(&n_tokens, file, path, encoded_keys[purpose], err);
	if (status == PITH_OK && n_tokens > out->info.original_tokens)
		status = fail(err, PITH_BAD_FILE, "%s: rows for %zu of %zu tokens.", path, n_tokens, out->info.original_tokens);
	if (status == PITH_OK)
		status = read_spans(rows, spans, k, n_tokens, path, err);
	snprintf(key, sizeof key, "%s.adapter_fingerprint", purpose_name(purpose));
	if (status == PITH_OK)
		status = read_text(out->adapter_fingerprint[purpose], 33, file, path, key, err);
	if (status == PITH_OK)
		status = check_read_position(rows, file, purpose, path, err);
	if (status == PITH_OK)
		status = copy_numbers(rows, out, tensor, path, err);
	if (status != PITH_OK)
		return status;
	out->info.has_purpose[purpose] = true;
	return PITH_OK;
}

/* Whether the rows were refined, and how well: a file of the encoder's own rows does not say. */
static enum pith_status read_refinement(struct pith_compressed_info *info, const struct safetensors *file, const char *path,
                                        struct pith_error *err)
{
	size_t steps = 0;
	char exact[8];
	bool stepped = safetensors_metadata(file, "refine.steps") != NULL;
	if (!stepped && safetensors_metadata(file, "refine.exact") == NULL)
		return PITH_OK;
	enum pith_status status = stepped ? read_number(&steps, file, path, "refine.steps", err) : PITH_OK;
	if (status == PITH_OK)
		status = read_text(exact, sizeof exact, file, path, "refine.exact", err);
	if (status != PITH_OK)
		return status;
	info->refine_steps = steps > INT_MAX ? INT_MAX : (int)steps;
	info->exact = strcmp(exact, "true") == 0;
	return PITH_OK;
}

static enum pith_status read_header(struct pith_compressed *out, const struct safetensors *file, const char *path,
                                    struct pith_error *err)
{
	struct pith_compressed_info *info = &out->info;
	char format[64] = "", method[32];
	enum pith_status status = read_text(format, sizeof format, file, path, "format", NULL);
	if (status != PITH_OK || strcmp(format, format_name) != 0)
		return fail(err, PITH_BAD_FILE, "%s is no soft prompt of pith: its metadata do not say format %s.", path,
		            format_name);
	status = read_text(method, sizeof method, file, path, "method", err);
	if (status != PITH_OK)
		return status;
	info->method = pith_method_find(method);
	if (info->method == NULL || info->method->family != PITH_SOFT)
		return fail(err, PITH_UNSUPPORTED, "%s was made by the method %s, which this version lacks.", path, method);
	status = read_text(out->model_fingerprint, 33, file, path, "base_fingerprint", err);
	if (status == PITH_OK)
		status = read_text(out->tokenizer_fingerprint, 33, file, path, "tokenizer_fingerprint", err);
	if (status == PITH_OK)
		status = read_text(out->source_hash, 33, file, path, "source_hash", err);
	if (status == PITH_OK)
		status = read_number(&info->compressed_tokens, file, path, "memory_tokens", err);
	if (status == PITH_OK)
		status = read_number(&info->original_tokens, file, path, "original_tokens", err);
	if (status == PITH_OK)
		status = read_number(&info->original_bytes, file, path, "original_bytes", err);
	return status == PITH_OK ? read_refinement(info, file, path, err) : status;
}

/* The adapter is the right one, by its fingerprint: what the file says of its rows must agree with it. */
static enum pith_status check_rows(struct pith_compressed *out, const struct safetensors *file, const struct pith_model *model,
                                   const char *path, struct pith_error *err)
{
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		if (!out->info.has_purpose[p])
			continue;
		const struct adapter *adapter = model->adapters[out->info.method->memory][p];
		const char *layout = safetensors_metadata(file, layout_keys[p]);
		if (layout == NULL || strcmp(layout, layout_text(adapter->slots)) != 0)
			return fail(err, PITH_BAD_FILE,
			            "%s: %s is missing, or its memory tokens do not stand where the adapter's do.", path,
			            layout_keys[p]);
		out->rows[p].slots = adapter->slots;
		if (rows_longest_span(&out->rows[p]) + 1 >= model->transformer.h.n_context)
			return fail(err, PITH_BAD_FILE, "%s: a span of %zu tokens does not fit the model's context.", path,
			            rows_longest_span(&out->rows[p]));
		for (size_t s = 0; s < out->rows[p].n_spans; s++)
			if (out->rows[p].spans[s].n_rows > adapter->n_memory)
				return fail(err, PITH_BAD_FILE, "%s: a span has %zu memory tokens, the adapter has %zu.", path,
				            out->rows[p].spans[s].n_rows, adapter->n_memory);
	}
	return PITH_OK;
}

static enum pith_status load(struct pith_compressed *out, const struct safetensors *file, struct pith_model *model,
                             const char *path, struct pith_error *err)
{
	const struct hyperparams *h = &model->transformer.h;
	out->n_layers = h->n_layers;
	out->kv_dim = hyperparams_kv_dim(h);
	enum pith_status status = read_header(out, file, path, err);
	/* Before anything of the rows is looked at: what differs is better said as "another model" than as a wrong shape. */
	if (status == PITH_OK)
		status = compressed_check_model(out, model, path, err);
	for (int p = 0; status == PITH_OK && p < PITH_N_MEMORY_PURPOSES; p++)
		status = read_rows(out, file, h, (enum pith_purpose)p, path, err);
	if (status == PITH_OK)
		status = compressed_check_model(out, model, path, err);
	if (status == PITH_OK)
		status = check_rows(out, file, model, path, err);
	for (int p = 0; status == PITH_OK && p < PITH_N_MEMORY_PURPOSES; p++)
		if (out->rows[p].embeddings != NULL)
			status = rows_read_embeddings(&out->rows[p], model, model->adapters[out->info.method->memory][p], NULL,
			                              err);
	if (status != PITH_OK)
		return status;
	struct pith_compressed_info *info = &out->info;
	if (!info->has_purpose[PITH_REGENERATE] && !info->has_purpose[PITH_ANSWER])
		return fail(err, PITH_BAD_FILE, "%s holds no memory rows.", path);
	info->budget_tokens = info->compressed_tokens;
	info->cr = info->target_cr = (double)info->compressed_tokens / (double)info->original_tokens;
	info->note = out->note;
	soft_describe(out, model);
	return PITH_OK;
}

enum pith_status pith_compressed_load(struct pith_compressed **out, struct pith_model *model, const char *path,
                                      struct pith_error *err)
{
	*out = NULL;
	struct safetensors *file;
	enum pith_status status = safetensors_open(&file, path, err);
	if (status != PITH_OK)
		return status;
	struct pith_compressed *compressed = calloc(1, sizeof *compressed);
	status = compressed == NULL ? fail_memory(err, "a soft prompt") : load(compressed, file, model, path, err);
	safetensors_close(file);
	if (status != PITH_OK) {
		pith_compressed_destroy(compressed);
		return status;
	}
	*out = compressed;
	return PITH_OK;
}
