/* Against all subsets of small sets. */
#include "compress/exact_sum.h"

#include <stdlib.h>

#include "base/random.h"
#include "unit.h"

static int sum_of(const int *sizes, size_t n, const bool *chosen, int *count)
{
	int sum = 0;
	*count = 0;
	for (size_t i = 0; i < n; i++) {
		sum += chosen[i] ? sizes[i] : 0;
		*count += chosen[i];
	}
	return sum;
}

static void test_all_subsets(void **state)
{
	(void)state;
	enum { MOST = 9 };
	struct random_state random;
	int n_found = 0, n_missing = 0;
	random_seed(&random, 3);
	for (int round = 0; round < 150; round++) {
		int sizes[MOST], fewest = MOST + 1, count;
		bool chosen[MOST], found;
		size_t n = random_below(&random, MOST + 1);
		for (size_t i = 0; i < n; i++)
			sizes[i] = (int)random_below(&random, 60) - 30;
		int wanted = (int)random_below(&random, 121) - 60;
		for (unsigned set = 0; set < 1u << n; set++) {
			int sum = 0, members = 0;
			for (size_t i = 0; i < n; i++)
				if (set >> i & 1) {
					sum += sizes[i];
					members++;
				}
			if (sum == wanted && members < fewest)
				fewest = members;
		}
		assert_true(exact_sum(&found, chosen, sizes, n, wanted));
		assert_int_equal(found, fewest <= MOST);
		if (found) {
			assert_int_equal(sum_of(sizes, n, chosen, &count), wanted);
			assert_int_equal(count, fewest);
		}
		n_found += found;
		n_missing += !found;
	}
	assert_true(n_found > 20 && n_missing > 20);
}

static void test_edges(void **state)
{
	(void)state;
	bool found, chosen[3];
	static const int large[] = {EXACT_SUM_MOST, -EXACT_SUM_MOST, 2 * EXACT_SUM_MOST};
	assert_true(exact_sum(&found, chosen, large, 3, EXACT_SUM_MOST));
	assert_true(found && chosen[0] && !chosen[1] && !chosen[2]);
	assert_true(exact_sum(&found, chosen, large, 3, 2 * EXACT_SUM_MOST));
	assert_false(found); /* out of reach */
	assert_true(exact_sum(&found, chosen, large, 0, 0));
	assert_true(found);
	assert_true(exact_sum(&found, chosen, large, 0, 1));
	assert_false(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_subsets), cmocka_unit_test(test_edges)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
