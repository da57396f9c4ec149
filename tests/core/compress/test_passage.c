/* Passages: whole sentences within the limit, those that share most words with the question. */
#include "unit.h"

#include <string.h>

#include "compress/passage.h"

static const char text[] = "The mill is old. Anna keeps the library there. The harbour froze in January. Nobody came. "
			   "In January the library moved to the harbour. It rained.";

static void expect(const char *question, size_t most, const char *passage)
{
	size_t begin, end;
	passage_find(text, strlen(text), question, most, &begin, &end);
	assert_true(end <= strlen(text) && end - begin <= most);
	if (end - begin != strlen(passage) || memcmp(text + begin, passage, end - begin) != 0)
		fail_msg("\"%.*s\", expected \"%s\"", (int)(end - begin), text + begin, passage);
}

static void test_passages(void **state)
{
	(void)state;
	expect("When did the LIBRARY move to the harbour?", 50, "In January the library moved to the harbour. ");
	expect("Who keeps it?", 40, "Anna keeps the library there. ");
	expect("Which month was it, January?", 60, "Anna keeps the library there. The harbour froze in January. ");
	expect("Why?", 20, "The mill is old. "); /* no word of use: the beginning */
	expect("library", 5, "The m");           /* no sentence is as short as that */
	expect("library", 1000, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_passages)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
