/* Learning a vocabulary, against one learned by the plain definition (golden_text.py). */
#define _XOPEN_SOURCE 700
#include "unit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "core/text/golden_lines.h"
#include "formats/gguf.h"
#include "pith/train.h"
#include "scratch.h"
#include "text/tokenizer.h"

static const char *const corpus[] = {GOLDEN_DIR "golden_corpus.jsonl"};
enum { N_GOLDEN = 420 };

static struct pith_tokenizer_recipe golden_recipe(const char *output_path)
{
	return (struct pith_tokenizer_recipe){
		.paths = corpus, .n_paths = 1, .n_vocab = N_GOLDEN, .pre = "qwen2", .output_path = output_path};
}

static struct gguf *train_and_open(const struct pith_tokenizer_recipe *recipe)
{
	struct pith_error err;
	struct gguf *gguf = NULL;
	if (pith_train_tokenizer(recipe, NULL, &err) != PITH_OK || gguf_open(&gguf, recipe->output_path, &err) != PITH_OK)
		fail_msg("%s", err.message);
	return gguf;
}

static void expect_strings(const struct gguf *gguf, const char *key, const json_t *expected)
{
	struct gguf_array array;
	assert_true(gguf_find_array(gguf, key, &array));
	assert_int_equal(array.n, json_array_size(expected));
	const uint8_t *cursor = array.data;
	for (size_t i = 0; i < array.n; i++) {
		const char *value, *want = json_string_value(json_array_get(expected, i));
		size_t length;
		assert_true(gguf_array_next_string(&array, &cursor, &value, &length));
		if (length != strlen(want) || memcmp(value, want, length) != 0)
			fail_msg("%s %zu is \"%.*s\", not \"%s\"", key, i, (int)length, value, want);
	}
}

static void test_against_definition(void **state)
{
	(void)state;
	struct pith_tokenizer_recipe recipe = golden_recipe(scratch_path("vocabulary.gguf"));
	struct gguf *gguf = train_and_open(&recipe);
	json_t *golden = json_load_file(GOLDEN_DIR "golden_vocabulary.json", 0, NULL);
	assert_non_null(golden);
	expect_strings(gguf, "tokenizer.ggml.merges", json_object_get(golden, "merges"));
	expect_strings(gguf, "tokenizer.ggml.tokens", json_object_get(golden, "tokens"));
	json_decref(golden);

	struct gguf_array types;
	assert_true(gguf_find_array(gguf, "tokenizer.ggml.token_type", &types));
	assert_int_equal(types.n, N_GOLDEN);
	for (size_t i = 0; i < types.n; i++) {
		int64_t type;
		assert_true(gguf_array_i64(&types, i, &type));
		assert_int_equal(type, i < 3 ? 3 : 1);
	}
	static const char *const id_keys[] = {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
	                                      "tokenizer.ggml.padding_token_id"};
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t id = 99;
		assert_true(gguf_find_u64(gguf, id_keys[i], &id));
		assert_int_equal(id, i);
	}
	bool add_bos = false;
	assert_true(gguf_find_bool(gguf, "tokenizer.ggml.add_bos_token", &add_bos));
	assert_true(add_bos);
	assert_int_equal(gguf_n_metadata(gguf), 11);
	assert_int_equal(gguf_n_tensors(gguf), 0);
	gguf_close(gguf);
}

static void test_result_can_be_used(void **state)
{
	(void)state;
	struct pith_tokenizer_recipe recipe = golden_recipe(scratch_path("vocabulary.gguf"));
	struct gguf *gguf = train_and_open(&recipe);
	struct tokenizer *tokenizer;
	assert_int_equal(tokenizer_create(&tokenizer, gguf, NULL), PITH_OK);
	gguf_close(gguf);
	struct token_list list = {0};
	assert_int_equal(tokenizer_encode(tokenizer, " memory", 7, &list, NULL), PITH_OK);
	assert_int_equal(list.n, 1);
	token_list_free(&list);
	tokenizer_destroy(tokenizer);
}

static void test_same_bytes_again(void **state)
{
	(void)state;
	char paths[2][512];
	char *data[2];
	size_t sizes[2];
	for (int i = 0; i < 2; i++) {
		snprintf(paths[i], sizeof paths[i], "%s", scratch_path(i == 0 ? "first.gguf" : "second.gguf"));
		struct pith_tokenizer_recipe recipe = golden_recipe(paths[i]);
		assert_int_equal(pith_train_tokenizer(&recipe, NULL, NULL), PITH_OK);
		data[i] = scratch_read(paths[i], &sizes[i]);
	}
	assert_int_equal(sizes[0], sizes[1]);
	assert_memory_equal(data[0], data[1], sizes[0]);
	free(data[0]);
	free(data[1]);
}

