/* Rewards of rewrites: their ends, what they do not count, and what is not bought by tricks. */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "train/rewards.h"

static void near(double a, double b)
{
	if (!(fabs(a - b) < 1e-9))
		fail_msg("%g is not %g", a, b);
}

static void test_length(void **state)
{
	(void)state;
	near(reward_length(0.3, 0.3, false), 1);
	near(reward_length(0.1, 0.3, false), 1); /* shorter is free */
	near(reward_length(0.5, 0.3, false), 0.8);
	near(reward_length(0.1, 0.3, true), 0.8);
	near(reward_length(0.5, 0.3, true), 0.8);
}

static void test_quality(void **state)
{
	(void)state;
	near(reward_quality(2, 2), 1);
	near(reward_quality(2, 1), 1); /* no more than all */
	near(reward_quality(2, 3), exp(-1));
	assert_true(reward_quality(2, 50) < 1e-9);
}

static bool hacked(const char *text, const char *rewrite)
{
	return reward_hacked(text, strlen(text), rewrite, strlen(rewrite));
}

static void test_hacks(void **state)
{
	(void)state;
	static const char text[] = "The committee met on Monday and approved the budget of the harbour.";
	assert_true(hacked(text, ""));
	assert_true(hacked(text, "committeeMondayapprovedbudget"));
	assert_true(hacked(text, "budget budget budget budget budget budget budget budget budget budget budget budget budget"));
	assert_false(hacked(text, "Committee approved budget Monday"));
	assert_false(hacked(text, "Monday"));
	/* Scripts without white space are not glued. */
	assert_false(hacked(
		"\xe5\xa7\x94\xe5\x91\x98\xe4\xbc\x9a\xe5\x91\xa8\xe4\xb8\x80\xe6\x89\xb9\xe5\x87\x86\xe4\xba\x86\xe9\xa2\x84\xe7\xae\x97",
		"\xe5\xa7\x94\xe5\x91\x98\xe4\xbc\x9a\xe6\x89\xb9\xe5\x87\x86\xe9\xa2\x84\xe7\xae\x97"));
}

/* Mean 0, deviation 1 where rewards differ much; small differences stay small; two rewards count the same. */
static void test_normalise(void **state)
{
	(void)state;
	static const double wide[] = {0, 1, 0, 1}, narrow[] = {0.5, 0.501, 0.5, 0.501}, same[] = {0.7, 0.7, 0.7, 0.7};
	double advantages[4] = {0};
	reward_normalise(advantages, wide, 4);
	near(advantages[0], -1);
	near(advantages[1], 1);
	double more[4] = {0};
	reward_normalise(more, narrow, 4);
	near(more[0], -0.0005 / 0.01);
	double none[4] = {0};
	reward_normalise(none, same, 4);
	for (int i = 0; i < 4; i++)
		near(none[i], 0);
	static const double opposite[] = {100, 0, 100, 0};
	reward_normalise(advantages, opposite, 4);
	for (int i = 0; i < 4; i++)
		near(advantages[i], 0); /* however large one of them is */
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_length), cmocka_unit_test(test_quality),
	                                   cmocka_unit_test(test_hacks), cmocka_unit_test(test_normalise)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
