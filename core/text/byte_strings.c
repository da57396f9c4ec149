#include "text/byte_strings.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

struct byte_string {
	size_t begin, length;
	uint64_t hash;
};

const char *byte_strings_at(const struct byte_strings *table, uint32_t number, size_t *length)
{
	*length = table->strings[number].length;
	return table->bytes.data + table->strings[number].begin;
}

/* Doubles the room for strings and puts all numbers into twice as many new slots. */
static bool grow(struct byte_strings *table)
{
	if (table->n_allocated > UINT32_MAX / 4)
		return false;
	uint32_t n_allocated = table->n_allocated == 0 ? 1024 : table->n_allocated * 2;
	struct byte_string *strings = realloc(table->strings, n_allocated * sizeof *strings);
	if (strings == NULL)
		return false;
	table->strings = strings;
	size_t n_slots = (size_t)n_allocated * 2;
	uint32_t *slots = calloc(n_slots, sizeof *slots);
	if (slots == NULL)
		return false;
	for (uint32_t i = 0; i < table->n; i++) {
		size_t place = (size_t)strings[i].hash & (n_slots - 1);
		while (slots[place] != 0)
			place = (place + 1) & (n_slots - 1);
		slots[place] = i + 1;
	}
	free(table->slots);
	table->slots = slots;
	table->slot_mask = n_slots - 1;
	table->n_allocated = n_allocated;
	return true;
}

bool byte_strings_intern(struct byte_strings *table, const char *bytes, size_t length, uint32_t *number)
{
	if (table->n == table->n_allocated && !grow(table))
		return false;
	uint64_t hash = XXH3_64bits(bytes, length);
	size_t place = (size_t)hash & table->slot_mask;
	for (; table->slots[place] != 0; place = (place + 1) & table->slot_mask) {
		const struct byte_string *there = &table->strings[table->slots[place] - 1];
		if (there->hash == hash && there->length == length &&
		    memcmp(table->bytes.data + there->begin, bytes, length) == 0) {
			*number = table->slots[place] - 1;
			return true;
		}
	}
	size_t begin = table->bytes.length;
	if (!buffer_append(&table->bytes, bytes, length))
		return false;
	*number = table->n++;
	table->strings[*number] = (struct byte_string){.begin = begin, .length = length, .hash = hash};
	table->slots[place] = *number + 1;
	return true;
}

void byte_strings_free(struct byte_strings *table)
{
	buffer_free(&table->bytes);
	free(table->strings);
	free(table->slots);
	*table = (struct byte_strings){0};
}
