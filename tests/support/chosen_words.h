/*
 * Words chosen for a budget, for tests: documents with scores, so that no model
 * has to read them, and what holds of every result. Tokens are counted here by
 * tokenising the result anew.
 * The .c file that includes it defines _XOPEN_SOURCE 700 first (scratch.h).
 */
#ifndef TESTS_SUPPORT_CHOSEN_WORDS_H
#define TESTS_SUPPORT_CHOSEN_WORDS_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compress/select_words.h"
#include "support/small_model.h"

static struct pith_model *model; /* a vocabulary that splits as Qwen's does, no adapters */
static char model_path[600];

static inline int words_setup(void **state)
{
	char vocabulary[600];
	if (scratch_setup(state) != 0)
		return -1;
	snprintf(vocabulary, sizeof vocabulary, "%s/vocabulary.gguf", scratch_directory);
	snprintf(model_path, sizeof model_path, "%s/model.gguf", scratch_directory);
	small_vocabulary(vocabulary, "qwen2", SMALL_VOCABULARY);
	small_model(model_path, vocabulary, 1);
	model = small_open(model_path);
	return 0;
}

static inline int words_teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

/* Gives a document scores, so that no model has to read it. */
static inline void random_scores(struct pith_document *document, struct random_state *random)
{
	document->scores = malloc((document->n_tokens + 1) * sizeof *document->scores);
	assert_non_null(document->scores);
	for (size_t i = 0; i < document->n_tokens; i++)
		document->scores[i] = (float)fabs(5 * random_normal(random));
}

static inline struct pith_document *generated_document(struct pith_model *of, struct random_state *random, size_t n_words)
{
	struct buffer text = {0};
	small_text(&text, random, n_words);
	struct pith_document *document = small_document(of, text.data, text.length);
	random_scores(document, random);
	buffer_free(&text);
	return document;
}

static inline size_t count_tokens(const struct pith_model *of, const char *text, size_t length)
{
	struct pith_token *tokens;
	size_t n;
	must(pith_tokenize(of, text, length, &tokens, &n, NULL), NULL);
	free(tokens);
	return n;
}

/* The text must be the kept words in order, whole, with nothing but white space of the document or " ", "\n", "\n\n" between. */
static inline void check_text(const struct pith_compressed *compressed, const char *document)
{
	size_t length, n, at = 0;
	const char *text = pith_compressed_text(compressed, &length);
	const struct pith_word *words = pith_compressed_words(compressed, &n);
	assert_int_equal(strlen(text), length);
	for (size_t w = 0; w < n; w++) {
		if (!words[w].kept)
			continue;
		at += strspn(text + at, " \n\t");
		size_t size = words[w].end - words[w].begin;
		assert_true(size <= length - at);
		assert_memory_equal(text + at, document + words[w].begin, size);
		at += size;
		/* Behind a piece of a longer run the next one may follow at once. */
		bool is_piece = strchr(" \n\t", document[words[w].end]) == NULL;
		assert_true(at == length || strchr(" \n\t", text[at]) != NULL || is_piece);
	}
	assert_int_equal(at + strspn(text + at, " \n\t"), length);
}

/* What holds of every result. */
static inline void check_result(const struct pith_compressed *compressed, const struct pith_document *document)
{
	const struct pith_compressed_info *info = pith_compressed_info(compressed);
	size_t length, n, dropped = 0;
	const char *text = pith_compressed_text(compressed, &length);
	const struct pith_word *words = pith_compressed_words(compressed, &n);
	check_text(compressed, document->text);
	assert_int_equal(info->compressed_tokens, count_tokens(document->model, text, length));
	assert_true(info->compressed_tokens <= info->budget_tokens);
	assert_int_equal(info->compressed_bytes, length);
	assert_int_equal(info->original_tokens, document->n_tokens);
	assert_int_equal(info->original_bytes, document->length);
	assert_int_equal(info->n_spans, 0);
	assert_true(fabs(info->cr - (double)info->compressed_tokens / (double)document->n_tokens) < 1e-12);
	assert_true(fabs(info->delta_cr - (info->cr - (double)info->budget_tokens / (double)document->n_tokens)) < 1e-12);
	for (size_t w = 0; w < n; w++)
		dropped += words[w].must_keep && !words[w].kept;
	assert_int_equal(info->n_must_keep_dropped, dropped);
	if (info->compressed_tokens != info->budget_tokens || dropped > 0)
		assert_true(info->note[0] != '\0');
	else
		assert_string_equal(info->note, "");
}

static inline struct pith_compressed *compress(struct pith_document *document, const struct pith_compress_options *options)
{
	struct pith_compressed *compressed;
	struct pith_error err;
	must(pith_compress(&compressed, document, options, NULL, &err), &err);
	check_result(compressed, document);
	return compressed;
}

#endif
