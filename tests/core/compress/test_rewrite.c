#define _XOPEN_SOURCE 700
/*
 * Rewriting with writers that the test supplies: obedient ones, and ones that write too much, nothing, the same again and again,
 * an answer, something else, or leave facts out. Whatever they do, the budget holds. Tokens are counted here anew.
 */
#include "compress/rewrite.h"

#include <stdlib.h>
#include <string.h>

#include "support/method_test.h"

static struct pith_model *model; /* no chat format, no adapters */

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

/* --- writers ------------------------------------------------------------------------------------------------ */

enum { MOST_CALLS = 64 };

/* What a writer is to do, and what it was asked. */
struct script {
	const char *text;      /* what it writes; NULL: the first words of the chunk */
	double share;          /* with text NULL: of the tokens asked for, that many are used */
	double first_share;    /* of the first request, unless 0 */
	double least_told;     /* of the rewriter */
	bool looped, cut;
	enum pith_status fails;
	size_t n_calls;
	size_t asked[MOST_CALLS];
};

static enum pith_status write_script(void *user, const struct rewrite_request *request, struct rewrite_answer *answer,
                                     const struct pith_control *control, struct pith_error *err)
{
	struct script *script = user;
	(void)control;
	assert_int_equal(answer->text.length, 0);
	double share = script->n_calls == 0 && script->first_share > 0 ? script->first_share : script->share;
	if (script->n_calls < MOST_CALLS)
		script->asked[script->n_calls] = request->n_tokens;
	script->n_calls++;
	if (script->fails != PITH_OK)
		return fail(err, script->fails, "The writer is on strike.");
	answer->looped = script->looped;
	answer->cut = script->cut;
	if (script->text != NULL) {
		assert_true(buffer_append_string(&answer->text, script->text));
		return PITH_OK;
	}
	/* Whole words of the chunk, as many as fit; a token is kept free for the gap before them. */
	size_t fits = 0, most = (size_t)(share * (double)request->n_tokens);
	for (size_t i = 1; i <= request->length; i++)
		if ((i == request->length || request->text[i] == ' ') && count_tokens(model, request->text, i) < most)
			fits = i;
	assert_true(buffer_append(&answer->text, request->text, fits));
	return PITH_OK;
}

static struct pith_compressed *rewrite(const char *text, size_t length, struct script *script, size_t budget, size_t chunk_tokens,
                                       const struct pith_compress_options *options)
{
	struct pith_error err;
	struct pith_document *document = small_document(model, text, length);
	struct pith_compressed *out = calloc(1, sizeof *out);
	assert_non_null(out);
	out->info.method = options->method;
	out->info.budget_tokens = budget;
	const struct rewriter rewriter = {
		.write = write_script, .user = script, .chunk_tokens = chunk_tokens, .least_told = script->least_told};
	must(rewrite_document(out, document, options, &rewriter, NULL, &err), &err);
	pith_document_destroy(document);
	/* What always holds. */
	assert_int_equal(out->info.compressed_tokens, count_tokens(model, out->text, out->text_length));
	assert_int_equal(strlen(out->text), out->text_length);
	if (out->info.compressed_tokens > budget)
		fail_msg("%zu tokens, budget %zu: %s", out->info.compressed_tokens, budget, out->text);
	return out;
}

static struct pith_compress_options vanilla(void)
{
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	options.method = pith_method_find("vanilla");
	assert_non_null(options.method);
	assert_true(options.keep_facts);
	return options;
}

static void expect_note(struct pith_compressed *out, const char *words)
{
	if (strstr(out->note, words) == NULL)
		fail_msg("the note lacks \"%s\": %s", words, out->note);
}

/* --- chunks ------------------------------------------------------------------------------------------------- */

static void test_chunks(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 3);
	for (int round = 0; round < 20; round++) {
		struct buffer text = {0};
		struct pith_error err;
		struct rewrite_chunk *chunks;
		size_t n, at = 0, most = 20 + random_below(&random, 100);
		small_text(&text, &random, 30 + random_below(&random, 400));
		struct pith_document *document = small_document(model, text.data, text.length);
		must(rewrite_chunks(&chunks, &n, document, most, &err), &err);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(chunks[i].begin, at);
			assert_true(chunks[i].end > at);
			/* The token that a cut goes through belongs to both sides. */
			assert_true(chunks[i].n_tokens <= most + 1);
			at = chunks[i].end;
		}
		assert_int_equal(at, text.length);
		free(chunks);
		pith_document_destroy(document);
		buffer_free(&text);
	}
}

