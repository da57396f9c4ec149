#define _GNU_SOURCE
#include "train/cloze.h"

#include <ctype.h>
#include <string.h>

enum {
	TRIES = 24,
	AROUND = 90, /* bytes of the sentence on each side of the gap, at most: questions are short */
};

static bool is_word_byte(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || c == '-';
}

static bool ends_sentence(const char *text, size_t i)
{
	return (text[i] == '.' || text[i] == '?' || text[i] == '!' || text[i] == '\n') && isspace((unsigned char)text[i + 1]);
}

/* Is the word [begin, end) worth asking for: a digit in it, a capital inside a sentence, or seven letters? */
static bool is_telling(const char *text, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		if (isdigit((unsigned char)text[i]))
			return true;
	bool inside = begin >= 2 && text[begin - 1] == ' ' && is_word_byte(text[begin - 2]);
	return (inside && isupper((unsigned char)text[begin])) || end - begin >= 7;
}

static bool occurs_once(const char *text, size_t length, size_t begin, size_t end)
{
	const char *word = text + begin;
	size_t size = end - begin;
	if (memmem(text, begin, word, size) != NULL)
		return false;
	return memmem(text + end, length - end, word, size) == NULL;
}

/* A word near a random place; false: none there. */
static bool pick_word(const char *text, size_t length, struct random_state *random, size_t *begin, size_t *end)
{
	size_t i = random_below(random, length);
	while (i > 0 && is_word_byte(text[i - 1]))
		i--;
	*begin = i;
	while (i < length && is_word_byte(text[i]))
		i++;
	*end = i;
	return *end > *begin;
}

/* The part of the word's sentence that is shown, cut at spaces. */
static void frame(const char *text, size_t length, size_t begin, size_t end, size_t *from, size_t *to)
{
	*from = begin;
	while (*from > 0 && begin - *from < AROUND && !ends_sentence(text, *from - 1))
		(*from)--;
	while (*from > 0 && *from < begin && text[*from - 1] != ' ' && !isspace((unsigned char)text[*from]))
		(*from)++;
	while (*from < begin && isspace((unsigned char)text[*from]))
		(*from)++;
	*to = end;
	while (*to < length && *to - end < AROUND && !(*to + 1 < length && ends_sentence(text, *to)))
		(*to)++;
	while (*to > end && *to < length && !isspace((unsigned char)text[*to]) && is_word_byte(text[*to - 1]))
		(*to)--;
	while (*to > end && isspace((unsigned char)text[*to - 1]))
		(*to)--;
}

bool cloze_make(const char *text, size_t length, struct random_state *random, struct buffer *question, struct buffer *answer)
{
	buffer_clear(question);
	buffer_clear(answer);
	for (int i = 0; length > 0 && i < TRIES; i++) {
		size_t begin, end, from, to;
		if (!pick_word(text, length, random, &begin, &end) || !is_telling(text, begin, end) ||
		    !occurs_once(text, length, begin, end))
			continue;
		frame(text, length, begin, end, &from, &to);
		if (to - from < end - begin + 20)
			continue;
		return buffer_append(question, text + from, begin - from) && buffer_append_string(question, "____") &&
		       buffer_append(question, text + end, to - end) && buffer_append(answer, text + begin, end - begin);
	}
	return false;
}
