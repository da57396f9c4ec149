#include "text/pair_counts.h"

#include <stdlib.h>
#include <string.h>

enum { NOTHING = -1 };

struct word {
	size_t begin; /* its tokens are ids[begin, begin + n) */
	uint32_t n;
	uint64_t count;
};

struct pair {
	int32_t left, right;
	uint64_t count;
	int64_t places; /* list of the words it stood in when they were added or joined; it may have left them since */
	bool grown;     /* its count went up in the join under way */
};

struct place {
	uint32_t word;
	int64_t next;
};

/* A pair with the count it had when it was pushed. */
struct candidate {
	uint64_t count;
	uint32_t pair;
};

struct pair_counts {
	struct word *words;
	size_t n_words, n_words_allocated;
	int32_t *ids;
	size_t n_ids, n_ids_allocated;
	struct pair *pairs;
	size_t n_pairs, n_pairs_allocated;
	uint32_t *slots; /* open addressing over pairs; number + 1, 0 is empty */
	size_t n_slots;
	struct place *places;
	size_t n_places, n_places_allocated;
	struct candidate *heap; /* the best first */
	size_t n_heap, n_heap_allocated;
	uint32_t *grown; /* pairs to push when a join is done */
	size_t n_grown, n_grown_allocated;
	bool heap_is_filled;
};

/* Room for extra more elements of an array. */
static bool reserve(void **array, size_t *n_allocated, size_t n, size_t extra, size_t element_size)
{
	if (n + extra <= *n_allocated)
		return true;
	size_t grown = *n_allocated < 1024 ? 1024 : *n_allocated;
	while (grown < n + extra)
		grown *= 2;
	void *moved = grown > SIZE_MAX / element_size ? NULL : realloc(*array, grown * element_size);
	if (moved == NULL)
		return false;
	*array = moved;
	*n_allocated = grown;
	return true;
}

struct pair_counts *pair_counts_create(void)
{
	return calloc(1, sizeof(struct pair_counts));
}

void pair_counts_destroy(struct pair_counts *counts)
{
	if (counts == NULL)
		return;
	free(counts->words);
	free(counts->ids);
	free(counts->pairs);
	free(counts->slots);
	free(counts->places);
	free(counts->heap);
	free(counts->grown);
	free(counts);
}

static size_t slot_of(const struct pair_counts *counts, int32_t left, int32_t right)
{
	uint64_t hash = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
	size_t place = (size_t)(hash >> 32) & (counts->n_slots - 1);
	while (counts->slots[place] != 0) {
		const struct pair *pair = &counts->pairs[counts->slots[place] - 1];
		if (pair->left == left && pair->right == right)
			break;
		place = (place + 1) & (counts->n_slots - 1);
	}
	return place;
}

static bool grow_slots(struct pair_counts *counts)
{
	size_t n = counts->n_slots == 0 ? 4096 : counts->n_slots * 2;
	uint32_t *slots = calloc(n, sizeof *slots);
	if (slots == NULL)
		return false;
	free(counts->slots);
	counts->slots = slots;
	counts->n_slots = n;
	for (size_t i = 0; i < counts->n_pairs; i++)
		counts->slots[slot_of(counts, counts->pairs[i].left, counts->pairs[i].right)] = (uint32_t)i + 1;
	return true;
}

/* The pair, added with count 0 when it is new; NULL: no memory. */
static struct pair *pair_at(struct pair_counts *counts, int32_t left, int32_t right)
{
	if (2 * counts->n_pairs >= counts->n_slots && !grow_slots(counts))
		return NULL;
	size_t slot = slot_of(counts, left, right);
	if (counts->slots[slot] == 0) {
		if (counts->n_pairs >= UINT32_MAX - 1 ||
		    !reserve((void **)&counts->pairs, &counts->n_pairs_allocated, counts->n_pairs, 1, sizeof *counts->pairs))
			return NULL;
		counts->pairs[counts->n_pairs++] = (struct pair){.left = left, .right = right, .places = NOTHING};
		counts->slots[slot] = (uint32_t)counts->n_pairs;
	}
	return &counts->pairs[counts->slots[slot] - 1];
}

/* Notes that the pair stands in the word, once for occurrences that are noted one after the other. */
static bool add_place(struct pair_counts *counts, struct pair *pair, uint32_t word)
{
	if (pair->places != NOTHING && counts->places[pair->places].word == word)
		return true;
	if (!reserve((void **)&counts->places, &counts->n_places_allocated, counts->n_places, 1, sizeof *counts->places))
		return false;
	counts->places[counts->n_places] = (struct place){.word = word, .next = pair->places};
	pair->places = (int64_t)counts->n_places++;
	return true;
}

bool pair_counts_add_word(struct pair_counts *counts, const int32_t *ids, size_t n, uint64_t count)
{
	if (counts->n_words >= UINT32_MAX || n >= UINT32_MAX ||
	    !reserve((void **)&counts->words, &counts->n_words_allocated, counts->n_words, 1, sizeof *counts->words) ||
	    !reserve((void **)&counts->ids, &counts->n_ids_allocated, counts->n_ids, n, sizeof *counts->ids))
		return false;
	uint32_t number = (uint32_t)counts->n_words++;
	counts->words[number] = (struct word){.begin = counts->n_ids, .n = (uint32_t)n, .count = count};
	memcpy(counts->ids + counts->n_ids, ids, n * sizeof *ids);
	counts->n_ids += n;
	for (size_t i = 0; i + 1 < n; i++) {
		struct pair *pair = pair_at(counts, ids[i], ids[i + 1]);
		if (pair == NULL || !add_place(counts, pair, number))
			return false;
		pair->count += count;
	}
	return true;
}

