#define _XOPEN_SOURCE 700
/* Against all choices of small sets of words, whose chances are summed one by one; and what it is for: longer phrases. */
#include "compress/coherence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "support/method_test.h"

/* --- all choices ------------------------------------------------------------------------------------------------ */

enum { MOST = 10 };

/* Words of a text, how much of a tie each has to the next one, and the places that their method gives them. */
struct small_text {
	const char *text;
	double ties[MOST];
	struct pith_word words[MOST];
	size_t order[MOST], n;
};

static void read_words(struct small_text *small)
{
	small->n = 0;
	for (const char *at = small->text; *at != '\0';) {
		size_t gap = strspn(at, " \n"), length = strcspn(at + gap, " \n");
		uint32_t begin = (uint32_t)(at + gap - small->text);
		if (length > 0)
			small->words[small->n++] = (struct pith_word){.begin = begin, .end = begin + (uint32_t)length, .n_tokens = 1};
		at += gap + length;
	}
}

static void shuffle(struct small_text *small, struct random_state *random)
{
	for (size_t i = 0; i < small->n; i++) {
		size_t j = random_below(random, i + 1);
		small->order[i] = small->order[j];
		small->order[j] = i;
	}
	for (size_t w = 0; w < small->n; w++)
		small->words[w].n_tokens = 1 + (uint32_t)random_below(random, 3);
}

/* Chances of all words at t, and how many tokens stay by them. */
static double sum_choices(double *chances, const struct small_text *small, double coherence, double t)
{
	double all = 0, expected = 0, z[MOST];
	for (size_t i = 0; i < small->n; i++)
		z[small->order[i]] = log(((double)small->n - (double)i - 0.5) / ((double)i + 0.5));
	memset(chances, 0, MOST * sizeof *chances);
	for (unsigned set = 0; set < 1u << small->n; set++) {
		double energy = 0;
		for (size_t w = 0; w < small->n; w++) {
			unsigned kept = set >> w & 1, next = set >> (w + 1) & 1;
			energy += kept ? z[w] - t : 0;
			energy += w + 1 < small->n && kept == next ? coherence * small->ties[w] : 0;
		}
		all += exp(energy);
		for (size_t w = 0; w < small->n; w++)
			chances[w] += set >> w & 1 ? exp(energy) : 0;
	}
	for (size_t w = 0; w < small->n; w++) {
		chances[w] /= all;
		expected += chances[w] * small->words[w].n_tokens;
	}
	return expected;
}

static void chances_at_budget(double *chances, const struct small_text *small, double coherence, double budget)
{
	double low = -30, high = 30;
	for (int round = 0; round < 60; round++) {
		double t = (low + high) / 2;
		*(sum_choices(chances, small, coherence, t) > budget ? &low : &high) = t;
	}
}

static void test_all_choices(void **state)
{
	(void)state;
	/* 1 inside a phrase, 1/2 where a phrase or a line ends, 0 where a sentence does. */
	static const struct small_text texts[] = {
		{.text = "It never rose by more than 41 cm", .ties = {1, 1, 1, 1, 1, 1, 1}},
		{.text = "First one, then none (at all) came", .ties = {1, 0.5, 1, 0.5, 1, 0.5}},
		{.text = "One is here. Two are there; three\nfour", .ties = {1, 1, 0, 1, 1, 0.5, 0.5}},
		{.text = "Why? Nobody\n\nknows it", .ties = {0, 0, 1}},
		{.text = "Alone", .ties = {0}},
	};
	struct random_state random;
	random_seed(&random, 7);
	size_t n_moved = 0;
	for (int round = 0; round < 200; round++) {
		struct small_text small = texts[round % 5];
		double chances[MOST], coherence = 3 * random_uniform(&random);
		read_words(&small);
		shuffle(&small, &random);
		size_t order[MOST], n_tokens = 0;
		memcpy(order, small.order, sizeof order);
		for (size_t w = 0; w < small.n; w++)
			n_tokens += small.words[w].n_tokens;
		size_t budget = 1 + random_below(&random, n_tokens);
		/* It stops as soon as it is this near to the budget: what chances differ by as much may stand either way. */
		const double near = 0.25;
		budget -= budget == n_tokens && n_tokens > 1;
		chances_at_budget(chances, &small, coherence, (double)budget);
		assert_true(coherence_sort(order, small.words, small.n, small.text, strlen(small.text), budget, coherence));
		for (size_t i = 0; i + 1 < small.n; i++)
			if (chances[order[i]] < chances[order[i + 1]] - near / 4)
				fail_msg("\"%s\": word %zu (%.3f) before %zu (%.3f)", small.text, order[i], chances[order[i]],
				         order[i + 1], chances[order[i + 1]]);
		for (size_t i = 0; i < small.n; i++)
			n_moved += order[i] != small.order[i];
	}
	assert_true(n_moved > 200); /* it does something */
}

