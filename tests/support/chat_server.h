/*
 * An OpenAI-compatible server for tests: plain sockets, one thread, replies by script. It listens on this machine only.
 * The .c file that includes it defines _XOPEN_SOURCE 700 first.
 */
#ifndef TESTS_SUPPORT_CHAT_SERVER_H
#define TESTS_SUPPORT_CHAT_SERVER_H

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum chat_reply_kind {
	REPLY_STREAM,  /* text as events, cut into pieces where no line ends */
	REPLY_WHOLE,   /* text as one object: a server that does not stream */
	REPLY_SHORTEN, /* the first half of the words between <text> and </text> of the request, as events */
	REPLY_STATUS,  /* status, headers, text as the body */
	REPLY_RAW,     /* status 200 and text as the body, whatever it is */
	REPLY_CUT,     /* an event with text, then the connection closes */
	REPLY_CLOSE,   /* closes without a byte */
	REPLY_ENDLESS, /* an event with text, again and again, until the client leaves */
	REPLY_HANG,    /* says nothing until the server ends */
};

struct chat_server_reply {
	enum chat_reply_kind kind;
	const char *text;
	int status;
	const char *headers; /* whole lines, each with "\r\n"; NULL: none */
};

struct chat_server {
	int listener, port;
	pthread_t thread;
	const struct chat_server_reply *replies; /* one a request; the last one again and again */
	size_t n_replies;
	atomic_bool stopping;
	atomic_size_t n_requests;
	char request[65536]; /* the newest, NUL-terminated: read it when no request is under way */
};

static inline void chat_server_send(int client, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = send(client, bytes, length, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		bytes += n;
		length -= (size_t)n;
	}
}

static inline void chat_server_say(int client, const char *text)
{
	chat_server_send(client, text, strlen(text));
}

/* One event with this text; a NULL text: the end with its counts. */
static inline void chat_server_event(int client, const char *text)
{
	json_t *delta = text == NULL ? json_object() : json_pack("{s:s}", "content", text);
	json_t *event = json_pack("{s:[{s:i, s:o, s:s?}]}", "choices", "index", 0, "delta", delta, "finish_reason",
	                          text == NULL ? "stop" : NULL);
	char *line = json_dumps(event, JSON_COMPACT);
	chat_server_say(client, "data: ");
	/* In two pieces, so that a line comes in parts. */
	size_t half = strlen(line) / 2;
	chat_server_send(client, line, half);
	chat_server_say(client, line + half);
	chat_server_say(client, "\n\n");
	free(line);
	json_decref(event);
}

