#define _XOPEN_SOURCE 700
/* Safetensors against a file of the Python package (golden/, make_golden.py), and against files that lie. */
#include "base/buffer.h"
#include "formats/safetensors.h"
#include "scratch.h"
#include "unit.h"

#define GOLDEN TESTS_DIR "/core/formats/golden/writable.safetensors"

static void test_reads_the_reference(void **state)
{
	(void)state;
	struct safetensors *file;
	struct pith_error err = {0};
	if (safetensors_open(&file, GOLDEN, &err) != PITH_OK)
		fail_msg("%s", err.message);
	assert_true(safetensors_recognise(GOLDEN));
	assert_string_equal(safetensors_metadata(file, "pith.k"), "Grüße \"8\"");
	assert_null(safetensors_metadata(file, "absent"));
	const char *key, *value;
	assert_false(safetensors_metadata_at(file, 1, &key, &value));
	assert_true(safetensors_metadata_at(file, 0, &key, &value));
	assert_string_equal(key, "pith.k");
	assert_string_equal(value, "Grüße \"8\"");
	assert_false(safetensors_metadata_at(file, 1, &key, &value));
	assert_int_equal(safetensors_n_tensors(file), 2);
	const struct tensor *tensor = safetensors_find(file, "embedding");
	assert_non_null(tensor);
	assert_int_equal(tensor->n_dims, 2);
	assert_int_equal(tensor->ne[0], 3);
	assert_int_equal(tensor->ne[1], 2);
	for (int i = 0; i < 6; i++)
		assert_true(((const float *)tensor->data)[i] == (float)(i - 3) * 0.5f);
	tensor = safetensors_find(file, "rows");
	assert_int_equal(tensor->type, TENSOR_BF16);
	assert_int_equal(tensor->n_dims, 4);
	assert_int_equal(tensor->ne[0], 2);
	assert_int_equal(tensor->ne[1], 4);
	assert_int_equal(tensor->ne[3], 1);
	assert_int_equal(tensor->size, 16);
	for (int i = 0; i < 8; i++)
		assert_true(float_from_bf16(((const uint16_t *)tensor->data)[i]) == (float)(i - 4) * 0.125f);
	assert_null(safetensors_find(file, "__metadata__"));
	assert_null(safetensors_tensor(file, 2));
	assert_string_equal(safetensors_tensor(file, 0)->name, "embedding");
	safetensors_close(file);
	safetensors_close(NULL);
}

/* The 16-bit tensor comes first here: the writer must put the wider one before it, as the reference does. */
static void test_writes_the_bytes_of_the_reference(void **state)
{
	(void)state;
	float embedding[6];
	uint16_t rows[8];
	for (int i = 0; i < 6; i++)
		embedding[i] = (float)(i - 3) * 0.5f;
	for (int i = 0; i < 8; i++)
		rows[i] = bf16_from_float((float)(i - 4) * 0.125f);
	const struct tensor tensors[] = {
		{.name = "rows", .type = TENSOR_BF16, .n_dims = 4, .ne = {2, 4, 1, 1}, .data = rows, .size = sizeof rows},
		{.name = "embedding",
		 .type = TENSOR_F32,
		 .n_dims = 2,
		 .ne = {3, 2, 1, 1},
		 .data = embedding,
		 .size = sizeof embedding},
	};
	const struct safetensors_entry metadata[] = {{"pith.k", "Grüße \"8\""}};
	struct pith_error err = {0};
	const char *path = scratch_path("written.safetensors");
	assert_int_equal(safetensors_write(path, metadata, 1, tensors, 2, &err), PITH_OK);
	size_t size, expected_size;
	char *data = scratch_read(path, &size), *expected = scratch_read(GOLDEN, &expected_size);
	assert_int_equal(size, expected_size);
	assert_memory_equal(data, expected, size);
	free(data);
	free(expected);
}

