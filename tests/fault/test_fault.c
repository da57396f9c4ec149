#define _XOPEN_SOURCE 700
/*
 * Memory that runs out, at every place where it can: each scenario is run again
 * and again, and the first allocation is refused, then the second, and so on;
 * once that one alone, once all behind it, too. Every run must end with
 * PITH_NO_MEMORY and its sentence, or with the very result of a run without
 * refusals; free what it took; and leave no half-written file.
 */
#include "allocator.h"

#include <stdio.h>

#include "compress/document.h"
#include "compress/rewrite.h"
#include "pith/expand.h"
#include "pith/refine.h"
#include "remote/chat_stream.h"
#include "support/small_model.h"

/* What a scenario works with; made anew, without refusals, for every run. */
struct stage {
	struct pith_model *model;
	struct pith_document *document;
	struct pith_compressed *rows;
	struct buffer result; /* what the scenario found out, as bytes */
};

struct scenario {
	const char *name;
	bool model, document, rows; /* what it needs */
	bool json;                  /* it reads JSON: see excused() */
	enum pith_status (*run)(struct stage *stage, struct pith_error *err);
};

static char model_path[600], prompt_path[600], written_path[600], pairs_path[600];

static const char document_text[] = "The tide at the harbour was not measured on 14 Monday.\n\nThe café is never without "
				    "electricity; however, the report (see below) was approved, and the plan is to delay.";

static void keep(struct stage *stage, const void *bytes, size_t n)
{
	bool armed = allocator.armed;
	allocator.armed = false;
	assert_true(buffer_append(&stage->result, bytes, n));
	allocator.armed = armed;
}

static enum pith_status open_model(struct stage *stage, struct pith_error *err)
{
	struct pith_model_options options = {.n_threads = 1};
	struct pith_model *model;
	enum pith_status status = pith_model_open(&model, model_path, &options, NULL, err);
	if (status == PITH_OK)
		keep(stage, &pith_model_info(model)->n_params, sizeof(size_t));
	else
		assert_null(model);
	pith_model_close(model);
	return status;
}

/* A SentencePiece vocabulary, and texts cut by it. */
static enum pith_status read_pieces(struct stage *stage, struct pith_error *err)
{
	struct gguf *gguf;
	struct tokenizer *tokenizer = NULL;
	struct token_list list = {0};
	enum pith_status status = gguf_open(&gguf, TESTS_DIR "/core/text/golden_sentence_pieces.gguf", err);
	if (status != PITH_OK)
		return status;
	status = tokenizer_create(&tokenizer, gguf, err);
	gguf_close(gguf);
	if (status == PITH_OK)
		status = tokenizer_encode(tokenizer, document_text, sizeof document_text - 1, &list, err);
	if (status == PITH_OK)
		status = tokenizer_encode_continued(tokenizer, document_text, sizeof document_text - 1, &list, err);
	if (status == PITH_OK)
		keep(stage, list.ids, list.n * sizeof *list.ids);
	token_list_free(&list);
	tokenizer_destroy(tokenizer);
	return status;
}

static enum pith_status create_document(struct stage *stage, struct pith_error *err)
{
	struct pith_document *document;
	enum pith_status status = pith_document_create(&document, stage->model, document_text, sizeof document_text - 1, err);
	if (status == PITH_OK)
		keep(stage, document->tokens, document->n_tokens * sizeof *document->tokens);
	else
		assert_null(document);
	pith_document_destroy(document);
	return status;
}

static enum pith_status compress(struct stage *stage, const char *method, double rate, struct pith_error *err)
{
	struct pith_compressed *compressed;
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	options.method = pith_method_find(method);
	options.rate = rate;
	enum pith_status status = pith_compress(&compressed, stage->document, &options, NULL, err);
	if (status == PITH_OK) {
		keep(stage, compressed->text, compressed->text_length);
		for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++)
			keep(stage, compressed->rows[p].data,
			     compressed->rows[p].n_rows * compressed->rows[p].row_floats * sizeof(float));
	} else {
		assert_null(compressed);
	}
	pith_compressed_destroy(compressed);
	return status;
}

