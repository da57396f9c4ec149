#define _XOPEN_SOURCE 700
/*
 * A keep head: its gradient by finite differences, its file there and back, and
 * a sentence for each file that is none or belongs to another model; states of
 * the second copy of a text have seen all of it.
 */
#include "model/keep_head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/gradients.h"
#include "support/small_model.h"

enum { N_HIDDEN = 5, WINDOW = 100, N = 7 };

static char base[600], other[600];

static const char *at(const char *name)
{
	static char paths[4][600];
	static int turn;
	turn = (turn + 1) % 4;
	snprintf(paths[turn], sizeof paths[turn], "%s/%s", scratch_directory, name);
	return paths[turn];
}

static struct keep_head *new_head(uint64_t seed)
{
	struct hyperparams h = small_shape(SMALL_VOCABULARY);
	struct random_state random;
	struct keep_head *head;
	struct pith_error err;
	random_seed(&random, seed);
	must(keep_head_create(&head, &h, N_HIDDEN, 1, WINDOW, &random, &err), &err);
	for (size_t i = 0; i < N_HIDDEN; i++)
		head->b1[i] = (float)random_normal(&random);
	*head->b2 = 0.3f;
	return head;
}

/* A head that belongs to the model at model_path. */
static void save_for(struct keep_head *head, const char *model_path, const char *path)
{
	struct pith_model_options options = {.adapter_path = {{"", ""}}, .keep_head_path = "", .n_threads = 1};
	struct pith_model *model;
	struct pith_error err;
	must(pith_model_open(&model, model_path, &options, NULL, &err), &err);
	strcpy(head->base_fingerprint, model_fingerprint(model));
	strcpy(head->tokenizer_fingerprint, tokenizer_fingerprint(model->tokenizer));
	must(keep_head_save(head, &model->transformer.h, path, &err), &err);
	pith_model_close(model);
}

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	small_files("base", 80);
	strcpy(base, at("base.gguf"));
	strcpy(other, at("other.gguf"));
	small_model(other, at("base-vocabulary.gguf"), 81);
	return 0;
}

/* --- the network ------------------------------------------------------------------------------------------ */

struct fixture {
	struct keep_head *head;
	float *x, weights[N], logits[N], inner[N * N_HIDDEN];
};

static double weighted_sum(void *user)
{
	struct fixture *f = user;
	keep_head_forward(f->head, f->logits, f->inner, f->x, N);
	return dot_in_double(f->logits, f->weights, N);
}

static void test_gradient(void **state)
{
	(void)state;
	struct fixture f = {.head = new_head(1)};
	struct random_state random;
	random_seed(&random, 2);
	f.x = normal_array(&random, N * f.head->n_embd, 1);
	for (int i = 0; i < N; i++)
		f.weights[i] = (float)random_normal(&random);
	float *gradient = calloc(f.head->n_values, sizeof *gradient);
	assert_non_null(gradient);
	weighted_sum(&f);
	keep_head_backward(f.head, gradient, f.weights, f.inner, f.x, N);
	struct gradient_check check = {.name = "keep head", .loss = weighted_sum, .user = &f, .values = f.head->values,
	                               .gradient = gradient, .n = f.head->n_values, .step = 0.02, .bound = 1e-3};
	check_gradient(&check, &random);

	/* It is added to what was there. */
	float before = gradient[3];
	weighted_sum(&f);
	keep_head_backward(f.head, gradient, f.weights, f.inner, f.x, N);
	assert_float_equal(gradient[3], 2 * before, 1e-5f * fabsf(before) + 1e-7f);
	free(gradient);
	free(f.x);
	keep_head_destroy(f.head);
}

static void test_probability(void **state)
{
	(void)state;
	assert_float_equal(keep_probability(0), 0.5, 0);
	assert_float_equal(keep_probability(2), 0.880797077978, 1e-6);
	assert_float_equal(keep_probability(-1000), 0, 0);
	assert_float_equal(keep_probability(1000), 1, 0);
}

/* A change at the end of a text is seen at its beginning, in the second copy; with one copy it could not be. */
static void test_reads_twice(void **state)
{
	(void)state;
	struct keep_head *head = new_head(3);
	struct pith_model *model = small_open(base);
	struct session *session;
	struct pith_error err;
	int32_t ids[1 + 2 * WINDOW];
	float first[2][32];
	const float *states;
	must(session_create(&session, &model->transformer, model->pool, keep_head_capacity(head), &err), &err);
	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < 20; i++)
			ids[1 + i] = 270 + i;
		ids[20] = turn == 0 ? 400 : 300;
		must(keep_head_read(head, session, tokenizer_bos(model->tokenizer), ids, 20, &states, NULL, &err), &err);
		memcpy(first[turn], states, sizeof first[turn]);
	}
	double difference = 0;
	for (int i = 0; i < 32; i++)
		difference += fabs((double)first[0][i] - (double)first[1][i]);
	assert_true(difference > 1e-3);
	session_destroy(session);
	pith_model_close(model);
	keep_head_destroy(head);
}

