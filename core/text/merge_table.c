#include "text/merge_table.h"

#include <stdlib.h>

/* Up to this many bytes, looking at every symbol for the lowest rank is faster than a heap. */
enum { SHORT_PIECE = 48 };

#define NO_PAIR UINT64_MAX
#define NO_RANK UINT32_MAX

struct merge {
	uint64_t pair; /* left << 32 | right */
	uint32_t rank;
	int32_t merged;
};

/* One token of the piece under way; they form a list in place. A joined right half stays behind with NO_RANK. */
struct symbol {
	int32_t id;
	uint32_t rank;  /* of the pair with the next symbol */
	int32_t merged; /* what that pair becomes */
	int32_t previous, next; /* -1: none */
};

static uint64_t pair_of(int32_t left, int32_t right)
{
	return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

/* The slot of the pair, or the empty one where it would stand. */
static struct merge *merge_table_slot(const struct merge_table *table, uint64_t pair)
{
	size_t mask = ((size_t)1 << (64 - table->shift)) - 1;
	size_t i = (size_t)(pair * 0x9e3779b97f4a7c15u >> table->shift);
	while (table->slots[i].pair != pair && table->slots[i].pair != NO_PAIR)
		i = (i + 1) & mask;
	return &table->slots[i];
}

bool merge_table_init(struct merge_table *table, size_t n_merges)
{
	int bits = 4;
	while (bits < 40 && (size_t)1 << bits < 2 * n_merges)
		bits++;
	size_t n = (size_t)1 << bits;
	table->shift = 64 - bits;
	table->slots = n / 2 < n_merges ? NULL : malloc(n * sizeof *table->slots);
	if (table->slots == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		table->slots[i] = (struct merge){.pair = NO_PAIR};
	return true;
}

void merge_table_free(struct merge_table *table)
{
	free(table->slots);
	*table = (struct merge_table){0};
}

void merge_table_add(struct merge_table *table, int32_t left, int32_t right, uint32_t rank, int32_t merged)
{
	uint64_t pair = pair_of(left, right);
	struct merge *slot = merge_table_slot(table, pair);
	if (slot->pair == NO_PAIR)
		*slot = (struct merge){.pair = pair, .rank = rank, .merged = merged};
}

void merger_free(struct merger *merger)
{
	free(merger->symbols);
	free(merger->heap);
	*merger = (struct merger){0};
}

/* Looks up the pair that symbol i forms with the next one. */
static void rank_pair(struct symbol *symbols, int32_t i, const struct merge_table *table)
{
	struct symbol *symbol = &symbols[i];
	symbol->rank = NO_RANK;
	if (symbol->next < 0 || symbol->id < 0 || symbols[symbol->next].id < 0)
		return;
	const struct merge *merge = merge_table_slot(table, pair_of(symbol->id, symbols[symbol->next].id));
	if (merge->pair == NO_PAIR)
		return;
	symbol->rank = merge->rank;
	symbol->merged = merge->merged;
}

/* Joins symbol i with the next one and ranks the two pairs that this makes. */
static void join(struct symbol *symbols, int32_t i, const struct merge_table *table)
{
	struct symbol *left = &symbols[i];
	struct symbol *right = &symbols[left->next];
	left->id = left->merged;
	left->next = right->next;
	right->rank = NO_RANK;
	if (left->next >= 0)
		symbols[left->next].previous = i;
	rank_pair(symbols, i, table);
	if (left->previous >= 0)
		rank_pair(symbols, left->previous, table);
}

static void merge_short(struct symbol *symbols, int32_t n, const struct merge_table *table)
{
	for (;;) {
		int32_t best = 0;
		for (int32_t i = 1; i < n; i++)
			if (symbols[i].rank < symbols[best].rank)
				best = i;
		if (symbols[best].rank == NO_RANK)
			return;
		join(symbols, best, table);
	}
}

static bool heap_push(struct merger *merger, const struct symbol *symbols, int32_t i)
{
	if (symbols[i].rank == NO_RANK)
		return true;
	if (merger->n_heap == merger->n_heap_allocated) {
		size_t n = merger->n_heap_allocated < 64 ? 64 : merger->n_heap_allocated * 2;
		uint64_t *heap = realloc(merger->heap, n * sizeof *heap);
		if (heap == NULL)
			return false;
		merger->heap = heap;
		merger->n_heap_allocated = n;
	}
	uint64_t entry = (uint64_t)symbols[i].rank << 32 | (uint32_t)i;
	size_t place = merger->n_heap++;
	while (place > 0 && merger->heap[(place - 1) / 2] > entry) {
		merger->heap[place] = merger->heap[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	merger->heap[place] = entry;
	return true;
}

static uint64_t heap_pop(struct merger *merger)
{
	uint64_t *heap = merger->heap;
	uint64_t top = heap[0];
	size_t n = --merger->n_heap;
	uint64_t last = heap[n];
	size_t place = 0;
	for (size_t child = 1; child < n; child = 2 * place + 1) {
		if (child + 1 < n && heap[child + 1] < heap[child])
			child++;
		if (heap[child] >= last)
			break;
		heap[place] = heap[child];
		place = child;
	}
	heap[place] = last;
	return top;
}

static bool merge_long(struct merger *merger, int32_t n, const struct merge_table *table)
{
	struct symbol *symbols = merger->symbols;
	merger->n_heap = 0;
	for (int32_t i = 0; i < n; i++)
		if (!heap_push(merger, symbols, i))
			return false;
	while (merger->n_heap > 0) {
		uint64_t entry = heap_pop(merger);
		int32_t i = (int32_t)(uint32_t)entry;
		/* A pair that has changed since has another rank, and an entry of its own. */
		if (symbols[i].rank != (uint32_t)(entry >> 32))
			continue;
		join(symbols, i, table);
		if (!heap_push(merger, symbols, i))
			return false;
		if (symbols[i].previous >= 0 && !heap_push(merger, symbols, symbols[i].previous))
			return false;
	}
	return true;
}

static bool reserve_symbols(struct merger *merger, size_t length)
{
	if (length <= merger->n_symbols_allocated)
		return true;
	size_t n = length < 256 ? 256 : length;
	struct symbol *symbols = realloc(merger->symbols, n * sizeof *symbols);
	if (symbols == NULL)
		return false;
	merger->symbols = symbols;
	merger->n_symbols_allocated = n;
	return true;
}

/* Joins symbols 0..n-1, whose ids are there, and appends what they become. */
static bool merge(struct merger *merger, const struct merge_table *table, int32_t n, struct token_list *out)
{
	struct symbol *symbols = merger->symbols;
	symbols[n - 1].next = -1;
	for (int32_t i = 0; i < n; i++)
		rank_pair(symbols, i, table);
	if (n <= SHORT_PIECE)
		merge_short(symbols, n, table);
	else if (!merge_long(merger, n, table))
		return false;
	if (!token_list_reserve(out, (size_t)n))
		return false;
	for (int32_t i = 0; i >= 0; i = symbols[i].next)
		out->ids[out->n++] = symbols[i].id;
	return true;
}

bool merger_run(struct merger *merger, const struct merge_table *table, const int32_t byte_ids[256], const char *piece,
                size_t length, struct token_list *out)
{
	if (length == 0)
		return true;
	if (!reserve_symbols(merger, length))
		return false;
	int32_t n = (int32_t)length;
	for (int32_t i = 0; i < n; i++)
		merger->symbols[i] = (struct symbol){.id = byte_ids[(unsigned char)piece[i]], .previous = i - 1, .next = i + 1};
	return merge(merger, table, n, out);
}

bool merger_run_symbols(struct merger *merger, const struct merge_table *table, const int32_t *ids, size_t n,
                        struct token_list *out)
{
	if (n == 0)
		return true;
	if (!reserve_symbols(merger, n))
		return false;
	for (int32_t i = 0; i < (int32_t)n; i++)
		merger->symbols[i] = (struct symbol){.id = ids[i], .previous = i - 1, .next = i + 1};
	return merge(merger, table, (int32_t)n, out);
}
