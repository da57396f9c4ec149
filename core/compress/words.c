#include "compress/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/protected.h"
#include "text/literals.h"
#include "text/unicode.h"

enum { LONGEST_WORD = 64 }; /* bytes; of a longer one pieces are words */

/* --- splitting ---------------------------------------------------------------------------------------- */

static bool space_at(const char *text, size_t length, size_t i, size_t *size)
{
	int32_t code;
	*size = unicode_next(text + i, length - i, &code);
	return code >= 0 && unicode_is_space(code);
}

static bool within(int32_t code, int32_t first, int32_t last)
{
	return code >= first && code <= last;
}

/* Han and kana: written without white space, so that each character is a word of its own. */
static bool stands_alone(int32_t code)
{
	return within(code, 0x3041, 0x3096) || within(code, 0x30a1, 0x30fa) || within(code, 0x3400, 0x4dbf) ||
	       within(code, 0x4e00, 0x9fff) || within(code, 0xf900, 0xfaff) || within(code, 0x20000, 0x3ffff);
}

/* What belongs to the character before it: punctuation of these scripts, sound marks, variation selectors. */
static bool leans_back(int32_t code)
{
	return within(code, 0x3001, 0x3003) || within(code, 0x3009, 0x3009) || within(code, 0x300b, 0x300b) ||
	       within(code, 0x300d, 0x300d) || within(code, 0x300f, 0x300f) || within(code, 0x3099, 0x309c) ||
	       within(code, 0x30fc, 0x30fe) || code == 0xff01 || code == 0xff09 || code == 0xff0c || code == 0xff0e ||
	       within(code, 0xff1a, 0xff1b) || code == 0xff1f || within(code, 0xfe00, 0xfe0f) || within(code, 0xe0100, 0xe01ef);
}

/* Where the word that begins at begin ends. */
static size_t word_end(const char *text, size_t length, size_t begin)
{
	int32_t code;
	size_t i = begin + unicode_next(text + begin, length - begin, &code), size;
	bool alone = stands_alone(code);
	while (i < length && !space_at(text, length, i, &size)) {
		unicode_next(text + i, length - i, &code);
		if (alone ? !leans_back(code) : stands_alone(code))
			break;
		i += size;
	}
	return i;
}

static bool letter_or_digit(char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_sign(char byte)
{
	return byte > ' ' && byte < 0x7f && !letter_or_digit(byte);
}

/*
 * A run without white space that is longer than any word (JSON, code on one line, base64) goes in pieces, or a budget could keep
 * nothing of it. What is left of an address is worth nothing: it stays whole.
 */
static bool goes_in_pieces(const char *text, size_t begin, size_t end)
{
	return end - begin > LONGEST_WORD && !word_is_address(text + begin, end - begin);
}

/* Behind signs, where there are some. */
static size_t piece_end(const char *text, size_t begin, size_t end)
{
	size_t i = begin;
	bool has_word = false, behind_sign = false;
	while (i < end && i - begin < LONGEST_WORD && !(behind_sign && !is_sign(text[i]))) {
		int32_t code;
		behind_sign = has_word && is_sign(text[i]);
		has_word |= !is_sign(text[i]);
		i += unicode_next(text + i, end - i, &code);
	}
	return i;
}

static bool find_words(struct pith_word **out, size_t *n, const char *text, size_t length)
{
	size_t capacity = 0, size, run_end = 0; /* of the run without white space that the newest word is of */
	bool in_pieces = false;
	*out = NULL;
	*n = 0;
	for (size_t i = 0; i < length;) {
		while (i < length && space_at(text, length, i, &size))
			i += size;
		if (i == length)
			break;
		size_t begin = i;
		if (begin >= run_end) {
			run_end = word_end(text, length, begin);
			in_pieces = goes_in_pieces(text, begin, run_end);
		}
		i = in_pieces ? piece_end(text, begin, run_end) : run_end;
		if (*n == capacity) {
			capacity = capacity == 0 ? 256 : 2 * capacity;
			struct pith_word *grown = realloc(*out, capacity * sizeof *grown);
			if (grown == NULL)
				return false;
			*out = grown;
		}
		(*out)[(*n)++] = (struct pith_word){.begin = (uint32_t)begin, .end = (uint32_t)i};
	}
	return true;
}

enum pith_status words_split(struct pith_word **out, size_t *n, const struct pith_document *document, const float *scores,
                             const struct pith_compress_options *options, struct pith_error *err)
{
	if (!find_words(out, n, document->text, document->length) ||
	    !protected_mark(*out, *n, document->text, document->length, options)) {
		free(*out);
		*out = NULL;
		return fail_memory(err, "the words");
	}
	size_t token = 0;
	for (size_t w = 0; w < *n; w++) {
		struct pith_word *word = &(*out)[w];
		while (token < document->n_tokens && document->tokens[token].end <= word->begin)
			token++;
		double sum = 0;
		/* A token that reaches into the next word, as one of two Han characters, counts for both. */
		for (size_t t = token; t < document->n_tokens && document->tokens[t].begin < word->end; t++) {
			sum += scores == NULL ? 0 : (double)scores[t];
			word->n_tokens++;
		}
		word->score = word->n_tokens > 0 && isfinite(sum) ? (float)(sum / word->n_tokens) : 0; /* a NaN has no rank */
	}
	return PITH_OK;
}

/* --- joining ------------------------------------------------------------------------------------------ */

/* The strongest break in text[begin, end): 3 blank line, 2 line end, 1 other white space, 0 none. */
static int strongest_break(const char *text, size_t begin, size_t end)
{
	int strongest = 0, lines = 0;
	for (size_t i = begin, size; i < end && strongest < 3; i += size) {
		bool space = space_at(text, end, i, &size);
		lines = !space ? 0 : lines + (text[i] == '\n');
		int here = !space ? 0 : 1 + lines;
		strongest = here > strongest ? here : strongest;
	}
	return strongest > 3 ? 3 : strongest;
}

/* What parts two kept words whose neighbours are gone. Side by side "2025" and "1400" would be a number that nobody wrote. */
static const char *separator(const char *text, size_t end, size_t begin)
{
	static const char *const separators[] = {"", " ", "\n", "\n\n"};
	int strongest = strongest_break(text, end, begin);
	bool fuses = letter_or_digit(text[end - 1]) && letter_or_digit(text[begin]);
	return separators[strongest == 0 && fuses ? 1 : strongest];
}

bool words_join(struct buffer *out, const char *text, const struct pith_word *words, size_t n)
{
	size_t last = n; /* none yet */
	for (size_t w = 0; w < n; w++) {
		if (!words[w].kept)
			continue;
		bool done = true;
		if (last < n && last + 1 == w)
			done = buffer_append(out, text + words[last].end, words[w].begin - words[last].end);
		else if (last < n)
			done = buffer_append_string(out, separator(text, words[last].end, words[w].begin));
		if (!done || !buffer_append(out, text + words[w].begin, words[w].end - words[w].begin))
			return false;
		last = w;
	}
	return true;
}