/* --- files ------------------------------------------------------------------------------------------------ */

static void test_round_trip(void **state)
{
	(void)state;
	struct keep_head *head = new_head(4), *loaded;
	struct hyperparams h = small_shape(SMALL_VOCABULARY);
	struct pith_error err;
	save_for(head, base, at("head.gguf"));
	must(keep_head_load(&loaded, &h, at("head.gguf"), &err), &err);
	assert_int_equal(loaded->n_hidden, N_HIDDEN);
	assert_int_equal(loaded->n_embd, 32);
	assert_int_equal(loaded->depth, 1);
	assert_int_equal(loaded->window_tokens, WINDOW);
	assert_string_equal(loaded->base_fingerprint, head->base_fingerprint);
	assert_string_equal(loaded->tokenizer_fingerprint, head->tokenizer_fingerprint);
	assert_int_equal(loaded->n_values, head->n_values);
	assert_memory_equal(loaded->values, head->values, head->n_values * sizeof *head->values);
	keep_head_destroy(loaded);
	keep_head_destroy(head);
	keep_head_destroy(NULL);
}

static void refuse(const char *model_path, const char *head_path, enum pith_status code, const char *words)
{
	struct pith_model_options options = {.adapter_path = {{"", ""}}, .keep_head_path = head_path, .n_threads = 1};
	struct pith_model *model;
	struct pith_error err = {0};
	enum pith_status status = pith_model_open(&model, model_path, &options, NULL, &err);
	expect_failure(status, code, &err, words);
	assert_null(model);
}

static void test_beside_the_model(void **state)
{
	(void)state;
	struct keep_head *head = new_head(5);
	struct pith_model *model = small_open(base);
	assert_false(pith_model_info(model)->has_keep_head);
	pith_model_close(model);
	save_for(head, base, at("base-keep.gguf"));
	model = small_open(base);
	assert_true(pith_model_info(model)->has_keep_head);
	assert_memory_equal(model->keep_head->values, head->values, head->n_values * sizeof *head->values);
	pith_model_close(model);

	/* Another model refuses it, beside it or named. */
	refuse(other, at("base-keep.gguf"), PITH_MISMATCH, "the keep head was trained on other weights");
	save_for(head, base, at("other-keep.gguf"));
	refuse(other, NULL, PITH_MISMATCH, "other-keep.gguf");
	refuse(base, at("missing.gguf"), PITH_IO, "missing.gguf");
	refuse(base, at("base-regenerate.gguf"), PITH_BAD_FILE, "not a keep head");
	unlink(at("base-keep.gguf"));
	unlink(at("other-keep.gguf"));
	keep_head_destroy(head);
}

static void test_wrong_files(void **state)
{
	(void)state;
	struct keep_head *head = new_head(6);
	size_t size;
	save_for(head, base, at("head.gguf"));
	char *data = scratch_read(at("head.gguf"), &size);
	for (size_t n = 0; n + 32 < size; n += 37) { /* the last bytes are padding */
		scratch_write("cut.gguf", data, n);
		refuse(base, at("cut.gguf"), PITH_BAD_FILE, at("cut.gguf"));
	}
	free(data);
	struct hyperparams h = small_shape(SMALL_VOCABULARY);
	struct keep_head *loaded;
	struct pith_error err = {0};
	h.n_embd = 64;
	expect_failure(keep_head_load(&loaded, &h, at("head.gguf"), &err), PITH_MISMATCH, &err, "does not fit this model");
	h = small_shape(SMALL_VOCABULARY);
	h.n_context = 2 * WINDOW;
	expect_failure(keep_head_load(&loaded, &h, at("head.gguf"), &err), PITH_BAD_FILE, &err, "pith.keep_window");
	h = small_shape(SMALL_VOCABULARY);
	struct random_state random;
	random_seed(&random, 1);
	expect_failure(keep_head_create(&loaded, &h, 4, 3, 10, &random, &err), PITH_BAD_ARGUMENT, &err, "at most 2 layers");
	expect_failure(keep_head_create(&loaded, &h, 4, 0, 256, &random, &err), PITH_BAD_ARGUMENT, &err, "1 to 255 tokens");
	assert_null(loaded);
	keep_head_destroy(head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gradient),
		cmocka_unit_test(test_probability),
		cmocka_unit_test(test_reads_twice),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_beside_the_model),
		cmocka_unit_test(test_wrong_files),
	};
	return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
