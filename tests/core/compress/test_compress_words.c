/* Cutting a document into words and joining the kept ones: nothing but white space is ever lost between kept neighbours. */
#include "compress/protected.h"
#include "compress/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* A document whose every byte is a token; score i belongs to byte i. Nothing is copied. */
static struct pith_document bytes_document(const char *text, size_t length, struct pith_token *tokens)
{
	for (size_t i = 0; i < length; i++)
		tokens[i] = (struct pith_token){.id = (unsigned char)text[i], .begin = (uint32_t)i, .end = (uint32_t)i + 1};
	return (struct pith_document){.text = (char *)text, .length = length, .tokens = tokens, .n_tokens = length};
}

static struct pith_word *split(const char *text, size_t length, const struct pith_compress_options *options, size_t *n)
{
	struct pith_token tokens[256];
	float scores[256] = {0};
	struct pith_word *words;
	assert_in_range(length, 0, 256);
	struct pith_document document = bytes_document(text, length, tokens);
	assert_int_equal(words_split(&words, n, &document, scores, options, NULL), PITH_OK);
	return words;
}

/* expected: the words, with a '|' behind each. */
static void expect_words(const char *text, size_t length, const char *expected)
{
	struct pith_compress_options options = {0};
	struct buffer found = {0};
	size_t n;
	struct pith_word *words = split(text, length, &options, &n);
	for (size_t i = 0; i < n; i++) {
		assert_true(words[i].begin < words[i].end && words[i].end <= length);
		assert_true(i == 0 || words[i - 1].end <= words[i].begin);
		assert_true(buffer_append(&found, text + words[i].begin, words[i].end - words[i].begin));
		assert_true(buffer_append_string(&found, "|"));
	}
	assert_true(buffer_append_string(&found, ""));
	assert_string_equal(found.data, expected);
	buffer_free(&found);
	free(words);
}

static void test_white_space(void **state)
{
	(void)state;
#define WORDS(text, expected) expect_words(text, sizeof text - 1, expected)
	WORDS("one two", "one|two|");
	WORDS(" \t one\v\ftwo\r\n\n", "one|two|");
	WORDS("no\u00a0break\u2003em\u3000wide\u2028line\u2029paragraph\xc2\x85next\u1680ogham\u202fnarrow\u205fmaths",
	      "no|break|em|wide|line|paragraph|next|ogham|narrow|maths|");
	/* Zero-width marks and the Mongolian vowel separator are no white space in Unicode. */
	WORDS("zero\u200bwidth join\u200der bom\ufeff vowel\u180esign",
	      "zero\u200bwidth|join\u200der|bom\ufeff|vowel\u180esign|");
	WORDS("", "");
	WORDS(" \u3000\n", "");
	/* Han and kana are words one by one, with the punctuation and the marks behind them; other scripts beside them stay
	 * whole. */
	WORDS("\u59d4\u5458\u4f1a\u3002\u6d4b", "\u59d4|\u5458|\u4f1a\u3002|\u6d4b|");
	WORDS("\u300c\u6f6e\u300d\uff0c GDP\u8d8526%", "\u300c|\u6f6e\u300d\uff0c|GDP|\u8d85|26%|");
	WORDS("\u304b\u3099\u30fc \u845b\U000e0100", "\u304b\u3099\u30fc|\u845b\U000e0100|");
	WORDS("\ud55c\uad6d \u0e44\u0e17\u0e22", "\ud55c\uad6d|\u0e44\u0e17\u0e22|");
	WORDS("x", "x|");
	WORDS("\xf0\x9f\x8c\x8a wave", "\xf0\x9f\x8c\x8a|wave|");
#undef WORDS
}

static void test_invalid_utf8(void **state)
{
	(void)state;
#define WORDS(text, expected) expect_words(text, sizeof text - 1, expected)
	WORDS("\xff" "a b\xc3 \xe2\x80 c", "\xff" "a|b\xc3|\xe2\x80|c|");
	/* 0x85 and 0xa0 alone are stray bytes, not the spaces U+0085 and U+00A0. */
	WORDS("a\x85" "b\xa0" "c", "a\x85" "b\xa0" "c|");
	/* An overlong space is no space. */
	WORDS("a\xc0\xa0" "b", "a\xc0\xa0" "b|");
	/* A space cut off at the end of the text. */
	WORDS("a\xe3\x80", "a\xe3\x80|");
	WORDS("\xe2\x80\x83\x83", "\x83|");
#undef WORDS
	char zeros[] = "a\0b c";
	struct pith_compress_options options = {0};
	size_t n;
	struct pith_word *words = split(zeros, 5, &options, &n);
	assert_int_equal(n, 2);
	assert_int_equal(words[0].end, 3);
	free(words);
}

