#include "bytes.h"

#include <stdlib.h>
#include <string.h>

char *bytes_copy(const char *data, size_t length)
{
	char *copy = malloc(length + 1);
	if (copy == NULL)
		return NULL;
	if (length > 0)
		memcpy(copy, data, length);
	copy[length] = '\0';
	return copy;
}

bool bytes_append(struct bytes *bytes, const char *data, size_t length)
{
	if (bytes->length + length + 1 > bytes->capacity) {
		size_t capacity = (bytes->length + length + 1) * 2;
		char *grown = realloc(bytes->data, capacity);
		if (grown == NULL)
			return false;
		bytes->data = grown;
		bytes->capacity = capacity;
	}
	if (length > 0)
		memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
	bytes->data[bytes->length] = '\0';
	return true;
}

void bytes_clear(struct bytes *bytes)
{
	bytes->length = 0;
	if (bytes->data != NULL)
		bytes->data[0] = '\0';
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){0};
}
