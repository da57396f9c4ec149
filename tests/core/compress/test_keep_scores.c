#define _XOPEN_SOURCE 700
/*
 * What a rewriting adapter says of the words of a chunk: the chance of "+" behind each token read a second time, as logits by hand
 * give it, and the words that stand for a rewrite go by it where the adapter has learned to, and nowhere else.
 */
#include "compress/document.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/rewrite_words.h"
#include "support/method_test.h"

static struct pith_model *model;

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	model = small_open_with(PITH_REWRITE, 0.1);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

static struct adapter *rewriter(void)
{
	return model->adapters[PITH_MEMORY_ROWS][PITH_REWRITE];
}

static const char text[] = "The river is not 12 wide. Rivers of 12 harbours did not measure the harbour.";

/* The chance of "+", from all logits, in fp32. */
static double chance_of_plus(struct session *session, size_t row)
{
	const float *logits = session_logits(session, row);
	size_t n_vocab = (size_t)tokenizer_n_vocab(model->tokenizer);
	struct token_list plus = {0};
	struct pith_error err;
	double sum = 0;
	must(tokenizer_encode_continued(model->tokenizer, "+", 1, &plus, &err), &err);
	assert_int_equal(plus.n, 1);
	for (size_t i = 0; i < n_vocab; i++)
		sum += exp((double)logits[i] - (double)logits[plus.ids[0]]);
	token_list_free(&plus);
	return 1 / sum;
}

static void test_scores(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_document *document = small_document(model, text, strlen(text));
	size_t n = document->n_tokens;
	float *scores;
	struct session *session;
	int32_t *ids = malloc((1 + 2 * n) * sizeof *ids);
	double lowest = 1, highest = 0;
	must(adapter_keep_scores(&scores, document, rewriter(), NULL, &err), &err);
	ids[0] = tokenizer_bos(model->tokenizer);
	for (size_t i = 0; i < n; i++)
		ids[1 + i] = ids[1 + n + i] = document->tokens[i].id;
	must(session_create(&session, &model->transformer, model->pool, 1 + 2 * n, &err), &err);
	struct session_input input = {.ids = ids, .n = 1 + 2 * n, .adapter = rewriter()};
	must(session_read(session, &input, NULL, &err), &err);
	for (size_t i = 0; i < n; i++) {
		double right = chance_of_plus(session, 1 + n + i);
		/* Products in bf16, in a random model with large weights. */
		if (fabs((double)scores[i] - right) > 0.1 * right + 1e-6)
			fail_msg("token %zu: %g, by hand %g", i, (double)scores[i], right);
		lowest = right < lowest ? right : lowest;
		highest = right > highest ? right : highest;
	}
	assert_true(highest > 2 * lowest); /* they tell tokens apart */
	session_destroy(session);
	free(ids);
	free(scores);
	pith_document_destroy(document);
}

/* The words' scores, from whatever it is that the chunk's words go by. */
static float *word_scores(size_t *n)
{
	struct pith_error err;
	struct pith_compress_options options = options_of("cmprsr", 0.5);
	struct rewrite_words words;
	must(rewrite_words_open(&words, model, text, strlen(text), 0, &options, NULL, &err), &err);
	float *scores = malloc(words.n * sizeof *scores);
	for (size_t w = 0; w < words.n; w++)
		scores[w] = words.words[w].score;
	*n = words.n;
	rewrite_words_close(&words);
	return scores;
}

static void test_who_is_asked(void **state)
{
	(void)state;
	struct pith_error err;
	size_t n, n_again;
	float *own;
	struct pith_document *document = small_document(model, text, strlen(text));
	must(adapter_keep_scores(&own, document, rewriter(), NULL, &err), &err);
	float *before = word_scores(&n);
	rewriter()->keeps_words = true;
	float *after = word_scores(&n_again);
	assert_int_equal(n, n_again);
	assert_memory_not_equal(before, after, n * sizeof *before);
	/* "The" is one word, said for the first time: its score is the mean of its tokens'. */
	double sum = 0;
	size_t n_tokens = 0;
	for (; n_tokens < document->n_tokens && document->tokens[n_tokens].begin < 3; n_tokens++)
		sum += (double)own[n_tokens];
	assert_float_equal(after[0], (float)(sum / (double)n_tokens), 1e-5f);
	/* A chunk that does not fit the context twice is none of the adapter's. */
	size_t context = model->transformer.h.n_context;
	model->transformer.h.n_context = 2 * document->n_tokens;
	float *tight = word_scores(&n_again);
	model->transformer.h.n_context = context;
	assert_memory_equal(tight, before, n * sizeof *before);
	rewriter()->keeps_words = false;
	free(before);
	free(after);
	free(tight);
	free(own);
	pith_document_destroy(document);
}

/* A file remembers what an adapter has learned. */
static void test_file(void **state)
{
	(void)state;
	for (int keeps = 0; keeps < 2; keeps++) {
		struct pith_error err;
		struct adapter *loaded;
		const char *path = scratch_path("keeps.gguf");
		rewriter()->keeps_words = keeps == 1;
		must(adapter_save(rewriter(), &model->transformer.h, TENSOR_F32, path, &err), &err);
		must(adapter_load(&loaded, &model->transformer.h, path, &err), &err);
		assert_int_equal(loaded->keeps_words, keeps);
		adapter_destroy(loaded);
	}
	rewriter()->keeps_words = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scores),
		cmocka_unit_test(test_who_is_asked),
		cmocka_unit_test(test_file),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
