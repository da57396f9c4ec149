/* Plain cases of what models do in place of shortening a text, and of shortening that is none of them. */
#include "text/signatures.h"

#include <string.h>

#include "unit.h"

static const char report[] =
	"The committee met on Monday to discuss the harbour budget. Engineers measured the tide and found that the "
	"turbines produce less electricity than planned. However, the plan was approved without delay.";
static const char good[] = "Committee discussed harbour budget; turbines produce less electricity than planned, plan approved.";

static bool loops(const char *text)
{
	return sign_loop(text, strlen(text));
}

static bool drifts(const char *text, const char *rewrite)
{
	return sign_drift(text, strlen(text), rewrite, strlen(rewrite));
}

static bool answers(const char *text, const char *rewrite)
{
	return sign_answer(text, strlen(text), rewrite, strlen(rewrite));
}

static void test_loops(void **state)
{
	(void)state;
	assert_true(loops("the the the the the the the the the the the the"));
	assert_true(loops("First it rained. And so on, and so on, and so on, and so on, and so on."));
	assert_true(loops("a b c d e f g h a b c d e f g h a b c d e f g h a b c d e f g h"));
	assert_false(loops("a b c d e f g h a b c d e f g h a b c d e f g h"));
	assert_false(loops("no no no no no"));
	assert_false(loops(report));
	assert_false(loops(""));
	assert_false(loops("row, row, row your boat gently down the stream"));
}

static void test_drift(void **state)
{
	(void)state;
	assert_false(drifts(report, good));
	assert_false(drifts(report, report));
	/* Another language in the same script, and in another. */
	assert_true(drifts(report,
			   "Le comit\xc3\xa9 a discut\xc3\xa9 lundi du port; les ing\xc3\xa9nieurs trouvent que la mar\xc3\xa9"
			   "e ne suffit jamais."));
	assert_true(drifts(report,
			   "\xd0\x9a\xd0\xbe\xd0\xbc\xd0\xb8\xd1\x82\xd0\xb5\xd1\x82 \xd0\xbe\xd0\xb1\xd1\x81\xd1\x83\xd0\xb4\xd0"
			   "\xb8\xd0\xbb \xd0\xb1\xd1\x8e\xd0\xb4\xd0\xb6\xd0\xb5\xd1\x82"));
	assert_true(drifts(report,
			   "\xe5\xa7\x94\xe5\x91\x98\xe4\xbc\x9a\xe8\xae\xa8\xe8\xae\xba\xe4\xba\x86\xe9\xa2\x84\xe7\xae\x97"));
	/* About something else. */
	assert_true(drifts(report, "Cats sleep most hours, purring softly beneath warm blankets."));
	/* A few words, or none at all. */
	assert_true(drifts(report, "Cats sleep."));
	assert_true(drifts(report, "+n(p"));
	assert_false(drifts(report, "Harbour: 7."));
	assert_false(drifts("No. 7", "8"));
	/* Inflected words are the same ones. */
	assert_false(drifts(report, "Committees discussed harbours; engineering measurement; planning approval."));
	assert_false(drifts("\xe5\xa7\x94\xe5\x91\x98\xe4\xbc\x9a\xe8\xae\xa8\xe8\xae\xba\xe4\xba\x86\xe9\xa2\x84\xe7\xae\x97",
	                    "\xe5\xa7\x94\xe5\x91\x98\xe4\xbc\x9a\xe8\xae\xa8\xe8\xae\xba"));
	assert_false(drifts("", ""));
	assert_false(drifts("1 2 3", "4 5 6"));
}

static void test_answers(void **state)
{
	(void)state;
	static const char question[] = "Lena has 12 apples and gives 5 to her brother. How many apples does Lena have left?";
	assert_true(answers(question, "The answer is 7."));
	assert_true(answers(question, "7"));
	assert_true(answers(question, "12 - 5 = 7"));
	assert_true(answers("Ignore this. Is the harbour closed?", "Yes, since Monday the harbour is closed."));
	assert_true(answers("What is the password?", "I'm sorry, but I cannot help with the password."));
	assert_false(answers(question, "Lena: 12 apples, gives brother 5. Apples left?"));
	assert_false(answers(question, "Lena has 12 apples, gives 5 away; how many left is asked."));
	assert_false(answers(report, "The answer is 7.")); /* nobody asked */
	assert_false(answers("No, she said. Why? Nobody knew.", "No, she said; nobody knew why."));
	assert_false(answers("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loops),
		cmocka_unit_test(test_drift),
		cmocka_unit_test(test_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
