#define _XOPEN_SOURCE 700
/*
 * Training a keep head: labels of pairs made by hand, measures
 * against their definitions, a run that lowers its loss and finds the words
 * again, the same head for the same seed, and what is refused.
 */
#include "train/keep.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "support/small_model.h"
#include "train/keep_labels.h"

static char base[600];

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	small_files("base", 95);
	snprintf(base, sizeof base, "%s/base.gguf", scratch_directory);
	return 0;
}

/* --- labels ------------------------------------------------------------------------------------------------ */

static void test_labels(void **state)
{
	(void)state;
	static const char text[] = "We improve the low-rank networks; the results, surprisingly, improved networks.";
	static const char target[] = "Improving low ranks of a network, cheaply";
	/*                         We improve the low-rank networks; the results, surprisingly, improved networks. */
	static const bool right[] = {0, 1,      0,  1,       1,        0,   0,       0,            1,       1};
	enum { N = sizeof right / sizeof *right };
	struct pith_word words[N];
	bool labels[N];
	double hit_rate;
	size_t n = 0;
	struct pith_error err;
	for (const char *c = text; *c != '\0'; n++) {
		size_t length = strcspn(c, " ");
		words[n] = (struct pith_word){.begin = (uint32_t)(c - text), .end = (uint32_t)(c - text + length)};
		c += length + (c[length] == ' ');
	}
	assert_int_equal(n, N);
	must(keep_labels(labels, &hit_rate, text, words, n, target, sizeof target - 1, &err), &err);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(labels[i], right[i]);
	assert_float_equal(hit_rate, 0.8f, 1e-6f); /* "cheap" is not there */
	must(keep_labels(labels, &hit_rate, text, words, n, "of the", 6, &err), &err);
	assert_float_equal(hit_rate, 0, 0);
	assert_false(labels[1]);
}

static void test_measures(void **state)
{
	(void)state;
	double f1, auc;
	/* Of 3 x 2 pairs of one to be kept and one to be dropped 4 are in order and one is level: 4.5 / 6. */
	struct keep_ranked tokens[] = {{0.2f, true}, {0.9f, true}, {0.5f, false}, {0.5f, true}, {0.1f, false}};
	keep_measure(tokens, 5, &f1, &auc);
	assert_float_equal(auc, 0.75f, 1e-6f);
	assert_true(f1 > 0.6 && f1 < 0.7); /* two of three, whichever of the level ones came first */
	struct keep_ranked perfect[] = {{1, false}, {3, true}, {2, true}};
	keep_measure(perfect, 3, &f1, &auc);
	assert_float_equal(f1, 1, 0);
	assert_float_equal(auc, 1, 0);
	keep_measure(perfect, 1, &f1, &auc);
	assert_true(isnan(auc));
	/* Scores of a head that diverged come last, and end. */
	struct keep_ranked diverged[] = {{NAN, false}, {1, true}, {NAN, false}, {0, true}};
	keep_measure(diverged, 4, &f1, &auc);
	assert_float_equal(f1, 1, 0);
	assert_float_equal(auc, 1, 0);
}

/* --- a run ------------------------------------------------------------------------------------------------- */

/* Texts of nouns and of small words; what is kept are the same few nouns, which a head can know by their tokens. */
static void write_pairs(const char *name, size_t n)
{
	static const char *const filler[] = {"river", "meeting", "report", "water", "plan", "cost"};
	static const char *const kept[] = {"turbine", "committee", "harbour"};
	struct random_state random;
	random_seed(&random, 4);
	FILE *stream = fopen(scratch_path(name), "w");
	assert_non_null(stream);
	for (size_t i = 0; i < n; i++) {
		fputs("{\"text\": \"", stream);
		for (int j = 0; j < 30; j++)
			fprintf(stream, "%s%s", j > 0 ? " the " : "",
			        random_below(&random, 3) == 0 ? kept[random_below(&random, 3)]
			                                      : filler[random_below(&random, 6)]);
		fputs(".\", \"target\": \"turbine committee harbour\"}\n", stream);
	}
	assert_int_equal(fclose(stream), 0);
}

