#include "compress/rewrite_wrapping.h"

#include <jansson.h>
#include <string.h>

/* A text, and what of it is left. */
struct span {
	const char *text;
	size_t length;
};

static bool is_white(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool begins(const struct span *span, const char *words)
{
	size_t n = strlen(words);
	return span->length >= n && memcmp(span->text, words, n) == 0;
}

static bool ends(const struct span *span, const char *words)
{
	size_t n = strlen(words);
	return span->length >= n && memcmp(span->text + span->length - n, words, n) == 0;
}

static bool holds(const struct span *span, const char *words)
{
	struct span rest = *span;
	for (; rest.length > 0; rest.text++, rest.length--)
		if (begins(&rest, words))
			return true;
	return false;
}

static void cut(struct span *span, size_t n_before, size_t n_behind)
{
	span->text += n_before;
	span->length -= n_before + n_behind;
}

static void trim(struct span *span)
{
	while (span->length > 0 && is_white(span->text[0]))
		cut(span, 1, 0);
	while (span->length > 0 && is_white(span->text[span->length - 1]))
		cut(span, 0, 1);
}

static void skip_thoughts(struct span *span)
{
	static const char end[] = "</think>";
	if (!begins(span, "<think>"))
		return;
	while (span->length > 0 && !begins(span, end))
		cut(span, 1, 0);
	if (span->length > 0)
		cut(span, sizeof end - 1, 0);
	trim(span);
}

static void skip_announcement(struct span *span)
{
	static const char *const announcements[] = {"Here is", "Here's", "Sure", "Rewritten", "Shortened", "Compressed"};
	const char *line = span->length == 0 ? NULL : memchr(span->text, '\n', span->length);
	if (line == NULL || line == span->text || line[-1] != ':')
		return;
	for (size_t i = 0; i < sizeof announcements / sizeof announcements[0]; i++)
		if (begins(span, announcements[i])) {
			cut(span, (size_t)(line - span->text) + 1, 0);
			trim(span);
			return;
		}
}

/* A fence, perhaps with the name of a language, that is closed at the very end and not before. */
static void skip_fence(struct span *span, const struct span *source)
{
	static const char fence[] = "```";
	const char *line = span->length == 0 ? NULL : memchr(span->text, '\n', span->length);
	if (line == NULL || !begins(span, fence) || !ends(span, fence) || begins(source, fence))
		return;
	size_t n_before = (size_t)(line - span->text), n_behind = sizeof fence - 1;
	/* Behind the first marks stands one word at most. */
	if (n_before + n_behind >= span->length || memchr(span->text, ' ', n_before) != NULL)
		return;
	struct span inner = *span;
	cut(&inner, n_before, n_behind);
	if (holds(&inner, fence))
		return;
	*span = inner;
	trim(span);
}

static void skip_quotes(struct span *span, const struct span *source)
{
	static const char *const pairs[][2] = {{"\"", "\""}, {"\xe2\x80\x9c", "\xe2\x80\x9d"}};
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		const char *open = pairs[i][0], *close = pairs[i][1];
		struct span inner = *span;
		if (span->length < strlen(open) + strlen(close) || !begins(span, open) || !ends(span, close) ||
		    begins(source, open))
			continue;
		cut(&inner, strlen(open), strlen(close));
		/* "Yes", he said, and "no": two pairs, both of the text. */
		if (holds(&inner, open) || holds(&inner, close))
			continue;
		*span = inner;
		trim(span);
		return;
	}
}

/* Of a JSON object with one string that string alone, which then is in text. False: no memory. */
static bool open_object(struct buffer *text, struct span *span, const struct span *source)
{
	json_error_t error;
	if (!begins(span, "{") || begins(source, "{"))
		return true;
	json_t *object = json_loadb(span->text, span->length, JSON_REJECT_DUPLICATES, &error);
	/* Most allocations that fail in the parser leave it without a word. */
	if (object == NULL)
		return json_error_code(&error) != json_error_out_of_memory && error.text[0] != '\0';
	void *member = json_object_iter(object);
	const json_t *value = member == NULL ? NULL : json_object_iter_value(member);
	bool done = true;
	if (json_object_size(object) == 1 && json_is_string(value)) {
		buffer_clear(text);
		done = buffer_append(text, json_string_value(value), json_string_length(value));
		*span = (struct span){text->data, text->length};
		trim(span);
	}
	json_decref(object);
	return done;
}

bool rewrite_unwrap(struct buffer *text, const char *source, size_t source_length)
{
	if (text->length == 0)
		return true;
	const struct span from = {source, source_length};
	struct span span = {text->data, text->length};
	trim(&span);
	skip_thoughts(&span);
	skip_announcement(&span);
	skip_fence(&span, &from);
	if (!open_object(text, &span, &from))
		return false;
	skip_quotes(&span, &from);
	memmove(text->data, span.text, span.length);
	text->length = span.length;
	text->data[text->length] = '\0';
	return true;
}
