#define _XOPEN_SOURCE 700
/*
 * Spans that threads refine side by side: rows do not depend on how many
 * threads there are; whoever watches sees the rows change, and may
 * regenerate from them meanwhile; a stop leaves no row worse than it was.
 */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "compress/document.h"
#include "pith/expand.h"
#include "pith/refine.h"
#include "support/method_test.h"

enum { N_STEPS = 12 };

static char path[600];

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	small_files("model", 3);
	snprintf(path, sizeof path, "%s/model.gguf", scratch_directory);
	return 0;
}

/* What a watcher of all spans has seen. */
struct sight {
	struct pith_model *model;
	pthread_t caller;
	int n_watched, n_changed, newest_step;
	double sum; /* of all rows */
	int stop_at;
	atomic_bool cancel;
};

static void look(void *user, const struct pith_compressed *compressed)
{
	struct sight *sight = user;
	struct pith_generated generated;
	const struct rows *rows = &compressed->rows[PITH_REGENERATE];
	double sum = 0;
	for (size_t i = 0; i < rows->n_rows * rows->row_floats; i++)
		sum += (double)rows->data[i];
	assert_true(pthread_equal(pthread_self(), sight->caller) != 0);
	assert_true(compressed->info.refine_steps >= sight->newest_step);
	sight->n_changed += sight->n_watched > 0 && sum != sight->sum;
	sight->newest_step = compressed->info.refine_steps;
	sight->sum = sum;
	assert_int_equal(pith_regenerate(&generated, sight->model, compressed, 4, NULL, NULL), PITH_OK);
	pith_generated_free(&generated);
	if (++sight->n_watched == sight->stop_at)
		atomic_store(&sight->cancel, true);
}

/* Refines a text of several spans with so many threads; what it was made of stays open in sight->model. */
static struct pith_compressed *refine(struct sight *sight, int n_threads, bool watched, enum pith_status expected,
				      struct pith_refine_result *result)
{
	struct pith_model_options with = {.n_threads = n_threads};
	struct pith_error err;
	must(pith_model_open(&sight->model, path, &with, NULL, &err), &err);
	struct pith_document *document = document_of_words(sight->model, 200, 9);
	struct pith_compress_options options = options_of("500x", 0.1);
	struct pith_compressed *compressed = compress(document, &options);
	assert_true(compressed->rows[PITH_REGENERATE].n_spans >= 4);
	struct pith_refine_options refining;
	struct pith_control control = {.cancel = &sight->cancel};
	pith_refine_options_init(&refining);
	refining.n_steps = N_STEPS;
	refining.watch = watched ? look : NULL;
	refining.user = sight;
	sight->caller = pthread_self();
	assert_int_equal(pith_refine(compressed, document, &refining, result, &control, &err), expected);
	assert_int_equal(compressed->info.refine_steps, result->n_steps);
	pith_document_destroy(document);
	return compressed;
}

static void test_number_of_threads(void **state)
{
	(void)state;
	struct sight alone = {0}, watched = {0};
	struct pith_refine_result one, three;
	struct pith_compressed *a = refine(&alone, 1, false, PITH_OK, &one), *b = refine(&watched, 3, true, PITH_OK, &three);
	const struct rows *rows_a = &a->rows[PITH_REGENERATE], *rows_b = &b->rows[PITH_REGENERATE];
	assert_memory_equal(rows_a->data, rows_b->data, rows_a->n_rows * rows_a->row_floats * sizeof(float));
	assert_int_equal(one.n_steps, (int)rows_a->n_spans * N_STEPS); /* a model of random weights says nothing right */
	assert_int_equal(one.n_steps, three.n_steps);
	assert_int_equal(one.matched, three.matched);
	assert_true(one.loss == three.loss && one.loss < one.loss_before && one.nats == three.nats);
	assert_true(watched.n_watched > 0 && watched.n_watched <= three.n_steps && watched.n_changed > 0);
	pith_compressed_destroy(a);
	pith_compressed_destroy(b);
	pith_model_close(alone.model);
	pith_model_close(watched.model);
}

static void test_stopped(void **state)
{
	(void)state;
	struct sight sight = {.stop_at = 3};
	struct pith_refine_result result;
	struct pith_compressed *compressed = refine(&sight, 2, true, PITH_CANCELLED, &result);
	assert_true(result.n_steps >= 3 && result.n_steps < (int)compressed->rows[PITH_REGENERATE].n_spans * N_STEPS);
	assert_false(result.exact);
	pith_compressed_destroy(compressed);
	pith_model_close(sight.model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_number_of_threads), cmocka_unit_test(test_stopped)};
	return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
