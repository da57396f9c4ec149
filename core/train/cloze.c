#define _GNU_SOURCE
#include "train/cloze.h"

#include <ctype.h>
#include <string.h>

enum {
	TRIES = 24,
	SHORTEST_AROUND = 40, /* bytes of the sentence on each side of the gap, at most: drawn between these two */
	LONGEST_AROUND = 110,
	MOST_WORDS = 48,      /* of a question */
	MOST_FURTHER = 3,     /* words of an answer beside its first */
};

static bool is_word_byte(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || c == '-';
}

static bool ends_sentence(const char *text, size_t i)
{
	return (text[i] == '.' || text[i] == '?' || text[i] == '!' || text[i] == '\n') && isspace((unsigned char)text[i + 1]);
}

/* A piece of a text. */
struct piece {
	size_t begin, end;
};

static bool has_digit(const char *text, struct piece piece)
{
	for (size_t i = piece.begin; i < piece.end; i++)
		if (isdigit((unsigned char)text[i]))
			return true;
	return false;
}

/* A capital inside a sentence. */
static bool is_name(const char *text, struct piece word)
{
	bool inside = word.begin >= 2 && text[word.begin - 1] == ' ' && is_word_byte(text[word.begin - 2]);
	return inside && isupper((unsigned char)text[word.begin]);
}

/* Is the word worth asking for: a digit in it, a name, or seven letters? */
static bool is_telling(const char *text, struct piece word)
{
	return has_digit(text, word) || is_name(text, word) || word.end - word.begin >= 7;
}

static bool occurs_once(const char *text, size_t length, struct piece piece)
{
	const char *word = text + piece.begin;
	size_t size = piece.end - piece.begin;
	if (memmem(text, piece.begin, word, size) != NULL)
		return false;
	return memmem(text + piece.end, length - piece.end, word, size) == NULL;
}

/* A word near a random place; empty: none there. */
static struct piece pick_word(const char *text, size_t length, struct random_state *random)
{
	struct piece word;
	size_t i = random_below(random, length);
	while (i > 0 && is_word_byte(text[i - 1]))
		i--;
	word.begin = i;
	while (i < length && is_word_byte(text[i]))
		i++;
	word.end = i;
	return word;
}

/* The next word behind one space; empty: something else follows. */
static struct piece next_word(const char *text, size_t length, size_t end)
{
	struct piece word = {end, end};
	if (end + 1 >= length || text[end] != ' ' || !is_word_byte(text[end + 1]))
		return word;
	word.begin = word.end = end + 1;
	while (word.end < length && is_word_byte(text[word.end]))
		word.end++;
	return word;
}

/* A name goes on to its last capital; other answers take up to MOST_FURTHER words more. */
static struct piece extend(const char *text, size_t length, struct piece answer, struct random_state *random)
{
	bool name = is_name(text, answer);
	size_t n = name ? MOST_FURTHER : random_below(random, MOST_FURTHER + 1);
	for (; n > 0; n--) {
		struct piece word = next_word(text, length, answer.end);
		if (word.end == word.begin || (name && !isupper((unsigned char)text[word.begin])))
			break;
		answer.end = word.end;
	}
	return answer;
}

/* The part of the answer's sentence that is shown, cut at spaces. */
static struct piece frame(const char *text, size_t length, struct piece answer, size_t around)
{
	struct piece shown = answer;
	while (shown.begin > 0 && answer.begin - shown.begin < around && !ends_sentence(text, shown.begin - 1))
		shown.begin--;
	while (shown.begin > 0 && shown.begin < answer.begin && text[shown.begin - 1] != ' ' &&
	       !isspace((unsigned char)text[shown.begin]))
		shown.begin++;
	while (shown.begin < answer.begin && isspace((unsigned char)text[shown.begin]))
		shown.begin++;
	while (shown.end < length && shown.end - answer.end < around &&
	       !(shown.end + 1 < length && ends_sentence(text, shown.end)))
		shown.end++;
	while (shown.end > answer.end && shown.end < length && !isspace((unsigned char)text[shown.end]) &&
	       is_word_byte(text[shown.end - 1]))
		shown.end--;
	while (shown.end > answer.end && isspace((unsigned char)text[shown.end - 1]))
		shown.end--;
	return shown;
}

