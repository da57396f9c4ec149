#define _GNU_SOURCE
/*
 * Refining memory rows of the model that ships: the text comes back byte for
 * byte where it did not before; what was reached is told as it is; nothing gets
 * worse when it is stopped; what cannot be refined is refused.
 */
#include "unit.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compress/document.h"
#include "model/session.h"
#include "pith/expand.h"
#include "pith/refine.h"

static const char text[] =
	"The committee met on 12 March 1987 and chose, by seven votes to four, to move the library from the old "
	"mill to the harbour; Anna Petrov wrote the minutes, which nobody has signed.";

struct fixture {
	struct pith_model *model;
	struct pith_document *document;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct pith_model_options options = {0};
	struct pith_error err;
	*state = f;
	if (f == NULL || pith_model_open(&f->model, TESTS_DIR "/../models/pith-default.gguf", &options, NULL, &err) != PITH_OK)
		return -1;
	return pith_document_create(&f->document, f->model, text, strlen(text), &err) == PITH_OK ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	pith_document_destroy(f->document);
	pith_model_close(f->model);
	free(f);
	return 0;
}

static struct pith_compressed *compress(struct pith_document *document, const char *method, size_t k)
{
	struct pith_compress_options options;
	struct pith_compressed *compressed;
	struct pith_error err;
	pith_compress_options_init(&options);
	options.method = pith_method_find(method);
	options.n_tokens = k;
	if (pith_compress(&compressed, document, &options, NULL, &err) != PITH_OK)
		fail_msg("%s", err.message);
	return compressed;
}

static bool regenerates(const struct fixture *f, const struct pith_compressed *compressed, const struct pith_document *document)
{
	struct pith_generated generated;
	struct pith_error err;
	assert_int_equal(pith_regenerate(&generated, f->model, compressed, 0, NULL, &err), PITH_OK);
	bool same = generated.length == document->length && memcmp(generated.text, document->text, generated.length) == 0;
	pith_generated_free(&generated);
	return same;
}

/* From the rows themselves, whatever was kept. */
static bool comes_back(const struct fixture *f, struct pith_compressed *compressed, const struct pith_document *document)
{
	compressed_forget_text(compressed);
	return regenerates(f, compressed, document);
}

static void check_exact(const struct fixture *f, struct pith_document *document, size_t k, size_t n_spans)
{
	struct pith_refine_options options;
	struct pith_refine_result result;
	struct pith_error err;
	pith_refine_options_init(&options);
	struct pith_compressed *compressed = compress(document, "500x", k);
	assert_false(comes_back(f, compressed, document));
	assert_int_equal(pith_refine(compressed, document, &options, &result, NULL, &err), PITH_OK);
	/* Rows of its beginning, where they could not hold more, are now of the whole. */
	assert_int_equal(compressed->rows[PITH_REGENERATE].n_spans, n_spans);
	assert_int_equal(compressed->info.encoded_tokens, document->n_tokens);
	assert_true(result.exact && comes_back(f, compressed, document));
	assert_int_equal(result.n_tokens, document->n_tokens + n_spans);
	assert_int_equal(result.matched, result.n_tokens);
	assert_true(result.matched > result.matched_before && result.loss < result.loss_before);
	assert_in_range(result.n_steps, 1, options.n_steps * (int)n_spans);
	pith_compressed_destroy(compressed);
}

struct pieces_heard {
	size_t n, length;
};

static void hear(void *user, const char *piece, size_t length)
{
	struct pieces_heard *heard = user;
	(void)piece;
	heard->n++;
	heard->length += length;
}

/* What was kept comes at once, until the rows are others. */
static void test_kept(void **state)
{
	struct fixture *f = *state;
	struct pith_compressed *compressed = compress(f->document, "500x", 1);
	struct pith_generated kept, again;
	struct pith_refine_options options;
	struct pith_refine_result result;
	struct pith_error err;
	struct pieces_heard heard = {0};
	const struct pith_control control = {.text = hear, .user = &heard};
	assert_int_equal(pith_regenerate(&kept, f->model, compressed, 0, NULL, &err), PITH_OK);
	kept.seconds = 1234;
	assert_int_equal(pith_compressed_keep_text(compressed, &kept, &err), PITH_OK);
	assert_int_equal(pith_regenerate(&again, f->model, compressed, 0, &control, &err), PITH_OK);
	assert_true(again.seconds == 1234);
	assert_string_equal(again.text, kept.text);
	assert_int_equal(heard.n, kept.length > 0);
	assert_int_equal(heard.length, kept.length);
	pith_generated_free(&again);
	/* With a limit it is made anew. */
	assert_int_equal(pith_regenerate(&again, f->model, compressed, 2, NULL, &err), PITH_OK);
	assert_true(again.seconds != 1234);
	assert_in_range(again.n_tokens, 0, 2);
	pith_generated_free(&again);
	/* Refined, it is another text, and that one is kept: it comes in no time. */
	pith_refine_options_init(&options);
	assert_int_equal(pith_refine(compressed, f->document, &options, &result, NULL, &err), PITH_OK);
	assert_true(result.exact);
	assert_non_null(compressed->regenerated);
	assert_int_equal(pith_regenerate(&again, f->model, compressed, 0, NULL, &err), PITH_OK);
	assert_string_equal(again.text, f->document->text);
	assert_true(comes_back(f, compressed, f->document));
	pith_generated_free(&again);
	pith_generated_free(&kept);
	pith_compressed_destroy(compressed);
}

