/* Different byte strings, numbered in the order in which they were first seen. */
#ifndef TEXT_BYTE_STRINGS_H
#define TEXT_BYTE_STRINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct byte_strings {
	struct buffer bytes; /* all strings in a row */
	struct byte_string *strings;
	uint32_t n, n_allocated;
	uint32_t *slots; /* open addressing; number + 1, 0 is empty */
	size_t slot_mask;
};

/* Zero-initialise. Gives the number of a string, which is table->n - 1 when it is new. False: no memory, or 4 billion strings. */
bool byte_strings_intern(struct byte_strings *table, const char *bytes, size_t length, uint32_t *number);
const char *byte_strings_at(const struct byte_strings *table, uint32_t number, size_t *length); /* until the next intern */
void byte_strings_free(struct byte_strings *table);

#endif