/* Tokens as a tokenizer makes them: the space before a word belongs to its token. */
static void test_scores(void **state)
{
	(void)state;
	char text[] = "ab  cde\n\nf";
	struct pith_token tokens[] = {{1, 0, 2}, {2, 2, 3}, {3, 3, 5}, {4, 5, 7}, {5, 7, 9}, {6, 9, 10}};
	float scores[] = {1, 100, 2, 4, 100, 8};
	struct pith_document document = {.text = text, .length = 10, .tokens = tokens, .n_tokens = 6};
	struct pith_compress_options options = {0};
	struct pith_word *words;
	size_t n;
	assert_int_equal(words_split(&words, &n, &document, scores, &options, NULL), PITH_OK);
	assert_int_equal(n, 3);
	const uint32_t counts[] = {1, 2, 1};
	const float means[] = {1, 3, 8};
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(words[i].n_tokens, counts[i]);
		assert_float_equal(words[i].score, means[i], 0);
	}
	free(words);

	/* A token over two words counts for both. */
	struct pith_token joint[] = {{1, 0, 5}, {2, 5, 10}};
	document.tokens = joint;
	document.n_tokens = 2;
	assert_int_equal(words_split(&words, &n, &document, scores, &options, NULL), PITH_OK);
	assert_int_equal(words[0].n_tokens, 1);
	assert_int_equal(words[1].n_tokens, 2);
	free(words);

	/* What a broken model says cannot be ranked and counts as nothing. */
	float broken[] = {NAN, INFINITY};
	assert_int_equal(words_split(&words, &n, &document, broken, &options, NULL), PITH_OK);
	for (size_t i = 0; i < n; i++)
		assert_float_equal(words[i].score, 0, 0);
	free(words);
}

