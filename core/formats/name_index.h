/*
 * Names of a file (keys, tensors) found by binary search. A sorted array and
 * not a hash table: no file can be made to degrade it, and duplicates, which
 * readers refuse, end up side by side. The index owns copies of the names.
 */
#ifndef FORMATS_NAME_INDEX_H
#define FORMATS_NAME_INDEX_H

#include <stdbool.h>
#include <stddef.h>

struct name_entry {
	char *name;
	size_t position; /* what the name stands for: the i-th thing of its file */
};

/* Zero-initialise; add every name; sort once; find. */
struct name_index {
	struct name_entry *entries;
	size_t n, capacity;
};

/* Copies length bytes and a NUL; the copy stays where it is until free. NULL: no memory. */
const char *name_index_add(struct name_index *index, const char *name, size_t length, size_t position);
/* Sorts. Returns a name that occurs twice, or NULL when all differ. */
const char *name_index_sort(struct name_index *index);
bool name_index_find(const struct name_index *index, const char *name, size_t *position);
void name_index_free(struct name_index *index); /* back to zero */

#endif
