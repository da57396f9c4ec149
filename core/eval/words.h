/*
 * Texts as sequences of numbered words: what every text metric begins with.
 * White space and lower case are those of Python's str, because the published
 * scores were computed there.
 */
#ifndef EVAL_WORDS_H
#define EVAL_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Bytes [begin, end) of a text. */
struct word_span {
	size_t begin, end;
};

/* The next maximal run of non-white-space at or after *position; false at the end of the text. Moves *position behind it. */
bool word_next(const char *text, size_t length, size_t *position, struct word_span *word);

/*
 * The same for words as a reader sees them: a wide character (Chinese, Japanese, Korean, emoji) is a word of its own, with or
 * without white space beside it. The metrics do not do this, as the packages that published scores come from do not.
 */
bool word_next_seen(const char *text, size_t length, size_t *position, struct word_span *word);

/* The text without the white space at both ends. */
struct word_span word_trim(const char *text, size_t length);

/*
 * Makes out a text as the metrics take it: no white space at the ends, and U+FFFD for NUL, which would end it early. False: no
 * memory.
 */
bool words_scored(struct buffer *out, const char *text, size_t length);

/* Appends text in lower case as str.lower() does, final sigma and dotted I included; stray bytes stay. False: no memory. */
bool word_append_lower(struct buffer *out, const char *text, size_t length);

/*
 * Numbers for byte strings, 0, 1, 2, ... in the order of their first
 * appearance. The bytes are borrowed and must outlive the table. Zero-initialise.
 */
struct word_entry {
	const void *bytes; /* NULL: free */
	size_t length;
	uint64_t hash;
	int32_t id;
};
struct word_table {
	struct word_entry *entries;
	size_t capacity; /* a power of two, or 0 */
	size_t n;        /* words seen; ids are 0..n-1 */
};
bool word_table_id(struct word_table *table, const void *bytes, size_t length, int32_t *id); /* false: no memory */
void word_table_free(struct word_table *table);

/* Appends the ids of all words between white space to ids. False: no memory. */
bool word_append_ids(struct token_list *ids, struct word_table *table, const char *text, size_t length);

#endif
