#define _XOPEN_SOURCE 700
/*
 * Who reads: a text that is asked about is read by the base with its reading adapter, what memory tokens hold by the base
 * alone (these adapters bring no reader).
 */
#include "pith/expand.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "model/answer_entropy.h"
#include "model/generate.h"
#include "model/reading.h"
#include "support/small_model.h"

static struct pith_model *plain, *reader;
static struct buffer text;

static int setup(void **state)
{
	struct random_state random;
	char model[600], adapter[600];
	if (scratch_setup(state) != 0)
		return -1;
	small_files("small", 5);
	snprintf(model, sizeof model, "%s", scratch_path("small.gguf"));
	snprintf(adapter, sizeof adapter, "%s", scratch_path("small-read.gguf"));
	plain = small_open(model);
	small_adapter_of(adapter, model, PITH_MEMORY_ROWS, PITH_READ, 0.3, 9);
	reader = small_open(model);
	random_seed(&random, 4);
	small_text(&text, &random, 60);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(plain);
	pith_model_close(reader);
	buffer_free(&text);
	return scratch_teardown(state);
}

static int32_t likeliest(const float *logits, size_t n)
{
	size_t best = 0;
	for (size_t i = 1; i < n; i++)
		best = logits[i] > logits[best] ? i : best;
	return (int32_t)best;
}

/* Without an adapter for reading the model says what it likes; with one it chooses (test_answer_choice.c). */
static void test_first_token(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_generated answer, chosen;
	struct token_list prompt = {0};
	struct buffer expected = {0};
	struct session *session;
	size_t length;
	assert_null(reading_adapter(plain));
	assert_non_null(reading_adapter(reader));
	must(reading_prompt(&prompt, plain, text.data, text.length, "Why?", &err), &err);
	must(session_create(&session, &plain->transformer, plain->pool, prompt.n, &err), &err);
	struct session_input input = {.ids = prompt.ids, .n = prompt.n};
	must(session_read(session, &input, NULL, &err), &err);
	int32_t first = likeliest(session_logits(session, prompt.n - 1), plain->transformer.h.n_vocab);
	const char *bytes = pith_token_bytes(plain, first, &length);
	assert_true(generated_append(&expected, bytes, length));
	must(pith_answer_text(&answer, plain, text.data, text.length, "Why?", 1, NULL, &err), &err);
	must(pith_answer_text(&chosen, reader, text.data, text.length, "Why?", 1, NULL, &err), &err);
	const char *shown = expected.data;
	while (*shown == ' ' || *shown == '\n')
		shown++;
	assert_string_equal(answer.text, shown);
	assert_string_not_equal(chosen.text, answer.text);
	pith_generated_free(&answer);
	pith_generated_free(&chosen);
	session_destroy(session);
	token_list_free(&prompt);
	buffer_free(&expected);
}

/* So are known answers judged. */
static void test_cross_entropy(void **state)
{
	(void)state;
	struct pith_error err;
	double without, with;
	must(answer_cross_entropy(&without, plain, text.data, text.length, "Why?", "so", NULL, &err), &err);
	must(answer_cross_entropy(&with, reader, text.data, text.length, "Why?", "so", NULL, &err), &err);
	assert_true(fabs(with - without) > 1e-3);
}

/* What memory tokens hold comes back the same, adapter or not. */
static void test_regenerate(void **state)
{
	(void)state;
	struct pith_model *models[] = {plain, reader};
	struct pith_generated back[2];
	for (int i = 0; i < 2; i++) {
		struct pith_error err;
		struct pith_compress_options options;
		struct pith_compressed *compressed;
		struct pith_document *document = small_document(models[i], text.data, text.length);
		pith_compress_options_init(&options);
		options.method = pith_method_find("500x");
		options.n_tokens = 4;
		must(pith_compress(&compressed, document, &options, NULL, &err), &err);
		must(pith_regenerate(&back[i], models[i], compressed, 12, NULL, &err), &err);
		pith_compressed_destroy(compressed);
		pith_document_destroy(document);
	}
	assert_int_equal(back[0].length, back[1].length);
	assert_memory_equal(back[0].text, back[1].text, back[0].length);
	pith_generated_free(&back[0]);
	pith_generated_free(&back[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_first_token), cmocka_unit_test(test_cross_entropy),
	                                   cmocka_unit_test(test_regenerate)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
