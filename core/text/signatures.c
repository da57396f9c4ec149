#include "text/signatures.h"

#include <stdint.h>
#include <string.h>

#include "text/sentences.h"
#include "text/unicode.h"

enum {
	LONGEST_PERIOD = 16, LEAST_REPEATS = 4, LEAST_LOOP_WORDS = 12,
	COMPARED_LETTERS = 5, LEAST_LETTERS = 4, LEAST_JUDGED = 4,
};
static const double least_overlap = 0.3;

/* --- words -------------------------------------------------------------------------------------------------- */

struct word {
	size_t begin, end;
	size_t n_letters;
};

/* Chinese and Japanese: no spaces between words. */
static bool is_wide(int32_t code)
{
	return (code >= 0x3040 && code <= 0x30ff) || (code >= 0x3400 && code <= 0x4dbf) || (code >= 0x4e00 && code <= 0x9fff);
}

/* The next run of letters and digits behind *at; a Chinese or Japanese character is a word. */
static bool next_word(const char *text, size_t length, size_t *at, struct word *word)
{
	size_t i = *at, size = 0;
	int32_t code = -1;
	for (; i < length; i += size) {
		size = unicode_next(text + i, length - i, &code);
		if (code >= 0 && (unicode_is_letter(code) || unicode_is_digit(code)))
			break;
	}
	if (i >= length)
		return false;
	*word = (struct word){i, i + size, 1};
	bool wide = is_wide(code);
	while (!wide && word->end < length) {
		size = unicode_next(text + word->end, length - word->end, &code);
		if (code < 0 || is_wide(code) || (!unicode_is_letter(code) && !unicode_is_digit(code)))
			break;
		word->end += size;
		word->n_letters++;
	}
	*at = word->end;
	return true;
}

/* Words that say what a text is about. */
static bool is_content(const char *text, struct word word)
{
	int32_t code;
	unicode_next(text + word.begin, word.end - word.begin, &code);
	return word.n_letters >= LEAST_LETTERS || is_wide(code);
}

/* Do the words begin alike, case aside? Short ones must be the same. */
static bool alike(const char *a, struct word x, const char *b, struct word y)
{
	size_t i = x.begin, j = y.begin;
	for (int n = 0; n < COMPARED_LETTERS; n++) {
		if (i == x.end || j == y.end)
			return i == x.end && j == y.end;
		int32_t code, other;
		i += unicode_next(a + i, x.end - i, &code);
		j += unicode_next(b + j, y.end - j, &other);
		if (unicode_lower(code) != unicode_lower(other))
			return false;
	}
	return true;
}

static bool has_word(const char *text, size_t length, const char *other, struct word wanted)
{
	struct word word;
	for (size_t at = 0; next_word(text, length, &at, &word);)
		if (alike(text, word, other, wanted))
			return true;
	return false;
}

/* Of the content words of text, how many does other have? */
static size_t count_shared(const char *text, size_t length, const char *other, size_t other_length, size_t *n_words)
{
	size_t shared = 0;
	struct word word;
	*n_words = 0;
	for (size_t at = 0; next_word(text, length, &at, &word);) {
		if (!is_content(text, word))
			continue;
		(*n_words)++;
		shared += has_word(other, other_length, text, word);
	}
	return shared;
}

/* --- loops -------------------------------------------------------------------------------------------------- */

bool sign_loop(const char *text, size_t length)
{
	enum { MOST = LONGEST_PERIOD * LEAST_REPEATS };
	struct word words[MOST]; /* the last ones, in a ring */
	size_t n = 0;
	struct word word;
	for (size_t at = 0; next_word(text, length, &at, &word); n++)
		words[n % MOST] = word;
	for (size_t period = 1; period <= LONGEST_PERIOD; period++) {
		size_t span = period * LEAST_REPEATS < LEAST_LOOP_WORDS ? LEAST_LOOP_WORDS : period * LEAST_REPEATS, i = period;
		if (n < span)
			continue;
		while (i < span) {
			struct word a = words[(n - 1 - i) % MOST], b = words[(n - 1 - (i - period)) % MOST];
			if (a.end - a.begin != b.end - b.begin || memcmp(text + a.begin, text + b.begin, a.end - a.begin) != 0)
				break;
			i++;
		}
		if (i == span)
			return true;
	}
	return false;
}

