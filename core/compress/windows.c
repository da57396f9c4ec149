#include "compress/windows.h"

#include <stdatomic.h>
#include <stdlib.h>

/* What the caches of all sessions together may take. */
#define MOST_CACHE_BYTES ((size_t)256 << 20)

/* What one thread reads with. */
struct reader {
	struct session *session;
	enum pith_status status;
	struct pith_error err;
};

struct reading {
	const struct windows *windows;
	const struct pith_control *control;
	struct reader *readers;
	size_t n_readers;
	atomic_size_t next;   /* window to be read */
	atomic_size_t n_done; /* units */
	atomic_bool failed;   /* one reader did: the others stop */
};

static void tell(const struct reading *reading, size_t n_done)
{
	const struct windows *windows = reading->windows;
	const struct pith_control *control = reading->control;
	double share = (double)n_done / (double)windows->n_units;
	if (control != NULL && control->progress != NULL)
		control->progress(control->user, windows->what, windows->begin + (windows->end - windows->begin) * share,
		                  windows->total);
}

/* Reads the next window that nobody has; false when there is none. */
static bool read_next(struct reading *reading, struct reader *reader)
{
	const struct windows *windows = reading->windows;
	size_t window = atomic_fetch_add(&reading->next, 1), n_done = 0;
	if (window >= windows->n || atomic_load(&reading->failed))
		return false;
	session_rewind(reader->session, 0);
	reader->status = windows->read(windows->user, reader->session, window, &n_done, reading->control, &reader->err);
	atomic_fetch_add(&reading->n_done, n_done);
	if (reader->status != PITH_OK)
		atomic_store(&reading->failed, true);
	return reader->status == PITH_OK;
}

static void read_some(void *user, size_t begin, size_t end, int thread)
{
	struct reading *reading = user;
	for (size_t i = begin; i < end; i++)
		while (read_next(reading, &reading->readers[i])) {
			/* Only on the caller's own thread, the first; that all is done is told when it is. */
			size_t n_done = atomic_load(&reading->n_done);
			if (thread == 0 && n_done < reading->windows->n_units)
				tell(reading, n_done);
		}
}

static enum pith_status create_readers(struct reading *reading, struct thread_pool *pool, struct pith_error *err)
{
	const struct windows *windows = reading->windows;
	struct transformer *transformer = &windows->model->transformer;
	reading->readers = calloc(reading->n_readers, sizeof *reading->readers);
	if (reading->readers == NULL)
		return fail_memory(err, "the windows");
	for (size_t i = 0; i < reading->n_readers; i++) {
		struct session **session = &reading->readers[i].session;
		enum pith_status status = session_create(session, transformer, pool, windows->capacity, err);
		if (status != PITH_OK)
			return status;
		session_set_precision(*session, windows->precision);
	}
	/* All sessions look up angles in one table, which grows when it must: not while they read. */
	return transformer_reserve_positions(transformer, windows->capacity, err);
}

size_t windows_side_by_side(const struct hyperparams *h, size_t capacity, size_t n, size_t n_threads)
{
	size_t affordable = MOST_CACHE_BYTES / session_cache_bytes(h, capacity);
	if (affordable <= 1 || (h->n_embd > WIDE_EMBD && n < n_threads))
		return 0;
	/* Of a model that is not wide even a single window is read by one thread: sums shall not depend on how many there are. */
	size_t most = affordable < n_threads ? affordable : n_threads;
	return most < n ? most : n;
}

static enum pith_status read_all(struct reading *reading, struct pith_error *err)
{
	const struct windows *windows = reading->windows;
	struct thread_pool *pool = windows->model->pool;
	size_t side_by_side = windows_side_by_side(&windows->model->transformer.h, windows->capacity, windows->n,
	                                           (size_t)thread_pool_size(pool));
	bool alone = side_by_side > 0;
	reading->n_readers = alone ? side_by_side : 1;
	enum pith_status status = create_readers(reading, alone ? NULL : pool, err);
	if (status != PITH_OK)
		return status;
	thread_pool_run(alone ? pool : NULL, reading->n_readers, 1, read_some, reading);
	for (size_t i = 0; i < reading->n_readers; i++) {
		const struct reader *reader = &reading->readers[i];
		if (reader->status != PITH_OK)
			return fail(err, reader->status, "%s", reader->err.message);
	}
	tell(reading, windows->n_units);
	return PITH_OK;
}

enum pith_status windows_read(const struct windows *windows, const struct pith_control *control, struct pith_error *err)
{
	if (windows->n == 0)
		return PITH_OK;
	struct reading reading = {.windows = windows, .control = control};
	enum pith_status status = read_all(&reading, err);
	for (size_t i = 0; reading.readers != NULL && i < reading.n_readers; i++)
		session_destroy(reading.readers[i].session);
	free(reading.readers);
	return status;
}
