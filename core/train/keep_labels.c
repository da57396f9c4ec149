#include "train/keep_labels.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

/* --- stems ------------------------------------------------------------------------------------------------ */

/* Sorted: looked up by halves. */
static const char *const empty_words[] = {
	"a",      "about",  "above",   "after",   "again",   "all",     "also",   "am",      "an",     "and",    "any",     "are",
	"as",     "at",     "be",      "because", "been",    "before",  "being",  "below",   "between", "both",  "but",     "by",
	"can",    "could",  "did",     "do",      "does",    "doing",   "down",   "during",  "each",   "either", "few",     "for",
	"from",   "further", "had",    "has",     "have",    "having",  "he",     "her",     "here",   "hers",   "him",     "his",
	"how",    "i",      "if",      "in",      "into",    "is",      "it",     "its",     "just",   "may",    "me",      "might",
	"more",   "most",   "much",    "must",    "my",      "of",      "off",    "on",      "once",   "only",   "or",      "other",
	"our",    "ours",   "out",     "over",    "own",     "s",       "same",   "shall",   "she",    "should", "so",      "some",
	"such",   "t",      "than",    "that",    "the",     "their",   "theirs", "them",    "then",   "there",  "these",   "they",
	"this",   "those",  "through", "to",      "too",     "under",   "until",  "up",      "upon",   "us",     "very",    "was",
	"we",     "well",   "were",    "what",    "when",    "where",   "whether", "which",  "while",  "who",    "whom",    "whose",
	"why",    "will",   "with",    "within",  "would",   "you",     "your",   "yours",
};

static int compare_words(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *)b);
}

static bool is_empty_word(const char *word)
{
	return bsearch(word, empty_words, sizeof empty_words / sizeof *empty_words, sizeof *empty_words, compare_words) != NULL;
}

static bool ends_in(const char *word, size_t length, const char *suffix)
{
	size_t n = strlen(suffix);
	return length >= n && memcmp(word + length - n, suffix, n) == 0;
}

/* Cuts plural, "ing", "ed", "ly", a final "e", and a consonant that was doubled for them. Three letters stay at least. */
static void cut_suffixes(char *word, size_t length)
{
	static const char *const suffixes[] = {"ing", "ed", "ly"};
	enum { SHORTEST = 3 };
	if (length > SHORTEST && word[length - 1] == 's' && !ends_in(word, length, "ss") && !ends_in(word, length, "us"))
		length--;
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		size_t n = strlen(suffixes[i]);
		if (length >= SHORTEST + n && ends_in(word, length, suffixes[i])) {
			length -= n;
			break;
		}
	}
	if (length > SHORTEST && word[length - 1] == word[length - 2] && strchr("bdgmnprt", word[length - 1]) != NULL)
		length--;
	if (length > SHORTEST && word[length - 1] == 'e')
		length--;
	if (length > SHORTEST && word[length - 1] == 'y')
		word[length - 1] = 'i';
	word[length] = '\0';
}

static bool is_of_word(const char *text, size_t length, size_t at, size_t *size, int32_t *code)
{
	*size = unicode_next(text + at, length - at, code);
	return *code >= 0 && (unicode_is_letter(*code) || unicode_is_digit(*code));
}

/* Appends a character as UTF-8 if there is room for it. */
static size_t append_character(char *word, size_t n, int32_t code)
{
	char bytes[4];
	size_t size = 0;
	if (code < 0x80) {
		bytes[size++] = (char)code;
	} else if (code < 0x800) {
		bytes[size++] = (char)(0xc0 | code >> 6);
		bytes[size++] = (char)(0x80 | (code & 0x3f));
	} else {
		if (code >= 0x10000) {
			bytes[size++] = (char)(0xf0 | code >> 18);
			bytes[size++] = (char)(0x80 | (code >> 12 & 0x3f));
		} else {
			bytes[size++] = (char)(0xe0 | code >> 12);
		}
		bytes[size++] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[size++] = (char)(0x80 | (code & 0x3f));
	}
	if (n + size >= KEEP_STEM_SIZE)
		return n;
	memcpy(word + n, bytes, size);
	return n + size;
}

bool keep_next_stem(const char *text, size_t length, size_t *at, char stem[KEEP_STEM_SIZE])
{
	size_t size;
	int32_t code;
	while (*at < length) {
		while (*at < length && !is_of_word(text, length, *at, &size, &code))
			*at += size;
		size_t n = 0;
		while (*at < length && is_of_word(text, length, *at, &size, &code)) {
			n = append_character(stem, n, unicode_lower(code));
			*at += size;
		}
		stem[n] = '\0';
		if (n == 0 || is_empty_word(stem))
			continue;
		cut_suffixes(stem, n);
		return true;
	}
	return false;
}

/* --- the stems of a short form ----------------------------------------------------------------------------- */

struct stem {
	char text[KEEP_STEM_SIZE];
	bool found;
};

static int compare_stems(const void *a, const void *b)
{
	return strcmp(((const struct stem *)a)->text, ((const struct stem *)b)->text);
}

/* The different stems of a text, sorted; *stems is freed by the caller. False: no memory. */
static bool collect(struct stem **stems, size_t *n, const char *text, size_t length)
{
	size_t capacity = 0, count = 0;
	struct stem stem = {.found = false};
	*stems = NULL;
	*n = 0;
	for (size_t at = 0; keep_next_stem(text, length, &at, stem.text);) {
		if (count == capacity) {
			capacity = capacity == 0 ? 32 : 2 * capacity;
			struct stem *grown = realloc(*stems, capacity * sizeof *grown);
			if (grown == NULL)
				return false;
			*stems = grown;
		}
		(*stems)[count++] = stem;
	}
	if (count == 0)
		return true;
	qsort(*stems, count, sizeof **stems, compare_stems);
	for (size_t i = 0; i < count; i++)
		if (*n == 0 || compare_stems(&(*stems)[*n - 1], &(*stems)[i]) != 0)
			(*stems)[(*n)++] = (*stems)[i];
	return true;
}

enum pith_status keep_labels(bool *labels, double *hit_rate, const char *text, const struct pith_word *words, size_t n,
                             const char *short_form, size_t short_length, struct pith_error *err)
{
	struct stem *stems, key;
	size_t n_stems, n_found = 0;
	*hit_rate = 0;
	if (!collect(&stems, &n_stems, short_form, short_length)) {
		free(stems);
		return fail_memory(err, "the stems of a short form");
	}
	for (size_t w = 0; w < n; w++) {
		labels[w] = false;
		/* "state-of-the-art" is kept when a part of it is. */
		for (size_t at = words[w].begin; keep_next_stem(text, words[w].end, &at, key.text);) {
			struct stem *stem = n_stems == 0 ? NULL : bsearch(&key, stems, n_stems, sizeof *stems, compare_stems);
			if (stem == NULL)
				continue;
			labels[w] = true;
			n_found += !stem->found;
			stem->found = true;
		}
	}
	if (n_stems > 0)
		*hit_rate = (double)n_found / (double)n_stems;
	free(stems);
	return PITH_OK;
}
