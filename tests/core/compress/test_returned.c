/* What comes back of a document, counted against a text that is known. */
#define _XOPEN_SOURCE 700
#include "compress/returned.h"

#include <string.h>

#include "support/small_model.h"

static struct pith_model *model;

static int setup(void **state)
{
	char path[600];
	if (scratch_setup(state) != 0)
		return -1;
	small_files("small", 5);
	snprintf(path, sizeof path, "%s", scratch_path("small.gguf"));
	model = small_open(path);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

/* Random rows give back one thing or another; what that is is known from pith_regenerate(). */
static void test_counts(void **state)
{
	(void)state;
	static const char text[] = "The tide was measured in the harbour. The plan was never approved.";
	struct pith_error err;
	struct pith_compress_options options;
	struct pith_compressed *compressed;
	struct pith_generated back;
	struct returned returned;
	struct pith_document *document = small_document(model, text, strlen(text));
	pith_compress_options_init(&options);
	options.method = pith_method_find("500x");
	options.n_tokens = 2;
	must(pith_compress(&compressed, document, &options, NULL, &err), &err);
	must(pith_regenerate(&back, model, compressed, 0, NULL, &err), &err);
	must(returned_measure(&returned, compressed, document, NULL, &err), &err);
	assert_false(returned.exact);
	assert_true(returned.f1 < 0.5 && returned.n_matched == 0);
	pith_document_destroy(document);

	/* Of a document that is what they give back they give back all, but of one that goes on as well. */
	document = small_document(model, back.text, back.length);
	must(returned_measure(&returned, compressed, document, NULL, &err), &err);
	assert_true(returned.exact);
	assert_int_equal(returned.n_matched, document->n_tokens);
	assert_float_equal(returned.f1, 1, 1e-9);
	size_t n = document->n_tokens;
	pith_document_destroy(document);

	struct buffer longer = {0};
	assert_true(buffer_append(&longer, back.text, back.length) && buffer_append_string(&longer, "\n\n1987 1988 1989"));
	document = small_document(model, longer.data, longer.length);
	must(returned_measure(&returned, compressed, document, NULL, &err), &err);
	assert_false(returned.exact);
	assert_in_range(returned.n_matched, n - 1, n);
	assert_true(returned.f1 < 1 && returned.f1 >= 2.0 * (double)(n - 1) / (double)(n + document->n_tokens));
	pith_document_destroy(document);
	buffer_free(&longer);
	pith_generated_free(&back);
	pith_compressed_destroy(compressed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
