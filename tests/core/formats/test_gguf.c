#define _XOPEN_SOURCE 700
/*
 * GGUF against files of the Python package gguf (golden/, made by
 * make_golden.py): what it wrote is read here, and what is written here equals
 * its bytes. Real vocabularies where the shared data is present.
 */
#include <math.h>

#include "base/tensor_blocks.h"
#include "base/buffer.h"
#include "formats/gguf.h"
#include "scratch.h"
#include "test_data.h"
#include "unit.h"

#define GOLDEN TESTS_DIR "/core/formats/golden/"

static struct gguf *open_file(const char *path)
{
	struct gguf *gguf;
	struct pith_error err = {0};
	if (gguf_open(&gguf, path, &err) != PITH_OK)
		fail_msg("%s", err.message);
	return gguf;
}

static void assert_string_value(const struct gguf *gguf, const char *key, const char *expected)
{
	const char *value;
	size_t length;
	assert_true(gguf_find_string(gguf, key, &value, &length));
	assert_int_equal(length, strlen(expected));
	assert_memory_equal(value, expected, length);
}

static void test_scalars(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		double value;
		bool is_unsigned, is_exact;
	} cases[] = {
		{"u8", 200, true, true},        {"i8", -100, false, true},         {"u16", 60000, true, true},
		{"i16", -30000, false, true},   {"u32", 4000000000.0, true, true}, {"i32", -2000000000.0, false, true},
		{"i64", -0x1p62, false, false}, {"u64", 0x1p64, true, false},      {"f32", 0.5, false, true},
		{"f64", 0.1, false, true},      {"string", 0, false, false},       {"reals", 0, false, false},
		{"yes", 0, false, false},       {"absent", 0, false, false},
	};
	struct gguf *gguf = open_file(GOLDEN "readable.gguf");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint64_t integer = 0;
		double real = 0;
		assert_int_equal(gguf_find_u64(gguf, cases[i].key, &integer), cases[i].is_unsigned);
		assert_int_equal(gguf_find_f64(gguf, cases[i].key, &real), cases[i].is_exact);
		if (cases[i].is_exact)
			assert_true(real == cases[i].value);
		if (cases[i].is_unsigned && cases[i].is_exact)
			assert_int_equal(integer, cases[i].value);
	}
	uint64_t largest = 0;
	assert_true(gguf_find_u64(gguf, "u64", &largest));
	assert_true(largest == UINT64_MAX);
	bool value = false;
	assert_true(gguf_find_bool(gguf, "yes", &value) && value);
	assert_true(gguf_find_bool(gguf, "no", &value) && !value);
	assert_false(gguf_find_bool(gguf, "u8", &value));
	assert_string_value(gguf, "general.architecture", "llama");
	assert_string_value(gguf, "string", "line\nfeed");
	gguf_close(gguf);
}

static void test_arrays(void **state)
{
	(void)state;
	struct gguf *gguf = open_file(GOLDEN "readable.gguf");
	struct gguf_array array;
	int64_t integer;
	assert_true(gguf_find_array(gguf, "reals", &array));
	assert_int_equal(array.n, 2);
	assert_false(gguf_array_i64(&array, 0, &integer));
	assert_true(gguf_find_array(gguf, "counts", &array));
	assert_int_equal(array.type, GGUF_I32);
	assert_int_equal(array.n, 100);
	for (size_t i = 0; i < 100; i++)
		assert_true(gguf_array_i64(&array, i, &integer) && integer == (int64_t)i);
	assert_false(gguf_array_i64(&array, 100, &integer));
	assert_true(gguf_find_array(gguf, "words", &array));
	static const char *const words[] = {"x", "yy", "zzz"};
	const uint8_t *cursor = array.data;
	const char *value;
	size_t length;
	for (size_t i = 0; i < 3; i++) {
		assert_true(gguf_array_next_string(&array, &cursor, &value, &length));
		assert_int_equal(length, strlen(words[i]));
		assert_memory_equal(value, words[i], length);
	}
	assert_false(gguf_array_next_string(&array, &cursor, &value, &length));
	assert_false(gguf_array_i64(&array, 0, &integer));
	assert_false(gguf_find_array(gguf, "u8", &array));
	assert_false(gguf_find_array(gguf, "absent", &array));
	gguf_close(gguf);
}

