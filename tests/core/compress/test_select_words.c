#define _XOPEN_SOURCE 700
/*
 * Budgets: met to the token over many documents, vocabularies and rates, never
 * exceeded; what must be kept is kept first; the kept text is a subsequence of
 * whole words.
 */
#include "compress/select_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/chosen_words.h"

/* Tokens of the words that had to be kept. */
static size_t must_keep_tokens(const struct pith_compressed *compressed)
{
	size_t n, n_tokens = 0;
	const struct pith_word *words = pith_compressed_words(compressed, &n);
	for (size_t w = 0; w < n; w++)
		n_tokens += words[w].must_keep ? words[w].n_tokens : 0;
	return n_tokens;
}

static const double rates[] = {0.05, 0.1, 0.2, 0.25, 1.0 / 3, 0.5, 0.66, 0.75, 0.9, 0.95, 0.98, 1};
enum { N_RATES = sizeof rates / sizeof *rates };

static void check_exact_with(const char *name, const char *vocabulary, uint64_t seed)
{
	char path[600];
	struct random_state random;
	snprintf(path, sizeof path, "%s/%s.gguf", scratch_directory, name);
	small_model(path, vocabulary, 1);
	struct pith_model *other = small_open(path);
	random_seed(&random, seed);
	for (int d = 0; d < 30; d++) {
		struct pith_document *document = generated_document(other, &random, 40 + random_below(&random, 300));
		for (int r = 0; r < N_RATES; r++) {
			struct pith_compress_options options;
			pith_compress_options_init(&options);
			options.rate = rates[r];
			options.keep_digits = d % 2;
			options.keep_negations = d % 3 == 0;
			options.keep_names = d % 5 == 0;
			struct pith_compressed *compressed = compress(document, &options);
			const struct pith_compressed_info *info = pith_compressed_info(compressed);
			assert_int_equal(info->budget_tokens, (size_t)floor(rates[r] * (double)document->n_tokens + 1e-9));
			/* Where the words that must be kept take most of the budget, what is left may be too little to choose from. */
			if (2 * must_keep_tokens(compressed) <= info->budget_tokens && info->compressed_tokens != info->budget_tokens)
				fail_msg("%s, document %d of %zu tokens, rate %g: %s", name, d, document->n_tokens, rates[r],
					 info->note);
			pith_compressed_destroy(compressed);
		}
		pith_document_destroy(document);
	}
	pith_model_close(other);
}

static void check_exact(const char *pre, uint64_t seed)
{
	char vocabulary[600];
	snprintf(vocabulary, sizeof vocabulary, "%s/%s-vocabulary.gguf", scratch_directory, pre);
	small_vocabulary(vocabulary, pre, SMALL_VOCABULARY);
	check_exact_with(pre, vocabulary, seed);
}

static void test_exact(void **state)
{
	(void)state;
	check_exact_with("pieces", TESTS_DIR "/core/text/golden_sentence_pieces.gguf", 4);
	check_exact("qwen2", 1);
	check_exact("llama-bpe", 2);
	check_exact("gpt-2", 3);
	check_exact("falcon", 4);
}

/* Scores that the model itself gives: once computed they stay, and a second rate asks for no reading. */
static void count_scoring(void *user, const char *what, double done, double total)
{
	if (strcmp(what, "scoring") == 0)
		++*(int *)user;
	assert_true(done >= 0 && (total == 0 || done <= total));
}

static void test_scores_once(void **state)
{
	(void)state;
	struct random_state random;
	struct buffer text = {0};
	struct pith_error err;
	random_seed(&random, 12);
	small_text(&text, &random, 700); /* more than a window */
	struct pith_document *document = small_document(model, text.data, text.length);
	int n_scorings = 0, n_first = 0;
	struct pith_control control = {.progress = count_scoring, .user = &n_scorings};
	for (int r = 0; r < N_RATES; r++) {
		struct pith_compress_options options;
		struct pith_compressed *compressed;
		pith_compress_options_init(&options);
		options.rate = rates[r];
		must(pith_compress(&compressed, document, &options, &control, &err), &err);
		check_result(compressed, document);
		pith_compressed_destroy(compressed);
		if (r == 0)
			n_first = n_scorings;
	}
	assert_true(n_first > 1);
	assert_int_equal(n_scorings, n_first);
	const float *scores;
	must(pith_document_scores(document, &scores, NULL, &err), &err);
	for (size_t i = 0; i < document->n_tokens; i++)
		assert_true(isfinite(scores[i]) && scores[i] >= 0);
	pith_document_destroy(document);
	buffer_free(&text);
}

/* While the budget lasts, words that must be kept are kept; the highest scores follow. */
static void test_must_first(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 5);
	for (int d = 0; d < 20; d++) {
		struct pith_document *document = generated_document(model, &random, 200);
		struct pith_pin pin = {document->length / 3, document->length / 3 + 40};
		struct pith_compress_options options;
		pith_compress_options_init(&options);
		options.rate = 0.6;
		options.pins = &pin;
		options.n_pins = 1;
		struct pith_compressed *compressed = compress(document, &options);
		size_t n, n_must = 0;
		const struct pith_word *words = pith_compressed_words(compressed, &n);
		double kept = 0, dropped = 0;
		size_t n_kept = 0, n_dropped = 0;
		for (size_t w = 0; w < n; w++) {
			bool pinned = words[w].begin < pin.end && pin.begin < words[w].end;
			assert_true(!pinned || words[w].must_keep);
			n_must += words[w].must_keep;
			if (words[w].must_keep) {
				assert_true(words[w].kept);
			} else if (words[w].kept) {
				kept += (double)words[w].score;
				n_kept++;
			} else {
				dropped += (double)words[w].score;
				n_dropped++;
			}
		}
		assert_true(n_must > 10);
		assert_true(kept / (double)n_kept > 1.2 * dropped / (double)n_dropped);
		pith_compressed_destroy(compressed);
		pith_document_destroy(document);
	}
}

