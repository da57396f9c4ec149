#include "text/consensus.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

/* The words of a wording as hashes, in order of value: a multiset. */
struct word_bag {
	uint64_t *words;
	size_t n;
};

static bool is_ascii_punctuation(int32_t code)
{
	return code > ' ' && code < 0x7f && !unicode_is_letter(code) && !unicode_is_digit(code);
}

static bool is_article(const char *word, size_t length)
{
	return (length == 1 && memcmp(word, "a", 1) == 0) || (length == 2 && memcmp(word, "an", 2) == 0) ||
	       (length == 3 && memcmp(word, "the", 3) == 0);
}

static int compare_words(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* FNV-1a, a character at a time. */
static uint64_t add_to_hash(uint64_t hash, int32_t code)
{
	return (hash ^ (uint64_t)code) * 0x100000001b3u;
}

/* A text of n bytes has at most n words: the bag has room. */
static void read_words(struct word_bag *bag, const char *text, size_t length)
{
	static const uint64_t start = 0xcbf29ce484222325u;
	uint64_t hash = start;
	char head[4]; /* the word's first letters: enough to know an article */
	size_t n_letters = 0;
	for (size_t at = 0; at <= length;) {
		int32_t code = ' ';
		at += at < length ? unicode_next(text + at, length - at, &code) : 1;
		if (unicode_is_space(code)) {
			if (n_letters > 0 && !is_article(head, n_letters))
				bag->words[bag->n++] = hash;
			hash = start;
			n_letters = 0;
		} else if (!is_ascii_punctuation(code)) {
			int32_t lower = unicode_lower(code);
			if (n_letters < sizeof head)
				head[n_letters] = lower > 0 && lower < 0x7f ? (char)lower : '?';
			n_letters++;
			hash = add_to_hash(hash, lower);
		}
	}
	qsort(bag->words, bag->n, sizeof *bag->words, compare_words);
}

/* Words in common, 2 c / (n + m); two that have none are the same. */
static double f1(const struct word_bag *a, const struct word_bag *b)
{
	size_t i = 0, j = 0, n_common = 0;
	while (i < a->n && j < b->n) {
		bool same = a->words[i] == b->words[j];
		n_common += same;
		bool first = same || a->words[i] < b->words[j], second = same || a->words[i] > b->words[j];
		i += first;
		j += second;
	}
	return a->n + b->n == 0 ? 1 : 2 * (double)n_common / (double)(a->n + b->n);
}

bool consensus_find(size_t *best, const struct wording *wordings, size_t n)
{
	size_t room = 0, used = 0;
	for (size_t i = 0; i < n; i++)
		room += wordings[i].length + 1;
	struct word_bag *bags = calloc(n, sizeof *bags);
	uint64_t *words = calloc(room, sizeof *words);
	double greatest = -1;
	for (size_t i = 0; bags != NULL && words != NULL && i < n; i++) {
		bags[i].words = words + used;
		read_words(&bags[i], wordings[i].text, wordings[i].length);
		used += bags[i].n;
	}
	for (size_t i = 0; bags != NULL && words != NULL && i < n; i++) {
		double expected = 0;
		for (size_t j = 0; j < n; j++)
			expected += wordings[j].weight * f1(&bags[i], &bags[j]);
		if (expected > greatest) {
			greatest = expected;
			*best = i;
		}
	}
	bool done = bags != NULL && words != NULL;
	free(bags);
	free(words);
	return done;
}
