/*
 * Byte-pair merging by rank (Sennrich et al. 2016): which two tokens join into
 * which, and joining the bytes of one piece until no pair has a rank. Always the
 * lowest rank first, the leftmost of equal ones.
 */
#ifndef TEXT_MERGE_TABLE_H
#define TEXT_MERGE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct merge_table {
	struct merge *slots; /* open addressing; a power of two of them, at most half in use */
	int shift;
};

bool merge_table_init(struct merge_table *table, size_t n_merges); /* room for n_merges; false: no memory */
void merge_table_free(struct merge_table *table);
/* Ids are not negative. A pair that is there already keeps its lower rank. */
void merge_table_add(struct merge_table *table, int32_t left, int32_t right, uint32_t rank, int32_t merged);

/* Scratch memory for merging; zero-initialise. */
struct merger {
	struct symbol *symbols;
	size_t n_symbols_allocated;
	uint64_t *heap; /* rank << 32 | place of the left symbol */
	size_t n_heap, n_heap_allocated;
};
void merger_free(struct merger *merger);

/*
 * Appends the tokens of one piece; length < INT32_MAX. byte_ids names the token
 * of each byte; a byte whose id is -1 joins with nothing and appends -1. Time is
 * n log n in the length of the piece.
 */
bool merger_run(struct merger *merger, const struct merge_table *table, const int32_t byte_ids[256], const char *piece,
                size_t length, struct token_list *out);
/* The same for symbols whose ids are known already, n < INT32_MAX; ids is not of out. */
bool merger_run_symbols(struct merger *merger, const struct merge_table *table, const int32_t *ids, size_t n,
                        struct token_list *out);

#endif
