#define _XOPEN_SOURCE 700
/*
 * Memory rows: they are what the session's cache holds when the encoder is run
 * by hand, spans account for every token and every row, and nothing is encoded
 * twice.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "compress/soft_encoder.h"
#include "pith/expand.h"
#include "support/memory_rows.h"

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
		cmocka_unit_test(test_without),
	};
	return cmocka_run_group_tests(tests, rows_setup, rows_teardown);
}
