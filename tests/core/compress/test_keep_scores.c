#define _XOPEN_SOURCE 700
/*
 * What a rewriting adapter says of the words of a chunk: the chance of "+" behind each token read a second time, as logits by hand
 * give it, and the words that stand for a rewrite go by it where the adapter has learned to, and nowhere else; by the head's too where
 * there is one; and choices of them are drawn.
 */
#include "compress/document.h"

#include <math.h>
#include <stdio.h>
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

static double log_odds(double chance)
{
	return log(chance / (1 - chance));
}

/* Two judges are heard alike, and nobody is so sure that the other is not. */
static void test_two_judges(void **state)
{
	(void)state;
	static const float others[] = {0.3f, 0.1f, 0.9f, 0.5f, 0.02f};
	float scores[] = {0.3f, 0.9f, 1, 0.8f, 0};
	float before[5];
	memcpy(before, scores, sizeof scores);
	keep_scores_agree(scores, others, 5);
	assert_float_equal(scores[0], 0.3f, 1e-6f);
	assert_float_equal(scores[1], 0.5f, 1e-6f);
	assert_true(scores[2] > 0.9f && scores[2] < 1);
	assert_true(scores[4] > 0 && scores[4] < 0.02f);
	assert_true(fabs(log_odds((double)scores[3]) - 0.5 * (log_odds((double)before[3]) + log_odds(0.5))) < 1e-5);
}

static struct keep_head *random_head(void)
{
	struct pith_error err;
	struct random_state random;
	struct keep_head *head;
	random_seed(&random, 31);
	must(keep_head_create(&head, &model->transformer.h, 8, 0, 64, &random, &err), &err);
	return head;
}

/* Beside an adapter that keeps words the head of llmlingua2 is asked as well. */
static void test_with_head(void **state)
{
	(void)state;
	struct pith_error err;
	size_t n, n_again, n_tokens = 0;
	float *own;
	const float *others;
	struct pith_document *document = small_document(model, text, strlen(text));
	rewriter()->keeps_words = true;
	must(adapter_keep_scores(&own, document, rewriter(), NULL, &err), &err);
	float *alone = word_scores(&n);
	model->keep_head = random_head();
	must(document_keep_scores(document, &others, NULL, &err), &err);
	float *both = word_scores(&n_again);
	assert_int_equal(n, n_again);
	assert_memory_not_equal(alone, both, n * sizeof *alone);
	double sum = 0; /* of "The" */
	for (; n_tokens < document->n_tokens && document->tokens[n_tokens].begin < 3; n_tokens++) {
		double odds = 0.5 * (log_odds((double)own[n_tokens]) + log_odds((double)others[n_tokens]));
		sum += 1 / (1 + exp(-odds));
	}
	/* A random adapter's chances may be below the least that counts: then this would not hold. */
	assert_true((double)own[0] > 1e-4 && (double)others[0] > 1e-4);
	assert_float_equal(both[0], (float)(sum / (double)n_tokens), 1e-5f);
	keep_head_destroy(model->keep_head);
	model->keep_head = NULL;
	rewriter()->keeps_words = false;
	free(own);
	free(alone);
	free(both);
	pith_document_destroy(document);
}

/* Draws: nearly cold they are the choice itself; warm they differ, by the seed alone, keep the budget, and change no score. */
static void test_draw(void **state)
{
	(void)state;
	enum { BUDGET = 14, N_DRAWS = 8 };
	struct pith_error err;
	struct pith_compress_options options = options_of("cmprsr", 0.5);
	struct rewrite_words words;
	struct random_state random;
	struct buffer chosen = {0}, drawn = {0};
	int n_other = 0;
	rewriter()->keeps_words = true;
	protect_words(&options, false);
	must(rewrite_words_open(&words, model, text, strlen(text), 0, &options, NULL, &err), &err);
	must(rewrite_words_choose(&words, BUDGET, &chosen, &err), &err);
	random_seed(&random, 2);
	must(rewrite_words_draw(&words, BUDGET, 1e-6, &random, &drawn, &err), &err);
	assert_string_equal(drawn.data, chosen.data);
	for (uint64_t i = 0; i < N_DRAWS; i++) {
		char first[200];
		float score = words.words[0].score;
		random_seed(&random, i);
		must(rewrite_words_draw(&words, BUDGET, 3, &random, &drawn, &err), &err);
		assert_true(count_tokens(model, drawn.data, drawn.length) <= BUDGET);
		assert_true(words.words[0].score == score);
		n_other += strcmp(drawn.data, chosen.data) != 0;
		snprintf(first, sizeof first, "%s", drawn.data);
		random_seed(&random, i);
		must(rewrite_words_draw(&words, BUDGET, 3, &random, &drawn, &err), &err);
		assert_string_equal(drawn.data, first);
	}
	assert_true(n_other >= N_DRAWS / 2);
	rewriter()->keeps_words = false;
	buffer_free(&chosen);
	buffer_free(&drawn);
	rewrite_words_close(&words);
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
		cmocka_unit_test(test_two_judges),
		cmocka_unit_test(test_with_head),
		cmocka_unit_test(test_draw),
		cmocka_unit_test(test_file),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
