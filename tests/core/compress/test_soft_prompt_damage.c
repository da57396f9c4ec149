#define _XOPEN_SOURCE 700
/*
 * Soft prompts on disk that are cut short, damaged byte by byte, or lie: each
 * is refused with a sentence that says why, or does no harm.
 */
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "formats/safetensors.h"
#include "pith/expand.h"
#include "support/saved_prompt.h"

static void test_truncated(void **state)
{
	(void)state;
	char path[600];
	size_t size;
	char *data = scratch_read(saved, &size);
	in_scratch(path, "cut.safetensors");
	for (size_t n = 0; n < size; n += n < 64 || size - n < 64 ? 1 : 61) {
		struct pith_compressed *loaded;
		struct pith_error err = {0};
		scratch_write("cut.safetensors", data, n);
		assert_int_equal(pith_compressed_load(&loaded, model, path, &err), PITH_BAD_FILE);
		assert_null(loaded);
		assert_int_equal(err.code, PITH_BAD_FILE);
		assert_non_null(strstr(err.message, path));
	}
	/* Too long is no better. */
	char *longer = calloc(size + 4, 1);
	assert_non_null(longer);
	memcpy(longer, data, size);
	scratch_write("cut.safetensors", longer, size + 4);
	refuse(model, path, PITH_BAD_FILE, "");
	free(longer);
	free(data);
}

/* Numbers that are none would regenerate blanks. */
static void test_damaged_numbers(void **state)
{
	(void)state;
	char path[600];
	size_t size;
	char *data = scratch_read(saved, &size);
	memset(data + size - 4, 0xff, 4);
	scratch_write("numbers.safetensors", data, size);
	refuse(model, in_scratch(path, "numbers.safetensors"), PITH_BAD_FILE, "numbers that are none");
	free(data);
}

/* One damaged byte anywhere in the header: refused, or harmless; what is loaded can be read. */
static void test_damaged_header(void **state)
{
	(void)state;
	static const unsigned char masks[] = {0x01, 0x02, 0x10, 0x80};
	char path[600];
	size_t size, n_loaded = 0, n_refused = 0;
	char *data = scratch_read(saved, &size);
	in_scratch(path, "damaged.safetensors");
	size_t header = 8 + ((unsigned char)data[0] | (size_t)(unsigned char)data[1] << 8);
	assert_true(header < size && header > 300);
	for (size_t i = 0; i < header; i++) {
		char byte = data[i];
		data[i] = (char)(byte ^ (char)masks[i % 4]);
		scratch_write("damaged.safetensors", data, size);
		data[i] = byte;
		struct pith_compressed *loaded;
		struct pith_error err = {0};
		enum pith_status status = pith_compressed_load(&loaded, model, path, &err);
		if (status == PITH_OK) {
			struct pith_generated out;
			must(pith_regenerate(&out, model, loaded, 3, NULL, &err), &err);
			pith_generated_free(&out);
			n_loaded++;
		} else {
			assert_int_equal(err.code, status);
			assert_true(strlen(err.message) > 10);
			n_refused++;
		}
		pith_compressed_destroy(loaded);
	}
	/* The hash of the source and the remark on the keys take up a hundred bytes that nothing depends on. */
	assert_true(n_refused > 5 * n_loaded);
	free(data);
}

/* --- forged files --------------------------------------------------------------------------------------- */

/* The saved file with one value of its metadata replaced; value NULL: taken away. tensors: what follows. */
static const char *forge(const char *key, const char *value, const struct tensor *tensors, size_t n_tensors)
{
	static char path[600];
	struct safetensors *file;
	struct safetensors_entry entries[32];
	struct tensor all[4];
	struct pith_error err;
	size_t n = 0, n_all;
	must(safetensors_open(&file, saved, &err), &err);
	for (n_all = 0; safetensors_metadata_at(file, n_all, &entries[n].key, &entries[n].value); n_all++) {
		assert_true(n_all < 31);
		if (strcmp(entries[n].key, key) != 0)
			n++;
	}
	assert_int_equal(n + 1, n_all + (key[0] == '\0'));
	if (value != NULL)
		entries[n++] = (struct safetensors_entry){key, value};
	if (tensors == NULL) {
		n_tensors = safetensors_n_tensors(file);
		assert_true(n_tensors <= 4);
		for (size_t i = 0; i < n_tensors; i++)
			all[i] = *safetensors_tensor(file, i);
	}
	must(safetensors_write(in_scratch(path, "forged.safetensors"), entries, n, tensors == NULL ? all : tensors, n_tensors,
			       &err),
	     &err);
	safetensors_close(file);
	return path;
}

