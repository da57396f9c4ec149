/*
 * Data-set runs against a stand-in for model and compression, whose every
 * answer is known: this file defines the public calls that a run makes, so the
 * linker takes none of the real ones.
 */
#define _POSIX_C_SOURCE 200809L
#include "pith/evaluate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The stand-in: a token is a byte; soft rows are the text; a compressed text is its first half. */
struct pith_model {
	int n_documents, n_open; /* documents made, and not yet destroyed */
	size_t last_length;      /* bytes of the last one */
};
struct pith_document {
	struct pith_model *model;
	char *text;
	size_t length;
};
struct pith_compressed {
	struct pith_compressed_info info;
	char *text;
	size_t length;
};

static char *copy_bytes(const char *text, size_t length)
{
	char *copy = calloc(length + 1, 1);
	assert_non_null(copy);
	memcpy(copy, text, length);
	return copy;
}

static enum pith_status refuse(struct pith_error *err, enum pith_status code, const char *sentence)
{
	if (err != NULL) {
		err->code = code;
		snprintf(err->message, sizeof err->message, "%s", sentence);
	}
	return code;
}

static const struct pith_method half = {.name = "half", .family = PITH_EXTRACTIVE};
static const struct pith_method rows = {.name = "rows", .family = PITH_SOFT};

enum pith_status pith_document_create(struct pith_document **out, struct pith_model *model, const char *text, size_t length,
				      struct pith_error *err)
{
	(void)err;
	*out = calloc(1, sizeof **out);
	**out = (struct pith_document){.model = model, .text = copy_bytes(text, length), .length = length};
	model->n_documents++;
	model->n_open++;
	model->last_length = length;
	return PITH_OK;
}

void pith_document_destroy(struct pith_document *document)
{
	if (document == NULL)
		return;
	document->model->n_open--;
	free(document->text);
	free(document);
}

const char *pith_document_text(const struct pith_document *document, size_t *length)
{
	*length = document->length;
	return document->text;
}

enum pith_status pith_compress(struct pith_compressed **out, struct pith_document *document,
			       const struct pith_compress_options *options, const struct pith_control *control,
			       struct pith_error *err)
{
	assert_true(control == NULL || (control->progress == NULL && control->text == NULL));
	if (strcmp(document->text, "refused") == 0)
		return refuse(err, PITH_UNSUPPORTED, "This text is refused.");
	*out = calloc(1, sizeof **out);
	(*out)->length = options->method == &half ? document->length / 2 : document->length;
	(*out)->text = copy_bytes(document->text, (*out)->length);
	(*out)->info.method = options->method;
	(*out)->info.original_tokens = document->length;
	(*out)->info.compressed_tokens = 1;
	for (const char *c = document->text; *c != '\0'; c++)
		(*out)->info.compressed_tokens += *c == ' ';
	(*out)->info.cr = 0.5;
	(*out)->info.delta_cr = 0.25;
	return PITH_OK;
}

void pith_compressed_destroy(struct pith_compressed *compressed)
{
	if (compressed != NULL)
		free(compressed->text);
	free(compressed);
}

const struct pith_compressed_info *pith_compressed_info(const struct pith_compressed *compressed)
{
	return &compressed->info;
}

const char *pith_compressed_text(const struct pith_compressed *compressed, size_t *length)
{
	*length = compressed->length;
	return compressed->text;
}

/* A memory token is a word. */
enum pith_status pith_compressed_without(struct pith_compressed **out, const struct pith_compressed *compressed, size_t token,
					 struct pith_error *err)
{
	(void)err;
	const char *begin = compressed->text;
	for (size_t i = 0; i < token; i++)
		begin = strchr(begin, ' ') + 1;
	const char *end = begin + strcspn(begin, " ");
	*out = calloc(1, sizeof **out);
	**out = *compressed;
	(*out)->text = copy_bytes(compressed->text, compressed->length);
	memmove((*out)->text + (begin - compressed->text), end, strlen(end) + 1);
	return PITH_OK;
}

void pith_refine_options_init(struct pith_refine_options *options)
{
	*options = (struct pith_refine_options){.learning_rate = 1};
}

/* Heals "lossy ..." in as many steps as it may take, half as many for other texts. */
enum pith_status pith_refine(struct pith_compressed *compressed, struct pith_document *document,
			     const struct pith_refine_options *options, struct pith_refine_result *result,
			     const struct pith_control *control, struct pith_error *err)
{
	(void)document, (void)control, (void)err;
	bool lossy = strncmp(compressed->text, "lossy ", 6) == 0;
	if (lossy)
		compressed->text[0] = 'L';
	*result = (struct pith_refine_result){.n_steps = lossy ? options->n_steps : options->n_steps / 2};
	return PITH_OK;
}

