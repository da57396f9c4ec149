#define _POSIX_C_SOURCE 200809L
#include "remote/chat_client.h"

#include <curl/curl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "pith/characters.h"
#include "remote/chat_stream.h"

enum {
	POLL_MS = 50,           /* a cancel is seen within this time */
	MOST_ERROR_BYTES = 4096, /* of the body that comes with an error */
	LONGEST_PAUSE = 60,     /* seconds; a server that asks for more is not waited for */
	TOKEN_BYTES = 32,       /* no text has tokens as long on average */
	SPARE_BYTES = 4096,     /* servers count a little more or less */
};

struct chat_client {
	struct chat_options options;
	CURLM *multi;
	struct curl_slist *headers;
	char *base_url; /* as it is named in sentences */
	char *url;      /* where requests go */
	char *model;    /* NULL: not named */
	char *key;      /* NULL: none */
	bool loopback;
};

/* What is asked for. */
struct request {
	char *body;
	size_t most_text; /* bytes after which the answer is too long for the tokens asked for, by far */
};

/* One try of a request and what came of it. */
struct attempt {
	CURL *easy;
	struct chat_stream stream;
	struct buffer refusal; /* the body of an answer that is not 200 */
	double heard;          /* when the last byte came */
	CURLcode result;
	long status;           /* of HTTP; 0: none came */
	bool timed_out;
};

/* --- the client -------------------------------------------------------------------------------------------- */

void chat_options_init(struct chat_options *options)
{
	*options = (struct chat_options){.connect_seconds = 10, .idle_seconds = 120, .pause_seconds = 0.5, .n_retries = 4};
}

static void start_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0;
}

static char *joined(const char *a, const char *b)
{
	size_t length = strlen(a) + strlen(b);
	char *both = malloc(length + 1);
	if (both != NULL)
		snprintf(both, length + 1, "%s%s", a, b);
	return both;
}

/* The path of an address without what is added to it anyway; a bare host has its chat under /v1. */
static CURLUcode tidy_path(CURLU *parts)
{
	static const char tail[] = "/chat/completions";
	char *path = NULL;
	CURLUcode code = curl_url_get(parts, CURLUPART_PATH, &path, 0);
	if (code != CURLUE_OK)
		return code;
	size_t length = strlen(path);
	while (length > 0 && path[length - 1] == '/')
		path[--length] = '\0';
	if (length >= sizeof tail - 1 && strcmp(path + length - (sizeof tail - 1), tail) == 0)
		path[length - (sizeof tail - 1)] = '\0';
	code = curl_url_set(parts, CURLUPART_PATH, path[0] == '\0' ? "/v1" : path, 0);
	curl_free(path);
	return code;
}

/* Is this part of the address there? */
static bool has_part(CURLU *parts, CURLUPart part)
{
	char *value = NULL;
	bool has = curl_url_get(parts, part, &value, 0) == CURLUE_OK;
	curl_free(value);
	return has;
}

