#define _XOPEN_SOURCE 700
/*
 * Reinforcement of a rewriting adapter on a small random model: what is drawn, how it is packed, and runs of a few steps,
 * by rewrites and by words.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "model/session.h"
#include "pith/train.h"
#include "support/small_model.h"
#include "text/length_prompt.h"
#include "train/rollout.h"

static struct pith_model *model;
static struct adapter *adapter;
static char base[600], start[600], data[600], keeps[600], questions[600];
static const char text[] = "The tide was measured on Monday by two engineers of the harbour, and the plan was approved.";

static int setup(void **state)
{
	struct pith_error err;
	static const char lines[] =
		"{\"text\": \"The tide was measured on Monday by two engineers of the harbour.\", \"target\": \"The tide\"}\n"
		"{\"text\": \"However, the committee never approved the budget for the turbine.\", \"title\": \"No budget\"}\n"
		"{\"text\": \"Nobody wrote anything about this one, so it is left out.\"}\n";
	static const char asked[] =
		"{\"context\": \"The tide was measured on Monday by two engineers of the harbour, and the plan was approved.\", "
		"\"question\": \"Who measured the tide?\", \"answers\": [\"two engineers\"]}\n"
		"{\"context\": \"However, the committee never approved the budget for the turbine of the harbour.\", "
		"\"question\": \"What was not approved?\", \"answers\": [\"the budget\"]}\n";
	if (scratch_setup(state) != 0)
		return -1;
	small_files("small", 5);
	snprintf(base, sizeof base, "%s", scratch_path("small.gguf"));
	snprintf(start, sizeof start, "%s", scratch_path("start.gguf"));
	small_adapter_of(start, base, PITH_MEMORY_ROWS, PITH_REWRITE, 0.1, 9);
	snprintf(data, sizeof data, "%s", scratch_write("pairs.jsonl", lines, strlen(lines)));
	model = small_open(base);
	must(adapter_load(&adapter, &model->transformer.h, start, &err), &err);
	snprintf(questions, sizeof questions, "%s", scratch_write("questions.jsonl", asked, strlen(asked)));
	snprintf(keeps, sizeof keeps, "%s", scratch_path("keeps.gguf"));
	adapter->keeps_words = true;
	must(adapter_save(adapter, &model->transformer.h, TENSOR_F32, keeps, &err), &err);
	adapter->keeps_words = false;
	return 0;
}

static int teardown(void **state)
{
	adapter_destroy(adapter);
	pith_model_close(model);
	return scratch_teardown(state);
}

/* --- rollouts ----------------------------------------------------------------------------------------------------------- */

enum { N = 5, MOST = 12 };

static void draw(struct rollout *rollouts, struct token_list *prompt, double temperature, uint64_t seed)
{
	struct pith_error err;
	struct random_state random;
	memset(rollouts, 0, N * sizeof *rollouts);
	*prompt = (struct token_list){0};
	random_seed(&random, seed);
	must(length_prompt(model->tokenizer, text, strlen(text), 9, prompt, &err), &err);
	must(rollouts_draw(rollouts, N, model, adapter, prompt, MOST, temperature, &random, NULL, &err), &err);
}

static void forget(struct rollout *rollouts, struct token_list *prompt)
{
	for (size_t i = 0; i < N; i++)
		rollout_free(&rollouts[i]);
	token_list_free(prompt);
}

static bool same_tokens(const struct rollout *a, const struct rollout *b)
{
	return a->tokens.n == b->tokens.n && memcmp(a->tokens.ids, b->tokens.ids, a->tokens.n * sizeof *a->tokens.ids) == 0;
}

/* The seed decides; rollouts differ; nearly cold all are the most likely one. */
static void test_draw(void **state)
{
	(void)state;
	struct rollout a[N], b[N], cold[N];
	struct token_list prompt_a, prompt_b, prompt_cold;
	draw(a, &prompt_a, 1, 3);
	draw(b, &prompt_b, 1, 3);
	draw(cold, &prompt_cold, 1e-3, 4);
	int n_different = 0;
	for (size_t i = 0; i < N; i++) {
		assert_true(a[i].tokens.n >= 1 && a[i].tokens.n <= MOST);
		assert_true(a[i].n_text == a[i].tokens.n || a[i].n_text + 1 == a[i].tokens.n);
		assert_true(same_tokens(&a[i], &b[i]));
		assert_true(same_tokens(&cold[i], &cold[0]));
		assert_non_null(a[i].text.data);
		n_different += !same_tokens(&a[i], &a[0]);
	}
	assert_true(n_different >= 3);
	forget(a, &prompt_a);
	forget(b, &prompt_b);
	forget(cold, &prompt_cold);
}