/* Words that never end, of letters whose pairs overlap all the time. */
static void test_long_words(void **state)
{
	(void)state;
	enum { LENGTH = 300000 };
	char *line = malloc(LENGTH + 64);
	assert_non_null(line);
	size_t n = (size_t)sprintf(line, "{\"text\": \"");
	struct random_state random;
	random_seed(&random, 1);
	for (size_t i = 0; i < LENGTH; i++)
		line[n++] = "abc"[random_below(&random, 3)];
	n += (size_t)sprintf(line + n, "\"}\n");
	char data[512];
	snprintf(data, sizeof data, "%s", scratch_write("words.jsonl", line, n));
	free(line);
	const char *const paths[] = {data};
	char output[512];
	snprintf(output, sizeof output, "%s", scratch_path("long.gguf"));
	struct pith_tokenizer_recipe recipe = {
		.paths = paths, .n_paths = 1, .n_vocab = 700, .pre = "gpt-2", .output_path = output};
	struct gguf *gguf = train_and_open(&recipe);
	/* No token stands there twice. */
	struct tokenizer *tokenizer;
	assert_int_equal(tokenizer_create(&tokenizer, gguf, NULL), PITH_OK);
	struct gguf_array tokens, merges;
	assert_true(gguf_find_array(gguf, "tokenizer.ggml.tokens", &tokens));
	assert_true(gguf_find_array(gguf, "tokenizer.ggml.merges", &merges));
	assert_int_equal(tokens.n, 700);
	assert_int_equal(merges.n, 700 - 259);
	const uint8_t *cursor = tokens.data;
	for (size_t i = 0; i < tokens.n; i++) {
		const char *value;
		size_t length;
		char name[2048];
		assert_true(gguf_array_next_string(&tokens, &cursor, &value, &length));
		assert_true(length < sizeof name);
		memcpy(name, value, length);
		name[length] = '\0';
		assert_int_equal(tokenizer_find(tokenizer, name), i);
	}
	tokenizer_destroy(tokenizer);
	gguf_close(gguf);
}

static void test_limit_of_bytes(void **state)
{
	(void)state;
	struct pith_tokenizer_recipe recipe = golden_recipe(scratch_path("vocabulary.gguf"));
	struct pith_error err;
	recipe.max_bytes_per_path = 1; /* the first text only: too little */
	assert_int_equal(pith_train_tokenizer(&recipe, NULL, &err), PITH_BAD_ARGUMENT);
	assert_non_null(strstr(err.message, "more text"));
	recipe.max_bytes_per_path = 1000000;
	assert_int_equal(pith_train_tokenizer(&recipe, NULL, &err), PITH_OK);
}

static void test_refusals(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_tokenizer_recipe recipe = golden_recipe(scratch_path("never.gguf"));
	recipe.n_vocab = 258;
	assert_int_equal(pith_train_tokenizer(&recipe, NULL, &err), PITH_BAD_ARGUMENT);
	recipe.n_vocab = 259; /* bytes only */
	assert_int_equal(pith_train_tokenizer(&recipe, NULL, &err), PITH_OK);
	recipe = golden_recipe("/no/such/folder/vocabulary.gguf");
	assert_int_equal(pith_train_tokenizer(&recipe, NULL, &err), PITH_IO);
	recipe.pre = "no-such";
	assert_int_equal(pith_train_tokenizer(&recipe, NULL, &err), PITH_UNSUPPORTED);
	recipe = golden_recipe(scratch_path("never.gguf"));
	recipe.n_paths = 0;
	assert_int_equal(pith_train_tokenizer(&recipe, NULL, &err), PITH_BAD_ARGUMENT);
	const char *const absent[] = {"/no/such/file.jsonl"};
	recipe.paths = absent;
	recipe.n_paths = 1;
	assert_int_equal(pith_train_tokenizer(&recipe, NULL, &err), PITH_IO);
	assert_non_null(strstr(err.message, "/no/such/file.jsonl"));
}

struct watch {
	int n_reading, n_merging, n_left; /* reports, and how many more are let through */
	double last;
	atomic_bool cancel;
};

static void watch_progress(void *user, const char *what, double done, double total)
{
	struct watch *watch = user;
	watch->n_reading += strcmp(what, "reading") == 0;
	watch->n_merging += strcmp(what, "merging") == 0;
	watch->last = done;
	assert_true(done >= 0 && done <= total);
	if (--watch->n_left == 0)
		atomic_store(&watch->cancel, true);
}

static void test_progress_and_cancel(void **state)
{
	(void)state;
	struct watch watch = {0};
	struct pith_control control = {.progress = watch_progress, .user = &watch, .cancel = &watch.cancel};
	struct pith_tokenizer_recipe recipe = golden_recipe(scratch_path("cancelled.gguf"));
	assert_int_equal(pith_train_tokenizer(&recipe, &control, NULL), PITH_OK);
	assert_true(watch.n_reading >= 1 && watch.n_merging >= 2);
	remove(recipe.output_path);
	for (int n = 1; n <= 2; n++) {
		watch = (struct watch){.n_left = n};
		assert_int_equal(pith_train_tokenizer(&recipe, &control, NULL), PITH_CANCELLED);
		assert_int_equal(watch.n_reading + watch.n_merging, n);
		assert_int_not_equal(access(recipe.output_path, F_OK), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_definition), cmocka_unit_test(test_result_can_be_used),
		cmocka_unit_test(test_same_bytes_again),   cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_limit_of_bytes),     cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_progress_and_cancel),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
