#define _XOPEN_SOURCE 700
/*
 * The server of chat_server.h as a program, for the tests of the command line: each argument is the reply to one request, the
 * last one goes on. It prints its port and serves until its standard input ends.
 *
 *   serve_chat shorten | text=WORDS | whole=WORDS | garbage | cut | endless | hang | STATUS[:HEADER] ...
 */
#include "support/chat_server.h"

enum { MOST_REPLIES = 16 };

static struct chat_server_reply parse(const char *word)
{
	static char headers[MOST_REPLIES][128];
	static int used;
	if (strcmp(word, "shorten") == 0)
		return (struct chat_server_reply){.kind = REPLY_SHORTEN};
	if (strncmp(word, "text=", 5) == 0)
		return (struct chat_server_reply){.kind = REPLY_STREAM, .text = word + 5};
	if (strncmp(word, "whole=", 6) == 0)
		return (struct chat_server_reply){.kind = REPLY_WHOLE, .text = word + 6};
	if (strcmp(word, "garbage") == 0)
		return (struct chat_server_reply){.kind = REPLY_RAW, .text = "<html>It works!</html>\n"};
	if (strcmp(word, "cut") == 0)
		return (struct chat_server_reply){.kind = REPLY_CUT, .text = "The ti"};
	if (strcmp(word, "endless") == 0)
		return (struct chat_server_reply){.kind = REPLY_ENDLESS, .text = "The tide rises. "};
	if (strcmp(word, "hang") == 0)
		return (struct chat_server_reply){.kind = REPLY_HANG};
	const char *colon = strchr(word, ':');
	if (colon != NULL)
		snprintf(headers[used], sizeof headers[used], "%s\r\n", colon + 1);
	return (struct chat_server_reply){.kind = REPLY_STATUS, .status = atoi(word), .headers = headers[used++]};
}

int main(int argc, char **argv)
{
	static struct chat_server server;
	struct chat_server_reply replies[MOST_REPLIES];
	size_t n = 0;
	for (int i = 1; i < argc && n < MOST_REPLIES; i++)
		replies[n++] = parse(argv[i]);
	if (n == 0 || !chat_server_start(&server, replies, n)) {
		fprintf(stderr, "usage: serve_chat REPLY...\n");
		return 2;
	}
	printf("%d\n", server.port);
	fflush(stdout);
	while (getchar() != EOF)
		;
	chat_server_stop(&server);
	return 0;
}
