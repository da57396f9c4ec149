/*
 * The bookkeeping of a session: what a refused or cancelled read leaves behind,
 * going back, rows written by hand. (That its numbers are right: test_golden.c.)
 */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/parameters.h"
#include "model/session.h"

enum { N_VOCAB = 31, CAPACITY = 40 };

struct fixture {
	struct parameters *parameters;
	struct transformer transformer;
	struct adapter *adapter;
	struct session *session;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct random_state random;
	struct hyperparams h = {.architecture = "qwen3",
	                        .n_layers = 2,
	                        .n_embd = 16,
	                        .n_heads = 2,
	                        .n_kv_heads = 1,
	                        .head_dim = 8,
	                        .n_ff = 24,
	                        .n_vocab = N_VOCAB,
	                        .n_context = 64,
	                        .rms_eps = 1e-6f,
	                        .rope_theta = 1000,
	                        .rope_style = ROPE_HALVES,
	                        .qk_norm = true};
	random_seed(&random, 3);
	if (f == NULL || parameters_create(&f->parameters, &h, true, NULL) != PITH_OK ||
	    adapter_create(&f->adapter, &h, PITH_REGENERATE, 0, 1, 4, &random, NULL) != PITH_OK)
		return -1;
	parameters_randomise(f->parameters, &random);
	f->transformer = (struct transformer){.h = h, .weights = f->parameters->weights};
	*state = f;
	return session_create(&f->session, &f->transformer, NULL, CAPACITY, NULL) == PITH_OK ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	session_destroy(f->session);
	adapter_destroy(f->adapter);
	transformer_release_positions(&f->transformer);
	parameters_destroy(f->parameters);
	free(f);
	return 0;
}

static enum pith_status read_some(struct fixture *f, size_t n, const struct pith_control *control)
{
	static const int32_t ids[CAPACITY + 1] = {1, 5, 9, 30, 0, 7, 7, 2, 11, 13};
	struct session_input input = {
		.ids = ids, .first_position = (int32_t)session_length(f->session), .n = n, .what = "reading"};
	return session_read(f->session, &input, control, NULL);
}

static void test_length(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(session_length(f->session), 0);
	assert_int_equal(session_capacity(f->session), CAPACITY);
	assert_int_equal(read_some(f, 10, NULL), PITH_OK);
	assert_int_equal(session_length(f->session), 10);
	assert_int_equal(read_some(f, CAPACITY - 9, NULL), PITH_TOO_LONG);
	assert_int_equal(session_length(f->session), 10);
	assert_int_equal(read_some(f, CAPACITY - 10, NULL), PITH_OK);
	assert_int_equal(read_some(f, 1, NULL), PITH_TOO_LONG);
	assert_int_equal(session_attach(f->session, 1, NULL), PITH_TOO_LONG);
	session_rewind(f->session, CAPACITY + 5); /* forward is no way to go */
	assert_int_equal(session_length(f->session), CAPACITY);
	session_rewind(f->session, 3);
	assert_int_equal(session_length(f->session), 3);
}

/* After going back the same tokens give the same numbers. */
static void test_rewind(void **state)
{
	struct fixture *f = *state;
	float first[N_VOCAB];
	assert_int_equal(read_some(f, 8, NULL), PITH_OK);
	assert_int_equal(read_some(f, 5, NULL), PITH_OK);
	memcpy(first, session_logits(f->session, 4), sizeof first);
	session_rewind(f->session, 8);
	assert_int_equal(read_some(f, 9, NULL), PITH_OK);
	session_rewind(f->session, 8);
	assert_int_equal(read_some(f, 5, NULL), PITH_OK);
	assert_memory_equal(first, session_logits(f->session, 4), sizeof first);
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;
	atomic_bool cancel = true;
	struct pith_control control = {.cancel = &cancel};
	assert_int_equal(read_some(f, 4, NULL), PITH_OK);
	assert_int_equal(read_some(f, 4, &control), PITH_CANCELLED);
	assert_int_equal(session_length(f->session), 4);
	cancel = false;
	assert_int_equal(read_some(f, 4, &control), PITH_OK);
	assert_int_equal(session_length(f->session), 8);
}

