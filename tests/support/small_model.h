/*
 * A small model with all that a large one has: a BPE vocabulary learned from
 * sentences made up here, two layers of random weights, adapters for both
 * purposes. Files lie in the directory of scratch.h.
 * The .c file that includes it defines _XOPEN_SOURCE 700 first.
 */
#ifndef TESTS_SUPPORT_SMALL_MODEL_H
#define TESTS_SUPPORT_SMALL_MODEL_H

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/random.h"
#include "model/model.h"
#include "model/parameters.h"
#include "pith/compress.h"
#include "pith/train.h"
#include "scratch.h"
#include "unit.h"

enum { SMALL_VOCABULARY = 420, SMALL_CONTEXT = 512, SMALL_MEMORY = 16, SMALL_SPAN = 64 };

/* Fails with the sentence when a call failed. */
static inline void must(enum pith_status status, const struct pith_error *err)
{
	if (status != PITH_OK)
		fail_msg("%s: %s", pith_status_name(status), err->message);
}

/* Checks the code and that the sentence holds the words. */
static inline void expect_failure(enum pith_status status, enum pith_status code, const struct pith_error *err, const char *words)
{
	if (status != code)
		fail_msg("expected \"%s\" about %s, got \"%s\": %s", pith_status_name(code), words, pith_status_name(status),
		         status == PITH_OK ? "" : err->message);
	if (err->code != code || strstr(err->message, words) == NULL)
		fail_msg("expected a sentence with \"%s\", got: %s", words, err->message);
}

/* Appends n words in sentences and paragraphs, with numbers, negations, odd gaps, letters and signs beyond ASCII. */
static inline void small_text(struct buffer *out, struct random_state *random, size_t n)
{
	static const char *const words[] = {
		"the",    "river",   "harbour", "committee", "meeting",  "tide",      "of",     "and",     "in",    "energy",
		"turbine", "report", "was",     "is",        "not",      "engineers", "café",   "however", "plan",  "to",
		"a",      "measured", "never",  "don't",     "approved", "cost",      "budget", "naïve",   "(see",  "below)",
		"which",  "without", "delay",   "Monday",    "Danube",   "a",         "the",    "of",      "🌊",    "—",
		"extraordinarily", "water", "electricity", "generation", "by", "for", "\"quoted\"", "e.g.", "I/O", "x_y",
	};
	static const char *const ends[] = {" ", " ", " ", " ", " ", " ", ", ", ". ", ".\n", ".\n\n", "\n", "  ", "\t", "; "};
	for (size_t i = 0; i < n; i++) {
		if (random_below(random, 9) == 0)
			assert_true(buffer_printf(out, "%d", (int)random_below(random, 5000)));
		else
			assert_true(buffer_append_string(out, words[random_below(random, sizeof words / sizeof *words)]));
		if (i + 1 < n)
			assert_true(buffer_append_string(out, ends[random_below(random, sizeof ends / sizeof *ends)]));
	}
}

static inline void small_vocabulary(const char *path, const char *pre, int n_vocab)
{
	struct random_state random;
	struct buffer text = {0};
	struct pith_error err;
	char corpus[640];
	snprintf(corpus, sizeof corpus, "%s.jsonl", path);
	FILE *stream = fopen(corpus, "w");
	assert_non_null(stream);
	random_seed(&random, 7);
	for (int line = 0; line < 40; line++) {
		buffer_clear(&text);
		small_text(&text, &random, 100);
		fputs("{\"text\": \"", stream);
		for (size_t i = 0; i < text.length; i++) {
			if (text.data[i] == '\n' || text.data[i] == '\t')
				fputs(text.data[i] == '\n' ? "\\n" : "\\t", stream);
			else
				fprintf(stream, "%s%c", text.data[i] == '"' ? "\\" : "", text.data[i]);
		}
		fputs("\"}\n", stream);
	}
	assert_int_equal(fclose(stream), 0);
	buffer_free(&text);
	const char *const paths[] = {corpus};
	struct pith_tokenizer_recipe recipe = {.paths = paths, .n_paths = 1, .n_vocab = n_vocab, .pre = pre, .output_path = path};
	must(pith_train_tokenizer(&recipe, NULL, &err), &err);
}

static inline struct hyperparams small_shape(size_t n_vocab)
{
	return (struct hyperparams){.architecture = "qwen3", .n_layers = 2, .n_embd = 32, .n_heads = 4, .n_kv_heads = 2,
	                            .head_dim = 8, .n_ff = 64, .n_vocab = n_vocab, .n_context = SMALL_CONTEXT, .rms_eps = 1e-6f,
	                            .rope_theta = 10000, .rope_style = ROPE_HALVES, .qk_norm = true};
}