/* Packed behind one reading of the prompt, each token has the loss that it has when it is read alone. */
static void test_pack(void **state)
{
	(void)state;
	struct pith_error err;
	struct rollout rollouts[N];
	struct token_list prompt;
	size_t rows[N];
	struct step_losses losses;
	struct step_worker w = {.transformer = &model->transformer, .precision = PRECISION_F32};
	draw(rollouts, &prompt, 1, 8);
	must(trace_init(&w.reader, &model->transformer, &err), &err);
	must(transformer_reserve_positions(&model->transformer, SMALL_CONTEXT, &err), &err);
	w.adapters[PITH_REWRITE] = adapter;
	must(rollouts_pack(&w.microbatch, rows, rollouts, N, &prompt, &err), &err);
	must(step_run(&w, false, &losses, &err), &err);
	assert_int_equal(w.microbatch.reader.batch.n_sequences, N);
	for (size_t i = 0; i < N; i++) {
		struct token_list ids = {0};
		struct session *session;
		float alone[MOST];
		assert_true(token_list_append_all(&ids, prompt.ids, prompt.n) &&
		            token_list_append_all(&ids, rollouts[i].tokens.ids, rollouts[i].tokens.n));
		must(session_create(&session, &model->transformer, model->pool, ids.n, &err), &err);
		struct session_input input = {.ids = ids.ids, .n = ids.n, .adapter = adapter};
		must(session_read(session, &input, NULL, &err), &err);
		must(session_losses(session, prompt.n - 1, rollouts[i].tokens.ids, rollouts[i].tokens.n, alone, &err), &err);
		for (size_t t = 0; t < rollouts[i].tokens.n; t++)
			assert_true(fabsf(w.losses.data[rows[i] + t] - alone[t]) < 2e-4f);
		session_destroy(session);
		token_list_free(&ids);
	}
	trace_free(&w.reader);
	microbatch_free(&w.microbatch);
	scratch_free(&w.head);
	scratch_free(&w.losses);
	free(w.correct);
	forget(rollouts, &prompt);
}

/* --- the run ------------------------------------------------------------------------------------------------------------ */

static void recipe_of(struct pith_grpo_recipe *recipe, const char *output)
{
	pith_grpo_recipe_init(recipe);
	recipe->base_path = base;
	recipe->adapter_path = start;
	recipe->data_path = data;
	recipe->output_path = output;
	recipe->max_tokens = 60;
	recipe->rate_min = 0.3;
	recipe->n_inputs = 2;
	recipe->n_rollouts = 4;
	recipe->n_steps = 3;
	recipe->learning_rate = 1e-2;
	recipe->n_threads = 1;
}

struct seen {
	int n;
	double first_kl, last_kl, over;
	atomic_bool cancel;
	int cancel_at;
};

static void on_report(void *user, const struct pith_grpo_report *r)
{
	struct seen *seen = user;
	assert_int_equal(r->step, ++seen->n);
	assert_true(r->reward_length <= 1 && r->reward_quality > 0 && r->reward_quality <= 1);
	assert_true(r->rate > 0 && r->kl >= 0 && r->over_budget >= 0 && r->over_budget <= 1);
	if (r->step == 1)
		seen->first_kl = r->kl;
	seen->last_kl = r->kl;
	seen->over += r->over_budget;
	if (r->step == seen->cancel_at)
		atomic_store(&seen->cancel, true);
}

static char *read_file(const char *name, size_t *size)
{
	return scratch_read(scratch_path(name), size);
}

/* The same seed writes the same file; the adapter moves away from where it began, where its distance is 0. */
static void test_run(void **state)
{
	(void)state;
	struct pith_error err;
	char paths[2][600];
	size_t sizes[3];
	char *files[3];
	for (int i = 0; i < 2; i++) {
		struct pith_grpo_recipe recipe;
		struct seen seen = {0};
		snprintf(paths[i], sizeof paths[i], "%s", scratch_path(i == 0 ? "a.gguf" : "b.gguf"));
		recipe_of(&recipe, paths[i]);
		must(pith_train_grpo(&recipe, on_report, &seen, NULL, &err), &err);
		assert_int_equal(seen.n, 3);
		assert_true(seen.first_kl < 1e-9 && seen.last_kl > 1e-6);
		files[i] = read_file(i == 0 ? "a.gguf" : "b.gguf", &sizes[i]);
	}
	files[2] = read_file("start.gguf", &sizes[2]);
	assert_int_equal(sizes[0], sizes[1]);
	assert_memory_equal(files[0], files[1], sizes[0]);
	assert_int_equal(sizes[0], sizes[2]);
	assert_true(memcmp(files[0], files[2], sizes[0]) != 0);
	for (int i = 0; i < 3; i++)
		free(files[i]);
	struct adapter *loaded;
	must(adapter_load(&loaded, &model->transformer.h, paths[0], &err), &err);
	assert_int_equal(loaded->purpose, PITH_REWRITE);
	adapter_destroy(loaded);
}