static void test_exact(void **state)
{
	struct fixture *f = *state;
	check_exact(f, f->document, 1, 1);
}

/* Longer than one span may be: two spans, each with rows of its own. */
static void test_two_spans(void **state)
{
	struct fixture *f = *state;
	struct pith_document *document;
	struct pith_error err;
	char longer[8 * sizeof text] = "";
	for (size_t n = 0; n <= (size_t)pith_model_info(f->model)->span_tokens; n += f->document->n_tokens) {
		strcat(longer, text);
		strcat(longer, " ");
	}
	assert_int_equal(pith_document_create(&document, f->model, longer, strlen(longer) - 1, &err), PITH_OK);
	check_exact(f, document, 4, 2);
	pith_document_destroy(document);
}

static void count_watch(void *user, const struct pith_compressed *compressed)
{
	assert_non_null(compressed);
	++*(int *)user;
}

/* What a file says of it. */
static struct pith_compressed *saved_and_loaded(const struct fixture *f, const struct pith_compressed *compressed)
{
	struct pith_compressed *loaded;
	struct pith_error err;
	char path[] = "/tmp/pith-refined-XXXXXX";
	int descriptor = mkstemp(path);
	assert_true(descriptor >= 0);
	close(descriptor);
	assert_int_equal(pith_compressed_save(compressed, path, &err), PITH_OK);
	assert_int_equal(pith_compressed_load(&loaded, f->model, path, &err), PITH_OK);
	unlink(path);
	return loaded;
}

/* Every step is watched; what was reached is in the file that the rows are saved to. */
static void test_saved(void **state)
{
	struct fixture *f = *state;
	struct pith_refine_options options;
	struct pith_refine_result result;
	struct pith_error err;
	int n_watched = 0;
	pith_refine_options_init(&options);
	options.watch = count_watch;
	options.user = &n_watched;
	struct pith_compressed *compressed = compress(f->document, "500x", 1), *loaded;
	assert_int_equal(pith_refine(compressed, f->document, &options, &result, NULL, &err), PITH_OK);
	assert_true(result.exact && result.n_steps > 0 && n_watched == result.n_steps);
	loaded = saved_and_loaded(f, compressed);
	assert_int_equal(pith_compressed_info(loaded)->refine_steps, result.n_steps);
	assert_true(pith_compressed_info(loaded)->exact && comes_back(f, loaded, f->document));
	pith_compressed_destroy(loaded);
	pith_compressed_destroy(compressed);
}

/* So is that rows were exact before anything was done to them. */
static void test_saved_without_a_step(void **state)
{
	struct fixture *f = *state;
	struct pith_refine_options options;
	struct pith_refine_result result;
	struct pith_error err;
	pith_refine_options_init(&options);
	struct pith_compressed *compressed = compress(f->document, "500x", 4), *loaded;
	assert_int_equal(pith_refine(compressed, f->document, &options, &result, NULL, &err), PITH_OK);
	compressed->info.refine_steps = 0;
	loaded = saved_and_loaded(f, compressed);
	assert_true(pith_compressed_info(loaded)->exact && pith_compressed_info(loaded)->refine_steps == 0);
	pith_compressed_destroy(loaded);
	pith_compressed_destroy(compressed);
}

static void regenerate_watch(void *user, const struct pith_compressed *compressed)
{
	regenerates(user, compressed, ((struct fixture *)user)->document);
}