static void test_descriptions(void **state)
{
	(void)state;
	static const struct {
		const char *key, *text;
	} cases[] = {
		{"u64", "18446744073709551615"},
		{"i8", "-100"},
		{"f64", "0.1"},
		{"no", "false"},
		{"reals", "[0.5, -2]"},
		{"truths", "[true, false]"},
		{"words", "[x, yy, zzz]"},
		{"counts", "[100 i32]"},
		{"string", "line\\nfeed"},
	};
	struct gguf *gguf = open_file(GOLDEN "readable.gguf");
	struct buffer text = {0};
	size_t n_found = 0;
	for (size_t i = 0; i < gguf_n_metadata(gguf); i++) {
		buffer_clear(&text);
		assert_true(gguf_metadata_describe(gguf, i, &text));
		for (size_t j = 0; j < sizeof cases / sizeof cases[0]; j++) {
			if (strcmp(cases[j].key, gguf_metadata_key(gguf, i)) != 0)
				continue;
			assert_string_equal(text.data, cases[j].text);
			n_found++;
		}
		if (strcmp(gguf_metadata_key(gguf, i), "long") == 0) /* 100 characters of two bytes: 50 are shown */
			assert_string_equal(text.data + 100, "... (200 bytes)");
	}
	assert_int_equal(n_found, sizeof cases / sizeof cases[0]);
	assert_null(gguf_metadata_key(gguf, gguf_n_metadata(gguf)));
	buffer_free(&text);
	gguf_close(gguf);
}

static void test_tensors(void **state)
{
	(void)state;
	struct gguf *gguf = open_file(GOLDEN "writable.gguf");
	assert_int_equal(gguf_n_tensors(gguf), 4);
	const struct tensor *tensor = gguf_find_tensor(gguf, "token_embd.weight");
	assert_non_null(tensor);
	assert_int_equal(tensor->type, TENSOR_F32);
	assert_int_equal(tensor->n_dims, 2);
	assert_int_equal(tensor->ne[0], 4);
	assert_int_equal(tensor->ne[1], 3);
	assert_int_equal(tensor->ne[2], 1);
	assert_int_equal(tensor->size, 48);
	for (int i = 0; i < 12; i++)
		assert_true(((const float *)tensor->data)[i] == (float)(i - 6) * 0.5f);
	tensor = gguf_find_tensor(gguf, "blk.0.half");
	for (int i = 0; i < 5; i++)
		assert_true(float_from_half(((const uint16_t *)tensor->data)[i]) == (float)(i - 2) * 0.25f);
	tensor = gguf_find_tensor(gguf, "blk.0.brain");
	assert_int_equal(tensor->type, TENSOR_BF16);
	for (int i = 0; i < 6; i++)
		assert_true(float_from_bf16(((const uint16_t *)tensor->data)[i]) == (float)(i - 3) * 0.125f);
	tensor = gguf_find_tensor(gguf, "blk.0.attn_q.weight");
	assert_int_equal(tensor->type, TENSOR_Q8_0);
	assert_int_equal(tensor->ne[0], 32);
	const struct block_q8_0 *block = tensor->data;
	assert_true(float_from_half(block[1].scale) == 0.5f);
	assert_int_equal(block[1].q[0], -16);
	assert_int_equal(block[1].q[31], 15);
	assert_null(gguf_find_tensor(gguf, "token_embd"));
	assert_null(gguf_tensor(gguf, 4));
	assert_ptr_equal(gguf_tensor(gguf, 3), tensor);
	gguf_close(gguf);
}

static void test_unknown_type_and_alignment(void **state)
{
	(void)state;
	struct gguf *gguf = open_file(GOLDEN "readable.gguf");
	const struct tensor *known = gguf_find_tensor(gguf, "known"), *unknown = gguf_find_tensor(gguf, "unknown");
	assert_non_null(unknown);
	assert_int_equal(unknown->type, 27); /* I64 */
	assert_null(unknown->data);
	assert_int_equal(unknown->size, 0);
	assert_true(((const float *)known->data)[3] == 1.0f);
	assert_int_equal((uintptr_t)known->data % 64, 0);
	gguf_close(gguf);
}

/* The same content as writable_gguf() of make_golden.py. */
static void add_golden_keys(struct gguf_writer *writer)
{
	static const char *const tokens[] = {"a", "\u0120the", "", "世界"};
	static const size_t lengths[] = {1, 5, 0, 6};
	static const int32_t types[] = {1, -2, 3, 2147483647};
	assert_int_equal(gguf_write_string(writer, "general.architecture", "qwen3", NULL), PITH_OK);
	assert_int_equal(gguf_write_u32(writer, "qwen3.block_count", 28, NULL), PITH_OK);
	assert_int_equal(gguf_write_f32(writer, "qwen3.rope.freq_base", 1e6f, NULL), PITH_OK);
	assert_int_equal(gguf_write_bool(writer, "tokenizer.ggml.add_bos_token", true, NULL), PITH_OK);
	assert_int_equal(gguf_write_string(writer, "general.name", "Grüße 世界", NULL), PITH_OK);
	assert_int_equal(gguf_write_string_array(writer, "tokenizer.ggml.tokens", tokens, lengths, 4, NULL), PITH_OK);
	assert_int_equal(gguf_write_i32_array(writer, "tokenizer.ggml.token_type", types, 4, NULL), PITH_OK);
}

