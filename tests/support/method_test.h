/* What tests of a method ask again and again, on models of small_model.h. */
#ifndef TESTS_SUPPORT_METHOD_TEST_H
#define TESTS_SUPPORT_METHOD_TEST_H

#include <stdlib.h>

#include "support/small_model.h"

/* A random model without adapters, and its vocabulary beside it. */
static inline struct pith_model *plain_model(uint64_t seed)
{
	char vocabulary[600], path[600];
	snprintf(vocabulary, sizeof vocabulary, "%s/vocabulary.gguf", scratch_directory);
	snprintf(path, sizeof path, "%s/model.gguf", scratch_directory);
	small_vocabulary(vocabulary, "qwen2", SMALL_VOCABULARY);
	small_model(path, vocabulary, seed);
	return small_open(path);
}

static inline struct pith_document *document_of_words(struct pith_model *model, size_t n_words, uint64_t seed)
{
	struct buffer text = {0};
	struct random_state random;
	random_seed(&random, seed);
	small_text(&text, &random, n_words);
	struct pith_document *document = small_document(model, text.data, text.length);
	buffer_free(&text);
	return document;
}

static inline struct pith_compress_options options_of(const char *method, double rate)
{
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	options.method = pith_method_find(method);
	options.rate = rate;
	return options;
}

static inline struct pith_compressed *compress(struct pith_document *document, const struct pith_compress_options *options)
{
	struct pith_compressed *compressed;
	struct pith_error err;
	must(pith_compress(&compressed, document, options, NULL, &err), &err);
	return compressed;
}

static inline size_t count_tokens(const struct pith_model *model, const char *text, size_t length)
{
	struct pith_token *tokens;
	size_t n;
	must(pith_tokenize(model, text, length, &tokens, &n, NULL), NULL);
	free(tokens);
	return n;
}

/* Every budget is met to the token, by texts of three lengths at five rates, unless words that must be kept do not fit. */
static inline void check_budgets(struct pith_model *model, const char *method, const size_t lengths[3])
{
	static const double rates[] = {0.05, 0.2, 0.5, 0.8, 1};
	for (size_t l = 0; l < 3; l++) {
		struct pith_document *document = document_of_words(model, lengths[l], 10 + l);
		for (size_t r = 0; r < 5; r++) {
			struct pith_compress_options options = options_of(method, rates[r]);
			protect_words(&options, r % 2 == 1);
			struct pith_compressed *compressed = compress(document, &options);
			const struct pith_compressed_info *info = pith_compressed_info(compressed);
			size_t length, original_length;
			const char *text = pith_compressed_text(compressed, &length);
			assert_int_equal(count_tokens(model, text, length), info->compressed_tokens);
			if (info->n_must_keep_dropped == 0)
				assert_int_equal(info->compressed_tokens, info->budget_tokens);
			assert_true(info->compressed_tokens <= info->budget_tokens);
			if (rates[r] == 1)
				assert_string_equal(text, pith_document_text(document, &original_length));
			pith_compressed_destroy(compressed);
		}
		pith_document_destroy(document);
	}
}

#endif
