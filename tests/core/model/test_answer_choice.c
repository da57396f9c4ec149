#define _XOPEN_SOURCE 700
/*
 * The answer that is chosen, against all runs of words of a short text weighed one by one, each in a session of its own; and what
 * is read of longer ones.
 */
#include "model/answer_choice.h"

#include <math.h>
#include <string.h>

#include "model/generate.h"
#include "model/reading.h"
#include "pith/expand.h"
#include "support/small_model.h"
#include "text/answer_prompt.h"
#include "text/consensus.h"
#include "text/evidence.h"

static struct pith_model *model;

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	model = small_open_with(PITH_READ, 0.1);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(model);
	return scratch_teardown(state);
}

/* -ln p of words and the end behind the prompt. */
static double nats(const char *text, const char *question, const char *words, size_t n_words)
{
	struct pith_error err;
	struct token_list ids = {0};
	struct session *session;
	char answer[200];
	float losses[64];
	double sum = 0;
	snprintf(answer, sizeof answer, "%.*s", (int)n_words, words);
	must(answer_prompt_text(model->tokenizer, text, strlen(text), question, &ids, NULL, &err), &err);
	size_t n_prompt = ids.n;
	must(answer_prompt_reply(model->tokenizer, false, answer, &ids, &err), &err);
	assert_true(token_list_append(&ids, tokenizer_eos(model->tokenizer)));
	size_t n = ids.n - n_prompt;
	assert_true(n <= sizeof losses / sizeof *losses);
	must(session_create(&session, &model->transformer, model->pool, ids.n, &err), &err);
	session_set_precision(session, PRECISION_BF16);
	struct session_input input = {.ids = ids.ids, .n = ids.n, .adapter = reading_adapter(model)};
	must(session_read(session, &input, NULL, &err), &err);
	must(session_losses(session, n_prompt - 1, ids.ids + n_prompt, n, losses, &err), &err);
	for (size_t i = 0; i < n; i++)
		sum += (double)losses[i];
	session_destroy(session);
	token_list_free(&ids);
	return sum;
}

/* Six words and no others: all 21 runs are weighed, as none of the limits is reached. */
static void test_all_runs(void **state)
{
	(void)state;
	static const char text[] = "tide river water cost report delay";
	static const char *const questions[] = {"Why?", "the river?", "What was measured?", "not approved", "1994"};
	size_t ends[6], begins[6], n_words = 0, n_different = 0;
	char seen[64] = "";
	for (size_t i = 0; i < sizeof text; i++) {
		if (i == 0 || text[i - 1] == ' ')
			begins[n_words] = i;
		if (text[i] == ' ' || text[i] == '\0')
			ends[n_words++] = i;
	}
	assert_int_equal(n_words, 6);
	for (size_t q = 0; q < sizeof questions / sizeof *questions; q++) {
		struct wording wordings[21];
		struct answer_choice choice;
		struct pith_error err;
		size_t n = 0, best = 0, chosen = 21;
		for (size_t i = 0; i < n_words; i++)
			for (size_t j = i; j < n_words; j++, n++)
				wordings[n] = (struct wording){text + begins[i], ends[j] - begins[i],
				                               exp(-nats(text, questions[q], text + begins[i], ends[j] - begins[i]) / 1.5)};
		assert_true(consensus_find(&best, wordings, n));
		must(answer_choose(&choice, model, text, strlen(text), questions[q], 20, NULL, &err), &err);
		assert_false(choice.narrowed);
		for (size_t i = 0; i < n; i++)
			if (choice.text.length == wordings[i].length && memcmp(choice.text.data, wordings[i].text, choice.text.length) == 0)
				chosen = i;
		assert_int_equal(chosen, best);
		assert_true(choice.n_tokens > 0 && choice.n_tokens <= 20);
		n_different += strcmp(seen, choice.text.data) != 0;
		snprintf(seen, sizeof seen, "%s", choice.text.data);
		buffer_free(&choice.text);
	}
	assert_true(n_different > 1); /* it depends on the question */
}