/* Rows from a file, in a model that has read nothing yet, which reads while they are refined. */
static void test_loaded_elsewhere(void **state)
{
	struct fixture *f = *state, *fresh;
	struct pith_refine_options options;
	struct pith_refine_result here, there;
	struct pith_error err;
	assert_int_equal(setup((void **)&fresh), 0);
	pith_refine_options_init(&options);
	options.n_steps = 5;
	struct pith_compressed *compressed = compress(f->document, "500x", 1);
	struct pith_compressed *loaded = saved_and_loaded(fresh, compressed);
	assert_int_equal(pith_refine(compressed, f->document, &options, &here, NULL, &err), PITH_OK);
	options.watch = regenerate_watch;
	options.user = fresh;
	assert_int_equal(pith_refine(loaded, fresh->document, &options, &there, NULL, &err), PITH_OK);
	assert_true(here.matched_before == there.matched_before && here.matched == there.matched);
	assert_true(fabs(here.loss_before - there.loss_before) < 1e-3);
	pith_compressed_destroy(loaded);
	pith_compressed_destroy(compressed);
	teardown((void **)&fresh);
}

/* One step is not enough, and what it says is what comes out. */
static void test_limit(void **state)
{
	struct fixture *f = *state;
	struct pith_refine_options options = {.n_steps = 1, .learning_rate = 0.001};
	struct pith_refine_result result;
	struct pith_error err;
	struct pith_compressed *compressed = compress(f->document, "500x", 1);
	assert_int_equal(pith_refine(compressed, f->document, &options, &result, NULL, &err), PITH_OK);
	assert_int_equal(result.n_steps, 1);
	assert_true(result.matched < result.n_tokens && result.matched >= result.matched_before);
	assert_false(result.exact || comes_back(f, compressed, f->document));
	pith_compressed_destroy(compressed);
}

/*
 * One memory token holds the beginning of a longer text. A few steps do not bring all of it back: the old rows stay, and the next
 * call goes on with the new ones, which stay where the old ones give nothing back.
 */
static void test_beginning(void **state)
{
	struct fixture *f = *state;
	struct pith_refine_options options = {.n_steps = 3, .learning_rate = 0.02};
	struct pith_refine_result result;
	struct pith_document *document;
	struct pith_error err;
	char longer[4 * sizeof text] = "";
	for (int i = 0; i < 3; i++)
		strcat(strcat(longer, text), " ");
	assert_int_equal(pith_document_create(&document, f->model, longer, strlen(longer), &err), PITH_OK);
	struct pith_compressed *compressed = compress(document, "500x", 1);
	const struct rows *rows = &compressed->rows[PITH_REGENERATE];
	size_t size = rows->n_rows * rows->row_floats * sizeof(float), held = compressed->info.encoded_tokens;
	float *before = malloc(size);
	assert_non_null(before);
	memcpy(before, rows->data, size);
	assert_true(held < document->n_tokens);
	for (int call = 1; call <= 2; call++) {
		assert_int_equal(pith_refine(compressed, document, &options, &result, NULL, &err), PITH_OK);
		assert_true(result.unchanged && !result.exact && result.matched_before > 0);
		assert_memory_equal(before, rows->data, size);
		assert_int_equal(result.n_steps, 3);
		assert_int_equal(compressed->info.refine_steps, 0);
		assert_int_equal(compressed->info.encoded_tokens, held);
		assert_int_equal(compressed->unfinished_steps, 3 * call);
		assert_int_equal(rows_n_tokens(&compressed->unfinished), document->n_tokens);
	}
	memset(rows->data, 0, size);
	assert_int_equal(pith_refine(compressed, document, &options, &result, NULL, &err), PITH_OK);
	assert_false(result.unchanged);
	assert_int_equal(compressed->info.refine_steps, 9);
	assert_int_equal(compressed->info.encoded_tokens, document->n_tokens);
	assert_int_equal(compressed->unfinished.n_spans, 0);
	free(before);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
}

/* What the text costs the model alone, as a session of the model sums it up. */
static double cost_of(const struct fixture *f, const struct pith_document *document)
{
	struct session *session;
	struct token_list ids = {0};
	struct pith_error err;
	double nats = 0;
	size_t n = document->n_tokens + 1;
	assert_true(token_list_append(&ids, tokenizer_bos(f->model->tokenizer)));
	for (size_t i = 0; i < document->n_tokens; i++)
		assert_true(token_list_append(&ids, document->tokens[i].id));
	assert_true(token_list_append(&ids, tokenizer_eos(f->model->tokenizer)));
	float *losses = calloc(n, sizeof *losses);
	struct session_input input = {.ids = ids.ids, .n = n};
	assert_non_null(losses);
	assert_int_equal(session_create(&session, &f->model->transformer, f->model->pool, n, &err), PITH_OK);
	assert_int_equal(session_read(session, &input, NULL, &err), PITH_OK);
	assert_int_equal(session_losses(session, 0, ids.ids + 1, n, losses, &err), PITH_OK);
	for (size_t i = 0; i < n; i++)
		nats += (double)losses[i];
	free(losses);
	session_destroy(session);
	token_list_free(&ids);
	return nats;
}

