#define _XOPEN_SOURCE 700
/*
 * Soft prompts on disk: what is saved is what comes back; the numbers stand
 * where a PEFT CARTRIDGE adapter has them; files of other models, and those
 * that are none, are refused with a sentence that says why.
 */
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "formats/safetensors.h"
#include "pith/expand.h"
#include "support/saved_prompt.h"

static void test_round_trip(void **state)
{
	(void)state;
	char path[600];
	struct pith_compressed *loaded;
	struct pith_error err;
	assert_true(pith_is_soft_prompt(saved));
	must(pith_compressed_load(&loaded, model, saved, &err), &err);
	const struct pith_compressed_info *a = pith_compressed_info(compressed), *b = pith_compressed_info(loaded);
	assert_ptr_equal(a->method, b->method);
	assert_int_equal(a->original_tokens, b->original_tokens);
	assert_int_equal(a->original_bytes, b->original_bytes);
	assert_int_equal(a->compressed_tokens, b->compressed_tokens);
	assert_int_equal(a->compressed_bytes, b->compressed_bytes);
	assert_int_equal(a->budget_tokens, b->budget_tokens);
	assert_int_equal(a->n_spans, b->n_spans);
	assert_int_equal(a->n_spans, 2);
	assert_float_equal(a->cr, b->cr, 0);
	assert_float_equal(b->delta_cr, 0, 0);
	assert_string_equal(b->note, "");
	assert_string_equal(compressed->source_hash, loaded->source_hash);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		const struct rows *x = &compressed->rows[p], *y = &loaded->rows[p];
		assert_true(b->has_purpose[p]);
		assert_int_equal(x->row_floats, y->row_floats);
		assert_int_equal(x->n_rows, y->n_rows);
		assert_memory_equal(x->data, y->data, x->n_rows * x->row_floats * sizeof(float));
		assert_int_equal(x->n_spans, y->n_spans);
		assert_memory_equal(x->spans, y->spans, x->n_spans * sizeof *x->spans);
	}

	struct pith_generated first, second;
	must(pith_regenerate(&first, model, compressed, 0, NULL, &err), &err);
	must(pith_regenerate(&second, model, loaded, 0, NULL, &err), &err);
	assert_string_equal(first.text, second.text);
	assert_int_equal(first.stop, second.stop);
	pith_generated_free(&first);
	pith_generated_free(&second);
	must(pith_answer_compressed(&first, model, compressed, "What?", 0, NULL, &err), &err);
	must(pith_answer_compressed(&second, model, loaded, "What?", 0, NULL, &err), &err);
	assert_string_equal(first.text, second.text);
	pith_generated_free(&first);
	pith_generated_free(&second);

	/* Saved again it is the same file. */
	size_t n, m;
	must(pith_compressed_save(loaded, in_scratch(path, "again.safetensors"), &err), &err);
	char *x = scratch_read(saved, &n), *y = scratch_read(path, &m);
	assert_int_equal(n, m);
	assert_memory_equal(x, y, n);
	free(x);
	free(y);
	pith_compressed_destroy(loaded);
}

