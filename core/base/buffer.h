/*
 * Growable bytes and token lists. Zero-initialise, use, free; after a failed
 * append the contents are what they were.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
	char *data; /* NUL-terminated whenever it is not NULL */
	size_t length, capacity;
};
bool buffer_reserve(struct buffer *buffer, size_t extra); /* false: no memory */
bool buffer_append(struct buffer *buffer, const void *data, size_t length);
bool buffer_append_string(struct buffer *buffer, const char *string);
bool buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_clear(struct buffer *buffer); /* length 0, memory kept */
void buffer_free(struct buffer *buffer);  /* back to zero */

struct token_list {
	int32_t *ids;
	size_t n, capacity;
};
bool token_list_reserve(struct token_list *list, size_t extra);
bool token_list_append(struct token_list *list, int32_t id);
bool token_list_append_all(struct token_list *list, const int32_t *ids, size_t n);
void token_list_remove(struct token_list *list, size_t begin, size_t n); /* begin + n <= list->n */
void token_list_free(struct token_list *list);

#endif
