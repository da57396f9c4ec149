#define _XOPEN_SOURCE 700
/*
 * Memory rows: they are what the session's cache holds when the encoder is run
 * by hand, spans account for every token and every row, nothing is encoded
 * twice, and reading them ends where it must.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "compress/soft_encoder.h"
#include "pith/expand.h"
#include "support/small_model.h"

static struct pith_model *model;
static char directory_model[600];

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	small_files("soft", 20);
	snprintf(directory_model, sizeof directory_model, "%s/soft.gguf", scratch_directory);
	model = small_open(directory_model);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

/* A document of exactly n tokens. */
static struct pith_document *document_of(size_t n_tokens, uint64_t seed)
{
	struct buffer text = {0};
	struct random_state random;
	struct pith_token *tokens;
	size_t n;
	random_seed(&random, seed);
	small_text(&text, &random, 2 * n_tokens + 8);
	must(pith_tokenize(model, text.data, text.length, &tokens, &n, NULL), NULL);
	assert_true(n >= n_tokens);
	/* Cutting behind a token may change the tokens before it; then one token sooner, or later. */
	struct pith_document *document = NULL;
	for (size_t cut = n_tokens; cut < n; cut++) {
		document = small_document(model, text.data, tokens[cut - 1].end);
		if (document->n_tokens == n_tokens)
			break;
		pith_document_destroy(document);
		document = NULL;
	}
	assert_non_null(document);
	free(tokens);
	buffer_free(&text);
	return document;
}

static enum pith_status try_compress(struct pith_compressed **out, struct pith_document *document, size_t k,
                                     const struct pith_control *control, struct pith_error *err)
{
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	options.method = pith_method_find("500x");
	options.n_tokens = k;
	return pith_compress(out, document, &options, control, err);
}

static struct pith_compressed *compress(struct pith_document *document, size_t k)
{
	struct pith_compressed *compressed;
	struct pith_error err;
	must(try_compress(&compressed, document, k, NULL, &err), &err);
	return compressed;
}

static void check_spans(const struct pith_compressed *compressed, enum pith_purpose purpose, size_t n_tokens, size_t k,
                        size_t n_spans)
{
	const struct rows *rows = &compressed->rows[purpose];
	size_t sum_rows = 0, sum_tokens = 0;
	assert_int_equal(rows->n_rows, k);
	assert_int_equal(rows->n_spans, n_spans);
	for (size_t s = 0; s < n_spans; s++) {
		assert_in_range(rows->spans[s].n_rows, k / n_spans, (k + n_spans - 1) / n_spans);
		/* Each memory token stands for as much text as any other. */
		assert_in_range(rows->spans[s].n_tokens, n_tokens * rows->spans[s].n_rows / k,
				(n_tokens * rows->spans[s].n_rows + k - 1) / k);
		assert_in_range(rows->spans[s].n_rows, 1, SMALL_MEMORY);
		sum_rows += rows->spans[s].n_rows;
		sum_tokens += rows->spans[s].n_tokens;
	}
	assert_int_equal(sum_rows, k);
	assert_int_equal(sum_tokens, n_tokens);
}