static bool is_http(CURLU *parts)
{
	char *scheme = NULL;
	bool http = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	            (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
	curl_free(scheme);
	return http;
}

static enum pith_status read_address(struct chat_client *client, CURLU *parts, struct pith_error *err)
{
	const char *address = client->options.url;
	char *url = NULL, *host = NULL;
	if (curl_url_set(parts, CURLUPART_URL, address, CURLU_GUESS_SCHEME) != CURLUE_OK || !is_http(parts))
		return fail(err, PITH_BAD_ARGUMENT,
			    "\"%.100s\" is no address of a server: http://HOST:PORT/v1 is what one looks like.", address);
	if (has_part(parts, CURLUPART_USER) || has_part(parts, CURLUPART_PASSWORD) || has_part(parts, CURLUPART_QUERY) ||
	    has_part(parts, CURLUPART_FRAGMENT))
		return fail(err, PITH_BAD_ARGUMENT,
		            "The address of a server holds no name, password or question mark; a key belongs in PITH_API_KEY.");
	if (tidy_path(parts) == CURLUE_OK && curl_url_get(parts, CURLUPART_URL, &url, CURLU_NO_DEFAULT_PORT) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		client->loopback = is_loopback(host);
		client->base_url = joined(url, "");
		client->url = joined(url, "/chat/completions");
	}
	curl_free(url);
	curl_free(host);
	return client->base_url != NULL && client->url != NULL ? PITH_OK : fail_memory(err, "the address of the server");
}

static bool add_header(struct chat_client *client, const char *line)
{
	struct curl_slist *longer = curl_slist_append(client->headers, line);
	if (longer != NULL)
		client->headers = longer;
	return longer != NULL;
}

static enum pith_status make_headers(struct chat_client *client, struct pith_error *err)
{
	/* "Expect:" without a value: no waiting for a permission that many servers never give. */
	bool done = add_header(client, "Content-Type: application/json") && add_header(client, "Accept: text/event-stream") &&
	            add_header(client, "Expect:");
	if (done && client->key != NULL) {
		for (const char *c = client->key; *c != '\0'; c++)
			if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
				return fail(err, PITH_BAD_ARGUMENT,
					    "PITH_API_KEY holds white space or characters that no key has.");
		char *line = joined("Authorization: Bearer ", client->key);
		done = line != NULL && add_header(client, line);
		free(line);
	}
	return done ? PITH_OK : fail_memory(err, "the request");
}

enum pith_status chat_client_create(struct chat_client **out, const struct chat_options *options, struct pith_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	*out = NULL;
	pthread_once(&once, start_curl);
	struct chat_client *client = calloc(1, sizeof *client);
	if (client == NULL)
		return fail_memory(err, "the client of the server");
	client->options = *options;
	bool named = options->model != NULL && options->model[0] != '\0', keyed = options->key != NULL && options->key[0] != '\0';
	client->model = named ? joined(options->model, "") : NULL;
	client->key = keyed ? joined(options->key, "") : NULL;
	client->multi = curl_multi_init();
	CURLU *parts = curl_url();
	enum pith_status status = PITH_OK;
	if (named && !pith_is_utf8(options->model, strlen(options->model)))
		status = fail(err, PITH_BAD_ARGUMENT, "The name of the server's model, %.100s, is not UTF-8.", options->model);
	else if (client->multi == NULL || parts == NULL || (named && client->model == NULL) || (keyed && client->key == NULL))
		status = fail_memory(err, "the client of the server");
	if (status == PITH_OK)
		status = read_address(client, parts, err);
	if (status == PITH_OK)
		status = make_headers(client, err);
	curl_url_cleanup(parts);
	if (status == PITH_OK)
		*out = client;
	else
		chat_client_destroy(client);
	return status;
}

void chat_client_destroy(struct chat_client *client)
{
	if (client == NULL)
		return;
	curl_multi_cleanup(client->multi);
	curl_slist_free_all(client->headers);
	free(client->base_url);
	free(client->url);
	free(client->model);
	free(client->key);
	free(client);
}

/* --- one request ------------------------------------------------------------------------------------------- */

/* What is sent; freed with free(). NULL: no memory. */
static char *request_body(const struct chat_client *client, const char *prompt, size_t length, size_t max_tokens)
{
	json_t *object = json_pack("{s:[{s:s, s:o}], s:I, s:i, s:b, s:{s:b}}", "messages", "role", "user", "content",
				   json_stringn(prompt, length), "max_tokens", (json_int_t)max_tokens, "temperature", 0, "stream",
				   1, "stream_options", "include_usage", 1);
	char *body = NULL;
	if (object != NULL && (client->model == NULL || json_object_set_new(object, "model", json_string(client->model)) == 0))
		body = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return body;
}

static size_t take_bytes(char *bytes, size_t one, size_t n, void *user)
{
	struct attempt *attempt = user;
	size_t length = one * n;
	attempt->heard = clock_seconds();
	curl_easy_getinfo(attempt->easy, CURLINFO_RESPONSE_CODE, &attempt->status);
	if (attempt->status == 200)
		return chat_stream_feed(&attempt->stream, bytes, length) ? length : 0;
	size_t room = MOST_ERROR_BYTES - attempt->refusal.length;
	if (!buffer_append(&attempt->refusal, bytes, length < room ? length : room))
		return 0;
	return length;
}

static bool set_up(const struct chat_client *client, struct attempt *attempt, const char *body)
{
	CURL *easy = attempt->easy;
	bool done =
		curl_easy_setopt(easy, CURLOPT_URL, client->url) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body)) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client->headers) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, attempt) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(client->options.connect_seconds * 1000)) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_USERAGENT, "pith") == CURLE_OK;
	/* A redirection is not followed: the key is for the server that was named. A proxy is not for this machine. */
	if (done && client->loopback)
		done = curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK;
	return done;
}

