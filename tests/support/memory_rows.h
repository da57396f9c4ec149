/*
 * Memory rows for tests: a small model with both adapters, documents of exactly
 * so many tokens, and these in so many memory tokens.
 * The .c file that includes it defines _XOPEN_SOURCE 700 first (scratch.h).
 */
#ifndef TESTS_SUPPORT_MEMORY_ROWS_H
#define TESTS_SUPPORT_MEMORY_ROWS_H

#include <stdio.h>
#include <stdlib.h>

#include "compress/document.h"
#include "support/small_model.h"

static struct pith_model *model;
static char directory_model[600];

static inline int rows_setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	small_files("soft", 20);
	snprintf(directory_model, sizeof directory_model, "%s/soft.gguf", scratch_directory);
	model = small_open(directory_model);
	return 0;
}

static inline int rows_teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

/* A document of exactly n tokens. */
static inline struct pith_document *document_of(size_t n_tokens, uint64_t seed)
{
	struct buffer text = {0};
	struct random_state random;
	struct pith_token *tokens;
	size_t n;
	random_seed(&random, seed);
	small_text(&text, &random, 2 * n_tokens + 8);
	must(pith_tokenize(model, text.data, text.length, &tokens, &n, NULL), NULL);
	assert_true(n >= n_tokens);
	/* Cutting behind a token may change the tokens before it; then one token sooner, or later. */
	struct pith_document *document = NULL;
	for (size_t cut = n_tokens; cut < n; cut++) {
		document = small_document(model, text.data, tokens[cut - 1].end);
		if (document->n_tokens == n_tokens)
			break;
		pith_document_destroy(document);
		document = NULL;
	}
	assert_non_null(document);
	free(tokens);
	buffer_free(&text);
	return document;
}

static inline enum pith_status try_compress(struct pith_compressed **out, struct pith_document *document, size_t k,
                                            const struct pith_control *control, struct pith_error *err)
{
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	options.method = pith_method_find("500x");
	options.n_tokens = k;
	return pith_compress(out, document, &options, control, err);
}

static inline struct pith_compressed *compress(struct pith_document *document, size_t k)
{
	struct pith_compressed *compressed;
	struct pith_error err;
	must(try_compress(&compressed, document, k, NULL, &err), &err);
	return compressed;
}

#endif
