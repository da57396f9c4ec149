/* Where sentences end. '|' in an expected text stands for each boundary. */
#include "text/sentences.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "pith/evaluate.h"
#include "unit.h"

static void expect(const char *marked)
{
	char text[512];
	size_t ends[64], n_ends = 0, length = 0;
	for (const char *c = marked; *c != '\0'; c++) {
		if (*c == '|')
			ends[n_ends++] = length;
		else
			text[length++] = *c;
	}
	ends[n_ends++] = length;
	struct pith_sentence *sentences;
	size_t n;
	struct pith_error err;
	assert_int_equal(pith_sentences(&sentences, &n, text, length, &err), PITH_OK);
	for (size_t i = 0; i < n && i < n_ends; i++)
		if (sentences[i].end != ends[i])
			fail_msg("\"%s\": sentence %zu is \"%.*s\"", marked, i, (int)(sentences[i].end - sentences[i].begin),
			         text + sentences[i].begin);
	assert_int_equal(n, n_ends);
	free(sentences);
}

static void test_ends(void **state)
{
	(void)state;
	expect("One. |Two! |Three? |Four.");
	expect("No end");
	expect("\"Really?\" |\"Yes.\" |(So it is.) |[It is.] |Good.");
	expect("He said \xe2\x80\x9cstop.\xe2\x80\x9d |She went on.");
	expect("It sold well. |3 of them are left.");
	expect("What?! |No!!! |Yes.");
	expect("First line.\n|Second line.\n");
	expect("  One.  \t |Two.  ");
	expect("Was ist das? |\xc3\x84pfel sind es.");
	expect("\xd0\x94\xd0\xb0. |\xd0\x9d\xd0\xb5\xd1\x82.");
}

static void test_not_ends(void **state)
{
	(void)state;
	expect("It is 3.14 or 1,000.5 at example.org/a.b today.");
	expect("a version 2. of it");
	expect("well... maybe not. |So... |Yes.");
	expect("It rose to... 5 or so.");
	expect("he asked \"why?\" and left.");
	expect("1. Introduction");
	expect("as shown by J. Smith et al. [5] in Fig. 3 and Eq. (2).");
	expect("Dr. No met Mr. Bond, i.e. James, vs. Prof. Plum.");
	expect("e.g. This one; cf. That one.");
	expect("The U.S. Army and J. R. R. Tolkien met.");
	expect("See No. 5, pp. 10 and vol. 2 of Oct. 3. |Then stop.");
}

static void test_looks_like_abbreviation(void **state)
{
	(void)state;
	expect("She said no. |He left.");
	expect("We ate a fig. |Then we slept.");
	expect("I like metal. |It shines."); /* ends in "al" */
	expect("They came in Oct. |Nobody knew.");
}

static void test_blank_lines(void **state)
{
	(void)state;
	expect("A title\n\n|Text goes on\nhere\n \t\r\n\n|and here");
	expect("\n\n A text\n\n");
}

static void test_scripts_without_spaces(void **state)
{
	(void)state;
	expect("\xe4\xbb\x8a\xe6\x97\xa5\xe3\x80\x82|\xe6\x98\x8e\xe6\x97\xa5\xef\xbc\x81|"
	       "\xe3\x80\x8c\xe6\x98\xaf\xe3\x80\x82\xe3\x80\x8d|\xe5\xa5\xbd");
	expect("He said hello. |\xe4\xbd\xa0\xe5\xa5\xbd. |\xe5\xa5\xbd.");
}

static void test_nothing(void **state)
{
	(void)state;
	struct pith_sentence *sentences;
	size_t n = 7;
	assert_int_equal(pith_sentences(&sentences, &n, "", 0, NULL), PITH_OK);
	assert_int_equal(n, 0);
	free(sentences);
	expect(" \n\n \n");
	expect(".");
	expect("...!");
}

static void test_any_bytes(void **state)
{
	(void)state;
	static const char alphabet[] = ".!? \n\"')aAbZ1\x80\xff\xe3\x82\xc3\0";
	struct random_state random;
	random_seed(&random, 3);
	for (int round = 0; round < 2000; round++) {
		char text[64];
		size_t length = 1 + random_below(&random, sizeof text);
		for (size_t i = 0; i < length; i++)
			text[i] = alphabet[random_below(&random, sizeof alphabet)];
		struct pith_sentence *sentences;
		size_t n;
		assert_int_equal(pith_sentences(&sentences, &n, text, length, NULL), PITH_OK);
		assert_true(n > 0);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(sentences[i].begin, i == 0 ? 0 : sentences[i - 1].end);
			assert_true(sentences[i].end > sentences[i].begin);
		}
		assert_int_equal(sentences[n - 1].end, length);
		free(sentences);
	}
}

/* Linear time: each of these would take hours if a sentence were looked at again from every place in it. */
static void test_megabytes(void **state)
{
	(void)state;
	enum { LENGTH = 4 << 20 };
	static const char *const units[] = {". a", ".", " ", "\n a", "a. ", "\"", ".\"", "...  b"};
	char *text = malloc(LENGTH + 8);
	assert_non_null(text);
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		size_t unit = strlen(units[i]);
		for (size_t j = 0; j < LENGTH; j += unit)
			memcpy(text + j, units[i], unit);
		struct pith_sentence *sentences;
		size_t n;
		assert_int_equal(pith_sentences(&sentences, &n, text, LENGTH, NULL), PITH_OK);
		assert_int_equal(n, 1);
		free(sentences);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_not_ends),
		cmocka_unit_test(test_looks_like_abbreviation),
		cmocka_unit_test(test_blank_lines),
		cmocka_unit_test(test_scripts_without_spaces),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_megabytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