static void test_chunk_ends(void **state)
{
	(void)state;
	static const char text[] =
		"The tide was measured. The report was approved! Was the plan not delayed? The river is in "
		"the harbour, and the water of the Danube is in the river, and the budget of the committee is in the "
		"water, and so is the cost of the turbine.";
	struct pith_error err;
	struct rewrite_chunk *chunks;
	size_t n;
	struct pith_document *document = small_document(model, text, sizeof text - 1);
	must(rewrite_chunks(&chunks, &n, document, 24, &err), &err);
	assert_true(n >= 4);
	for (size_t i = 0; i + 1 < n; i++) {
		/* At ends of sentences, and at white space where one sentence alone is longer. */
		assert_int_equal(text[chunks[i].end - 1], ' ');
		if (chunks[i].end <= (size_t)(strstr(text, "The river") - text))
			assert_non_null(strchr(".!?", text[chunks[i].end - 2]));
	}
	free(chunks);
	pith_document_destroy(document);
}

/* --- budgets ------------------------------------------------------------------------------------------------ */

static void test_budgets(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 11);
	struct pith_compress_options options = vanilla();
	for (int round = 0; round < 24; round++) {
		struct buffer text = {0};
		small_text(&text, &random, 20 + random_below(&random, 200));
		size_t n = count_tokens(model, text.data, text.length);
		size_t budget = 1 + random_below(&random, n);
		options.keep_facts = round % 2 == 0;
		struct script script = {.share = round % 3 == 0 ? 1.5 : 0.9, .text = round % 5 == 4 ? text.data : NULL};
		struct pith_compressed *out = rewrite(text.data, text.length, &script, budget, 60, &options);
		assert_true(out->info.n_chunks >= n / 61);
		assert_true(out->info.n_chunks_extractive <= out->info.n_chunks);
		pith_compressed_destroy(out);
		buffer_free(&text);
	}
}

/* Sentences that every writer can shorten without losing facts. */
static const char plain[] =
	"the river is in the harbour and the water is in the river. the plan was measured by the engineers of the "
	"harbour and the energy of the tide. the report was approved by the committee and the meeting was in the "
	"harbour. the cost of the turbine was the budget of the plan and the energy. the water of the river was "
	"electricity for the harbour and generation for the committee.";

/* What a chunk leaves, the next ones get. */
static void test_sharing(void **state)
{
	(void)state;
	struct pith_compress_options options = vanilla();
	options.keep_facts = false;
	size_t n = count_tokens(model, plain, sizeof plain - 1), budget = n / 2;
	struct script even = {.share = 0.95}, thrifty = {.share = 0.95, .first_share = 0.3};
	struct pith_compressed *out = rewrite(plain, sizeof plain - 1, &even, budget, 40, &options);
	assert_int_equal(out->info.n_chunks_extractive, 0);
	assert_true(out->info.n_chunks >= 3);
	assert_int_equal(even.n_calls, out->info.n_chunks);
	assert_string_equal(out->note, "");
	pith_compressed_destroy(out);
	out = rewrite(plain, sizeof plain - 1, &thrifty, budget, 40, &options);
	assert_int_equal(thrifty.asked[0], even.asked[0]);
	assert_true(thrifty.asked[1] > even.asked[1]);
	assert_true(thrifty.asked[2] > even.asked[2]);
	expect_note(out, "over-compression 1");
	pith_compressed_destroy(out);
}

static void test_whole(void **state)
{
	(void)state;
	struct pith_compress_options options = vanilla();
	static const char text[] = " \n The tide was not measured on 14 Monday.\n\n";
	struct script script = {.share = 1};
	struct pith_compressed *out =
		rewrite(text, sizeof text - 1, &script, count_tokens(model, text, sizeof text - 1), 512, &options);
	assert_string_equal(out->text, text);
	assert_int_equal(script.n_calls, 0);
	pith_compressed_destroy(out);
	/* Too little to write anything in: words, and nobody is asked. */
	out = rewrite(text, sizeof text - 1, &script, 3, 512, &options);
	assert_int_equal(script.n_calls, 0);
	assert_int_equal(out->info.n_chunks_extractive, 1);
	expect_note(out, "budget too small to write in 1");
	pith_compressed_destroy(out);
}

/* --- faults ------------------------------------------------------------------------------------------------- */

static const char facts[] =
	"The committee of the Danube approved 4711 in the harbour and not 12, and the engineers measured the tide and "
	"the cost of the turbine and the energy of the water in the harbour.";

/* One chunk, a third of its tokens: what does this text come to? */
static struct pith_compressed *judge(const char *source, const char *written, bool looped, bool keep_facts, struct script *script)
{
	struct pith_compress_options options = vanilla();
	options.keep_facts = keep_facts;
	*script = (struct script){.text = written, .looped = looped};
	size_t budget = count_tokens(model, source, strlen(source)) / 2;
	return rewrite(source, strlen(source), script, budget, 512, &options);
}

