#include "remote/chat_stream.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { MOST_BYTES = 16 << 20 };

/* Copies as much of a string as fits, in whole characters. */
static void copy_message(const json_t *value, char *out, size_t size)
{
	const char *text = json_string_value(value);
	size_t length = json_string_length(value);
	if (length >= size) {
		length = size - 1;
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(out, text, length);
	out[length] = '\0';
	/* It becomes part of a sentence, which has a full stop of its own. */
	while (length > 0 && (out[length - 1] == '.' || out[length - 1] == '\n' || out[length - 1] == ' '))
		out[--length] = '\0';
}

static bool find_error(const json_t *object, char *out, size_t size)
{
	const json_t *error = json_object_get(object, "error");
	const json_t *message = json_is_object(error) ? json_object_get(error, "message") : error;
	out[0] = '\0';
	if (!json_is_string(message))
		message = json_object_get(object, "detail");
	if (!json_is_string(message))
		message = json_object_get(object, "message");
	if (json_is_string(message))
		copy_message(message, out, size);
	return (error != NULL && !json_is_null(error)) || out[0] != '\0';
}

void chat_error_message(const char *body, size_t length, char *out, size_t size)
{
	out[0] = '\0';
	json_t *object = json_loadb(body, length, JSON_REJECT_DUPLICATES, NULL);
	if (object != NULL)
		find_error(object, out, size);
	json_decref(object);
}

static size_t count_of(const json_t *usage, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(usage, key));
	return n > 0 ? (size_t)n : 0;
}

static bool append_string(struct buffer *text, const json_t *string)
{
	return !json_is_string(string) || buffer_append(text, json_string_value(string), json_string_length(string));
}

/* A string, or a list of parts, of which those of text count: pictures are none, and thoughts are no part of the answer. */
static bool take_content(struct buffer *text, const json_t *content)
{
	bool done = append_string(text, content);
	for (size_t i = 0; done && i < json_array_size(content); i++) {
		const json_t *part = json_array_get(content, i), *type = json_object_get(part, "type");
		if (json_is_string(type) && strcmp(json_string_value(type), "text") == 0)
			done = append_string(text, json_object_get(part, "text"));
	}
	return done;
}

static void take_choice(struct chat_stream *stream, const json_t *choice)
{
	const json_t *part = json_object_get(choice, stream->whole ? "message" : "delta");
	const json_t *reason = json_object_get(choice, "finish_reason");
	if (!take_content(&stream->text, json_object_get(part, "content")))
		stream->outcome = CHAT_NO_MEMORY;
	if (!json_is_string(reason))
		return;
	stream->finished = true;
	stream->cut = strcmp(json_string_value(reason), "length") == 0;
}

/* One object: a piece of the answer, its end, how much was counted, or an error. */
static void take_object(struct chat_stream *stream, const json_t *object)
{
	const json_t *choices = json_object_get(object, "choices"), *usage = json_object_get(object, "usage");
	if (!json_is_array(choices) && find_error(object, stream->message, sizeof stream->message)) {
		stream->outcome = CHAT_ERROR;
		return;
	}
	if (!json_is_array(choices) && !json_is_object(usage)) {
		stream->outcome = CHAT_GARBAGE;
		return;
	}
	if (json_array_size(choices) > 0)
		take_choice(stream, json_array_get(choices, 0));
	if (json_is_object(usage)) {
		stream->prompt_tokens = count_of(usage, "prompt_tokens");
		stream->answer_tokens = count_of(usage, "completion_tokens");
	}
}

static void take_json(struct chat_stream *stream, const char *text, size_t length)
{
	json_error_t error;
	json_t *object = json_loadb(text, length, JSON_ALLOW_NUL, &error);
	/* Most allocations that fail in the parser leave it without a word. */
	bool no_memory = object == NULL && (json_error_code(&error) == json_error_out_of_memory || error.text[0] == '\0');
	if (object == NULL)
		stream->outcome = no_memory ? CHAT_NO_MEMORY : CHAT_GARBAGE;
	else if (!json_is_object(object))
		stream->outcome = CHAT_GARBAGE;
	else
		take_object(stream, object);
	json_decref(object);
}

