/* The state of a run on disk: it comes back to the bit, and a file that does not fit is refused. */
#define _XOPEN_SOURCE 700
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "formats/safetensors.h"
#include "scratch.h"
#include "train/checkpoint.h"

enum { N_ARRAYS = 3 };
static const size_t sizes[N_ARRAYS] = {1000, 3, 77};

struct arrays {
	struct trained_array array[N_ARRAYS];
	float *values[N_ARRAYS], *gradients[N_ARRAYS];
};

static void arrays_open(struct arrays *a, uint64_t seed)
{
	struct random_state random;
	random_seed(&random, seed);
	for (int i = 0; i < N_ARRAYS; i++) {
		a->values[i] = calloc(sizes[i], sizeof(float));
		a->gradients[i] = NULL;
		assert_non_null(a->values[i]);
		assert_int_equal(trained_array_init(&a->array[i], a->values[i], sizes[i], &a->gradients[i], 1, 1, NULL), PITH_OK);
		for (size_t j = 0; j < sizes[i]; j++) {
			a->array[i].values[j] = (float)random_normal(&random);
			a->array[i].m[j] = (float)(1e-20 * random_normal(&random));
			a->array[i].v[j] = (float)(1e-42 * random_uniform(&random)); /* subnormal numbers are numbers */
		}
	}
}

static void arrays_close(struct arrays *a)
{
	for (int i = 0; i < N_ARRAYS; i++) {
		trained_array_free(&a->array[i]);
		free(a->values[i]);
	}
}

static bool arrays_equal(const struct arrays *a, const struct arrays *b)
{
	for (int i = 0; i < N_ARRAYS; i++)
		if (memcmp(a->array[i].values, b->array[i].values, sizes[i] * sizeof(float)) != 0 ||
		    memcmp(a->array[i].m, b->array[i].m, sizes[i] * sizeof(float)) != 0 ||
		    memcmp(a->array[i].v, b->array[i].v, sizes[i] * sizeof(float)) != 0)
			return false;
	return true;
}

static const struct checkpoint_state saved_state = {
	.step = 123456, .tokens = 98765432109876, .curriculum = {.length = 34.56 / 7, .loss = 1.0 / 3},
	.base = "a base", .tokenizer = "a tokenizer", .trained = "adapter regenerate, rows"};

static void test_round_trip(void **state)
{
	(void)state;
	struct arrays a, b;
	struct checkpoint_state loaded = {.base = "a base", .tokenizer = "a tokenizer", .trained = "adapter regenerate, rows"};
	struct pith_error err;
	bool found;
	arrays_open(&a, 1);
	arrays_open(&b, 2);
	const char *path = scratch_path("checkpoint");
	assert_int_equal(checkpoint_save(path, a.array, N_ARRAYS, &saved_state, &err), PITH_OK);
	assert_false(arrays_equal(&a, &b));
	assert_int_equal(checkpoint_load(path, b.array, N_ARRAYS, &loaded, &found, &err), PITH_OK);
	assert_true(found && arrays_equal(&a, &b));
	assert_int_equal(loaded.step, saved_state.step);
	assert_true(loaded.tokens == saved_state.tokens);
	assert_true(loaded.curriculum.length == saved_state.curriculum.length);
	assert_true(loaded.curriculum.loss == saved_state.curriculum.loss);
	arrays_close(&a);
	arrays_close(&b);
}

/* Before the first sample of regeneration there is no running loss. */
static void test_no_loss_yet(void **state)
{
	(void)state;
	struct arrays a;
	struct checkpoint_state before = {.step = 1, .curriculum = {.length = 24, .loss = NAN}}, after = {0};
	bool found;
	arrays_open(&a, 1);
	const char *path = scratch_path("young");
	assert_int_equal(checkpoint_save(path, a.array, N_ARRAYS, &before, NULL), PITH_OK);
	assert_int_equal(checkpoint_load(path, a.array, N_ARRAYS, &after, &found, NULL), PITH_OK);
	assert_true(isnan(after.curriculum.loss) && after.curriculum.length == 24);
	arrays_close(&a);
}

static void test_absent(void **state)
{
	(void)state;
	struct arrays a;
	struct checkpoint_state loaded = {.step = 7};
	bool found = true;
	arrays_open(&a, 1);
	assert_int_equal(checkpoint_load(scratch_path("absent"), a.array, N_ARRAYS, &loaded, &found, NULL), PITH_OK);
	assert_true(!found && loaded.step == 7);
	arrays_close(&a);
}

/* Another run's checkpoint: arrays of other sizes, or fewer of them. */
static void test_mismatch(void **state)
{
	(void)state;
	struct arrays a;
	struct arrays b;
	struct checkpoint_state loaded = saved_state;
	struct pith_error err;
	bool found;
	arrays_open(&a, 1);
	arrays_open(&b, 2);
	const char *path = scratch_path("other");
	assert_int_equal(checkpoint_save(path, b.array, 2, &saved_state, &err), PITH_OK);
	assert_int_equal(checkpoint_load(path, a.array, N_ARRAYS, &loaded, &found, &err), PITH_MISMATCH);
	assert_false(found);
	/* The last array does not fit, and the first is not touched. */
	a.array[1].n--;
	assert_int_equal(checkpoint_load(path, a.array, 2, &loaded, &found, &err), PITH_MISMATCH);
	assert_false(found);
	assert_memory_not_equal(a.array[0].values, b.array[0].values, sizes[0] * sizeof(float));
	assert_non_null(strstr(err.message, path));
	a.array[1].n++;
	arrays_close(&a);
	arrays_close(&b);
}

