/*
 * The split patterns that byte-level BPE vocabularies were made with, by the
 * name that GGUF files use (tokenizer.ggml.pre), compiled with PCRE2's JIT.
 * One table: a new pattern is one row.
 */
#ifndef TEXT_SPLIT_PATTERN_H
#define TEXT_SPLIT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct split_pattern; /* compiled; usable by one thread at a time */
enum pith_status split_pattern_create(struct split_pattern **out, const char *name, struct pith_error *err);
void split_pattern_destroy(struct split_pattern *pattern); /* NULL is allowed */
/* Some vocabularies take a piece that is itself a token whole, before merging (Llama 3). */
bool split_pattern_ignores_merges(const struct split_pattern *pattern);
/*
 * End of the piece that starts at begin < length; always > begin. Any bytes: a
 * run that is not UTF-8 is a piece of its own. Start at 0 and go on at what the
 * last call returned; the text must not change on the way.
 */
size_t split_pattern_next(struct split_pattern *pattern, const char *text, size_t length, size_t begin);

#endif