static void test_round_trip(void **state)
{
	(void)state;
	const uint16_t odd[3] = {1, 2, 3};
	const float scalar = 2.5f;
	const struct tensor tensors[] = {
		{.name = "odd", .type = TENSOR_F16, .n_dims = 1, .ne = {3, 1, 1, 1}, .data = odd, .size = sizeof odd},
		{.name = "one", .type = TENSOR_F32, .n_dims = 1, .ne = {1, 1, 1, 1}, .data = &scalar, .size = sizeof scalar},
		{.name = "odd too", .type = TENSOR_BF16, .n_dims = 1, .ne = {3, 1, 1, 1}, .data = odd, .size = sizeof odd},
	};
	const struct safetensors_entry metadata[] = {{"a", ""}, {"b", "line\nfeed \"quoted\""}, {"c", "\xe4\xb8\x96"}};
	const char *path = scratch_path("round.safetensors");
	assert_int_equal(safetensors_write(path, metadata, 3, tensors, 3, NULL), PITH_OK);
	struct safetensors *file;
	assert_int_equal(safetensors_open(&file, path, NULL), PITH_OK);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(safetensors_metadata(file, metadata[i].key), metadata[i].value);
		const struct tensor *tensor = safetensors_find(file, tensors[i].name);
		assert_int_equal(tensor->type, tensors[i].type);
		assert_int_equal(tensor->size, tensors[i].size);
		assert_memory_equal(tensor->data, tensors[i].data, tensor->size);
	}
	safetensors_close(file);
	assert_int_equal(safetensors_write(path, NULL, 0, NULL, 0, NULL), PITH_OK);
	assert_int_equal(safetensors_open(&file, path, NULL), PITH_OK);
	assert_int_equal(safetensors_n_tensors(file), 0);
	const char *key, *value;
	assert_false(safetensors_metadata_at(file, 0, &key, &value));
	assert_null(safetensors_metadata(file, "a"));
	safetensors_close(file);
}

static void test_writer_refuses(void **state)
{
	(void)state;
	const float data[4] = {0};
	const struct tensor good = {.name = "t", .type = TENSOR_F32, .n_dims = 1, .ne = {4, 1, 1, 1}, .data = data, .size = 16};
	struct tensor tensors[2] = {good, good};
	struct pith_error err = {0};
	const char *path = scratch_path("refused.safetensors");
	assert_int_equal(safetensors_write(path, NULL, 0, tensors, 2, &err), PITH_BAD_ARGUMENT);
	assert_non_null(strstr(err.message, "twice"));
	tensors[0].name = "\xff";
	assert_int_equal(safetensors_write(path, NULL, 0, tensors, 2, &err), PITH_BAD_ARGUMENT);
	tensors[0] = good;
	tensors[0].type = TENSOR_Q8_0;
	assert_int_equal(safetensors_write(path, NULL, 0, tensors, 1, &err), PITH_BAD_ARGUMENT);
	tensors[0] = good;
	tensors[0].size = 12;
	assert_int_equal(safetensors_write(path, NULL, 0, tensors, 1, &err), PITH_BAD_ARGUMENT);
	const struct safetensors_entry twice[] = {{"k", "1"}, {"k", "2"}}, binary[] = {{"k", "\xc3"}};
	assert_int_equal(safetensors_write(path, twice, 2, &good, 1, &err), PITH_BAD_ARGUMENT);
	assert_int_equal(safetensors_write(path, binary, 1, &good, 1, &err), PITH_BAD_ARGUMENT);
	assert_int_equal(safetensors_write(scratch_path("no/such/folder"), NULL, 0, &good, 1, &err), PITH_IO);
	assert_int_equal(access(path, F_OK), -1);
}

/* A file with this header, padded, and data_size zero bytes after it. */
static const char *make_file(const char *header, size_t data_size)
{
	static struct buffer image;
	static const char zeros[64];
	size_t written = strlen(header), length = (written + 7) / 8 * 8;
	uint8_t prefix[8];
	for (size_t i = 0; i < 8; i++)
		prefix[i] = (uint8_t)(length >> (8 * i));
	buffer_clear(&image);
	assert_true(buffer_append(&image, prefix, 8) && buffer_append(&image, header, written) &&
		    buffer_append(&image, "       ", length - written) && buffer_append(&image, zeros, data_size));
	const char *path = scratch_write("hostile.safetensors", image.data, image.length);
	buffer_free(&image);
	return path;
}

