/*
 * The one thread that computes. The screen's thread hands it a job, and gets
 * back progress (the latest wins), generated text (a bounded ring, in order), a
 * snapshot of a result in the making (the latest wins), and the finished job.
 * Each of them makes worker_descriptor() readable. A job belongs to the worker
 * from worker_submit() to worker_take().
 */
#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>
#include <stddef.h>

#include "pith/control.h"
#include "pith/status.h"

struct worker;

struct job {
	/* On the worker's thread. Whatever the job needs is in the structure that begins with this one. */
	enum pith_status (*run)(struct job *job, struct worker *worker, const struct pith_control *control,
	                        struct pith_error *err);
	void (*destroy)(struct job *job);
	enum pith_status status; /* valid once it is back */
	struct pith_error error;
};

struct worker_progress {
	char what[48];
	double done, total; /* total 0: unknown */
};

enum { WORKER_TEXT_SIZE = 120 };
struct worker_text {
	int channel;
	size_t length;
	char bytes[WORKER_TEXT_SIZE];
};

/* The screen's side. */
enum pith_status worker_create(struct worker **out, struct pith_error *err);
void worker_destroy(struct worker *worker); /* cancels and waits; destroys what was not taken. NULL is allowed */
int worker_descriptor(const struct worker *worker);
void worker_submit(struct worker *worker, struct job *job); /* only when none is between submit and take */
void worker_cancel(struct worker *worker);                  /* the running job returns PITH_CANCELLED soon */
bool worker_cancelling(struct worker *worker);
void worker_acknowledge(struct worker *worker); /* the descriptor is no longer readable, until the next news */
bool worker_take_progress(struct worker *worker, struct worker_progress *progress); /* false: none since the last time */
bool worker_take_text(struct worker *worker, struct worker_text *text);
/* NULL: none since the last time, or since a job was submitted; the caller's. */
void *worker_take_snapshot(struct worker *worker);
struct job *worker_take(struct worker *worker);    /* the finished job, NULL: none; the caller's */

/* The job's side: on the worker's thread only. */
void worker_set_channel(struct worker *worker, int channel); /* where control->text goes from now on */
void worker_post_snapshot(struct worker *worker, void *snapshot, void (*destroy)(void *snapshot));

#endif
