#define _XOPEN_SOURCE 700
/*
 * Who reads: a text that is asked about is read by the base with its reading adapter, what memory tokens hold by the base
 * alone (these adapters bring no reader). Answers are what a session says that was run by hand.
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

/* The prompt for a question, read with the adapter (NULL: none). */
static struct session *read_question(struct pith_model *model, const struct adapter *adapter, struct token_list *prompt)
{
	struct session *session;
	struct pith_error err;
	must(reading_prompt(prompt, NULL, model, text.data, text.length, "Why?", &err), &err);
	must(session_create(&session, &model->transformer, model->pool, prompt->n, &err), &err);
	struct session_input input = {.ids = prompt->ids, .n = prompt->n, .adapter = adapter};
	must(session_read(session, &input, NULL, &err), &err);
	return session;
}

static int32_t likeliest(const float *logits, size_t n)
{
	size_t best = 0;
	for (size_t i = 1; i < n; i++)
		best = logits[i] > logits[best] ? i : best;
	return (int32_t)best;
}

static void test_first_token(void **state)
{
	(void)state;
	assert_null(reading_adapter(plain));
	assert_non_null(reading_adapter(reader));
	struct pith_model *models[] = {plain, reader};
	struct pith_generated answers[2];
	for (int i = 0; i < 2; i++) {
		struct pith_error err;
		struct token_list prompt = {0};
		struct buffer raw = {0}, expected = {0};
		size_t length;
		struct session *session = read_question(models[i], models[i]->adapters[PITH_MEMORY_ROWS][PITH_READ], &prompt);
		int32_t first = likeliest(session_logits(session, prompt.n - 1), models[i]->transformer.h.n_vocab);
		const char *bytes = pith_token_bytes(models[i], first, &length);
		assert_true(buffer_append(&raw, bytes, length) && generated_append(&expected, raw.data, raw.length));
		must(pith_answer_text(&answers[i], models[i], text.data, text.length, "Why?", 1, NULL, &err), &err);
		const char *shown = expected.data;
		while (*shown == ' ' || *shown == '\n')
			shown++;
		assert_memory_equal(answers[i].text, shown, answers[i].length);
		session_destroy(session);
		token_list_free(&prompt);
		buffer_free(&raw);
		buffer_free(&expected);
	}
	assert_string_not_equal(answers[0].text, answers[1].text);
	pith_generated_free(&answers[0]);
	pith_generated_free(&answers[1]);
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