/* Random weights of a shape but for n_vocab, large enough that the most likely token changes from place to place. */
static inline void small_model_shaped(const char *path, const char *vocabulary_path, uint64_t seed, struct hyperparams h)
{
	struct pith_error err;
	struct gguf *vocabulary;
	struct tokenizer *tokenizer;
	struct parameters *p;
	struct random_state random;
	random_seed(&random, seed);
	must(gguf_open(&vocabulary, vocabulary_path, &err), &err);
	must(tokenizer_create(&tokenizer, vocabulary, &err), &err);
	h.n_vocab = (size_t)tokenizer_n_vocab(tokenizer);
	must(parameters_create(&p, &h, false, &err), &err);
	parameters_randomise(p, &random);
	size_t begin, end;
	bool decays;
	for (size_t i = 0; parameters_range(p, i, &begin, &end, &decays); i++)
		for (size_t j = begin; decays && j < end; j++)
			p->values[j] *= 15;
	must(parameters_save(p, path, TENSOR_F32, "small", vocabulary, &err), &err);
	parameters_destroy(p);
	tokenizer_destroy(tokenizer);
	gguf_close(vocabulary);
}

static inline void small_model_of(const char *path, const char *vocabulary_path, uint64_t seed, size_t n_context)
{
	struct hyperparams h = small_shape(0);
	h.n_context = n_context;
	small_model_shaped(path, vocabulary_path, seed, h);
}

static inline void small_model(const char *path, const char *vocabulary_path, uint64_t seed)
{
	small_model_of(path, vocabulary_path, seed, SMALL_CONTEXT);
}

/* Opens a model with the adapters beside it. */
static inline struct pith_model *small_open(const char *path)
{
	struct pith_model *model;
	struct pith_error err;
	struct pith_model_options options = {.n_threads = 1};
	must(pith_model_open(&model, path, &options, NULL, &err), &err);
	return model;
}

/* A random adapter for the model at model_path; those for rewriting and reading have no memory tokens. */
static inline void small_adapter_of(const char *path, const char *model_path, enum pith_memory hands_over,
                                    enum pith_purpose purpose, double deviation, uint64_t seed)
{
	struct pith_error err;
	struct pith_model *model;
	struct pith_model_options options = {.adapter_path = {{"", ""}}, .n_threads = 1};
	struct adapter *adapter;
	struct random_state random;
	random_seed(&random, seed);
	must(pith_model_open(&model, model_path, &options, NULL, &err), &err);
	const struct hyperparams *h = &model->transformer.h;
	must(adapter_create(&adapter, h, purpose, 4, 8, purpose < PITH_N_MEMORY_PURPOSES ? SMALL_MEMORY : 0, &random, &err),
	     &err);
	for (size_t i = 0; i < adapter->n_values; i++)
		adapter->values[i] += (float)(deviation * random_normal(&random));
	adapter->hands_over = hands_over;
	adapter->span_tokens = SMALL_SPAN;
	strcpy(adapter->base_fingerprint, model_fingerprint(model));
	strcpy(adapter->tokenizer_fingerprint, tokenizer_fingerprint(model->tokenizer));
	must(adapter_save(adapter, h, TENSOR_F32, path, &err), &err);
	adapter_destroy(adapter);
	pith_model_close(model);
}

static inline void small_adapter(const char *path, const char *model_path, enum pith_purpose purpose, uint64_t seed)
{
	small_adapter_of(path, model_path, PITH_MEMORY_ROWS, purpose, 0.1, seed);
}

/* DIRECTORY/NAME.gguf, NAME-regenerate.gguf and NAME-answer.gguf, with a vocabulary NAME-vocabulary.gguf. */
static inline void small_files(const char *name, uint64_t seed)
{
	char path[4][600];
	static const char *const parts[] = {"", "-vocabulary", "-regenerate", "-answer"};
	for (int i = 0; i < 4; i++)
		snprintf(path[i], sizeof path[i], "%s/%s%s.gguf", scratch_directory, name, parts[i]);
	small_vocabulary(path[1], "qwen2", SMALL_VOCABULARY);
	small_model(path[0], path[1], seed);
	small_adapter(path[2], path[0], PITH_REGENERATE, seed + 1);
	small_adapter(path[3], path[0], PITH_ANSWER, seed + 2);
}

static inline struct pith_document *small_document(struct pith_model *model, const char *text, size_t length)
{
	struct pith_document *document;
	struct pith_error err;
	must(pith_document_create(&document, model, text, length, &err), &err);
	return document;
}

/* Or not: digits, negations, names, addresses and code before other words. */
static inline void protect_words(struct pith_compress_options *options, bool keep)
{
	options->keep_digits = options->keep_negations = options->keep_names = options->keep_addresses = options->keep_code = keep;
}

/* DIRECTORY/small.gguf with an adapter for rewriting or reading beside it, opened. */
static inline struct pith_model *small_open_with(enum pith_purpose purpose, double deviation)
{
	char path[600], adapter[600], name[32];
	small_files("small", 5);
	snprintf(path, sizeof path, "%s", scratch_path("small.gguf"));
	snprintf(name, sizeof name, "small-%s.gguf", purpose_name(purpose));
	snprintf(adapter, sizeof adapter, "%s", scratch_path(name));
	small_adapter_of(adapter, path, PITH_MEMORY_ROWS, purpose, deviation, 9);
	return small_open(path);
}

#endif
