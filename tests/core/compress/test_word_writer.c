#define _XOPEN_SOURCE 700
/*
 * Writing in the words of a text, by an adapter with random weights: word for word what a search says that lists all choices of
 * words beforehand, and of tokens that go on with one of them takes the likeliest.
 */
#include "compress/word_writer.h"

#include <stdlib.h>
#include <string.h>

#include "compress/words.h"
#include "support/method_test.h"
#include "text/length_prompt.h"

static struct pith_model *model;
static const struct adapter *adapter;

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	model = small_open_with(PITH_REWRITE, 0.3);
	adapter = model->adapters[PITH_MEMORY_ROWS][PITH_REWRITE];
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

/* --- the search by lists -------------------------------------------------------------------------------------------- */

enum { MOST = 10 };

/* A text with what must be said of it. */
struct trial {
	const char *text;
	struct pith_word words[MOST];
	size_t n;
	bool required[MOST];
	size_t budget;
	struct token_list ids[MOST]; /* of each word behind others */
};

static void trial_open(struct trial *trial, const char *text)
{
	struct pith_document *document = small_document(model, text, strlen(text));
	struct pith_compress_options options = {0};
	struct pith_word *words;
	struct pith_error err;
	*trial = (struct trial){.text = text};
	must(words_split(&words, &trial->n, document, NULL, &options, &err), &err);
	assert_true(trial->n <= MOST);
	memcpy(trial->words, words, trial->n * sizeof *words);
	for (size_t w = 0; w < trial->n; w++) {
		char word[64];
		snprintf(word, sizeof word, " %.*s", (int)(words[w].end - words[w].begin), text + words[w].begin);
		must(tokenizer_encode_continued(model->tokenizer, word, strlen(word), &trial->ids[w], &err), &err);
	}
	free(words);
	pith_document_destroy(document);
}

static void trial_close(struct trial *trial)
{
	for (size_t w = 0; w < trial->n; w++)
		token_list_free(&trial->ids[w]);
}

/* The tokens of a choice; false: it leaves out what must be said, or is too long. */
static bool tokens_of(struct token_list *out, const struct trial *trial, unsigned set)
{
	out->n = 0;
	for (size_t w = 0; w < trial->n; w++) {
		if (trial->required[w] && !(set >> w & 1))
			return false;
		if (set >> w & 1)
			assert_true(token_list_append_all(out, trial->ids[w].ids, trial->ids[w].n));
	}
	return out->n <= trial->budget;
}

/* May id, or the end, -1, follow what was said? */
static bool may_follow(const struct trial *trial, const struct token_list *said, int32_t id)
{
	struct token_list choice = {0};
	bool may = false;
	for (unsigned set = 0; !may && set < 1u << trial->n; set++) {
		if (!tokens_of(&choice, trial, set) || choice.n < said->n ||
		    (said->n > 0 && memcmp(choice.ids, said->ids, said->n * sizeof *said->ids) != 0))
			continue;
		may = id < 0 ? choice.n == said->n : choice.n > said->n && choice.ids[said->n] == id;
	}
	token_list_free(&choice);
	return may;
}

static void say_by_lists(struct token_list *said, const struct trial *trial)
{
	struct token_list prompt = {0};
	struct session *session;
	struct pith_error err;
	int32_t end = tokenizer_eos(model->tokenizer);
	must(length_prompt(model->tokenizer, trial->text, strlen(trial->text), trial->budget, &prompt, &err), &err);
	must(session_create(&session, &model->transformer, model->pool, prompt.n + trial->budget + 1, &err), &err);
	session_set_precision(session, PRECISION_BF16);
	struct session_input input = {.ids = prompt.ids, .n = prompt.n, .adapter = adapter};
	must(session_read(session, &input, NULL, &err), &err);
	for (size_t row = prompt.n - 1;; row = 0) {
		const float *logits = session_logits(session, row);
		assert_non_null(logits);
		int32_t best = may_follow(trial, said, -1) ? end : -1;
		for (size_t w = 0; w < trial->n; w++)
			for (size_t i = 0; i < trial->ids[w].n; i++) {
				int32_t id = trial->ids[w].ids[i];
				if ((best < 0 || logits[id] > logits[best]) && may_follow(trial, said, id))
					best = id;
			}
		if (best == end || best < 0)
			break;
		assert_true(token_list_append(said, best));
		input = (struct session_input){
			.ids = &best, .first_position = (int32_t)session_length(session), .n = 1, .adapter = adapter};
		must(session_read(session, &input, NULL, &err), &err);
	}
	session_destroy(session);
	token_list_free(&prompt);
}

/* --- against it --------------------------------------------------------------------------------------------------- */

static size_t check(struct trial *trial)
{
	struct token_list expected = {0}, got = {0};
	struct pith_error err;
	say_by_lists(&expected, trial);
	must(word_writer_choose(model, adapter, trial->text, strlen(trial->text), trial->words, trial->n, trial->required,
	                        trial->budget, NULL, &err),
	     &err);
	size_t n_kept = 0;
	for (size_t w = 0; w < trial->n; w++) {
		assert_true(trial->words[w].kept || !trial->required[w]);
		n_kept += trial->words[w].kept;
		if (trial->words[w].kept)
			assert_true(token_list_append_all(&got, trial->ids[w].ids, trial->ids[w].n));
	}
	assert_true(got.n <= trial->budget);
	assert_int_equal(got.n, expected.n);
	if (got.n > 0)
		assert_memory_equal(got.ids, expected.ids, got.n * sizeof *got.ids);
	token_list_free(&expected);
	token_list_free(&got);
	return n_kept;
}

static void test_all_choices(void **state)
{
	(void)state;
	/* Words that begin like others, stand again, or are one token or many. */
	static const char *const texts[] = {
		"the harbour committee was not in the meeting of the",
		"report reports reported re reporting the report ports port",
		"water waters wat w wa wate the turbine turbines tur",
		"never 1994 extraordinarily naïve \"quoted\" I/O energy",
		"a",
	};
	struct random_state random;
	random_seed(&random, 3);
	size_t n_kept = 0;
	for (int round = 0; round < 100; round++) {
		struct trial trial;
		size_t n_required = 0;
		trial_open(&trial, texts[round % 5]);
		for (size_t w = 0; w < trial.n; w++) {
			trial.required[w] = random_below(&random, 4) == 0;
			n_required += trial.required[w] ? trial.ids[w].n : 0;
		}
		trial.budget = 1 + n_required + random_below(&random, 12);
		n_kept += check(&trial);
		trial_close(&trial);
	}
	assert_true(n_kept > 100);
}

/* What must be said is said though nothing else has room, or not even that. */
static void test_no_room(void **state)
{
	(void)state;
	struct trial trial;
	struct pith_error err;
	trial_open(&trial, "the harbour committee was not in the meeting of the");
	trial.required[1] = trial.required[4] = true;
	trial.budget = trial.ids[1].n + trial.ids[4].n;
	assert_int_equal(check(&trial), 2);
	must(word_writer_choose(model, adapter, trial.text, strlen(trial.text), trial.words, trial.n, trial.required,
	                        trial.budget - 1, NULL, &err),
	     &err);
	for (size_t w = 0; w < trial.n; w++)
		assert_int_equal(trial.words[w].kept, trial.required[w]);
	trial_close(&trial);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_choices), cmocka_unit_test(test_no_room)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
