/* Growable bytes. Zero-initialise, use, free; after a failed append the contents are what they were. */
#ifndef BYTES_H
#define BYTES_H

#include <stdbool.h>
#include <stddef.h>

struct bytes {
	char *data; /* NUL-terminated whenever it is not NULL */
	size_t length, capacity;
};

char *bytes_copy(const char *data, size_t length); /* NUL-terminated, freed with free(); NULL: no memory */
bool bytes_append(struct bytes *bytes, const char *data, size_t length); /* false: no memory */
void bytes_clear(struct bytes *bytes); /* length 0, memory kept */
void bytes_free(struct bytes *bytes);  /* back to zero */

#endif
