/*
 * A sentence ends at a blank line, at a full stop of a script that needs no
 * space after it, and at . ! ? with closing quotes and brackets, when white
 * space and something that can start a sentence follow. A full stop may also
 * belong to an abbreviation; where it could be both, the sentences stay joined:
 * a sentence cut in two does more harm to what is made of sentences.
 */
#include "text/sentences.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/status.h"
#include "pith/evaluate.h"
#include "text/unicode.h"

/* Abbreviations are matched as written, without their last full stop: "fig." can end a sentence, "Fig." hardly does. */
struct abbreviation {
	const char *word;
	bool before_digit; /* is one only when a digit follows: "No. 5", "Oct. 3" */
};

static const struct abbreviation abbreviations[] = {
	{"e.g", false},    {"i.e", false},     {"E.g", false},  {"I.e", false},   {"al", false},    {"vs", false},
	{"cf", false},     {"Cf", false},      {"viz", false},  {"resp", false},  {"approx", true}, {"ca", true},
	{"c", true},       {"Fig", false},     {"Figs", false}, {"Eq", false},    {"Eqs", false},   {"Ref", false},
	{"Refs", false},   {"Sec", false},     {"Sect", false}, {"Tab", true},    {"Ch", true},     {"Chap", true},
	{"Vol", true},     {"vol", true},      {"No", true},    {"no", true},     {"Nos", true},    {"nos", true},
	{"p", true},       {"pp", true},       {"Art", true},   {"Mr", false},    {"Mrs", false},   {"Ms", false},
	{"Dr", false},     {"Drs", false},     {"Prof", false}, {"St", false},    {"Gen", false},   {"Col", false},
	{"Lt", false},     {"Sgt", false},     {"Capt", false}, {"Cmdr", false},  {"Adm", false},   {"Maj", false},
	{"Rev", false},    {"Hon", false},     {"Gov", false},  {"Sen", false},   {"Rep", false},   {"Messrs", false},
	{"Jan", true},     {"Feb", true},      {"Mar", true},   {"Apr", true},    {"Jun", true},    {"Jul", true},
	{"Aug", true},     {"Sep", true},      {"Sept", true},  {"Oct", true},    {"Nov", true},    {"Dec", true},
};
enum { N_ABBREVIATIONS = sizeof abbreviations / sizeof abbreviations[0] };

static bool is_terminator(int32_t code)
{
	return code == '.' || code == '!' || code == '?' || code == 0x2026 /* ellipsis */ || code == 0x61f /* Arabic ? */ ||
	       code == 0x203c || code == 0x203d || (code >= 0x2047 && code <= 0x2049) /* double and mixed marks */ ||
	       code == 0x964 || code == 0x965 /* danda */;
}

/* The full stops of Chinese and Japanese: nothing needs to follow. */
static bool is_wide_terminator(int32_t code)
{
	return code == 0x3002 || code == 0xff01 || code == 0xff1f || code == 0xff61;
}

static bool is_closer(int32_t code)
{
	if (code == '"' || code == '\'')
		return true;
	utf8proc_category_t category = utf8proc_category(code);
	return category == UTF8PROC_CATEGORY_PE || category == UTF8PROC_CATEGORY_PF;
}

/* Capitals, letters of scripts without case, digits, opening quotes and brackets. */
static bool can_start(int32_t code)
{
	if (code == '"' || code == '\'')
		return true;
	switch (utf8proc_category(code)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_PS:
	case UTF8PROC_CATEGORY_PI: return true;
	default: return false;
	}
}

static size_t skip_spaces(const char *text, size_t length, size_t i)
{
	while (i < length) {
		int32_t code;
		size_t n = unicode_next(text + i, length - i, &code);
		if (!unicode_is_space(code))
			break;
		i += n;
	}
	return i;
}

/* At a line feed: does the next line hold nothing but white space? */
static bool is_blank_line(const char *text, size_t length, size_t line_feed)
{
	for (size_t i = line_feed + 1; i < length; i++) {
		if (text[i] == '\n')
			return true;
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
			return false;
	}
	return false;
}

