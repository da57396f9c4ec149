#include "text/facts.h"

#include <stdint.h>
#include <string.h>

#include <utf8proc.h>

#include "text/byte_strings.h"
#include "text/sentences.h"
#include "text/unicode.h"

/* Bytes of a text. */
struct span {
	const char *text;
	size_t length;
};

/* Finds the next fact of text behind *at and moves *at behind it; false: there is none. */
typedef bool next_fact_fn(struct span text, size_t *at, struct span *fact);

/* Numbers a fact by its bytes without commas, which say nothing in a number, and do not stand in a name. False: no memory. */
static bool intern_fact(struct byte_strings *facts, struct buffer *bytes, struct span fact, uint32_t *number)
{
	buffer_clear(bytes);
	for (size_t i = 0; i < fact.length; i++)
		if (fact.text[i] != ',' && !buffer_append(bytes, fact.text + i, 1))
			return false;
	return byte_strings_intern(facts, bytes->length > 0 ? bytes->data : "", bytes->length, number);
}

/* Different facts of text that are not among the candidates of other. SIZE_MAX: no memory. */
static size_t count_lost(struct span text, struct span other, next_fact_fn *next, next_fact_fn *next_candidate)
{
	struct byte_strings facts = {0};
	struct buffer bytes = {0};
	struct span fact;
	uint32_t number, n_candidates;
	bool done = true;
	for (size_t at = 0; done && next_candidate(other, &at, &fact);)
		done = intern_fact(&facts, &bytes, fact, &number);
	n_candidates = facts.n;
	for (size_t at = 0; done && next(text, &at, &fact);)
		done = intern_fact(&facts, &bytes, fact, &number);
	size_t lost = facts.n - n_candidates;
	byte_strings_free(&facts);
	buffer_free(&bytes);
	return done ? lost : SIZE_MAX;
}

/* --- numbers ------------------------------------------------------------------------------------------------ */

/* Bytes of the digit at text[at]; 0: there is none. */
static size_t digit_size(struct span text, size_t at)
{
	int32_t code;
	if (at >= text.length)
		return 0;
	size_t size = unicode_next(text.text + at, text.length - at, &code);
	return code >= 0 && unicode_is_digit(code) ? size : 0;
}

static bool next_number(struct span text, size_t *at, struct span *number)
{
	size_t i = *at, size = 0;
	int32_t code;
	while (i < text.length && (size = digit_size(text, i)) == 0)
		i += unicode_next(text.text + i, text.length - i, &code);
	if (i >= text.length)
		return false;
	size_t begin = i;
	while (size > 0) {
		i += size;
		size = digit_size(text, i);
		if (size == 0 && i < text.length && strchr(".,:/-", text.text[i]) != NULL && text.text[i] != '\0' &&
		    digit_size(text, i + 1) > 0)
			size = 1;
	}
	*number = (struct span){text.text + begin, i - begin};
	*at = i;
	return true;
}

size_t lost_numbers(const char *text, size_t length, const char *other, size_t other_length)
{
	return count_lost((struct span){text, length}, (struct span){other, other_length}, next_number, next_number);
}

/* --- words -------------------------------------------------------------------------------------------------- */

static bool is_letter_or_digit(int32_t code)
{
	return code >= 0 && (unicode_is_letter(code) || unicode_is_digit(code));
}

/* The next run of letters, digits and marks, with apostrophes, full stops and hyphens inside. */
static bool next_word(struct span text, size_t *at, struct span *word)
{
	size_t i = *at, end = 0;
	int32_t code;
	while (i < text.length) {
		size_t size = unicode_next(text.text + i, text.length - i, &code);
		if (is_letter_or_digit(code))
			break;
		i += size;
	}
	if (i >= text.length)
		return false;
	size_t begin = i;
	while (i < text.length) {
		size_t size = unicode_next(text.text + i, text.length - i, &code);
		bool inside = code == '\'' || code == 0x2019 || code == '.' || code == '-' || code == '&';
		bool mark = code >= 0 && utf8proc_category(code) == UTF8PROC_CATEGORY_MN;
		if (!is_letter_or_digit(code) && !inside && !mark)
			break;
		i += size;
		if (!inside)
			end = i;
		else if (i - size > end)
			break; /* two of them in a row */
	}
	*word = (struct span){text.text + begin, end - begin};
	*at = end;
	return true;
}

/* --- negations ---------------------------------------------------------------------------------------------- */

