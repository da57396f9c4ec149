#define _POSIX_C_SOURCE 200809L
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "model/parameters.h"
#include "text/chat_format.h"

enum { N_SLOTS = PITH_N_MEMORIES * PITH_N_PURPOSES }; /* for adapters */

const char *pith_version(void)
{
	return PITH_VERSION;
}

const char *model_fingerprint(struct pith_model *model)
{
	if (model->fingerprint[0] == '\0')
		weights_fingerprint(&model->transformer.weights, &model->transformer.h, model->fingerprint);
	return model->fingerprint;
}

/* The type that holds most numbers. */
static const char *main_weight_type(const struct pith_model *model)
{
	const struct tensor *projection = &model->transformer.weights.layers[0].projections[PROJECTION_DOWN];
	const char *name = tensor_type_name(projection->type);
	return name == NULL ? "?" : name;
}

static size_t count_parameters(const struct gguf *gguf)
{
	size_t n = 0;
	for (size_t i = 0; i < gguf_n_tensors(gguf); i++)
		n += tensor_n_elements(gguf_tensor(gguf, i));
	return n;
}

/* general.name, or the file's stem. */
static char *read_name(const struct gguf *gguf, const char *path)
{
	const char *value;
	size_t length;
	if (gguf_find_string(gguf, "general.name", &value, &length) && length > 0 && length < 256)
		return strndup(value, length);
	const char *base = strrchr(path, '/');
	base = base == NULL ? path : base + 1;
	const char *dot = strrchr(base, '.');
	return dot == NULL ? strdup(base) : strndup(base, (size_t)(dot - base));
}

static void fill_info(struct pith_model *model)
{
	const struct hyperparams *h = &model->transformer.h;
	model->info = (struct pith_model_info){
		.path = model->path,
		.name = model->name,
		.architecture = h->architecture,
		.weight_type = main_weight_type(model),
		.n_params = count_parameters(model->gguf),
		.file_bytes = gguf_file_size(model->gguf),
		.n_layers = (int)h->n_layers,
		.n_embd = (int)h->n_embd,
		.n_heads = (int)h->n_heads,
		.n_kv_heads = (int)h->n_kv_heads,
		.head_dim = (int)h->head_dim,
		.n_ff = (int)h->n_ff,
		.n_vocab = (int)h->n_vocab,
		.n_context = (int)h->n_context,
		.has_chat_format = chat_format_find(model->tokenizer) != NULL,
		.kv_bytes_per_token = 2 * h->n_layers * hyperparams_kv_dim(h) * sizeof(float),
	};
	model->info.has_keep_head = model->keep_head != NULL;
	for (int slot = 0; slot < N_SLOTS; slot++) {
		int m = slot / PITH_N_PURPOSES, p = slot % PITH_N_PURPOSES;
		const struct adapter *adapter = model->adapters[m][p];
		if (adapter == NULL)
			continue;
		model->info.has_adapter[m][p] = true;
		model->info.max_memory_tokens[m][p] = (int)adapter->n_memory;
		if (model->info.span_tokens == 0 && p < PITH_N_MEMORY_PURPOSES)
			model->info.span_tokens = (int)adapter->span_tokens;
	}
}

/* Was what (an "adapter") trained on this very model? */
static enum pith_status check_fingerprints(struct pith_model *model, const char *base, const char *tokenizer, const char *what,
                                           const char *path, struct pith_error *err)
{
	if (strcmp(tokenizer, tokenizer_fingerprint(model->tokenizer)) != 0)
		return fail(err, PITH_MISMATCH, "%s: the %s was trained with another tokenizer than that of %s.", path, what,
		            model->path);
	if (model_fingerprint(model)[0] == '\0')
		return fail_memory(err, "the fingerprint of the model");
	if (strcmp(base, model_fingerprint(model)) != 0)
		return fail(err, PITH_MISMATCH, "%s: the %s was trained on other weights than those of %s.", path, what,
		            model->path);
	return PITH_OK;
}

static enum pith_status check_adapter(struct pith_model *model, const struct adapter *adapter, enum pith_memory memory,
                                      enum pith_purpose purpose, const char *path, struct pith_error *err)
{
	if (adapter->hands_over != memory)
		return fail(err, PITH_MISMATCH, "%s: the memory tokens of this adapter hand over %s, not %s.", path,
		            pith_memory_name(adapter->hands_over), pith_memory_name(memory));
	if (adapter->purpose != purpose)
		return fail(err, PITH_MISMATCH, "%s: this adapter is for %s, not for %s.", path, purpose_name(adapter->purpose),
		            purpose_name(purpose));
	enum pith_status status =
		check_fingerprints(model, adapter->base_fingerprint, adapter->tokenizer_fingerprint, "adapter", path, err);
	if (status != PITH_OK)
		return status;
	if (1 + adapter->span_tokens >= model->transformer.h.n_context)
		return fail(err, PITH_MISMATCH, "%s: spans of %zu tokens do not fit the model's context.", path,
		            adapter->span_tokens);
	return PITH_OK;
}

/* model.gguf -> model-NAME.gguf; NULL: no memory. */
static char *path_beside(const char *path, const char *name)
{
	struct buffer beside = {0};
	size_t stem = strlen(path);
	if (stem > 5 && strcmp(path + stem - 5, ".gguf") == 0)
		stem -= 5;
	if (buffer_append(&beside, path, stem) && buffer_printf(&beside, "-%s.gguf", name))
		return beside.data;
	buffer_free(&beside);
	return NULL;
}

