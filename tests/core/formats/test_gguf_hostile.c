#define _XOPEN_SOURCE 700
/* GGUF files that lie: each is refused with the sentence for its lie, and costs neither time nor memory. */
#include "base/buffer.h"
#include "formats/gguf.h"
#include "scratch.h"
#include "unit.h"

/* A file under construction, number by number. */
static struct buffer image;

static void put(uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)(value >> (8 * i));
		assert_true(buffer_append(&image, &byte, 1));
	}
}

static void put_string(const char *string)
{
	put(strlen(string), 8);
	assert_true(buffer_append_string(&image, string));
}

static void begin(uint64_t n_tensors, uint64_t n_metadata)
{
	buffer_clear(&image);
	assert_true(buffer_append(&image, "GGUF", 4));
	put(3, 4);
	put(n_tensors, 8);
	put(n_metadata, 8);
}

static void put_u32_key(const char *key, uint32_t value)
{
	put_string(key);
	put(GGUF_U32, 4);
	put(value, 4);
}

static void put_tensor(const char *name, uint32_t n_dims, const uint64_t *ne, uint32_t type, uint64_t offset)
{
	put_string(name);
	put(n_dims, 4);
	for (uint32_t i = 0; i < n_dims; i++)
		put(ne[i], 8);
	put(type, 4);
	put(offset, 8);
}

/* Data section of size bytes, aligned to 32. */
static void put_data(size_t size)
{
	while (image.length % 32 != 0)
		put(0, 1);
	for (size_t i = 0; i < size; i++)
		put(0, 1);
}

static void expect(enum pith_status code, const char *words)
{
	const char *path = scratch_write("hostile.gguf", image.data, image.length);
	struct gguf *gguf;
	struct pith_error err = {0};
	enum pith_status status = gguf_open(&gguf, path, &err);
	if (status != code || (words != NULL && strstr(err.message, words) == NULL))
		fail_msg("got %s (%s), expected %s (%s)", pith_status_name(status), err.message, pith_status_name(code),
			 words == NULL ? "" : words);
	if (status != PITH_OK) {
		assert_null(gguf);
		assert_int_equal(err.code, code);
		assert_non_null(strstr(err.message, path));
	}
	gguf_close(gguf);
}

static void test_header(void **state)
{
	(void)state;
	buffer_clear(&image);
	put(0, 0);
	expect(PITH_BAD_FILE, "empty");
	assert_true(buffer_append(&image, "GGU", 3));
	expect(PITH_BAD_FILE, "not a GGUF file");
	assert_true(buffer_append(&image, "F", 1));
	expect(PITH_BAD_FILE, "cut short");
	put(1, 4);
	put(0, 8);
	put(0, 8);
	expect(PITH_UNSUPPORTED, "version 1");
	image.data[4] = 0;
	image.data[7] = 3;
	expect(PITH_UNSUPPORTED, "big-endian");
	begin(0, 0);
	expect(PITH_OK, NULL);
	image.length--;
	expect(PITH_BAD_FILE, "cut short");
}

static void test_counts_larger_than_the_file(void **state)
{
	(void)state;
	static const uint64_t counts[] = {1, 1000, (uint64_t)1 << 40, (uint64_t)1 << 63, UINT64_MAX};
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		begin(0, counts[i]);
		expect(PITH_BAD_FILE, "past the end");
		begin(counts[i], 0);
		expect(PITH_BAD_FILE, "past the end");
		for (uint32_t type = GGUF_U8; type <= GGUF_F64; type++) {
			if (type == GGUF_ARRAY)
				continue;
			begin(0, 1);
			put_string("array");
			put(GGUF_ARRAY, 4);
			put(type, 4);
			put(counts[i], 8);
			expect(PITH_BAD_FILE, "the value of array runs past the end");
		}
	}
}

static void test_strings(void **state)
{
	(void)state;
	static const uint64_t lengths[] = {6, 1000, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX - 7};
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		begin(0, 1);
		put(lengths[i], 8);
		put('x', 5);
		expect(PITH_BAD_FILE, "name of a key runs past");
		begin(0, 1);
		put_string("key");
		put(GGUF_STRING, 4);
		put(lengths[i], 8);
		put('x', 5);
		expect(PITH_BAD_FILE, "value of key runs past");
	}
	begin(0, 1);
	put_u32_key("", 1);
	expect(PITH_BAD_FILE, "impossible name of 0 bytes");
	begin(0, 1);
	put(3, 8);
	put('a' | 'b' << 16, 3); /* "a\0b" */
	put(GGUF_BOOL, 4);
	put(1, 1);
	expect(PITH_BAD_FILE, "impossible name of 3 bytes");
	begin(0, 1);
	put(70000, 8);
	for (int i = 0; i < 70000; i++)
		put('k', 1);
	put(GGUF_BOOL, 4);
	put(1, 1);
	expect(PITH_BAD_FILE, "impossible name of 70000 bytes");
}

static void test_types(void **state)
{
	(void)state;
	static const uint32_t unknown[] = {13, 255, 0x80000000u, UINT32_MAX};
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		begin(0, 1);
		put_string("key");
		put(unknown[i], 4);
		put(0, 8);
		expect(PITH_BAD_FILE, "unknown type");
		begin(0, 1);
		put_string("key");
		put(GGUF_ARRAY, 4);
		put(unknown[i], 4);
		put(0, 8);
		expect(PITH_BAD_FILE, "unknown type");
	}
	begin(0, 1);
	put_string("nest");
	put(GGUF_ARRAY, 4);
	put(GGUF_ARRAY, 4);
	put(1, 8);
	expect(PITH_UNSUPPORTED, "nest is an array of arrays");
}