static bool begins(const char *line, size_t length, const char *word)
{
	size_t n = strlen(word);
	return length >= n && memcmp(line, word, n) == 0;
}

/* Could this be a field of an event stream, known or not? Pages and plain sentences are none: their beginnings are no names. */
static bool is_field(const char *line, size_t length)
{
	size_t n = 0;
	while (n < length && line[n] != ':') {
		if (!isalnum((unsigned char)line[n]) && line[n] != '-' && line[n] != '_')
			return false;
		n++;
	}
	return true;
}

/*
 * A line of an event stream: a field and its value, a comment behind a colon, or nothing between two events. Of the fields data
 * alone matters; those that are not known are ignored, as the standard has it.
 */
static void take_line(struct chat_stream *stream, const char *line, size_t length)
{
	if (length > 0 && line[length - 1] == '\r')
		length--;
	if (!begins(line, length, "data:")) {
		if (!is_field(line, length))
			stream->outcome = CHAT_GARBAGE;
		return;
	}
	size_t at = strlen("data:");
	while (at < length && line[at] == ' ')
		at++;
	if (length - at == strlen("[DONE]") && begins(line + at, length - at, "[DONE]"))
		stream->outcome = CHAT_COMPLETE;
	else
		take_json(stream, line + at, length - at);
}

static void take_lines(struct chat_stream *stream)
{
	struct buffer *pending = &stream->pending;
	size_t at = 0;
	while (stream->outcome == CHAT_OPEN) {
		const char *feed = memchr(pending->data + at, '\n', pending->length - at);
		if (feed == NULL)
			break;
		size_t end = (size_t)(feed - pending->data);
		take_line(stream, pending->data + at, end - at);
		at = end + 1;
	}
	memmove(pending->data, pending->data + at, pending->length - at);
	pending->length -= at;
}

bool chat_stream_feed(struct chat_stream *stream, const char *bytes, size_t length)
{
	if (stream->outcome != CHAT_OPEN)
		return stream->outcome == CHAT_COMPLETE;
	if (stream->n_bytes == 0) {
		/* White space at the beginning says nothing about what follows. */
		while (length > 0 && strchr(" \t\r\n", bytes[0]) != NULL && bytes[0] != '\0') {
			bytes++;
			length--;
		}
		if (length == 0)
			return true;
		stream->whole = bytes[0] == '{';
	}
	stream->n_bytes += length;
	if (stream->n_bytes > MOST_BYTES)
		stream->outcome = CHAT_TOO_LONG;
	else if (!buffer_append(&stream->pending, bytes, length))
		stream->outcome = CHAT_NO_MEMORY;
	else if (!stream->whole)
		take_lines(stream);
	/* Whoever counts no tokens may not know an end either. */
	if (stream->outcome == CHAT_OPEN && stream->most_text > 0 && stream->text.length > stream->most_text)
		stream->outcome = CHAT_TOO_LONG;
	return stream->outcome == CHAT_OPEN || stream->outcome == CHAT_COMPLETE;
}

void chat_stream_end(struct chat_stream *stream)
{
	if (stream->outcome == CHAT_OPEN && stream->pending.length > 0) {
		if (stream->whole)
			take_json(stream, stream->pending.data, stream->pending.length);
		else
			take_line(stream, stream->pending.data, stream->pending.length);
	}
	if (stream->outcome == CHAT_OPEN && (stream->finished || stream->whole))
		stream->outcome = CHAT_COMPLETE;
}

void chat_stream_free(struct chat_stream *stream)
{
	buffer_free(&stream->text);
	buffer_free(&stream->pending);
}

bool chat_names_key(const char *message, const char *key)
{
	if (key == NULL || strstr(message, key) != NULL)
		return key != NULL;
	size_t length = strlen(message);
	for (size_t n = strlen(key); n >= 4; n--)
		if (n <= length && memcmp(message + length - n, key, n) == 0)
			return true;
	return false;
}