/* --- drift -------------------------------------------------------------------------------------------------- */

/* Scripts by their blocks, as far as they tell languages apart; Chinese and Japanese share characters and count as one. */
static const struct {
	int32_t first, last;
	int script;
} blocks[] = {
	{0x41, 0x24f, 0},     {0x1e00, 0x1eff, 0},  {0x370, 0x3ff, 1},    {0x400, 0x52f, 2},    {0x530, 0x58f, 3},
	{0x590, 0x5ff, 4},    {0x600, 0x77f, 5},    {0x900, 0xdff, 6},    {0xe00, 0xeff, 7},    {0x10a0, 0x10ff, 8},
	{0x1100, 0x11ff, 9},  {0xac00, 0xd7af, 9},  {0x3040, 0x30ff, 10}, {0x3400, 0x4dbf, 10}, {0x4e00, 0x9fff, 10},
};
enum { N_SCRIPTS = 11 };

/* The script of most letters; -1: there are no letters of a known one. */
static int main_script(const char *text, size_t length)
{
	size_t counts[N_SCRIPTS] = {0};
	int32_t code;
	for (size_t i = 0; i < length;) {
		i += unicode_next(text + i, length - i, &code);
		if (code < 0 || !unicode_is_letter(code))
			continue;
		for (size_t b = 0; b < sizeof blocks / sizeof blocks[0]; b++)
			if (code >= blocks[b].first && code <= blocks[b].last)
				counts[blocks[b].script]++;
	}
	int best = 0;
	for (int s = 1; s < N_SCRIPTS; s++)
		if (counts[s] > counts[best])
			best = s;
	return counts[best] > 0 ? best : -1;
}

bool sign_drift(const char *text, size_t length, const char *rewrite, size_t rewrite_length)
{
	int script = main_script(text, length), other = main_script(rewrite, rewrite_length);
	if (script >= 0 && other >= 0 && script != other)
		return true;
	size_t n, n_text, shared = count_shared(rewrite, rewrite_length, text, length, &n);
	count_shared(text, length, "", 0, &n_text);
	if (n < LEAST_JUDGED)
		return shared == 0 && n_text >= LEAST_JUDGED;
	return (double)shared < least_overlap * (double)n;
}

/* --- answers ------------------------------------------------------------------------------------------------ */

static bool is_question_mark(int32_t code)
{
	return code == '?' || code == 0xff1f || code == 0x61f;
}

static bool asks(const char *text, size_t length)
{
	int32_t code;
	for (size_t i = 0; i < length;) {
		i += unicode_next(text + i, length - i, &code);
		if (is_question_mark(code))
			return true;
	}
	return false;
}

static bool begins_as_answer(const char *text, size_t length)
{
	static const char *const openings[] = {
		"Answer:", "The answer", "Yes,", "Yes.", "No,", "No.", "Sure", "Certainly", "Of course", "I don't", "I do not",
		"I cannot", "I can't", "I'm sorry", "I am sorry", "Sorry", "As an AI",
	};
	for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
		size_t n = strlen(openings[i]);
		if (length >= n && memcmp(text, openings[i], n) == 0)
			return true;
	}
	return false;
}

bool sign_answer(const char *text, size_t length, const char *rewrite, size_t rewrite_length)
{
	size_t begin = 0, end = 0;
	for (size_t at = 0; at < length;) {
		size_t next = sentence_end(text, length, at);
		if (asks(text + at, next - at)) {
			begin = at;
			end = next;
		}
		at = next;
	}
	if (begin == end || asks(rewrite, rewrite_length))
		return false;
	if (begins_as_answer(rewrite, rewrite_length) && !begins_as_answer(text, length))
		return true;
	size_t n, shared = count_shared(text + begin, end - begin, rewrite, rewrite_length, &n);
	return n > 0 && shared == 0;
}
