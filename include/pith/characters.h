/*
 * Characters of texts that come from outside: which bytes are one, and which a
 * screen must not be given as they are.
 */
#ifndef PITH_CHARACTERS_H
#define PITH_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The bytes (1..4) of the UTF-8 character that text[0, length) begins with, and its code; 0: no valid one begins here. */
size_t pith_character(const char *text, size_t length, int32_t *code);
bool pith_is_utf8(const char *text, size_t length);

/*
 * Control characters, which a terminal may obey; and direction marks, line separators and what has no width, which turn around
 * what is seen, or are not seen. Not the joiner inside of emoji (U+200D).
 */
bool pith_character_is_hidden(int32_t code);

#ifdef __cplusplus
}
#endif
#endif
