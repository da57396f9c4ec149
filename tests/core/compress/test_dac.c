#define _XOPEN_SOURCE 700
/*
 * DAC: attention and losses of a model against stages computed here from a
 * full reading, a model that knows nothing by hand, budgets, pins, documents
 * longer than the context, cancelling, and the published faults.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "compress/select_words.h"
#include "model/session.h"
#include "support/method_test.h"

static struct pith_model *model;
static char vocabulary[600];

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	snprintf(vocabulary, sizeof vocabulary, "%s/vocabulary.gguf", scratch_directory);
	model = plain_model(4);
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
	check_budgets(model, "dac", (const size_t[3]){30, 150, 300});
}

/* --- attention through the session ------------------------------------------------------------------------- */

/* What keys receive does not depend on how a text is read: at once, in pieces of passes and blocks, token by token. */
static void test_pieces(void **state)
{
	(void)state;
	enum { N = 600 };
	static const size_t pieces[] = {N, 100, 7, 1};
	float later[4][N], own[4][N];
	struct session *session;
	struct pith_error err;
	struct random_state random;
	int32_t ids[N];
	double sum = 0, heads = (double)(model->transformer.h.n_heads * model->transformer.h.n_layers);
	random_seed(&random, 5);
	for (int i = 0; i < N; i++)
		ids[i] = (int32_t)random_below(&random, 256);
	must(session_create(&session, &model->transformer, model->pool, N, &err), &err);
	memset(later, 0, sizeof later);
	memset(own, 0, sizeof own);
	for (int p = 0; p < 4; p++) {
		struct attention_received received = {later[p], own[p]};
		session_rewind(session, 0);
		for (size_t begin = 0; begin < N; begin += pieces[p]) {
			size_t n = N - begin < pieces[p] ? N - begin : pieces[p];
			struct session_input input = {
				.ids = ids + begin, .n = n, .first_position = (int32_t)begin, .received = &received};
			must(session_read(session, &input, NULL, &err), &err);
		}
	}
	for (size_t i = 0; i < N; i++) {
		sum += (double)later[0][i] + (double)own[0][i];
		for (int p = 1; p < 4; p++) {
			assert_float_equal(later[p][i], later[0][i], 1e-3f * (1 + later[0][i]));
			assert_float_equal(own[p][i], own[0][i], 1e-3f);
		}
	}
	assert_float_equal((float)(sum / (N * heads)), 1, 1e-4f);         /* each query of each head hands out 1 */
	assert_float_equal((float)((double)own[0][0] / heads), 1, 1e-5f); /* the first token sees itself alone */
	session_destroy(session);
}

/* --- one stage, by the definition --------------------------------------------------------------------------- */

static double scaled(const double *values, size_t n, size_t i)
{
	double low = values[0], high = values[0];
	for (size_t j = 1; j < n; j++) {
		low = fmin(low, values[j]);
		high = fmax(high, values[j]);
	}
	return high > low ? (values[i] - low) / (high - low) : 0;
}

