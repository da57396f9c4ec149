#define _XOPEN_SOURCE 700
/*
 * The token loop. A random model must say what the most likely tokens say, read
 * anew in one piece for every token; a model whose next token is known by
 * construction must stop where it must, and stream whole characters.
 */
#include "model/generate.h"

#include <stdlib.h>
#include <string.h>

#include "support/small_model.h"
#include "text/answer_prompt.h"
#include "text/unicode.h"

enum { FIRST_BYTE = 3, BOS = 0, EOS = 1 };

static struct pith_model *random_model;

static int setup(void **state)
{
	char path[600], vocabulary[600];
	if (scratch_setup(state) != 0)
		return -1;
	snprintf(path, sizeof path, "%s/random.gguf", scratch_directory);
	snprintf(vocabulary, sizeof vocabulary, "%s/vocabulary.gguf", scratch_directory);
	small_vocabulary(vocabulary, "qwen2", SMALL_VOCABULARY);
	small_model(path, vocabulary, 60);
	random_model = small_open(path);
	return 0;
}

static int teardown(void **state)
{
	pith_model_close(random_model);
	return scratch_teardown(state);
}

/* --- greedy --------------------------------------------------------------------------------------------- */

/* The most likely token after ids, from a session that reads all of them at once. */
static int32_t next_token(struct pith_model *model, const int32_t *ids, size_t n, int32_t position)
{
	struct session *session;
	must(session_create(&session, &model->transformer, NULL, n, NULL), NULL);
	struct session_input input = {.ids = ids, .first_position = position, .n = n};
	must(session_read(session, &input, NULL, NULL), NULL);
	const float *logits = session_logits(session, n - 1);
	int32_t best = 0;
	for (int32_t id = 1; id < tokenizer_n_vocab(model->tokenizer); id++)
		if (logits[id] > logits[best])
			best = id;
	session_destroy(session);
	return best;
}

static void test_greedy(void **state)
{
	(void)state;
	struct random_state random;
	random_seed(&random, 61);
	for (int sample = 0; sample < 6; sample++) {
		enum { N_PROMPT = 9, N_NEW = 20 };
		int32_t ids[N_PROMPT + N_NEW], position = sample * 7;
		for (int i = 0; i < N_PROMPT; i++)
			ids[i] = i == 0 ? BOS : (int32_t)random_below(&random, SMALL_VOCABULARY);
		struct session *session;
		struct buffer said = {0}, expected = {0};
		struct pith_error err;
		must(session_create(&session, &random_model->transformer, random_model->pool, N_PROMPT + N_NEW, &err), &err);
		struct session_input input = {.ids = ids, .first_position = position, .n = N_PROMPT};
		must(session_read(session, &input, NULL, &err), &err);
		struct generation g = {.session = session, .tokenizer = random_model->tokenizer, .last_row = N_PROMPT - 1,
		                       .position = position + N_PROMPT, .max_tokens = N_NEW, .what = "testing"};
		size_t n_tokens, n = 0;
		double first = -1;
		enum pith_stop stop;
		must(generate(&g, &said, &n_tokens, &stop, &first, NULL, &err), &err);
		assert_true(first >= 0);
		while (n < N_NEW) {
			int32_t id = next_token(random_model, ids, N_PROMPT + n, position);
			if (id == EOS)
				break;
			ids[N_PROMPT + n++] = id;
			assert_true(tokenizer_decode(random_model->tokenizer, &id, 1, false, &expected));
			if (stop == PITH_STOP_LOOP && n == n_tokens)
				break;
		}
		assert_int_equal(n_tokens, n);
		assert_int_equal(said.length, expected.length);
		assert_memory_equal(said.data, expected.data, said.length);
		if (stop != PITH_STOP_LOOP)
			assert_int_equal(stop, n == N_NEW ? PITH_STOP_LIMIT : n == 0 ? PITH_STOP_EMPTY : PITH_STOP_END);
		buffer_free(&said);
		buffer_free(&expected);
		session_destroy(session);
	}
}

/* --- a model of which every word is known ---------------------------------------------------------------- */

/*
 * After any token that is not of the chain comes its first, then one after the
 * other, then the one at back_to. No layer does anything: embedding and output
 * alone decide. The tokens of the chain must differ.
 */