/* Drives the request until it is over, takes too long, or is cancelled. */
static enum pith_status transfer(struct chat_client *client, struct attempt *attempt, const struct pith_control *control,
                                 struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	attempt->heard = clock_seconds();
	if (curl_multi_add_handle(client->multi, attempt->easy) != CURLM_OK)
		return fail_memory(err, "the request");
	for (;;) {
		int running = 0, left = 0;
		const CURLMsg *message;
		if (curl_multi_perform(client->multi, &running) != CURLM_OK)
			attempt->result = CURLE_FAILED_INIT;
		while ((message = curl_multi_info_read(client->multi, &left)) != NULL)
			if (message->msg == CURLMSG_DONE)
				attempt->result = message->data.result;
		if (running == 0 || attempt->stream.outcome == CHAT_COMPLETE)
			break;
		if (is_cancelled(control)) {
			status = fail(err, PITH_CANCELLED, "Cancelled.");
			break;
		}
		attempt->timed_out = clock_seconds() - attempt->heard > client->options.idle_seconds;
		if (attempt->timed_out)
			break;
		curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL);
	}
	curl_easy_getinfo(attempt->easy, CURLINFO_RESPONSE_CODE, &attempt->status);
	curl_multi_remove_handle(client->multi, attempt->easy);
	return status;
}

/* --- what went wrong --------------------------------------------------------------------------------------- */

enum { SAID_MOST = 159 }; /* bytes of a server's own words that are repeated */

/* ": what the server says", or nothing: an error that names the key is not repeated. */
static void describe(const struct chat_client *client, const struct attempt *attempt, char *out, size_t size)
{
	char message[1024] = "";
	if (attempt->refusal.length > 0)
		chat_error_message(attempt->refusal.data, attempt->refusal.length, message, sizeof message);
	else
		snprintf(message, sizeof message, "%s", attempt->stream.message);
	out[0] = '\0';
	if (message[0] != '\0' && !chat_names_key(message, client->key))
		snprintf(out, size, ": %.*s", SAID_MOST, message);
}

static enum pith_status judge_status(const struct chat_client *client, const struct attempt *attempt, bool *again,
                                     struct pith_error *err)
{
	char why[170];
	const char *url = client->base_url;
	describe(client, attempt, why, sizeof why);
	*again = attempt->status == 429 || attempt->status >= 500;
	switch (attempt->status) {
	case 401:
	case 403:
		return fail(err, PITH_BAD_ARGUMENT, "The server at %.120s refuses the key: %s.", url,
		            client->key != NULL ? "the one in PITH_API_KEY is not allowed there" : "set one in PITH_API_KEY");
	case 404:
		if (client->model != NULL)
			return fail(err, PITH_BAD_ARGUMENT,
				    "The server at %.120s knows no model \"%.80s\", or has no chat at that address%s.", url,
				    client->model, why);
		return fail(err, PITH_BAD_ARGUMENT,
			    "The server at %.120s has no chat at that address, or wants a model named with --server-model%s.",
			    url, why);
	case 429: return fail(err, PITH_IO, "The server at %.120s is busy and refuses more requests%s.", url, why);
	default: break;
	}
	if (attempt->status >= 500)
		return fail(err, PITH_IO, "The server at %.120s failed (HTTP %ld)%s.", url, attempt->status, why);
	if (attempt->status >= 300 && attempt->status < 400)
		return fail(err, PITH_BAD_ARGUMENT,
			    "The server at %.120s sends elsewhere (HTTP %ld): give the address that it means.", url,
			    attempt->status);
	return fail(err, PITH_BAD_ARGUMENT, "The server at %.120s does not accept the request (HTTP %ld)%s.", url,
		    attempt->status, why);
}

