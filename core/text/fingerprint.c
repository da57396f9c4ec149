#include "text/fingerprint.h"

#include <stdint.h>

#include <xxhash.h>

bool fingerprint_begin(struct fingerprint *fingerprint)
{
	fingerprint->state = XXH3_createState();
	if (fingerprint->state == NULL)
		return false;
	XXH3_128bits_reset(fingerprint->state);
	return true;
}

void fingerprint_add(struct fingerprint *fingerprint, const void *data, size_t size)
{
	if (size > 0)
		XXH3_128bits_update(fingerprint->state, data, size);
}

/* GGUF keeps an array as length-prefixed strings in a row: hashing those bytes leaves nothing ambiguous. */
void fingerprint_add_strings(struct fingerprint *fingerprint, const struct gguf_array *strings)
{
	const uint8_t *cursor = strings->data;
	for (size_t i = 0; i < strings->n; i++) {
		const char *text;
		size_t length;
		if (!gguf_array_next_string(strings, &cursor, &text, &length))
			break;
	}
	fingerprint_add(fingerprint, strings->data, (size_t)(cursor - strings->data));
}

void fingerprint_end(struct fingerprint *fingerprint, char digits[33])
{
	XXH128_canonical_t digest;
	XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(fingerprint->state));
	XXH3_freeState(fingerprint->state);
	fingerprint->state = NULL;
	if (digits == NULL)
		return;
	for (int i = 0; i < 16; i++) {
		digits[2 * i] = "0123456789abcdef"[digest.digest[i] >> 4];
		digits[2 * i + 1] = "0123456789abcdef"[digest.digest[i] & 15];
	}
	digits[32] = '\0';
}
