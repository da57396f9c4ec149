/*
 * How SentencePiece vocabularies write bytes (Kudo and Richardson 2018): U+2581 stands for a space, "<0x0A>" for a byte that is a
 * token of its own, everything else for itself.
 */
#ifndef TEXT_PIECE_ALPHABET_H
#define TEXT_PIECE_ALPHABET_H

#include <stddef.h>

/* Translates a token's text into raw bytes; bytes has room for length of them and may not be text. Returns how many. */
size_t piece_alphabet_decode(const char *text, size_t length, char *bytes);
/* The byte that "<0x0A>" names; -1: text is not of that form. */
int piece_alphabet_byte(const char *text, size_t length);

#endif