static struct pith_model *chain_model(const int32_t *chain, size_t n, size_t back_to)
{
	enum { WIDTH = 64, OTHERS = WIDTH - 1 };
	char path[600], vocabulary[600];
	struct gguf *gguf;
	struct parameters *p;
	struct pith_error err;
	struct random_state random;
	struct hyperparams h = small_shape(SMALL_VOCABULARY);
	size_t begin, end;
	bool decays;
	h.n_embd = WIDTH;
	h.n_layers = 1;
	assert_true(n < OTHERS);
	random_seed(&random, 1);
	must(parameters_create(&p, &h, false, &err), &err);
	parameters_randomise(p, &random); /* the norms */
	for (size_t i = 0; parameters_range(p, i, &begin, &end, &decays); i++)
		for (size_t j = begin; decays && j < end; j++)
			p->values[j] = 0;
	float *embedding = (float *)p->weights.token_embd.data, *output = (float *)p->weights.output.data;
	for (size_t id = 0; id < SMALL_VOCABULARY; id++)
		embedding[id * WIDTH + OTHERS] = 1;
	output[chain[0] * WIDTH + OTHERS] = 1;
	for (size_t i = 0; i < n; i++) {
		embedding[chain[i] * WIDTH + OTHERS] = 0;
		embedding[chain[i] * WIDTH + i] = 1;
		output[chain[i + 1 < n ? i + 1 : back_to] * WIDTH + i] = 1;
	}
	snprintf(path, sizeof path, "%s/chain.gguf", scratch_directory);
	snprintf(vocabulary, sizeof vocabulary, "%s/vocabulary.gguf", scratch_directory);
	must(gguf_open(&gguf, vocabulary, &err), &err);
	must(parameters_save(p, path, TENSOR_F32, "chain", gguf, &err), &err);
	gguf_close(gguf);
	parameters_destroy(p);
	return small_open(path);
}

/* What a control sees. */
struct listener {
	struct buffer text;
	size_t n_pieces, n_progress;
	double last;
	size_t cancel_after; /* pieces; 0: never */
	atomic_bool cancel;
};

static void listen_text(void *user, const char *text, size_t length)
{
	struct listener *listener = user;
	assert_true(length > 0);
	assert_int_equal(unicode_valid_length(text, length), length);
	assert_null(memchr(text, '\0', length));
	assert_true(buffer_append(&listener->text, text, length));
	if (++listener->n_pieces == listener->cancel_after)
		atomic_store(&listener->cancel, true);
}

static void listen_progress(void *user, const char *what, double done, double total)
{
	struct listener *listener = user;
	if (strcmp(what, "answering") != 0)
		return;
	assert_true(done >= listener->last && done <= total);
	listener->last = done;
	listener->n_progress++;
}

static struct pith_control control_of(struct listener *listener)
{
	return (struct pith_control){
		.progress = listen_progress, .text = listen_text, .user = listener, .cancel = &listener->cancel};
}

/* What was streamed is the text, but for the white space around it. */
static void check_streamed(const struct listener *listener, const struct pith_generated *out)
{
	const char *begin = listener->text.data + strspn(listener->text.data, " \n");
	size_t length = strlen(begin);
	while (length > 0 && strchr(" \n", begin[length - 1]) != NULL)
		length--;
	assert_int_equal(length, out->length);
	assert_memory_equal(begin, out->text, length);
}

/* The model's one answer, to any question. */
static void expect_answer(const int32_t *chain, size_t n, size_t back_to, size_t max_tokens, const char *text, size_t n_tokens,
                          enum pith_stop stop)
{
	struct listener listener = {0};
	struct pith_control control = control_of(&listener);
	struct pith_generated out;
	struct pith_error err;
	struct pith_model *model = chain_model(chain, n, back_to);
	assert_true(buffer_append_string(&listener.text, ""));
	must(pith_answer_text(&out, model, "Some text.", 10, "Why?", max_tokens, &control, &err), &err);
	if (text != NULL)
		assert_string_equal(out.text, text);
	assert_int_equal(out.length, strlen(out.text));
	assert_int_equal(out.n_tokens, n_tokens);
	assert_int_equal(out.stop, stop);
	assert_int_equal(listener.n_progress, n_tokens);
	check_streamed(&listener, &out);
	pith_generated_free(&out);
	buffer_free(&listener.text);
	pith_model_close(model);
}

/* Bytes as a chain; each must stand in it once. */
static size_t bytes_chain(int32_t *chain, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		chain[i] = FIRST_BYTE + (unsigned char)bytes[i];
	return n;
}

static void test_stops(void **state)
{
	(void)state;
	int32_t chain[40];
	size_t n = bytes_chain(chain, " answer", 7);
	chain[n] = EOS;
	expect_answer(chain, n + 1, 0, 0, "answer", 7, PITH_STOP_END);
	expect_answer(chain, n + 1, 0, 7, "answer", 7, PITH_STOP_LIMIT);
	expect_answer(chain, n + 1, 0, 4, "ans", 4, PITH_STOP_LIMIT);
	expect_answer(chain, n + 1, 0, 1, "", 1, PITH_STOP_LIMIT);
	chain[0] = EOS;
	expect_answer(chain, 1, 0, 0, "", 0, PITH_STOP_EMPTY);
	n = bytes_chain(chain, " \n", 2);
	chain[n] = EOS;
	expect_answer(chain, n + 1, 0, 0, "", 2, PITH_STOP_EMPTY);
}

