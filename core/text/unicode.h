/*
 * UTF-8 for everybody in the core: validation, stepping, classes (utf8proc).
 */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Decodes one character of text[0, length), length > 0. Returns its bytes (1..4) and *code; a stray byte: 1 and *code = -1. */
size_t unicode_next(const char *text, size_t length, int32_t *code);
/* Offset of the first byte that is not UTF-8, or length. */
size_t unicode_valid_length(const char *text, size_t length);
/* Bytes at the end of text that begin a character which is not complete yet (0..3): a stream keeps them back. */
size_t unicode_incomplete_tail(const char *text, size_t length);
/* Appends text with every byte that is not UTF-8 replaced by U+FFFD. */
bool unicode_append_repaired(struct buffer *out, const char *text, size_t length);

/*
 * Bytes of the first character as a reader sees characters, with the marks that stand on it (a grapheme cluster), of
 * text[0, length), length > 0. *wide: it takes two columns, as those of Chinese, Japanese and Korean do, and emoji.
 */
size_t unicode_next_cluster(const char *text, size_t length, bool *wide);

bool unicode_is_letter(int32_t code);
bool unicode_is_digit(int32_t code); /* category Nd, Nl, No */
bool unicode_is_space(int32_t code);
int32_t unicode_lower(int32_t code);

#endif
