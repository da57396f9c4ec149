/*
 * A 128-bit hash (XXH3) of what a vocabulary is made of, as 32 hex digits. It guards against accidents, not against an adversary.
 */
#ifndef TEXT_FINGERPRINT_H
#define TEXT_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/gguf.h"

struct fingerprint {
	struct XXH3_state_s *state;
};

bool fingerprint_begin(struct fingerprint *fingerprint); /* false: no memory */
void fingerprint_add(struct fingerprint *fingerprint, const void *data, size_t size);
/* The strings with their lengths. */
void fingerprint_add_strings(struct fingerprint *fingerprint, const struct gguf_array *strings);
/* Frees it and writes the digits, unless they are not wanted (NULL). */
void fingerprint_end(struct fingerprint *fingerprint, char digits[33]);

#endif