static void assert_same_file(const char *path, const char *expected_path)
{
	size_t size, expected_size;
	char *data = scratch_read(path, &size), *expected = scratch_read(expected_path, &expected_size);
	assert_int_equal(size, expected_size);
	assert_memory_equal(data, expected, size);
	free(data);
	free(expected);
}

static void test_writes_the_bytes_of_the_reference(void **state)
{
	(void)state;
	float embedding[12];
	uint16_t half[5], brain[6];
	struct block_q8_0 blocks[2];
	for (int i = 0; i < 12; i++)
		embedding[i] = (float)(i - 6) * 0.5f;
	for (int i = 0; i < 5; i++)
		half[i] = half_from_float((float)(i - 2) * 0.25f);
	for (int i = 0; i < 6; i++)
		brain[i] = bf16_from_float((float)(i - 3) * 0.125f);
	for (int i = 0; i < 64; i++)
		blocks[i / 32].q[i % 32] = (int8_t)(i % 32 - 16);
	blocks[0].scale = blocks[1].scale = half_from_float(0.5f);
	struct gguf_writer *writer;
	struct pith_error err = {0};
	assert_int_equal(gguf_writer_create(&writer, &err), PITH_OK);
	add_golden_keys(writer);
	const size_t embedding_ne[] = {4, 3}, half_ne[] = {5}, brain_ne[] = {3, 2}, blocks_ne[] = {32, 2};
	assert_int_equal(gguf_write_tensor(writer, "token_embd.weight", TENSOR_F32, 2, embedding_ne, embedding, &err), PITH_OK);
	assert_int_equal(gguf_write_tensor(writer, "blk.0.half", TENSOR_F16, 1, half_ne, half, &err), PITH_OK);
	assert_int_equal(gguf_write_tensor(writer, "blk.0.brain", TENSOR_BF16, 2, brain_ne, brain, &err), PITH_OK);
	assert_int_equal(gguf_write_tensor(writer, "blk.0.attn_q.weight", TENSOR_Q8_0, 2, blocks_ne, blocks, &err), PITH_OK);
	const char *path = scratch_path("written.gguf");
	assert_int_equal(gguf_writer_finish(writer, path, &err), PITH_OK);
	gguf_writer_destroy(writer);
	assert_same_file(path, GOLDEN "writable.gguf");
}

static void test_copies_keys(void **state)
{
	(void)state;
	struct gguf *from = open_file(GOLDEN "readable.gguf");
	struct gguf_writer *writer;
	assert_int_equal(gguf_writer_create(&writer, NULL), PITH_OK);
	assert_int_equal(gguf_write_u32(writer, "own", 1, NULL), PITH_OK);
	assert_int_equal(gguf_write_copied(writer, from, "", NULL), PITH_OK);
	const char *path = scratch_path("copied.gguf");
	assert_int_equal(gguf_writer_finish(writer, path, NULL), PITH_OK);
	gguf_writer_destroy(writer);
	struct gguf *copy = open_file(path);
	/* general.alignment stays behind, "own" is new. */
	assert_int_equal(gguf_n_metadata(copy), gguf_n_metadata(from));
	uint64_t value;
	assert_false(gguf_find_u64(copy, "general.alignment", &value));
	struct buffer a = {0}, b = {0};
	size_t j = 1;
	for (size_t i = 0; i < gguf_n_metadata(from); i++) {
		if (strcmp(gguf_metadata_key(from, i), "general.alignment") == 0)
			continue;
		assert_string_equal(gguf_metadata_key(copy, j), gguf_metadata_key(from, i));
		assert_true(gguf_metadata_describe(from, i, &a) && gguf_metadata_describe(copy, j, &b));
		assert_string_equal(a.data, b.data);
		j++;
	}
	buffer_free(&a);
	buffer_free(&b);
	gguf_close(copy);
	gguf_close(from);
}

