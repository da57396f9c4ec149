#include "compress/protected.h"

#include <stdlib.h>

#include "text/byte_strings.h"
#include "text/facts.h"
#include "text/literals.h"
#include "text/unicode.h"

static int compare_pins(const void *a, const void *b)
{
	const struct pith_pin *x = a, *y = b;
	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* A pin for every place of a phrase makes many: they are gone through once, along with the words. False: no memory. */
static bool mark_pinned(struct pith_word *words, size_t n, const struct pith_compress_options *options)
{
	struct pith_pin *pins = malloc((options->n_pins + 1) * sizeof *pins);
	if (pins == NULL)
		return false;
	for (size_t i = 0; i < options->n_pins; i++)
		pins[i] = options->pins[i];
	qsort(pins, options->n_pins, sizeof *pins, compare_pins);
	size_t reach = 0; /* where the farthest of the pins ends that begin before a word's end */
	for (size_t w = 0, p = 0; w < n; w++) {
		for (; p < options->n_pins && pins[p].begin < words[w].end; p++)
			reach = pins[p].end > reach ? pins[p].end : reach;
		words[w].pinned = words[w].must_keep = reach > words[w].begin;
	}
	free(pins);
	return true;
}

static bool has_digit(const char *word, size_t length)
{
	for (size_t i = 0; i < length;) {
		int32_t code;
		i += unicode_next(word + i, length - i, &code);
		if (code >= 0 && unicode_is_digit(code))
			return true;
	}
	return false;
}

/* What a word shows by itself. */
static bool is_protected(const char *word, size_t length, const struct pith_compress_options *options)
{
	return (options->keep_digits && has_digit(word, length)) || (options->keep_negations && word_is_negation(word, length)) ||
	       (options->keep_addresses && word_is_address(word, length)) || (options->keep_code && word_is_code(word, length));
}

/* Marks the words that share bytes with [begin, end); *w: the first word that may, which no later span is before. */
static void mark_span(struct pith_word *words, size_t n, size_t *w, size_t begin, size_t end, bool name)
{
	while (*w < n && words[*w].end <= begin)
		++*w;
	for (size_t i = *w; i < n && words[i].begin < end; i++) {
		words[i].is_name |= name && !words[i].must_keep;
		words[i].must_keep = true;
	}
}

static void mark_quoted_code(struct pith_word *words, size_t n, const char *text, size_t length)
{
	size_t begin, end, w = 0;
	for (size_t at = 0; quoted_code_next(text, length, &at, &begin, &end);)
		mark_span(words, n, &w, begin, end, false);
}

static bool mark_names(struct pith_word *words, size_t n, const char *text, size_t length)
{
	struct byte_strings names = {0};
	size_t begin, end, w = 0;
	bool done = true;
	for (size_t at = 0; done && name_next(text, length, &at, &begin, &end);) {
		uint32_t number, known = names.n;
		done = byte_strings_intern(&names, text + begin, end - begin, &number);
		if (done && names.n > known)
			mark_span(words, n, &w, begin, end, true);
	}
	byte_strings_free(&names);
	return done;
}

bool protected_mark(struct pith_word *words, size_t n, const char *text, size_t length,
                    const struct pith_compress_options *options)
{
	if (!mark_pinned(words, n, options))
		return false;
	for (size_t w = 0; w < n; w++)
		words[w].must_keep |= is_protected(text + words[w].begin, words[w].end - words[w].begin, options);
	if (options->keep_code)
		mark_quoted_code(words, n, text, length);
	return !options->keep_names || mark_names(words, n, text, length);
}

static int compare_wanted(const void *a, const void *b)
{
	const struct pith_word *const *x = a, *const *y = b;
	if ((*x)->score != (*y)->score)
		return (*x)->score > (*y)->score ? -1 : 1;
	return (*x)->begin < (*y)->begin ? -1 : (*x)->begin > (*y)->begin;
}

bool protected_limit_names(struct pith_word *words, size_t n, size_t budget)
{
	size_t n_names = 0, taken = 0;
	for (size_t w = 0; w < n; w++) {
		n_names += words[w].is_name;
		taken += words[w].must_keep && !words[w].is_name ? words[w].n_tokens : 0;
	}
	struct pith_word **names = malloc((n_names + 1) * sizeof *names);
	if (names == NULL)
		return false;
	n_names = 0;
	for (size_t w = 0; w < n; w++)
		if (words[w].is_name)
			names[n_names++] = &words[w];
	qsort(names, n_names, sizeof *names, compare_wanted);
	for (size_t i = 0; i < n_names; i++) {
		taken += names[i]->n_tokens;
		names[i]->must_keep = taken <= budget / 2;
	}
	free(names);
	return true;
}

int protected_rank(const struct pith_word *word)
{
	return word->pinned ? 2 : word->must_keep;
}
