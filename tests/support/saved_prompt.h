/*
 * A soft prompt that was saved, for tests of its file: of a small model with
 * both adapters; and what is said when another file is not taken for one.
 * The .c file that includes it defines _XOPEN_SOURCE 700 first (scratch.h).
 */
#ifndef TESTS_SUPPORT_SAVED_PROMPT_H
#define TESTS_SUPPORT_SAVED_PROMPT_H

#include <stdio.h>
#include <string.h>

#include "support/small_model.h"

enum { K = 20, N_LAYERS = 2, KV_DIM = 16, ROW_FLOATS = 2 * N_LAYERS * KV_DIM };

static struct pith_model *model;
static struct pith_document *document;
static struct pith_compressed *compressed; /* K memory tokens in two spans, both purposes */
static char saved[600];                    /* its file */

static inline const char *in_scratch(char path[600], const char *name)
{
	snprintf(path, 600, "%s/%s", scratch_directory, name);
	return path;
}

static inline int saved_setup(void **state)
{
	char path[600];
	struct buffer text = {0};
	struct random_state random;
	struct pith_compress_options options;
	struct pith_error err;
	if (scratch_setup(state) != 0)
		return -1;
	small_files("base", 40);
	model = small_open(in_scratch(path, "base.gguf"));
	random_seed(&random, 41);
	small_text(&text, &random, 36);
	document = small_document(model, text.data, text.length);
	buffer_free(&text);
	pith_compress_options_init(&options);
	options.method = pith_method_find("500x");
	options.n_tokens = K;
	must(pith_compress(&compressed, document, &options, NULL, &err), &err);
	must(pith_compressed_save(compressed, in_scratch(saved, "saved.safetensors"), &err), &err);
	return 0;
}

static inline int saved_teardown(void **state)
{
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
	pith_model_close(model);
	return scratch_teardown(state);
}

static inline void refuse(struct pith_model *by, const char *path, enum pith_status code, const char *words)
{
	struct pith_compressed *loaded;
	struct pith_error err = {0};
	enum pith_status status = pith_compressed_load(&loaded, by, path, &err);
	assert_null(loaded);
	expect_failure(status, code, &err, words);
	assert_non_null(strstr(err.message, path));
}

#endif
