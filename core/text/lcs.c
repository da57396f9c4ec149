/*
 * A row of the table is kept as bits: bit j is 0 where the length grows from
 * column j to j+1, 1 where it stays. The next row is
 *     u = row & match;  row' = (row + u) | (row & ~u)
 * with match having bit j set where b[j] is the row's word.
 *
 * The walk back needs every row. Keeping all would take n * m bits, so the
 * forward pass keeps one row in sqrt(n) and the walk recomputes the block of
 * rows it is in: twice the time, a fraction of the memory.
 */
#include "text/lcs.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked_size.h"

/* Tables up to this size are kept whole: no second pass. */
enum { WHOLE_TABLE_WORDS = 1 << 17 };

/* Where one word stands in b. */
struct occurrences {
	int32_t last; /* its last place in b, or -1 */
	int32_t count;
	int32_t dense; /* its ready-made match row, or -1: it is scattered when needed */
};

/* A growable array of bit words. */
struct bits {
	uint64_t *words;
	size_t capacity;
};

struct lcs {
	struct occurrences *by_id;
	int32_t *previous; /* by place in b: the place before it with the same word, or -1 */
	size_t previous_capacity;
	struct bits match; /* one row, all zero between uses */
	struct bits dense; /* rows of words so frequent that scattering them would cost more than a row */
	struct bits rows;  /* rows of one block */
	struct bits kept;  /* the row before each block */
	struct lcs_match *matches;
	size_t matches_capacity;
};

struct lcs *lcs_create(size_t n_ids)
{
	struct lcs *lcs = calloc(1, sizeof *lcs);
	if (lcs == NULL)
		return NULL;
	lcs->by_id = malloc((n_ids + 1) * sizeof *lcs->by_id);
	if (lcs->by_id == NULL) {
		free(lcs);
		return NULL;
	}
	for (size_t i = 0; i < n_ids; i++)
		lcs->by_id[i] = (struct occurrences){.last = -1, .count = 0, .dense = -1};
	return lcs;
}

void lcs_destroy(struct lcs *lcs)
{
	if (lcs == NULL)
		return;
	free(lcs->by_id);
	free(lcs->previous);
	free(lcs->match.words);
	free(lcs->dense.words);
	free(lcs->rows.words);
	free(lcs->kept.words);
	free(lcs->matches);
	free(lcs);
}

/* Room for n_rows rows of n_words; new room is zero. */
static bool bits_reserve(struct bits *bits, size_t n_rows, size_t n_words)
{
	size_t needed, bytes;
	if (!checked_multiply(n_rows, n_words, &needed) || !checked_multiply(needed, sizeof *bits->words, &bytes))
		return false;
	if (needed <= bits->capacity)
		return true;
	uint64_t *words = realloc(bits->words, bytes);
	if (words == NULL)
		return false;
	memset(words + bits->capacity, 0, (needed - bits->capacity) * sizeof *words);
	bits->words = words;
	bits->capacity = needed;
	return true;
}

static void bit_set(uint64_t *row, size_t i)
{
	row[i / 64] |= (uint64_t)1 << (i % 64);
}

static bool bit_get(const uint64_t *row, size_t i)
{
	return (row[i / 64] >> (i % 64) & 1) != 0;
}

/* Forgets the words of b, so that the next call starts clean. */
static void forget(struct lcs *lcs, const int32_t *b, size_t n_b)
{
	for (size_t j = 0; j < n_b; j++)
		lcs->by_id[b[j]] = (struct occurrences){.last = -1, .count = 0, .dense = -1};
}

/* Notes where the words of b stand and prepares the match rows of the frequent ones: at most 64, since n_b places are shared. */
static bool prepare(struct lcs *lcs, const int32_t *b, size_t n_b, size_t n_words)
{
	if (n_b > INT32_MAX || !bits_reserve(&lcs->match, 1, n_words))
		return false;
	if (n_b > lcs->previous_capacity) {
		int32_t *previous = realloc(lcs->previous, n_b * sizeof *previous);
		if (previous == NULL)
			return false;
		lcs->previous = previous;
		lcs->previous_capacity = n_b;
	}
	for (size_t j = 0; j < n_b; j++) {
		struct occurrences *word = &lcs->by_id[b[j]];
		lcs->previous[j] = word->last;
		word->last = (int32_t)j;
		word->count++;
	}
	size_t n_dense = 0;
	for (size_t j = 0; j < n_b; j++) {
		struct occurrences *word = &lcs->by_id[b[j]];
		if ((size_t)word->count > n_words && word->dense < 0)
			word->dense = (int32_t)n_dense++;
	}
	if (!bits_reserve(&lcs->dense, n_dense, n_words)) {
		forget(lcs, b, n_b);
		return false;
	}
	if (n_dense > 0)
		memset(lcs->dense.words, 0, n_dense * n_words * sizeof *lcs->dense.words);
	for (size_t j = 0; j < n_b; j++)
		if (lcs->by_id[b[j]].dense >= 0)
			bit_set(lcs->dense.words + (size_t)lcs->by_id[b[j]].dense * n_words, j);
	return true;
}

static void step(uint64_t *row, const uint64_t *before, const uint64_t *match, size_t n_words)
{
	uint64_t carry = 0;
	for (size_t w = 0; w < n_words; w++) {
		uint64_t u = before[w] & match[w];
		uint64_t sum;
		uint64_t overflow = __builtin_add_overflow(before[w], u, &sum);
		overflow |= __builtin_add_overflow(sum, carry, &sum);
		row[w] = sum | (before[w] & ~u);
		carry = overflow;
	}
}

