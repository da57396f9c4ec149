#define _XOPEN_SOURCE 700
/* `pith inspect`: what models, adapters and soft prompts say of themselves, and files that are none of them or cut short. */
#include <stdlib.h>
#include <string.h>

#include "formats/safetensors.h"
#include "pith/model.h"
#include "support/changed_model.h"

static const char *entry(const struct pith_file_entry *entries, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(entries[i].key, key) == 0)
			return entries[i].value;
	fail_msg("there is no %s", key);
	return NULL;
}

static void test_inspect(void **state)
{
	(void)state;
	struct pith_file_report report;
	struct pith_error err;
	must(pith_inspect(base, &report, &err), &err);
	assert_int_equal(report.kind, PITH_FILE_MODEL);
	assert_int_equal(report.n_tensors, 3 + 2 * 11);
	assert_string_equal(entry(report.metadata, report.n_metadata, "general.architecture"), "qwen3");
	assert_string_equal(entry(report.metadata, report.n_metadata, "qwen3.block_count"), "2");
	assert_string_equal(entry(report.tensors, report.n_tensors, "token_embd.weight"), "F32 [32, 420]");
	assert_string_equal(entry(report.tensors, report.n_tensors, "output_norm.weight"), "F32 [32]");
	pith_file_report_free(&report);
	assert_null(report.tensors);
	pith_file_report_free(&report); /* twice does no harm */

	must(pith_inspect(at("base-answer.gguf"), &report, &err), &err);
	assert_int_equal(report.kind, PITH_FILE_ADAPTER);
	assert_string_equal(entry(report.metadata, report.n_metadata, "pith.purpose"), "answer");
	assert_string_equal(entry(report.tensors, report.n_tensors, "memory_embd.weight"), "F32 [32, 16]");
	pith_file_report_free(&report);

	must(pith_inspect(changed(&(struct change){.extra_key = "general.description", .extra_value = ""}), &report, &err), &err);
	entry(report.metadata, report.n_metadata, "general.description");
	pith_file_report_free(&report);

	float numbers[6] = {0};
	struct tensor tensor = {.name = "x", .type = TENSOR_F32, .n_dims = 2, .ne = {3, 2, 1, 1}, .data = numbers, .size = 24};
	struct safetensors_entry entries[] = {{"format", "pith-soft-prompt-1"}, {"empty", ""}};
	must(safetensors_write(at("x.safetensors"), entries, 2, &tensor, 1, &err), &err);
	must(pith_inspect(at("x.safetensors"), &report, &err), &err);
	assert_int_equal(report.kind, PITH_FILE_SOFT_PROMPT);
	assert_int_equal(report.n_metadata, 2);
	assert_string_equal(entry(report.metadata, report.n_metadata, "empty"), "");
	assert_string_equal(entry(report.tensors, report.n_tensors, "x"), "F32 [3, 2]");
	pith_file_report_free(&report);
	must(safetensors_write(at("x.safetensors"), entries + 1, 1, &tensor, 1, &err), &err);
	must(pith_inspect(at("x.safetensors"), &report, &err), &err);
	assert_int_equal(report.kind, PITH_FILE_UNKNOWN);
	pith_file_report_free(&report);
}

static void test_inspect_refused(void **state)
{
	(void)state;
	struct pith_file_report report;
	struct pith_error err;
	scratch_write("some.txt", "Dear all,\n", 10);
	expect_failure(pith_inspect(at("some.txt"), &report, &err), PITH_BAD_FILE, &err, "neither");
	scratch_write("some.txt", "", 0);
	expect_failure(pith_inspect(at("some.txt"), &report, &err), PITH_BAD_FILE, &err, "neither");
	scratch_write("some.txt", "GGUF", 4);
	expect_failure(pith_inspect(at("some.txt"), &report, &err), PITH_BAD_FILE, &err, "some.txt");
	expect_failure(pith_inspect(at("nowhere"), &report, &err), PITH_IO, &err, "nowhere");
	assert_null(report.metadata);
	size_t size;
	char *data = scratch_read(base, &size);
	for (size_t n = 4; n < size; n += n < 200 ? 7 : 4999) {
		scratch_write("some.gguf", data, n);
		assert_int_equal(pith_inspect(at("some.gguf"), &report, &err), PITH_BAD_FILE);
		assert_null(report.metadata);
		assert_null(report.tensors);
	}
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inspect),
		cmocka_unit_test(test_inspect_refused),
	};
	return cmocka_run_group_tests(tests, base_setup, scratch_teardown);
}