struct watch {
	struct pith_keep_report first, last;
	atomic_bool cancel;
	bool stops;
};

static void on_report(void *user, const struct pith_keep_report *report)
{
	struct watch *watch = user;
	if (report->epoch == 1)
		watch->first = *report;
	watch->last = *report;
	if (watch->stops && report->epoch == 2)
		atomic_store(&watch->cancel, true);
}

static struct pith_keep_recipe tiny_recipe(struct pith_keep_source *source, const char *output)
{
	struct pith_keep_recipe recipe;
	pith_keep_recipe_init(&recipe);
	source->weight = 1;
	recipe.base_path = base;
	recipe.sources = source;
	recipe.n_sources = 1;
	recipe.window_tokens = 128;
	recipe.n_hidden = 8;
	recipe.n_epochs = 12;
	recipe.held_out = 0.2;
	recipe.batch_tokens = 200;
	recipe.learning_rate = 0.01;
	recipe.surprise_share = 0;
	recipe.output_path = output;
	recipe.n_threads = 1;
	return recipe;
}

static void test_run(void **state)
{
	(void)state;
	char pairs[600], output[600];
	write_pairs("pairs.jsonl", 40);
	snprintf(pairs, sizeof pairs, "%s/pairs.jsonl", scratch_directory);
	snprintf(output, sizeof output, "%s/base-keep.gguf", scratch_directory);
	struct pith_keep_source source = {.path = pairs};
	struct pith_keep_recipe recipe = tiny_recipe(&source, output);
	struct watch watch = {.stops = false};
	struct pith_error err;
	must(pith_train_keep(&recipe, on_report, &watch, NULL, &err), &err);
	assert_int_equal(watch.last.epoch, 12);
	assert_int_equal(watch.last.n_texts, 40);
	assert_int_equal(watch.last.n_left_out, 0);
	assert_true(watch.last.loss < 0.5 * watch.first.loss);
	assert_true(watch.last.held_out_loss < watch.first.held_out_loss);
	assert_true(watch.last.auc > 0.95 && watch.last.f1 > 0.85);

	/* What was written is found beside the model, and keeps the right words. */
	struct pith_model *model = small_open(base);
	static const char text[] =
		"river the turbine the plan the harbour the cost the committee the water the turbine the report the "
		"plan the meeting the committee the water the river the harbour the cost the report the turbine the plan.";
	struct pith_document *document = small_document(model, text, sizeof text - 1);
	struct pith_compress_options options;
	struct pith_compressed *compressed;
	size_t n;
	pith_compress_options_init(&options);
	options.method = pith_method_find("llmlingua2");
	options.rate = 0.4;
	must(pith_compress(&compressed, document, &options, NULL, &err), &err);
	const struct pith_word *words = pith_compressed_words(compressed, &n);
	double sum[2] = {0, 0};
	int count[2] = {0, 0};
	for (size_t w = 0; w < n; w++) {
		bool wanted = strchr("tch", text[words[w].begin]) != NULL && words[w].end - words[w].begin > 6;
		sum[wanted] += (double)words[w].score;
		count[wanted]++;
	}
	assert_int_equal(count[1], 7);
	assert_true(sum[1] / count[1] > 0.6 && sum[0] / count[0] < 0.3);
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
	pith_model_close(model);

	/* The same seed makes the same file, another one another. */
	size_t size, size_again;
	char *once = scratch_read(output, &size);
	must(pith_train_keep(&recipe, NULL, NULL, NULL, &err), &err);
	char *again = scratch_read(output, &size_again);
	assert_int_equal(size, size_again);
	assert_memory_equal(once, again, size);
	free(again);
	recipe.seed = 2;
	must(pith_train_keep(&recipe, NULL, NULL, NULL, &err), &err);
	again = scratch_read(output, &size_again);
	assert_memory_not_equal(once, again, size);
	free(again);
	free(once);
	unlink(output);
}

