/* The sentences that a question is about: within the limit, in the text's order, rare words first. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "text/evidence.h"

static const char text[] = "The mill is old. Anna keeps the library there. The harbour froze in January. Nobody came. "
			   "In January the library moved to the harbour. It rained.";

static void expect_of(const char *from, const char *question, size_t most, const char *expected)
{
	struct buffer found = {0};
	assert_true(buffer_append(&found, "", 0));
	assert_true(evidence_find(&found, from, strlen(from), question, most));
	assert_true(found.length <= most);
	if (found.length != strlen(expected) || memcmp(found.data, expected, found.length) != 0)
		fail_msg("\"%.*s\", expected \"%s\"", (int)found.length, found.data, expected);
	buffer_free(&found);
}

static void test_sentences(void **state)
{
	(void)state;
	expect_of(text, "When did the LIBRARIES move to the harbour?", 50, "In January the library moved to the harbour.");
	/* Two that are apart stand together, in their order; what is left of the room goes to the next best that fits. */
	expect_of(text, "Who keeps the library, and when was it moved?", 80,
	          "Anna keeps the library there. In January the library moved to the harbour.");
	expect_of(text, "When did the harbour freeze?", 50, "The mill is old. The harbour froze in January.");
	expect_of(text, "Why?", 20, "The mill is old."); /* no word of use: the beginning */
	expect_of(text, "library", 1000, text);
	expect_of(text, "library", 0, "");
	/* "January" stands in two sentences, "rained" in one: the rarer word wins. */
	expect_of(text, "Rained in January?", 50, "The harbour froze in January. It rained.");
}

/* What has no sentences is cut: between words where there is white space, between characters where there is none. */
static void test_pieces(void **state)
{
	(void)state;
	expect_of("one two three four five six seven eight nine ten", "Where is seven?", 20, "five six seven");
	expect_of("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", "?", 5, "\xc3\xa9\xc3\xa9");
	/* A long text, and a question with more words than are looked at. */
	enum { N = 20000 };
	char *many = malloc(N + 1), *question = malloc(N + 1);
	assert_true(many != NULL && question != NULL);
	for (size_t i = 0; i < N; i++) {
		many[i] = i % 7 == 6 ? ' ' : (char)('a' + (i / 7 + i % 7) % 26);
		question[i] = i % 5 == 4 ? ' ' : (char)('a' + (i / 5 + i % 5) % 26);
	}
	many[N] = question[N] = '\0';
	struct buffer found = {0};
	assert_true(evidence_find(&found, many, N, question, 300));
	assert_true(found.length > 250 && found.length <= 300);
	buffer_free(&found);
	free(many);
	free(question);
}

/* A long text of which no sentence ends is cut in time that grows with it alone: 4 MB took a minute and a half. */
static void test_no_sentence_ends(void **state)
{
	(void)state;
	struct buffer rows = {0}, found = {0};
	for (int i = 0; i < 300000; i++)
		assert_true(buffer_printf(&rows, "%s %d, ", i == 123456 ? "harbour" : "row", i));
	assert_true(evidence_find(&found, rows.data, rows.length, "Which row is the harbour?", 224));
	assert_true(found.length <= 224 && strstr(found.data, "harbour 123456") != NULL);
	buffer_free(&rows);
	buffer_free(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_sentences), cmocka_unit_test(test_no_sentence_ends),
	                                   cmocka_unit_test(test_pieces)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