static void test_headers_that_lie(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		size_t data_size;
		enum pith_status code;
		const char *words;
	} cases[] = {
		{"{}", 0, PITH_OK, NULL},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", 16, PITH_OK, NULL},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, PITH_OK, NULL},
		{"{}", 1, PITH_BAD_FILE, "belong to none"},
		{"{\"t\":", 0, PITH_BAD_FILE, "not valid JSON"},
		{"{} x", 0, PITH_BAD_FILE, "not valid JSON"},
		{"{\"t\":7}", 0, PITH_BAD_FILE, "no dtype"},
		{"{\"t\":{\"dtype\":4}}", 0, PITH_BAD_FILE, "no dtype"},
		{"{\"t\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, PITH_UNSUPPORTED, "type I64"},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", 15, PITH_BAD_FILE, "cut short"},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,12]}}", 16, PITH_BAD_FILE, "its shape needs 16"},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[16,0]}}", 16, PITH_BAD_FILE, "not inside"},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[-16,0]}}", 16, PITH_BAD_FILE, "not inside"},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0]}}", 16, PITH_BAD_FILE, "not inside"},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16.0]}}", 16, PITH_BAD_FILE, "not inside"},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,1e999]}}", 16, PITH_BAD_FILE, "not valid JSON"},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,99999999999999999999]}}", 16, PITH_BAD_FILE,
		 "JSON"},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, PITH_BAD_FILE, "impossible shape"},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[-4],\"data_offsets\":[0,16]}}", 16, PITH_BAD_FILE, "impossible shape"},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, PITH_BAD_FILE,
		 "impossible"},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, PITH_BAD_FILE, "dimensions"},
		{"{\"t\":{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,16]}}", 16, PITH_BAD_FILE, "impossible shape"},
		{"{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]},"
		 "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
		 6, PITH_UNSUPPORTED, "b is not aligned"},
		{"{\"t\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]},\"t\":{}}", 2, PITH_BAD_FILE, "duplicate"},
		{"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},"
		 "\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[2,6]}}",
		 6, PITH_BAD_FILE, "overlap"},
		{"{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]},"
		 "\"b\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[4,6]}}",
		 6, PITH_BAD_FILE, "belong to none"},
		{"{\"__metadata__\":[]}", 0, PITH_BAD_FILE, "not an object"},
		{"{\"__metadata__\":{\"k\":5}}", 0, PITH_BAD_FILE, "k is not a string"},
		{"[]", 0, PITH_BAD_FILE, "not a safetensors file"},
		{"", 0, PITH_BAD_FILE, "not a safetensors file"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct safetensors *file;
		struct pith_error err = {0};
		enum pith_status status = safetensors_open(&file, make_file(cases[i].header, cases[i].data_size), &err);
		if (status != cases[i].code || (cases[i].words != NULL && strstr(err.message, cases[i].words) == NULL))
			fail_msg("%s: got %s (%s)", cases[i].header, pith_status_name(status), err.message);
		if (status != PITH_OK)
			assert_null(file);
		safetensors_close(file);
	}
}

static void test_header_lengths(void **state)
{
	(void)state;
	static const uint64_t lengths[] = {0, 1, 3, 4096, (uint64_t)1 << 40, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX - 7};
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		uint8_t bytes[10];
		for (size_t j = 0; j < 8; j++)
			bytes[j] = (uint8_t)(lengths[i] >> (8 * j));
		memcpy(bytes + 8, "{}", 2);
		const char *path = scratch_write("length.safetensors", bytes, sizeof bytes);
		struct safetensors *file;
		assert_int_equal(safetensors_open(&file, path, NULL), PITH_BAD_FILE);
		assert_false(safetensors_recognise(path));
	}
	/* A header longer than any that pith has a use for is not even parsed. */
	enum { LARGE = 17 << 20 };
	char *large = malloc(LARGE + 1);
	assert_non_null(large);
	memset(large, ' ', LARGE);
	large[0] = '{';
	large[1] = '}';
	large[LARGE] = '\0';
	struct safetensors *file;
	struct pith_error err = {0};
	assert_int_equal(safetensors_open(&file, make_file(large, 0), &err), PITH_BAD_FILE);
	assert_non_null(strstr(err.message, "the most"));
	free(large);
	assert_false(safetensors_recognise(scratch_path("absent")));
	assert_false(safetensors_recognise(scratch_write("text", "A plain text, nothing else.", 27)));
	assert_int_equal(safetensors_open(&file, scratch_path("absent"), &err), PITH_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_the_reference), cmocka_unit_test(test_writes_the_bytes_of_the_reference),
		cmocka_unit_test(test_round_trip),          cmocka_unit_test(test_writer_refuses),
		cmocka_unit_test(test_headers_that_lie),    cmocka_unit_test(test_header_lengths),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
