#define _GNU_SOURCE
#include "compress/passage.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "text/sentences.h"

enum { SHORTEST_WORD = 4, MOST_WORDS = 32 };

struct question_word {
	const char *text;
	size_t length;
};

static bool is_word_byte(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static size_t split_question(struct question_word *words, const char *question)
{
	size_t n = 0;
	for (const char *at = question; *at != '\0' && n < MOST_WORDS;) {
		while (*at != '\0' && !is_word_byte(*at))
			at++;
		const char *first = at;
		while (*at != '\0' && is_word_byte(*at))
			at++;
		if (at - first >= SHORTEST_WORD)
			words[n++] = (struct question_word){first, (size_t)(at - first)};
	}
	return n;
}

/* Bit i: this piece of text holds word i. */
static unsigned words_in(const char *text, size_t length, const struct question_word *words, size_t n)
{
	unsigned found = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t at = 0; at + words[i].length <= length; at++)
			if (strncasecmp(text + at, words[i].text, words[i].length) == 0) {
				found |= 1u << i;
				break;
			}
	return found;
}

static int count_bits(unsigned bits)
{
	int n = 0;
	for (; bits != 0; bits &= bits - 1)
		n++;
	return n;
}

void passage_find(const char *text, size_t length, const char *question, size_t most, size_t *begin, size_t *end)
{
	struct question_word words[MOST_WORDS];
	size_t n_words = split_question(words, question);
	*begin = 0;
	*end = length < most ? length : most;
	int best = -1;
	for (size_t first = 0, last = 0; first < length && last < length; first = sentence_end(text, length, first)) {
		unsigned found = 0;
		for (last = first; last < length;) {
			size_t next = sentence_end(text, length, last);
			if (next - first > most)
				break;
			found |= words_in(text + last, next - last, words, n_words);
			last = next;
		}
		if (last > first && count_bits(found) > best) {
			best = count_bits(found);
			*begin = first;
			*end = last;
		}
	}
}