static size_t n_prompt(const char *text, size_t length, const char *question)
{
	struct token_list ids = {0};
	struct pith_error err;
	must(answer_prompt_text(model->tokenizer, text, length, question, &ids, NULL, &err), &err);
	size_t n = ids.n;
	token_list_free(&ids);
	return n;
}

/* Of a text that is longer than the adapter reads the nearest sentences are read twice, the second time fewer. */
static void test_long_text(void **state)
{
	(void)state;
	static const char question[] = "What was the cost of the Danube harbour?";
	struct random_state random;
	struct buffer text = {0}, near = {0}, nearer = {0};
	struct answer_choice choice;
	struct pith_error err;
	random_seed(&random, 4);
	small_text(&text, &random, 300);
	must(answer_choose(&choice, model, text.data, text.length, question, 20, NULL, &err), &err);
	assert_true(choice.narrowed);
	assert_true(evidence_find(&near, text.data, text.length, question, 4 * SMALL_SPAN));
	assert_true(evidence_find(&nearer, text.data, text.length, question, (size_t)(0.643 * 4 * SMALL_SPAN)));
	assert_true(nearer.length < near.length);
	assert_int_equal(choice.n_prompt_tokens,
	                 n_prompt(near.data, near.length, question) + n_prompt(nearer.data, nearer.length, question));
	assert_true(choice.text.length > 0);
	buffer_free(&choice.text);
	/* What one answer may have bounds the runs as well. */
	must(answer_choose(&choice, model, text.data, text.length, question, 1, NULL, &err), &err);
	assert_true(choice.n_tokens <= 1);
	buffer_free(&choice.text);
	buffer_free(&text);
	buffer_free(&near);
	buffer_free(&nearer);
}

struct heard {
	int times;
	char text[256];
};

static void hear(void *user, const char *text, size_t length)
{
	struct heard *heard = user;
	heard->times++;
	snprintf(heard->text, sizeof heard->text, "%.*s", (int)length, text);
}

/* It is told once, when it is chosen. What cannot be answered is refused, what is cancelled ends. */
static void test_call(void **state)
{
	(void)state;
	static const char text[] = "The tide was measured in the harbour. The plan was never approved.";
	struct pith_error err;
	struct pith_generated answer;
	struct heard heard = {0};
	struct pith_control control = {.text = hear, .user = &heard};
	must(pith_answer_text(&answer, model, text, strlen(text), "What?", 0, &control, &err), &err);
	assert_int_equal(heard.times, 1);
	assert_non_null(strstr(heard.text, answer.text));
	assert_int_equal(answer.stop, PITH_STOP_END);
	assert_true(answer.n_tokens > 0 && answer.first_token_seconds > 0 && answer.first_token_seconds <= answer.seconds);
	pith_generated_free(&answer);

	static const atomic_bool cancelled = true;
	control = (struct pith_control){.cancel = &cancelled};
	assert_int_equal(pith_answer_text(&answer, model, text, strlen(text), "What?", 0, &control, &err), PITH_CANCELLED);
	assert_null(answer.text);

	struct buffer question = {0};
	for (int i = 0; i < SMALL_CONTEXT; i++)
		assert_true(buffer_append_string(&question, "Why not "));
	expect_failure(pith_answer_text(&answer, model, text, strlen(text), question.data, 0, NULL, &err), PITH_TOO_LONG, &err,
	               "the context of");
	buffer_free(&question);
}

/* Bytes that are no text, and signs alone: an answer is text all the same, or there is none. */
static void test_odd_texts(void **state)
{
	(void)state;
	static const char *const texts[] = {"\xff\xfe\x80 \xc3", "?!", "a\tb\r\nc", "\xf0\x9f\x8c\x8a"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct pith_error err;
		struct pith_generated answer;
		must(pith_answer_text(&answer, model, texts[i], strlen(texts[i]), "What?", 4, NULL, &err), &err);
		assert_true(answer.length == 0 || answer.text[answer.length] == '\0');
		pith_generated_free(&answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_runs), cmocka_unit_test(test_long_text),
	                                   cmocka_unit_test(test_call), cmocka_unit_test(test_odd_texts)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