static enum pith_status compress_words(struct stage *stage, struct pith_error *err)
{
	return compress(stage, "selfinfo", 0.2, err);
}

static enum pith_status compress_by_head(struct stage *stage, struct pith_error *err)
{
	return compress(stage, "llmlingua2", 0.2, err);
}

static enum pith_status compress_iteratively(struct stage *stage, struct pith_error *err)
{
	return compress(stage, "llmlingua", 0.2, err);
}

static enum pith_status compress_in_stages(struct stage *stage, struct pith_error *err)
{
	return compress(stage, "dac", 0.2, err);
}

static enum pith_status compress_rows(struct stage *stage, struct pith_error *err)
{
	return compress(stage, "500x", 0.3, err);
}

/* Says the first words of the chunk. */
static enum pith_status write_words(void *user, const struct rewrite_request *request, struct rewrite_answer *answer,
                                    const struct pith_control *control, struct pith_error *err)
{
	(void)user;
	(void)control;
	return buffer_append(&answer->text, request->text, request->length / 4) ? PITH_OK : fail_memory(err, "the words");
}

static enum pith_status rewrite(struct stage *stage, struct pith_error *err)
{
	struct pith_compress_options options;
	const struct pith_pin pin = {20, 27};
	const struct rewriter rewriter = {.write = write_words, .chunk_tokens = 48};
	pith_compress_options_init(&options);
	options.method = pith_method_find("vanilla");
	options.pins = &pin;
	options.n_pins = 1;
	struct pith_compressed *compressed = calloc(1, sizeof *compressed);
	if (compressed == NULL)
		return fail_memory(err, "the result");
	compressed->info.budget_tokens = 40;
	enum pith_status status = rewrite_document(compressed, stage->document, &options, &rewriter, NULL, err);
	if (status == PITH_OK)
		keep(stage, compressed->text, compressed->text_length);
	else
		assert_null(compressed->text);
	pith_compressed_destroy(compressed);
	return status;
}

/* An answer as servers send it, in two pieces. */
static enum pith_status take_answer(struct stage *stage, struct pith_error *err)
{
	static const char answer[] = "data: {\"choices\":[{\"delta\":{\"content\":\"The tide.\"}}]}\n\ndata: [DONE]\n";
	struct chat_stream stream = {0};
	if (chat_stream_feed(&stream, answer, 30))
		chat_stream_feed(&stream, answer + 30, sizeof answer - 1 - 30);
	chat_stream_end(&stream);
	enum pith_status status = PITH_OK;
	if (stream.outcome == CHAT_COMPLETE)
		keep(stage, stream.text.data, stream.text.length);
	else if (stream.outcome == CHAT_NO_MEMORY)
		status = fail_memory(err, "the answer");
	else
		status = fail(err, PITH_BAD_FILE, "No chat.");
	chat_stream_free(&stream);
	return status;
}

static enum pith_status save(struct stage *stage, struct pith_error *err)
{
	enum pith_status status = pith_compressed_save(stage->rows, written_path, err);
	bool there = access(written_path, F_OK) == 0;
	assert_int_equal(there, status == PITH_OK);
	unlink(written_path);
	return status;
}

static enum pith_status load(struct stage *stage, struct pith_error *err)
{
	struct pith_compressed *loaded;
	enum pith_status status = pith_compressed_load(&loaded, stage->model, prompt_path, err);
	if (status == PITH_OK)
		keep(stage, loaded->rows[0].data, loaded->rows[0].n_rows * loaded->rows[0].row_floats * sizeof(float));
	else
		assert_null(loaded);
	pith_compressed_destroy(loaded);
	return status;
}

static void hear(void *user, const char *text, size_t length)
{
	(void)text;
	*(size_t *)user += length;
}

