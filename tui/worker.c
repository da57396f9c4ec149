#define _GNU_SOURCE
#include "worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "crash_stack.h"
#include "fault.h"

enum { RING_SIZE = 256 };

struct worker {
	pthread_t thread;
	struct crash_stack crash_stack; /* of the thread */
	int descriptor;
	atomic_bool cancel;
	int channel; /* the worker's thread only */

	pthread_mutex_t lock;  /* guards all that follows */
	pthread_cond_t change; /* a job, room in the ring, or the end */
	bool stopping;
	bool busy;
	struct job *waiting, *finished;
	struct worker_progress progress;
	bool has_progress;
	struct worker_text ring[RING_SIZE];
	size_t ring_begin, ring_length;
	void *snapshot;
	void (*destroy_snapshot)(void *snapshot);
};

static void wake_screen(struct worker *worker)
{
	const uint64_t one = 1;
	/* It fails only when the counter is full, and then the descriptor is readable already. */
	ssize_t written = write(worker->descriptor, &one, sizeof one);
	(void)written;
}

static void on_progress(void *user, const char *what, double done, double total)
{
	struct worker *worker = user;
	pthread_mutex_lock(&worker->lock);
	snprintf(worker->progress.what, sizeof worker->progress.what, "%s", what);
	worker->progress.done = done;
	worker->progress.total = total;
	worker->has_progress = true;
	pthread_mutex_unlock(&worker->lock);
	wake_screen(worker);
}

static void on_text(void *user, const char *text, size_t length)
{
	struct worker *worker = user;
	pthread_mutex_lock(&worker->lock);
	while (length > 0) {
		/* A full ring waits for the screen, but never longer than the job is wanted. */
		while (worker->ring_length == RING_SIZE && !worker->stopping && !atomic_load(&worker->cancel))
			pthread_cond_wait(&worker->change, &worker->lock);
		if (worker->ring_length == RING_SIZE)
			break;
		struct worker_text *event = &worker->ring[(worker->ring_begin + worker->ring_length++) % RING_SIZE];
		event->channel = worker->channel;
		event->length = length < WORKER_TEXT_SIZE ? length : WORKER_TEXT_SIZE;
		memcpy(event->bytes, text, event->length);
		text += event->length;
		length -= event->length;
		wake_screen(worker);
	}
	pthread_mutex_unlock(&worker->lock);
}

static void on_log(void *user, const char *line)
{
	(void)user;
	fprintf(stderr, "%s\n", line); /* the log file, while the screen is up */
}

static struct job *wait_for_job(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	while (worker->waiting == NULL && !worker->stopping)
		pthread_cond_wait(&worker->change, &worker->lock);
	struct job *job = worker->stopping ? NULL : worker->waiting;
	if (job != NULL)
		worker->waiting = NULL;
	pthread_mutex_unlock(&worker->lock);
	return job;
}

static void *worker_main(void *argument)
{
	struct worker *worker = argument;
	const struct pith_control control = {on_progress, on_text, on_log, worker, &worker->cancel};
	struct job *job;
	crash_stack_use(&worker->crash_stack);
	while ((job = wait_for_job(worker)) != NULL) {
		job->error.message[0] = '\0';
		job->status = job->run(job, worker, &control, &job->error);
		pthread_mutex_lock(&worker->lock);
		worker->finished = job;
		pthread_mutex_unlock(&worker->lock);
		wake_screen(worker);
	}
	crash_stack_leave(&worker->crash_stack);
	return NULL;
}

/*
 * Signals are for the screen's thread: a worker that took one would hide a resize. But a crash is of the thread that crashes, and
 * ends the process before the terminal is given back where it is blocked.
 */
static bool start_thread(struct worker *worker)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	sigset_t blocked, before;
	sigfillset(&blocked);
	for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
		sigdelset(&blocked, crashes[i]);
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	bool started = pthread_create(&worker->thread, NULL, worker_main, worker) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