static void test_writer_refuses(void **state)
{
	(void)state;
	struct gguf_writer *writer;
	struct pith_error err = {0};
	const float data[32] = {0};
	const size_t odd[] = {33}, none[] = {0}, huge[] = {SIZE_MAX / 8, 16}, fine[] = {32};
	assert_int_equal(gguf_writer_create(&writer, &err), PITH_OK);
	assert_int_equal(gguf_write_u32(writer, "", 1, &err), PITH_BAD_ARGUMENT);
	assert_int_equal(gguf_write_tensor(writer, "t", TENSOR_Q8_0, 1, odd, data, &err), PITH_BAD_ARGUMENT);
	assert_int_equal(gguf_write_tensor(writer, "t", TENSOR_F32, 1, none, data, &err), PITH_BAD_ARGUMENT);
	assert_int_equal(gguf_write_tensor(writer, "t", TENSOR_F32, 2, huge, data, &err), PITH_BAD_ARGUMENT);
	assert_int_equal(gguf_write_tensor(writer, "t", TENSOR_F32, 5, fine, data, &err), PITH_BAD_ARGUMENT);
	assert_int_equal(gguf_write_tensor(writer, "t", TENSOR_F32, 1, fine, NULL, &err), PITH_BAD_ARGUMENT);
	assert_int_equal(gguf_write_tensor(writer, "a_name_that_is_longer_than_the_63_bytes_that_other_readers_can_keep",
					   TENSOR_F32, 1, fine, data, &err),
			 PITH_BAD_ARGUMENT);
	assert_int_equal(gguf_write_tensor(writer, "t", TENSOR_F32, 1, fine, data, &err), PITH_OK);
	assert_int_equal(gguf_writer_finish(writer, scratch_path("no/such/folder.gguf"), &err), PITH_IO);
	assert_int_equal(gguf_write_tensor(writer, "t", TENSOR_F32, 1, fine, data, &err), PITH_OK);
	assert_int_equal(gguf_writer_finish(writer, scratch_path("twice.gguf"), &err), PITH_BAD_ARGUMENT);
	assert_non_null(strstr(err.message, "twice"));
	gguf_writer_destroy(writer);
	gguf_writer_destroy(NULL);
}

/* The tables of a large model: more entries than any first allocation, each found again. */
static void test_many_names(void **state)
{
	(void)state;
	enum { N = 2000 };
	struct gguf_writer *writer;
	assert_int_equal(gguf_writer_create(&writer, NULL), PITH_OK);
	static float data[N];
	const size_t ne[] = {1};
	char name[32];
	for (int i = 0; i < N; i++) {
		data[i] = (float)i;
		snprintf(name, sizeof name, "blk.%d.weight", i * 7919 % N);
		assert_int_equal(gguf_write_u32(writer, name, (uint32_t)i, NULL), PITH_OK);
		assert_int_equal(gguf_write_tensor(writer, name, TENSOR_F32, 1, ne, &data[i], NULL), PITH_OK);
	}
	const char *path = scratch_path("many.gguf");
	assert_int_equal(gguf_writer_finish(writer, path, NULL), PITH_OK);
	gguf_writer_destroy(writer);
	struct gguf *gguf = open_file(path);
	assert_int_equal(gguf_n_tensors(gguf), N);
	assert_string_equal(gguf_path(gguf), path);
	for (int i = 0; i < N; i++) {
		uint64_t value;
		snprintf(name, sizeof name, "blk.%d.weight", i * 7919 % N);
		const struct tensor *tensor = gguf_find_tensor(gguf, name);
		assert_ptr_equal(tensor, gguf_tensor(gguf, (size_t)i));
		assert_true(*(const float *)tensor->data == (float)i);
		assert_true(gguf_find_u64(gguf, name, &value) && value == (uint64_t)i);
	}
	gguf_close(gguf);
}

static void test_real_vocabulary(void **state)
{
	(void)state;
	const char *path = TEST_DATA "/tokenizer/ggml-vocab-gpt-2.gguf";
	if (!test_data_is_there(path))
		skip();
	struct gguf *gguf = open_file(path);
	struct gguf_array tokens, types;
	assert_string_value(gguf, "tokenizer.ggml.model", "gpt2");
	assert_true(gguf_find_array(gguf, "tokenizer.ggml.tokens", &tokens));
	assert_true(gguf_find_array(gguf, "tokenizer.ggml.token_type", &types));
	assert_int_equal(tokens.n, 50257);
	assert_int_equal(types.n, 50257);
	const uint8_t *cursor = tokens.data;
	const char *value = NULL;
	size_t length = 0;
	for (size_t i = 0; i < tokens.n; i++)
		assert_true(gguf_array_next_string(&tokens, &cursor, &value, &length));
	assert_int_equal(length, 13);
	assert_memory_equal(value, "<|endoftext|>", 13);
	assert_ptr_equal(cursor, tokens.end);
	gguf_close(gguf);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest published[] = {cmocka_unit_test(test_real_vocabulary)};
	if (test_data_wanted(argc, argv))
		return test_data_exit_status(cmocka_run_group_tests(published, NULL, NULL));
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_descriptions),
		cmocka_unit_test(test_tensors),
		cmocka_unit_test(test_unknown_type_and_alignment),
		cmocka_unit_test(test_writes_the_bytes_of_the_reference),
		cmocka_unit_test(test_copies_keys),
		cmocka_unit_test(test_writer_refuses),
		cmocka_unit_test(test_many_names),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
