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

static const char *const negations[] = {
	/* English */ "no", "not", "never", "none", "nor", "neither", "without", "cannot", "nothing", "nobody", "nowhere", "unless",
	"except", "n't",
	/* French */ "ne", "pas", "jamais", "aucun", "aucune", "rien", "sans", "non",
	/* Spanish */ "nunca", "jamás", "ningún", "ninguno", "ninguna", "nada", "sin",
	/* German */ "nicht", "nichts", "kein", "keine", "keinen", "keinem", "keiner", "keines", "nie", "niemals", "niemand", "ohne",
	"weder",
	/* Italian */ "nessun", "nessuno", "nessuna", "senza",
	/* Portuguese */ "não", "nem", "sem", "nenhum", "nenhuma",
	/* Dutch */ "niet", "geen", "nooit", "zonder",
	/* Russian */ "не", "нет", "ни", "без",
	"никогда", "никто", "ничего",
};

/* Chinese: the characters for not, have not, without, not yet, non-, do not. */
static bool is_han_negation(int32_t code)
{
	static const int32_t characters[] = {0x4e0d, 0x6ca1, 0x6c92, 0x65e0, 0x7121, 0x672a, 0x975e, 0x52ff};
	for (size_t i = 0; i < sizeof characters / sizeof characters[0]; i++)
		if (code == characters[i])
			return true;
	return false;
}

/* The letters of a word in lower case, with an apostrophe in its plain form; what stands around them goes. False: too long. */
static bool lower_letters(char *out, size_t size, const char *word, size_t length)
{
	size_t n = 0, end = 0; /* behind the last letter */
	for (size_t i = 0; i < length;) {
		int32_t code;
		i += unicode_next(word + i, length - i, &code);
		bool letter = code >= 0 && unicode_is_letter(code);
		if (!letter && n == 0)
			continue;
		char bytes[4];
		size_t n_bytes = (size_t)utf8proc_encode_char(code == 0x2019 || code < 0 ? '\'' : unicode_lower(code), (uint8_t *)bytes);
		if (n + n_bytes >= size)
			return false;
		memcpy(out + n, bytes, n_bytes);
		n += n_bytes;
		end = letter ? n : end;
	}
	out[end] = '\0';
	return true;
}

bool word_is_negation(const char *word, size_t length)
{
	char lower[32];
	int32_t code = -1;
	if (length > 0)
		unicode_next(word, length, &code);
	if (is_han_negation(code))
		return true;
	if (!lower_letters(lower, sizeof lower, word, length))
		return false;
	for (size_t i = 0; i < sizeof negations / sizeof negations[0]; i++)
		if (strcmp(lower, negations[i]) == 0)
			return true;
	/* don't, isn't; n'est, n'a */
	size_t n = strlen(lower);
	return (n > 3 && strcmp(lower + n - 2, "'t") == 0) || (n > 2 && strncmp(lower, "n'", 2) == 0);
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

bool name_next(const char *text, size_t length, size_t *at, size_t *begin, size_t *end)
{
	struct span name;
	if (!next_name((struct span){text, length}, at, &name))
		return false;
	*begin = (size_t)(name.text - text);
	*end = *begin + name.length;
	return true;
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
