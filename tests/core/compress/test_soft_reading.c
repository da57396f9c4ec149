#define _XOPEN_SOURCE 700
/*
 * Memory rows that are read: texts come back from them and questions are
 * answered, by whom they should be, and reading ends where it must.
 */
#include <stdlib.h>
#include <string.h>

#include "pith/expand.h"
#include "support/memory_rows.h"

/* Regeneration ends at the limit that was asked for, over all spans, or a little above the original's length. */
static void test_regeneration_limit(void **state)
{
	(void)state;
	struct pith_document *document = document_of(150, 34);
	struct pith_compressed *compressed = compress(document, 30);
	struct pith_generated out;
	struct pith_error err;
	size_t n_limited = 0;
	for (size_t limit = 0; limit <= 80; limit += limit < 4 ? 1 : 19) {
		must(pith_regenerate(&out, model, compressed, limit, NULL, &err), &err);
		size_t most = limit == 0 ? 3 * (50 + 50 / 4 + 8) : limit;
		assert_true(out.n_tokens <= most);
		assert_true(out.n_tokens < most || out.stop == PITH_STOP_LIMIT || out.stop == PITH_STOP_LOOP);
		assert_true(out.n_prompt_tokens >= 10 + 1 && out.n_prompt_tokens <= 30 + 3);
		assert_true(out.first_token_seconds >= 0 && out.first_token_seconds <= out.seconds);
		assert_int_equal(strlen(out.text), out.length);
		n_limited += out.stop == PITH_STOP_LIMIT;
		pith_generated_free(&out);
		assert_null(out.text);
	}
	assert_true(n_limited >= 4);
	assert_string_equal(pith_stop_sentence(PITH_STOP_END), "");
	assert_non_null(strstr(pith_stop_sentence(PITH_STOP_LIMIT), "limit"));
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

/* A reader of the adapter's own reads the rows; one that adds nothing reads them as the base does. */
static void test_reader(void **state)
{
	(void)state;
	struct pith_document *document = document_of(40, 37);
	struct pith_compressed *compressed = compress(document, 6);
	struct random_state random;
	struct pith_error err;
	random_seed(&random, 38);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		struct pith_generated out[3]; /* by the base, a reader that adds nothing, one that does */
		struct adapter *adapter = model->adapters[PITH_MEMORY_ROWS][p], *reader = NULL;
		for (int i = 0; i < 3; i++) {
			if (i == 1) {
				must(adapter_add_reader(adapter, &model->transformer.h, &random, &err), &err);
				reader = adapter->reader;
			}
			if (i == 2)
				for (size_t j = 0; j < reader->n_values; j++)
					reader->values[j] += (float)(0.1 * random_normal(&random));
			must(p == PITH_REGENERATE ? pith_regenerate(&out[i], model, compressed, 20, NULL, &err)
			                          : pith_answer_compressed(&out[i], model, compressed, "What?", 20, NULL, &err),
			     &err);
		}
		assert_string_equal(out[0].text, out[1].text);
		assert_string_not_equal(out[0].text, out[2].text);
		for (int i = 0; i < 3; i++)
			pith_generated_free(&out[i]);
		adapter->reader = NULL;
		free(reader->projections);
		free(reader);
	}
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

/* One span of nearly the whole context: the text that comes back must fit behind the rows. */
static void test_regeneration_fits_context(void **state)
{
	(void)state;
	struct pith_document *document = document_of(490, 35);
	struct pith_compressed *compressed = compress(document, 1);
	struct pith_generated out;
	struct pith_error err;
	assert_int_equal(compressed->rows[0].n_spans, 1);
	must(pith_regenerate(&out, model, compressed, 0, NULL, &err), &err);
	assert_true(out.n_tokens <= SMALL_CONTEXT - 1);
	pith_generated_free(&out);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

static void test_answers(void **state)
{
	(void)state;
	struct pith_document *document = document_of(100, 36);
	struct pith_compressed *rows = compress(document, 20), *words;
	struct pith_compress_options options;
	struct pith_generated out;
	struct pith_error err;
	pith_compress_options_init(&options);
	must(pith_compress(&words, document, &options, NULL, &err), &err);
	must(pith_answer_compressed(&out, model, rows, "When was the meeting?", 6, NULL, &err), &err);
	assert_true(out.n_tokens <= 6 && out.n_prompt_tokens > 20);
	pith_generated_free(&out);

	/* From words: the same as from the text that they make. */
	struct pith_generated direct;
	size_t length;
	const char *text = pith_compressed_text(words, &length);
	must(pith_answer_compressed(&out, model, words, "Why?", 9, NULL, &err), &err);
	must(pith_answer_text(&direct, model, text, length, "Why?", 9, NULL, &err), &err);
	assert_string_equal(out.text, direct.text);
	assert_int_equal(out.n_prompt_tokens, direct.n_prompt_tokens);
	pith_generated_free(&out);
	pith_generated_free(&direct);

	expect_failure(pith_regenerate(&out, model, words, 0, NULL, &err), PITH_BAD_ARGUMENT, &err, "no memory rows");
	assert_null(out.text);
	static char question[4000];
	memset(question, '?', sizeof question - 1);
	expect_failure(pith_answer_compressed(&out, model, rows, question, 0, NULL, &err), PITH_TOO_LONG, &err, "512");
	expect_failure(pith_answer_compressed(&out, model, rows, "Why?", SIZE_MAX, NULL, &err), PITH_TOO_LONG, &err, "512");
	pith_compressed_destroy(rows);
	pith_compressed_destroy(words);
	pith_document_destroy(document);
}

/* Without rows for answers the text comes back first, once, and is read like any text; what was refined is read anew. */
static void check_regenerated_answer(struct pith_compressed *compressed)
{
	struct pith_generated text, expected, first, second;
	struct pith_error err;
	must(pith_regenerate(&text, model, compressed, 0, NULL, &err), &err);
	must(pith_answer_text(&expected, model, text.text, text.length, "Why?", 6, NULL, &err), &err);
	must(pith_answer_compressed(&first, model, compressed, "Why?", 6, NULL, &err), &err);
	must(pith_answer_compressed(&second, model, compressed, "Why?", 6, NULL, &err), &err);
	assert_int_equal(expected.n_regenerated, 0);
	assert_int_equal(first.n_regenerated, text.n_tokens);
	assert_int_equal(second.n_regenerated, text.n_tokens);
	assert_string_equal(first.text, expected.text);
	assert_string_equal(second.text, expected.text);
	assert_int_equal(first.n_prompt_tokens, expected.n_prompt_tokens);
	/* A text that is handed in is the one that is read, also when the caller's own is gone. */
	pith_generated_free(&text);
	pith_generated_free(&expected);
	char other[] = "A text that no memory token holds.";
	struct pith_generated handed = {.text = other, .length = sizeof other - 1, .n_tokens = 77}, read;
	must(pith_compressed_keep_text(compressed, &handed, &err), &err);
	must(pith_answer_text(&expected, model, other, sizeof other - 1, "Why?", 6, NULL, &err), &err);
	memset(other, 'x', sizeof other - 1);
	must(pith_answer_compressed(&read, model, compressed, "Why?", 6, NULL, &err), &err);
	assert_string_equal(read.text, expected.text);
	assert_int_equal(read.n_prompt_tokens, expected.n_prompt_tokens);
	assert_int_equal(read.n_regenerated, 77);
	pith_generated_free(&read);
	pith_generated_free(&expected);
	pith_generated_free(&first);
	pith_generated_free(&second);
}

/* With one adapter there are rows of one purpose. */
static void test_one_adapter(void **state)
{
	(void)state;
	struct pith_model *whole = model;
	struct pith_model_options options = {.adapter_path = {{NULL, ""}}, .n_threads = 1};
	struct pith_error err;
	struct pith_generated out;
	must(pith_model_open(&model, directory_model, &options, NULL, &err), &err);
	struct pith_document *document = document_of(40, 37);
	struct pith_compressed *compressed = compress(document, 5);
	assert_true(pith_compressed_info(compressed)->has_purpose[PITH_REGENERATE]);
	assert_false(pith_compressed_info(compressed)->has_purpose[PITH_ANSWER]);
	assert_int_equal(pith_compressed_info(compressed)->compressed_bytes, 5 * pith_model_info(model)->kv_bytes_per_token);
	check_regenerated_answer(compressed);
	/* The same rows mean the same to the model with both adapters. */
	must(pith_regenerate(&out, whole, compressed, 8, NULL, &err), &err);
	pith_generated_free(&out);
	pith_document_destroy(document);

	/* Rows for both are of no use to it. */
	struct pith_model *half = model;
	model = whole;
	document = document_of(40, 37);
	struct pith_compressed *both = compress(document, 5);
	expect_failure(pith_regenerate(&out, half, both, 8, NULL, &err), PITH_MISMATCH, &err, "adapter for answer");
	pith_compressed_destroy(both);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
	pith_model_close(half);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_regeneration_limit),
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_regeneration_fits_context),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_one_adapter),
	};
	return cmocka_run_group_tests(tests, rows_setup, rows_teardown);
}