static enum pith_status finish(struct stage *stage, struct pith_generated *out, enum pith_status status)
{
	if (status == PITH_OK)
		keep(stage, out->text, out->length);
	else
		assert_null(out->text);
	pith_generated_free(out);
	return status;
}

static enum pith_status regenerate(struct stage *stage, struct pith_error *err)
{
	size_t heard = 0;
	struct pith_control control = {.text = hear, .user = &heard};
	struct pith_generated out;
	return finish(stage, &out, pith_regenerate(&out, stage->model, stage->rows, 12, &control, err));
}

static enum pith_status answer_text(struct stage *stage, struct pith_error *err)
{
	size_t heard = 0;
	struct pith_control control = {.text = hear, .user = &heard};
	struct pith_generated out;
	enum pith_status status =
		pith_answer_text(&out, stage->model, document_text, sizeof document_text - 1, "When?", 8, &control, err);
	return finish(stage, &out, status);
}

static enum pith_status answer_rows(struct stage *stage, struct pith_error *err)
{
	struct pith_generated out;
	return finish(stage, &out, pith_answer_compressed(&out, stage->model, stage->rows, "When?", 8, NULL, err));
}

static enum pith_status inspect(struct stage *stage, const char *path, struct pith_error *err)
{
	struct pith_file_report report;
	enum pith_status status = pith_inspect(path, &report, err);
	assert_true(status == PITH_OK || report.metadata == NULL);
	for (size_t i = 0; i < report.n_metadata; i++)
		keep(stage, report.metadata[i].value, strlen(report.metadata[i].value));
	pith_file_report_free(&report);
	return status;
}

/* Two steps, by a reader whose own weights are merged into the model's. */
static enum pith_status refine(struct stage *stage, struct pith_error *err)
{
	struct pith_refine_options options;
	struct pith_refine_result result;
	pith_refine_options_init(&options);
	options.n_steps = 2;
	enum pith_status status = pith_refine(stage->rows, stage->document, &options, &result, NULL, err);
	if (status == PITH_OK)
		keep(stage, &result.loss, sizeof result.loss);
	return status;
}

static enum pith_status inspect_model(struct stage *stage, struct pith_error *err)
{
	return inspect(stage, model_path, err);
}

static enum pith_status inspect_prompt(struct stage *stage, struct pith_error *err)
{
	return inspect(stage, prompt_path, err);
}

/* The model's weights copied, written anew, with an adapter: what training does at its end. */
static enum pith_status write_model(struct stage *stage, struct pith_error *err)
{
	const struct pith_model *model = stage->model;
	struct parameters *p;
	enum pith_status status = parameters_create(&p, &model->transformer.h, false, err);
	if (status == PITH_OK) {
		parameters_copy(p, &model->transformer.weights);
		status = parameters_save(p, written_path, TENSOR_Q8_0, "written", model->gguf, err);
	}
	if (status == PITH_OK)
		status = adapter_save(model->adapters[PITH_MEMORY_ROWS][PITH_ANSWER], &model->transformer.h, TENSOR_BF16,
		                      written_path, err);
	parameters_destroy(p);
	unlink(written_path);
	return status;
}

/* A keep head for the model, trained on two texts. */
static enum pith_status make_head(const char *path, struct pith_error *err)
{
	struct pith_keep_source source = {.path = pairs_path, .weight = 1};
	struct pith_keep_recipe recipe;
	pith_keep_recipe_init(&recipe);
	recipe.base_path = model_path;
	recipe.sources = &source;
	recipe.n_sources = 1;
	recipe.window_tokens = 64;
	recipe.n_hidden = 4;
	recipe.n_epochs = 1;
	recipe.held_out = 0.5;
	recipe.output_path = path;
	recipe.n_threads = 1;
	return pith_train_keep(&recipe, NULL, NULL, NULL, err);
}

static enum pith_status train_keep(struct stage *stage, struct pith_error *err)
{
	(void)stage;
	enum pith_status status = make_head(written_path, err);
	bool there = access(written_path, F_OK) == 0;
	assert_int_equal(there, status == PITH_OK);
	unlink(written_path);
	return status;
}