/* (tokens, layers * 2 * heads * head dimension), a token's row: layer 0 K, layer 0 V, layer 1 K, ...: as in the session's cache. */
static void test_layout(void **state)
{
	(void)state;
	static const char *const names[PITH_N_MEMORY_PURPOSES] = {"prompt_embeddings", "answer.prompt_embeddings"};
	struct safetensors *file;
	struct pith_error err;
	must(safetensors_open(&file, saved, &err), &err);
	assert_int_equal(safetensors_n_tensors(file), 2);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		const struct tensor *tensor = safetensors_find(file, names[p]);
		assert_non_null(tensor);
		assert_int_equal(tensor->type, TENSOR_F32);
		assert_int_equal(tensor->n_dims, 2);
		assert_int_equal(tensor->ne[0], ROW_FLOATS); /* the fastest, the last of the file's shape */
		assert_int_equal(tensor->ne[1], K);
		const float *numbers = tensor->data;
		size_t half = document->n_tokens / 2; /* of the first span; the second has the rest */
		for (size_t s = 0; s < 2; s++) {
			size_t begin = s * half, n = s == 0 ? half : document->n_tokens - half, total = 1 + n + K / 2;
			int32_t ids[128], positions[128];
			struct session *session;
			assert_true(total <= 128);
			for (size_t i = 0; i < 1 + n; i++) {
				ids[i] = i == 0 ? tokenizer_bos(model->tokenizer) : document->tokens[begin + i - 1].id;
				positions[i] = (int32_t)i;
			}
			for (size_t j = 0; j < K / 2; j++) {
				ids[1 + n + j] = -1 - (int32_t)j;
				positions[1 + n + j] = (int32_t)(1 + (2 * j + 1) * n / K); /* in the middle of its stretch */
			}
			must(session_create(&session, &model->transformer, NULL, total, &err), &err);
			session_set_precision(session, PRECISION_BF16);
			struct session_input input = {.ids = ids,
			                              .positions = positions,
			                              .n = total,
			                              .adapter = model->adapters[PITH_MEMORY_ROWS][p],
			                              .encode = true};
			must(session_read(session, &input, NULL, &err), &err);
			for (size_t i = 0; i < K / 2; i++) {
				for (size_t l = 0; l < N_LAYERS; l++) {
					const float *k = numbers + (s * K / 2 + i) * ROW_FLOATS + (2 * l) * KV_DIM;
					const float *v = numbers + (s * K / 2 + i) * ROW_FLOATS + (2 * l + 1) * KV_DIM;
					assert_memory_equal(k, session_keys(session, l, 1 + n + i), KV_DIM * sizeof(float));
					assert_memory_equal(v, session_values(session, l, 1 + n + i), KV_DIM * sizeof(float));
				}
			}
			session_destroy(session);
		}
	}
	safetensors_close(file);
}

/* Another vocabulary, other weights, another adapter, none: each named. */
static void test_other_models(void **state)
{
	(void)state;
	char path[600], vocabulary[600], other[600];
	struct pith_model_options options = {.n_threads = 1};
	struct pith_model *by;
	struct pith_error err;

	small_vocabulary(in_scratch(vocabulary, "other-vocabulary.gguf"), "qwen2", SMALL_VOCABULARY - 20);
	small_model(in_scratch(path, "other-tokenizer.gguf"), vocabulary, 40);
	by = small_open(path);
	refuse(by, saved, PITH_MISMATCH, "another tokenizer");
	pith_model_close(by);

	small_model(in_scratch(path, "other-weights.gguf"), in_scratch(vocabulary, "base-vocabulary.gguf"), 44);
	small_adapter(in_scratch(other, "other-weights-regenerate.gguf"), path, PITH_REGENERATE, 41);
	small_adapter(in_scratch(other, "other-weights-answer.gguf"), path, PITH_ANSWER, 42);
	by = small_open(path);
	refuse(by, saved, PITH_MISMATCH, "another model");
	pith_model_close(by);

	in_scratch(path, "base.gguf");
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		const char *purpose = p == PITH_REGENERATE ? "regenerate" : "answer";
		char words[64];
		options.adapter_path[0][0] = options.adapter_path[0][1] = NULL;
		options.adapter_path[0][p] = "";
		must(pith_model_open(&by, path, &options, NULL, &err), &err);
		snprintf(words, sizeof words, "with an adapter for %s, which", purpose);
		refuse(by, saved, PITH_MISMATCH, words);
		pith_model_close(by);
		small_adapter(in_scratch(other, "other-adapter.gguf"), path, (enum pith_purpose)p, 45);
		options.adapter_path[0][p] = other;
		must(pith_model_open(&by, path, &options, NULL, &err), &err);
		snprintf(words, sizeof words, "another adapter for %s", purpose);
		refuse(by, saved, PITH_MISMATCH, words);
		pith_model_close(by);
	}

	/* The result itself, not only its file, keeps to its model. */
	struct pith_generated out;
	by = small_open(in_scratch(path, "other-weights.gguf"));
	expect_failure(pith_regenerate(&out, by, compressed, 0, NULL, &err), PITH_MISMATCH, &err, "another model");
	expect_failure(pith_answer_compressed(&out, by, compressed, "?", 0, NULL, &err), PITH_MISMATCH, &err, "another model");
	pith_model_close(by);
}

