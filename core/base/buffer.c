#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next capacity that holds needed elements, doubling; 0 when it cannot be expressed. */
static size_t grown_capacity(size_t capacity, size_t needed, size_t element_size)
{
	size_t grown = capacity < 32 ? 32 : capacity;
	while (grown < needed) {
		if (grown > SIZE_MAX / 2)
			return 0;
		grown *= 2;
	}
	return grown > SIZE_MAX / element_size ? 0 : grown;
}

bool buffer_reserve(struct buffer *buffer, size_t extra)
{
	if (extra > SIZE_MAX - buffer->length - 1)
		return false;
	size_t needed = buffer->length + extra + 1;
	if (needed <= buffer->capacity)
		return true;
	size_t capacity = grown_capacity(buffer->capacity, needed, 1);
	char *data = capacity == 0 ? NULL : realloc(buffer->data, capacity);
	if (data == NULL)
		return false;
	buffer->data = data;
	buffer->data[buffer->length] = '\0';
	buffer->capacity = capacity;
	return true;
}

bool buffer_append(struct buffer *buffer, const void *data, size_t length)
{
	if (!buffer_reserve(buffer, length))
		return false;
	if (length > 0)
		memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
	buffer->data[buffer->length] = '\0';
	return true;
}

bool buffer_append_string(struct buffer *buffer, const char *string)
{
	return buffer_append(buffer, string, strlen(string));
}

bool buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	int length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	bool done = length >= 0 && buffer_reserve(buffer, (size_t)length);
	if (done) {
		vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
		buffer->length += (size_t)length;
	}
	va_end(again);
	return done;
}

void buffer_clear(struct buffer *buffer)
{
	buffer->length = 0;
	if (buffer->data != NULL)
		buffer->data[0] = '\0';
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){0};
}

bool token_list_reserve(struct token_list *list, size_t extra)
{
	if (extra > SIZE_MAX - list->n)
		return false;
	size_t needed = list->n + extra;
	if (needed <= list->capacity)
		return true;
	size_t capacity = grown_capacity(list->capacity, needed, sizeof *list->ids);
	int32_t *ids = capacity == 0 ? NULL : realloc(list->ids, capacity * sizeof *ids);
	if (ids == NULL)
		return false;
	list->ids = ids;
	list->capacity = capacity;
	return true;
}

bool token_list_append(struct token_list *list, int32_t id)
{
	return token_list_append_all(list, &id, 1);
}

bool token_list_append_all(struct token_list *list, const int32_t *ids, size_t n)
{
	if (!token_list_reserve(list, n))
		return false;
	if (n > 0)
		memcpy(list->ids + list->n, ids, n * sizeof *ids);
	list->n += n;
	return true;
}

void token_list_remove(struct token_list *list, size_t begin, size_t n)
{
	memmove(list->ids + begin, list->ids + begin + n, (list->n - begin - n) * sizeof *list->ids);
	list->n -= n;
}

void token_list_free(struct token_list *list)
{
	free(list->ids);
	*list = (struct token_list){0};
}
