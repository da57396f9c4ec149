/*
 * What an OpenAI-compatible server sends back, taken apart as it comes: server-sent events, one JSON object each, or one JSON
 * object for everything, from servers that do not stream. Bytes in, text out: no sockets here.
 */
#ifndef REMOTE_CHAT_STREAM_H
#define REMOTE_CHAT_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum chat_outcome {
	CHAT_OPEN,      /* more must come; at the end of the bytes: the server broke off */
	CHAT_COMPLETE,  /* the server said that this was all */
	CHAT_GARBAGE,   /* neither events nor JSON of a chat */
	CHAT_ERROR,     /* the server reported an error in place of text: message */
	CHAT_TOO_LONG,  /* more bytes than any answer has, or a stream of more text than was asked for */
	CHAT_NO_MEMORY,
};

/* Zero-initialise, most_text if it is known; chat_stream_free() it. */
struct chat_stream {
	size_t most_text;       /* bytes that an answer of the tokens asked for can have, by far; 0: not known */
	enum chat_outcome outcome;
	struct buffer text;     /* the answer so far, UTF-8 */
	bool cut;               /* it ended at the limit of tokens */
	size_t prompt_tokens, answer_tokens; /* as the server counts; 0: it did not say */
	char message[160];      /* of an error, or "" */
	struct buffer pending;  /* a line that is not complete, or all of an answer in one object */
	size_t n_bytes;
	bool whole;             /* one object for everything */
	bool finished;          /* a reason to finish was given */
};

/* Takes the next bytes. False: nothing more is worth reading, outcome says why. */
bool chat_stream_feed(struct chat_stream *stream, const char *bytes, size_t length);
/* No more bytes will come: settles the outcome. */
void chat_stream_end(struct chat_stream *stream);
void chat_stream_free(struct chat_stream *stream);

/* Copies the message of an error object ({"error": {"message": ...}}, {"error": ...}, {"detail": ...}) into out; "": none. */
void chat_error_message(const char *body, size_t length, char *out, size_t size);

/* Does the message name the key (NULL: none), or end with the beginning of it, where it was cut? */
bool chat_names_key(const char *message, const char *key);

#endif