static void test_duplicates(void **state)
{
	(void)state;
	static const uint64_t ne[] = {4};
	begin(0, 3);
	put_u32_key("same", 1);
	put_u32_key("other", 1);
	put_u32_key("same", 2);
	expect(PITH_BAD_FILE, "the key same twice");
	begin(2, 0);
	put_tensor("same", 1, ne, TENSOR_F32, 0);
	put_tensor("same", 1, ne, TENSOR_F32, 0);
	put_data(32);
	expect(PITH_BAD_FILE, "the tensor same twice");
}

static void test_alignment(void **state)
{
	(void)state;
	static const uint32_t impossible[] = {0, 1, 4, 24, 33, UINT32_MAX};
	for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
		begin(0, 1);
		put_u32_key("general.alignment", impossible[i]);
		expect(PITH_BAD_FILE, "general.alignment");
	}
	begin(0, 1);
	put_string("general.alignment");
	put(GGUF_STRING, 4);
	put_string("32");
	expect(PITH_BAD_FILE, "general.alignment");
	/* A power of two that is far larger than the file: fine without tensors, no room for data with them. */
	static const uint64_t ne[] = {4};
	begin(1, 1);
	put_string("general.alignment");
	put(GGUF_U64, 4);
	put((uint64_t)1 << 63, 8);
	put_tensor("t", 1, ne, TENSOR_F32, 0);
	put_data(64);
	expect(PITH_BAD_FILE, "past the end");
}

static void test_shapes(void **state)
{
	(void)state;
	static const struct {
		uint32_t n_dims;
		uint64_t ne[6];
		uint32_t type;
		const char *words;
	} cases[] = {
		{5, {1, 1, 1, 1, 1}, TENSOR_F32, "5 dimensions"},
		{1, {0}, TENSOR_F32, "impossible shape"},
		{4, {1, 1, 1, 0}, TENSOR_F32, "impossible shape"},
		{2, {(uint64_t)1 << 32, (uint64_t)1 << 32}, TENSOR_F32, "impossible shape"},
		{4, {65536, 65536, 65536, 65536}, TENSOR_Q8_0, "impossible shape"},
		{2, {UINT64_MAX, 2}, 99, "impossible shape"},
		{1, {(uint64_t)1 << 62}, TENSOR_F32, "does not fit its type F32"},
		{2, {(uint64_t)1 << 61, 4}, TENSOR_F32, "does not fit its type F32"},
		{1, {33}, TENSOR_Q8_0, "does not fit its type Q8_0"},
		{1, {17}, TENSOR_F32, "past the end"},
		{1, {(uint64_t)1 << 60}, TENSOR_F16, "past the end"},
		{1, {96}, TENSOR_Q8_0, "past the end"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		begin(1, 0);
		put_tensor("tensor", cases[i].n_dims, cases[i].ne, cases[i].type, 0);
		put_data(64);
		expect(PITH_BAD_FILE, cases[i].words);
	}
	begin(1, 0);
	put_string("tensor");
	put(UINT32_MAX, 4);
	expect(PITH_BAD_FILE, "4294967295 dimensions");
	static const uint64_t fits[] = {16};
	begin(1, 0);
	put_tensor("tensor", 1, fits, TENSOR_F32, 0);
	put_data(64);
	expect(PITH_OK, NULL);
	image.length--;
	expect(PITH_BAD_FILE, "cut short");
}

static void test_offsets(void **state)
{
	(void)state;
	static const uint64_t ne[] = {8};
	static const struct {
		uint64_t offset;
		enum pith_status code;
		const char *words;
	} cases[] = {
		{0, PITH_OK, NULL},
		{32, PITH_OK, NULL},
		{16, PITH_BAD_FILE, "not aligned"},
		{33, PITH_BAD_FILE, "not aligned"},
		{64, PITH_BAD_FILE, "past the end"},
		{(uint64_t)1 << 62, PITH_BAD_FILE, "past the end"},
		{UINT64_MAX - 31, PITH_BAD_FILE, "past the end"},
		{UINT64_MAX - 127, PITH_BAD_FILE, "past the end"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		begin(1, 0);
		put_tensor("tensor", 1, ne, TENSOR_F32, cases[i].offset);
		put_data(64);
		expect(cases[i].code, cases[i].words);
	}
}

/* A whole valid file cut at every byte is refused at every byte, except where only padding is missing. */
static void test_every_truncation(void **state)
{
	(void)state;
	size_t size;
	char *data = scratch_read(TESTS_DIR "/core/formats/golden/writable.gguf", &size);
	for (size_t length = 0; length < size; length++) {
		const char *path = scratch_write("cut.gguf", data, length);
		struct gguf *gguf;
		struct pith_error err = {0};
		enum pith_status status = gguf_open(&gguf, path, &err);
		/* The last tensor has 68 bytes of a padded 96. */
		assert_int_equal(status, length >= size - 28 ? PITH_OK : PITH_BAD_FILE);
		gguf_close(gguf);
	}
	free(data);
}

static void test_no_file(void **state)
{
	(void)state;
	struct gguf *gguf;
	struct pith_error err = {0};
	assert_int_equal(gguf_open(&gguf, scratch_path("absent.gguf"), &err), PITH_IO);
	assert_null(gguf);
	assert_int_equal(gguf_open(&gguf, scratch_directory, NULL), PITH_IO);
	gguf_close(NULL);
}

static int teardown(void **state)
{
	buffer_free(&image);
	return scratch_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),           cmocka_unit_test(test_counts_larger_than_the_file),
		cmocka_unit_test(test_strings),          cmocka_unit_test(test_types),
		cmocka_unit_test(test_duplicates),       cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_shapes),           cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_every_truncation), cmocka_unit_test(test_no_file),
	};
	return cmocka_run_group_tests(tests, scratch_setup, teardown);
}
