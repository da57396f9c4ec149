/* The computing thread: order, cancelling, bounded text, latest-wins news, and a clean end at any moment. Most telling under
 * tsan. */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "unit.h"
#include "worker.h"

static atomic_int n_destroyed;

struct test_job {
	struct job job;
	int n_pieces;
	bool until_cancelled;
	bool snapshots;
};

static void nap(long milliseconds)
{
	const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
	nanosleep(&pause, NULL);
}

static void destroy_snapshot(void *snapshot)
{
	atomic_fetch_add(&n_destroyed, 1);
	free(snapshot);
}

static enum pith_status run(struct job *job, struct worker *worker, const struct pith_control *control, struct pith_error *err)
{
	const struct test_job *test = (const struct test_job *)job;
	worker_set_channel(worker, 7);
	for (int i = 0; i < test->n_pieces; i++) {
		char piece[16];
		int length = snprintf(piece, sizeof piece, "%d,", i);
		control->text(control->user, piece, (size_t)length);
		control->progress(control->user, "counting", i + 1, test->n_pieces);
		if (test->snapshots) {
			int *snapshot = malloc(sizeof *snapshot);
			assert_non_null(snapshot);
			*snapshot = i;
			worker_post_snapshot(worker, snapshot, destroy_snapshot);
		}
	}
	while (test->until_cancelled) {
		if (atomic_load(control->cancel)) {
			snprintf(err->message, sizeof err->message, "Cancelled.");
			return PITH_CANCELLED;
		}
		nap(1);
	}
	return PITH_OK;
}

static void destroy_job(struct job *job)
{
	atomic_fetch_add(&n_destroyed, 1);
	free(job);
}

static struct test_job *make_job(int n_pieces)
{
	struct test_job *test = calloc(1, sizeof *test);
	assert_non_null(test);
	test->job.run = run;
	test->job.destroy = destroy_job;
	test->n_pieces = n_pieces;
	return test;
}

static struct worker *make_worker(void)
{
	struct worker *worker;
	struct pith_error err = {0};
	assert_int_equal(worker_create(&worker, &err), PITH_OK);
	return worker;
}

static bool wait_for_news(struct worker *worker)
{
	struct pollfd ready = {.fd = worker_descriptor(worker), .events = POLLIN};
	bool news = poll(&ready, 1, 10000) == 1;
	worker_acknowledge(worker);
	return news;
}

/* Waits for the job, collecting its text. */
static struct job *wait_for_job(struct worker *worker, char *text, size_t size, size_t *length)
{
	struct job *job = NULL;
	struct worker_text piece;
	while (job == NULL && wait_for_news(worker)) {
		for (;;) {
			while (worker_take_text(worker, &piece)) {
				assert_int_equal(piece.channel, 7);
				assert_true(*length + piece.length < size);
				memcpy(text + *length, piece.bytes, piece.length);
				*length += piece.length;
			}
			if (job != NULL)
				break;
			job = worker_take(worker);
			if (job == NULL)
				break;
		}
	}
	text[*length] = '\0';
	return job;
}

/* More text than the ring holds arrives whole and in order. */
static void text_in_order(void **state)
{
	(void)state;
	enum { N = 5000, SIZE = 1 << 16 };
	struct worker *worker = make_worker();
	char *text = malloc(SIZE);
	assert_non_null(text);
	size_t length = 0;
	worker_submit(worker, &make_job(N)->job);
	struct job *job = wait_for_job(worker, text, SIZE, &length);
	assert_non_null(job);
	assert_int_equal(job->status, PITH_OK);
	struct worker_progress progress;
	assert_true(worker_take_progress(worker, &progress));
	assert_string_equal(progress.what, "counting");
	assert_true(progress.done == N && progress.total == N);
	assert_false(worker_take_progress(worker, &progress));
	char *at = text;
	for (int i = 0; i < N; i++) {
		assert_int_equal(strtol(at, &at, 10), i);
		assert_int_equal(*at++, ',');
	}
	job->destroy(job);
	worker_destroy(worker);
	free(text);
}

static void cancelled(void **state)
{
	(void)state;
	struct worker *worker = make_worker();
	worker_cancel(worker); /* nothing runs: it must not stop the next job */
	struct test_job *test = make_job(0);
	test->until_cancelled = true;
	worker_submit(worker, &test->job);
	nap(5);
	assert_false(worker_cancelling(worker));
	worker_cancel(worker);
	char text[8];
	size_t length = 0;
	struct job *job = wait_for_job(worker, text, sizeof text, &length);
	assert_non_null(job);
	assert_int_equal(job->status, PITH_CANCELLED);
	assert_string_equal(job->error.message, "Cancelled.");
	job->destroy(job);
	worker_submit(worker, &make_job(1)->job); /* the next one starts afresh */
	job = wait_for_job(worker, text, sizeof text, &length);
	assert_int_equal(job->status, PITH_OK);
	job->destroy(job);
	worker_destroy(worker);
}

/* A full ring that nobody empties does not keep a cancelled job, or the end. */
static void full_ring(void **state)
{
	(void)state;
	struct worker *worker = make_worker();
	worker_submit(worker, &make_job(100000)->job);
	nap(20);
	worker_cancel(worker);
	struct job *job = NULL;
	for (int i = 0; i < 1000 && job == NULL; i++) {
		nap(5);
		job = worker_take(worker);
	}
	assert_non_null(job);
	job->destroy(job);
	worker_submit(worker, &make_job(100000)->job);
	nap(5);
	worker_destroy(worker);
}

static void snapshots(void **state)
{
	(void)state;
	atomic_store(&n_destroyed, 0);
	struct worker *worker = make_worker();
	struct test_job *test = make_job(100);
	test->snapshots = true;
	worker_submit(worker, &test->job);
	char text[1024];
	size_t length = 0;
	struct job *job = wait_for_job(worker, text, sizeof text, &length);
	int *last = worker_take_snapshot(worker);
	assert_non_null(last);
	assert_int_equal(*last, 99);
	assert_null(worker_take_snapshot(worker));
	assert_int_equal(atomic_load(&n_destroyed), 99); /* the others */
	free(last);
	job->destroy(job);
	worker_destroy(worker);
}

/* One that came too late to be taken is not of the next job. */
static void old_snapshot(void **state)
{
	(void)state;
	atomic_store(&n_destroyed, 0);
	struct worker *worker = make_worker();
	struct test_job *test = make_job(1);
	test->snapshots = true;
	worker_submit(worker, &test->job);
	char text[1024];
	size_t length = 0;
	struct job *job = wait_for_job(worker, text, sizeof text, &length);
	job->destroy(job);
	worker_submit(worker, &make_job(1)->job);
	job = wait_for_job(worker, text, sizeof text, &length);
	assert_null(worker_take_snapshot(worker));
	assert_int_equal(atomic_load(&n_destroyed), 2); /* it and its job */
	job->destroy(job);
	worker_destroy(worker);
}

/* Whatever was not taken is destroyed with the worker. */
static void nothing_leaks(void **state)
{
	(void)state;
	atomic_store(&n_destroyed, 0);
	struct worker *worker = make_worker();
	struct test_job *test = make_job(3);
	test->snapshots = true;
	worker_submit(worker, &test->job);
	worker_destroy(worker);
	int with_snapshots = atomic_load(&n_destroyed);
	assert_true(with_snapshots == 1 || with_snapshots == 4); /* not begun, or run to its end */
	worker_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_in_order), cmocka_unit_test(cancelled), cmocka_unit_test(full_ring),
		cmocka_unit_test(snapshots),     cmocka_unit_test(old_snapshot), cmocka_unit_test(nothing_leaks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
