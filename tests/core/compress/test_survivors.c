/* Scores of words whose characters share tokens, as Han characters do. */
#include "unit.h"

#include <string.h>

#include "compress/survivors.h"

/* Seven words of one character each; tokens of two, of three, of one, and of one with white space behind it. */
static void test_shared_tokens(void **state)
{
	(void)state;
	static char text[] = "\xe5\xb1\xb1\xe6\xb0\xb4\xe7\x81\xab\xe6\x9c\xa8\xe9\x87\x91\xe5\x9c\x9f\xe6\x97\xa5 ";
	struct pith_token tokens[] = {
		{.begin = 0, .end = 6}, {.begin = 6, .end = 15}, {.begin = 15, .end = 18}, {.begin = 18, .end = 22}};
	enum { N_TOKENS = 4, N_WORDS = 7 };
	struct pith_document document = {.text = text, .length = strlen(text), .tokens = tokens, .n_tokens = N_TOKENS};
	struct pith_word words[N_WORDS] = {{0}};
	struct survivors survivors;
	for (uint32_t w = 0; w < N_WORDS; w++)
		words[w] = (struct pith_word){.begin = 3 * w, .end = 3 * w + 3};
	assert_int_equal(survivors_create(&survivors, &document, words, N_WORDS, NULL), PITH_OK);
	survivors_add(&survivors, 0, N_TOKENS);
	for (size_t t = 0; t < N_TOKENS; t++)
		survivors.scores[t] = (float)(t + 1);
	survivors_rank(&survivors, 0, 0);
	survivors_share_scores(&survivors);
	static const float expected[N_WORDS] = {1, 1, 2, 2, 2, 3, 4};
	for (size_t w = 0; w < N_WORDS; w++)
		assert_float_equal(words[w].score, expected[w], 0);
	survivors_free(&survivors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_shared_tokens)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