/* Fewer than 200 tokens are one stage: the words' scores follow from one reading, token by token here. */
static void test_scores(void **state)
{
	(void)state;
	struct pith_document *document = document_of_words(model, 60, 30);
	size_t n = document->n_tokens, n_words;
	assert_in_range(n, 60, 199);
	struct pith_compress_options options = options_of("dac", 0.4);
	struct pith_compressed *compressed = compress(document, &options);
	const struct pith_word *words = pith_compressed_words(compressed, &n_words);
	float later[200] = {0}, own[200] = {0};
	double losses[200], attention[200], sum = 0;
	struct attention_received received = {later, own};
	struct session *session;
	struct pith_error err;
	must(session_create(&session, &model->transformer, model->pool, n + 1, &err), &err);
	for (size_t row = 0; row <= n; row++) {
		int32_t id = row == 0 ? tokenizer_bos(model->tokenizer) : document->tokens[row - 1].id;
		struct session_input input = {.ids = &id, .n = 1, .first_position = (int32_t)row, .received = &received};
		must(session_read(session, &input, NULL, &err), &err);
		const float *logits = session_logits(session, 0);
		double top = -INFINITY, total = 0;
		for (size_t v = 0; v < model->transformer.h.n_vocab; v++)
			top = fmax(top, (double)logits[v]);
		for (size_t v = 0; v < model->transformer.h.n_vocab; v++)
			total += exp((double)logits[v] - top);
		if (row < n)
			losses[row] = top + log(total) - (double)logits[document->tokens[row].id];
	}
	size_t n_seen = n - n / 8; /* behind the others are too few queries */
	for (size_t t = 0; t < n_seen; t++) {
		attention[t] = (double)later[1 + t] / (double)(n - 1 - t);
		sum += attention[t];
	}
	for (size_t t = n_seen; t < n; t++)
		attention[t] = sum / (double)n_seen;
	for (size_t w = 0; w < n_words; w++) {
		double score = 0;
		for (size_t t = 0; t < n; t++)
			if (document->tokens[t].begin < words[w].end && document->tokens[t].end > words[w].begin)
				score += 0.2 * scaled(losses, n, t) + 0.8 * scaled(attention, n, t);
		assert_float_equal(words[w].score, (float)(score / words[w].n_tokens), 2e-3f);
	}
	session_destroy(session);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

/* Reads the tokens [begin, end) behind BOS; adds what they receive and how many queries stand behind each. */
static void read_window(const struct pith_document *document, size_t begin, size_t from, size_t end, double *attention,
			double *n_queries, double *information)
{
	int32_t ids[SMALL_CONTEXT];
	float later[SMALL_CONTEXT] = {0}, own[SMALL_CONTEXT] = {0}, losses[SMALL_CONTEXT];
	struct attention_received received = {later, own};
	struct session *session;
	struct pith_error err;
	size_t n = end - begin;
	ids[0] = tokenizer_bos(model->tokenizer);
	for (size_t i = 0; i < n; i++)
		ids[1 + i] = document->tokens[begin + i].id;
	must(session_create(&session, &model->transformer, model->pool, n + 1, &err), &err);
	must(session_read(session, &(struct session_input){.ids = ids, .n = n + 1, .received = &received}, NULL, &err), &err);
	must(session_losses(session, 0, ids + 1, n, losses, &err), &err);
	session_destroy(session);
	for (size_t i = 0; i < n; i++) {
		attention[begin + i] += (double)later[1 + i];
		n_queries[begin + i] += (double)(n - 1 - i);
		if (begin + i >= from)
			information[begin + i] = (double)losses[i];
	}
}

/* Longer than the context, windows overlap by a quarter. What goes after the first stage has that stage's score. */
static void test_windows(void **state)
{
	(void)state;
	struct pith_document *document = document_of_words(model, 420, 31);
	size_t n = document->n_tokens, n_words, n_compared = 0, length = SMALL_CONTEXT - 1;
	assert_in_range(n, 2 * SMALL_CONTEXT, 3000);
	double attention[3000] = {0}, n_queries[3000] = {0}, information[3000], sum = 0;
	for (size_t from = 0, end; from < n; from = end) {
		size_t begin = from > length / 4 ? from - length / 4 : 0;
		end = n - begin < length ? n : begin + length;
		read_window(document, begin, from, end, attention, n_queries, information);
	}
	for (size_t t = 0; t < n - 32; t++) {
		attention[t] /= n_queries[t];
		sum += attention[t];
	}
	for (size_t t = n - 32; t < n; t++)
		attention[t] = sum / (double)(n - 32);
	struct pith_compress_options options = options_of("dac", 0.02);
	protect_words(&options, false);
	struct pith_compressed *compressed = compress(document, &options);
	const struct pith_word *words = pith_compressed_words(compressed, &n_words);
	for (size_t w = 0; w < n_words; w++) {
		double score = 0;
		if (words[w].score >= 1)
			continue;
		for (size_t t = 0; t < n; t++)
			if (document->tokens[t].begin < words[w].end && document->tokens[t].end > words[w].begin)
				score += 0.2 * scaled(information, n, t) + 0.8 * scaled(attention, n, t);
		assert_float_equal(words[w].score, (float)(score / words[w].n_tokens), 2e-3f);
		n_compared++;
	}
	assert_true(n_compared > n_words / 10);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

/*
 * A model whose weights are all 0 attends evenly and finds everything equally
 * likely: query row i gives 1 / (i + 1) to each of the rows 0 .. i. Words of
 * one token each; row 0 is BOS.
 */
static void test_by_hand(void **state)
{
	(void)state;
	char path[700];
	struct pith_error err;
	struct gguf *file;
	struct tokenizer *tokenizer;
	struct parameters *p;
	snprintf(path, sizeof path, "%s/nothing.gguf", scratch_directory);
	must(gguf_open(&file, vocabulary, &err), &err);
	must(tokenizer_create(&tokenizer, file, &err), &err);
	struct hyperparams h = small_shape((size_t)tokenizer_n_vocab(tokenizer));
	must(parameters_create(&p, &h, false, &err), &err);
	must(parameters_save(p, path, TENSOR_F32, "nothing", file, &err), &err);
	parameters_destroy(p);
	tokenizer_destroy(tokenizer);
	gguf_close(file);
	struct pith_model *nothing = small_open(path);
	struct pith_document *document = small_document(nothing, "a the of was", 12);
	assert_int_equal(document->n_tokens, 4);
	struct pith_compress_options options = options_of("dac", 0.5);
	options.coherence = 0;
	struct pith_compressed *compressed = compress(document, &options);
	size_t n;
	const struct pith_word *words = pith_compressed_words(compressed, &n);
	assert_int_equal(n, 4);
	/* Rows 1 .. 4. Means over later queries: (1/3 + 1/4 + 1/5) / 3, (1/4 + 1/5) / 2, 1/5, and the mean of these. */
	const double a = 47.0 / 180, b = 9.0 / 40, c = 1.0 / 5, d = (a + b + c) / 3;
	assert_float_equal(words[0].score, 0.8f, 1e-5f);
	assert_float_equal(words[1].score, (float)(0.8 * (b - c) / (a - c)), 1e-5f);
	assert_float_equal(words[2].score, 0, 1e-5f);
	assert_float_equal(words[3].score, (float)(0.8 * (d - c) / (a - c)), 1e-5f);
	assert_string_equal(compressed->text, "a was"); /* the last one 0.0287 above the third, the second 0.025 */
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
	pith_model_close(nothing);
}

/* --- pins, long documents, cancelling -------------------------------------------------------------------------- */

/* Pinned words outlive all stages: their scores are those of the last one. */
static void test_pins(void **state)
{
	(void)state;
	struct pith_document *document = document_of_words(model, 200, 40);
	size_t n_stages = document->n_tokens / 100, n, n_pinned = 0, n_last = 0;
	assert_in_range(n_stages, 3, 14);
	struct pith_pin pin = {document->length / 2, document->length / 2 + 60};
	struct pith_compress_options options = options_of("dac", 0.2);
	protect_words(&options, false);
	options.pins = &pin;
	options.n_pins = 1;
	struct pith_compressed *compressed = compress(document, &options);
	const struct pith_word *words = pith_compressed_words(compressed, &n);
	for (size_t w = 0; w < n; w++) {
		assert_true(words[w].score >= 0 && words[w].score <= (float)n_stages);
		n_last += words[w].score >= (float)(n_stages - 1);
		if (words[w].begin >= pin.end || pin.begin >= words[w].end)
			continue;
		n_pinned++;
		assert_true(words[w].kept && words[w].must_keep && words[w].score >= (float)(n_stages - 1));
	}
	assert_true(n_pinned > 5 && n_last > n / 6 && n_last < n / 2);
	assert_int_equal(pith_compressed_info(compressed)->compressed_tokens, pith_compressed_info(compressed)->budget_tokens);
	pith_compressed_destroy(compressed);
	/* What is outside the document cannot be kept. */
	const struct pith_pin outside[] = {{document->length, document->length + 1}, {3, 2}};
	for (int i = 0; i < 2; i++) {
		struct pith_error err;
		options.pins = &outside[i];
		expect_failure(pith_compress(&compressed, document, &options, NULL, &err), PITH_BAD_ARGUMENT, &err,
		               "outside the document");
		assert_null(compressed);
	}
	pith_document_destroy(document);
}

struct watcher {
	double last, total;
	int n_calls, cancel_at;
	atomic_bool cancel;
};

static void watch(void *user, const char *what, double done, double total)
{
	struct watcher *watcher = user;
	assert_string_equal(what, "scoring");
	assert_true(done > watcher->last && done <= total);
	watcher->last = done;
	watcher->total = total;
	if (++watcher->n_calls == watcher->cancel_at)
		atomic_store(&watcher->cancel, true);
}

static void test_long(void **state)
{
	(void)state;
	struct pith_document *document = document_of_words(model, 900, 50);
	assert_true(document->n_tokens > 3 * SMALL_CONTEXT);
	struct pith_compress_options options = options_of("dac", 0.6);
	struct watcher watcher = {.last = 0};
	struct pith_control control = {.progress = watch, .user = &watcher, .cancel = &watcher.cancel};
	struct pith_compressed *first, *again = compress(document, &options);
	struct pith_error err;
	must(pith_compress(&first, document, &options, &control, &err), &err);
	const struct pith_compressed_info *info = pith_compressed_info(first);
	assert_true(watcher.n_calls > 30);
	assert_int_equal(info->compressed_tokens, info->budget_tokens);
	assert_string_equal(first->text, again->text);
	pith_compressed_destroy(first);
	pith_compressed_destroy(again);
	options.compat = true;
	expect_failure(pith_compress(&first, document, &options, NULL, &err), PITH_TOO_LONG, &err, "As published");
	pith_document_destroy(document);
}

/* Windows that are read of a document, and stages. */
static struct watcher watched(struct pith_document *document, double rate)
{
	struct pith_compress_options options = options_of("dac", rate);
	struct watcher watcher = {.last = 0};
	struct pith_control control = {.progress = watch, .user = &watcher, .cancel = &watcher.cancel};
	struct pith_compressed *compressed;
	struct pith_error err;
	protect_words(&options, false); /* what must be kept is read whatever the rate is */
	must(pith_compress(&compressed, document, &options, &control, &err), &err);
	const char *note = pith_compressed_info(compressed)->note;
	assert_int_equal(watcher.total < 15, strncmp(note, "The document is long: ", 22) == 0);
	pith_compressed_destroy(compressed);
	return watcher;
}

/*
 * From 4096 tokens on all stages together read four documents at most, whatever the rate, and the white space that
 * words take along, a token of its own in this vocabulary; before, there are 15.
 */
static void test_cost(void **state)
{
	(void)state;
	static const double rates[] = {0.05, 0.3, 0.7, 0.98};
	enum { STEP = SMALL_CONTEXT - 1 - (SMALL_CONTEXT - 1) / 4 }; /* tokens that a window adds */
	struct pith_document *shorter = document_of_words(model, 900, 70), *longer = document_of_words(model, 2600, 71);
	assert_in_range(shorter->n_tokens, 1500, 4095);
	assert_in_range(longer->n_tokens, 4096, 20000);
	double before = 0;
	for (size_t r = 0; r < 4; r++) {
		struct watcher watcher = watched(longer, rates[r]);
		double stages = watcher.total, most = 4.4 * (double)longer->n_tokens / STEP + stages;
		assert_true(watcher.n_calls <= most);
		assert_true(r == 0 ? stages > 8 : stages >= 4 && stages <= before); /* the more is left, the fewer */
		before = stages;
	}
	assert_float_equal(watched(shorter, 0.7).total, 15, 0);
	pith_document_destroy(shorter);
	pith_document_destroy(longer);
}

static void test_cancel(void **state)
{
	(void)state;
	struct pith_document *document = document_of_words(model, 180, 60);
	for (int at = 1; at <= 4; at++) {
		struct watcher watcher = {.cancel_at = at < 3 ? at : at - 2};
		struct pith_control control = {.progress = watch, .user = &watcher, .cancel = &watcher.cancel};
		struct pith_compress_options options = options_of("dac", 0.5);
		struct pith_compressed *compressed;
		struct pith_error err;
		options.compat = at > 2;
		expect_failure(pith_compress(&compressed, document, &options, &control, &err), PITH_CANCELLED, &err, "Cancelled");
		assert_null(compressed);
		assert_int_equal(watcher.n_calls, watcher.cancel_at);
	}
	pith_document_destroy(document);
}

static void test_odd_documents(void **state)
{
	(void)state;
	static const char *const texts[] = {" \n\t ", "x", "  one two ", "\xff\xfe a", "\n\nx\n\n"};
	static const char *const methods[] = {"dac", "selfinfo"};
	for (size_t i = 0; i < 5; i++) {
		struct pith_document *document = small_document(model, texts[i], strlen(texts[i]));
		for (int r = 0; r < 8; r++) {
			struct pith_compress_options options = options_of("dac", r % 2 == 0 ? 0.5 : 1);
			options.method = pith_method_find(methods[r / 4]);
			options.compat = r % 4 > 1;
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
}

/* --- as published -------------------------------------------------------------------------------------------- */

/* One stage without BOS: all queries count, nothing is divided by their number, the first token stays. */
static void test_published(void **state)
{
	(void)state;
	struct pith_document *document = document_of_words(model, 60, 80);
	size_t n = document->n_tokens;
	assert_in_range(n, 60, 199);
	struct pith_compress_options options = options_of("dac", 0.5);
	options.compat = true;
	struct pith_compressed *compressed = compress(document, &options);
	int32_t ids[200];
	float later[200] = {0}, own[200] = {0}, losses[200];
	double information[200], attention[200];
	struct attention_received received = {later, own};
	struct session *session;
	struct pith_error err;
	for (size_t t = 0; t < n; t++)
		ids[t] = document->tokens[t].id;
	must(session_create(&session, &model->transformer, model->pool, n, &err), &err);
	must(session_read(session, &(struct session_input){.ids = ids, .n = n, .received = &received}, NULL, &err), &err);
	must(session_losses(session, 0, ids + 1, n - 1, losses, &err), &err);
	session_destroy(session);
	for (size_t t = 1; t < n; t++) {
		information[t - 1] = (double)losses[t - 1];
		attention[t - 1] = (double)later[t] + (double)own[t];
	}
	size_t wanted = (size_t)((double)(n - 1) * (double)pith_compressed_info(compressed)->budget_tokens / (double)n);
	struct buffer expected = {0};
	for (size_t t = 0; t < n; t++) {
		size_t n_better = 0;
		for (size_t o = 1; o < n && t > 0; o++)
			n_better += 0.2 * scaled(information, n - 1, o - 1) + 0.8 * scaled(attention, n - 1, o - 1) >
				    0.2 * scaled(information, n - 1, t - 1) + 0.8 * scaled(attention, n - 1, t - 1);
		const struct pith_token *token = &document->tokens[t];
		if (t == 0 || n_better < wanted)
			assert_true(buffer_append(&expected, document->text + token->begin, token->end - token->begin));
	}
	size_t length;
	const char *text = pith_compressed_text(compressed, &length);
	assert_int_equal(length, expected.length);
	assert_memory_equal(text, expected.data, length);
	assert_non_null(strstr(pith_compressed_info(compressed)->note, "As published: "));
	buffer_free(&expected);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

/* selfinfo as published: a sentence is scored as if it stood alone, and a share of the tokens goes. */
static void test_published_selfinfo(void **state)
{
	(void)state;
	static const char text[] = "The river was measured. The river was measured. The river was measured.";
	struct pith_document *document = small_document(model, text, sizeof text - 1);
	struct pith_compress_options options = options_of("dac", 0.5);
	options.method = pith_method_find("selfinfo");
	options.compat = true;
	struct pith_compressed *compressed = compress(document, &options);
	size_t n;
	const struct pith_word *words = pith_compressed_words(compressed, &n);
	assert_int_equal(n, 12);
	/* The second and the third sentence begin with a space and are alike, so are their scores; in context they would differ. */
	for (size_t w = 4; w < 8; w++) {
		assert_float_equal(words[w].score, words[w + 4].score, 1e-5f);
		assert_int_equal(words[w].kept, words[w + 4].kept);
	}
	assert_non_null(strstr(pith_compressed_info(compressed)->note, "As published: "));
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_scores),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_odd_documents),
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_published_selfinfo),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