enum pith_status worker_create(struct worker **out, struct pith_error *err)
{
	*out = NULL;
	struct worker *worker = calloc(1, sizeof *worker);
	if (worker == NULL)
		return fault_memory(err);
	worker->descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->change, NULL);
	if (worker->descriptor < 0 || !start_thread(worker)) {
		if (worker->descriptor >= 0)
			close(worker->descriptor);
		pthread_cond_destroy(&worker->change);
		pthread_mutex_destroy(&worker->lock);
		free(worker);
		return fault(err, PITH_IO, "The computing thread could not be started.");
	}
	*out = worker;
	return PITH_OK;
}

void worker_destroy(struct worker *worker)
{
	if (worker == NULL)
		return;
	atomic_store(&worker->cancel, true);
	pthread_mutex_lock(&worker->lock);
	worker->stopping = true;
	pthread_cond_broadcast(&worker->change);
	pthread_mutex_unlock(&worker->lock);
	pthread_join(worker->thread, NULL);
	if (worker->waiting != NULL)
		worker->waiting->destroy(worker->waiting);
	if (worker->finished != NULL)
		worker->finished->destroy(worker->finished);
	if (worker->snapshot != NULL)
		worker->destroy_snapshot(worker->snapshot);
	close(worker->descriptor);
	pthread_cond_destroy(&worker->change);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

int worker_descriptor(const struct worker *worker)
{
	return worker->descriptor;
}

void worker_submit(struct worker *worker, struct job *job)
{
	pthread_mutex_lock(&worker->lock);
	/* What the job before showed on its way is not of this one. */
	void *snapshot = worker->snapshot;
	void (*destroy_snapshot)(void *) = worker->destroy_snapshot;
	worker->snapshot = NULL;
	worker->has_progress = false;
	atomic_store(&worker->cancel, false);
	worker->waiting = job;
	worker->busy = true;
	pthread_cond_broadcast(&worker->change);
	pthread_mutex_unlock(&worker->lock);
	if (snapshot != NULL)
		destroy_snapshot(snapshot);
}

void worker_cancel(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	if (worker->busy)
		atomic_store(&worker->cancel, true);
	pthread_cond_broadcast(&worker->change);
	pthread_mutex_unlock(&worker->lock);
}

bool worker_cancelling(struct worker *worker)
{
	return atomic_load(&worker->cancel);
}

void worker_acknowledge(struct worker *worker)
{
	uint64_t count;
	ssize_t n = read(worker->descriptor, &count, sizeof count); /* EAGAIN: nothing was there, which is fine */
	(void)n;
}

bool worker_take_progress(struct worker *worker, struct worker_progress *progress)
{
	pthread_mutex_lock(&worker->lock);
	bool taken = worker->has_progress;
	if (taken)
		*progress = worker->progress;
	worker->has_progress = false;
	pthread_mutex_unlock(&worker->lock);
	return taken;
}

bool worker_take_text(struct worker *worker, struct worker_text *text)
{
	pthread_mutex_lock(&worker->lock);
	bool taken = worker->ring_length > 0;
	if (taken) {
		*text = worker->ring[worker->ring_begin];
		worker->ring_begin = (worker->ring_begin + 1) % RING_SIZE;
		if (worker->ring_length-- == RING_SIZE)
			pthread_cond_broadcast(&worker->change);
	}
	pthread_mutex_unlock(&worker->lock);
	return taken;
}

void *worker_take_snapshot(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	void *snapshot = worker->snapshot;
	worker->snapshot = NULL;
	pthread_mutex_unlock(&worker->lock);
	return snapshot;
}

struct job *worker_take(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	struct job *job = worker->finished;
	worker->finished = NULL;
	if (job != NULL)
		worker->busy = false;
	pthread_mutex_unlock(&worker->lock);
	return job;
}

void worker_set_channel(struct worker *worker, int channel)
{
	worker->channel = channel;
}

void worker_post_snapshot(struct worker *worker, void *snapshot, void (*destroy)(void *snapshot))
{
	pthread_mutex_lock(&worker->lock);
	void *old = worker->snapshot;
	void (*destroy_old)(void *) = worker->destroy_snapshot;
	worker->snapshot = snapshot;
	worker->destroy_snapshot = destroy;
	pthread_mutex_unlock(&worker->lock);
	if (old != NULL)
		destroy_old(old);
	wake_screen(worker);
}
