#define _XOPEN_SOURCE 700
/*
 * The words of a chunk beside its rewrite, on a small random model: worth is what the model finds surprising, halved where it was
 * said before, and a text says the share of it whose stems it has.
 */
#include "compress/rewrite_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/method_test.h"

static struct pith_model *model; /* without a head */

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	model = plain_model(1);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

static const char text[] = "The river is not 12 wide. Rivers of 12 harbours did not measure the harbour.";

static struct rewrite_words open_words(const char *chunk, size_t begin, const struct pith_compress_options *options)
{
	struct pith_error err;
	struct rewrite_words words;
	must(rewrite_words_open(&words, model, chunk, strlen(chunk), begin, options, NULL, &err), &err);
	return words;
}

static size_t find(const struct rewrite_words *words, const char *word, int which)
{
	const char *chunk = words->document->text;
	for (size_t i = 0; i < words->n; i++)
		if (strncmp(chunk + words->words[i].begin, word, strlen(word)) == 0 && which-- == 0)
			return i;
	fail_msg("no %s", word);
	return 0;
}

/* Against selfinfo's own words: the same, but for what is said again. */
static void test_said_again(void **state)
{
	(void)state;
	struct pith_compress_options options = options_of("selfinfo", 0.5);
	struct pith_document *document = small_document(model, text, strlen(text));
	struct pith_compressed *plain = compress(document, &options);
	struct rewrite_words words = open_words(text, 0, &options);
	static const struct {
		const char *word;
		int which;
		bool again, must_keep;
	} cases[] = {{"river", 0, false, false}, {"Rivers", 0, true, false},  {"12", 0, false, true},
	             {"12", 1, true, false},     {"not", 0, false, true},     {"not", 1, true, true},
	             {"the", 0, false, false},   {"harbour.", 0, true, false}};
	assert_int_equal(words.n, plain->n_words);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t w = find(&words, cases[i].word, cases[i].which);
		float factor = cases[i].again ? 0.5f : 1;
		if (words.words[w].score != factor * plain->words[w].score || words.words[w].must_keep != cases[i].must_keep)
			fail_msg("%s: %g of %g, must keep %d", cases[i].word, words.words[w].score, plain->words[w].score,
			         words.words[w].must_keep);
	}
	rewrite_words_close(&words);
	pith_compressed_destroy(plain);
	pith_document_destroy(document);
}

/* A pin is of the document; it holds for what is said again too. */
static void test_pins(void **state)
{
	(void)state;
	size_t begin = 1000, rivers = (size_t)(strstr(text, "Rivers") - text);
	const struct pith_pin pins[] = {{10, 20}, {begin + rivers, begin + rivers + 6}, {begin + strlen(text), begin + 2000}};
	struct pith_compress_options options = options_of("selfinfo", 0.5);
	protect_words(&options, false);
	options.pins = pins;
	options.n_pins = 3;
	struct rewrite_words words = open_words(text, begin, &options);
	size_t pinned = find(&words, "Rivers", 0);
	for (size_t w = 0; w < words.n; w++)
		assert_int_equal(words.words[w].must_keep, w == pinned);
	rewrite_words_close(&words);
}

static double told(const struct rewrite_words *words, const char *rewrite)
{
	struct pith_error err;
	struct buffer buffer = {0};
	double share;
	assert_true(buffer_append_string(&buffer, rewrite));
	must(rewrite_words_told(&share, words, &buffer, &err), &err);
	buffer_free(&buffer);
	return share;
}

static void test_told(void **state)
{
	(void)state;
	struct pith_compress_options options = options_of("selfinfo", 0.5);
	struct rewrite_words words = open_words(text, 0, &options);
	double river = (double)words.words[find(&words, "river", 0)].score, all = 0;
	for (size_t w = 0; w < words.n; w++)
		all += words.says_new[w] ? (double)words.words[w].score : 0;
	assert_true(all > river && river > 0);
	assert_true(fabs(told(&words, text) - 1) < 1e-9);
	assert_true(told(&words, "") == 0);
	assert_true(told(&words, "Cats sleep, and the of.") == 0);
	assert_true(fabs(told(&words, "Two RIVERS") - river / all) < 1e-9);
	rewrite_words_close(&words);
	words = open_words("of the", 0, &options);
	assert_true(told(&words, "of the") == 0);
	rewrite_words_close(&words);
}

/* Every budget is met, and more budget says no less. */
static void test_choose(void **state)
{
	(void)state;
	struct pith_compress_options options = options_of("selfinfo", 0.5);
	protect_words(&options, false);
	struct pith_error err;
	struct rewrite_words words = open_words(text, 0, &options);
	struct buffer chosen = {0};
	size_t n_tokens = count_tokens(model, text, strlen(text));
	double before = 0;
	for (size_t budget = 2; budget <= n_tokens; budget += 4) {
		must(rewrite_words_choose(&words, budget, &chosen, &err), &err);
		assert_true(count_tokens(model, chosen.data, chosen.length) <= budget);
		double now = told(&words, chosen.data);
		assert_true(now >= before - 0.1);
		before = now;
	}
	assert_true(before > 0.8);
	buffer_free(&chosen);
	rewrite_words_close(&words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_said_again), cmocka_unit_test(test_pins),
	                                   cmocka_unit_test(test_told), cmocka_unit_test(test_choose)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