static void test_pins_over_budget(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 6);
	struct pith_document *document = generated_document(model, &random, 150);
	struct pith_pin pin = {0, document->length};
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	options.rate = 0.2;
	options.pins = &pin;
	options.n_pins = 1;
	struct pith_compressed *compressed = compress(document, &options);
	const struct pith_compressed_info *info = pith_compressed_info(compressed);
	assert_true(info->n_must_keep_dropped > 50);
	assert_non_null(strstr(info->note, "must be kept"));
	assert_int_equal(info->compressed_tokens, info->budget_tokens);
	pith_compressed_destroy(compressed);

	/* Without the pin and its like nothing had to be kept. */
	options.n_pins = 0;
	protect_words(&options, false);
	compressed = compress(document, &options);
	assert_int_equal(pith_compressed_info(compressed)->n_must_keep_dropped, 0);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

static void test_smallest_budgets(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 8);
	for (size_t budget = 1; budget <= 12; budget++) {
		struct pith_document *document = generated_document(model, &random, 120);
		struct pith_compress_options options;
		pith_compress_options_init(&options);
		options.n_tokens = budget;
		protect_words(&options, false);
		struct pith_compressed *compressed = compress(document, &options);
		const struct pith_compressed_info *info = pith_compressed_info(compressed);
		assert_int_equal(info->budget_tokens, budget);
		assert_int_equal(info->compressed_tokens, budget);
		pith_compressed_destroy(compressed);
		/* A rate that asks for less than one token asks for one. */
		options.n_tokens = 0;
		options.rate = 1e-6;
		compressed = compress(document, &options);
		assert_int_equal(pith_compressed_info(compressed)->budget_tokens, 1);
		pith_compressed_destroy(compressed);
		pith_document_destroy(document);
	}
}

/* The slider of a long document: the scores are there, choosing must not be felt. */
static void test_long_document(void **state)
{
	(void)state;
	enum { N_WORDS = 20000 };
	struct random_state random;
	random_seed(&random, 11);
	struct pith_document *document = generated_document(model, &random, N_WORDS);
	double slowest = 0;
	for (int r = 0; r < N_RATES; r++) {
		struct pith_compress_options options;
		pith_compress_options_init(&options);
		options.rate = rates[r];
		struct timespec began, ended;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
		struct pith_compressed *compressed;
		must(pith_compress(&compressed, document, &options, NULL, NULL), NULL);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
		double seconds = (double)(ended.tv_sec - began.tv_sec) + 1e-9 * (double)(ended.tv_nsec - began.tv_nsec);
		slowest = seconds > slowest ? seconds : slowest;
		check_result(compressed, document);
		assert_int_equal(pith_compressed_info(compressed)->compressed_tokens,
				 pith_compressed_info(compressed)->budget_tokens);
		pith_compressed_destroy(compressed);
	}
	if (getenv("PITH_TEST_VERBOSE") != NULL)
		print_message("%d words, %zu tokens: %.3f s of processor time at the slowest rate\n", N_WORDS, document->n_tokens,
			      slowest);
	assert_true(slowest < 2);
	pith_document_destroy(document);
}

static void test_budgets_and_options(void **state)
{
	(void)state;
	static const struct {
		double rate;
		size_t n_tokens, n, budget;
	} cases[] = {
		{0.25, 0, 100, 25}, {0.25, 0, 99, 24}, {0.25, 0, 3, 1},  {1, 0, 7, 7},   {0.1, 0, 30, 3},
		{0.3, 0, 10, 3},    {0.7, 0, 10, 7},   {1e-9, 0, 5, 1},  {0.5, 3, 10, 3}, {0.5, 30, 10, 10},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pith_compress_options options = {.rate = cases[i].rate, .n_tokens = cases[i].n_tokens};
		assert_int_equal(pith_compress_budget(&options, cases[i].n), cases[i].budget);
	}
	static const double wrong[] = {0, -0.5, 1.0001, INFINITY, NAN};
	struct pith_document *document = small_document(model, "one two three", 13);
	struct pith_compressed *compressed;
	struct pith_error err;
	struct pith_compress_options options;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		pith_compress_options_init(&options);
		options.rate = wrong[i];
		expect_failure(pith_compress(&compressed, document, &options, NULL, &err), PITH_BAD_ARGUMENT, &err, "above 0");
		assert_null(compressed);
	}
	pith_compress_options_init(&options);
	options.method = NULL;
	expect_failure(pith_compress(&compressed, document, &options, NULL, &err), PITH_BAD_ARGUMENT, &err, "no such method");
	options.method = pith_method_find("500x");
	expect_failure(pith_compress(&compressed, document, &options, NULL, &err), PITH_UNSUPPORTED, &err, "no adapter");
	pith_document_destroy(document);
	expect_failure(pith_document_create(&document, model, "", 0, &err), PITH_BAD_ARGUMENT, &err, "empty");
	assert_null(document);
	assert_null(pith_method_find("zip"));
	size_t n;
	const struct pith_method *methods = pith_methods(&n);
	for (size_t i = 0; i < n; i++)
		assert_ptr_equal(pith_method_find(methods[i].name), &methods[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_scores_once),
		cmocka_unit_test(test_must_first),
		cmocka_unit_test(test_pins_over_budget),
		cmocka_unit_test(test_smallest_budgets),
		cmocka_unit_test(test_long_document),
		cmocka_unit_test(test_budgets_and_options),
	};
	return cmocka_run_group_tests(tests, words_setup, words_teardown);
}