static void test_info(void **state)
{
	(void)state;
	struct pith_document *document = document_of(50, 1);
	struct pith_compressed *compressed = compress(document, 10);
	const struct pith_compressed_info *info = pith_compressed_info(compressed);
	size_t n;
	assert_int_equal(info->original_tokens, 50);
	assert_int_equal(info->compressed_tokens, 10);
	assert_int_equal(info->budget_tokens, 10);
	assert_float_equal(info->cr, 0.2, 1e-9);
	assert_float_equal(info->delta_cr, 0, 1e-9);
	assert_int_equal(info->n_spans, 1);
	assert_true(info->has_purpose[PITH_REGENERATE] && info->has_purpose[PITH_ANSWER]);
	assert_int_equal(info->compressed_bytes, 2 * 10 * pith_model_info(model)->kv_bytes_per_token);
	assert_int_equal(info->n_must_keep_dropped, 0);
	assert_string_equal(info->note, "");
	assert_null(pith_compressed_text(compressed, &n));
	pith_compressed_words(compressed, &n);
	assert_int_equal(n, 0);

	struct pith_error err;
	float key, value;
	for (int layer = 0; layer < 2; layer++) {
		const float *row = compressed->rows[PITH_ANSWER].data + 7 * compressed->rows[PITH_ANSWER].row_floats + layer * 32;
		double squares[2] = {0};
		for (int i = 0; i < 32; i++)
			squares[i / 16] += (double)row[i] * (double)row[i];
		must(pith_compressed_row_norms(compressed, PITH_ANSWER, 7, layer, &key, &value, &err), &err);
		assert_float_equal(key, sqrt(squares[0]), 1e-4);
		assert_float_equal(value, sqrt(squares[1]), 1e-4);
	}
	expect_failure(pith_compressed_row_norms(compressed, PITH_ANSWER, 10, 0, &key, &value, &err), PITH_BAD_ARGUMENT, &err,
	               "no memory token 10");
	expect_failure(pith_compressed_row_norms(compressed, PITH_READ, 0, 0, &key, &value, &err), PITH_BAD_ARGUMENT, &err,
		       "for that purpose");
	expect_failure(pith_compressed_row_norms(compressed, PITH_ANSWER, 0, 2, &key, &value, &err), PITH_BAD_ARGUMENT, &err,
		       "layer 2");
	expect_failure(pith_compressed_row_norms(compressed, PITH_ANSWER, 0, -1, &key, &value, &err), PITH_BAD_ARGUMENT, &err,
	               "layer -1");
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

/* To a twentieth of their length: bf16 rounds each operand by 2^-9, and random layers pass on more than they are given. */
static void check_near(const float *a, const float *b, size_t n)
{
	double apart = 0, whole = 0;
	for (size_t i = 0; i < n; i++) {
		apart += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
		whole += (double)b[i] * (double)b[i];
	}
	assert_true(sqrt(apart) <= 0.05 * sqrt(whole));
}

/*
 * An encoder run by hand: BOS at 0, n tokens at 1..n, memory token j of k in
 * the middle of the j-th of k equal stretches. Bit by bit the rows, for any k;
 * and near those of fp32, where the encoder's products are bf16.
 */
static void test_rows(void **state)
{
	(void)state;
	enum { N = 60, LAYERS = 2, KV_DIM = 16 };
	struct pith_document *document = document_of(N, 2);
	struct pith_error err;
	for (size_t k = 1; k <= SMALL_MEMORY; k += 3) {
		struct pith_compressed *compressed = compress(document, k);
		int32_t ids[N + 1 + SMALL_MEMORY], positions[N + 1 + SMALL_MEMORY];
		for (size_t i = 0; i <= N; i++) {
			ids[i] = i == 0 ? tokenizer_bos(model->tokenizer) : document->tokens[i - 1].id;
			positions[i] = (int32_t)i;
		}
		for (size_t j = 0; j < k; j++) {
			ids[N + 1 + j] = -1 - (int32_t)j;
			positions[N + 1 + j] = 1 + (int32_t)floor(((double)j + 0.5) * N / (double)k);
		}
		for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
			const struct rows *rows = &compressed->rows[p];
			struct session *session, *exact;
			must(session_create(&session, &model->transformer, NULL, N + 1 + k, &err), &err);
			must(session_create(&exact, &model->transformer, NULL, N + 1 + k, &err), &err);
			session_set_precision(session, PRECISION_BF16);
			struct session_input input = {.ids = ids,
			                              .positions = positions,
			                              .n = N + 1 + k,
			                              .adapter = model->adapters[PITH_MEMORY_ROWS][p],
			                              .encode = true};
			must(session_read(session, &input, NULL, &err), &err);
			must(session_read(exact, &input, NULL, &err), &err);
			for (size_t i = 0; i < k; i++) {
				for (size_t l = 0; l < LAYERS; l++) {
					const float *row = rows->data + i * rows->row_floats + 2 * l * KV_DIM;
					assert_memory_equal(row, session_keys(session, l, N + 1 + i), KV_DIM * sizeof *row);
					assert_memory_equal(row + KV_DIM, session_values(session, l, N + 1 + i),
					                    KV_DIM * sizeof *row);
					check_near(row, session_keys(exact, l, N + 1 + i), KV_DIM);
					check_near(row + KV_DIM, session_values(exact, l, N + 1 + i), KV_DIM);
				}
			}
			session_destroy(session);
			session_destroy(exact);
		}
		pith_compressed_destroy(compressed);
	}
	pith_document_destroy(document);
}