/* The same tokens at least five times and at least 24 in all, with a period of 32 at most. */
static void test_loops(void **state)
{
	(void)state;
	static const struct {
		size_t lead, period, n_tokens;
	} cases[] = {{0, 1, 24}, {0, 2, 24}, {0, 4, 24}, {0, 5, 25}, {0, 8, 40}, {3, 8, 43}, {0, 32, 160}, {7, 1, 31}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int32_t chain[40];
		size_t n = cases[i].lead + cases[i].period;
		for (size_t j = 0; j < n; j++)
			chain[j] = FIRST_BYTE + 'A' + (int32_t)j;
		expect_answer(chain, n, cases[i].lead, 200, NULL, cases[i].n_tokens, PITH_STOP_LOOP);
		expect_answer(chain, n, cases[i].lead, cases[i].n_tokens - 1, NULL, cases[i].n_tokens - 1, PITH_STOP_LIMIT);
	}
	int32_t chain[33];
	for (size_t j = 0; j < 33; j++)
		chain[j] = FIRST_BYTE + 'A' + (int32_t)j;
	expect_answer(chain, 33, 0, 200, NULL, 200, PITH_STOP_LIMIT);
	/* Tokens without text loop, too. */
	chain[0] = BOS;
	expect_answer(chain, 1, 0, 200, "", 24, PITH_STOP_LOOP);
}

/* A model that would go round and round, kept from saying any three tokens twice: it says what it would until then. */
static void test_no_repeat(void **state)
{
	(void)state;
	enum { MOST = 40 };
	static const int32_t chain[] = {FIRST_BYTE + 'A', FIRST_BYTE + 'B'};
	struct pith_model *model = chain_model(chain, 2, 0);
	struct session *session;
	struct pith_error err;
	struct buffer said = {0};
	int32_t bos = BOS;
	size_t n_tokens;
	enum pith_stop stop;
	must(session_create(&session, &model->transformer, model->pool, MOST + 1, &err), &err);
	struct session_input input = {.ids = &bos, .n = 1};
	must(session_read(session, &input, NULL, &err), &err);
	struct generation g = {.session = session, .tokenizer = model->tokenizer, .position = 1, .max_tokens = MOST,
	                       .no_repeat = 3, .what = "testing"};
	must(generate(&g, &said, &n_tokens, &stop, NULL, NULL, &err), &err);
	/* "ABA" may come once, and so may "BAB"; then another token comes first, with text or without. Without the rule it loops. */
	assert_int_not_equal(stop, PITH_STOP_LOOP);
	assert_true(n_tokens > 4 && n_tokens < 24);
	assert_memory_equal(said.data, "ABAB", 4);
	assert_true(said.length < n_tokens || said.data[4] != 'A');
	buffer_free(&said);
	session_destroy(session);
	pith_model_close(model);
}

/* Characters come whole; bytes that are none come as U+FFFD, a NUL as a space. */
static void test_streaming(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
		const char *text;
	} cases[] = {
		{"caf\xc3\xa9!", 6, "caf\u00e9!"},
		{"a\xf0\x9f\x8c\x8a" "b", 6, "a\U0001f30a" "b"},
		{"x\xff" "y", 3, "x\ufffdy"},
		{"x\0y", 3, "x y"},
		{"x\xe2\x82", 3, "x\ufffd\ufffd"},
		{"x\xe2\x82" "y", 4, "x\ufffd\ufffdy"},
		{"\xf0\x9f\x8c", 3, "\ufffd\ufffd\ufffd"},
		{"\x80\xc3", 2, "\ufffd\ufffd"},
		{"\xed\xa0\x80", 3, "\ufffd\ufffd\ufffd"},
		{"\x1b[31m", 5, "\x1b[31m"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int32_t chain[40];
		size_t n = bytes_chain(chain, cases[i].bytes, cases[i].n);
		chain[n] = EOS;
		expect_answer(chain, n + 1, 0, 0, cases[i].text, n, PITH_STOP_END);
		/* Cut off within a character by the limit. */
		expect_answer(chain, n + 1, 0, n, cases[i].text, n, PITH_STOP_LIMIT);
	}
}

