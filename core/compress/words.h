/*
 * The words of a document: maximal runs of bytes that are not white space;
 * Han and kana, which are written without any, are words one by one, the
 * punctuation behind them included. Of runs of more than 64 bytes that are no
 * addresses, as in JSON without spaces, pieces are words.
 * Extractive methods keep or drop words whole; never a part of one, never a
 * part of a UTF-8 character.
 */
#ifndef COMPRESS_WORDS_H
#define COMPRESS_WORDS_H

#include "base/buffer.h"
#include "compress/document.h"

/* Splits the document and gives each word the mean score of its tokens, their number, pinned and must_keep; scores NULL: 0. */
enum pith_status words_split(struct pith_word **out, size_t *n, const struct pith_document *document, const float *scores,
                             const struct pith_compress_options *options, struct pith_error *err);

/*
 * Appends the kept words. Between two of them stands what stood there: their
 * own white space when they were neighbours, else the strongest break that the
 * gap held: blank line, line end, space; nothing where it held no white space,
 * unless two numbers or Latin words would become one.
 */
bool words_join(struct buffer *out, const char *text, const struct pith_word *words, size_t n);

#endif