/* A run on another base, or with another tokenizer, is another run, though all sizes are the same. */
static void test_other_base(void **state)
{
	(void)state;
	struct arrays a;
	struct pith_error err;
	bool found;
	arrays_open(&a, 1);
	const char *path = scratch_path("base");
	assert_int_equal(checkpoint_save(path, a.array, N_ARRAYS, &saved_state, &err), PITH_OK);
	struct checkpoint_state loaded = {.step = 7, .base = "another base", .tokenizer = "a tokenizer"};
	assert_int_equal(checkpoint_load(path, a.array, N_ARRAYS, &loaded, &found, &err), PITH_MISMATCH);
	assert_non_null(strstr(err.message, "another base"));
	strcpy(loaded.base, "a base");
	strcpy(loaded.tokenizer, "another");
	assert_int_equal(checkpoint_load(path, a.array, N_ARRAYS, &loaded, &found, &err), PITH_MISMATCH);
	assert_non_null(strstr(err.message, "another tokenizer"));
	strcpy(loaded.tokenizer, "a tokenizer");
	strcpy(loaded.trained, "adapter answer, rows"); /* arrays of the same sizes */
	assert_int_equal(checkpoint_load(path, a.array, N_ARRAYS, &loaded, &found, &err), PITH_MISMATCH);
	assert_non_null(strstr(err.message, "another run (adapter regenerate, rows, not adapter answer, rows)"));
	assert_true(!found && loaded.step == 7);
	arrays_close(&a);
}

/* Numbers that no run writes: training from them would climb where it should descend. */
static void test_impossible_numbers(void **state)
{
	(void)state;
	struct arrays a;
	struct pith_error err;
	bool found;
	arrays_open(&a, 1);
	for (int i = 0; i < 4; i++) {
		struct checkpoint_state wrong = saved_state, loaded = saved_state;
		if (i == 0)
			wrong.step = -999;
		else if (i == 1)
			wrong.tokens = UINT64_MAX;
		else if (i == 2)
			wrong.curriculum.length = 0;
		else
			wrong.curriculum.loss = INFINITY;
		const char *path = scratch_path("wrong");
		assert_int_equal(checkpoint_save(path, a.array, N_ARRAYS, &wrong, &err), PITH_OK);
		assert_int_equal(checkpoint_load(path, a.array, N_ARRAYS, &loaded, &found, &err), PITH_BAD_FILE);
		assert_true(!found && loaded.step == saved_state.step);
	}
	arrays_close(&a);
}

static void test_foreign_files(void **state)
{
	(void)state;
	struct arrays a;
	struct checkpoint_state loaded;
	struct pith_error err;
	bool found;
	arrays_open(&a, 1);
	const char *path = scratch_write("foreign", "not a checkpoint at all, but some text", 38);
	assert_int_equal(checkpoint_load(path, a.array, N_ARRAYS, &loaded, &found, &err), PITH_BAD_FILE);
	float one = 1;
	const struct tensor tensor = {.name = "x", .type = TENSOR_F32, .n_dims = 1, .ne = {1, 1, 1, 1}, .data = &one, .size = 4};
	assert_int_equal(safetensors_write(path, NULL, 0, &tensor, 1, &err), PITH_OK);
	assert_int_equal(checkpoint_load(path, a.array, N_ARRAYS, &loaded, &found, &err), PITH_BAD_FILE);
	assert_false(found);
	arrays_close(&a);
}

/* A file cut anywhere is refused: half of a state is none. */
static void test_truncated(void **state)
{
	(void)state;
	struct arrays a, b;
	struct checkpoint_state loaded;
	bool found;
	size_t size;
	arrays_open(&a, 1);
	arrays_open(&b, 2);
	const char *path = scratch_path("whole");
	assert_int_equal(checkpoint_save(path, a.array, N_ARRAYS, &saved_state, NULL), PITH_OK);
	char *data = scratch_read(path, &size);
	for (size_t cut = 0; cut < size; cut += cut < 400 ? 37 : 1013) {
		const char *half = scratch_write("half", data, cut);
		assert_int_equal(checkpoint_load(half, b.array, N_ARRAYS, &loaded, &found, NULL), PITH_BAD_FILE);
		assert_true(!found && !arrays_equal(&a, &b));
	}
	free(data);
	arrays_close(&a);
	arrays_close(&b);
}

/* Saving again replaces the file as a whole and leaves no other; where nothing can be written it says so. */
static void test_replace(void **state)
{
	(void)state;
	struct arrays a;
	struct pith_error err;
	struct checkpoint_state later = saved_state, loaded = saved_state;
	bool found;
	arrays_open(&a, 1);
	const char *path = scratch_path("checkpoint");
	assert_int_equal(checkpoint_save(path, a.array, N_ARRAYS, &saved_state, &err), PITH_OK);
	int n = scratch_count();
	later.step++;
	assert_int_equal(checkpoint_save(path, a.array, N_ARRAYS, &later, &err), PITH_OK);
	assert_int_equal(scratch_count(), n);
	assert_int_equal(checkpoint_load(path, a.array, N_ARRAYS, &loaded, &found, &err), PITH_OK);
	assert_int_equal(loaded.step, later.step);
	assert_int_equal(checkpoint_save(scratch_path("no/such/folder"), a.array, N_ARRAYS, &later, &err), PITH_IO);
	arrays_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_no_loss_yet),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_mismatch),
		cmocka_unit_test(test_foreign_files),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_other_base),
		cmocka_unit_test(test_impossible_numbers),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
