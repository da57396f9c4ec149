/* The pool: every index exactly once, whatever the sizes; many short rounds; pools of one. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/thread_pool.h"
#include "unit.h"

enum { MAX_N = 1000, MAX_THREADS = 8 };

struct visits {
	atomic_int count[MAX_N];
	atomic_int parts[MAX_THREADS];
	size_t n, grain;
	atomic_int errors; /* cmocka's asserts must stay on the main thread */
};

static void visit(void *user, size_t begin, size_t end, int thread)
{
	struct visits *visits = user;
	if (begin >= end || end > visits->n || begin % visits->grain != 0 || thread < 0 || thread >= MAX_THREADS ||
	    (end % visits->grain != 0 && end != visits->n)) {
		atomic_fetch_add(&visits->errors, 1);
		return;
	}
	atomic_fetch_add(&visits->parts[thread], 1);
	for (size_t i = begin; i < end; i++)
		atomic_fetch_add(&visits->count[i], 1);
}

static void check_run(struct thread_pool *pool, size_t n, size_t grain)
{
	static struct visits visits;
	for (size_t i = 0; i < MAX_N; i++)
		atomic_store(&visits.count[i], 0);
	for (size_t i = 0; i < MAX_THREADS; i++)
		atomic_store(&visits.parts[i], 0);
	visits.n = n;
	visits.grain = grain;
	thread_pool_run(pool, n, grain, visit, &visits);
	assert_int_equal(atomic_load(&visits.errors), 0);
	for (size_t i = 0; i < MAX_N; i++)
		assert_int_equal(atomic_load(&visits.count[i]), i < n ? 1 : 0);
	for (int i = 0; i < MAX_THREADS; i++)
		assert_in_range(atomic_load(&visits.parts[i]), 0, i < thread_pool_size(pool) ? 1 : 0);
}

static void test_covers_everything_once(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 999, 1000};
	static const size_t grains[] = {1, 2, 8, 64, 5000};
	for (int n_threads = 1; n_threads <= 5; n_threads++) {
		struct thread_pool *pool = thread_pool_create(n_threads);
		assert_non_null(pool);
		assert_int_equal(thread_pool_size(pool), n_threads);
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
			for (size_t j = 0; j < sizeof grains / sizeof grains[0]; j++)
				check_run(pool, sizes[i], grains[j]);
		thread_pool_destroy(pool);
	}
}

static void test_no_pool(void **state)
{
	(void)state;
	assert_int_equal(thread_pool_size(NULL), 1);
	check_run(NULL, 100, 8);
	thread_pool_destroy(NULL);
	struct thread_pool *pool = thread_pool_create(0);
	assert_non_null(pool);
	assert_true(thread_pool_size(pool) >= 1);
	thread_pool_destroy(pool);
}

static void add_one(void *user, size_t begin, size_t end, int thread)
{
	(void)thread;
	long *values = user;
	for (size_t i = begin; i < end; i++)
		values[i]++;
}

/* Plain memory written by one round must be seen by the next: thread sanitizer watches this too. */
static void test_many_rounds(void **state)
{
	(void)state;
	enum { ROUNDS = 2000, N = 64 };
	long values[N] = {0};
	struct thread_pool *pool = thread_pool_create(3);
	assert_non_null(pool);
	for (int round = 0; round < ROUNDS; round++)
		thread_pool_run(pool, N - (size_t)(round % 2), 1 + (size_t)(round % 5), add_one, values);
	thread_pool_destroy(pool);
	for (int i = 0; i < N; i++)
		assert_int_equal(values[i], i == N - 1 ? ROUNDS / 2 : ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_covers_everything_once),
		cmocka_unit_test(test_no_pool),
		cmocka_unit_test(test_many_rounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
