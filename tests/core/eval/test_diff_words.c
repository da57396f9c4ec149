/* Word alignment: what it must always keep, and what small cases look like. */
#include "pith/evaluate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "eval/words.h"

/* One letter a word: = - + ~ for same, lost, added, changed. */
static void expect_kinds(const char *reference, const char *candidate, const char *kinds)
{
	struct pith_diff_word *words;
	size_t n;
	assert_int_equal(pith_diff_words(&words, &n, reference, strlen(reference), candidate, strlen(candidate), NULL), PITH_OK);
	char got[64];
	assert_true(n < sizeof got);
	for (size_t i = 0; i < n; i++)
		got[i] = "=-+~"[words[i].kind];
	got[n] = '\0';
	assert_string_equal(got, kinds);
	free(words);
}

static void test_small_cases(void **state)
{
	(void)state;
	expect_kinds("", "", "");
	expect_kinds(" \n", "", "");
	expect_kinds("a b c", "", "---");
	expect_kinds("", "a b", "++");
	expect_kinds("a b c", "a b c", "===");
	expect_kinds("a b c", "  a\tb\n\nc ", "===");
	expect_kinds("a b c", "a x c", "=~=");
	expect_kinds("a b c d", "a x d", "=~-=");
	expect_kinds("a b d", "a x y z d", "=~++=");
	expect_kinds("a b c", "a c", "=-=");
	expect_kinds("a c", "a b c", "=+=");
	expect_kinds("a, b", "a b", "~=");
	expect_kinds("压缩提示词。", "压缩示词。", "==-===");
	expect_kinds("用 pith 压缩", "用pith压 缩", "====");
	expect_kinds("ok👍🏽 x", "ok👍🏽x", "===");
	expect_kinds("ก่อนข้าว", "ก่อน", "~");
}

/* Checks the spans of one side: words in order, each exactly once, none left out, none with white space. */
static void check_side(const struct pith_diff_word *words, size_t n, const char *text, size_t length, bool other)
{
	enum pith_diff_kind absent = other ? PITH_LOST : PITH_ADDED;
	size_t position = 0;
	uint32_t behind = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t begin = other ? words[i].other_begin : words[i].begin;
		uint32_t end = other ? words[i].other_end : words[i].end;
		if (words[i].kind == absent) {
			assert_int_equal(begin, behind);
			assert_int_equal(end, behind);
			continue;
		}
		struct word_span word;
		assert_true(word_next_seen(text, length, &position, &word));
		assert_int_equal(begin, word.begin);
		assert_int_equal(end, word.end);
		behind = end;
	}
	struct word_span left;
	assert_false(word_next_seen(text, length, &position, &left));
}

static void check(const char *reference, size_t reference_length, const char *candidate, size_t candidate_length)
{
	struct pith_diff_word *words;
	size_t n;
	assert_int_equal(pith_diff_words(&words, &n, reference, reference_length, candidate, candidate_length, NULL), PITH_OK);
	check_side(words, n, reference, reference_length, false);
	check_side(words, n, candidate, candidate_length, true);
	for (size_t i = 0; i < n; i++) {
		bool two_sided = words[i].kind == PITH_SAME || words[i].kind == PITH_CHANGED;
		if (!two_sided)
			continue;
		size_t length = words[i].end - words[i].begin, other_length = words[i].other_end - words[i].other_begin;
		bool equal = length == other_length &&
			     memcmp(reference + words[i].begin, candidate + words[i].other_begin, length) == 0;
		assert_int_equal(equal, words[i].kind == PITH_SAME);
	}
	/* Lost and added words side by side would have been paired. */
	for (size_t i = 1; i < n; i++) {
		assert_false(words[i - 1].kind == PITH_LOST && words[i].kind == PITH_ADDED);
		assert_false(words[i - 1].kind == PITH_ADDED && words[i].kind == PITH_LOST);
	}
	free(words);
}

static size_t random_text(struct random_state *random, char *text, size_t size)
{
	static const char alphabet[] = "aab \n\xc3\xa9\xe3\x80\x80\0\xff";
	size_t length = random_below(random, size);
	for (size_t i = 0; i < length; i++)
		text[i] = alphabet[random_below(random, sizeof alphabet - 1)];
	return length;
}

static void test_properties(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 5);
	char reference[400], candidate[400];
	for (int i = 0; i < 5000; i++) {
		size_t reference_length = random_text(&random, reference, sizeof reference);
		size_t candidate_length = random_text(&random, candidate, sizeof candidate);
		check(reference, reference_length, candidate, candidate_length);
	}
}

static void test_identical(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 6);
	char text[400];
	for (int i = 0; i < 500; i++) {
		size_t length = random_text(&random, text, sizeof text);
		struct pith_diff_word *words;
		size_t n;
		assert_int_equal(pith_diff_words(&words, &n, text, length, text, length, NULL), PITH_OK);
		for (size_t k = 0; k < n; k++) {
			assert_int_equal(words[k].kind, PITH_SAME);
			assert_int_equal(words[k].begin, words[k].other_begin);
			assert_int_equal(words[k].end, words[k].other_end);
		}
		free(words);
	}
}

/* As many words are the same as a longest common subsequence has: known for a text with every tenth word replaced. */
static void test_long(void **state)
{
	(void)state;
	enum { N = 20000 };
	char *reference = malloc(N * 8), *candidate = malloc(N * 8);
	assert_true(reference != NULL && candidate != NULL);
	size_t length = 0, other_length = 0;
	for (int i = 0; i < N; i++) {
		length += (size_t)sprintf(reference + length, "w%d ", i);
		other_length += (size_t)sprintf(candidate + other_length, i % 10 == 5 ? "x%d " : "w%d ", i);
	}
	struct pith_diff_word *words;
	size_t n;
	assert_int_equal(pith_diff_words(&words, &n, reference, length, candidate, other_length, NULL), PITH_OK);
	assert_int_equal(n, N);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(words[i].kind, i % 10 == 5 ? PITH_CHANGED : PITH_SAME);
	free(words);
	check(reference, length, candidate, other_length);
	free(reference);
	free(candidate);
}

static void test_too_long(void **state)
{
	(void)state;
	struct pith_diff_word *words;
	size_t n;
	struct pith_error err = {0};
	assert_int_equal(pith_diff_words(&words, &n, "", (size_t)UINT32_MAX + 1, "", 0, &err), PITH_TOO_LONG);
	assert_null(words);
	assert_true(err.message[0] != '\0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_cases), cmocka_unit_test(test_properties), cmocka_unit_test(test_identical),
		cmocka_unit_test(test_long),        cmocka_unit_test(test_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