/*
 * Spans: as many as the length needs when each memory token has the same share of the text, more where the memory tokens do not
 * fit one; never more than memory tokens.
 */
static void test_spans(void **state)
{
	(void)state;
	static const struct {
		size_t n_tokens, k, n_spans;
	} cases[] = {
		{1, 1, 1},    {64, 1, 1},   {64, 16, 1},  {64, 17, 2},  {64, 64, 4},  {65, 1, 1},   {65, 2, 2},    {65, 16, 2},
		{65, 33, 3},  {200, 2, 2},  {200, 4, 4},  {200, 50, 4}, {200, 65, 5}, {200, 200, 13}, {450, 1, 1}, {450, 8, 8},
		{450, 100, 8}, {200, 5, 5},  {200, 6, 6},  {200, 7, 4},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pith_document *document = document_of(cases[i].n_tokens, 3 + i);
		struct pith_compressed *compressed = compress(document, cases[i].k);
		for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++)
			check_spans(compressed, (enum pith_purpose)p, cases[i].n_tokens, cases[i].k, cases[i].n_spans);
		assert_int_equal(pith_compressed_info(compressed)->n_spans, cases[i].n_spans);
		bool overlong = (cases[i].n_tokens + cases[i].n_spans - 1) / cases[i].n_spans > SMALL_SPAN;
		if (overlong != (strstr(pith_compressed_info(compressed)->note, "So few memory tokens") != NULL))
			fail_msg("%zu tokens, k = %zu: the note is \"%s\"", cases[i].n_tokens, cases[i].k,
				 pith_compressed_info(compressed)->note);
		pith_compressed_destroy(compressed);
		pith_document_destroy(document);
	}
}

/* Each span is encoded as if it stood alone. */
static void test_spans_are_independent(void **state)
{
	(void)state;
	struct pith_document *document = document_of(100, 30);
	struct pith_compressed *both = compress(document, 20);
	const struct rows *rows = &both->rows[PITH_REGENERATE];
	assert_int_equal(rows->n_spans, 2);
	for (size_t s = 0; s < 2; s++) {
		struct rows alone;
		must(soft_encoder_run(&alone, model, model->adapters[PITH_MEMORY_ROWS][PITH_REGENERATE],
		                      document->tokens + 50 * s, 50, 10, NULL, NULL),
		     NULL);
		assert_memory_equal(rows->data + 10 * s * rows->row_floats, alone.data, 10 * rows->row_floats * sizeof(float));
		rows_free(&alone);
	}
	pith_compressed_destroy(both);
	pith_document_destroy(document);
}

static void test_too_long_for_so_few(void **state)
{
	(void)state;
	struct pith_document *document = document_of(600, 31);
	struct pith_compressed *compressed;
	struct pith_error err;
	expect_failure(try_compress(&compressed, document, 1, NULL, &err), PITH_TOO_LONG, &err, "600 tokens");
	assert_null(compressed);
	compressed = compress(document, 2);
	check_spans(compressed, PITH_REGENERATE, 600, 2, 2);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

struct watch {
	int n_encodings;
	double last;
	atomic_bool cancel;
	int cancel_at;
};

static void watch_progress(void *user, const char *what, double done, double total)
{
	struct watch *watch = user;
	if (strcmp(what, "encoding") != 0)
		return;
	watch->n_encodings++;
	assert_true(done > 0 && done <= total);
	watch->last = done / total;
	if (watch->cancel_at == watch->n_encodings)
		atomic_store(&watch->cancel, true);
}

/* Moving the slider: each result costs one encoding of every span and purpose, no more. */
static void test_slider(void **state)
{
	(void)state;
	struct pith_document *document = document_of(150, 32); /* three spans at least */
	static const struct {
		size_t k;
		int n_spans;
	} moves[] = {{48, 3}, {3, 3}, {10, 3}, {49, 4}, {47, 3}, {2, 2}, {1, 1}};
	struct pith_compressed *compressed;
	struct pith_error err;
	for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
		struct watch watch = {0};
		struct pith_control control = {.progress = watch_progress, .user = &watch, .cancel = &watch.cancel};
		must(try_compress(&compressed, document, moves[i].k, &control, &err), &err);
		assert_int_equal(watch.n_encodings, PITH_N_MEMORY_PURPOSES * moves[i].n_spans);
		assert_float_equal(watch.last, 1, 0);
		pith_compressed_destroy(compressed);
	}
	pith_document_destroy(document);
}

