/*
 * Facts that a shorter text must not lose: numbers, negations, names. Found by rules, without a model: what is counted as lost is
 * lost, but a fact put in other words ("three" for "3") counts as lost too.
 */
#ifndef TEXT_FACTS_H
#define TEXT_FACTS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Is the word, without punctuation around it and in any case, one that turns a sentence around: not, never, don't? English, the
 * common ones of French, Spanish, German, Italian, Portuguese, Dutch and Russian, and Chinese characters.
 */
bool word_is_negation(const char *word, size_t length);

/*
 * How many of the text's different numbers do not stand in other. A number is digits, with . , : / - between them; commas between
 * digits do not count ("1,250" is "1250"). SIZE_MAX: no memory.
 */
size_t lost_numbers(const char *text, size_t length, const char *other, size_t other_length);

/* By how many the text has more negations than other. */
size_t lost_negations(const char *text, size_t length, const char *other, size_t other_length);

/*
 * Finds the next name at *at or behind it, bytes [*begin, *end), and moves *at behind it. A name is a word with a capital beyond
 * its first letter, or with a capital first letter where no sentence begins; without the punctuation around it and without 's.
 * Scripts without capitals have none. False: there is none.
 */
bool name_next(const char *text, size_t length, size_t *at, size_t *begin, size_t *end);

/* How many of the text's different names do not stand in other. SIZE_MAX: no memory. */
size_t lost_names(const char *text, size_t length, const char *other, size_t other_length);

#endif
