/* The method table, and what is common to all methods. */
#include "pith/compress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "compress/document.h"
#include "model/generate.h"

typedef enum pith_status compress_fn(struct pith_compressed *out, struct pith_document *document,
                                     const struct pith_compress_options *options, const struct pith_control *control,
                                     struct pith_error *err);

/* Everything that lists methods lists these rows; a new method is one row and one file. */
static const struct pith_method methods[] = {
	{"500x", "500xCompressor", "memory tokens: K/V rows of every layer, written by an adapter, read by the model",
	 "arXiv 2408.03094", PITH_SOFT, PITH_MEMORY_ROWS},
	{"selfinfo", "Self-information", "keeps the words that the model could predict least, whole and in order",
	 "Selective Context, arXiv 2310.06201", PITH_EXTRACTIVE, PITH_MEMORY_ROWS},
	{"llmlingua2", "LLMLingua-2", "keeps the words that a trained head finds worth keeping, whole and in order",
	 "LLMLingua-2, arXiv 2403.12968", PITH_EXTRACTIVE, PITH_MEMORY_ROWS},
	{"llmlingua", "LLMLingua", "keeps the words that the model could predict least from what was kept before them",
	 "arXiv 2310.05736", PITH_EXTRACTIVE, PITH_MEMORY_ROWS},
	{"dac", "DAC", "keeps the words that the model attends to and could predict least, in stages",
	 "arXiv 2507.11942", PITH_EXTRACTIVE, PITH_MEMORY_ROWS},
	{"cmprsr", "Cmprsr", "shorter text, written by an adapter that was trained to keep to a length", "arXiv 2511.12281",
	 PITH_ABSTRACTIVE, PITH_MEMORY_ROWS},
	{"vanilla", "Rewriting", "shorter text, written by an instruct model: the local one, or one behind --server",
	 "the baseline of Cmprsr, arXiv 2511.12281", PITH_ABSTRACTIVE, PITH_MEMORY_ROWS},
	{"icae", "ICAE", "memory tokens: last hidden states, written by an adapter, read by the model as embeddings",
	 "arXiv 2307.06945", PITH_SOFT, PITH_MEMORY_EMBEDDINGS},
};
static compress_fn *const functions[] = {soft_compress, selfinfo_compress, llmlingua2_compress, llmlingua_compress,
                                         dac_compress,  cmprsr_compress,   vanilla_compress,    soft_compress};
/* Those that can also do what was published, faults and all. */
static compress_fn *const with_compat[] = {selfinfo_compress, llmlingua_compress, dac_compress, soft_compress};
enum { N_METHODS = sizeof methods / sizeof methods[0] };
_Static_assert(N_METHODS == sizeof functions / sizeof functions[0], "one function for each method");

const struct pith_method *pith_methods(size_t *n)
{
	*n = N_METHODS;
	return methods;
}

