/* Stems of content words. */
#include "text/stems.h"

#include <string.h>

#include "base/buffer.h"
#include "unit.h"

static void expect_stems(const char *text, const char *expected)
{
	struct buffer found = {0};
	char stem[STEM_SIZE];
	assert_true(buffer_append(&found, "", 0));
	for (size_t at = 0; next_stem(text, strlen(text), &at, stem);)
		assert_true(buffer_printf(&found, "%s|", stem));
	assert_string_equal(found.data, expected);
	buffer_free(&found);
}

static void test_stems(void **state)
{
	(void)state;
	expect_stems("Improving improved improves improve", "improv|improv|improv|improv|");
	expect_stems("a running dog runs", "run|dog|run|");
	expect_stems("Studies study class focus", "studi|studi|class|focus|");
	/* Words that carry nothing, from both ends of their table and out of its middle. */
	expect_stems("a yours the its because which of it is we", "");
	expect_stems("state-of-the-art (2019), 3.5x", "stat|art|2019|3|5x|");
	expect_stems("\xc3\x89tude \xc3\xa9tudes na\xc3\xafve", "\xc3\xa9tud|\xc3\xa9tud|na\xc3\xafv|");
	expect_stems("\xff ... --", "");
	expect_stems("red", "red|"); /* three letters stay */
	char endless[200];
	memset(endless, 'x', sizeof endless);
	char stem[STEM_SIZE];
	size_t at = 0;
	assert_true(next_stem(endless, sizeof endless, &at, stem));
	assert_int_equal(at, sizeof endless);
	assert_true(strlen(stem) < STEM_SIZE);
}

/* Each stem of a set is marked once. */
static void test_marks(void **state)
{
	(void)state;
	static const char text[] = "Running dogs run past a lake";
	struct stem_set set;
	assert_true(stem_set_read(&set, text, strlen(text)));
	assert_int_equal(set.n, 4);
	assert_true(stem_set_mark(&set, "run"));
	assert_false(stem_set_mark(&set, "run"));
	assert_true(stem_set_find(&set, "run"));
	assert_false(stem_set_mark(&set, "cat"));
	assert_true(stem_set_find(&set, "dog"));
	assert_false(stem_set_mark(&set, "dog"));
	assert_true(stem_set_mark(&set, "lak"));
	assert_true(stem_set_share_found(&set) == 0.75);
	stem_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_stems), cmocka_unit_test(test_marks)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
