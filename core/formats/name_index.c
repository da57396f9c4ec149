#include "formats/name_index.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const char *name_index_add(struct name_index *index, const char *name, size_t length, size_t position)
{
	if (index->n == index->capacity) {
		size_t capacity = index->capacity == 0 ? 32 : index->capacity * 2;
		struct name_entry *entries = NULL;
		if (capacity <= SIZE_MAX / 2 / sizeof *entries)
			entries = realloc(index->entries, capacity * sizeof *entries);
		if (entries == NULL)
			return NULL;
		index->entries = entries;
		index->capacity = capacity;
	}
	char *copy = malloc(length + 1);
	if (copy == NULL)
		return NULL;
	memcpy(copy, name, length);
	copy[length] = '\0';
	index->entries[index->n++] = (struct name_entry){.name = copy, .position = position};
	return copy;
}

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct name_entry *)a)->name, ((const struct name_entry *)b)->name);
}

static int compare_name(const void *name, const void *entry)
{
	return strcmp(name, ((const struct name_entry *)entry)->name);
}

const char *name_index_sort(struct name_index *index)
{
	if (index->n < 2)
		return NULL;
	qsort(index->entries, index->n, sizeof *index->entries, compare_entries);
	for (size_t i = 1; i < index->n; i++)
		if (strcmp(index->entries[i - 1].name, index->entries[i].name) == 0)
			return index->entries[i].name;
	return NULL;
}

bool name_index_find(const struct name_index *index, const char *name, size_t *position)
{
	if (index->n == 0)
		return false;
	const struct name_entry *entry = bsearch(name, index->entries, index->n, sizeof *entry, compare_name);
	if (entry == NULL)
		return false;
	*position = entry->position;
	return true;
}

void name_index_free(struct name_index *index)
{
	for (size_t i = 0; i < index->n; i++)
		free(index->entries[i].name);
	free(index->entries);
	*index = (struct name_index){0};
}
