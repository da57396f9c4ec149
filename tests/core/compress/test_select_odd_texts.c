#define _XOPEN_SOURCE 700
/* Budgets of texts that are not made of words: nothing to choose from, one word of ten thousand letters, JSON without spaces. */
#include "compress/select_words.h"

#include <string.h>

#include "support/chosen_words.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_odd_documents),
		cmocka_unit_test(test_one_long_word),
		cmocka_unit_test(test_pieces),
	};
	return cmocka_run_group_tests(tests, words_setup, words_teardown);
}