/* --- what stays as it is ------------------------------------------------------------------------------------------ */

static void test_none(void **state)
{
	(void)state;
	struct small_text small = {.text = "a b c d e"};
	size_t order[] = {3, 1, 4, 0, 2};
	read_words(&small);
	assert_true(coherence_sort(order, small.words, small.n, small.text, strlen(small.text), 2, 0));
	static const size_t as_it_was[] = {3, 1, 4, 0, 2};
	assert_memory_equal(order, as_it_was, sizeof order);
	assert_true(coherence_sort(NULL, NULL, 0, "", 0, 1, 2));
}

/* However much neighbours ask for it, nothing comes before what must be kept, and nothing of that before what is pinned. */
static void test_protected_first(void **state)
{
	(void)state;
	struct small_text small = {.text = "a b c d e f g h"};
	size_t order[] = {5, 2, 0, 1, 3, 4, 6, 7};
	read_words(&small);
	small.words[5].must_keep = small.words[5].pinned = true;
	small.words[2].must_keep = true;
	assert_true(coherence_sort(order, small.words, small.n, small.text, strlen(small.text), 3, 8));
	assert_int_equal(order[0], 5);
	assert_int_equal(order[1], 2);
}

/* --- documents ----------------------------------------------------------------------------------------------------- */

static struct pith_model *model;

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	model = plain_model(3);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

/* Pieces of a text that stand together, of as many words at any coherence. */
static size_t count_runs(struct pith_document *document, double coherence)
{
	struct pith_compress_options options = options_of("selfinfo", 0.4);
	protect_words(&options, false);
	options.coherence = coherence;
	struct pith_compressed *compressed = compress(document, &options);
	size_t n, n_runs = 0;
	const struct pith_word *words = pith_compressed_words(compressed, &n);
	for (size_t w = 0; w < n; w++)
		n_runs += words[w].kept && (w == 0 || !words[w - 1].kept);
	assert_int_equal(pith_compressed_info(compressed)->compressed_tokens, pith_compressed_info(compressed)->budget_tokens);
	pith_compressed_destroy(compressed);
	return n_runs;
}

static void test_longer_phrases(void **state)
{
	(void)state;
	struct random_state random;
	struct buffer text = {0};
	random_seed(&random, 9);
	small_text(&text, &random, 300);
	struct pith_document *document = small_document(model, text.data, text.length);
	size_t alone = count_runs(document, 0), some = count_runs(document, 1.5), most = count_runs(document, 5);
	assert_true(3 * some < 2 * alone);
	assert_true(3 * most < 2 * some);
	pith_document_destroy(document);
	buffer_free(&text);
}

static void test_refused(void **state)
{
	(void)state;
	struct pith_compress_options options = options_of("selfinfo", 0.5);
	struct pith_document *document = small_document(model, "a b c", 5);
	struct pith_compressed *compressed;
	struct pith_error err;
	options.coherence = -1;
	assert_int_equal(pith_compress(&compressed, document, &options, NULL, &err), PITH_BAD_ARGUMENT);
	options.coherence = PITH_MOST_COHERENCE + 1;
	assert_int_equal(pith_compress(&compressed, document, &options, NULL, &err), PITH_BAD_ARGUMENT);
	options.coherence = NAN;
	assert_int_equal(pith_compress(&compressed, document, &options, NULL, &err), PITH_BAD_ARGUMENT);
	pith_document_destroy(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_choices),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_protected_first),
		cmocka_unit_test(test_longer_phrases),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