static enum pith_status judge_stream(const struct chat_client *client, const struct attempt *attempt, bool *again,
                                     struct pith_error *err)
{
	char why[170];
	switch (attempt->stream.outcome) {
	case CHAT_COMPLETE: return PITH_OK;
	case CHAT_GARBAGE:
		return fail(err, PITH_IO,
			    "What the server at %.120s answers is no chat: neither server-sent events nor its JSON.",
			    client->base_url);
	case CHAT_ERROR:
		describe(client, attempt, why, sizeof why);
		return fail(err, PITH_IO, "The server at %.120s reports an error%s.", client->base_url, why);
	case CHAT_TOO_LONG:
		return fail(err, PITH_IO,
		            "The server at %.120s sends without end, far more than the tokens that it was asked for.",
		            client->base_url);
	case CHAT_NO_MEMORY: return fail_memory(err, "the answer of the server");
	case CHAT_OPEN: break;
	}
	*again = true;
	if (attempt->stream.n_bytes == 0)
		return fail(err, PITH_IO, "The server at %.120s answered nothing: its answer (HTTP 200) is empty.",
		            client->base_url);
	return fail(err, PITH_IO, "The server at %.120s broke off in the middle of its answer.", client->base_url);
}

static enum pith_status judge_connection(const struct chat_client *client, const struct attempt *attempt, bool *again,
                                         struct pith_error *err)
{
	const char *url = client->base_url;
	switch (attempt->result) {
	case CURLE_COULDNT_CONNECT:
		*again = true;
		return fail(err, PITH_IO, "No server answers at %.120s: is it running, and is the address right?", url);
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY: return fail(err, PITH_IO, "The host of %.120s is not known.", url);
	case CURLE_OPERATION_TIMEDOUT:
		return fail(err, PITH_IO, "There was no connection to %.120s within %g seconds.", url,
		            client->options.connect_seconds);
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		*again = true;
		return fail(err, PITH_IO, "The server at %.120s broke off in the middle of its answer.", url);
	case CURLE_OUT_OF_MEMORY: return fail_memory(err, "the request");
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_HTTP2: return fail(err, PITH_IO, "What answers at %.120s does not speak HTTP.", url);
	default: return fail(err, PITH_IO, "The request to %.120s failed: %s.", url, curl_easy_strerror(attempt->result));
	}
}

/* The sentence for what came of a request; *again: another one may fare better. */
static enum pith_status judge(const struct chat_client *client, struct attempt *attempt, bool *again, struct pith_error *err)
{
	*again = false;
	if (attempt->timed_out)
		return fail(err, PITH_IO, "The server at %.120s said nothing for %g seconds.", client->base_url,
		            client->options.idle_seconds);
	if (attempt->status != 0 && attempt->status != 200)
		return judge_status(client, attempt, again, err);
	if (attempt->result == CURLE_OK)
		chat_stream_end(&attempt->stream);
	if (attempt->stream.outcome == CHAT_OPEN && attempt->result != CURLE_OK)
		return judge_connection(client, attempt, again, err);
	return judge_stream(client, attempt, again, err);
}

/* --- asking ------------------------------------------------------------------------------------------------ */

