/* What choices of words teach: pulls by hand, the distance by differences, and targets whose gradient is the pull. */
#include "unit.h"

#include <math.h>

#include "train/kept_words.h"

static void near(double a, double b, double bound)
{
	if (!(fabs(a - b) < bound))
		fail_msg("%g is not %g", a, b);
}

/* Three choices of four words: one that all keep, one that none does, one in the best alone, one in the two worse. */
static void test_pulls(void **state)
{
	(void)state;
	static const bool kept[] = {true, false, true, false, true, false, false, true, true, false, false, true};
	static const double advantages[] = {2, -0.5, -1.5};
	double pulls[4], moved[4];
	kept_words_pulls(pulls, kept, advantages, 3, 4);
	assert_true(pulls[0] == 0 && pulls[1] == 0);
	near(pulls[2], 2.0 / 3, 1e-12);
	near(pulls[3], -2.0 / 3, 1e-12);
	/* What all choices have in common teaches nothing. */
	static const double better[] = {12, 9.5, 8.5};
	kept_words_pulls(moved, kept, better, 3, 4);
	for (int w = 0; w < 4; w++)
		near(moved[w], pulls[w], 1e-12);
}

static double chance(double odds)
{
	return 1 / (1 + exp(-odds));
}

static void test_distance(void **state)
{
	(void)state;
	double slope, any;
	near(kept_words_distance(&slope, 0.3, 0.3), 0, 1e-12);
	near(slope, 0, 1e-12);
	for (double odds = -3; odds <= 3; odds += 1.5) {
		static const double q = 0.2, step = 1e-5;
		assert_true(kept_words_distance(&slope, chance(odds), q) >= 0);
		double up = kept_words_distance(&any, chance(odds + step), q);
		double down = kept_words_distance(&any, chance(odds - step), q);
		near(slope, (up - down) / (2 * step), 1e-6);
	}
	assert_true(isfinite(kept_words_distance(&slope, 1, 0)) && isfinite(slope));
}

/* weight times -log p of the target, by the log-odds of "+" when "-" is the only other: its slope is -pull. */
static void test_target(void **state)
{
	(void)state;
	for (double odds = -4; odds <= 4; odds += 1) {
		for (double pull = -0.7; pull < 1; pull += 0.7) {
			static const double step = 1e-5;
			bool plus;
			float weight;
			kept_words_target(&plus, &weight, pull, chance(odds));
			assert_true(fabs((double)weight) <= 2 * fabs(pull) + 1e-6);
			double sign = plus ? 1 : -1;
			double up = -log(chance(sign * (odds + step))), down = -log(chance(sign * (odds - step)));
			near((double)weight * (up - down) / (2 * step), -pull, 1e-5);
		}
	}
	bool plus;
	float weight;
	kept_words_target(&plus, &weight, 1, 1);
	assert_true(!plus && isfinite(weight));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_pulls), cmocka_unit_test(test_distance),
	                                   cmocka_unit_test(test_target)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
