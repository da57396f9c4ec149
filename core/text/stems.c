#include "text/stems.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

/* Sorted: looked up by halves. */
static const char *const empty_words[] = {
	"a",    "about",   "above",   "after",   "again", "all",    "also",    "am",     "an",      "and",    "any",   "are",
	"as",   "at",      "be",      "because", "been",  "before", "being",   "below",  "between", "both",   "but",   "by",
	"can",  "could",   "did",     "do",      "does",  "doing",  "down",    "during", "each",    "either", "few",   "for",
	"from", "further", "had",     "has",     "have",  "having", "he",      "her",    "here",    "hers",   "him",   "his",
	"how",  "i",       "if",      "in",      "into",  "is",     "it",      "its",    "just",    "may",    "me",    "might",
	"more", "most",    "much",    "must",    "my",    "of",     "off",     "on",     "once",    "only",   "or",    "other",
	"our",  "ours",    "out",     "over",    "own",   "s",      "same",    "shall",  "she",     "should", "so",    "some",
	"such", "t",       "than",    "that",    "the",   "their",  "theirs",  "them",   "then",    "there",  "these", "they",
	"this", "those",   "through", "to",      "too",   "under",  "until",   "up",     "upon",    "us",     "very",  "was",
	"we",   "well",    "were",    "what",    "when",  "where",  "whether", "which",  "while",   "who",    "whom",  "whose",
	"why",  "will",    "with",    "within",  "would", "you",    "your",    "yours",
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
	if (n + size >= STEM_SIZE)
		return n;
	memcpy(word + n, bytes, size);
	return n + size;
}

bool next_stem(const char *text, size_t length, size_t *at, char stem[STEM_SIZE])
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

/* --- sets ------------------------------------------------------------------------------------------------- */

static int compare_stems(const void *a, const void *b)
{
	return strcmp(((const struct marked_stem *)a)->text, ((const struct marked_stem *)b)->text);
}

static bool append_stem(struct stem_set *set, size_t *capacity, const char *stem)
{
	if (set->n == *capacity) {
		size_t more = 2 * *capacity + 32;
		struct marked_stem *grown = realloc(set->stems, more * sizeof *grown);
		if (grown == NULL)
			return false;
		set->stems = grown;
		*capacity = more;
	}
	struct marked_stem *added = &set->stems[set->n++];
	added->found = false;
	memcpy(added->text, stem, STEM_SIZE);
	return true;
}

bool stem_set_read(struct stem_set *set, const char *text, size_t length)
{
	char stem[STEM_SIZE] = "";
	size_t capacity = 0, n = 0;
	*set = (struct stem_set){0};
	for (size_t at = 0; next_stem(text, length, &at, stem);) {
		if (!append_stem(set, &capacity, stem)) {
			stem_set_free(set);
			return false;
		}
	}
	if (set->n > 0)
		qsort(set->stems, set->n, sizeof *set->stems, compare_stems);
	for (size_t i = 0; i < set->n; i++)
		if (n == 0 || compare_stems(&set->stems[n - 1], &set->stems[i]) != 0)
			set->stems[n++] = set->stems[i];
	set->n = n;
	return true;
}

void stem_set_free(struct stem_set *set)
{
	free(set->stems);
	*set = (struct stem_set){0};
}

static int compare_with_stem(const void *key, const void *stem)
{
	return strcmp(key, ((const struct marked_stem *)stem)->text);
}

static struct marked_stem *look_up(struct stem_set *set, const char *stem)
{
	return set->n == 0 ? NULL : bsearch(stem, set->stems, set->n, sizeof *set->stems, compare_with_stem);
}

bool stem_set_find(struct stem_set *set, const char *stem)
{
	struct marked_stem *found = look_up(set, stem);
	if (found != NULL)
		found->found = true;
	return found != NULL;
}

bool stem_set_mark(struct stem_set *set, const char *stem)
{
	struct marked_stem *found = look_up(set, stem);
	bool first = found != NULL && !found->found;
	if (first)
		found->found = true;
	return first;
}

double stem_set_share_found(const struct stem_set *set)
{
	size_t n_found = 0;
	for (size_t i = 0; i < set->n; i++)
		n_found += set->stems[i].found;
	return set->n == 0 ? 0 : (double)n_found / (double)set->n;
}

bool stem_share(double *share, const char *text, size_t length, const char *short_form)
{
	struct stem_set set;
	char stem[STEM_SIZE];
	if (!stem_set_read(&set, short_form, strlen(short_form)))
		return false;
	for (size_t at = 0; next_stem(text, length, &at, stem);)
		stem_set_find(&set, stem);
	*share = stem_set_share_found(&set);
	stem_set_free(&set);
	return true;
}
