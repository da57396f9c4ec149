#define _XOPEN_SOURCE 700
/*
 * Windows that threads share out: each is read once, whoever reads it; scores
 * are the same to the bit for any number of threads, and near those of exact
 * sums; progress rises on the caller's thread; the first error ends it.
 */
#include "unit.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "compress/document.h"
#include "compress/windows.h"
#include "support/method_test.h"

enum { N_WINDOWS = 40, UNITS = 3 };

static struct pith_model *model;

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	model = plain_model(3);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

/* The model of setup() once more, with so many threads. */
static struct pith_model *open_with_threads(int n_threads)
{
	struct pith_model *opened;
	struct pith_error err;
	struct pith_model_options options = {.n_threads = n_threads};
	must(pith_model_open(&opened, scratch_path("model.gguf"), &options, NULL, &err), &err);
	return opened;
}

struct count {
	atomic_int times[N_WINDOWS];
	size_t fails_at; /* window; N_WINDOWS: none */
	pthread_t caller;
	double done;
	int n_told;
};

static enum pith_status count_window(void *user, struct session *session, size_t window, size_t *n_done,
                                     const struct pith_control *control, struct pith_error *err)
{
	struct count *count = user;
	(void)control;
	assert_int_equal(session_length(session), 0);
	atomic_fetch_add(&count->times[window], 1);
	*n_done = UNITS;
	if (window == count->fails_at)
		return fail(err, PITH_IO, "Window %zu cannot be read.", window);
	/* Leaves something in the cache: the next window must not find it. */
	struct session_input input = {.ids = (int32_t[]){1, 2}, .n = 2};
	return session_read(session, &input, NULL, err);
}

static void on_progress(void *user, const char *what, double done, double total)
{
	struct count *count = user;
	assert_true(pthread_equal(pthread_self(), count->caller));
	assert_string_equal(what, "scoring");
	assert_true(done > count->done && done <= 7 && total == 9);
	count->done = done;
	count->n_told++;
}

static enum pith_status count_windows(struct pith_model *reading, struct count *count, size_t n, size_t capacity,
                                      struct pith_error *err)
{
	struct windows windows = {.model = reading, .n = n, .capacity = capacity, .n_units = n * UNITS, .read = count_window,
	                          .user = count, .what = "scoring", .begin = 5, .end = 7, .total = 9};
	struct pith_control control = {.progress = on_progress, .user = count};
	count->caller = pthread_self();
	count->done = 5;
	return windows_read(&windows, &control, err);
}

static void test_each_once(void **state)
{
	(void)state;
	static const int n_threads[] = {1, 3};
	struct pith_error err;
	for (size_t i = 0; i < 2; i++) {
		struct pith_model *reading = open_with_threads(n_threads[i]);
		struct count count = {.fails_at = N_WINDOWS};
		must(count_windows(reading, &count, N_WINDOWS, 8, &err), &err);
		for (size_t window = 0; window < N_WINDOWS; window++)
			assert_int_equal(count.times[window], 1);
		assert_true(count.n_told >= 1 && count.done == 7);
		/* Caches too large for several sessions: one reads with all threads. */
		struct count large = {.fails_at = N_WINDOWS};
		size_t row = session_cache_bytes(&reading->transformer.h, 1);
		must(count_windows(reading, &large, 3, ((size_t)200 << 20) / row, &err), &err);
		assert_int_equal(large.n_told, 3);
		struct count none = {.fails_at = 0};
		must(count_windows(reading, &none, 0, 8, &err), &err);
		assert_int_equal(none.n_told, 0);
		struct count fails = {.fails_at = 2};
		expect_failure(count_windows(reading, &fails, N_WINDOWS, 8, &err), PITH_IO, &err, "Window 2 cannot be read.");
		assert_true(fails.done < 7);
		if (n_threads[i] == 1)
			assert_int_equal(fails.times[3], 0);
		pith_model_close(reading);
	}
}

static void test_sharing(void **state)
{
	(void)state;
	struct hyperparams narrow = model->transformer.h, wide = narrow;
	wide.n_embd = WIDE_EMBD + 1;
	size_t huge = ((size_t)200 << 20) / session_cache_bytes(&narrow, 1);
	static const struct {
		size_t n_windows, n_threads, narrow, wide;
	} cases[] = {{1, 1, 1, 1}, {1, 4, 1, 0}, {3, 4, 3, 0}, {4, 4, 4, 4}, {9, 4, 4, 4}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(windows_side_by_side(&narrow, 8, cases[i].n_windows, cases[i].n_threads), cases[i].narrow);
		assert_int_equal(windows_side_by_side(&wide, 8, cases[i].n_windows, cases[i].n_threads), cases[i].wide);
		assert_int_equal(windows_side_by_side(&narrow, huge, cases[i].n_windows, cases[i].n_threads), 0);
	}
}

/* Losses of the first window by exact sums. */
static void exact_losses(const struct pith_document *document, float *losses, size_t n)
{
	struct session *session;
	struct pith_error err;
	int32_t *ids = malloc((n + 1) * sizeof *ids);
	assert_non_null(ids);
	ids[0] = tokenizer_bos(model->tokenizer);
	for (size_t i = 0; i < n; i++)
		ids[1 + i] = document->tokens[i].id;
	must(session_create(&session, &model->transformer, NULL, n, &err), &err);
	struct session_input input = {.ids = ids, .n = n};
	must(session_read(session, &input, NULL, &err), &err);
	must(session_losses(session, 0, ids + 1, n, losses, &err), &err);
	session_destroy(session);
	free(ids);
}

static void test_scores(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_document *document = document_of_words(model, 1500, 5);
	size_t n = document->n_tokens;
	const float *one, *several;
	assert_true(n > 3 * SMALL_CONTEXT);
	must(pith_document_scores(document, &one, NULL, &err), &err);
	struct pith_model *threads = open_with_threads(3);
	struct pith_document *other = document_of_words(threads, 1500, 5);
	must(pith_document_scores(other, &several, NULL, &err), &err);
	assert_memory_equal(one, several, n * sizeof *one);
	float exact[SMALL_CONTEXT];
	exact_losses(document, exact, SMALL_CONTEXT);
	/* bf16 rounds each operand by 2^-9; losses of some 6 nats that many layers of products lead to move by as much. */
	for (size_t i = 0; i < SMALL_CONTEXT; i++)
		assert_float_equal(one[i], exact[i], 0.1f);
	pith_document_destroy(other);
	pith_document_destroy(document);
	pith_model_close(threads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_once), cmocka_unit_test(test_sharing),
	                                   cmocka_unit_test(test_scores)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