static bool comes_first(const struct pair_counts *counts, const struct candidate *a, const struct candidate *b)
{
	if (a->count != b->count)
		return a->count > b->count;
	const struct pair *x = &counts->pairs[a->pair], *y = &counts->pairs[b->pair];
	return x->left != y->left ? x->left < y->left : x->right < y->right;
}

static bool heap_push(struct pair_counts *counts, uint32_t pair)
{
	struct candidate entry = {.count = counts->pairs[pair].count, .pair = pair};
	if (entry.count == 0)
		return true;
	if (!reserve((void **)&counts->heap, &counts->n_heap_allocated, counts->n_heap, 1, sizeof *counts->heap))
		return false;
	size_t place = counts->n_heap++;
	while (place > 0 && comes_first(counts, &entry, &counts->heap[(place - 1) / 2])) {
		counts->heap[place] = counts->heap[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	counts->heap[place] = entry;
	return true;
}

static void heap_pop(struct pair_counts *counts)
{
	struct candidate *heap = counts->heap;
	size_t n = --counts->n_heap;
	struct candidate last = heap[n];
	size_t place = 0;
	for (size_t child = 1; child < n; child = 2 * place + 1) {
		if (child + 1 < n && comes_first(counts, &heap[child + 1], &heap[child]))
			child++;
		if (!comes_first(counts, &heap[child], &last))
			break;
		heap[place] = heap[child];
		place = child;
	}
	heap[place] = last;
}

bool pair_counts_best(struct pair_counts *counts, int32_t *left, int32_t *right, uint64_t *count)
{
	if (!counts->heap_is_filled) {
		for (size_t i = 0; i < counts->n_pairs; i++)
			if (!heap_push(counts, (uint32_t)i))
				return false;
		counts->heap_is_filled = true;
	}
	while (counts->n_heap > 0) {
		struct candidate best = counts->heap[0];
		const struct pair *pair = &counts->pairs[best.pair];
		if (best.count == pair->count) {
			*left = pair->left;
			*right = pair->right;
			*count = pair->count;
			return true;
		}
		/* The count went down since: it queues again. Had it gone up, a newer entry would stand further ahead. */
		heap_pop(counts);
		if (best.count > pair->count)
			heap_push(counts, best.pair); /* into the room that the pop left */
	}
	return false;
}

/* Replaces left right by merged in ids[0, n), from the left. Returns the new n. */
static uint32_t replace(int32_t *ids, uint32_t n, int32_t left, int32_t right, int32_t merged)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n; i++) {
		bool here = i + 1 < n && ids[i] == left && ids[i + 1] == right;
		ids[kept++] = here ? merged : ids[i];
		i += here;
	}
	return kept;
}

/* Counts the pairs of a word in which merged has just appeared; other pairs were there before and are only restored. */
static bool count_joined(struct pair_counts *counts, uint32_t number, int32_t merged)
{
	const struct word *word = &counts->words[number];
	const int32_t *ids = counts->ids + word->begin;
	for (uint32_t i = 0; i + 1 < word->n; i++) {
		struct pair *pair = pair_at(counts, ids[i], ids[i + 1]);
		if (pair == NULL)
			return false;
		pair->count += word->count;
		if (ids[i] != merged && ids[i + 1] != merged)
			continue;
		if (!add_place(counts, pair, number))
			return false;
		if (pair->grown)
			continue;
		if (!reserve((void **)&counts->grown, &counts->n_grown_allocated, counts->n_grown, 1, sizeof *counts->grown))
			return false;
		pair->grown = true;
		counts->grown[counts->n_grown++] = (uint32_t)(pair - counts->pairs);
	}
	return true;
}

bool pair_counts_join(struct pair_counts *counts, int32_t left, int32_t right, int32_t merged)
{
	const struct pair *joined = pair_at(counts, left, right);
	if (joined == NULL)
		return false;
	for (int64_t place = joined->places; place != NOTHING; place = counts->places[place].next) {
		uint32_t number = counts->places[place].word;
		struct word *word = &counts->words[number];
		int32_t *ids = counts->ids + word->begin;
		bool found = false;
		for (uint32_t i = 0; i + 1 < word->n && !found; i++)
			found = ids[i] == left && ids[i + 1] == right;
		if (!found)
			continue;
		for (uint32_t i = 0; i + 1 < word->n; i++)
			counts->pairs[counts->slots[slot_of(counts, ids[i], ids[i + 1])] - 1].count -= word->count;
		word->n = replace(ids, word->n, left, right, merged);
		if (!count_joined(counts, number, merged))
			return false;
	}
	for (size_t i = 0; i < counts->n_grown; i++) {
		counts->pairs[counts->grown[i]].grown = false;
		if (!heap_push(counts, counts->grown[i]))
			return false;
	}
	counts->n_grown = 0;
	return true;
}
