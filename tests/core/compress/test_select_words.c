#define _XOPEN_SOURCE 700
/*
 * Budgets: met to the token over many documents, vocabularies and rates, never
 * exceeded; what must be kept is kept first; the kept text is a subsequence of
 * whole words. Tokens are counted here by tokenising the result anew.
 */
#include "compress/select_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/small_model.h"

static struct pith_model *model; /* a vocabulary that splits as Qwen's does, no adapters */
static char model_path[600];

static int setup(void **state)
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

static int teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

/* Gives a document scores, so that no model has to read it. */
static void random_scores(struct pith_document *document, struct random_state *random)
{
	document->scores = malloc((document->n_tokens + 1) * sizeof *document->scores);
	assert_non_null(document->scores);
	for (size_t i = 0; i < document->n_tokens; i++)
		document->scores[i] = (float)fabs(5 * random_normal(random));
}

static struct pith_document *generated_document(struct pith_model *of, struct random_state *random, size_t n_words)
{
	struct buffer text = {0};
	small_text(&text, random, n_words);
	struct pith_document *document = small_document(of, text.data, text.length);
	random_scores(document, random);
	buffer_free(&text);
	return document;
}

static size_t count_tokens(const struct pith_model *of, const char *text, size_t length)
{
	struct pith_token *tokens;
	size_t n;
	must(pith_tokenize(of, text, length, &tokens, &n, NULL), NULL);
	free(tokens);
	return n;
}

/* The text must be the kept words in order, whole, with nothing but white space of the document or " ", "\n", "\n\n" between. */
static void check_text(const struct pith_compressed *compressed, const char *document)
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
static void check_result(const struct pith_compressed *compressed, const struct pith_document *document)
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

static struct pith_compressed *compress(struct pith_document *document, const struct pith_compress_options *options)
{
	struct pith_compressed *compressed;
	struct pith_error err;
	must(pith_compress(&compressed, document, options, NULL, &err), &err);
	check_result(compressed, document);
	return compressed;
}

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

/* Documents that leave nothing to choose. */
static void test_odd_documents(void **state)
{
	(void)state;
	static const char *const texts[] = {
		" \n\t \n", "x", "one two", "\u3000", "word\n", "  two  words \n\n", "\xff\xfe\xfd", "a\xff b\x80 c",
	};
	static const double few[] = {0.05, 0.5, 0.999, 1};
	struct random_state random;
	random_seed(&random, 9);
	for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
		struct pith_document *document = small_document(model, texts[t], strlen(texts[t]));
		random_scores(document, &random);
		for (size_t r = 0; r < sizeof few / sizeof *few; r++) {
			struct pith_compress_options options;
			pith_compress_options_init(&options);
			options.rate = few[r];
			struct pith_compressed *compressed;
			must(pith_compress(&compressed, document, &options, NULL, NULL), NULL);
			const struct pith_compressed_info *info = pith_compressed_info(compressed);
			size_t length;
			const char *text = pith_compressed_text(compressed, &length);
			assert_true(info->compressed_tokens <= info->budget_tokens);
			if (few[r] == 1) {
				assert_string_equal(text, texts[t]);
				assert_int_equal(info->compressed_tokens, info->budget_tokens);
			} else {
				check_result(compressed, document);
			}
			if (t == 0 && few[r] < 1) {
				assert_string_equal(text, "");
				assert_non_null(strstr(info->note, "no words"));
			}
			pith_compressed_destroy(compressed);
		}
		pith_document_destroy(document);
	}
}

/* What is longer than any word goes in pieces, so that something of it fits; a word that does not fit is told. */
static void test_one_long_word(void **state)
{
	(void)state;
	enum { LENGTH = 10000 };
	struct random_state random;
	struct buffer text = {0};
	random_seed(&random, 10);
	for (int i = 0; i < LENGTH; i++) {
		char letter = (char)('a' + random_below(&random, 26));
		assert_true(buffer_append(&text, &letter, 1));
	}
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	struct pith_document *document = small_document(model, text.data, text.length);
	random_scores(document, &random);
	struct pith_compressed *compressed = compress(document, &options);
	const struct pith_compressed_info *info = pith_compressed_info(compressed);
	size_t n;
	const struct pith_word *words = pith_compressed_words(compressed, &n);
	assert_int_equal(info->compressed_tokens, info->budget_tokens);
	for (size_t w = 0; w < n; w++)
		assert_in_range(words[w].end - words[w].begin, 1, 64);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);

	document = small_document(model, text.data, 60);
	random_scores(document, &random);
	options.n_tokens = 1;
	compressed = compress(document, &options);
	assert_int_equal(pith_compressed_info(compressed)->compressed_tokens, 0);
	assert_non_null(strstr(pith_compressed_info(compressed)->note, "No word fits"));
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
	buffer_free(&text);
}

/* JSON without white space: names and values with the signs behind them; an address stays whole, however long. */
static void test_pieces(void **state)
{
	(void)state;
	static const char json[] =
		"{\"tide\":{\"height\":[1.25,2.5,3.75],\"place\":\"harbour\",\"measured\":true,\"by\":\"engineers\"}}";
	static const char *const first[] = {"{\"tide\":{\"", "height\":[", "1.", "25,"};
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	struct buffer text = {0};
	assert_true(buffer_printf(&text, "see https://example.org/%0100d#river-%0100d %s", 1, 2, json));
	struct pith_document *document = small_document(model, text.data, text.length);
	struct random_state random;
	random_seed(&random, 12);
	random_scores(document, &random);
	for (int percent = 5; percent < 100; percent += 5) {
		options.rate = percent / 100.0;
		struct pith_compressed *compressed = compress(document, &options);
		const struct pith_compressed_info *info = pith_compressed_info(compressed);
		size_t n;
		const struct pith_word *words = pith_compressed_words(compressed, &n);
		assert_true(info->compressed_tokens <= info->budget_tokens);
		assert_true(info->compressed_tokens > 0);
		assert_true(n > 12 && words[1].end - words[1].begin > 200);
		for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
			assert_int_equal(words[2 + i].end - words[2 + i].begin, strlen(first[i]));
			assert_memory_equal(text.data + words[2 + i].begin, first[i], strlen(first[i]));
		}
		pith_compressed_destroy(compressed);
	}
	pith_document_destroy(document);
	buffer_free(&text);
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
		cmocka_unit_test(test_odd_documents),
		cmocka_unit_test(test_one_long_word),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_long_document),
		cmocka_unit_test(test_budgets_and_options),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