/* Cancelled between two spans; the document is as good as new. */
static void test_cancel(void **state)
{
	(void)state;
	struct pith_document *document = document_of(150, 33);
	struct pith_compressed *compressed, *again;
	struct pith_error err;
	for (int at = 0; at < 6; at++) {
		struct watch watch = {.cancel_at = at, .cancel = at == 0};
		struct pith_control control = {.progress = watch_progress, .user = &watch, .cancel = &watch.cancel};
		enum pith_status status = try_compress(&compressed, document, 12, &control, &err);
		expect_failure(status, PITH_CANCELLED, &err, "Cancelled");
		assert_null(compressed);
		assert_int_equal(watch.n_encodings, at);
	}
	compressed = compress(document, 12);
	struct pith_document *fresh = document_of(150, 33);
	again = compress(fresh, 12);
	assert_memory_equal(compressed->rows[0].data, again->rows[0].data, 12 * again->rows[0].row_floats * sizeof(float));
	pith_compressed_destroy(compressed);
	pith_compressed_destroy(again);
	pith_document_destroy(document);
	pith_document_destroy(fresh);
}

/* Regeneration ends at the limit that was asked for, over all spans, or a little above the original's length. */
static void test_regeneration_limit(void **state)
{
	(void)state;
	struct pith_document *document = document_of(150, 34);
	struct pith_compressed *compressed = compress(document, 30);
	struct pith_generated out;
	struct pith_error err;
	size_t n_limited = 0;
	for (size_t limit = 0; limit <= 80; limit += limit < 4 ? 1 : 19) {
		must(pith_regenerate(&out, model, compressed, limit, NULL, &err), &err);
		size_t most = limit == 0 ? 3 * (50 + 50 / 4 + 8) : limit;
		assert_true(out.n_tokens <= most);
		assert_true(out.n_tokens < most || out.stop == PITH_STOP_LIMIT || out.stop == PITH_STOP_LOOP);
		assert_true(out.n_prompt_tokens >= 10 + 1 && out.n_prompt_tokens <= 30 + 3);
		assert_true(out.first_token_seconds >= 0 && out.first_token_seconds <= out.seconds);
		assert_int_equal(strlen(out.text), out.length);
		n_limited += out.stop == PITH_STOP_LIMIT;
		pith_generated_free(&out);
		assert_null(out.text);
	}
	assert_true(n_limited >= 4);
	assert_string_equal(pith_stop_sentence(PITH_STOP_END), "");
	assert_non_null(strstr(pith_stop_sentence(PITH_STOP_LIMIT), "limit"));
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

/* A reader of the adapter's own reads the rows; one that adds nothing reads them as the base does. */
static void test_reader(void **state)
{
	(void)state;
	struct pith_document *document = document_of(40, 37);
	struct pith_compressed *compressed = compress(document, 6);
	struct random_state random;
	struct pith_error err;
	random_seed(&random, 38);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		struct pith_generated out[3]; /* by the base, a reader that adds nothing, one that does */
		struct adapter *adapter = model->adapters[PITH_MEMORY_ROWS][p], *reader = NULL;
		for (int i = 0; i < 3; i++) {
			if (i == 1) {
				must(adapter_add_reader(adapter, &model->transformer.h, &random, &err), &err);
				reader = adapter->reader;
			}
			if (i == 2)
				for (size_t j = 0; j < reader->n_values; j++)
					reader->values[j] += (float)(0.1 * random_normal(&random));
			must(p == PITH_REGENERATE ? pith_regenerate(&out[i], model, compressed, 20, NULL, &err)
			                          : pith_answer_compressed(&out[i], model, compressed, "What?", 20, NULL, &err),
			     &err);
		}
		assert_string_equal(out[0].text, out[1].text);
		assert_string_not_equal(out[0].text, out[2].text);
		for (int i = 0; i < 3; i++)
			pith_generated_free(&out[i]);
		adapter->reader = NULL;
		free(reader->projections);
		free(reader);
	}
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

/* One span of nearly the whole context: the text that comes back must fit behind the rows. */
static void test_regeneration_fits_context(void **state)
{
	(void)state;
	struct pith_document *document = document_of(490, 35);
	struct pith_compressed *compressed = compress(document, 1);
	struct pith_generated out;
	struct pith_error err;
	assert_int_equal(compressed->rows[0].n_spans, 1);
	must(pith_regenerate(&out, model, compressed, 0, NULL, &err), &err);
	assert_true(out.n_tokens <= SMALL_CONTEXT - 1);
	pith_generated_free(&out);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

static void test_answers(void **state)
{
	(void)state;
	struct pith_document *document = document_of(100, 36);
	struct pith_compressed *rows = compress(document, 20), *words;
	struct pith_compress_options options;
	struct pith_generated out;
	struct pith_error err;
	pith_compress_options_init(&options);
	must(pith_compress(&words, document, &options, NULL, &err), &err);
	must(pith_answer_compressed(&out, model, rows, "When was the meeting?", 6, NULL, &err), &err);
	assert_true(out.n_tokens <= 6 && out.n_prompt_tokens > 20);
	pith_generated_free(&out);

	/* From words: the same as from the text that they make. */
	struct pith_generated direct;
	size_t length;
	const char *text = pith_compressed_text(words, &length);
	must(pith_answer_compressed(&out, model, words, "Why?", 9, NULL, &err), &err);
	must(pith_answer_text(&direct, model, text, length, "Why?", 9, NULL, &err), &err);
	assert_string_equal(out.text, direct.text);
	assert_int_equal(out.n_prompt_tokens, direct.n_prompt_tokens);
	pith_generated_free(&out);
	pith_generated_free(&direct);

	expect_failure(pith_regenerate(&out, model, words, 0, NULL, &err), PITH_BAD_ARGUMENT, &err, "no memory rows");
	assert_null(out.text);
	static char question[4000];
	memset(question, '?', sizeof question - 1);
	expect_failure(pith_answer_compressed(&out, model, rows, question, 0, NULL, &err), PITH_TOO_LONG, &err, "512");
	expect_failure(pith_answer_compressed(&out, model, rows, "Why?", SIZE_MAX, NULL, &err), PITH_TOO_LONG, &err, "512");
	pith_compressed_destroy(rows);
	pith_compressed_destroy(words);
	pith_document_destroy(document);
}

/* Without rows for answers the text comes back first, once, and is read like any text; what was refined is read anew. */
static void check_regenerated_answer(struct pith_compressed *compressed)
{
	struct pith_generated text, expected, first, second;
	struct pith_error err;
	must(pith_regenerate(&text, model, compressed, 0, NULL, &err), &err);
	must(pith_answer_text(&expected, model, text.text, text.length, "Why?", 6, NULL, &err), &err);
	must(pith_answer_compressed(&first, model, compressed, "Why?", 6, NULL, &err), &err);
	must(pith_answer_compressed(&second, model, compressed, "Why?", 6, NULL, &err), &err);
	assert_int_equal(expected.n_regenerated, 0);
	assert_int_equal(first.n_regenerated, text.n_tokens);
	assert_int_equal(second.n_regenerated, text.n_tokens);
	assert_string_equal(first.text, expected.text);
	assert_string_equal(second.text, expected.text);
	assert_int_equal(first.n_prompt_tokens, expected.n_prompt_tokens);
	/* A text that is handed in is the one that is read, also when the caller's own is gone. */
	pith_generated_free(&text);
	pith_generated_free(&expected);
	char other[] = "A text that no memory token holds.";
	struct pith_generated handed = {.text = other, .length = sizeof other - 1, .n_tokens = 77}, read;
	must(pith_compressed_keep_text(compressed, &handed, &err), &err);
	must(pith_answer_text(&expected, model, other, sizeof other - 1, "Why?", 6, NULL, &err), &err);
	memset(other, 'x', sizeof other - 1);
	must(pith_answer_compressed(&read, model, compressed, "Why?", 6, NULL, &err), &err);
	assert_string_equal(read.text, expected.text);
	assert_int_equal(read.n_prompt_tokens, expected.n_prompt_tokens);
	assert_int_equal(read.n_regenerated, 77);
	pith_generated_free(&read);
	pith_generated_free(&expected);
	pith_generated_free(&first);
	pith_generated_free(&second);
}

/* Without one memory token the others are as they were, and its span has one row less. */
static void test_without(void **state)
{
	(void)state;
	enum { K = 9, LOST = 6 };
	struct pith_document *document = document_of(100, 60);
	struct pith_compressed *all = compress(document, K), *less, *alone;
	struct pith_error err;
	struct pith_generated out;
	must(pith_compressed_without(&less, all, LOST, &err), &err);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		const struct rows *a = &all->rows[p], *b = &less->rows[p];
		size_t floats = a->row_floats;
		assert_int_equal(a->n_spans, 2);
		assert_int_equal(b->n_rows, K - 1);
		assert_int_equal(b->spans[0].n_rows, a->spans[0].n_rows);
		assert_int_equal(b->spans[1].n_rows, a->spans[1].n_rows - 1);
		assert_int_equal(b->spans[1].n_tokens, a->spans[1].n_tokens);
		assert_memory_equal(b->data, a->data, LOST * floats * sizeof(float));
		assert_memory_equal(b->data + LOST * floats, a->data + (LOST + 1) * floats,
		                    (K - 1 - LOST) * floats * sizeof(float));
	}
	must(pith_regenerate(&out, model, less, 8, NULL, &err), &err);
	pith_generated_free(&out);
	pith_compressed_destroy(less);
	expect_failure(pith_compressed_without(&less, all, K, &err), PITH_BAD_ARGUMENT, &err, "no memory token 9");
	assert_null(less);
	alone = compress(document, 1);
	expect_failure(pith_compressed_without(&less, alone, 0, &err), PITH_BAD_ARGUMENT, &err, "no memory token 0");
	pith_compressed_destroy(alone);
	pith_compressed_destroy(all);
	pith_document_destroy(document);
}

/* With one adapter there are rows of one purpose. */
static void test_one_adapter(void **state)
{
	(void)state;
	struct pith_model *whole = model;
	struct pith_model_options options = {.adapter_path = {{NULL, ""}}, .n_threads = 1};
	struct pith_error err;
	struct pith_generated out;
	must(pith_model_open(&model, directory_model, &options, NULL, &err), &err);
	struct pith_document *document = document_of(40, 37);
	struct pith_compressed *compressed = compress(document, 5);
	assert_true(pith_compressed_info(compressed)->has_purpose[PITH_REGENERATE]);
	assert_false(pith_compressed_info(compressed)->has_purpose[PITH_ANSWER]);
	assert_int_equal(pith_compressed_info(compressed)->compressed_bytes, 5 * pith_model_info(model)->kv_bytes_per_token);
	check_regenerated_answer(compressed);
	/* The same rows mean the same to the model with both adapters. */
	must(pith_regenerate(&out, whole, compressed, 8, NULL, &err), &err);
	pith_generated_free(&out);
	pith_document_destroy(document);

	/* Rows for both are of no use to it. */
	struct pith_model *half = model;
	model = whole;
	document = document_of(40, 37);
	struct pith_compressed *both = compress(document, 5);
	expect_failure(pith_regenerate(&out, half, both, 8, NULL, &err), PITH_MISMATCH, &err, "adapter for answer");
	pith_compressed_destroy(both);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
	pith_model_close(half);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_spans_are_independent),
		cmocka_unit_test(test_too_long_for_so_few),
		cmocka_unit_test(test_slider),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_regeneration_limit),
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_regeneration_fits_context),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_one_adapter),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
