#define _GNU_SOURCE /* memmem() */
#include "text/literals.h"

#include <string.h>
#include <strings.h>

/* Bytes of a text. */
struct span {
	const char *text;
	size_t length;
};

static bool is_letter(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (unsigned char)byte >= 0x80;
}

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_alphanumeric(char byte)
{
	return is_letter(byte) || is_digit(byte);
}

static bool begins(struct span word, const char *with)
{
	size_t n = strlen(with);
	return word.length > n && strncasecmp(word.text, with, n) == 0;
}

/* Where bytes stand in the word; its length: nowhere. */
static size_t find(struct span word, const char *bytes)
{
	const char *found = memmem(word.text, word.length, bytes, strlen(bytes));
	return found == NULL ? word.length : (size_t)(found - word.text);
}

static bool is_one_of(char byte, const char *bytes)
{
	return byte != '\0' && strchr(bytes, byte) != NULL;
}

/* Without these bytes before and behind it. */
static struct span trim(struct span word, const char *before, const char *behind)
{
	while (word.length > 0 && is_one_of(word.text[0], before)) {
		word.text++;
		word.length--;
	}
	while (word.length > 0 && is_one_of(word.text[word.length - 1], behind))
		word.length--;
	return word;
}

/* Nothing but letters, digits and these? */
static bool has_only(struct span word, const char *bytes)
{
	for (size_t i = 0; i < word.length; i++)
		if (!is_alphanumeric(word.text[i]) && !is_one_of(word.text[i], bytes))
			return false;
	return true;
}

/* --- addresses ---------------------------------------------------------------------------------------------- */

/* Letters and "://" */
static bool has_scheme(struct span word)
{
	size_t at = find(word, "://");
	return at > 0 && at + 3 < word.length && has_only((struct span){word.text, at}, "+.-");
}

/* A name like example.org: a label of two letters or more behind a full stop behind a letter or digit. */
static bool is_host(struct span name)
{
	size_t label = name.length;
	while (label > 0 && is_letter(name.text[label - 1]))
		label--;
	return name.length - label >= 2 && label >= 2 && name.text[label - 1] == '.' && is_alphanumeric(name.text[label - 2]);
}

static bool is_mail(struct span word)
{
	const char *at = memchr(word.text, '@', word.length);
	if (at == NULL || at == word.text || !has_only((struct span){word.text, (size_t)(at - word.text)}, "._%+-"))
		return false;
	size_t behind = (size_t)(at - word.text) + 1;
	return is_host((struct span){word.text + behind, word.length - behind});
}

static bool is_doi(struct span word)
{
	if (begins(word, "doi:"))
		return true;
	return begins(word, "10.") && word.length > 8 && is_digit(word.text[3]) && memchr(word.text, '/', word.length) != NULL;
}

/* Of names of files; more would catch the ends of sentences without a space behind them. */
static bool has_file_ending(struct span word)
{
	static const char *const endings[] = {"c",    "h",   "cc",  "cpp",  "py",   "js",   "ts",    "rs",  "go",
	                                      "java", "sh",  "md",  "txt",  "json", "yaml", "yml",   "csv", "xml",
	                                      "sql",  "css", "log", "toml", "html", "pdf",  "png",   "jpg", "gz",
	                                      "zip",  "exe", "tex", "bib",  "cfg",  "ini",  "jsonl", "gguf"};
	size_t end = word.length;
	while (end > 0 && is_alphanumeric(word.text[end - 1]))
		end--;
	size_t n = word.length - end;
	bool named = false; /* "1.c" is a part of a list */
	for (size_t i = 0; i + 1 < end; i++)
		named |= is_letter(word.text[i]);
	if (!named || word.text[end - 1] != '.' || n == 0)
		return false;
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (strlen(endings[i]) == n && strncmp(endings[i], word.text + end, n) == 0)
			return true;
	return false;
}

/* Not the base64 of a picture, which may begin with a slash and have more of them, nor a line of JSON that ends in a name. */
enum { LONGEST_PATH = 255 };

static bool is_path(struct span word)
{
	if (word.length > LONGEST_PATH || !has_only(word, "./\\_-~+:%#?=&@"))
		return false;
	static const char *const roots[] = {"./", "../", "~/"};
	for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
		if (begins(word, roots[i]))
			return true;
	if (word.length > 3 && is_letter(word.text[0]) && word.text[1] == ':' && word.text[2] == '\\')
		return true;
	/* Two slashes with a name behind the first: "/s" and "/he" are none. */
	if (word.text[0] == '/' && word.length > 3 && is_alphanumeric(word.text[1]))
		return memchr(word.text + 1, '/', word.length - 1) != NULL;
	const char *slash = memchr(word.text, '/', word.length);
	return has_file_ending(word) || (slash != NULL && is_host((struct span){word.text, (size_t)(slash - word.text)}));
}

bool word_is_address(const char *word, size_t length)
{
	struct span trimmed = trim((struct span){word, length}, "([{<\"'", ".,;:!?)]}>\"'");
	/* A quote inside: a list of them, or a line of a program. */
	return trimmed.length > 2 && memchr(trimmed.text, '"', trimmed.length) == NULL &&
	       (has_scheme(trimmed) || begins(trimmed, "www.") || is_mail(trimmed) || is_doi(trimmed) || is_path(trimmed));
}