static bool is_ascii_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool word_is_negation(const char *word, size_t length)
{
	static const char *const negations[] = {"no", "not", "never", "none", "nor", "neither", "without", "cannot", "nothing",
	                                        "nobody", "nowhere", "unless", "except", "n't"};
	char lower[16];
	while (length > 0 && !is_ascii_letter(word[0])) {
		word++;
		length--;
	}
	while (length > 0 && !is_ascii_letter(word[length - 1]))
		length--;
	if (length == 0 || length >= sizeof lower)
		return false;
	for (size_t i = 0; i < length; i++)
		lower[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] + 32 : word[i]);
	lower[length] = '\0';
	for (size_t i = 0; i < sizeof negations / sizeof negations[0]; i++)
		if (strcmp(lower, negations[i]) == 0)
			return true;
	/* don't, isn't; with a typographic apostrophe too. */
	return length > 3 && lower[length - 1] == 't' &&
	       (lower[length - 2] == '\'' || (length > 5 && memcmp(lower + length - 4, "\xe2\x80\x99t", 4) == 0));
}

static size_t count_negations(struct span text)
{
	size_t n = 0;
	struct span word;
	for (size_t at = 0; next_word(text, &at, &word);)
		n += word_is_negation(word.text, word.length);
	return n;
}

size_t lost_negations(const char *text, size_t length, const char *other, size_t other_length)
{
	size_t here = count_negations((struct span){text, length}), there = count_negations((struct span){other, other_length});
	return here > there ? here - there : 0;
}

/* --- names -------------------------------------------------------------------------------------------------- */

static bool is_capital(int32_t code)
{
	return code >= 0 && (utf8proc_category(code) == UTF8PROC_CATEGORY_LU || utf8proc_category(code) == UTF8PROC_CATEGORY_LT);
}

/* Without 's behind it. */
static struct span without_genitive(struct span word)
{
	static const char *const genitives[] = {"'s", "\xe2\x80\x99s"};
	for (size_t i = 0; i < sizeof genitives / sizeof genitives[0]; i++) {
		size_t n = strlen(genitives[i]);
		if (word.length > n && memcmp(word.text + word.length - n, genitives[i], n) == 0)
			return (struct span){word.text, word.length - n};
	}
	return word;
}

/* I, and I'm, I've, I'd, I'll: no names. */
static bool is_speaker(struct span word)
{
	return word.text[0] == 'I' && (word.length == 1 || word.text[1] == '\'' || word.text[1] == '\xe2');
}

/* Does a sentence of text begin at the word, but for quotes and brackets before it? */
static bool begins_sentence(struct span text, size_t word)
{
	size_t i = word;
	int32_t code = 0;
	/* Back over everything that is no letter or digit, at most to where a sentence could have ended. */
	while (i > 0) {
		size_t before = i - 1;
		while (before > 0 && ((unsigned char)text.text[before] & 0xc0) == 0x80)
			before--;
		unicode_next(text.text + before, text.length - before, &code);
		if (is_letter_or_digit(code))
			break;
		i = before;
	}
	if (i == 0)
		return true;
	/* From the word before on, so that an abbreviation is known as one. */
	size_t begin = i;
	while (begin > 0 && strchr(" \t\r\n", text.text[begin - 1]) == NULL)
		begin--;
	/* What begins with the word's first character tells where the sentence before it ends: no more is looked at. */
	size_t known = word + unicode_next(text.text + word, text.length - word, &code);
	while (begin < word) {
		size_t end = sentence_end(text.text, known, begin);
		if (end > i && end <= word)
			return true;
		begin = end;
	}
	/* A colon or a line of its own begins something like a sentence. */
	return memchr(text.text + i, ':', word - i) != NULL || memchr(text.text + i, '\n', word - i) != NULL;
}

static bool next_name(struct span text, size_t *at, struct span *name)
{
	struct span word;
	while (next_word(text, at, &word)) {
		word = without_genitive(word);
		int32_t code;
		size_t size = unicode_next(word.text, word.length, &code);
		bool capital = is_capital(code), inner = false;
		for (size_t i = size; i < word.length && !inner; i += size) {
			size = unicode_next(word.text + i, word.length - i, &code);
			inner = is_capital(code);
		}
		if (inner || (capital && !is_speaker(word) && !begins_sentence(text, (size_t)(word.text - text.text)))) {
			*name = word;
			return true;
		}
	}
	return false;
}

/* Any word may be the name again, also where a sentence begins. */
static bool next_plain_word(struct span text, size_t *at, struct span *word)
{
	bool found = next_word(text, at, word);
	if (found)
		*word = without_genitive(*word);
	return found;
}

size_t lost_names(const char *text, size_t length, const char *other, size_t other_length)
{
	return count_lost((struct span){text, length}, (struct span){other, other_length}, next_name, next_plain_word);
}
