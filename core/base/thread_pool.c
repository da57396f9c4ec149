#define _GNU_SOURCE
#include "base/thread_pool.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How long a waiting thread looks before it sleeps: about 20 microseconds, longer than most gaps between two loops. */
enum { SPIN_LIMIT = 1000 };

struct worker {
	struct thread_pool *pool;
	pthread_t thread;
	int index;
};

struct thread_pool {
	int n_threads;
	struct worker *workers; /* n_threads - 1 of them; the caller is thread 0 */
	int n_started;
	atomic_uint round;      /* raised when there is work, or to stop */
	atomic_uint n_running;  /* workers that have not finished the round */
	atomic_bool stopping;
	thread_pool_fn *fn;
	void *user;
	size_t n, part;
};

static void pause_a_little(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#else
	sched_yield();
#endif
}

static void futex_wait(atomic_uint *address, unsigned value)
{
	syscall(SYS_futex, address, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(atomic_uint *address)
{
	syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Waits until *address differs from value. */
static void wait_for_change(atomic_uint *address, unsigned value)
{
	for (int i = 0; i < SPIN_LIMIT; i++) {
		if (atomic_load_explicit(address, memory_order_acquire) != value)
			return;
		pause_a_little();
	}
	while (atomic_load_explicit(address, memory_order_acquire) == value)
		futex_wait(address, value);
}

static void run_part(struct thread_pool *pool, int index)
{
	size_t begin = pool->part * (size_t)index;
	if (begin >= pool->n)
		return;
	size_t end = pool->n - begin < pool->part ? pool->n : begin + pool->part;
	pool->fn(pool->user, begin, end, index);
}

static void *worker_main(void *argument)
{
	struct worker *worker = argument;
	struct thread_pool *pool = worker->pool;
	unsigned seen = 0;
	for (;;) {
		wait_for_change(&pool->round, seen);
		seen = atomic_load_explicit(&pool->round, memory_order_acquire);
		if (atomic_load(&pool->stopping))
			return NULL;
		run_part(pool, worker->index);
		if (atomic_fetch_sub(&pool->n_running, 1) == 1)
			futex_wake(&pool->n_running);
	}
}

static int default_thread_count(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set) == 0)
		return CPU_COUNT(&set);
	return 1;
}

struct thread_pool *thread_pool_create(int n_threads)
{
	struct thread_pool *pool = calloc(1, sizeof *pool);
	if (pool == NULL)
		return NULL;
	pool->n_threads = n_threads > 0 ? n_threads : default_thread_count();
	pool->workers = calloc((size_t)pool->n_threads, sizeof *pool->workers);
	if (pool->workers == NULL) {
		free(pool);
		return NULL;
	}
	/* Signals are for the program's own thread: a worker that took one would hide it (a resize, an interrupt). */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int i = 1; i < pool->n_threads; i++) {
		struct worker *worker = &pool->workers[i - 1];
		*worker = (struct worker){.pool = pool, .index = i};
		if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
			break;
		pool->n_started++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pool->n_threads = pool->n_started + 1;
	return pool;
}

void thread_pool_destroy(struct thread_pool *pool)
{
	if (pool == NULL)
		return;
	atomic_store(&pool->stopping, true);
	atomic_fetch_add(&pool->round, 1);
	futex_wake(&pool->round);
	for (int i = 0; i < pool->n_started; i++)
		pthread_join(pool->workers[i].thread, NULL);
	free(pool->workers);
	free(pool);
}

int thread_pool_size(const struct thread_pool *pool)
{
	return pool == NULL ? 1 : pool->n_threads;
}

void thread_pool_run(struct thread_pool *pool, size_t n, size_t grain, thread_pool_fn *fn, void *user)
{
	if (n == 0)
		return;
	size_t n_grains = (n + grain - 1) / grain;
	if (pool == NULL || pool->n_threads == 1 || n_grains == 1) {
		fn(user, 0, n, 0);
		return;
	}
	size_t n_parts = (size_t)pool->n_threads;
	pool->fn = fn;
	pool->user = user;
	pool->n = n;
	pool->part = (n_grains + n_parts - 1) / n_parts * grain;
	atomic_store(&pool->n_running, (unsigned)pool->n_started);
	atomic_fetch_add_explicit(&pool->round, 1, memory_order_release);
	futex_wake(&pool->round);
	run_part(pool, 0);
	for (;;) {
		unsigned running = atomic_load_explicit(&pool->n_running, memory_order_acquire);
		if (running == 0)
			return;
		wait_for_change(&pool->n_running, running);
	}
}
