#define _XOPEN_SOURCE 700
/*
 * LLMLingua-2 with a random head: exact budgets, pins, documents of many
 * windows, scores that are computed once, stopping, and what is said where
 * there is no head. That a trained head finds the words worth keeping is the
 * matter of tests/core/train/test_keep.c.
 */
#include "unit.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "support/small_model.h"

enum { WINDOW = 60 };

static char base[600];

static struct pith_model *open_with_head(void)
{
	char path[640];
	snprintf(path, sizeof path, "%s/base-keep.gguf", scratch_directory);
	struct pith_model_options options = {.adapter_path = {{"", ""}}, .keep_head_path = path, .n_threads = 1};
	struct pith_model *model;
	struct pith_error err;
	must(pith_model_open(&model, base, &options, NULL, &err), &err);
	return model;
}

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	small_files("base", 90);
	snprintf(base, sizeof base, "%s/base.gguf", scratch_directory);
	struct pith_model *model = small_open(base);
	struct random_state random;
	struct keep_head *head;
	struct pith_error err;
	random_seed(&random, 3);
	must(keep_head_create(&head, &model->transformer.h, 8, 0, WINDOW, &random, &err), &err);
	strcpy(head->base_fingerprint, model_fingerprint(model));
	strcpy(head->tokenizer_fingerprint, tokenizer_fingerprint(model->tokenizer));
	must(keep_head_save(head, &model->transformer.h, scratch_path("base-keep.gguf"), &err), &err);
	keep_head_destroy(head);
	pith_model_close(model);
	return 0;
}

static struct buffer long_text(size_t n_words)
{
	struct buffer text = {0};
	struct random_state random;
	random_seed(&random, 11);
	small_text(&text, &random, n_words);
	return text;
}

static enum pith_status compress(struct pith_compressed **out, struct pith_document *document, size_t n_tokens,
                                 const struct pith_control *control, struct pith_error *err)
{
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	options.method = pith_method_find("llmlingua2");
	assert_non_null(options.method);
	options.n_tokens = n_tokens;
	return pith_compress(out, document, &options, control, err);
}

static void test_budget(void **state)
{
	(void)state;
	struct pith_model *model = open_with_head();
	struct buffer text = long_text(150);
	struct pith_document *document = small_document(model, text.data, text.length);
	struct pith_compressed *compressed;
	struct pith_error err;
	size_t n_original, n_words, length, n;
	pith_document_tokens(document, &n_original);
	assert_true(n_original > 4 * WINDOW);
	for (size_t budget = 20; budget < n_original; budget += 57) {
		must(compress(&compressed, document, budget, NULL, &err), &err);
		const struct pith_compressed_info *info = pith_compressed_info(compressed);
		assert_int_equal(info->budget_tokens, budget);
		assert_int_equal(info->compressed_tokens, budget);
		struct pith_token *tokens;
		const char *kept = pith_compressed_text(compressed, &length);
		must(pith_tokenize(model, kept, length, &tokens, &n, &err), &err);
		assert_int_equal(n, budget);
		free(tokens);
		const struct pith_word *words = pith_compressed_words(compressed, &n_words);
		double lowest = 1, highest = 0;
		for (size_t w = 0; w < n_words; w++) {
			assert_true(words[w].score > 0 && words[w].score < 1);
			lowest = fmin(lowest, (double)words[w].score);
			highest = fmax(highest, (double)words[w].score);
		}
		assert_true(highest > lowest);
		pith_compressed_destroy(compressed);
	}
	pith_document_destroy(document);
	pith_model_close(model);
	buffer_free(&text);
}

static void test_pins(void **state)
{
	(void)state;
	static const char text[] =
		"The committee met at the harbour and nobody spoke of the turbine, which was measured by engineers "
		"without delay. The river was not in the report of the meeting, however.";
	struct pith_model *model = open_with_head();
	struct pith_document *document = small_document(model, text, sizeof text - 1);
	size_t pin = (size_t)(strstr(text, "engineers") - text);
	struct pith_pin pins[] = {{pin, pin + 9}};
	struct pith_compress_options options;
	struct pith_compressed *compressed;
	struct pith_error err;
	size_t length;
	pith_compress_options_init(&options);
	options.method = pith_method_find("llmlingua2");
	options.n_tokens = 12;
	options.pins = pins;
	options.n_pins = 1;
	options.keep_negations = false;
	must(pith_compress(&compressed, document, &options, NULL, &err), &err);
	assert_non_null(strstr(pith_compressed_text(compressed, &length), "engineers"));
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
	pith_model_close(model);
}