/* The row of word, from the row before it (which may be the same memory). */
static void next_row(struct lcs *lcs, uint64_t *row, const uint64_t *before, int32_t word, size_t n_words)
{
	const struct occurrences *places = &lcs->by_id[word];
	if (places->last < 0) {
		if (row != before)
			memcpy(row, before, n_words * sizeof *row);
	} else if (places->dense >= 0) {
		step(row, before, lcs->dense.words + (size_t)places->dense * n_words, n_words);
	} else {
		uint64_t *match = lcs->match.words;
		for (int32_t j = places->last; j >= 0; j = lcs->previous[j])
			bit_set(match, (size_t)j);
		step(row, before, match, n_words);
		for (int32_t j = places->last; j >= 0; j = lcs->previous[j])
			match[j / 64] = 0;
	}
}

bool lcs_length(struct lcs *lcs, const int32_t *a, size_t n_a, const int32_t *b, size_t n_b, size_t *length)
{
	*length = 0;
	/* Equal ends always belong to some longest common subsequence, and most texts that are compared begin alike. */
	while (n_a > 0 && n_b > 0 && a[0] == b[0]) {
		a++, b++, n_a--, n_b--;
		++*length;
	}
	while (n_a > 0 && n_b > 0 && a[n_a - 1] == b[n_b - 1]) {
		n_a--, n_b--;
		++*length;
	}
	if (n_a == 0 || n_b == 0)
		return true;
	size_t n_words = (n_b + 63) / 64;
	if (!bits_reserve(&lcs->rows, 1, n_words) || !prepare(lcs, b, n_b, n_words))
		return false;
	uint64_t *row = lcs->rows.words;
	memset(row, 0xff, n_words * sizeof *row);
	for (size_t i = 0; i < n_a; i++)
		next_row(lcs, row, row, a[i], n_words);
	for (size_t w = 0; w < n_words; w++)
		*length += (size_t)__builtin_popcountll(~row[w]); /* bits behind n_b stay 1 */
	forget(lcs, b, n_b);
	return true;
}

/* Rows of one block: all of them if the table is small, else about sqrt(n_a). */
static size_t block_rows(size_t n_a, size_t n_words)
{
	if (n_a <= WHOLE_TABLE_WORDS / n_words)
		return n_a;
	size_t rows = 1;
	while (rows * rows < n_a)
		rows++;
	return rows;
}

/* Keeps the row before each block: kept[block] is the row above row block * n_rows. */
static void keep_rows(struct lcs *lcs, const int32_t *a, size_t n_blocks, size_t n_rows, size_t n_words)
{
	uint64_t *kept = lcs->kept.words;
	memset(kept, 0xff, n_words * sizeof *kept);
	for (size_t block = 1; block < n_blocks; block++) {
		uint64_t *row = kept + block * n_words;
		const uint64_t *before = row - n_words;
		for (size_t i = (block - 1) * n_rows; i < block * n_rows; i++) {
			next_row(lcs, row, before, a[i], n_words);
			before = row;
		}
	}
}

/* Walks back through the rows of a[begin, *i), adding matches from the last to the first. */
static void walk_block(struct lcs *lcs, const int32_t *a, size_t begin, size_t *i, const int32_t *b, size_t *j, size_t n_words,
		       size_t *n)
{
	const uint64_t *rows = lcs->rows.words;
	while (*i > begin && *j > 0) {
		if (a[*i - 1] == b[*j - 1]) {
			--*i, --*j;
			lcs->matches[(*n)++] = (struct lcs_match){*i, *j};
		} else if (!bit_get(rows + (*i - 1 - begin) * n_words, *j - 1)) {
			--*i; /* the length grows here: dropping b's word would lose one */
		} else {
			--*j;
		}
	}
}

static bool matches_reserve(struct lcs *lcs, size_t n)
{
	if (n <= lcs->matches_capacity)
		return true;
	struct lcs_match *matches = realloc(lcs->matches, n * sizeof *matches);
	if (matches == NULL)
		return false;
	lcs->matches = matches;
	lcs->matches_capacity = n;
	return true;
}

bool lcs_matches(struct lcs *lcs, const int32_t *a, size_t n_a, const int32_t *b, size_t n_b, const struct lcs_match **matches,
		 size_t *n)
{
	*matches = NULL;
	*n = 0;
	if (n_a == 0 || n_b == 0)
		return true;
	size_t n_words = (n_b + 63) / 64;
	size_t n_rows = block_rows(n_a, n_words);
	size_t n_blocks = (n_a + n_rows - 1) / n_rows;
	if (!matches_reserve(lcs, n_a < n_b ? n_a : n_b) || !bits_reserve(&lcs->rows, n_rows, n_words) ||
	    !bits_reserve(&lcs->kept, n_blocks, n_words) || !prepare(lcs, b, n_b, n_words))
		return false;
	keep_rows(lcs, a, n_blocks, n_rows, n_words);
	size_t i = n_a, j = n_b;
	for (size_t block = n_blocks; block-- > 0 && j > 0;) {
		size_t begin = block * n_rows;
		const uint64_t *before = lcs->kept.words + block * n_words;
		for (size_t row = begin; row < i; row++) {
			uint64_t *target = lcs->rows.words + (row - begin) * n_words;
			next_row(lcs, target, before, a[row], n_words);
			before = target;
		}
		walk_block(lcs, a, begin, &i, b, &j, n_words, n);
	}
	forget(lcs, b, n_b);
	for (size_t k = 0; k < *n / 2; k++) {
		struct lcs_match swapped = lcs->matches[k];
		lcs->matches[k] = lcs->matches[*n - 1 - k];
		lcs->matches[*n - 1 - k] = swapped;
	}
	*matches = lcs->matches;
	return true;
}