static void expect_words(const char *source, const char *written, bool looped, const char *note)
{
	struct script script;
	struct pith_compressed *out = judge(source, written, looped, true, &script);
	assert_int_equal(out->info.n_chunks, 1);
	if (out->info.n_chunks_extractive != 1 || strcmp(out->text, written) == 0)
		fail_msg("\"%s\" was taken: %s", written, out->note);
	assert_true(out->text_length > 0);
	expect_note(out, note);
	pith_compressed_destroy(out);
}

static void test_faults(void **state)
{
	(void)state;
	struct script script;
	struct buffer filler = {0};
	expect_words(facts, "", false, "1 of 1 chunk is kept extractively (no text came 1).");
	expect_words(facts, "   \n", false, "no text came 1");
	expect_words(facts, "<think>the harbour", false, "no text came 1");
	expect_words(facts, "committee approved", true, "repeated itself 1");
	expect_words(plain, "the tide the tide the tide the tide the tide the tide the tide", false, "repeated itself 1");
	expect_words(facts, "committee approved the cost", false, "lost facts 1");
	expect_words(
		"Was the plan of the committee approved in the harbour and the budget measured by the engineers of the tide?",
		"Yes, it is.", false, "answered a question 1).");
	expect_words(plain, "Cats sleep most hours, purring softly", false, "left the text 1");
	/* Too long, twice: the second time less was asked for. */
	assert_true(buffer_append_string(&filler, facts) && buffer_append_string(&filler, facts));
	struct pith_compressed *out = judge(facts, filler.data, false, true, &script);
	assert_int_equal(script.n_calls, 2);
	assert_true(script.asked[1] < script.asked[0]);
	expect_note(out, "too long twice 1");
	assert_int_equal(out->info.compressed_tokens, out->info.budget_tokens);
	pith_compressed_destroy(out);
	buffer_free(&filler);
	/* So is a text without an end, however long it is. */
	struct pith_compress_options options = vanilla();
	script = (struct script){.text = "the river", .cut = true};
	out = rewrite(plain, sizeof plain - 1, &script, 50, 512, &options);
	assert_int_equal(script.n_calls, 2);
	assert_true(script.asked[1] < script.asked[0]);
	expect_note(out, "too long twice 1");
	pith_compressed_destroy(out);
	/* Without the check the text stays, and the sign is named. */
	out = judge(plain, "Cats sleep most hours, purring softly", false, false, &script);
	assert_string_equal(out->text, "Cats sleep most hours, purring softly");
	assert_int_equal(out->info.n_chunks_extractive, 0);
	expect_note(out, "Signs seen in rewrites: drift 1");
	pith_compressed_destroy(out);
}

/* Facts are lost, but the words would lose more: the rewrite stays, and what it lacks is said. */
static void test_fewer_losses(void **state)
{
	(void)state;
	static const char text[] =
		"the river 11 21 31 41 51 61 71 81 91 101 111 121 131 141 151 161 171 181 191 is in the harbour";
	struct pith_compress_options options = vanilla();
	options.keep_digits = false;
	struct script script = {.text = "11 21 31 41 51 61 71 81"};
	size_t budget = count_tokens(model, script.text, strlen(script.text)) + 1;
	struct pith_compressed *out = rewrite(text, sizeof text - 1, &script, budget, 512, &options);
	assert_string_equal(out->text, script.text);
	expect_note(out, "The rewrites lack: numbers 11.");
	pith_compressed_destroy(out);
}

/* A rewrite that loses no fact and says little: it stays where nobody looks, or where it says as much as the words. */
static void test_says_less(void **state)
{
	(void)state;
	static const char little[] = "the river and the water of the river is in the water";
	struct pith_compress_options options = vanilla();
	struct script script = {.text = little};
	size_t budget = count_tokens(model, plain, sizeof plain - 1) / 3;
	struct pith_compressed *out = rewrite(plain, sizeof plain - 1, &script, budget, 512, &options);
	assert_string_equal(out->text, little);
	pith_compressed_destroy(out);
	script.least_told = 0.85;
	out = rewrite(plain, sizeof plain - 1, &script, budget, 512, &options);
	assert_string_not_equal(out->text, little);
	expect_note(out, "said less than these words 1");
	char *words = strdup(out->text);
	pith_compressed_destroy(out);
	/* As much as the words: their own text. */
	script.text = words;
	out = rewrite(plain, sizeof plain - 1, &script, budget, 512, &options);
	assert_int_equal(out->info.n_chunks_extractive, 0);
	pith_compressed_destroy(out);
	free(words);
	/* Nor is it looked at where no rewrite is refused. */
	options.keep_facts = false;
	script.text = little;
	out = rewrite(plain, sizeof plain - 1, &script, budget, 512, &options);
	assert_string_equal(out->text, little);
	pith_compressed_destroy(out);
}

