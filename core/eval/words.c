#include "eval/words.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "text/unicode.h"

/* Is this character white space to str.split() and str.strip()? A stray byte (code -1) is not. */
static bool word_is_space(int32_t code)
{
	if (code < 0x80)
		return code == ' ' || (code >= '\t' && code <= '\r') || (code >= 0x1c && code <= 0x1f);
	switch (code) {
	case 0x85:
	case 0xa0:
	case 0x1680:
	case 0x2028:
	case 0x2029:
	case 0x202f:
	case 0x205f:
	case 0x3000: return true;
	default: return code >= 0x2000 && code <= 0x200a;
	}
}

bool word_next(const char *text, size_t length, size_t *position, struct word_span *word)
{
	size_t at = *position;
	bool inside = false;
	while (at < length) {
		int32_t code;
		size_t step = unicode_next(text + at, length - at, &code);
		bool space = word_is_space(code);
		if (inside && space)
			break;
		if (!inside && !space) {
			inside = true;
			word->begin = at;
		}
		at += step;
	}
	*position = at;
	word->end = at;
	return inside;
}

bool word_next_seen(const char *text, size_t length, size_t *position, struct word_span *word)
{
	if (!word_next(text, length, position, word))
		return false;
	for (size_t at = word->begin; at < word->end;) {
		bool wide;
		size_t size = unicode_next_cluster(text + at, word->end - at, &wide);
		if (wide) {
			word->end = at > word->begin ? at : at + size;
			break;
		}
		at += size;
	}
	*position = word->end;
	return true;
}

struct word_span word_trim(const char *text, size_t length)
{
	struct word_span trimmed = {0, 0};
	struct word_span word;
	size_t position = 0;
	bool first = true;
	while (word_next(text, length, &position, &word)) {
		if (first)
			trimmed.begin = word.begin;
		first = false;
		trimmed.end = word.end;
	}
	return trimmed;
}

/* Doubles the table. The entries move, the ids stay. */
static bool word_table_grow(struct word_table *table)
{
	size_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
	if (capacity < table->capacity || capacity > SIZE_MAX / sizeof *table->entries)
		return false;
	struct word_entry *entries = calloc(capacity, sizeof *entries);
	if (entries == NULL)
		return false;
	for (size_t i = 0; i < table->capacity; i++) {
		if (table->entries[i].bytes == NULL)
			continue;
		size_t slot = table->entries[i].hash & (capacity - 1);
		while (entries[slot].bytes != NULL)
			slot = (slot + 1) & (capacity - 1);
		entries[slot] = table->entries[i];
	}
	free(table->entries);
	table->entries = entries;
	table->capacity = capacity;
	return true;
}

bool word_table_id(struct word_table *table, const void *bytes, size_t length, int32_t *id)
{
	if (table->n >= table->capacity / 2 && !word_table_grow(table))
		return false;
	uint64_t hash = XXH3_64bits(bytes, length);
	size_t slot = hash & (table->capacity - 1);
	for (;; slot = (slot + 1) & (table->capacity - 1)) {
		struct word_entry *entry = &table->entries[slot];
		if (entry->bytes == NULL)
			break;
		if (entry->hash == hash && entry->length == length && memcmp(entry->bytes, bytes, length) == 0) {
			*id = entry->id;
			return true;
		}
	}
	if (table->n > INT32_MAX)
		return false;
	*id = (int32_t)table->n++;
	table->entries[slot] = (struct word_entry){.bytes = bytes, .length = length, .hash = hash, .id = *id};
	return true;
}

void word_table_free(struct word_table *table)
{
	free(table->entries);
	*table = (struct word_table){0};
}

bool word_append_ids(struct token_list *ids, struct word_table *table, const char *text, size_t length)
{
	struct word_span word;
	size_t position = 0;
	while (word_next(text, length, &position, &word)) {
		int32_t id;
		if (!word_table_id(table, text + word.begin, word.end - word.begin, &id) || !token_list_append(ids, id))
			return false;
	}
	return true;
}

bool words_scored(struct buffer *out, const char *text, size_t length)
{
	struct word_span span = word_trim(text, length);
	size_t at = span.begin;
	buffer_clear(out);
	for (;;) {
		const char *nul = memchr(text + at, '\0', span.end - at);
		size_t end = nul == NULL ? span.end : (size_t)(nul - text);
		if (!buffer_append(out, text + at, end - at))
			return false;
		if (nul == NULL)
			return true;
		if (!buffer_append_string(out, "\xef\xbf\xbd"))
			return false;
		at = end + 1;
	}
}
