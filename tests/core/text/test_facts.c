/* Numbers, negations and names that a shorter text lost, counted by hand. */
#include "base/buffer.h"
#include "text/facts.h"

#include <string.h>

#include "unit.h"

typedef size_t lost_fn(const char *text, size_t length, const char *other, size_t other_length);

static void expect(lost_fn *lost, const char *text, const char *other, size_t n)
{
	size_t found = lost(text, strlen(text), other, strlen(other));
	if (found != n)
		fail_msg("%zu lost, not %zu, of \"%s\" in \"%s\"", found, n, text, other);
}

static void test_numbers(void **state)
{
	(void)state;
	expect(lost_numbers, "It cost 1,250 euros in 1994.", "1250 euros, 1994", 0);
	expect(lost_numbers, "It cost 1,250 euros in 1994.", "1250 euros", 1);
	expect(lost_numbers, "It cost 1,250 euros in 1994.", "125 and 0 euros in 199", 2);
	expect(lost_numbers, "From 12:30 to 14.5, 3/4, 2020-11-22.", "12:30 14.5 3/4 2020-11-22", 0);
	expect(lost_numbers, "From 12:30 to 14.5, 3/4, 2020-11-22.", "12 14 3 2020", 4);
	expect(lost_numbers, "7 and 7 and 7.", "none", 1); /* different ones */
	expect(lost_numbers, "The level, 41 cm.", "It was 41.", 0);
	expect(lost_numbers, "Version 3.", "", 1);
	expect(lost_numbers, "No number here.", "", 0);
	expect(lost_numbers, "", "5", 0);
	expect(lost_numbers, "\xd9\xa3\xd9\xa4 Arabic digits", "\xd9\xa3\xd9\xa4", 0);
	expect(lost_numbers, "\xd9\xa3\xd9\xa4 Arabic digits", "34", 1);
	expect(lost_numbers, "odd bytes \xff 12\xfe", "12", 0);
}

static void test_negations(void **state)
{
	(void)state;
	expect(lost_negations, "It was not approved, and never will be.", "Not approved, never.", 0);
	expect(lost_negations, "It was not approved, and never will be.", "Not approved.", 1);
	expect(lost_negations, "It was not approved.", "It was approved.", 1);
	expect(lost_negations, "We don't, can\xe2\x80\x99t and cannot.", "We do.", 3);
	expect(lost_negations, "\"No,\" she said.", "No.", 0);
	expect(lost_negations, "Notes of another nodule.", "Words.", 0);
	expect(lost_negations, "It was approved.", "It was not approved.", 0); /* one more is not one lost */
	assert_true(word_is_negation("(NOT)", 5));
	assert_false(word_is_negation("knot", 4));
	static const char *const others[] = {"pas", "N’est", "n'a", "«jamás»,", "Não", "NICHT", "keine.", "senza", "geen", "Не", "не,",
	                                     "不", "無，"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (!word_is_negation(others[i], strlen(others[i])))
			fail_msg("%s", others[i]);
	static const char *const none[] = {"", "n'", "passe", "nicht-linear", "nation", "нетто", "是", "—", "\xff", "antidisestablishmentarianism's"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		if (word_is_negation(none[i], strlen(none[i])))
			fail_msg("%s", none[i]);
}

static void test_names(void **state)
{
	(void)state;
	expect(lost_names, "The mayor of Arvesk met Anna Smith-Jones.", "Arvesk: mayor met Anna Smith-Jones", 0);
	expect(lost_names, "The mayor of Arvesk met Anna Smith-Jones.", "The mayor met Anna.", 2);
	expect(lost_names, "Yesterday the NASA and IBM's team met.", "IBM met.", 1);
	expect(lost_names, "The iPhone sold.", "A phone sold.", 1);
	/* Where a sentence begins, a capital says nothing. */
	expect(lost_names, "Rain fell. Nobody came! \"Why?\" Then: Silence.", "", 0);
	expect(lost_names, "Heading\nAnother line", "", 0);
	expect(lost_names, "It was Dr. Miller who came.", "Miller came.", 1); /* Dr */
	expect(lost_names, "It was Dr. Miller who came.", "Dr. Miller came.", 0);
	expect(lost_names, "Then I said that I'm here.", "said", 0);
	/* There it may begin the sentence, and have 's. */
	expect(lost_names, "They saw Anna.", "Anna's friends saw her.", 0);
	expect(lost_names, "We met Anna, and Anna left.", "left", 1);
	expect(lost_names, "We met in Zürich and \xc3\x85rhus.", "Zürich", 1);
	expect(lost_names, "\xe4\xbc\x9a\xe8\xae\xae\xe5\x9c\xa8\xe4\xb8\x8a\xe6\xb5\xb7", "", 0); /* no capitals there */
	expect(lost_names, "odd \xff\xfe bytes", "", 0);
}

/*
 * A text of which no sentence ends took minutes when each name looked for its sentence's end, and one of many facts when each of
 * them was looked for from the beginning.
 */
static void test_long_text(void **state)
{
	(void)state;
	enum { N = 50000 };
	struct buffer text = {0};
	for (int i = 0; i < N; i++)
		assert_true(buffer_printf(&text, "a Name%d of %d.%d ", i, i, i % 10));
	assert_int_equal(lost_names(text.data, text.length, "a Name7 of", 10), N - 1);
	assert_int_equal(lost_numbers(text.data, text.length, "7.7 and 8", 9), 2 * N - 2); /* a name has one, too */
	assert_int_equal(lost_names(text.data, text.length, text.data, text.length), 0);
	buffer_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_negations),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
