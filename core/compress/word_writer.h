/*
 * Writing in the words of a text: an adapter that was trained to rewrite says one word after the other, and may only say words that
 * stand behind the last one; some it must not leave out (decoding under lexical constraints; Hokamp and Liu 2017, arXiv 1704.07138).
 * What it writes then is in the text's own words and order, loses none of those and keeps its budget, whatever it has learned.
 */
#ifndef COMPRESS_WORD_WRITER_H
#define COMPRESS_WORD_WRITER_H

#include "compress/document.h"

/*
 * Sets kept of words (n) of a text to those that the adapter says, greedily, asked for n_tokens tokens, within as many. Those that
 * are required (n) are among them; if these alone are more than n_tokens, no others are.
 */
enum pith_status word_writer_choose(struct pith_model *model, const struct adapter *adapter, const char *text, size_t length,
                                    struct pith_word *words, size_t n, const bool *required, size_t n_tokens,
                                    const struct pith_control *control, struct pith_error *err);

#endif