static const struct scenario scenarios[] = {
	{"opening a model", false, false, false, false, open_model},
	{"a vocabulary of pieces", false, false, false, false, read_pieces},
	{"a document", true, false, false, false, create_document},
	{"selfinfo", true, true, false, false, compress_words},
	{"llmlingua2", true, true, false, false, compress_by_head},
	{"training a keep head", false, false, false, true, train_keep},
	{"llmlingua", true, true, false, false, compress_iteratively},
	{"dac", true, true, false, false, compress_in_stages},
	{"500x", true, true, false, false, compress_rows},
	{"rewriting", true, true, false, false, rewrite},
	{"an answer of a server", false, false, false, true, take_answer},
	{"saving a soft prompt", true, true, true, false, save},
	{"loading a soft prompt", true, false, false, true, load},
	{"regenerating", true, true, true, false, regenerate},
	{"refining", true, true, true, false, refine},
	{"an answer from text", true, false, false, false, answer_text},
	{"an answer from rows", true, true, true, false, answer_rows},
	{"inspecting a model", false, false, false, false, inspect_model},
	{"inspecting a soft prompt", false, false, false, true, inspect_prompt},
	{"writing a model", true, false, false, false, write_model},
};

static struct stage stage_create(const struct scenario *scenario)
{
	struct stage stage = {0};
	struct pith_error err;
	if (scenario->model)
		stage.model = small_open(model_path);
	if (scenario->document)
		stage.document = small_document(stage.model, document_text, sizeof document_text - 1);
	if (scenario->rows) {
		struct pith_compress_options options;
		pith_compress_options_init(&options);
		options.method = pith_method_find("500x");
		must(pith_compress(&stage.rows, stage.document, &options, NULL, &err), &err);
	}
	return stage;
}

static void stage_destroy(struct stage *stage)
{
	pith_compressed_destroy(stage->rows);
	pith_document_destroy(stage->document);
	pith_model_close(stage->model);
	buffer_free(&stage->result);
}

/*
 * jansson (2.14) without memory may take a string for a wrong token, or drop a
 * byte of it and go on: then a file that is read looks damaged or foreign.
 */
static bool excused(const struct scenario *scenario, enum pith_status status)
{
	return scenario->json && (status == PITH_BAD_FILE || status == PITH_MISMATCH || status == PITH_UNSUPPORTED);
}

/* One run with a refusal after n allocations. False: there was none to refuse any more. */
static bool run_with_refusal(const struct scenario *scenario, size_t n, bool sticky, const struct buffer *expected)
{
	long before = allocator.n_live;
	int n_files = scratch_count();
	struct stage stage = stage_create(scenario);
	struct pith_error err = {0};
	allocator_arm(n, sticky);
	enum pith_status status = scenario->run(&stage, &err);
	size_t n_refused = allocator_disarm();
	if (status != PITH_OK && !excused(scenario, status) &&
	    (status != PITH_NO_MEMORY || err.code != status || strstr(err.message, "memory") == NULL))
		fail_msg("%s, allocation %zu%s: \"%s\": %s", scenario->name, n, sticky ? " and on" : "", pith_status_name(status),
		         err.message);
	if (status != PITH_OK && n_refused == 0)
		fail_msg("%s: %s, and nothing was refused", scenario->name, err.message);
	if (status == PITH_OK && !scenario->json && (stage.result.length != expected->length ||
	                          (expected->length > 0 && memcmp(stage.result.data, expected->data, expected->length) != 0)))
		fail_msg("%s, allocation %zu%s: succeeded, with another result", scenario->name, n, sticky ? " and on" : "");
	stage_destroy(&stage);
	if (allocator.n_live != before)
		fail_msg("%s, allocation %zu%s: %ld blocks were not freed", scenario->name, n, sticky ? " and on" : "",
		         allocator.n_live - before);
	assert_int_equal(scratch_count(), n_files);
	return n_refused > 0;
}