static inline void chat_server_stream(int client, const char *text)
{
	chat_server_say(client, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: a comment\n\n");
	char piece[8];
	for (size_t at = 0, length = strlen(text); at < length;) {
		/* Whole characters: an event holds UTF-8. */
		size_t n = 0;
		while (at < length && n < 4) {
			piece[n++] = text[at++];
			while (at < length && ((unsigned char)text[at] & 0xc0) == 0x80)
				piece[n++] = text[at++];
		}
		piece[n] = '\0';
		chat_server_event(client, piece);
	}
	chat_server_event(client, NULL);
	chat_server_say(client,
			"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":21,\"completion_tokens\":7}}\n\ndata: [DONE]\n\n");
}

static inline void chat_server_shorten(int client, const char *request)
{
	const char *body = strstr(request, "\r\n\r\n");
	json_t *object = body == NULL ? NULL : json_loads(body + 4, 0, NULL);
	json_t *message = json_array_get(json_object_get(object, "messages"), 0);
	const char *prompt = json_string_value(json_object_get(message, "content"));
	const char *begin = prompt == NULL ? NULL : strstr(prompt, "<text>\n");
	const char *end = begin == NULL ? NULL : strstr(begin, "\n</text>");
	if (end == NULL) {
		chat_server_say(client, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
	} else {
		begin += strlen("<text>\n");
		char *text = strndup(begin, (size_t)(end - begin) / 2);
		char *space = text == NULL ? NULL : strrchr(text, ' ');
		if (space != NULL)
			*space = '\0';
		chat_server_stream(client, text == NULL ? "" : text);
		free(text);
	}
	json_decref(object);
}

/* Has the client left, or does it within so many milliseconds? */
static inline bool chat_server_left(int client, int milliseconds)
{
	struct pollfd gone = {client, POLLIN, 0};
	char byte;
	return poll(&gone, 1, milliseconds) > 0 && recv(client, &byte, 1, 0) <= 0;
}

static inline void chat_server_reply(struct chat_server *server, int client, const struct chat_server_reply *reply)
{
	char head[512];
	switch (reply->kind) {
	case REPLY_STREAM: chat_server_stream(client, reply->text); break;
	case REPLY_SHORTEN: chat_server_shorten(client, server->request); break;
	case REPLY_WHOLE: {
		json_t *object = json_pack("{s:[{s:{s:s}, s:s}], s:{s:i, s:i}}", "choices", "message", "content", reply->text,
		                           "finish_reason", "length", "usage", "prompt_tokens", 21, "completion_tokens", 7);
		char *body = json_dumps(object, 0);
		chat_server_say(client, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n");
		chat_server_say(client, body);
		free(body);
		json_decref(object);
		break;
	}
	case REPLY_STATUS:
		snprintf(head, sizeof head, "HTTP/1.1 %d Said So\r\nConnection: close\r\n%s\r\n", reply->status,
		         reply->headers == NULL ? "" : reply->headers);
		chat_server_say(client, head);
		chat_server_say(client, reply->text == NULL ? "" : reply->text);
		break;
	case REPLY_RAW:
		chat_server_say(client, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
		chat_server_say(client, reply->text);
		break;
	case REPLY_CUT:
		chat_server_say(client, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
		chat_server_event(client, reply->text);
		break;
	case REPLY_CLOSE: break;
	case REPLY_ENDLESS:
		chat_server_say(client, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
		while (!atomic_load(&server->stopping) && !chat_server_left(client, 0))
			chat_server_event(client, reply->text);
		break;
	case REPLY_HANG:
		while (!atomic_load(&server->stopping) && !chat_server_left(client, 20))
			;
		break;
	}
}

/* Reads one request as its Content-Length says; false: none came. */
static inline bool chat_server_read(struct chat_server *server, int client)
{
	size_t length = 0, wanted = sizeof server->request - 1;
	while (length < wanted) {
		ssize_t n = recv(client, server->request + length, sizeof server->request - 1 - length, 0);
		if (n <= 0)
			return false;
		length += (size_t)n;
		server->request[length] = '\0';
		const char *body = strstr(server->request, "\r\n\r\n"), *field = strstr(server->request, "Content-Length: ");
		if (body != NULL && field != NULL && field < body)
			wanted = (size_t)(body + 4 - server->request) + strtoul(field + 16, NULL, 10);
	}
	return true;
}

static inline void *chat_server_run(void *user)
{
	struct chat_server *server = user;
	while (!atomic_load(&server->stopping)) {
		struct pollfd waiting = {server->listener, POLLIN, 0};
		if (poll(&waiting, 1, 20) <= 0)
			continue;
		int client = accept(server->listener, NULL, NULL);
		if (client < 0)
			continue;
		if (chat_server_read(server, client)) {
			size_t i = atomic_fetch_add(&server->n_requests, 1);
			chat_server_reply(server, client, &server->replies[i < server->n_replies ? i : server->n_replies - 1]);
		}
		shutdown(client, SHUT_RDWR);
		close(client);
	}
	return NULL;
}

/* Listens on a port of its own; false: this machine does not let it. chat_server_run() serves. */
static inline bool chat_server_listen(struct chat_server *server, const struct chat_server_reply *replies, size_t n)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	server->replies = replies;
	server->n_replies = n;
	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	atomic_store(&server->stopping, false);
	atomic_store(&server->n_requests, 0);
	if (server->listener < 0 || bind(server->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(server->listener, 8) != 0 || getsockname(server->listener, (struct sockaddr *)&address, &size) != 0)
		return false;
	server->port = ntohs(address.sin_port);
	return true;
}

static inline bool chat_server_start(struct chat_server *server, const struct chat_server_reply *replies, size_t n)
{
	return chat_server_listen(server, replies, n) && pthread_create(&server->thread, NULL, chat_server_run, server) == 0;
}

static inline void chat_server_stop(struct chat_server *server)
{
	atomic_store(&server->stopping, true);
	pthread_join(server->thread, NULL);
	close(server->listener);
}

#endif
