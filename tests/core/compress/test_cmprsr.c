#define _XOPEN_SOURCE 700
/*
 * Rewriting by an adapter, as a user calls it: with random weights what it writes is nonsense, but within the budget, and what
 * cannot be used gives way to words, which is said.
 */
#include "pith/compress.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "support/small_model.h"

static struct pith_model *able, *unable;
static struct buffer text;

static int setup(void **state)
{
	struct random_state random;
	char path[600];
	if (scratch_setup(state) != 0)
		return -1;
	small_files("small", 5);
	snprintf(path, sizeof path, "%s", scratch_path("small.gguf"));
	unable = small_open(path);
	char adapter[600];
	snprintf(adapter, sizeof adapter, "%s", scratch_path("small-rewrite.gguf"));
	small_adapter_of(adapter, path, PITH_MEMORY_ROWS, PITH_REWRITE, 0.1, 9);
	able = small_open(path);
	random_seed(&random, 4);
	small_text(&text, &random, 150);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(able);
	pith_model_close(unable);
	buffer_free(&text);
	return scratch_teardown(state);
}

static void aim(struct pith_compress_options *options, double rate)
{
	pith_compress_options_init(options);
	options->method = pith_method_find("cmprsr");
	options->rate = rate;
}

static void test_budget(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_document *document = small_document(able, text.data, text.length);
	static const double rates[] = {0.02, 0.1, 0.3, 0.7, 1};
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		struct pith_compress_options options;
		struct pith_compressed *compressed, *again;
		struct pith_token *tokens;
		size_t length, again_length, n;
		aim(&options, rates[i]);
		must(pith_compress(&compressed, document, &options, NULL, &err), &err);
		const struct pith_compressed_info *info = pith_compressed_info(compressed);
		const char *shorter = pith_compressed_text(compressed, &length);
		assert_true(info->compressed_tokens <= info->budget_tokens && info->delta_cr <= 0);
		must(pith_tokenize(able, shorter, length, &tokens, &n, &err), &err);
		free(tokens);
		assert_int_equal(n, info->compressed_tokens);
		/* No chunk is longer than what the adapter was trained on. */
		assert_true(info->n_chunks * SMALL_SPAN >= info->original_tokens);
		assert_true(rates[i] < 1 || (length == text.length && memcmp(shorter, text.data, length) == 0));
		assert_true(info->n_chunks_extractive == 0 || info->note[0] != 0);
		must(pith_compress(&again, document, &options, NULL, &err), &err);
		assert_string_equal(shorter, pith_compressed_text(again, &again_length));
		pith_compressed_destroy(compressed);
		pith_compressed_destroy(again);
	}
	pith_document_destroy(document);
}

/* The adapter file: no memory tokens, its purpose, the same values again; nothing of the soft methods is there by it. */
static void test_adapter(void **state)
{
	(void)state;
	struct pith_error err;
	struct adapter *loaded, *refused;
	struct random_state random;
	must(adapter_load(&loaded, &able->transformer.h, scratch_path("small-rewrite.gguf"), &err), &err);
	assert_int_equal(loaded->purpose, PITH_REWRITE);
	assert_int_equal(loaded->n_memory, 0);
	assert_string_equal(loaded->fingerprint, able->adapters[PITH_MEMORY_ROWS][PITH_REWRITE]->fingerprint);
	adapter_destroy(loaded);
	assert_true(pith_model_info(able)->has_adapter[PITH_MEMORY_ROWS][PITH_REWRITE]);
	assert_false(pith_model_info(unable)->has_adapter[PITH_MEMORY_ROWS][PITH_REWRITE]);
	const struct pith_method *method = pith_method_find("cmprsr");
	assert_null(pith_method_unable(method, pith_model_info(able), false));
	/* A server writes for another method, not for this one. */
	assert_non_null(strstr(pith_method_unable(method, pith_model_info(unable), true), "pith train sft"));
	random_seed(&random, 1);
	const struct hyperparams *h = &able->transformer.h;
	expect_failure(adapter_create(&refused, h, PITH_REWRITE, 4, 8, 3, &random, &err), PITH_BAD_ARGUMENT, &err,
	               "to rewrite or to read none");
	expect_failure(adapter_create(&refused, h, PITH_ANSWER, 4, 8, 0, &random, &err), PITH_BAD_ARGUMENT, &err,
	               "memory tokens");
}

/* Without a rewrite being wanted no adapter is needed, and none is asked: its words stand, in all of the budget. */
static void test_unasked(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_model *const models[] = {unable, able};
	for (size_t i = 0; i < 2; i++) {
		struct pith_document *document = small_document(models[i], text.data, text.length);
		struct pith_compress_options options;
		struct pith_compressed *compressed;
		aim(&options, 0.4);
		options.rewrite = false;
		must(pith_compress(&compressed, document, &options, NULL, &err), &err);
		const struct pith_compressed_info *info = pith_compressed_info(compressed);
		assert_true(info->n_chunks > 0);
		assert_int_equal(info->n_chunks_extractive, info->n_chunks);
		assert_non_null(strstr(info->note, "no rewrite wanted"));
		assert_true(info->compressed_tokens <= info->budget_tokens && 20 * info->compressed_tokens >= 19 * info->budget_tokens);
		pith_compressed_destroy(compressed);
		pith_document_destroy(document);
	}
}

static void test_failures(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_compress_options options;
	struct pith_compressed *compressed;
	aim(&options, 0.3);
	struct pith_document *document = small_document(unable, text.data, text.length);
	expect_failure(pith_compress(&compressed, document, &options, NULL, &err), PITH_UNSUPPORTED, &err, "pith train sft");
	pith_document_destroy(document);
	document = small_document(able, text.data, text.length);
	atomic_bool cancel = true;
	struct pith_control control = {.cancel = &cancel};
	expect_failure(pith_compress(&compressed, document, &options, &control, &err), PITH_CANCELLED, &err, "");
	pith_document_destroy(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_budget), cmocka_unit_test(test_adapter), cmocka_unit_test(test_unasked),
	                                   cmocka_unit_test(test_failures)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