static void test_wrapping(void **state)
{
	(void)state;
	struct script script;
	static const char good[] = "The committee of the Danube approved 4711, not 12, and measured";
	static const char *const forms[] = {"%s", "<think>\nhm, hm\n</think>\n\n%s\n", "Here is the rewritten text:\n\n%s",
					    "  %s\n\n", "```text\n%s\n```", "\"%s\"", "{\"compressed\": \"%s\"}"};
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		char written[300];
		const char *place = strstr(forms[i], "%s");
		snprintf(written, sizeof written, "%.*s%s%s", (int)(place - forms[i]), forms[i], good, place + 2);
		struct pith_compressed *out = judge(facts, written, false, true, &script);
		assert_string_equal(out->text, good);
		assert_string_equal(out->note, "");
		pith_compressed_destroy(out);
	}
}

static void test_pins(void **state)
{
	(void)state;
	struct pith_compress_options options = vanilla();
	size_t place = (size_t)(strstr(plain, "generation") - plain);
	const struct pith_pin pin = {place, place + strlen("generation")};
	options.pins = &pin;
	options.n_pins = 1;
	struct script without = {.text = "the river is in the harbour and the plan was measured"};
	struct script with = {.text = "the river is in the harbour and generation was measured"};
	size_t budget = count_tokens(model, plain, sizeof plain - 1) / 2;
	struct pith_compressed *out = rewrite(plain, sizeof plain - 1, &without, budget, 512, &options);
	assert_int_equal(out->info.n_chunks_extractive, 1);
	assert_non_null(strstr(out->text, "generation"));
	pith_compressed_destroy(out);
	out = rewrite(plain, sizeof plain - 1, &with, budget, 512, &options);
	assert_int_equal(out->info.n_chunks_extractive, 0);
	assert_int_equal(out->info.n_must_keep_dropped, 0);
	pith_compressed_destroy(out);
	/* Pins are kept where nobody cares for facts, too; and of facts nothing is said then. */
	options.keep_facts = false;
	out = rewrite(plain, sizeof plain - 1, &without, budget, 512, &options);
	assert_int_equal(out->info.n_chunks_extractive, 1);
	assert_non_null(strstr(out->text, "generation"));
	pith_compressed_destroy(out);
	out = rewrite(plain, sizeof plain - 1, &with, budget, 512, &options);
	assert_string_equal(out->text, with.text);
	assert_null(strstr(out->note, "lack"));
	pith_compressed_destroy(out);
	options.keep_facts = true;
	/* One that no chunk holds whole is missed all the same. */
	const struct pith_pin all = {0, sizeof plain - 1};
	options.pins = &all;
	out = rewrite(plain, sizeof plain - 1, &with, budget, 20, &options);
	assert_true(out->info.n_chunks >= 2);
	assert_int_equal(out->info.n_must_keep_dropped, 1);
	expect_note(out, "1 pin is not in the text.");
	pith_compressed_destroy(out);
}

/* --- ends --------------------------------------------------------------------------------------------------- */

static void test_failure_and_cancel(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_compress_options options = vanilla();
	struct pith_document *document = small_document(model, plain, sizeof plain - 1);
	atomic_bool cancel = true;
	const struct pith_control control = {.cancel = &cancel};
	for (int round = 0; round < 2; round++) {
		struct script script = {.share = 0.9, .fails = round == 0 ? PITH_IO : PITH_OK};
		const struct rewriter rewriter = {.write = write_script, .user = &script, .chunk_tokens = 40};
		struct pith_compressed *out = calloc(1, sizeof *out);
		assert_non_null(out);
		out->info.budget_tokens = 50;
		enum pith_status status =
			rewrite_document(out, document, &options, &rewriter, round == 0 ? NULL : &control, &err);
		if (round == 0)
			expect_failure(status, PITH_IO, &err, "on strike");
		else
			expect_failure(status, PITH_CANCELLED, &err, "Cancelled.");
		assert_int_equal(script.n_calls, round == 0);
		assert_null(out->text);
		pith_compressed_destroy(out);
	}
	pith_document_destroy(document);
}

static void test_prompt(void **state)
{
	(void)state;
	struct buffer prompt = {0};
	static const char text[] = "Ten words stand in this text, and no more. \xff";
	const struct rewrite_request request = {text, sizeof text - 1, 20, 10};
	assert_true(rewrite_prompt(&prompt, &request));
	const char *place = strstr(prompt.data, "Ten words stand in this text, and no more. \xef\xbf\xbd\n</text>");
	assert_non_null(place);
	/* The condition stands behind the text. */
	assert_non_null(strstr(place, "at most 10 tokens (about 5 words)"));
	buffer_free(&prompt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_chunk_ends),
		cmocka_unit_test(test_budgets),
		cmocka_unit_test(test_sharing),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_fewer_losses),
		cmocka_unit_test(test_says_less),
		cmocka_unit_test(test_wrapping),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_failure_and_cancel),
		cmocka_unit_test(test_prompt),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