/* Questions of one context count together; a share of surprise leaves kept above dropped; badly aligned pairs are left out. */
static void test_sources(void **state)
{
	(void)state;
	char path[600], output[600];
	static const char lines[] =
		"{\"context\": \"The river froze. The mill stood still.\", \"question\": \"What froze?\", \"answers\": [\"The river\"]}\n"
		"{\"context\": \"The river froze. The mill stood still.\", \"question\": \"And the mill?\", \"answers\": [\"still\"]}\n"
		"{\"context\": \"The committee met at noon.\", \"question\": \"Who met?\", \"answers\": [\"The committee\"]}\n"
		"{\"text\": \"Engineers measured the tide.\", \"title\": \"Tide\"}\n"
		"{\"text\": \"Engineers measured the tide.\", \"title\": \"Nothing of all that, surely\"}\n";
	scratch_write("mixed.jsonl", lines, sizeof lines - 1);
	snprintf(path, sizeof path, "%s/mixed.jsonl", scratch_directory);
	snprintf(output, sizeof output, "%s/mixed-keep.gguf", scratch_directory);
	struct pith_keep_source source = {.path = path};
	struct pith_keep_recipe recipe = tiny_recipe(&source, output);
	struct watch watch = {.stops = false};
	struct pith_error err;
	recipe.held_out = 0;
	recipe.surprise_share = 0.3;
	must(pith_train_keep(&recipe, on_report, &watch, NULL, &err), &err);
	assert_int_equal(watch.last.n_texts, 3);
	assert_int_equal(watch.last.n_left_out, 1);
	assert_true(isnan(watch.last.held_out_loss));
	assert_true(watch.last.loss < watch.first.loss);

	static const char wrong[] = "\n \n{\"text\": \"The river froze.\"}\n";
	scratch_write("mixed.jsonl", wrong, sizeof wrong - 1);
	assert_int_equal(pith_train_keep(&recipe, NULL, NULL, NULL, &err), PITH_BAD_FILE);
	assert_non_null(strstr(err.message, "mixed.jsonl, line 3:"));
	static const char unlike[] = "{\"text\": \"The river froze.\", \"title\": \"Engineers\"}\n";
	scratch_write("mixed.jsonl", unlike, sizeof unlike - 1);
	assert_int_equal(pith_train_keep(&recipe, NULL, NULL, NULL, &err), PITH_BAD_FILE);
	assert_non_null(strstr(err.message, "nothing to learn"));
}

static void test_refused(void **state)
{
	(void)state;
	char pairs[600], output[600];
	write_pairs("pairs.jsonl", 10);
	snprintf(pairs, sizeof pairs, "%s/pairs.jsonl", scratch_directory);
	snprintf(output, sizeof output, "%s/stopped-keep.gguf", scratch_directory);
	struct pith_keep_source source = {.path = pairs};
	struct pith_keep_recipe recipe = tiny_recipe(&source, output);
	struct watch watch = {.stops = true};
	struct pith_control control = {.cancel = &watch.cancel};
	struct pith_error err = {0};
	expect_failure(pith_train_keep(&recipe, on_report, &watch, &control, &err), PITH_CANCELLED, &err, "nothing was saved");
	assert_int_equal(watch.last.epoch, 2);
	assert_int_equal(access(output, F_OK), -1);
	recipe.surprise_share = 0.5;
	expect_failure(pith_train_keep(&recipe, NULL, NULL, NULL, &err), PITH_BAD_ARGUMENT, &err, "surprise_share");
	recipe.surprise_share = 0;
	recipe.window_tokens = 256;
	expect_failure(pith_train_keep(&recipe, NULL, NULL, NULL, &err), PITH_BAD_ARGUMENT, &err, "1 to 255");
	recipe.window_tokens = 64;
	source.weight = 0;
	expect_failure(pith_train_keep(&recipe, NULL, NULL, NULL, &err), PITH_BAD_ARGUMENT, &err, "positive weight");
	source.weight = 1;
	recipe.n_sources = 0;
	expect_failure(pith_train_keep(&recipe, NULL, NULL, NULL, &err), PITH_BAD_ARGUMENT, &err, "no texts");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels),  cmocka_unit_test(test_measures),
		cmocka_unit_test(test_run),   cmocka_unit_test(test_sources), cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
