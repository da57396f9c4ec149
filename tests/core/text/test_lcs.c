/* The bit-parallel subsequence against the textbook table, including the walk back that must make the same choices. */
#include "text/lcs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

/* The table of Wagner and Fischer: t[i][j] for a[0, i) and b[0, j). */
static uint32_t *textbook_table(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b)
{
	size_t width = n_b + 1;
	uint32_t *t = calloc((n_a + 1) * width, sizeof *t);
	assert_non_null(t);
	for (size_t i = 1; i <= n_a; i++) {
		for (size_t j = 1; j <= n_b; j++) {
			uint32_t up = t[(i - 1) * width + j], left = t[i * width + j - 1];
			if (a[i - 1] == b[j - 1])
				t[i * width + j] = t[(i - 1) * width + j - 1] + 1;
			else
				t[i * width + j] = up > left ? up : left;
		}
	}
	return t;
}

static void check(struct lcs *lcs, const int32_t *a, size_t n_a, const int32_t *b, size_t n_b)
{
	uint32_t *t = textbook_table(a, n_a, b, n_b);
	size_t width = n_b + 1;
	size_t length, n;
	const struct lcs_match *matches;
	assert_true(lcs_length(lcs, a, n_a, b, n_b, &length));
	assert_int_equal(length, t[n_a * width + n_b]);
	assert_true(lcs_matches(lcs, a, n_a, b, n_b, &matches, &n));
	assert_int_equal(n, length);
	size_t i = n_a, j = n_b;
	while (i > 0 && j > 0) {
		if (a[i - 1] == b[j - 1]) {
			i--, j--;
			n--;
			assert_int_equal(matches[n].a, i);
			assert_int_equal(matches[n].b, j);
		} else if (t[(i - 1) * width + j] > t[i * width + j - 1]) {
			i--;
		} else {
			j--;
		}
	}
	assert_int_equal(n, 0);
	free(t);
}

static void fill(struct random_state *random, int32_t *ids, size_t n, uint64_t n_ids)
{
	for (size_t i = 0; i < n; i++)
		ids[i] = (int32_t)random_below(random, n_ids);
}

static void test_small(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 3);
	struct lcs *lcs = lcs_create(300);
	assert_non_null(lcs);
	int32_t a[300], b[300];
	for (int i = 0; i < 600; i++) {
		/* Lengths around the borders of a machine word; few ids make words frequent, many make them rare. */
		size_t n_a = random_below(&random, i % 2 ? 300 : 70);
		size_t n_b = random_below(&random, i % 3 ? 300 : 70);
		uint64_t n_ids = 1 + random_below(&random, i % 5 ? 300 : 4);
		fill(&random, a, n_a, n_ids);
		fill(&random, b, n_b, n_ids);
		check(lcs, a, n_a, b, n_b);
	}
	lcs_destroy(lcs);
}

/* More rows than are kept at once: the walk back goes through recomputed blocks. */
static void test_blocks(void **state)
{
	(void)state;
	enum { N_A = 3000, N_B = 3100 };
	struct random_state random;
	random_seed(&random, 4);
	struct lcs *lcs = lcs_create(2000);
	int32_t *a = malloc(N_A * sizeof *a), *b = malloc(N_B * sizeof *b);
	assert_true(lcs != NULL && a != NULL && b != NULL);
	static const uint64_t n_ids[] = {2, 50, 2000};
	for (size_t i = 0; i < sizeof n_ids / sizeof *n_ids; i++) {
		fill(&random, a, N_A, n_ids[i]);
		fill(&random, b, N_B, n_ids[i]);
		check(lcs, a, N_A, b, N_B);
		/* An edited copy, the usual case. */
		memcpy(b, a, N_A * sizeof *b);
		for (int k = 0; k < 40; k++)
			b[random_below(&random, N_A)] = (int32_t)random_below(&random, n_ids[i]);
		check(lcs, a, N_A, b, N_B);
	}
	free(a);
	free(b);
	lcs_destroy(lcs);
}

static void test_empty(void **state)
{
	(void)state;
	struct lcs *lcs = lcs_create(0);
	assert_non_null(lcs);
	check(lcs, NULL, 0, NULL, 0);
	lcs_destroy(lcs);
	lcs_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
