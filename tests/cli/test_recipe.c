#define _POSIX_C_SOURCE 200809L
#include "recipe.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

static char path[] = "/tmp/pith-recipe-XXXXXX";

static int make_file(void **state)
{
	(void)state;
	int descriptor = mkstemp(path);
	return descriptor < 0 || close(descriptor) != 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void write_recipe(const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_every_value_arrives(void **state)
{
	(void)state;
	write_recipe("name: small\n"
		     "n_layers: 4\n"
		     "rope_theta: 1e4\n"
		     "lora_rank: 8\n"
		     "learning_rate: 2.0e-3\n"
		     "bf16: true\n"
		     "seed: 18446744073709551615\n"
		     "tokenizer: vocabulary.gguf\n"
		     "memory: embeddings\n"
		     "output: /abs/base.gguf\n"
		     "output_adapter_answer: out/answer.gguf\n"
		     "eval: ${PITH_TEST_FOLDER}/dev.jsonl\n"
		     "log: \"${PITH_TEST_UNSET:-a/b}/log-${PITH_TEST_FOLDER}.jsonl\"\n"
		     "tasks:\n"
		     "  - {objective: lm, path: x.jsonl, max_tokens: 96}\n"
		     "  - objective: answer\n"
		     "    path: y.jsonl\n"
		     "    max_tokens: 200\n"
		     "    weight: 0.5\n"
		     "    loss_weight: 3\n");
	setenv("PITH_TEST_FOLDER", "/data", 1);
	unsetenv("PITH_TEST_UNSET");
	struct recipe recipe;
	struct pith_error err = {.message = ""};
	enum pith_status status = recipe_load(&recipe, path, &err);
	assert_string_equal(err.message, "");
	assert_int_equal(status, PITH_OK);
	const struct pith_recipe *options = &recipe.options;
	assert_string_equal(options->model_name, "small");
	assert_int_equal(options->n_layers, 4);
	assert_true(options->rope_theta == 1e4 && options->learning_rate == 2e-3 && options->bf16);
	assert_int_equal(options->lora_rank, 8);
	assert_true(options->seed == UINT64_MAX);
	assert_string_equal(options->tokenizer_path, "/tmp/vocabulary.gguf");
	assert_string_equal(options->output_path, "/abs/base.gguf");
	assert_string_equal(options->output_adapter_path[1], "/tmp/out/answer.gguf");
	assert_null(options->output_adapter_path[0]);
	assert_int_equal(options->memory, PITH_MEMORY_EMBEDDINGS);
	assert_string_equal(options->eval_path, "/data/dev.jsonl");
	assert_string_equal(options->log_path, "/tmp/a/b/log-/data.jsonl");
	assert_int_equal(options->n_tasks, 2);
	assert_int_equal(options->tasks[0].objective, PITH_OBJECTIVE_LM);
	assert_true(options->tasks[0].weight == 1);
	assert_int_equal(options->tasks[1].objective, PITH_OBJECTIVE_ANSWER);
	assert_true(options->tasks[1].weight == 0.5 && options->tasks[1].loss_weight == 3);
	assert_int_equal(options->tasks[1].max_tokens, 200);

	/* What it does not say is as the library leaves it. */
	struct pith_recipe defaults;
	pith_recipe_init(&defaults);
	assert_int_equal(options->n_steps, defaults.n_steps);
	assert_true(options->beta2 == defaults.beta2);
	recipe_free(&recipe);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"learnig_rate: 1\n", ":1:1: There is no key \"learnig_rate\" here; did you mean learning_rate?"},
		{"tasks: []\n", ":1:8: tasks must be a list of at least one task."},
		{"memory: keys\n", ":1:9: memory is \"keys\"; memory tokens hand over rows or embeddings."},
		{"tasks: [x]\n", ":1:9: A task is a map of objective, path, weight and max_tokens."},
		{"tasks:\n- {objective: lm, path: x, max_tokens: 0}\n",
		 ":2:40: max_tokens must be a whole number from 1 to 16777216"},
		{"tasks:\n- {objective: lm, path: \"\", max_tokens: 9}\n", ":2:25: The path is empty."},
		{"log: ${HOME\n", ":1:6: \"${\" has no \"}\" in \"${HOME\"."},
		{"beta1: .inf\n", ":1:8: beta1 must be a number from 0 to 0.99999, not \".inf\"."},
		{"seed: -1\n", ":1:7: seed must be a whole number from 0 to 18446744073709551615"},
		{"seed: 99999999999999999999999\n", ":1:7: seed must be a whole number from 0 to 18446744073709551615"},
		{"tasks:\n- {objective: lm, path: x, max_tokens: 9}\n", "The recipe does not say its output."},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct recipe recipe;
		struct pith_error err = {.message = ""};
		write_recipe(cases[i].text);
		assert_int_equal(recipe_load(&recipe, path, &err), PITH_BAD_FILE);
		recipe_free(&recipe);
		assert_true(strncmp(err.message, path, strlen(path)) == 0);
		if (strstr(err.message, cases[i].message) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", cases[i].message, err.message);
	}
}

static void test_tokenizer(void **state)
{
	(void)state;
	struct recipe_tokenizer recipe;
	struct pith_error err;
	write_recipe("paths: [a.jsonl, /b.jsonl]\nn_vocab: 8192\nmax_bytes_per_path: 5000000000\noutput: v.gguf\n");
	assert_int_equal(recipe_tokenizer_load(&recipe, path, &err), PITH_OK);
	assert_int_equal(recipe.options.n_paths, 2);
	assert_string_equal(recipe.options.paths[0], "/tmp/a.jsonl");
	assert_string_equal(recipe.options.paths[1], "/b.jsonl");
	assert_int_equal(recipe.options.n_vocab, 8192);
	assert_true(recipe.options.max_bytes_per_path == 5000000000u);
	assert_string_equal(recipe.options.pre, "qwen2");
	recipe_tokenizer_free(&recipe);
	write_recipe("paths: [a.jsonl]\noutput: v.gguf\n");
	assert_int_equal(recipe_tokenizer_load(&recipe, path, &err), PITH_BAD_FILE);
	assert_non_null(strstr(err.message, "does not say its n_vocab"));
	recipe_tokenizer_free(&recipe);
}

static void test_keep(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"base: b.gguf\noutput: k.gguf\n", "does not say its sources"},
		{"sources: [{path: a.jsonl}]\noutput: k.gguf\n", "does not say its base"},
		{"sources: [{path: a.jsonl}]\nbase: b.gguf\n", "does not say its output"},
		{"sources: []\n", "at least one source"},
		{"sources: [{limit: 3}]\n", "map of path, limit and weight"},
		{"surprise_share: 0.5\n", "surprise_share must be a number from 0 to 0.49"},
		{"sources: [{path: a, share: 1}]\n", "There is no key \"share\" here"},
	};
	struct recipe_keep recipe;
	struct pith_error err;
	write_recipe("base: b.gguf\nsources:\n  - {path: a.jsonl, limit: 30}\n  - {path: /c.jsonl, weight: 2.5}\n"
		     "least_hit_rate: 0.4\nsurprise_share: 0.25\nwindow_tokens: 300\ndepth: 3\nn_hidden: 7\nheld_out: 0.2\n"
		     "n_epochs: 9\nbatch_tokens: 1000\nlearning_rate: 0.5\nweight_decay: 0.25\noutput: k.gguf\nlog: l.jsonl\n"
		     "seed: 12345678901234567890\nthreads: 2\n");
	assert_int_equal(recipe_keep_load(&recipe, path, &err), PITH_OK);
	const struct pith_keep_recipe *options = &recipe.options;
	assert_string_equal(options->base_path, "/tmp/b.gguf");
	assert_int_equal(options->n_sources, 2);
	assert_string_equal(options->sources[0].path, "/tmp/a.jsonl");
	assert_int_equal(options->sources[0].limit, 30);
	assert_true(options->sources[0].weight == 1);
	assert_string_equal(options->sources[1].path, "/c.jsonl");
	assert_true(options->sources[1].weight == 2.5 && options->sources[1].limit == 0);
	assert_true(options->least_hit_rate == 0.4 && options->surprise_share == 0.25 && options->held_out == 0.2);
	assert_int_equal(options->window_tokens, 300);
	assert_int_equal(options->depth, 3);
	assert_int_equal(options->n_hidden, 7);
	assert_int_equal(options->n_epochs, 9);
	assert_int_equal(options->batch_tokens, 1000);
	assert_true(options->learning_rate == 0.5 && options->weight_decay == 0.25);
	assert_string_equal(options->output_path, "/tmp/k.gguf");
	assert_string_equal(options->log_path, "/tmp/l.jsonl");
	assert_true(options->seed == 12345678901234567890u);
	assert_int_equal(options->n_threads, 2);
	recipe_keep_free(&recipe);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		write_recipe(cases[i].text);
		assert_int_equal(recipe_keep_load(&recipe, path, &err), PITH_BAD_FILE);
		recipe_keep_free(&recipe);
		if (strstr(err.message, cases[i].message) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", cases[i].message, err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_value_arrives),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_tokenizer),
		cmocka_unit_test(test_keep),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