/* --- code --------------------------------------------------------------------------------------------------- */

/* A small letter first, a small one directly before a capital somewhere. */
static bool is_camel_case(struct span word)
{
	if (word.text[0] < 'a' || word.text[0] > 'z')
		return false;
	for (size_t i = 1; i < word.length; i++)
		if (word.text[i] >= 'A' && word.text[i] <= 'Z' && word.text[i - 1] >= 'a' && word.text[i - 1] <= 'z')
			return true;
	return false;
}

/* name(...: but not the plural of "word(s)". */
static bool is_call(struct span word)
{
	static const char *const plurals[] = {"(s)", "(es)", "(ies)", "(ren)", "(d)", "(ed)", "(r)", "(n)"};
	const char *open = memchr(word.text, '(', word.length);
	if (open == NULL || open == word.text || (!is_alphanumeric(open[-1]) && open[-1] != '_'))
		return false;
	struct span behind = {open, word.length - (size_t)(open - word.text)};
	for (size_t i = 0; i < sizeof plurals / sizeof *plurals; i++)
		if (behind.length >= strlen(plurals[i]) && memcmp(behind.text, plurals[i], strlen(plurals[i])) == 0)
			return false;
	return behind.length > 1;
}

static bool has_operator(struct span word)
{
	static const char *const operators[] = {"::", "->", "=>", "==", "!=", "&&", "||", ":=", "+=", "-="};
	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
		if (find(word, operators[i]) < word.length)
			return true;
	for (size_t i = 1; i + 1 < word.length; i++)
		if (word.text[i] == '_' && is_alphanumeric(word.text[i - 1]) && is_alphanumeric(word.text[i + 1]))
			return true;
	return false;
}

static bool has_code_begin(struct span word)
{
	if (word.length < 2)
		return false;
	bool letter = is_letter(word.text[1]);
	if (word.text[0] == '$')
		return letter || word.text[1] == '{';
	if (word.text[0] == '\\')
		return letter;
	if (word.text[0] == '<')
		return (letter || word.text[1] == '/') && memchr(word.text, '>', word.length) != NULL;
	return word.length > 3 && word.text[0] == '-' && word.text[1] == '-' && is_letter(word.text[2]);
}

bool word_is_code(const char *word, size_t length)
{
	struct span whole = {word, length}, trimmed = trim(whole, "([{\"'", ".,;:!?)]}\"'");
	bool says_something = false; /* a brace or an operator alone says nothing where the rest is gone */
	for (size_t i = 0; i < trimmed.length; i++)
		says_something |= is_alphanumeric(trimmed.text[i]);
	return says_something && (is_call(whole) || has_operator(trimmed) || has_code_begin(trimmed) || is_camel_case(trimmed));
}

/* --- between backticks -------------------------------------------------------------------------------------- */

enum { LONGEST_QUOTED = 120 }; /* bytes of `...`: longer ones are two apostrophes far apart */

/* How many backticks stand at text[at]. */
static size_t ticks_at(const char *text, size_t length, size_t at)
{
	size_t n = 0;
	while (at + n < length && text[at + n] == '`')
		n++;
	return n;
}

/* The byte behind a `...` that opens at text[at]; 0: it does not close. */
static size_t quoted_end(const char *text, size_t length, size_t at)
{
	if ((at > 0 && is_alphanumeric(text[at - 1])) || at + 1 >= length || is_one_of(text[at + 1], " \t\n"))
		return 0;
	for (size_t i = at + 1; i < length && i - at <= LONGEST_QUOTED && text[i] != '\n'; i++)
		if (text[i] == '`')
			return text[i - 1] != ' ' && (i + 1 == length || (!is_alphanumeric(text[i + 1]) && text[i + 1] != '`'))
			               ? i + 1
			               : 0;
	return 0;
}

/* Do only spaces stand between the line's begin and text[at]? */
static bool begins_line(const char *text, size_t at)
{
	while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t'))
		at--;
	return at == 0 || text[at - 1] == '\n';
}

/* The byte behind a fence of n backticks that opens at text[at]; one that does not close goes on to the end. */
static size_t fence_end(const char *text, size_t length, size_t at, size_t n)
{
	for (size_t i = at + n; i < length;) {
		const char *tick = memchr(text + i, '`', length - i);
		if (tick == NULL)
			return length;
		i = (size_t)(tick - text);
		size_t here = ticks_at(text, length, i);
		if (here >= n && begins_line(text, i))
			return i + here;
		i += here;
	}
	return length;
}

bool quoted_code_next(const char *text, size_t length, size_t *at, size_t *begin, size_t *end)
{
	while (*at < length) {
		const char *tick = memchr(text + *at, '`', length - *at);
		if (tick == NULL)
			return false;
		*begin = (size_t)(tick - text);
		size_t n = ticks_at(text, length, *begin);
		*end = n == 1                                ? quoted_end(text, length, *begin)
		       : n >= 3 && begins_line(text, *begin) ? fence_end(text, length, *begin, n)
		                                             : 0;
		*at = *end > 0 ? *end : *begin + n;
		if (*end > 0)
			return true;
	}
	return false;
}