const struct pith_method *pith_method_find(const char *name)
{
	for (size_t i = 0; i < N_METHODS; i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}

const char *pith_method_unable(const struct pith_method *method, const struct pith_model_info *info, bool has_server)
{
	compress_fn *function = functions[method - methods];
	if (function == llmlingua2_compress && !info->has_keep_head)
		return "needs a head trained for it (pith train keep), and this model has none";
	if (method->family == PITH_SOFT && !info->has_adapter[method->memory][PITH_REGENERATE] &&
	    !info->has_adapter[method->memory][PITH_ANSWER])
		return "needs an adapter, and this model has none for it";
	if (function == cmprsr_compress && !info->has_adapter[PITH_MEMORY_ROWS][PITH_REWRITE])
		return "needs an adapter that rewrites (pith train sft), and this model has none";
	if (function == vanilla_compress && !has_server && !info->has_chat_format)
		return "needs an instruct model or a server (--server URL), and this model has no chat format";
	return NULL;
}

void pith_compress_options_init(struct pith_compress_options *options)
{
	*options = (struct pith_compress_options){
		.method = pith_method_find("selfinfo"), .rate = 0.25, .keep_digits = true, .keep_negations = true,
		.keep_names = true, .keep_addresses = true, .keep_code = true, .coherence = 1.5, .keep_facts = true, .rewrite = true};
}

size_t pith_compress_budget(const struct pith_compress_options *options, size_t n_tokens)
{
	size_t budget = options->n_tokens;
	if (budget == 0)
		budget = (size_t)floor(options->rate * (double)n_tokens + 1e-9);
	if (budget > n_tokens)
		budget = n_tokens;
	return budget == 0 ? 1 : budget;
}

static bool has_compat(compress_fn *function)
{
	for (size_t i = 0; i < sizeof with_compat / sizeof with_compat[0]; i++)
		if (with_compat[i] == function)
			return true;
	return false;
}

/* Memory rows are of one model. Its fingerprint takes a reading of all weights: text does without. */
static enum pith_status describe_model(struct pith_compressed *out, struct pith_model *model, struct pith_error *err)
{
	if (out->info.method->family != PITH_SOFT)
		return PITH_OK;
	if (model_fingerprint(model)[0] == '\0')
		return fail_memory(err, "the fingerprint of the model");
	strcpy(out->model_fingerprint, model_fingerprint(model));
	strcpy(out->tokenizer_fingerprint, tokenizer_fingerprint(model->tokenizer));
	out->n_layers = model->transformer.h.n_layers;
	out->kv_dim = hyperparams_kv_dim(&model->transformer.h);
	return PITH_OK;
}

enum pith_status pith_compress(struct pith_compressed **out, struct pith_document *document,
                               const struct pith_compress_options *options, const struct pith_control *control,
                               struct pith_error *err)
{
	*out = NULL;
	if (options->method < methods || options->method >= methods + N_METHODS)
		return fail(err, PITH_BAD_ARGUMENT, "There is no such method.");
	if (options->n_tokens == 0 && !(options->rate > 0 && options->rate <= 1))
		return fail(err, PITH_BAD_ARGUMENT, "A compression rate is above 0 and at most 1.");
	if (options->compat && !has_compat(functions[options->method - methods]))
		return fail(err, PITH_BAD_ARGUMENT, "%s has no compatible mode that repeats the faults it was published with.",
		            options->method->name);
	if (!(options->coherence >= 0 && options->coherence <= PITH_MOST_COHERENCE))
		return fail(err, PITH_BAD_ARGUMENT, "Coherence is 0 to %d nats.", PITH_MOST_COHERENCE);
	if (options->compat && options->n_pins > 0)
		return fail(err, PITH_BAD_ARGUMENT, "As published, %s cannot pin words.", options->method->name);
	for (size_t i = 0; i < options->n_pins; i++)
		if (options->pins[i].begin > options->pins[i].end || options->pins[i].end > document->length)
			return fail(err, PITH_BAD_ARGUMENT, "Pin %zu of %zu ends outside the document of %zu bytes.", i + 1,
			            options->n_pins, document->length);
	struct pith_compressed *compressed = calloc(1, sizeof *compressed);
	if (compressed == NULL)
		return fail_memory(err, "the compressed document");
	double began = clock_seconds();
	struct pith_compressed_info *info = &compressed->info;
	info->method = options->method;
	info->original_tokens = document->n_tokens;
	info->original_bytes = document->length;
	info->budget_tokens = pith_compress_budget(options, document->n_tokens);
	info->note = compressed->note;
	enum pith_status status = functions[options->method - methods](compressed, document, options, control, err);
	if (status == PITH_OK)
		status = describe_model(compressed, document->model, err);
	if (status != PITH_OK) {
		pith_compressed_destroy(compressed);
		return status;
	}
	info->target_cr = (double)info->budget_tokens / (double)info->original_tokens;
	info->cr = (double)info->compressed_tokens / (double)info->original_tokens;
	info->delta_cr = info->cr - info->target_cr;
	document_hash(document, compressed->source_hash);
	info->seconds = clock_seconds() - began;
	*out = compressed;
	return PITH_OK;
}

void pith_compressed_destroy(struct pith_compressed *compressed)
{
	if (compressed == NULL)
		return;
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++)
		rows_free(&compressed->rows[p]);
	rows_free(&compressed->unfinished);
	compressed_forget_text(compressed);
	free(compressed->text);
	free(compressed->words);
	free(compressed);
}

const struct pith_compressed_info *pith_compressed_info(const struct pith_compressed *compressed)
{
	return &compressed->info;
}

