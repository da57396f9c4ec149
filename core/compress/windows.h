/*
 * Windows of a document that do not know of each other. Threads share out whole
 * windows, each in a session of its own, and never wait for one another; a
 * model whose caches are too large for that, or a wide one with fewer windows
 * than threads, reads one window at a time, with all threads. What a model that
 * is not wide reads does not depend on how many threads there are, as long as
 * two of its caches fit.
 */
#ifndef COMPRESS_WINDOWS_H
#define COMPRESS_WINDOWS_H

#include "model/model.h"
#include "model/session.h"

enum { WIDE_EMBD = 512 }; /* a model of this width or less has products that are too short to share out */

struct windows {
	struct pith_model *model;
	size_t n;
	size_t capacity; /* rows of cache that the longest window takes */
	enum precision precision;
	size_t n_units;  /* of work, in all of them together */
	/*
	 * Reads one window into places of its own. Several threads may be in it, on
	 * different windows; the session is the thread's own, with an empty cache.
	 * *n_done: the units of work that it was.
	 */
	enum pith_status (*read)(void *user, struct session *session, size_t window, size_t *n_done,
	                         const struct pith_control *control, struct pith_error *err);
	void *user;
	const char *what;         /* names the work for control->progress, ... */
	double begin, end, total; /* ... which goes from begin to end of total */
};

/* How many of n windows of a model are read side by side, by one thread each; 0: one by one, by all threads together. */
size_t windows_side_by_side(const struct hyperparams *h, size_t capacity, size_t n, size_t n_threads);

/* Reads all windows. The first error of any ends it. */
enum pith_status windows_read(const struct windows *windows, const struct pith_control *control, struct pith_error *err);

#endif