struct progress {
	int n;
	double done, total;
};

static void note_progress(void *user, const char *what, double done, double total)
{
	struct progress *progress = user;
	assert_string_equal(what, "reading");
	assert_true(done > progress->done);
	*progress = (struct progress){progress->n + 1, done, total};
}

static void test_progress(void **state)
{
	struct fixture *f = *state;
	struct progress progress = {0};
	struct pith_control control = {.progress = note_progress, .user = &progress};
	assert_int_equal(read_some(f, 9, &control), PITH_OK);
	assert_true(progress.n >= 1 && progress.done == 9 && progress.total == 9);
}

/* Ids that are not there: beyond the vocabulary, memory tokens without an adapter or beyond it. */
static void test_foreign_ids(void **state)
{
	struct fixture *f = *state;
	struct pith_error err;
	static const int32_t wrong[] = {N_VOCAB, INT32_MAX, INT32_MIN, -1, -5};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		int32_t ids[2] = {1, wrong[i]};
		bool beyond = wrong[i] == -5; /* the adapter has four */
		struct session_input input = {.ids = ids, .n = 2, .adapter = beyond ? f->adapter : NULL, .encode = beyond};
		assert_int_equal(session_read(f->session, &input, NULL, &err), PITH_BAD_ARGUMENT);
		assert_int_equal(session_length(f->session), 0);
	}
	struct session_input good = {.ids = (int32_t[]){1, -4}, .n = 2, .adapter = f->adapter, .encode = true};
	assert_int_equal(session_read(f->session, &good, NULL, &err), PITH_OK);
}

/* Rows carried from one session to another are as good as rows that were read. */
static void test_attach(void **state)
{
	struct fixture *f = *state;
	struct session *other;
	float right[N_VOCAB];
	size_t row_size = hyperparams_kv_dim(&f->transformer.h) * sizeof(float);
	assert_int_equal(session_create(&other, &f->transformer, NULL, CAPACITY, NULL), PITH_OK);
	assert_int_equal(read_some(f, 7, NULL), PITH_OK);
	for (size_t l = 0; l < 2; l++) {
		memcpy(session_keys(other, l, 0), session_keys(f->session, l, 0), 7 * row_size);
		memcpy(session_values(other, l, 0), session_values(f->session, l, 0), 7 * row_size);
	}
	assert_int_equal(session_attach(other, 7, NULL), PITH_OK);
	assert_int_equal(read_some(f, 6, NULL), PITH_OK);
	memcpy(right, session_logits(f->session, 5), sizeof right);
	struct fixture moved = *f;
	moved.session = other;
	assert_int_equal(read_some(&moved, 6, NULL), PITH_OK);
	assert_memory_equal(right, session_logits(other, 5), sizeof right);
	session_destroy(other);
}

/* The loss of a target is -ln of its probability, that of none is 0. */
static void test_losses(void **state)
{
	struct fixture *f = *state;
	static const int32_t targets[3] = {4, -1, 30};
	float losses[3];
	assert_int_equal(read_some(f, 5, NULL), PITH_OK);
	assert_int_equal(session_losses(f->session, 2, targets, 3, losses, NULL), PITH_OK);
	for (size_t i = 0; i < 3; i++) {
		const float *logits = session_logits(f->session, 2 + i);
		double sum = 0;
		for (size_t v = 0; v < N_VOCAB; v++)
			sum += exp((double)logits[v]);
		assert_float_equal(losses[i], targets[i] < 0 ? 0 : (float)(log(sum) - (double)logits[targets[i]]), 1e-5f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_length, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rewind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_progress, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attach, setup, teardown),
		cmocka_unit_test_setup_teardown(test_losses, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
