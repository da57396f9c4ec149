/* What tests of a method ask again and again, on models of small_model.h. */
#ifndef TESTS_SUPPORT_METHOD_TEST_H
#define TESTS_SUPPORT_METHOD_TEST_H

#include <stdlib.h>

#include "support/small_model.h"

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

#endif