const char *pith_compressed_text(const struct pith_compressed *compressed, size_t *length)
{
	*length = compressed->text_length;
	return compressed->text;
}

const struct pith_word *pith_compressed_words(const struct pith_compressed *compressed, size_t *n)
{
	*n = compressed->n_words;
	return compressed->words;
}

static float norm(const float *x, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (double)x[i] * (double)x[i];
	return (float)sqrt(sum);
}

enum pith_status pith_compressed_row_norms(const struct pith_compressed *compressed, enum pith_purpose purpose, size_t i,
                                           int layer, float *key_norm, float *value_norm, struct pith_error *err)
{
	if ((size_t)purpose >= PITH_N_MEMORY_PURPOSES)
		return fail(err, PITH_BAD_ARGUMENT, "There are no memory tokens for that purpose.");
	const struct rows *rows = &compressed->rows[purpose];
	if (i >= rows->n_rows || layer < 0 || (size_t)layer >= compressed->n_layers)
		return fail(err, PITH_BAD_ARGUMENT, "There is no memory token %zu in layer %d.", i, layer);
	const float *row = rows->data + i * rows->row_floats + 2 * (size_t)layer * compressed->kv_dim;
	*key_norm = norm(row, compressed->kv_dim);
	*value_norm = norm(row + compressed->kv_dim, compressed->kv_dim);
	return PITH_OK;
}

enum pith_status pith_compressed_without(struct pith_compressed **out, const struct pith_compressed *compressed, size_t token,
                                         struct pith_error *err)
{
	*out = NULL;
	size_t n = compressed->info.compressed_tokens;
	if (compressed->lacks_token)
		return fail(err, PITH_BAD_ARGUMENT, "Only one memory token can be taken away.");
	if (compressed->info.method->family != PITH_SOFT || token >= n || n == 1)
		return fail(err, PITH_BAD_ARGUMENT, "There is no memory token %zu to take away.", token);
	struct pith_compressed *copy = malloc(sizeof *copy);
	if (copy == NULL)
		return fail_memory(err, "the compressed document");
	*copy = *compressed;
	copy->info.note = copy->note;
	copy->regenerated = NULL;
	copy->unfinished = (struct rows){0};
	copy->lacks_token = true;
	memset(copy->rows, 0, sizeof copy->rows);
	enum pith_status status = PITH_OK;
	for (int p = 0; status == PITH_OK && p < PITH_N_MEMORY_PURPOSES; p++)
		if (copy->info.has_purpose[p])
			status = rows_copy_without(&copy->rows[p], &compressed->rows[p], token, err);
	if (status != PITH_OK) {
		pith_compressed_destroy(copy);
		return status;
	}
	*out = copy;
	return PITH_OK;
}

const struct adapter *compressed_reader(const struct pith_compressed *compressed, const struct pith_model *model,
                                        enum pith_purpose purpose)
{
	return model->adapters[compressed->info.method->memory][purpose]->reader;
}

enum pith_status compressed_check_model(const struct pith_compressed *compressed, struct pith_model *model, const char *where,
                                        struct pith_error *err)
{
	if (strcmp(compressed->tokenizer_fingerprint, tokenizer_fingerprint(model->tokenizer)) != 0)
		return fail(err, PITH_MISMATCH, "%s was made with another tokenizer than that of %s.", where, model->path);
	if (model_fingerprint(model)[0] == '\0')
		return fail_memory(err, "the fingerprint of the model");
	if (strcmp(compressed->model_fingerprint, model_fingerprint(model)) != 0)
		return fail(err, PITH_MISMATCH, "%s was made with another model than %s: the weights differ.", where,
		            model->path);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		if (!compressed->info.has_purpose[p])
			continue;
		const struct adapter *adapter = model->adapters[compressed->info.method->memory][p];
		if (adapter == NULL)
			return fail(err, PITH_MISMATCH, "%s was made with an adapter for %s, which %s lacks.", where,
			            purpose_name((enum pith_purpose)p), model->path);
		if (strcmp(adapter->fingerprint, compressed->adapter_fingerprint[p]) != 0)
			return fail(err, PITH_MISMATCH, "%s was made with another adapter for %s than the one beside %s.", where,
			            purpose_name((enum pith_purpose)p), model->path);
	}
	return PITH_OK;
}