/* What a random model says, of whatever bytes, is streamed as it is returned. */
static void test_streaming_random(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		struct listener listener = {0};
		struct pith_control control = control_of(&listener);
		struct pith_generated out;
		struct pith_error err;
		char question[32];
		snprintf(question, sizeof question, "Question %d?", i);
		assert_true(buffer_append_string(&listener.text, ""));
		must(pith_answer_text(&out, random_model, "The text.", 9, question, 40, &control, &err), &err);
		assert_int_equal(unicode_valid_length(out.text, out.length), out.length);
		check_streamed(&listener, &out);
		pith_generated_free(&out);
		buffer_free(&listener.text);
	}
}

static void test_cancel(void **state)
{
	(void)state;
	int32_t chain[26];
	struct pith_generated out;
	struct pith_error err;
	bytes_chain(chain, "abcdefghijklmnopqrstuvwxyz", 26);
	struct pith_model *model = chain_model(chain, 26, 0);
	for (size_t after = 0; after < 12; after++) {
		struct listener listener = {.cancel_after = after, .cancel = after == 0};
		struct pith_control control = control_of(&listener);
		enum pith_status status = pith_answer_text(&out, model, "Some text.", 10, "Why?", 40, &control, &err);
		expect_failure(status, PITH_CANCELLED, &err, "Cancelled");
		assert_null(out.text);
		assert_int_equal(listener.n_pieces, after); /* not one more */
		pith_generated_free(&out);
		buffer_free(&listener.text);
	}
	/* The model is none the worse for it. */
	must(pith_answer_text(&out, model, "Some text.", 10, "Why?", 5, NULL, &err), &err);
	assert_string_equal(out.text, "abcde");
	pith_generated_free(&out);
	pith_model_close(model);
}

/* --- the context ---------------------------------------------------------------------------------------- */

static void test_too_long(void **state)
{
	(void)state;
	struct buffer text = {0};
	struct pith_generated out;
	struct pith_error err;
	struct token_list prompt = {0};
	while (text.length < 300)
		assert_true(buffer_append_string(&text, "the river "));
	must(answer_prompt_text(random_model->tokenizer, text.data, text.length, "Why?", &prompt, NULL, &err), &err);
	assert_true(prompt.n < SMALL_CONTEXT);
	size_t room = SMALL_CONTEXT - prompt.n;
	must(pith_answer_text(&out, random_model, text.data, text.length, "Why?", room, NULL, &err), &err);
	assert_int_equal(out.n_prompt_tokens, prompt.n);
	pith_generated_free(&out);
	static const size_t excess[] = {1, 1000, SIZE_MAX / 2};
	for (size_t i = 0; i < 3; i++) {
		enum pith_status status =
			pith_answer_text(&out, random_model, text.data, text.length, "Why?", room + excess[i], NULL, &err);
		expect_failure(status, PITH_TOO_LONG, &err,
		               i == 0 ? "The text has " : "does not fit the context of small, which has 512");
		assert_null(out.text);
	}
	expect_failure(pith_answer_text(&out, random_model, text.data, text.length, "Why?", SIZE_MAX, NULL, &err), PITH_TOO_LONG,
		       &err, "512");
	while (text.length < 4000)
		assert_true(buffer_append_string(&text, "the river "));
	expect_failure(pith_answer_text(&out, random_model, text.data, text.length, "Why?", 0, NULL, &err), PITH_TOO_LONG, &err,
	               "Compress the text");
	/* The question alone, and the answer that may be given to it. */
	expect_failure(pith_answer_text(&out, random_model, "the river", 9, text.data, 0, NULL, &err), PITH_TOO_LONG, &err,
	               "Shorten the question, or ask for a shorter answer.");
	expect_failure(pith_answer_text(&out, random_model, "the river", 9, "Why?", SMALL_CONTEXT - 2, NULL, &err), PITH_TOO_LONG,
	               &err, "The question takes ");
	/* The caller need not want the sentence. */
	assert_int_equal(pith_answer_text(&out, random_model, text.data, text.length, "Why?", 0, NULL, NULL), PITH_TOO_LONG);
	token_list_free(&prompt);
	buffer_free(&text);
}

/* An empty text and an empty question still are a prompt. */
static void test_nothing_asked(void **state)
{
	(void)state;
	struct pith_generated out;
	struct pith_error err;
	must(pith_answer_text(&out, random_model, "", 0, "", 3, NULL, &err), &err);
	assert_true(out.n_prompt_tokens > 0 && out.n_tokens <= 3);
	pith_generated_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greedy),    cmocka_unit_test(test_stops),
		cmocka_unit_test(test_loops),     cmocka_unit_test(test_no_repeat), cmocka_unit_test(test_streaming),
		cmocka_unit_test(test_streaming_random), cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_too_long),  cmocka_unit_test(test_nothing_asked),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