static enum pith_status open_adapter(struct pith_model *model, enum pith_memory memory, enum pith_purpose purpose,
                                     const char *asked, struct pith_error *err)
{
	struct adapter **adapter = &model->adapters[memory][purpose];
	if (asked != NULL && asked[0] == '\0')
		return PITH_OK;
	char name[32];
	snprintf(name, sizeof name, "%s%s", memory == PITH_MEMORY_ROWS ? "" : "embeddings-", purpose_name(purpose));
	char *path = asked != NULL ? strdup(asked) : path_beside(model->path, name);
	if (path == NULL)
		return fail_memory(err, "a path");
	enum pith_status status = PITH_OK;
	/* One that was asked for must be there; one that is only looked for need not. */
	if (asked != NULL || access(path, F_OK) == 0)
		status = adapter_load(adapter, &model->transformer.h, path, err);
	if (status == PITH_OK && *adapter != NULL)
		status = check_adapter(model, *adapter, memory, purpose, path, err);
	free(path);
	return status;
}

/* The head that says which words to keep: model-keep.gguf, or the file that was asked for. */
static enum pith_status open_keep_head(struct pith_model *model, const char *asked, struct pith_error *err)
{
	if (asked != NULL && asked[0] == '\0')
		return PITH_OK;
	char *path = asked != NULL ? strdup(asked) : path_beside(model->path, "keep");
	if (path == NULL)
		return fail_memory(err, "a path");
	enum pith_status status = PITH_OK;
	if (asked != NULL || access(path, F_OK) == 0)
		status = keep_head_load(&model->keep_head, &model->transformer.h, path, err);
	const struct keep_head *head = model->keep_head;
	if (status == PITH_OK && head != NULL)
		status = check_fingerprints(model, head->base_fingerprint, head->tokenizer_fingerprint, "keep head", path, err);
	free(path);
	return status;
}

static enum pith_status open_parts(struct pith_model *model, const struct pith_model_options *options, struct pith_error *err)
{
	struct transformer *t = &model->transformer;
	enum pith_status status = gguf_open(&model->gguf, model->path, err);
	if (status == PITH_OK)
		status = hyperparams_read(&t->h, model->gguf, err);
	if (status == PITH_OK)
		status = weights_load(&t->weights, &t->h, model->gguf, err);
	if (status == PITH_OK)
		status = tokenizer_create(&model->tokenizer, model->gguf, err);
	if (status == PITH_OK && (size_t)tokenizer_n_vocab(model->tokenizer) > t->h.n_vocab)
		status = fail(err, PITH_BAD_FILE, "%s: the vocabulary has %d tokens, the embedding table %zu rows.", model->path,
		              tokenizer_n_vocab(model->tokenizer), t->h.n_vocab);
	for (int slot = 0; status == PITH_OK && slot < N_SLOTS; slot++) {
		int m = slot / PITH_N_PURPOSES, p = slot % PITH_N_PURPOSES;
		status = open_adapter(model, (enum pith_memory)m, (enum pith_purpose)p,
		                      options == NULL ? NULL : options->adapter_path[m][p], err);
	}
	if (status == PITH_OK)
		status = open_keep_head(model, options == NULL ? NULL : options->keep_head_path, err);
	if (status != PITH_OK)
		return status;
	model->name = read_name(model->gguf, model->path);
	model->pool = thread_pool_create(options == NULL ? 0 : options->n_threads);
	if (model->name == NULL || model->pool == NULL)
		return fail_memory(err, "a model");
	fill_info(model);
	return PITH_OK;
}

struct pith_model_options model_options_alone(int n_threads)
{
	struct pith_model_options options = {.keep_head_path = "", .n_threads = n_threads};
	for (int m = 0; m < PITH_N_MEMORIES; m++)
		for (int p = 0; p < PITH_N_PURPOSES; p++)
			options.adapter_path[m][p] = "";
	return options;
}

enum pith_status pith_model_open(struct pith_model **out, const char *path, const struct pith_model_options *options,
                                 const struct pith_control *control, struct pith_error *err)
{
	(void)control; /* opening maps the file; with parts beside it all weights are read once, for their fingerprint */
	*out = NULL;
	struct pith_model *model = calloc(1, sizeof *model);
	if (model == NULL || (model->path = strdup(path)) == NULL) {
		free(model);
		return fail_memory(err, "a model");
	}
	enum pith_status status = open_parts(model, options, err);
	if (status != PITH_OK) {
		pith_model_close(model);
		return status;
	}
	*out = model;
	return PITH_OK;
}

void pith_model_close(struct pith_model *model)
{
	if (model == NULL)
		return;
	for (int slot = 0; slot < N_SLOTS; slot++)
		adapter_destroy(model->adapters[slot / PITH_N_PURPOSES][slot % PITH_N_PURPOSES]);
	keep_head_destroy(model->keep_head);
	thread_pool_destroy(model->pool);
	tokenizer_destroy(model->tokenizer);
	transformer_free(&model->transformer);
	gguf_close(model->gguf);
	free(model->path);
	free(model->name);
	free(model);
}

const struct pith_model_info *pith_model_info(const struct pith_model *model)
{
	return &model->info;
}

enum pith_status pith_tokenize(const struct pith_model *model, const char *text, size_t length, struct pith_token **out,
                               size_t *n, struct pith_error *err)
{
	return tokenizer_encode_spans(model->tokenizer, text, length, out, n, err);
}

const char *pith_token_bytes(const struct pith_model *model, int32_t id, size_t *length)
{
	return tokenizer_bytes(model->tokenizer, id, length);
}