static enum pith_status speak(struct pith_generated *out, const char *text)
{
	*out = (struct pith_generated){.text = strdup(text), .length = strlen(text)};
	return PITH_OK;
}

void pith_generated_free(struct pith_generated *generated)
{
	free(generated->text);
	*generated = (struct pith_generated){0};
}

/* Gives the text back, with white space at its end; of "lossy ..." only that word. */
enum pith_status pith_regenerate(struct pith_generated *out, struct pith_model *model, const struct pith_compressed *compressed,
				 size_t max_tokens, const struct pith_control *control, struct pith_error *err)
{
	(void)model, (void)max_tokens, (void)control, (void)err;
	assert_int_equal(compressed->info.method->family, PITH_SOFT);
	if (strncmp(compressed->text, "lossy ", 6) == 0)
		return speak(out, " lossy");
	char text[256];
	snprintf(text, sizeof text, "%s \n", compressed->text);
	return speak(out, text);
}

/* Answers with the whole text. */
enum pith_status pith_answer_text(struct pith_generated *out, struct pith_model *model, const char *text, size_t length,
				  const char *question, size_t max_tokens, const struct pith_control *control,
				  struct pith_error *err)
{
	(void)model, (void)question, (void)max_tokens, (void)control;
	if (length > 100)
		return refuse(err, PITH_TOO_LONG, "The text has more than 100 tokens.");
	return speak(out, text);
}

enum pith_status pith_answer_compressed(struct pith_generated *out, struct pith_model *model,
					struct pith_compressed *compressed, const char *question, size_t max_tokens,
					const struct pith_control *control, struct pith_error *err)
{
	(void)model, (void)question, (void)max_tokens, (void)control, (void)err;
	return speak(out, compressed->text);
}

enum pith_status pith_tokenize(const struct pith_model *model, const char *text, size_t length, struct pith_token **out,
			       size_t *n, struct pith_error *err)
{
	(void)model, (void)text, (void)err;
	*out = calloc(length + 1, sizeof **out);
	for (size_t i = 0; i < length; i++)
		(*out)[i] = (struct pith_token){.id = 0, .begin = (uint32_t)i, .end = (uint32_t)i + 1};
	*n = length;
	return PITH_OK;
}

/* The newest file of lines, until the next one or the end. */
static char path[64];

static void remove_lines(void)
{
	if (path[0] != '\0')
		assert_int_equal(unlink(path), 0);
}

static int teardown(void **state)
{
	(void)state;
	remove_lines();
	return 0;
}

