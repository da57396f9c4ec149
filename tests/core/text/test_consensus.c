/* Which wording has most in common with all, against sums worked out by hand. */
#include "text/consensus.h"

#include <string.h>

#include "unit.h"

static size_t find(const char *const *texts, const double *weights, size_t n)
{
	struct wording wordings[8];
	size_t best = n;
	for (size_t i = 0; i < n; i++)
		wordings[i] = (struct wording){texts[i], strlen(texts[i]), weights[i]};
	assert_true(consensus_find(&best, wordings, n));
	assert_true(best < n);
	return best;
}

#define FIND(texts, ...) find(texts, (const double[]){__VA_ARGS__}, sizeof(texts) / sizeof *(texts))

/*
 * F1 of "four stations" and "four" is 2/3, of either and "ten" 0. Expected: "ten" 0.4; "four" 0.35 + 0.25 * 2/3 = 0.517;
 * "four stations" 0.25 + 0.35 * 2/3 = 0.483. Behind a fall of "four" to 0.2 and a rise of "ten" to 0.55 "ten" is ahead.
 */
static void test_expected_f1(void **state)
{
	(void)state;
	static const char *const texts[] = {"ten", "four", "four stations"};
	assert_int_equal(FIND(texts, 0.4, 0.35, 0.25), 1);
	assert_int_equal(FIND(texts, 0.55, 0.2, 0.25), 0);
	assert_int_equal(FIND(texts, 0.4, 0.25, 0.35), 2);
	/* One word in common with each of two that share none: 0.3 + (0.3 + 0.4) * 2/3 = 0.77 beats 0.4 + 0.3 * 2/3. */
	static const char *const middle[] = {"red", "red blue", "blue"};
	assert_int_equal(FIND(middle, 0.4, 0.3, 0.3), 1);
}

/* Case, punctuation and articles make no difference, in any script; words that come twice count twice. */
static void test_words(void **state)
{
	(void)state;
	static const char *const same[] = {"ten", "The Lake!", "a lake", "lake."};
	assert_int_equal(FIND(same, 0.4, 0.1, 0.3, 0.2), 1);
	static const char *const accents[] = {"ten", "\xc3\x89t\xc3\xa9", "\xc3\xa9t\xc3\xa9"};
	assert_int_equal(FIND(accents, 0.4, 0.3, 0.3), 1);
	/* 2 * 1 / 4 of two words each, of which one is in common, however often it stands in one of them. */
	static const char *const twice[] = {"row row", "row boat", "boat boat"};
	assert_int_equal(FIND(twice, 0.35, 0.3, 0.35), 1);
	/* No article: "an" in "another", "a" in "a1". */
	static const char *const parts[] = {"another a1", "other 1", "another a1"};
	assert_int_equal(FIND(parts, 0.3, 0.4, 0.3), 0);
}

static void test_no_words(void **state)
{
	(void)state;
	static const char *const empty[] = {"", "the", "...", "ten"};
	assert_int_equal(FIND(empty, 0.2, 0.2, 0.2, 0.4), 0);
	static const char *const one[] = {"\xff\xfe"};
	assert_int_equal(FIND(one, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expected_f1), cmocka_unit_test(test_words), cmocka_unit_test(test_no_words)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