static void test_forged_metadata(void **state)
{
	(void)state;
	static const struct {
		const char *key, *value;
		enum pith_status code;
		const char *words;
	} cases[] = {
		{"format", "pith-soft-prompt-2", PITH_BAD_FILE, "pith-soft-prompt-1"},
		{"format", NULL, PITH_BAD_FILE, "pith-soft-prompt-1"},
		{"method", "gist", PITH_UNSUPPORTED, "gist"},
		{"method", "selfinfo", PITH_UNSUPPORTED, "selfinfo"},
		{"method", NULL, PITH_BAD_FILE, "method"},
		{"base_fingerprint", NULL, PITH_BAD_FILE, "base_fingerprint"},
		{"base_fingerprint", "0123456789abcdef0123456789abcdef", PITH_MISMATCH, "another model"},
		{"base_fingerprint", "0123456789abcdef0123456789abcdef0", PITH_BAD_FILE, "base_fingerprint"},
		{"base_fingerprint", "", PITH_MISMATCH, "another model"},
		{"tokenizer_fingerprint", "x", PITH_MISMATCH, "another tokenizer"},
		{"tokenizer_fingerprint", NULL, PITH_BAD_FILE, "tokenizer_fingerprint"},
		{"source_hash", NULL, PITH_BAD_FILE, "source_hash"},
		{"memory_tokens", NULL, PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "0", PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "-1", PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "twenty", PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "20 ", PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "", PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "99999999999999999999999", PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "21", PITH_MISMATCH, "expected [21, 64]"},
		{"original_tokens", "4294967295", PITH_BAD_FILE, "do not add up"},
		{"original_tokens", "0", PITH_BAD_FILE, "original_tokens"},
		{"original_bytes", NULL, PITH_BAD_FILE, "original_bytes"},
		{"regenerate.spans", NULL, PITH_BAD_FILE, "regenerate.spans"},
		{"answer.spans", NULL, PITH_BAD_FILE, "answer.spans"},
		{"answer.spans", "", PITH_BAD_FILE, "do not add up"},
		{"regenerate.read_position", NULL, PITH_BAD_FILE, "regenerate.read_position"},
		{"regenerate.read_position", "16", PITH_BAD_FILE, "position 16"},
		{"answer.read_position", "4000000000", PITH_BAD_FILE, "position 4000000000"},
		{"regenerate.adapter_fingerprint", NULL, PITH_BAD_FILE, "regenerate.adapter_fingerprint"},
		{"answer.adapter_fingerprint", "0", PITH_MISMATCH, "another adapter for answer"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		refuse(model, forge(cases[i].key, cases[i].value, NULL, 0), cases[i].code, cases[i].words);
	struct pith_compressed *loaded;
	struct pith_error err;
	must(pith_compressed_load(&loaded, model, forge("", "", NULL, 0), &err), &err); /* the forging itself does no harm */
	pith_compressed_destroy(loaded);
}

static void test_forged_spans(void **state)
{
	(void)state;
	struct buffer text = {0};
	struct pith_compressed *loaded;
	struct pith_error err;
	size_t n = document->n_tokens;
	/* In each, %1 is all tokens and %2 all but one. */
	static const char *const wrong[] = {
		"20:N,",     ",20:N",      "20:N,0:0",  "0:1,20:M",   "10:N",      "10:M,10:M",        "20:N,x",
		"20",        "20:",        ":N",        "-20:N",      "10:1;10:M", "10:1,10:M,",       "10:1,,10:M",
		"10 :1,10:M", "0x14:N",     "10:1,18446744073709551626:M", "10:18446744073709551617,10:M", "10:N,10:N",
		"5:1,5:1,5:1,5:M",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		buffer_clear(&text);
		for (const char *c = wrong[i]; *c != '\0'; c++) {
			if (*c == 'N' || *c == 'M')
				assert_true(buffer_printf(&text, "%zu", *c == 'N' ? n : n - 1));
			else
				assert_true(buffer_append(&text, c, 1));
		}
		refuse(model, forge("regenerate.spans", text.data, NULL, 0), PITH_BAD_FILE, "do not add up");
	}
	/* They add up, but no span can have more memory tokens than the adapter. */
	buffer_clear(&text);
	assert_true(buffer_printf(&text, "20:%zu", n));
	refuse(model, forge("regenerate.spans", text.data, NULL, 0), PITH_BAD_FILE, "a span has 20 memory tokens");
	/* More spans than memory tokens, cheaply refused. */
	buffer_clear(&text);
	for (int i = 0; i < 3000; i++)
		assert_true(buffer_append_string(&text, i == 0 ? "1:1" : ",1:1"));
	refuse(model, forge("regenerate.spans", text.data, NULL, 0), PITH_BAD_FILE, "more spans");
	/* Others than those that were saved: a question would stand elsewhere. */
	buffer_clear(&text);
	assert_true(buffer_printf(&text, "4:%zu,16:1", n - 1));
	refuse(model, forge("answer.spans", text.data, NULL, 0), PITH_BAD_FILE, "with these spans");
	/* Consistent for regeneration, which begins at 0 always: read as they are. */
	buffer_clear(&text);
	assert_true(buffer_printf(&text, "4:%zu,16:1", n - 1));
	must(pith_compressed_load(&loaded, model, forge("regenerate.spans", text.data, NULL, 0), &err), &err);
	struct pith_generated out;
	must(pith_regenerate(&out, model, loaded, 0, NULL, &err), &err);
	pith_generated_free(&out);
	pith_compressed_destroy(loaded);
	buffer_free(&text);
}

static void test_forged_tensors(void **state)
{
	(void)state;
	const struct rows *rows = &compressed->rows[PITH_REGENERATE];
	size_t size = K * ROW_FLOATS * sizeof(float);
	struct tensor good = {.name = "prompt_embeddings", .type = TENSOR_F32, .n_dims = 2, .ne = {ROW_FLOATS, K, 1, 1},
	                      .data = rows->data, .size = size};
	struct tensor tensor = good;
	tensor.name = "embeddings";
	refuse(model, forge("", "", &tensor, 1), PITH_BAD_FILE, "prompt_embeddings is missing");
	refuse(model, forge("", "", &good, 1), PITH_BAD_FILE, "answer.prompt_embeddings is missing");
	tensor = good;
	tensor.ne[0] = K;
	tensor.ne[1] = ROW_FLOATS;
	refuse(model, forge("", "", &tensor, 1), PITH_MISMATCH, "[64, 20], expected [20, 64]");
	tensor = good;
	tensor.n_dims = 1;
	tensor.ne[0] = K * ROW_FLOATS;
	tensor.ne[1] = 1;
	refuse(model, forge("", "", &tensor, 1), PITH_MISMATCH, "expected [20, 64]");
	tensor = good;
	tensor.n_dims = 3;
	tensor.ne[0] = ROW_FLOATS / 2;
	tensor.ne[2] = 2;
	refuse(model, forge("", "", &tensor, 1), PITH_MISMATCH, "expected [20, 64]");
	tensor = good;
	tensor.type = TENSOR_F16;
	tensor.size /= 2;
	refuse(model, forge("", "", &tensor, 1), PITH_MISMATCH, "prompt_embeddings");

	/* One purpose of the two is a whole file. */
	struct pith_compressed *loaded;
	struct pith_error err;
	must(pith_compressed_load(&loaded, model, forge("answer.spans", NULL, &good, 1), &err), &err);
	assert_true(pith_compressed_info(loaded)->has_purpose[PITH_REGENERATE]);
	assert_false(pith_compressed_info(loaded)->has_purpose[PITH_ANSWER]);
	assert_int_equal(pith_compressed_info(loaded)->compressed_bytes, size);
	pith_compressed_destroy(loaded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_damaged_numbers),
		cmocka_unit_test(test_damaged_header),
		cmocka_unit_test(test_forged_metadata),
		cmocka_unit_test(test_forged_spans),
		cmocka_unit_test(test_forged_tensors),
	};
	return cmocka_run_group_tests(tests, saved_setup, saved_teardown);
}
