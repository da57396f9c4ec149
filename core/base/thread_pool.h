/*
 * A small pool for splitting one loop over the cores. Waiting threads spin
 * briefly, then sleep, so that a busy machine loses little. The caller's
 * thread works too: a pool of one thread runs everything in place.
 */
#ifndef BASE_THREAD_POOL_H
#define BASE_THREAD_POOL_H

#include <stddef.h>

struct thread_pool;

struct thread_pool *
thread_pool_create(int n_threads); /* 0: one per core; NULL: no memory. Where threads cannot be made there are fewer */
void thread_pool_destroy(struct thread_pool *pool);    /* NULL is allowed */
int thread_pool_size(const struct thread_pool *pool);  /* NULL is a pool of one */

/*
 * Calls fn(user, begin, end, thread) for parts that together cover [0, n), each
 * a multiple of grain long (the last may be shorter), at most one part a
 * thread. Returns when all are done. pool may be NULL. Not reentrant: fn must
 * not call it with the same pool.
 */
typedef void thread_pool_fn(void *user, size_t begin, size_t end, int thread);
void thread_pool_run(struct thread_pool *pool, size_t n, size_t grain, thread_pool_fn *fn, void *user);

#endif
