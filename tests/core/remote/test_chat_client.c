#define _XOPEN_SOURCE 700
/* The client against a server on this machine that does what servers do: answer, refuse, be busy, break off, say nothing. */
#include "remote/chat_client.h"

#include <string.h>
#include <time.h>

#include "support/chat_server.h"
#include "unit.h"

static struct chat_server server;
static struct chat_options options;
static struct chat_reply reply;
static struct pith_error err;
static char log_lines[2048];

static void keep_log(void *user, const char *line)
{
	(void)user;
	strncat(log_lines, line, sizeof log_lines - strlen(log_lines) - 1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A client of port with short waits. */
static struct chat_client *client_of(int port)
{
	static char url[64];
	struct chat_client *client;
	snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", port);
	options.url = url;
	options.idle_seconds = 0.4;
	options.pause_seconds = 0.01;
	if (chat_client_create(&client, &options, &err) != PITH_OK)
		fail_msg("%s", err.message);
	return client;
}

/* Asks a server with these replies. */
static enum pith_status ask(const struct chat_server_reply *replies, size_t n)
{
	const struct pith_control control = {.log = keep_log};
	assert_true(chat_server_start(&server, replies, n));
	struct chat_client *client = client_of(server.port);
	chat_reply_free(&reply);
	reply = (struct chat_reply){0};
	log_lines[0] = '\0';
	err.message[0] = '\0';
	enum pith_status status = chat_client_ask(client, "Say \"tide\" \xc3\xa9.", 14, 48, &reply, &control, &err);
	chat_client_destroy(client);
	chat_server_stop(&server);
	return status;
}

static void expect_text(const struct chat_server_reply *replies, size_t n, const char *text)
{
	enum pith_status status = ask(replies, n);
	if (status != PITH_OK)
		fail_msg("%s", err.message);
	assert_string_equal(reply.text.data == NULL ? "" : reply.text.data, text);
}

static void expect_failure(const struct chat_server_reply *replies, size_t n, enum pith_status code, const char *words)
{
	enum pith_status status = ask(replies, n);
	if (status != code || err.code != code || strstr(err.message, words) == NULL)
		fail_msg("status %d, not %d, with: %s", (int)status, (int)code, err.message);
	assert_int_equal(err.message[strlen(err.message) - 1], err.message[strlen(err.message) - 1] == '?' ? '?' : '.');
}

static int reset(void **state)
{
	(void)state;
	chat_options_init(&options);
	return 0;
}

static void test_answers(void **state)
{
	(void)state;
	const struct chat_server_reply stream = {.kind = REPLY_STREAM, .text = "The tide caf\xc3\xa9, \"quoted\"\n and so on."};
	expect_text(&stream, 1, stream.text);
	assert_false(reply.cut);
	assert_int_equal(reply.prompt_tokens, 21);
	assert_int_equal(reply.answer_tokens, 7);
	assert_non_null(strstr(server.request, "POST /v1/chat/completions HTTP/1.1\r\n"));
	assert_non_null(strstr(server.request, "\"content\":\"Say \\\"tide\\\" \xc3\xa9.\""));
	assert_non_null(strstr(server.request, "\"max_tokens\":48"));
	assert_non_null(strstr(server.request, "\"stream\":true"));
	assert_null(strstr(server.request, "\"model\""));
	assert_null(strstr(server.request, "Authorization"));
	const struct chat_server_reply whole = {.kind = REPLY_WHOLE, .text = "In one piece."};
	expect_text(&whole, 1, whole.text);
	assert_true(reply.cut);
	expect_text(&(struct chat_server_reply){.kind = REPLY_STREAM, .text = ""}, 1, "");
}

static void test_model_and_key(void **state)
{
	(void)state;
	options.model = "qwen3-4b";
	options.key = "sk-secret-42";
	expect_text(&(struct chat_server_reply){.kind = REPLY_STREAM, .text = "Yes."}, 1, "Yes.");
	assert_non_null(strstr(server.request, "Authorization: Bearer sk-secret-42\r\n"));
	assert_non_null(strstr(server.request, "\"model\":\"qwen3-4b\""));
	/* Servers repeat keys that they refuse; pith does not. */
	static const int statuses[] = {400, 401, 403, 404, 429, 500};
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		const struct chat_server_reply refusal = {.kind = REPLY_STATUS, .status = statuses[i],
		                                          .text = "{\"error\": {\"message\": \"Incorrect key: sk-secret-42\"}}"};
		options.n_retries = 1;
		assert_int_not_equal(ask(&refusal, 1), PITH_OK);
		assert_null(strstr(err.message, "sk-secret"));
		assert_null(strstr(log_lines, "sk-secret"));
	}
}

/* Nor part of one, wherever in a long sentence it stands. */
static void test_cut_key(void **state)
{
	(void)state;
	char body[1400];
	options.key = "sk-secret-42";
	options.n_retries = 0;
	for (int before = 120; before < 1040; before += before < 165 ? 1 : before < 1000 ? 167 : 3) {
		snprintf(body, sizeof body, "{\"error\": {\"message\": \"%0*d sk-secret-42 is wrong\"}}", before, 0);
		assert_int_not_equal(ask(&(struct chat_server_reply){.kind = REPLY_STATUS, .status = 400, .text = body}, 1),
		                     PITH_OK);
		assert_null(strstr(err.message, "sk-s"));
	}
}

static void test_refusals(void **state)
{
	(void)state;
	struct chat_server_reply refusal = {.kind = REPLY_STATUS, .status = 401, .text = "{\"error\": \"no\"}"};
	expect_failure(&refusal, 1, PITH_BAD_ARGUMENT, "refuses the key: set one in PITH_API_KEY");
	assert_int_equal(atomic_load(&server.n_requests), 1);
	options.key = "wrong";
	refusal.status = 403;
	expect_failure(&refusal, 1, PITH_BAD_ARGUMENT, "the one in PITH_API_KEY is not allowed there");
	refusal.status = 404;
	refusal.text = "{\"error\": {\"message\": \"no such thing.\"}}";
	expect_failure(&refusal, 1, PITH_BAD_ARGUMENT, "or wants a model named with --server-model: no such thing.");
	options.model = "gpt-none";
	expect_failure(&refusal, 1, PITH_BAD_ARGUMENT, "knows no model \"gpt-none\"");
	refusal.status = 400;
	expect_failure(&refusal, 1, PITH_BAD_ARGUMENT, "does not accept the request (HTTP 400): no such thing.");
	refusal = (struct chat_server_reply){.kind = REPLY_STATUS, .status = 302, .headers = "Location: http://127.0.0.1:1/\r\n"};
	expect_failure(&refusal, 1, PITH_BAD_ARGUMENT, "sends elsewhere (HTTP 302)");
	assert_int_equal(atomic_load(&server.n_requests), 1);
}

static void test_busy(void **state)
{
	(void)state;
	const struct chat_server_reply busy[] = {
		{.kind = REPLY_STATUS,
		 .status = 429,
		 .headers = "Retry-After: 1\r\n",
		 .text = "{\"error\": {\"message\": \"slow down\"}}"},
		{.kind = REPLY_STREAM, .text = "At last."},
	};
	double began = now();
	expect_text(busy, 2, "At last.");
	assert_true(now() - began > 0.95);
	assert_non_null(strstr(log_lines, "is busy and refuses more requests: slow down. Again in 1.0 s."));
	const struct chat_server_reply failing[] = {
		{.kind = REPLY_STATUS, .status = 500}, {.kind = REPLY_STATUS, .status = 503, .text = "oops"},
		{.kind = REPLY_STREAM, .text = "Third time."},
	};
	expect_text(failing, 3, "Third time.");
	assert_int_equal(atomic_load(&server.n_requests), 3);
	options.n_retries = 2;
	expect_failure(failing, 1, PITH_IO, "failed (HTTP 500).");
	assert_int_equal(atomic_load(&server.n_requests), 3);
	/* A server that wants to be left alone for an hour is. */
	const struct chat_server_reply closed = {.kind = REPLY_STATUS, .status = 429, .headers = "Retry-After: 3600\r\n"};
	began = now();
	expect_failure(&closed, 1, PITH_IO, "is busy");
	assert_true(now() - began < 1);
}

static void test_broken(void **state)
{
	(void)state;
	options.n_retries = 1;
	expect_failure(&(struct chat_server_reply){.kind = REPLY_RAW, .text = "<html>It works!</html>\n"}, 1, PITH_IO,
		       "is no chat");
	assert_int_equal(atomic_load(&server.n_requests), 1);
	expect_failure(&(struct chat_server_reply){.kind = REPLY_RAW, .text = "{\"object\": \"list\"}"}, 1, PITH_IO,
		       "is no chat");
	expect_failure(&(struct chat_server_reply){.kind = REPLY_RAW, .text = "data: {\"error\": {\"message\": \"full\"}}\n"}, 1,
		       PITH_IO, "reports an error: full.");
	const struct chat_server_reply cut[] = {{.kind = REPLY_CUT, .text = "The ti"},
						{.kind = REPLY_STREAM, .text = "The tide."}};
	expect_text(cut, 2, "The tide.");
	expect_failure(cut, 1, PITH_IO, "broke off in the middle");
	assert_int_equal(atomic_load(&server.n_requests), 2);
	expect_failure(&(struct chat_server_reply){.kind = REPLY_CLOSE}, 1, PITH_IO, "broke off in the middle");
	expect_failure(&(struct chat_server_reply){.kind = REPLY_RAW, .text = ""}, 1, PITH_IO, "answered nothing");
}

/* Far more than 48 tokens: nobody reads on, and nobody asks again. */
static void test_endless(void **state)
{
	(void)state;
	expect_failure(&(struct chat_server_reply){.kind = REPLY_ENDLESS, .text = "The tide rises. "}, 1, PITH_IO,
	               "sends without end");
	assert_int_equal(atomic_load(&server.n_requests), 1);
	assert_string_equal(log_lines, "");
}

static void test_silence(void **state)
{
	(void)state;
	double began = now();
	expect_failure(&(struct chat_server_reply){.kind = REPLY_HANG}, 1, PITH_IO, "said nothing for 0.4 seconds.");
	assert_true(now() - began < 2);
	assert_int_equal(atomic_load(&server.n_requests), 1);
}

static void test_nobody(void **state)
{
	(void)state;
	/* A port that was free a moment ago. */
	assert_true(chat_server_listen(&server, NULL, 0));
	close(server.listener);
	options.n_retries = 2;
	struct chat_client *client = client_of(server.port);
	enum pith_status status = chat_client_ask(client, "x", 1, 8, &reply, NULL, &err);
	assert_int_equal(status, PITH_IO);
	assert_non_null(strstr(err.message, "No server answers at http://127.0.0.1:"));
	chat_client_destroy(client);
}

static atomic_bool cancel;

static void *cancel_soon(void *unused)
{
	const struct timespec nap = {0, 150000000};
	nanosleep(&nap, NULL);
	atomic_store(&cancel, true);
	return unused;
}

/* While the server is silent, and while it is waited for. */
static void test_cancel(void **state)
{
	(void)state;
	const struct chat_server_reply replies[] = {
		{.kind = REPLY_HANG}, {.kind = REPLY_STATUS, .status = 429, .headers = "Retry-After: 30\r\n"}};
	for (int i = 0; i < 2; i++) {
		pthread_t thread;
		const struct pith_control control = {.cancel = &cancel};
		atomic_store(&cancel, false);
		assert_true(chat_server_start(&server, &replies[i], 1));
		struct chat_client *client = client_of(server.port);
		double began = now();
		assert_int_equal(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
		assert_int_equal(chat_client_ask(client, "x", 1, 8, &reply, &control, &err), PITH_CANCELLED);
		assert_true(now() - began < 0.39);
		pthread_join(thread, NULL);
		chat_client_destroy(client);
		chat_server_stop(&server);
	}
}

static void refuse(const char *url, const char *words)
{
	struct chat_client *client;
	options.url = url;
	assert_int_equal(chat_client_create(&client, &options, &err), PITH_BAD_ARGUMENT);
	assert_null(client);
	if (strstr(err.message, words) == NULL)
		fail_msg("%s", err.message);
}

static void test_addresses(void **state)
{
	(void)state;
	refuse("", "is no address");
	refuse("ftp://host/v1", "is no address");
	refuse("http://", "is no address");
	refuse("http://me:secret@host/v1", "a key belongs in PITH_API_KEY");
	assert_null(strstr(err.message, "secret"));
	refuse("http://host/v1?api-key=1", "holds no name, password or question mark");
	options.key = "two\r\nHeaders: 1";
	refuse("http://host/v1", "PITH_API_KEY holds");
	options.key = NULL;
	options.model = "qwen\xff";
	refuse("http://host/v1", "The name of the server's model, qwen?, is not UTF-8.");
	options.model = NULL;
	/* Where requests go is seen at the server. */
	static const char *const forms[][3] = {{"http://", "", "/v1"}, {"", "/", "/v1"}, {"http://", "/v1/", "/v1"},
	                                       {"http://", "/api/v3/chat/completions", "/api/v3"}};
	const struct chat_server_reply answer = {.kind = REPLY_STREAM, .text = "Yes."};
	assert_true(chat_server_start(&server, &answer, 1));
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		char url[80], wanted[80];
		struct chat_client *client;
		struct chat_reply one = {0};
		snprintf(url, sizeof url, "%s127.0.0.1:%d%s", forms[i][0], server.port, forms[i][1]);
		snprintf(wanted, sizeof wanted, "POST %s/chat/completions HTTP", forms[i][2]);
		options.url = url;
		assert_int_equal(chat_client_create(&client, &options, &err), PITH_OK);
		assert_int_equal(chat_client_ask(client, "x\xff", 2, 8, &one, NULL, &err), PITH_BAD_ARGUMENT);
		assert_non_null(strstr(err.message, "not UTF-8"));
		assert_int_equal(chat_client_ask(client, "x", 1, 8, &one, NULL, &err), PITH_OK);
		assert_non_null(strstr(server.request, wanted));
		chat_reply_free(&one);
		chat_client_destroy(client);
	}
	chat_server_stop(&server);
}

static int teardown(void **state)
{
	(void)state;
	chat_reply_free(&reply);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_answers, reset), cmocka_unit_test_setup(test_model_and_key, reset),
		cmocka_unit_test_setup(test_cut_key, reset), cmocka_unit_test_setup(test_refusals, reset),
		cmocka_unit_test_setup(test_busy, reset),    cmocka_unit_test_setup(test_broken, reset),
		cmocka_unit_test_setup(test_endless, reset), cmocka_unit_test_setup(test_silence, reset),
		cmocka_unit_test_setup(test_nobody, reset),
		cmocka_unit_test_setup(test_cancel, reset),  cmocka_unit_test_setup(test_addresses, reset),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
