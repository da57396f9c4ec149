/* Merging against its definition, carried out by looking at every pair each time. */
#include "text/merge_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "unit.h"

enum { N_BASE = 4, N_MERGES = 60, LONGEST = 400 };

struct rule {
	int32_t left, right, merged;
};

/* Random rules over few tokens, so that they overlap a lot: rule i has rank i. */
static void make_rules(struct random_state *random, struct rule *rules, struct merge_table *table)
{
	assert_true(merge_table_init(table, N_MERGES));
	for (int i = 0; i < N_MERGES; i++) {
		uint64_t n_tokens = (uint64_t)(N_BASE + i);
		rules[i].left = (int32_t)random_below(random, n_tokens);
		rules[i].right = (int32_t)random_below(random, n_tokens);
		rules[i].merged = N_BASE + i;
		merge_table_add(table, rules[i].left, rules[i].right, (uint32_t)i, rules[i].merged);
	}
}

static size_t merge_plainly(const struct rule *rules, int32_t *ids, size_t n)
{
	for (;;) {
		size_t best = 0;
		int best_rank = N_MERGES;
		for (size_t i = 0; i + 1 < n; i++)
			for (int rank = 0; rank < best_rank; rank++)
				if (ids[i] == rules[rank].left && ids[i + 1] == rules[rank].right) {
					best = i;
					best_rank = rank;
				}
		if (best_rank == N_MERGES)
			return n;
		ids[best] = rules[best_rank].merged;
		memmove(ids + best + 1, ids + best + 2, (n - best - 2) * sizeof *ids);
		n--;
	}
}

static void test_definition(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 5);
	int32_t byte_ids[256];
	for (int i = 0; i < 256; i++)
		byte_ids[i] = i % 64 == 63 ? -1 : i % N_BASE; /* some bytes have no token */
	struct merger merger = {0};
	size_t n_joined = 0;
	for (int round = 0; round < 300; round++) {
		struct rule rules[N_MERGES];
		struct merge_table table;
		make_rules(&random, rules, &table);
		/* Short and long pieces take different ways. */
		size_t length = random_below(&random, round % 2 == 0 ? 60 : LONGEST);
		char piece[LONGEST];
		int32_t expected[LONGEST];
		for (size_t i = 0; i < length; i++) {
			piece[i] = (char)random_below(&random, 256);
			expected[i] = byte_ids[(unsigned char)piece[i]];
		}
		size_t n = merge_plainly(rules, expected, length);
		struct token_list out = {0};
		assert_true(merger_run(&merger, &table, byte_ids, piece, length, &out));
		assert_int_equal(out.n, n);
		if (n > 0)
			assert_memory_equal(out.ids, expected, n * sizeof *expected);
		n_joined += length - n;
		token_list_free(&out);
		merge_table_free(&table);
	}
	assert_true(n_joined > 1000);
	merger_free(&merger);
}

static void test_repeated_pair_keeps_lower_rank(void **state)
{
	(void)state;
	int32_t byte_ids[256] = {0};
	byte_ids['b'] = 1;
	struct merge_table table;
	assert_true(merge_table_init(&table, 2));
	merge_table_add(&table, 0, 1, 3, 7);
	merge_table_add(&table, 0, 1, 9, 8);
	struct merger merger = {0};
	struct token_list out = {0};
	assert_true(merger_run(&merger, &table, byte_ids, "ab", 2, &out));
	assert_int_equal(out.n, 1);
	assert_int_equal(out.ids[0], 7);
	token_list_free(&out);
	merger_free(&merger);
	merge_table_free(&table);
}

static void test_empty(void **state)
{
	(void)state;
	int32_t byte_ids[256] = {0};
	struct merge_table table;
	assert_true(merge_table_init(&table, 0));
	struct merger merger = {0};
	struct token_list out = {0};
	assert_true(merger_run(&merger, &table, byte_ids, "", 0, &out));
	assert_int_equal(out.n, 0);
	assert_true(merger_run(&merger, &table, byte_ids, "xyz", 3, &out));
	assert_int_equal(out.n, 3);
	token_list_free(&out);
	merger_free(&merger);
	merge_table_free(&table);
	assert_false(merge_table_init(&table, SIZE_MAX / 64));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definition),
		cmocka_unit_test(test_repeated_pair_keeps_lower_rank),
		cmocka_unit_test(test_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