static void test_foreign_files(void **state)
{
	(void)state;
	char path[600];
	struct pith_error err;
	float numbers[4] = {0};
	struct tensor tensor = {
		.name = "prompt_embeddings", .type = TENSOR_F32, .n_dims = 2, .ne = {2, 2, 1, 1}, .data = numbers, .size = 16};
	in_scratch(path, "foreign.safetensors");
	must(safetensors_write(path, NULL, 0, &tensor, 1, &err), &err);
	refuse(model, path, PITH_BAD_FILE, "no soft prompt of pith");
	struct safetensors_entry entry = {"format", "pt"};
	must(safetensors_write(path, &entry, 1, &tensor, 1, &err), &err);
	refuse(model, path, PITH_BAD_FILE, "no soft prompt of pith");

	in_scratch(path, "text.txt");
	scratch_write("text.txt", "Dear all,\n\nthe meeting is on Monday.\n", 38);
	refuse(model, path, PITH_BAD_FILE, "not a safetensors file");
	assert_false(pith_is_soft_prompt(path));
	scratch_write("text.txt", "", 0);
	refuse(model, path, PITH_BAD_FILE, "not a safetensors file");
	assert_false(pith_is_soft_prompt(path));
	refuse(model, in_scratch(path, "nowhere.safetensors"), PITH_IO, "No such file");
	assert_false(pith_is_soft_prompt(path));
	refuse(model, scratch_directory, PITH_IO, "not a regular file");

	/* A model is no soft prompt; a soft prompt is neither model nor adapter. */
	in_scratch(path, "base.gguf");
	refuse(model, path, PITH_BAD_FILE, "not a safetensors file");
	assert_false(pith_is_soft_prompt(path));
	struct pith_model *opened;
	expect_failure(pith_model_open(&opened, saved, NULL, NULL, &err), PITH_BAD_FILE, &err, saved);
	assert_null(opened);
	struct pith_model_options options = {.adapter_path = {{saved, ""}}, .n_threads = 1};
	expect_failure(pith_model_open(&opened, path, &options, NULL, &err), PITH_BAD_FILE, &err, saved);
	assert_null(opened);
}

static void test_saving(void **state)
{
	(void)state;
	char path[600];
	struct pith_error err;
	struct pith_compress_options options;
	struct pith_compressed *words;
	pith_compress_options_init(&options);
	must(pith_compress(&words, document, &options, NULL, &err), &err);
	expect_failure(pith_compressed_save(words, in_scratch(path, "words.safetensors"), &err), PITH_BAD_ARGUMENT, &err,
		       "selfinfo");
	pith_compressed_destroy(words);
	struct pith_compressed *less, *lesser;
	must(pith_compressed_without(&less, compressed, pith_compressed_info(compressed)->compressed_tokens - 1, &err), &err);
	expect_failure(pith_compressed_save(less, in_scratch(path, "less.safetensors"), &err), PITH_BAD_ARGUMENT, &err,
	               "measuring");
	expect_failure(pith_compressed_without(&lesser, less, 0, &err), PITH_BAD_ARGUMENT, &err, "Only one");
	pith_compressed_destroy(less);
	int n = scratch_count();
	expect_failure(pith_compressed_save(compressed, in_scratch(path, "no/where.safetensors"), &err), PITH_IO, &err, path);
	expect_failure(pith_compressed_save(compressed, scratch_directory, &err), PITH_IO, &err, scratch_directory);
	assert_int_equal(scratch_count(), n); /* nothing half written is left */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_other_models),
		cmocka_unit_test(test_foreign_files),
		cmocka_unit_test(test_saving),
	};
	return cmocka_run_group_tests(tests, saved_setup, saved_teardown);
}
