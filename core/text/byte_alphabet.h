/*
 * The printable alphabet in which byte-level BPE vocabularies write raw bytes
 * (GPT-2, Radford et al. 2019): a printable Latin-1 character stands for its own
 * code, every other byte for U+0100 and up in order.
 */
#ifndef TEXT_BYTE_ALPHABET_H
#define TEXT_BYTE_ALPHABET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Appends raw bytes as characters of the alphabet. False: no memory. */
bool byte_alphabet_append(struct buffer *out, const char *bytes, size_t length);

/*
 * Translates text of the alphabet back into bytes; bytes has room for length of
 * them and may not be text. False: a character is not of the alphabet.
 */
bool byte_alphabet_decode(const char *text, size_t length, char *bytes, size_t *n_bytes);

#endif