/* Each window is read by itself: what stands in the third does not change the scores of the first two. */
static void test_windows(void **state)
{
	(void)state;
	struct pith_model *model = open_with_head();
	struct buffer text = long_text(120);
	struct pith_document *whole = small_document(model, text.data, text.length);
	struct pith_compressed *compressed;
	struct pith_error err;
	must(compress(&compressed, whole, 30, NULL, &err), &err);
	pith_compressed_destroy(compressed);
	/* The same scores again, now that they are there, and not a pass of the model for them. */
	float *scores = whole->keep_scores;
	assert_non_null(scores);
	must(compress(&compressed, whole, 50, NULL, &err), &err);
	pith_compressed_destroy(compressed);
	assert_ptr_equal(whole->keep_scores, scores);

	/* A sentence without an end, much longer than a window, is cut between words; every token gets its score. */
	struct buffer endless = {0};
	for (int i = 0; i < 200; i++)
		assert_true(buffer_append_string(&endless, i % 7 == 0 ? "turbine " : "the river "));
	struct pith_document *document = small_document(model, endless.data, endless.length);
	must(compress(&compressed, document, 40, NULL, &err), &err);
	assert_int_equal(pith_compressed_info(compressed)->compressed_tokens, 40);
	for (size_t i = 0; i < document->n_tokens; i++)
		assert_true(document->keep_scores[i] > 0 && document->keep_scores[i] < 1);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);

	/* Two sentences that fill a window each are scored as when they stand alone. */
	static const char first[] =
		"The committee measured the river and the harbour without delay in the meeting of Monday by the "
		"engineers of electricity generation.";
	struct buffer both = {0};
	assert_true(buffer_append_string(&both, first));
	assert_true(buffer_append_string(&both, " The "));
	assert_true(buffer_append(&both, endless.data, 600));
	struct pith_document *alone = small_document(model, first, sizeof first - 1);
	document = small_document(model, both.data, both.length);
	assert_true(alone->n_tokens <= WINDOW && 2 * alone->n_tokens > WINDOW / 2);
	must(compress(&compressed, alone, 5, NULL, &err), &err);
	pith_compressed_destroy(compressed);
	must(compress(&compressed, document, 5, NULL, &err), &err);
	pith_compressed_destroy(compressed);
	for (size_t i = 0; i < alone->n_tokens; i++)
		assert_float_equal(document->keep_scores[i], alone->keep_scores[i], 1e-4);
	pith_document_destroy(alone);
	pith_document_destroy(document);
	pith_document_destroy(whole);
	pith_model_close(model);
	buffer_free(&text);
	buffer_free(&both);
	buffer_free(&endless);
}

struct watch {
	atomic_bool cancel;
	double done, total;
	int calls;
};

static void on_progress(void *user, const char *what, double done, double total)
{
	struct watch *watch = user;
	assert_string_equal(what, "scoring");
	assert_true(done > watch->done && done <= total);
	watch->done = done;
	watch->total = total;
	if (++watch->calls == 2)
		atomic_store(&watch->cancel, true);
}

static void test_cancel(void **state)
{
	(void)state;
	struct pith_model *model = open_with_head();
	struct buffer text = long_text(200);
	struct pith_document *document = small_document(model, text.data, text.length);
	struct watch watch = {.calls = 0};
	struct pith_control control = {.progress = on_progress, .user = &watch, .cancel = &watch.cancel};
	struct pith_compressed *compressed;
	struct pith_error err;
	assert_int_equal(compress(&compressed, document, 30, &control, &err), PITH_CANCELLED);
	assert_null(compressed);
	assert_int_equal(watch.calls, 2);
	assert_null(document->keep_scores); /* not half of them */
	atomic_store(&watch.cancel, false);
	watch = (struct watch){.calls = 3};
	must(compress(&compressed, document, 30, &control, &err), &err);
	assert_float_equal(watch.done, watch.total, 0);
	assert_float_equal(watch.total, document->n_tokens, 0);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
	pith_model_close(model);
	buffer_free(&text);
}

static void test_without_head(void **state)
{
	(void)state;
	struct pith_model_options options = {.keep_head_path = "", .n_threads = 1};
	struct pith_model *model;
	struct pith_compressed *compressed;
	struct pith_error err = {0};
	const struct pith_method *method = pith_method_find("llmlingua2");
	must(pith_model_open(&model, base, &options, NULL, &err), &err);
	assert_non_null(strstr(pith_method_unable(method, pith_model_info(model), false), "pith train keep"));
	assert_false(pith_model_info(model)->has_keep_head);
	struct pith_document *document = small_document(model, "The river was measured.", 23);
	expect_failure(compress(&compressed, document, 3, NULL, &err), PITH_UNSUPPORTED, &err, "pith train keep RECIPE");
	pith_document_destroy(document);
	pith_model_close(model);
	model = open_with_head();
	assert_true(pith_model_info(model)->has_keep_head);
	assert_null(pith_method_unable(method, pith_model_info(model), false));
	pith_model_close(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budget), cmocka_unit_test(test_pins),         cmocka_unit_test(test_windows),
		cmocka_unit_test(test_cancel), cmocka_unit_test(test_without_head),
	};
	return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
