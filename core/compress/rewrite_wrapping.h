/* What models put around a rewrite that was asked for alone. */
#ifndef COMPRESS_REWRITE_WRAPPING_H
#define COMPRESS_REWRITE_WRAPPING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/*
 * Takes thoughts, a line that announces the rewrite, and what the whole answer is wrapped in, a fence, a JSON object with one
 * string, or one pair of quotation marks, away from text. A wrapping that the source text begins with is its own and stays.
 * False: no memory.
 */
bool rewrite_unwrap(struct buffer *text, const char *source, size_t source_length);

#endif