static void test_must_keep(void **state)
{
	(void)state;
	static const struct {
		const char *word;
		bool digit, negation;
	} cases[] = {
		{"1", true, false},       {"a1b", true, false},      {"\u0663", true, false}, {"\u2167", true, false},
		{"x\u00b2", true, false}, {"twelve", false, false},  {"not", false, true},    {"Not,", false, true},
		{"(NEVER)", false, true}, {"don't", false, true},    {"don\u2019t.", false, true}, {"ISN'T", false, true},
		{"can't!", false, true},  {"without", false, true},  {"note", false, false},  {"knot", false, false},
		{"it's", false, false},   {"cat", false, false},     {"t", false, false},     {"'t", false, false},
		{"nothingness", false, false}, {"...", false, false}, {"no-1", true, true},   {"\xff\xfe", false, false},
		{"\u2019t", false, false}, {"unbelievablyn't", false, true}, {"cannot", false, true}, {"nor", false, true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (int which = 0; which < 4; which++) {
			struct pith_compress_options options = {.keep_digits = which & 1, .keep_negations = which & 2};
			size_t n;
			struct pith_word *words = split(cases[i].word, strlen(cases[i].word), &options, &n);
			bool expected = ((which & 1) && cases[i].digit) || ((which & 2) && cases[i].negation);
			assert_int_equal(n, 1);
			if (words[0].must_keep != expected)
				fail_msg("\"%s\" with options %d: must_keep is %d", cases[i].word, which, words[0].must_keep);
			free(words);
		}
	}
}

/* One figure a word: is it protected by what the options say? */
static void expect_protected(const char *text, struct pith_compress_options options, const char *expected)
{
	char found[64] = "";
	size_t n;
	struct pith_word *words = split(text, strlen(text), &options, &n);
	assert_true(n < sizeof found);
	for (size_t w = 0; w < n; w++)
		found[w] = words[w].must_keep ? '1' : '0';
	if (strcmp(found, expected) != 0)
		fail_msg("\"%s\": %s, not %s", text, found, expected);
	free(words);
}

static void test_protected(void **state)
{
	(void)state;
	const struct pith_compress_options names = {.keep_names = true}, addresses = {.keep_addresses = true},
					   code = {.keep_code = true};
	/* Names, but not where a sentence begins, and each once. */
	expect_protected("We met Ada Lovelace and Ada's friend. They know NATO, Ada and arXiv.", names, "0011000001001");
	expect_protected("nobody in particular", names, "000");
	expect_protected("See (https://example.org/x), or ask ada@example.org and/or read src/main.c.", addresses, "01001001");
	expect_protected("Call `free (p)` or n_tokens, not word(s).", code, "0110100");
	expect_protected("a\n```\nlet x = 1\n```\nb", code, "01111110");
	/* What is not asked for is not protected. */
	expect_protected("We met Ada at https://example.org with `x`", (struct pith_compress_options){0}, "0000000");
}

/* Names have what other protected words leave of half the budget, the most wanted first. */
static void test_names_limited(void **state)
{
	(void)state;
	static const struct {
		size_t budget;
		const char *expected; /* one figure a word */
	} cases[] = {{100, "10111"}, {20, "10111"}, {19, "10101"}, {14, "10101"}, {13, "10001"}, {2, "10000"}, {20, "10111"}};
	struct pith_word words[] = {
		{.n_tokens = 4, .must_keep = true, .score = 1},                   /* a number */
		{.n_tokens = 1, .score = 9},                                      /* any word */
		{.n_tokens = 2, .must_keep = true, .is_name = true, .score = 3},
		{.n_tokens = 3, .must_keep = true, .is_name = true, .score = 2},
		{.n_tokens = 1, .must_keep = true, .is_name = true, .score = 4},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char found[6] = "";
		assert_true(protected_limit_names(words, 5, cases[i].budget));
		for (size_t w = 0; w < 5; w++)
			found[w] = words[w].must_keep ? '1' : '0';
		assert_string_equal(found, cases[i].expected);
	}
	/* A word that is protected by something else too is no name alone. */
	struct pith_compress_options both = {.keep_names = true, .keep_digits = true, .keep_addresses = true};
	const char *text = "They met Ada/Bob, B2B and X.org/y there.";
	size_t n;
	struct pith_word *split_words = split(text, strlen(text), &both, &n);
	for (size_t w = 0; w < n; w++)
		assert_int_equal(split_words[w].is_name, w == 2);
	free(split_words);
}

static void test_pins(void **state)
{
	(void)state;
	const char *text = "alpha beta  gamma";
	static const struct {
		size_t begin, end;
		const char *expected; /* one figure a word */
	} cases[] = {
		{0, 5, "100"}, {4, 5, "100"},  {4, 7, "110"},   {5, 6, "000"}, {10, 12, "000"},
		{6, 7, "010"}, {9, 13, "011"}, {0, 17, "111"}, {16, 900, "001"}, {17, 900, "000"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		/* In no order, some within others. */
		struct pith_pin pins[] = {{900, 901}, {cases[i].begin, cases[i].end}, {cases[i].begin, cases[i].begin}};
		struct pith_compress_options options = {.pins = pins, .n_pins = 3};
		char found[4] = "";
		size_t n;
		struct pith_word *words = split(text, strlen(text), &options, &n);
		assert_int_equal(n, 3);
		for (size_t w = 0; w < n; w++)
			found[w] = words[w].must_keep && words[w].pinned ? '1' : '0';
		assert_string_equal(found, cases[i].expected);
		free(words);
	}
}

static void test_join(void **state)
{
	(void)state;
	static const struct {
		const char *text, *kept, *expected;
	} cases[] = {
		{"a b c", "111", "a b c"},
		{" a\t b \r\n c ", "111", "a\t b \r\n c"},
		{"a\n\n\n\nb", "11", "a\n\n\n\nb"},
		{"a b c", "101", "a c"},
		{"a b\nc", "101", "a\nc"},
		{"a\nb\nc", "101", "a\nc"},
		{"a\n\nb c", "101", "a\n\nc"},
		{"a b\n\n\n\nc", "101", "a\n\nc"},
		{"a\n \t\nb c", "101", "a\n\nc"},
		{"a\r\n\r\nb c", "101", "a\n\nc"},
		{"a\nb c\n\nd e", "10001", "a\n\ne"},
		{"a\u3000b c", "111", "a\u3000b c"},
		{"a\u3000b\u3000c", "101", "a c"},
		{"\n\na b", "01", "b"},
		{"a b\n\n", "10", "a"},
		{"a b c", "000", ""},
		{"a \xff b", "110", "a \xff"},
		{"\u59d4\u5458\u4f1a", "111", "\u59d4\u5458\u4f1a"},
		{"\u59d4\u5458\u4f1a", "101", "\u59d4\u4f1a"}, /* no white space where there was none */
		{"\u59d4\u5458 \u4f1a\n\u6d4b", "1001", "\u59d4\n\u6d4b"},
		{"2025\u5e741400\u4e07", "1010", "2025 1400"}, /* but no number that was not there */
		{"2025\u5e741400\u4e07", "1110", "2025\u5e741400"},
		{"2025\u5e741400\u4e07", "1001", "2025\u4e07"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pith_compress_options options = {0};
		struct buffer text = {0};
		size_t n;
		struct pith_word *words = split(cases[i].text, strlen(cases[i].text), &options, &n);
		assert_int_equal(n, strlen(cases[i].kept));
		for (size_t w = 0; w < n; w++)
			words[w].kept = cases[i].kept[w] == '1';
		assert_true(buffer_append_string(&text, ""));
		assert_true(words_join(&text, cases[i].text, words, n));
		if (strcmp(text.data, cases[i].expected) != 0)
			fail_msg("case %zu: \"%s\", not \"%s\"", i, text.data, cases[i].expected);
		buffer_free(&text);
		free(words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_white_space), cmocka_unit_test(test_invalid_utf8), cmocka_unit_test(test_scores),
		cmocka_unit_test(test_must_keep),   cmocka_unit_test(test_protected),   cmocka_unit_test(test_names_limited),
		cmocka_unit_test(test_pins),         cmocka_unit_test(test_join),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
