#define _XOPEN_SOURCE 700
/*
 * LLMLingua: every segment is scored behind BOS and what survived before it,
 * which is checked against reading just that from nothing; budgets, pins,
 * cancelling, documents longer than the context; and the published faults.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "compress/select_words.h"
#include "model/session.h"
#include "support/method_test.h"

enum { SEGMENT = 128, HEAD = 10 }; /* a quarter of the small context; what stays of its begin */

static struct pith_model *model;

static int setup(void **state)
{
	/* Which tokens are read behind which is seen to 1e-3: without the tiles, which round. */
	setenv("PITH_CPU", "avx512", 1);
	if (scratch_setup(state) != 0)
		return -1;
	model = plain_model(3);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

static void test_budget(void **state)
{
	(void)state;
	check_budgets(model, "llmlingua", (const size_t[3]){30, 150, 420});
}

/* --- scores, by the definition ---------------------------------------------------------------------------- */

/* Losses of the tokens [begin, end) behind BOS and those of the n survivors that are not skipped, all read from nothing. */
static void read_naively(const struct pith_document *document, const size_t *survivors, size_t n, size_t skipped, size_t begin,
			 size_t end, float *losses)
{
	struct session *session;
	struct pith_error err;
	int32_t *ids = malloc((1 + n + end - begin) * sizeof *ids);
	size_t n_ids = 1, before;
	assert_non_null(ids);
	ids[0] = tokenizer_bos(model->tokenizer);
	for (size_t i = 0; i < n; i++)
		if (i < HEAD || i >= HEAD + skipped)
			ids[n_ids++] = document->tokens[survivors[i]].id;
	before = n_ids - 1;
	for (size_t t = begin; t < end; t++)
		ids[n_ids++] = document->tokens[t].id;
	struct session_input input = {.ids = ids, .n = n_ids - 1};
	must(session_create(&session, &model->transformer, model->pool, n_ids, &err), &err);
	must(session_read(session, &input, NULL, &err), &err);
	must(session_losses(session, before, ids + 1 + before, end - begin, losses, &err), &err);
	session_destroy(session);
	free(ids);
}

/* The word of a token: the first that ends behind the token's begin, or that it is the white space behind. */
static size_t word_of(const struct pith_document *document, const struct pith_word *words, size_t n_words, size_t token)
{
	size_t w = n_words;
	while (w-- > 1)
		if (words[w].begin < document->tokens[token].end && document->tokens[token].begin >= words[w - 1].end)
			return w;
	return 0;
}

/* Mean losses of the words of a segment into means; false for the word that others of the segment push out of the budget. */
static void choose_naively(const struct pith_document *document, const struct pith_word *words, size_t n_words, size_t first,
			   size_t end_word, const float *losses, size_t budget, float *means, bool *stays, size_t *n_kept)
{
	for (size_t w = first; w < end_word; w++) {
		double sum = 0;
		for (size_t t = 0; t < document->n_tokens; t++)
			if (document->tokens[t].begin < words[w].end && document->tokens[t].end > words[w].begin)
				sum += (double)losses[t];
		means[w] = (float)(sum / words[w].n_tokens);
		stays[w] = false;
	}
	size_t left = budget;
	for (size_t turn = first; turn < end_word; turn++) {
		size_t best = n_words;
		for (size_t w = first; w < end_word; w++)
			if (!isnan(means[w]) && words[w].n_tokens <= left && !stays[w] &&
			    (best == n_words || means[w] > means[best]))
				best = w;
		if (best == n_words)
			break;
		stays[best] = true;
		left -= words[best].n_tokens;
	}
	*n_kept += budget - left;
}

/*
 * Scores of words must be what reading segment after segment from nothing
 * gives. Where the cache overflows the first tokens stay, and the newest.
 */
static void check_scores(size_t document_words, double rate, size_t least_skipped)
{
	struct pith_document *document = document_of_words(model, document_words, 30);
	struct pith_compress_options options = options_of("llmlingua", rate);
	protect_words(&options, false);
	struct pith_compressed *compressed = compress(document, &options);
	size_t n_words, n = document->n_tokens, n_survivors = 0, n_kept = 0, n_segments = 0, skipped = 0;
	const struct pith_word *words = pith_compressed_words(compressed, &n_words);
	size_t budget = pith_compressed_info(compressed)->budget_tokens, *survivors = malloc(n * sizeof *survivors);
	float *losses = malloc(n * sizeof *losses), *means = malloc(n_words * sizeof *means);
	bool *stays = malloc(n_words * sizeof *stays);
	assert_true(survivors != NULL && losses != NULL && means != NULL && stays != NULL);
	for (size_t begin = 0, end; begin < n; begin = end, n_segments++) {
		for (end = n - begin < SEGMENT ? n : begin + SEGMENT;
		     end < n && word_of(document, words, n_words, end) == word_of(document, words, n_words, end - 1);)
			end--;
		size_t first = word_of(document, words, n_words, begin),
		       end_word = word_of(document, words, n_words, end - 1) + 1;
		if (n_survivors - skipped + end - begin > SMALL_CONTEXT)
			skipped = 1 + n_survivors - (SMALL_CONTEXT - (end - begin)) / 2;
		read_naively(document, survivors, n_survivors, skipped, begin, end, losses + begin);
		choose_naively(document, words, n_words, first, end_word, losses,
			       (size_t)((double)budget * (double)end / (double)n) - n_kept, means, stays, &n_kept);
		for (size_t t = begin; t < end; t++)
			if (stays[word_of(document, words, n_words, t)])
				survivors[n_survivors++] = t;
	}
	assert_true(n_segments >= 3 && n_survivors > 20 && n_survivors < n && skipped >= least_skipped);
	for (size_t w = 0; w < n_words; w++)
		assert_float_equal(words[w].score, means[w], 1e-3f * (1 + means[w]));
	free(survivors);
	free(losses);
	free(means);
	free(stays);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

static void test_scores(void **state)
{
	(void)state;
	check_scores(110, 0.4, 0);
	check_scores(700, 0.8, 600); /* overflows more than once */
}

/* In one segment nothing has gone yet: the scores are those of the whole text. */
static void test_one_segment(void **state)
{
	(void)state;
	struct pith_document *document = document_of_words(model, 30, 31);
	assert_in_range(document->n_tokens, 20, SEGMENT);
	struct pith_compress_options options = options_of("llmlingua", 0.3);
	struct pith_compressed *one = compress(document, &options);
	options.method = pith_method_find("selfinfo");
	struct pith_compressed *other = compress(document, &options);
	size_t n, m;
	const struct pith_word *a = pith_compressed_words(one, &n), *b = pith_compressed_words(other, &m);
	assert_int_equal(n, m);
	for (size_t w = 0; w < n; w++)
		assert_float_equal(a[w].score, b[w].score, 1e-4f);
	assert_string_equal(one->text, other->text);
	pith_compressed_destroy(one);
	pith_compressed_destroy(other);
	pith_document_destroy(document);
}

/* --- pins, long documents, cancelling -------------------------------------------------------------------------- */

static void test_pins(void **state)
{
	(void)state;
	struct pith_document *document = document_of_words(model, 300, 40);
	struct pith_pin pin = {document->length / 2, document->length / 2 + 60};
	struct pith_compress_options options = options_of("llmlingua", 0.2);
	protect_words(&options, false);
	options.pins = &pin;
	options.n_pins = 1;
	struct pith_compressed *compressed = compress(document, &options);
	size_t n, n_pinned = 0;
	const struct pith_word *words = pith_compressed_words(compressed, &n);
	for (size_t w = 0; w < n; w++) {
		if (words[w].begin >= pin.end || pin.begin >= words[w].end)
			continue;
		n_pinned++;
		assert_true(words[w].kept && words[w].must_keep);
	}
	assert_true(n_pinned > 5);
	assert_int_equal(pith_compressed_info(compressed)->compressed_tokens, pith_compressed_info(compressed)->budget_tokens);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

struct watcher {
	double last;
	int n_calls, cancel_at;
	atomic_bool cancel;
};

static void watch(void *user, const char *what, double done, double total)
{
	struct watcher *watcher = user;
	assert_string_equal(what, "scoring");
	assert_true(done > watcher->last && done <= total);
	watcher->last = done;
	if (++watcher->n_calls == watcher->cancel_at)
		atomic_store(&watcher->cancel, true);
}

/* Survivors alone are more than the context holds, several times; the same comes out twice. */
static void test_long(void **state)
{
	(void)state;
	struct pith_document *document = document_of_words(model, 1500, 50);
	assert_true(document->n_tokens > 4 * SMALL_CONTEXT);
	for (int r = 0; r < 2; r++) {
		struct pith_compress_options options = options_of("llmlingua", r == 0 ? 0.7 : 0.15);
		struct watcher watcher = {.last = 0};
		struct pith_control control = {.progress = watch, .user = &watcher, .cancel = &watcher.cancel};
		struct pith_compressed *first, *again = compress(document, &options);
		struct pith_error err;
		must(pith_compress(&first, document, &options, &control, &err), &err);
		const struct pith_compressed_info *info = pith_compressed_info(first);
		assert_true(watcher.n_calls > 10);
		if (info->n_must_keep_dropped == 0)
			assert_int_equal(info->compressed_tokens, info->budget_tokens);
		assert_string_equal(first->text, again->text);
		pith_compressed_destroy(first);
		pith_compressed_destroy(again);
	}
	pith_document_destroy(document);
}

static void test_cancel(void **state)
{
	(void)state;
	struct pith_document *document = document_of_words(model, 400, 60);
	struct pith_compress_options options = options_of("llmlingua", 0.5);
	for (int compat = 0; compat < 2; compat++) {
		options.compat = compat;
		for (int at = 1; at <= 3; at += 2) {
			struct watcher watcher = {.cancel_at = at};
			struct pith_control control = {.progress = watch, .user = &watcher, .cancel = &watcher.cancel};
			struct pith_compressed *compressed;
			struct pith_error err;
			expect_failure(pith_compress(&compressed, document, &options, &control, &err), PITH_CANCELLED, &err,
				       "Cancelled");
			assert_null(compressed);
			/* As published the first segment behind the document's own scores reads nothing, and is told. */
			assert_in_range(watcher.n_calls, at, at + compat);
		}
	}
	pith_document_destroy(document);
}

/* A word longer than a segment, white space alone, a single letter. */
static void test_odd_documents(void **state)
{
	(void)state;
	static const char *const texts[] = {" \n\t ", "x", "  one two ", "\xff\xfe a", "\n\nx\n\n"};
	struct buffer text = {0};
	struct random_state random;
	random_seed(&random, 70);
	small_text(&text, &random, 50);
	assert_true(buffer_append_string(&text, " "));
	for (int i = 0; i < 3000; i++)
		assert_true(buffer_append(&text, &"qxzj"[random_below(&random, 4)], 1));
	assert_true(buffer_append_string(&text, " end of it"));
	for (size_t i = 0; i < 6; i++) {
		struct pith_document *document =
			i < 5 ? small_document(model, texts[i], strlen(texts[i])) : small_document(model, text.data, text.length);
		for (int r = 0; r < 4; r++) {
			struct pith_compress_options options = options_of("llmlingua", r % 2 == 0 ? 0.5 : 1);
			options.compat = r > 1;
			struct pith_compressed *compressed = compress(document, &options);
			const struct pith_compressed_info *info = pith_compressed_info(compressed);
			if (!options.compat)
				assert_true(info->compressed_tokens <= info->budget_tokens);
			if (options.rate == 1)
				assert_string_equal(compressed->text, document->text);
			pith_compressed_destroy(compressed);
		}
		pith_document_destroy(document);
	}
	buffer_free(&text);
}

/* --- as published -------------------------------------------------------------------------------------------- */

static int descending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return x < y ? 1 : x > y ? -1 : 0;
}

/*
 * One full segment and a rest: token i of the segment stays when the loss of
 * token i + 1 is above the threshold of all, and the rest stays.
 */
static void test_published(void **state)
{
	(void)state;
	struct pith_document *document = document_of_words(model, 75, 82);
	size_t n = document->n_tokens, length, n_at_limit = 0;
	assert_in_range(n, SEGMENT + 10, 2 * SEGMENT - 10);
	struct pith_compress_options options = options_of("llmlingua", 0.5);
	options.compat = true;
	struct pith_compressed *compressed = compress(document, &options);
	const struct pith_compressed_info *info = pith_compressed_info(compressed);
	const float *scores;
	must(pith_document_scores(document, &scores, NULL, NULL), NULL);
	float *sorted = malloc(n * sizeof *sorted);
	assert_non_null(sorted);
	memcpy(sorted, scores + 1, (n - 1) * sizeof *sorted);
	qsort(sorted, n - 1, sizeof *sorted, descending);
	float limit = sorted[(size_t)((double)(n - 1) * (double)info->budget_tokens / (double)(n + 3)) - 1];
	struct buffer expected = {0};
	for (size_t t = 0; t < n; t++) {
		const struct pith_token *token = &document->tokens[t];
		n_at_limit += t < SEGMENT && scores[t + 1] == limit; /* goes */
		if (t >= SEGMENT || scores[t + 1] > limit)
			assert_true(buffer_append(&expected, document->text + token->begin, token->end - token->begin));
	}
	const char *text = pith_compressed_text(compressed, &length);
	assert_int_equal(n_at_limit, 1);
	assert_int_equal(length, expected.length);
	assert_memory_equal(text, expected.data, length);
	assert_int_equal(info->compressed_tokens, count_tokens(model, text, length));
	assert_true(info->compressed_tokens != info->budget_tokens); /* that is the point */
	assert_non_null(strstr(info->note, "As published: "));
	buffer_free(&expected);
	free(sorted);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

/* What the mode cannot do is refused. */
static void test_refused(void **state)
{
	(void)state;
	struct pith_document *document = document_of_words(model, 20, 90);
	struct pith_compressed *compressed;
	struct pith_error err;
	struct pith_pin pin = {0, 3};
	struct pith_compress_options options = options_of("llmlingua", 0.5);
	options.compat = true;
	options.pins = &pin;
	options.n_pins = 1;
	expect_failure(pith_compress(&compressed, document, &options, NULL, &err), PITH_BAD_ARGUMENT, &err, "cannot pin");
	options.n_pins = 0;
	options.method = pith_method_find("llmlingua2");
	expect_failure(pith_compress(&compressed, document, &options, NULL, &err), PITH_BAD_ARGUMENT, &err, "no compatible mode");
	pith_document_destroy(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budget),        cmocka_unit_test(test_scores),    cmocka_unit_test(test_one_segment),
		cmocka_unit_test(test_pins),          cmocka_unit_test(test_long),      cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_odd_documents), cmocka_unit_test(test_published), cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