static struct pith_evaluate_options write_lines(const char *lines, const struct pith_method *method)
{
	remove_lines();
	strcpy(path, "/tmp/pith-evaluate-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, lines, strlen(lines)), strlen(lines));
	close(fd);
	return (struct pith_evaluate_options){.data_path = path, .compress = {.method = method, .rate = 0.25}};
}

static void expect_near(double got, double expected)
{
	if (!(fabs(got - expected) < 1e-8))
		fail_msg("%.12f, expected %.12f", got, expected);
}

static void test_regenerate_soft(void **state)
{
	(void)state;
	struct pith_model model = {0};
	struct pith_evaluate_options options =
		write_lines("{\"text\": \" alpha beta\"}\n{\"text\": \"lossy four word text\"}\n", &rows);
	struct pith_regenerate_scores scores;
	assert_int_equal(pith_evaluate_regenerate(&scores, &model, &options, NULL, NULL), PITH_OK);
	assert_int_equal(scores.n, 2);
	expect_near(scores.exact.mean, 0.5); /* white space at the ends does not count */
	/* Of four words one came back: recall 1/4, precision 1. */
	expect_near(scores.rouge_l.mean, (1 + 0.4) / 2);
	expect_near(scores.rouge_l_set.mean, (1 + 0.4) / 2);
	expect_near(scores.bleu.mean, (1 + exp(1 - 4)) / 2);
	expect_near(scores.matched_prefix.mean, (1 + 5.0 / 20) / 2);
	expect_near(scores.cr, 0.5);
	expect_near(scores.delta_cr, 0.25);
	expect_near(scores.refine_steps, 0);
	assert_true(scores.seconds >= 0);
	assert_int_equal(model.n_open, 0);
	/* Refined, all of it comes back but for the letter that the stand-in changed. */
	options.refine_steps = 8;
	assert_int_equal(pith_evaluate_regenerate(&scores, &model, &options, NULL, NULL), PITH_OK);
	expect_near(scores.rouge_l.mean, 1);
	expect_near(scores.refine_steps, (4 + 8) / 2.0);
}

static void test_regenerate_extractive(void **state)
{
	(void)state;
	struct pith_model model = {0};
	struct pith_evaluate_options options = write_lines("{\"text\": \"ab cd ef gh \"}\n", &half);
	options.compress.n_tokens = 3;
	struct pith_regenerate_scores scores;
	assert_int_equal(pith_evaluate_regenerate(&scores, &model, &options, NULL, NULL), PITH_OK);
	expect_near(scores.rouge_l.mean, 2 * 0.5 / 1.5); /* "ab cd" of "ab cd ef gh" */
	expect_near(scores.matched_prefix.mean, 5.0 / 11);
	expect_near(scores.exact.mean, 0);
}

static void test_cut(void **state)
{
	(void)state;
	struct pith_model model = {0};
	/* Byte 4 is inside the e acute: the text is cut before it. */
	struct pith_evaluate_options options =
		write_lines("{\"text\": \"abc\\u00e9 rest\"}\n{\"text\": \"\\u00e9\\u00e9\"}\n", &rows);
	options.max_length_tokens = 4;
	options.limit = 1;
	struct pith_regenerate_scores scores;
	assert_int_equal(pith_evaluate_regenerate(&scores, &model, &options, NULL, NULL), PITH_OK);
	assert_int_equal(model.last_length, 3);
	expect_near(scores.exact.mean, 1);
	/* Shorter than one character: that character stays. */
	options.max_length_tokens = 1;
	options.limit = 0;
	options.compress.n_tokens = 2;
	assert_int_equal(pith_evaluate_regenerate(&scores, &model, &options, NULL, NULL), PITH_OK);
	assert_int_equal(model.last_length, 2);
	expect_near(scores.exact.mean, 1);
}

static void test_nul_in_text(void **state)
{
	(void)state;
	struct pith_model model = {0};
	struct pith_evaluate_options options = write_lines("{\"text\": \"ab cd\\u0000 ef gh\"}\n", &half);
	struct pith_regenerate_scores scores;
	assert_int_equal(pith_evaluate_regenerate(&scores, &model, &options, NULL, NULL), PITH_OK);
	expect_near(scores.rouge_l.mean, 2 * 0.5 / 1.5); /* four words, not two */
}

static const char *const questions = "{\"context\": \"red apple\", \"question\": \"?\", "
				     "\"answers\": [\"no\", \"The red apple.\"]}\n"
				     "{\"context\": \"red apple\", \"question\": \"!\", \"answers\": [\"green\"]}\n"
				     "{\"context\": \"go home\", \"question\": \"!\", \"answers\": [\"go home\"]}\n";

static void test_answer(void **state)
{
	(void)state;
	struct pith_model model = {0};
	struct pith_evaluate_options options = write_lines(questions, &half);
	struct pith_answer_scores scores;
	assert_int_equal(pith_evaluate_answer(&scores, &model, &options, NULL, NULL), PITH_OK);
	assert_int_equal(scores.n, 3);
	expect_near(scores.f1_full.mean, 2.0 / 3);
	expect_near(scores.em_full.mean, 2.0 / 3);
	/* "red " of "red apple" has F1 2/3; "go " of "go home" too. */
	expect_near(scores.f1.mean, (2.0 / 3 + 0 + 2.0 / 3) / 3);
	expect_near(scores.em.mean, 0);
	expect_near(scores.retained.mean, 2.0 / 3);
	expect_near(scores.refine_steps, 0);
	assert_int_equal(model.n_documents, 2); /* two questions about one text share its document */
	/* It is refined once for both. */
	options.compress.method = &rows;
	options.refine_steps = 8;
	assert_int_equal(pith_evaluate_answer(&scores, &model, &options, NULL, NULL), PITH_OK);
	assert_int_equal(model.n_documents, 4);
	expect_near(scores.refine_steps, 4);
	assert_int_equal(model.n_open, 0);
}

static void test_errors_name_the_line(void **state)
{
	(void)state;
	struct pith_model model = {0};
	struct pith_error err = {0};
	struct pith_evaluate_options options = write_lines("{\"text\": \"fine\"}\n\n{\"text\": \"refused\"}\n", &rows);
	struct pith_regenerate_scores scores;
	assert_int_equal(pith_evaluate_regenerate(&scores, &model, &options, NULL, &err), PITH_UNSUPPORTED);
	assert_non_null(strstr(err.message, "line 3: This text is refused."));
	assert_int_equal(scores.n, 1); /* what was done until then */
	expect_near(scores.exact.mean, 1);
	struct pith_answer_scores answers;
	assert_int_equal(pith_evaluate_answer(&answers, &model, &options, NULL, &err), PITH_BAD_FILE);
	assert_non_null(strstr(err.message, "line 1: "));
	assert_int_equal(answers.n, 0);
	expect_near(answers.f1.mean, 0);

	char lines[400];
	snprintf(lines, sizeof lines, "{\"context\": \"%0150d\", \"question\": \"?\", \"answers\": [\"a\"]}\n", 0);
	options = write_lines(lines, &rows);
	assert_int_equal(pith_evaluate_answer(&answers, &model, &options, NULL, &err), PITH_TOO_LONG);
	assert_non_null(strstr(err.message, path));
	assert_non_null(strstr(err.message, "line 1: The text has more than 100 tokens."));
	options.compress.method = NULL;
	assert_int_equal(pith_evaluate_answer(&answers, &model, &options, NULL, &err), PITH_BAD_ARGUMENT);
	assert_int_equal(model.n_open, 0);
}

/* What a caller's control is told, and a cancel after one line. */
struct watcher {
	int n_calls;
	double done, total;
	atomic_bool cancel;
};

static void watch(void *user, const char *what, double done, double total)
{
	struct watcher *watcher = user;
	assert_non_null(what);
	watcher->n_calls++;
	watcher->done = done;
	watcher->total = total;
}

static void watch_and_stop(void *user, const char *what, double done, double total)
{
	struct watcher *watcher = user;
	watch(user, what, done, total);
	if (done >= 1)
		atomic_store(&watcher->cancel, true);
}

static void test_control(void **state)
{
	(void)state;
	struct pith_model model = {0};
	struct pith_error err = {0};
	struct pith_evaluate_options options = write_lines(questions, &half);
	struct watcher watcher = {0};
	struct pith_control control = {.progress = watch, .user = &watcher, .cancel = &watcher.cancel};
	struct pith_answer_scores scores;
	assert_int_equal(pith_evaluate_answer(&scores, &model, &options, &control, &err), PITH_OK);
	assert_int_equal(watcher.n_calls, 4);
	expect_near(watcher.done, 3);
	expect_near(watcher.total, 3);
	control.progress = watch_and_stop;
	assert_int_equal(pith_evaluate_answer(&scores, &model, &options, &control, &err), PITH_CANCELLED);
	assert_int_equal(scores.n, 1);
	expect_near(scores.f1_full.mean, 1);
	assert_int_equal(model.n_open, 0);
}

/* Without one of three words two are left: F = 0.8. */
static void test_memory(void **state)
{
	(void)state;
	struct pith_model model = {0};
	struct pith_error err = {0};
	struct pith_memory_scores scores;
	struct pith_evaluate_options options =
		write_lines("{\"text\": \"alpha beta gamma\"}\n{\"text\": \"one two three\"}\n", &rows);
	assert_int_equal(pith_evaluate_memory(&scores, &model, &options, NULL, &err), PITH_OK);
	assert_int_equal(scores.n, 2);
	assert_int_equal(scores.n_tokens, 3);
	expect_near(scores.rouge_l.mean, 1);
	for (size_t j = 0; j < 3; j++)
		expect_near(scores.lost[j].mean, 0.2);
	expect_near(scores.evenness, 1);
	pith_memory_scores_free(&scores);
	assert_int_equal(model.n_open, 0);

	options = write_lines("{\"text\": \"alpha beta\"}\n{\"text\": \"a b c\"}\n", &rows);
	assert_int_equal(pith_evaluate_memory(&scores, &model, &options, NULL, &err), PITH_BAD_ARGUMENT);
	assert_non_null(strstr(err.message, "has 3 memory tokens, those before had 2"));
	assert_int_equal(scores.n, 1); /* what was done until then */
	expect_near(scores.lost[1].mean, 1 - 2.0 / 3);
	pith_memory_scores_free(&scores);

	options = write_lines("{\"text\": \"alpha\"}\n", &rows);
	assert_int_equal(pith_evaluate_memory(&scores, &model, &options, NULL, &err), PITH_BAD_ARGUMENT);
	assert_non_null(strstr(err.message, "at least two"));
	pith_memory_scores_free(&scores);
	options = write_lines("{\"text\": \"alpha beta\"}\n", &half);
	assert_int_equal(pith_evaluate_memory(&scores, &model, &options, NULL, &err), PITH_BAD_ARGUMENT);
	pith_memory_scores_free(&scores);
	assert_int_equal(model.n_open, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_regenerate_soft),
		cmocka_unit_test(test_regenerate_extractive),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_nul_in_text),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_errors_name_the_line),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