static void check_scenario(const struct scenario *scenario)
{
	struct stage plain = stage_create(scenario);
	struct pith_error err;
	must(scenario->run(&plain, &err), &err);
	for (int sticky = 0; sticky <= 1; sticky++) {
		size_t n = 0;
		/* Every place among the first few hundred, then ever fewer: they are the turns of some loop. */
		while (run_with_refusal(scenario, n, sticky, &plain.result))
			n += 1 + n / 100;
		assert_true(n > 0);
		if (getenv("PITH_TEST_VERBOSE") != NULL)
			print_message("%s: about %zu allocations%s\n", scenario->name, n,
			              sticky ? ", all behind one refused" : "");
	}
	stage_destroy(&plain);
}

static void test_scenarios(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		check_scenario(&scenarios[i]);
}

/* The test itself: a refusal is heard, and a lost block is counted. */
static void test_allocator(void **state)
{
	(void)state;
	long before = allocator.n_live;
	allocator_arm(1, false);
	struct buffer a = {0}, b = {0};
	assert_true(buffer_append_string(&a, "x"));
	assert_false(buffer_append_string(&b, "x"));
	assert_true(buffer_append_string(&b, "x"));
	assert_int_equal(allocator_disarm(), 1);
	assert_int_equal(allocator.n_live, before + 2);
	buffer_free(&a);
	buffer_free(&b);
	assert_int_equal(allocator.n_live, before);
}

/* Gives the adapter at the path a reader. */
static void add_reader(enum pith_purpose purpose, const char *path)
{
	struct pith_error err;
	struct pith_model *model = small_open(model_path);
	struct adapter *adapter = model->adapters[PITH_MEMORY_ROWS][purpose];
	struct random_state random;
	random_seed(&random, 5);
	must(adapter_add_reader(adapter, &model->transformer.h, &random, &err), &err);
	for (size_t i = 0; i < adapter->reader->n_values; i++)
		adapter->reader->values[i] += (float)(0.1 * random_normal(&random));
	must(adapter_save(adapter, &model->transformer.h, TENSOR_F32, path, &err), &err);
	pith_model_close(model);
}

static int setup(void **state)
{
	allocator_install();
	if (scratch_setup(state) != 0)
		return -1;
	snprintf(model_path, sizeof model_path, "%s/fault.gguf", scratch_directory);
	snprintf(prompt_path, sizeof prompt_path, "%s/prompt.safetensors", scratch_directory);
	snprintf(written_path, sizeof written_path, "%s/written", scratch_directory);
	small_files("fault", 100);
	char adapter_path[600];
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		snprintf(adapter_path, sizeof adapter_path, "%s/fault-%s.gguf", scratch_directory,
		         purpose_name((enum pith_purpose)p));
		add_reader((enum pith_purpose)p, adapter_path);
	}
	snprintf(adapter_path, sizeof adapter_path, "%s/fault-read.gguf", scratch_directory);
	small_adapter(adapter_path, model_path, PITH_READ, 104);
	static const char pairs[] = "{\"text\": \"The tide froze.\", \"title\": \"Tide\"}\n"
				    "{\"text\": \"The committee met.\", \"title\": \"Committee met\"}\n";
	snprintf(pairs_path, sizeof pairs_path, "%s", scratch_write("pairs.jsonl", pairs, sizeof pairs - 1));
	char head_path[600];
	snprintf(head_path, sizeof head_path, "%s/fault-keep.gguf", scratch_directory);
	must(make_head(head_path, NULL), NULL);
	struct scenario whole = {.name = "setup", .model = true, .document = true, .rows = true};
	struct stage stage = stage_create(&whole);
	must(pith_compressed_save(stage.rows, prompt_path, NULL), NULL);
	stage_destroy(&stage);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_allocator), cmocka_unit_test(test_scenarios)};
	return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
