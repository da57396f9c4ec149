/*
 * ROUGE, BLEU and SQuAD scores against the packages that published numbers
 * come from (golden_metrics.py), and their manners on hostile input.
 */
#include "pith/evaluate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/random.h"

static const double tolerance = 1e-9;

static void expect_near(const json_t *row, const char *metric, double expected, double got)
{
	if (fabs(expected - got) <= tolerance)
		return;
	fail_msg("%s: %s is %.12f, expected %.12f", json_string_value(json_object_get(row, "name")), metric, got, expected);
}

static double number(const json_t *row, const char *key)
{
	const json_t *value = json_object_get(row, key);
	assert_true(json_is_number(value));
	return json_number_value(value);
}

static void check_pair(const json_t *row, const char *reference, const char *candidate)
{
	expect_near(row, "rouge_l", number(row, "rouge_l"), pith_rouge_l(reference, candidate));
	/* The rouge package raises for a text without a sentence; here that is 0. */
	bool raises = json_is_null(json_object_get(row, "rouge_l_set"));
	expect_near(row, "rouge_l_set", raises ? 0 : number(row, "rouge_l_set"), pith_rouge_l_set(reference, candidate));
	expect_near(row, "bleu", number(row, "bleu"), pith_bleu(reference, candidate));
	expect_near(row, "squad_em", number(row, "squad_em"), pith_squad_em(&reference, 1, candidate));
	expect_near(row, "squad_sub_em", number(row, "squad_sub_em"), pith_squad_sub_em(&reference, 1, candidate));
	/* Version 1.1 gives 0 where no words are left on either side; version 2.0, and so pith, gives 1. */
	double f1 = pith_squad_f1(&reference, 1, candidate);
	expect_near(row, "squad_f1_v2", number(row, "squad_f1_v2"), f1);
	if (f1 != 1 || number(row, "squad_f1") != 0)
		expect_near(row, "squad_f1", number(row, "squad_f1"), f1);
}

static void check_answers(const json_t *row, const json_t *list, const char *candidate)
{
	const char *answers[8];
	size_t n = json_array_size(list);
	assert_true(n <= 8);
	for (size_t i = 0; i < n; i++)
		answers[i] = json_string_value(json_array_get(list, i));
	expect_near(row, "squad_em", number(row, "squad_em"), pith_squad_em(answers, n, candidate));
	expect_near(row, "squad_sub_em", number(row, "squad_sub_em"), pith_squad_sub_em(answers, n, candidate));
	expect_near(row, "squad_f1", number(row, "squad_f1_v2"), pith_squad_f1(answers, n, candidate));
}

static void test_golden(void **state)
{
	(void)state;
	FILE *file = fopen(TESTS_DIR "/core/eval/golden_metrics.jsonl", "r");
	assert_non_null(file);
	size_t n_pairs = 0, n_answers = 0;
	json_t *row;
	while ((row = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)) != NULL) {
		const char *candidate = json_string_value(json_object_get(row, "candidate"));
		const json_t *answers = json_object_get(row, "answers");
		if (answers != NULL) {
			check_answers(row, answers, candidate);
			n_answers++;
		} else {
			check_pair(row, json_string_value(json_object_get(row, "reference")), candidate);
			n_pairs++;
		}
		json_decref(row);
	}
	fclose(file);
	assert_true(n_pairs >= 60);
	assert_true(n_answers >= 5);
}

static void test_matched_prefix(void **state)
{
	(void)state;
	assert_true(pith_matched_prefix("", "") == 1);
	assert_true(pith_matched_prefix("", "x") == 0);
	assert_true(pith_matched_prefix("abcd", "") == 0);
	assert_true(pith_matched_prefix("abcd", "abcd") == 1);
	assert_true(pith_matched_prefix("abcd", "abcdef") == 1);
	assert_true(pith_matched_prefix("abcd", "abxd") == 0.5);
	assert_true(pith_matched_prefix("abcd", "Abcd") == 0);
	/* Half a character is no match: e acute and e grave share their first byte. */
	assert_true(pith_matched_prefix("ab\xc3\xa9", "ab\xc3\xa8") == 0.5);
	assert_true(pith_matched_prefix("ab\xc3\xa9", "ab\xc3") == 0.5);
	assert_true(pith_matched_prefix("ab\xc3", "ab\xc3\xa9") == 2.0 / 3);
	assert_true(pith_matched_prefix("\xff\xfe", "\xff\xfd") == 0.5);
}

static void check_range(const char *reference, const char *candidate)
{
	const double scores[] = {pith_rouge_l(reference, candidate),      pith_rouge_l_set(reference, candidate),
				 pith_bleu(reference, candidate),         pith_squad_em(&reference, 1, candidate),
				 pith_squad_f1(&reference, 1, candidate), pith_matched_prefix(reference, candidate)};
	for (size_t i = 0; i < sizeof scores / sizeof *scores; i++)
		assert_true(scores[i] >= 0 && scores[i] <= 1);
}

/* Random bytes, most of them from an alphabet that every rule of every tokeniser looks at. */
static void random_text(struct random_state *random, char *text, size_t size)
{
	static const char alphabet[] = "aAthe. ,-&;<>9\n\t'_\xc3\xa9\xce\xa3\xcc\x81\xff\xf0\x9f";
	size_t length = random_below(random, size);
	for (size_t i = 0; i < length; i++) {
		text[i] = alphabet[random_below(random, sizeof alphabet - 1)];
		if (random_below(random, 8) == 0)
			text[i] = (char)(1 + random_below(random, 255));
	}
	text[length] = '\0';
}

static void test_hostile_bytes(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 1);
	char reference[200], candidate[200];
	for (int i = 0; i < 5000; i++) {
		random_text(&random, reference, sizeof reference);
		random_text(&random, candidate, sizeof candidate);
		check_range(reference, candidate);
		check_range(reference, reference);
	}
}

/* Invalid bytes are characters like others: equal texts stay equal, and a difference in them is one. */
static void test_invalid_bytes_count(void **state)
{
	(void)state;
	const char *text = "one \xff two \xc3( three";
	assert_true(pith_bleu(text, text) == 1);
	assert_true(pith_squad_em(&text, 1, text) == 1);
	assert_true(pith_squad_em(&text, 1, "one \xfe two \xc3( three") == 0);
	assert_true(pith_rouge_l(text, "one two three") == 1);
}

static char *words_text(size_t n, uint64_t seed, uint64_t n_distinct)
{
	struct random_state random;
	random_seed(&random, seed);
	char *text = malloc(n * 16 + 1);
	assert_non_null(text);
	size_t length = 0;
	for (size_t i = 0; i < n; i++)
		length += (size_t)sprintf(text + length, "w%d ", (int)random_below(&random, n_distinct));
	return text;
}

/* 50,000 words without one full stop: the case where a table of all cells would take gigabytes. */
static void test_long_texts(void **state)
{
	(void)state;
	char *reference = words_text(50000, 1, 5000);
	char *candidate = words_text(50000, 2, 5000);
	check_range(reference, candidate);
	assert_true(pith_rouge_l(reference, reference) == 1);
	assert_true(pith_rouge_l_set(reference, reference) > 1 - 1e-8);
	assert_true(pith_bleu(reference, reference) == 1);
	free(reference);
	free(candidate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),        cmocka_unit_test(test_matched_prefix),
		cmocka_unit_test(test_hostile_bytes), cmocka_unit_test(test_invalid_bytes_count),
		cmocka_unit_test(test_long_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