static bool is_ascii_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Is the full stop at text[stop], in the sentence that starts at begin, more likely part of what stands before it? */
static bool is_abbreviation(const char *text, size_t begin, size_t stop, bool before_digit)
{
	enum { LONGEST = 8 };
	size_t word = stop;
	while (word > begin && stop - word <= LONGEST && (is_ascii_letter(text[word - 1]) || text[word - 1] == '.'))
		word--;
	size_t n = stop - word;
	/* A letter of another script before it makes it the end of a longer word. */
	if (n == 0 || n > LONGEST || (word > begin && (unsigned char)text[word - 1] >= 0x80))
		return false;
	if (n == 1 && text[word] >= 'A' && text[word] <= 'Z')
		return true; /* an initial: "J. Doe" */
	bool single_letters = n >= 3 && n % 2 == 1;
	for (size_t i = 0; i < n && single_letters; i++)
		single_letters = i % 2 == 0 ? text[word + i] >= 'A' && text[word + i] <= 'Z' : text[word + i] == '.';
	if (single_letters)
		return true; /* "U.S. Army" */
	for (size_t i = 0; i < N_ABBREVIATIONS; i++)
		if (strlen(abbreviations[i].word) == n && memcmp(abbreviations[i].word, text + word, n) == 0)
			return before_digit || !abbreviations[i].before_digit;
	return false;
}

/* The end of the sentence if the terminators at text[i] end it; 0: they do not. *after is behind the terminators. */
static size_t end_at_terminator(const char *text, size_t length, size_t begin, size_t i, bool has_letter, size_t *after)
{
	size_t end = i, n_marks = 0, n_closers = 0;
	bool wide = false, only_stops = true;
	int32_t code = 0;
	for (size_t n; end < length; end += n) {
		n = unicode_next(text + end, length - end, &code);
		bool mark = n_closers == 0 && (is_terminator(code) || is_wide_terminator(code));
		if (!mark && !is_closer(code))
			break;
		wide = wide || (mark && is_wide_terminator(code));
		only_stops = only_stops && (!mark || code == '.' || code == 0x2026);
		n_marks += mark;
		n_closers += !mark;
	}
	*after = end;
	size_t next = skip_spaces(text, length, end);
	if (next == length || wide)
		return next;
	if (next == end)
		return 0; /* "3.14", "example.org" */
	unicode_next(text + next, length - next, &code);
	bool digit = unicode_is_digit(code);
	if (!can_start(code))
		return 0;
	bool ellipsis = only_stops && (n_marks > 1 || (unsigned char)text[i] >= 0x80);
	if (ellipsis)
		return digit ? 0 : next;
	if (text[i] == '.' && n_marks == 1) {
		/* "1. Introduction" is one sentence. */
		if (!has_letter || (n_closers == 0 && is_abbreviation(text, begin, i, digit)))
			return 0;
	}
	return next;
}

size_t sentence_end(const char *text, size_t length, size_t begin)
{
	bool has_letter = false;
	size_t i = skip_spaces(text, length, begin); /* white space at the start of a text belongs to its first sentence */
	while (i < length) {
		int32_t code;
		size_t n = unicode_next(text + i, length - i, &code);
		if (is_terminator(code) || is_wide_terminator(code)) {
			size_t after, end = end_at_terminator(text, length, begin, i, has_letter, &after);
			if (end != 0)
				return end;
			i = after;
			continue;
		}
		if (code == '\n' && is_blank_line(text, length, i))
			return skip_spaces(text, length, i);
		has_letter = has_letter || unicode_is_letter(code);
		i += n;
	}
	return length;
}

enum pith_status pith_sentences(struct pith_sentence **out, size_t *n, const char *text, size_t length, struct pith_error *err)
{
	*out = NULL;
	*n = 0;
	if (length > UINT32_MAX)
		return fail(err, PITH_TOO_LONG, "A text of %zu bytes is too long; 4 GiB is the limit.", length);
	struct pith_sentence *sentences = NULL;
	size_t count = 0, capacity = 0;
	for (size_t begin = 0, end; begin < length; begin = end) {
		end = sentence_end(text, length, begin);
		if (count == capacity) {
			capacity = capacity == 0 ? 32 : capacity * 2;
			struct pith_sentence *grown = realloc(sentences, capacity * sizeof *grown);
			if (grown == NULL) {
				free(sentences);
				return fail_memory(err, "the sentences of a text");
			}
			sentences = grown;
		}
		sentences[count++] = (struct pith_sentence){.begin = (uint32_t)begin, .end = (uint32_t)end};
	}
	*out = sentences;
	*n = count;
	return PITH_OK;
}