/* Words are drawn for lines of both kinds: to the budget, by the seed, away from where the run began. */
static void test_words(void **state)
{
	(void)state;
	struct pith_error err;
	const char *const sources[] = {questions, questions, data};
	char *files[3], *began;
	size_t sizes[3], size;
	for (int i = 0; i < 3; i++) {
		struct pith_grpo_recipe recipe;
		struct seen seen = {0};
		struct adapter *loaded;
		char path[600];
		snprintf(path, sizeof path, "%s", scratch_path("words.gguf"));
		recipe_of(&recipe, path);
		recipe.keep_words = true;
		recipe.adapter_path = keeps;
		recipe.data_path = sources[i];
		recipe.rate_min = 0.4;
		must(pith_train_grpo(&recipe, on_report, &seen, NULL, &err), &err);
		assert_int_equal(seen.n, 3);
		assert_true(seen.first_kl < 1e-9 && seen.last_kl > 1e-9 && seen.over == 0);
		files[i] = read_file("words.gguf", &sizes[i]);
		must(adapter_load(&loaded, &model->transformer.h, path, &err), &err);
		assert_true(loaded->keeps_words);
		adapter_destroy(loaded);
	}
	began = read_file("keeps.gguf", &size);
	assert_int_equal(sizes[0], sizes[1]);
	assert_memory_equal(files[0], files[1], sizes[0]);
	assert_int_equal(sizes[0], size);
	assert_true(memcmp(files[0], began, size) != 0);
	assert_true(memcmp(files[0], files[2], size) != 0);
	for (int i = 0; i < 3; i++)
		free(files[i]);
	free(began);
}

static void test_cancel(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_grpo_recipe recipe;
	struct seen seen = {.cancel_at = 1};
	struct pith_control control = {.cancel = &seen.cancel};
	char path[600];
	snprintf(path, sizeof path, "%s", scratch_path("cancelled.gguf"));
	recipe_of(&recipe, path);
	assert_int_equal(pith_train_grpo(&recipe, on_report, &seen, &control, &err), PITH_CANCELLED);
	assert_int_equal(seen.n, 1);
	struct adapter *loaded;
	must(adapter_load(&loaded, &model->transformer.h, path, &err), &err);
	adapter_destroy(loaded);
}

static void refuse(const struct pith_grpo_recipe *recipe, enum pith_status code, const char *words)
{
	struct pith_error err;
	expect_failure(pith_train_grpo(recipe, NULL, NULL, NULL, &err), code, &err, words);
}

static void test_refused(void **state)
{
	(void)state;
	struct pith_grpo_recipe good, bad;
	char path[600], memory[600];
	snprintf(path, sizeof path, "%s", scratch_path("never.gguf"));
	snprintf(memory, sizeof memory, "%s", scratch_path("small-regenerate.gguf"));
	recipe_of(&good, path);
	bad = good, bad.n_rollouts = 1, refuse(&bad, PITH_BAD_ARGUMENT, "two rollouts");
	bad = good, bad.rate_max = 1.5, refuse(&bad, PITH_BAD_ARGUMENT, "rates");
	bad = good, bad.length_reward = bad.quality_reward = false, refuse(&bad, PITH_BAD_ARGUMENT, "one of the rewards");
	bad = good, bad.keep_words = true, refuse(&bad, PITH_MISMATCH, "has not learned to say which words to keep");
	bad = good, bad.keep_words = true, bad.quality_reward = false, refuse(&bad, PITH_BAD_ARGUMENT, "needs quality_reward");
	bad = good, bad.adapter_path = NULL, refuse(&bad, PITH_BAD_ARGUMENT, "an adapter to start from");
	bad = good, bad.adapter_path = memory, refuse(&bad, PITH_MISMATCH, "no adapter for rewriting");
	bad = good, bad.data_path = "/nowhere.jsonl", refuse(&bad, PITH_IO, "nowhere.jsonl");
	char lone[600];
	static const char line[] = "{\"text\": \"Nobody wrote anything about it.\"}\n";
	snprintf(lone, sizeof lone, "%s", scratch_write("lone.jsonl", line, strlen(line)));
	bad = good, bad.data_path = lone, refuse(&bad, PITH_BAD_FILE, "hardly any line");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_draw), cmocka_unit_test(test_pack), cmocka_unit_test(test_run), cmocka_unit_test(test_words),
	                                   cmocka_unit_test(test_cancel), cmocka_unit_test(test_refused)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