/* --- as a question ------------------------------------------------------------------------------------- */

struct words {
	struct piece all[MOST_WORDS];
	size_t n;
};

static void collect_words(struct words *words, const char *text, size_t begin, size_t end)
{
	for (size_t i = begin; i < end && words->n < MOST_WORDS;) {
		while (i < end && !is_word_byte(text[i]))
			i++;
		size_t first = i;
		while (i < end && is_word_byte(text[i]))
			i++;
		if (i > first)
			words->all[words->n++] = (struct piece){first, i};
	}
}

/* Some words are lost, short ones more often; some change places with their neighbour. */
static void disturb(struct words *words, struct random_state *random)
{
	double lost = 0.45 * random_uniform(random);
	size_t n = 0;
	for (size_t i = 0; i < words->n; i++) {
		struct piece word = words->all[i];
		double chance = word.end - word.begin <= 3 ? lost + 0.2 : lost;
		if (random_uniform(random) >= chance)
			words->all[n++] = word;
	}
	words->n = n;
	for (size_t i = 1; i < words->n; i++) {
		if (random_below(random, 8) != 0)
			continue;
		struct piece word = words->all[i];
		words->all[i] = words->all[i - 1];
		words->all[i - 1] = word;
	}
}

static const char *question_word(const char *text, struct piece answer, struct random_state *random)
{
	static const char *const numbers[] = {"How many", "When", "How much", "What", "In what year"};
	static const char *const names[] = {"Who", "What", "Where", "Which", "Whose"};
	static const char *const others[] = {"What", "What kind of", "How", "Which", "What is"};
	const char *const *of_kind = has_digit(text, answer) ? numbers : is_name(text, answer) ? names : others;
	return of_kind[random_below(random, 5)];
}

static bool write_question(struct buffer *question, const char *text, struct piece answer, struct piece shown,
                           struct random_state *random)
{
	struct words words = {.n = 0};
	/* What follows the answer in the text comes first as often as not, as in a question about it. */
	bool turned = random_below(random, 2) == 0;
	if (turned)
		collect_words(&words, text, answer.end, shown.end);
	collect_words(&words, text, shown.begin, answer.begin);
	if (!turned)
		collect_words(&words, text, answer.end, shown.end);
	disturb(&words, random);
	bool ok = buffer_append_string(question, question_word(text, answer, random));
	for (size_t i = 0; i < words.n; i++)
		ok = ok && buffer_append_string(question, " ") &&
		     buffer_append(question, text + words.all[i].begin, words.all[i].end - words.all[i].begin);
	return ok && buffer_append_string(question, "?");
}

bool cloze_make(const char *text, size_t length, double noise, struct random_state *random, struct buffer *question,
                struct buffer *answer)
{
	buffer_clear(question);
	buffer_clear(answer);
	for (int i = 0; length > 0 && i < TRIES; i++) {
		struct piece word = pick_word(text, length, random);
		if (word.end == word.begin || !is_telling(text, word))
			continue;
		word = extend(text, length, word, random);
		if (!occurs_once(text, length, word))
			continue;
		size_t around = SHORTEST_AROUND + random_below(random, LONGEST_AROUND - SHORTEST_AROUND);
		struct piece shown = frame(text, length, word, around);
		if (shown.end - shown.begin < word.end - word.begin + 20)
			continue;
		if (!buffer_append(answer, text + word.begin, word.end - word.begin))
			return false;
		if (random_uniform(random) < noise)
			return write_question(question, text, word, shown, random);
		return buffer_append(question, text + shown.begin, word.begin - shown.begin) &&
		       buffer_append_string(question, "____") && buffer_append(question, text + word.end, shown.end - word.end);
	}
	return false;
}