/* Whether it is likely to work is known before the first step: two memory tokens hold a sentence, one does not hold 300 odd
 * words. */
static void test_forecast(void **state)
{
	struct fixture *f = *state;
	struct pith_refine_options options = {.n_steps = 1, .learning_rate = 0.001};
	struct pith_refine_result result;
	struct pith_document *odd;
	struct pith_error err;
	struct buffer words = {0};
	struct pith_compressed *compressed = compress(f->document, "500x", 1);
	assert_int_equal(pith_refine(compressed, f->document, &options, &result, NULL, &err), PITH_OK);
	assert_true(pith_refine_is_hopeful(&result));
	double nats = cost_of(f, f->document);
	assert_true(fabs(result.nats - nats) < 1e-3 * nats);
	pith_compressed_destroy(compressed);

	for (int i = 0; i < 300; i++)
		assert_true(buffer_printf(&words, "%c%c%c%d ", 'a' + i * 7 % 26, 'Q' - i % 5, 'a' + i * 11 % 26, i * 37 % 101));
	assert_int_equal(pith_document_create(&odd, f->model, words.data, words.length, &err), PITH_OK);
	compressed = compress(odd, "500x", 1 + odd->n_tokens / (size_t)pith_model_info(f->model)->span_tokens);
	assert_int_equal(pith_refine(compressed, odd, &options, &result, NULL, &err), PITH_OK);
	assert_false(pith_refine_is_hopeful(&result) || result.exact);
	pith_compressed_destroy(compressed);
	pith_document_destroy(odd);
	buffer_free(&words);
}

static void test_cancelled(void **state)
{
	struct fixture *f = *state;
	atomic_bool cancel = true;
	struct pith_control control = {.cancel = &cancel};
	struct pith_refine_options options;
	struct pith_refine_result result;
	struct pith_error err;
	pith_refine_options_init(&options);
	struct pith_compressed *compressed = compress(f->document, "500x", 1);
	const struct rows *rows = &compressed->rows[PITH_REGENERATE];
	size_t size = rows->n_rows * rows->row_floats * sizeof(float);
	float *before = malloc(size);
	assert_non_null(before);
	memcpy(before, rows->data, size);
	assert_int_equal(pith_refine(compressed, f->document, &options, &result, &control, &err), PITH_CANCELLED);
	assert_memory_equal(before, rows->data, size);
	free(before);
	pith_compressed_destroy(compressed);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	struct pith_refine_options options;
	struct pith_refine_result result;
	struct pith_document *other;
	struct pith_error err;
	pith_refine_options_init(&options);
	struct pith_compressed *words = compress(f->document, "selfinfo", 10), *rows = compress(f->document, "500x", 2);
	assert_int_equal(pith_refine(words, f->document, &options, &result, NULL, &err), PITH_BAD_ARGUMENT);
	assert_int_equal(pith_document_create(&other, f->model, "Something else.", 15, &err), PITH_OK);
	assert_int_equal(pith_refine(rows, other, &options, &result, NULL, &err), PITH_MISMATCH);
	/* As a file may have it whose number of tokens was changed, and with it where its spans end. */
	rows->info.original_tokens++;
	assert_int_equal(pith_refine(rows, f->document, &options, &result, NULL, &err), PITH_MISMATCH);
	rows->info.original_tokens--;
	/* A call that fails before the first step leaves what is known of the rows. */
	rows->info.exact = true;
	options.n_steps = 0;
	assert_int_equal(pith_refine(rows, f->document, &options, &result, NULL, &err), PITH_BAD_ARGUMENT);
	atomic_bool stop = true;
	struct pith_control control = {.cancel = &stop};
	pith_refine_options_init(&options);
	assert_int_equal(pith_refine(rows, f->document, &options, &result, &control, &err), PITH_CANCELLED);
	assert_true(rows->info.exact && result.n_steps == 0);
	pith_document_destroy(other);
	pith_compressed_destroy(words);
	pith_compressed_destroy(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_two_spans),
		cmocka_unit_test(test_saved), cmocka_unit_test(test_saved_without_a_step),
		cmocka_unit_test(test_loaded_elsewhere),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_beginning),
		cmocka_unit_test(test_forecast),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