/* Seconds before the next try: what the server asks for, else doubling. */
static double pause_before(const struct chat_client *client, const struct attempt *attempt, int n_tries)
{
	curl_off_t wanted = 0;
	if (curl_easy_getinfo(attempt->easy, CURLINFO_RETRY_AFTER, &wanted) == CURLE_OK && wanted > 0)
		return (double)wanted;
	double pause = client->options.pause_seconds;
	for (int i = 0; i < n_tries && pause < LONGEST_PAUSE; i++)
		pause *= 2;
	return pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE;
}

static enum pith_status wait_for(double seconds, const struct pith_control *control, struct pith_error *err)
{
	double until = clock_seconds() + seconds;
	for (double left = seconds; left > 0; left = until - clock_seconds()) {
		if (is_cancelled(control))
			return fail(err, PITH_CANCELLED, "Cancelled.");
		double step = left < 0.001 * POLL_MS ? left : 0.001 * POLL_MS;
		const struct timespec nap = {0, (long)(step * 1e9)};
		nanosleep(&nap, NULL);
	}
	return PITH_OK;
}

static void tell(const struct pith_control *control, const struct pith_error *reason, double pause)
{
	char line[640];
	if (control == NULL || control->log == NULL)
		return;
	snprintf(line, sizeof line, "%s Again in %.1f s.", reason->message, pause);
	control->log(control->user, line);
}

/* Asks once. *pause: seconds after which another one may fare better; below 0: none will. */
static enum pith_status try_once(struct chat_client *client, const struct request *request, int n_tries, struct chat_reply *reply,
                                 double *pause, const struct pith_control *control, struct pith_error *err)
{
	struct attempt attempt = {.easy = curl_easy_init(), .stream = {.most_text = request->most_text}};
	bool again = false;
	*pause = -1;
	if (attempt.easy == NULL || !set_up(client, &attempt, request->body)) {
		curl_easy_cleanup(attempt.easy);
		return fail_memory(err, "the request");
	}
	enum pith_status status = transfer(client, &attempt, control, err);
	if (status == PITH_OK)
		status = judge(client, &attempt, &again, err);
	if (status == PITH_OK) {
		reply->text = attempt.stream.text;
		attempt.stream.text = (struct buffer){0};
		reply->cut = attempt.stream.cut;
		reply->prompt_tokens = attempt.stream.prompt_tokens;
		reply->answer_tokens = attempt.stream.answer_tokens;
	} else if (again) {
		*pause = pause_before(client, &attempt, n_tries);
	}
	curl_easy_cleanup(attempt.easy);
	chat_stream_free(&attempt.stream);
	buffer_free(&attempt.refusal);
	return status;
}

enum pith_status chat_client_ask(struct chat_client *client, const char *prompt, size_t length, size_t max_tokens,
                                 struct chat_reply *reply, const struct pith_control *control, struct pith_error *err)
{
	if (!pith_is_utf8(prompt, length))
		return fail(err, PITH_BAD_ARGUMENT, "The text holds bytes that are not UTF-8, which no server takes.");
	const struct request request = {request_body(client, prompt, length, max_tokens), TOKEN_BYTES * max_tokens + SPARE_BYTES};
	if (request.body == NULL)
		return fail_memory(err, "the request");
	struct pith_error reason;
	enum pith_status status;
	for (int i = 0;; i++) {
		double pause;
		status = try_once(client, &request, i, reply, &pause, control, &reason);
		if (status == PITH_OK || pause < 0 || pause > LONGEST_PAUSE || i == client->options.n_retries) {
			if (status != PITH_OK && err != NULL)
				*err = reason;
			break;
		}
		tell(control, &reason, pause);
		status = wait_for(pause, control, err);
		if (status != PITH_OK)
			break;
	}
	free(request.body);
	return status;
}

void chat_reply_free(struct chat_reply *reply)
{
	buffer_free(&reply->text);
}
