#define _XOPEN_SOURCE 700
/* A second chance for a rewrite that cannot be used, in words of the text: choosers that the test supplies, good and bad ones. */
#include "compress/rewrite.h"

#include <stdlib.h>
#include <string.h>

#include "support/method_test.h"

static struct pith_model *model;
static const char text[] = "The river 1994 was never wide. In the harbour the engineers measured 41 turbines, and the committee approved "
			   "generation of electricity without delay.";

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	model = plain_model(1);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

/* What the model writes first, and which words it chooses then beside the required ones. */
struct script {
	const char *writes;
	const char *chooses; /* these words, as far as they stand in the text */
	bool forgets;        /* the required ones */
	enum pith_status fails;
	size_t n_asked, n_required;
};

static enum pith_status write_script(void *user, const struct rewrite_request *request, struct rewrite_answer *answer,
                                     const struct pith_control *control, struct pith_error *err)
{
	struct script *script = user;
	(void)request;
	(void)control;
	(void)err;
	assert_true(buffer_append_string(&answer->text, script->writes));
	return PITH_OK;
}

static enum pith_status choose_script(void *user, const struct rewrite_request *request, struct pith_word *words, size_t n,
                                      const bool *required, const struct pith_control *control, struct pith_error *err)
{
	struct script *script = user;
	(void)control;
	script->n_asked++;
	for (size_t w = 0; w < n; w++) {
		char word[64];
		snprintf(word, sizeof word, "%.*s", (int)(words[w].end - words[w].begin), request->text + words[w].begin);
		script->n_required += required[w];
		words[w].kept = (required[w] && !script->forgets) || strstr(script->chooses, word) != NULL;
	}
	return script->fails == PITH_OK ? PITH_OK : fail(err, script->fails, "The chooser is on strike.");
}

static enum pith_status rewrite(struct pith_compressed **out, struct script *script, double least_told, struct pith_error *err)
{
	struct pith_compress_options options = options_of("cmprsr", 0.5);
	struct pith_document *document = small_document(model, text, sizeof text - 1);
	*out = calloc(1, sizeof **out);
	assert_non_null(*out);
	(*out)->info.method = options.method;
	(*out)->info.budget_tokens = document->n_tokens / 2;
	const struct rewriter rewriter = {.write = write_script, .choose = choose_script, .user = script,
	                                  .chunk_tokens = REWRITE_CHUNK_TOKENS, .least_told = least_told};
	enum pith_status status = rewrite_document(*out, document, &options, &rewriter, NULL, err);
	pith_document_destroy(document);
	return status;
}

/* Its words stand, with those that must be kept, and fill the budget. */
static void test_taken(void **state)
{
	(void)state;
	struct pith_compressed *out;
	struct pith_error err;
	struct script script = {.writes = "", .chooses = "harbour turbines, committee"};
	must(rewrite(&out, &script, 0.1, &err), &err);
	assert_int_equal(script.n_asked, 1);
	assert_true(script.n_required >= 3); /* two numbers, a negation */
	assert_int_equal(out->info.n_chunks_in_words, 1);
	assert_int_equal(out->info.n_chunks_extractive, 0);
	assert_int_equal(out->info.compressed_tokens, out->info.budget_tokens);
	static const char *const there[] = {"1994", "never", "41", "harbour", "turbines,", "committee"};
	for (size_t i = 0; i < sizeof there / sizeof *there; i++)
		if (strstr(out->text, there[i]) == NULL)
			fail_msg("no \"%s\" in \"%s\"", there[i], out->text);
	assert_non_null(strstr(out->note, "1 of 1 chunk is written in words of the text alone (no text came 1)."));
	pith_compressed_destroy(out);
}

/* A rewrite without a fault needs no second one. */
static void test_not_needed(void **state)
{
	(void)state;
	struct pith_compressed *out;
	struct pith_error err;
	struct script script = {.writes = "river 1994 never wide. 41 turbines without", .chooses = "harbour"};
	must(rewrite(&out, &script, 0, &err), &err);
	if (strcmp(out->text, script.writes) != 0)
		fail_msg("\"%s\": %s", out->text, out->note);
	assert_int_equal(script.n_asked, 0);
	assert_int_equal(out->info.n_chunks_in_words + out->info.n_chunks_extractive, 0);
	pith_compressed_destroy(out);
}

/* One that says less than the best words, or forgets what must be kept, gives way to them. */
static void test_refused(void **state)
{
	(void)state;
	struct pith_compressed *out, *other;
	struct pith_error err;
	struct script forgets = {.writes = "", .chooses = "river wide harbour engineers measured turbines, committee approved generation",
	                         .forgets = true};
	must(rewrite(&out, &forgets, 0.1, &err), &err);
	assert_int_equal(out->info.n_chunks_extractive, 1);
	assert_int_equal(out->info.n_chunks_in_words, 0);
	assert_non_null(strstr(out->text, "1994"));
	assert_non_null(strstr(out->note, "1 of 1 chunk is kept extractively (no text came 1)."));
	struct script says_less = {.writes = "", .chooses = "The was In the and of"};
	must(rewrite(&other, &says_less, 0.999, &err), &err);
	assert_int_equal(other->info.n_chunks_extractive, 1);
	assert_string_equal(out->text, other->text); /* the best words, whatever was written before */
	pith_compressed_destroy(out);
	pith_compressed_destroy(other);
}

static void test_failure(void **state)
{
	(void)state;
	struct pith_compressed *out;
	struct pith_error err;
	struct script script = {.writes = "", .chooses = "harbour", .fails = PITH_IO};
	expect_failure(rewrite(&out, &script, 0.1, &err), PITH_IO, &err, "on strike");
	pith_compressed_destroy(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_taken), cmocka_unit_test(test_not_needed),
	                                   cmocka_unit_test(test_refused), cmocka_unit_test(test_failure)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
