/*
 * A client of an OpenAI-compatible server: one prompt, one answer, streamed over HTTP by libcurl. It waits for a server that
 * is busy, asks again when that may help, can be cancelled at any time, and says in one sentence what went wrong.
 */
#ifndef REMOTE_CHAT_CLIENT_H
#define REMOTE_CHAT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/status.h"
#include "pith/control.h"

struct chat_client;

struct chat_options {
	const char *url;   /* "http://127.0.0.1:8080/v1"; a bare host is taken to have its chat under /v1 */
	const char *model; /* NULL or "": the server has only one, or chooses */
	const char *key;   /* of the server; NULL or "": none. It is sent, and shows up nowhere else */
	double connect_seconds; /* until a connection stands */
	double idle_seconds;    /* without a byte from the server */
	double pause_seconds;   /* before the first repetition, doubled before each one after */
	int n_retries;          /* repetitions of a request that met a busy, broken or missing server */
};
void chat_options_init(struct chat_options *options); /* 10 s, 120 s, 0.5 s, 4 repetitions; url is NULL */

struct chat_reply {
	struct buffer text; /* UTF-8; may be empty */
	bool cut;           /* it ended at max_tokens */
	size_t prompt_tokens, answer_tokens; /* as the server counts; 0: it did not say */
};

/* Checks the address and the key; connects to nobody. *out is the caller's. */
enum pith_status chat_client_create(struct chat_client **out, const struct chat_options *options, struct pith_error *err);
void chat_client_destroy(struct chat_client *client); /* NULL is allowed */

/*
 * Sends prompt (UTF-8) as a user's turn, asking for at most max_tokens tokens at temperature 0. reply is zero-initialised by the
 * caller and freed with chat_reply_free(), also after a failure. An answer without text is no failure here.
 */
enum pith_status chat_client_ask(struct chat_client *client, const char *prompt, size_t length, size_t max_tokens,
                                 struct chat_reply *reply, const struct pith_control *control, struct pith_error *err);
void chat_reply_free(struct chat_reply *reply);

#endif
