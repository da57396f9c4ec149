#define _GNU_SOURCE
#include "train/renaming.h"

#include <ctype.h>
#include <string.h>

enum {
	MOST_LINES = 8,      /* questions about a document that are looked at, each way */
	LONGEST_ANSWER = 6,  /* words; longer answers stay */
	SHORTEST_WORD = 4,   /* letters of a shared word without a digit */
	TRIES = 4,           /* other lines that are asked for a word of the same kind */
};

/* A piece of a text. */
struct piece {
	size_t begin, end;
};

static bool is_word_byte(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

void renaming_clear(struct renaming *renaming)
{
	renaming->n = 0;
}

void renaming_free(struct renaming *renaming)
{
	for (size_t i = 0; i < MOST_RENAMED; i++) {
		buffer_free(&renaming->pairs[i].from);
		buffer_free(&renaming->pairs[i].to);
	}
	*renaming = (struct renaming){0};
}

/* --- words and what they are like ------------------------------------------------------------------------ */

enum kind { KIND_LOWER, KIND_NAME, KIND_NUMBER };

static enum kind kind_of(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (isdigit((unsigned char)text[i]))
			return KIND_NUMBER;
	return length > 0 && isupper((unsigned char)text[0]) ? KIND_NAME : KIND_LOWER;
}

static size_t count_words(const char *text, size_t length)
{
	size_t n = 0;
	for (size_t i = 0; i < length; i++)
		n += is_word_byte(text[i]) && (i == 0 || !is_word_byte(text[i - 1]));
	return n;
}

/* The next word at or behind i; empty: none. */
static struct piece next_word(const char *text, size_t length, size_t i)
{
	struct piece word;
	while (i < length && !is_word_byte(text[i]))
		i++;
	word.begin = i;
	while (i < length && is_word_byte(text[i]))
		i++;
	word.end = i;
	return word;
}

/* Where needle stands in text as whole words, from i on; NULL: nowhere. */
static const char *find_whole(const char *text, size_t length, size_t i, const char *needle, size_t n)
{
	while (n > 0 && i + n <= length) {
		const char *found = memmem(text + i, length - i, needle, n);
		if (found == NULL)
			return NULL;
		size_t at = (size_t)(found - text);
		bool begins = at == 0 || !is_word_byte(text[at - 1]) || !is_word_byte(needle[0]);
		bool ends = at + n == length || !is_word_byte(text[at + n]) || !is_word_byte(needle[n - 1]);
		if (begins && ends)
			return found;
		i = at + 1;
	}
	return NULL;
}

/* --- drawing ----------------------------------------------------------------------------------------------- */

struct drawing {
	struct renaming *renaming;
	const struct jsonl *file;
	const char *context;
	size_t length;
	double share;
	struct random_state *random;
};

static bool is_renamed(const struct renaming *renaming, const char *from, size_t n)
{
	for (size_t i = 0; i < renaming->n; i++)
		if (renaming->pairs[i].from.length == n && memcmp(renaming->pairs[i].from.data, from, n) == 0)
			return true;
	return false;
}

/* A word of a text that is like another in kind and, about, in length; empty: none near a random place. */
static struct piece word_like(const char *text, size_t length, enum kind kind, size_t n, struct random_state *random)
{
	struct piece none = {0, 0};
	size_t i = length == 0 ? 0 : random_below(random, length);
	while (i > 0 && is_word_byte(text[i - 1]))
		i--;
	for (int tries = 0; tries < 40; tries++) {
		struct piece word = next_word(text, length, i);
		size_t size = word.end - word.begin;
		if (size == 0)
			return none;
		if (kind_of(text + word.begin, size) == kind && size + 3 >= n && size <= n + 3 &&
		    (kind == KIND_NUMBER || size >= SHORTEST_WORD))
			return word;
		i = word.end;
	}
	return none;
}

/* What another line has in this place: an answer for an answer, a word for a word. */
static bool take_from_line(struct drawing *d, struct buffer *to, const char *from, size_t n, bool answer)
{
	struct jsonl_record *record;
	size_t length = 0;
	enum kind kind = kind_of(from, n);
	bool ok = true;
	buffer_clear(to);
	if (jsonl_read(&record, d->file, random_below(d->random, jsonl_n_lines(d->file)), NULL) != PITH_OK)
		return true;
	if (answer && jsonl_n_strings(record, "answers") > 0) {
		const char *other = jsonl_string_at(record, "answers", 0);
		length = other == NULL ? 0 : strlen(other);
		if (length > 0 && kind_of(other, length) == kind && count_words(other, length) <= LONGEST_ANSWER)
			ok = buffer_append(to, other, length);
	} else {
		const char *other = jsonl_string(record, "context", &length);
		struct piece word = other == NULL ? (struct piece){0, 0} : word_like(other, length, kind, n, d->random);
		if (word.end > word.begin)
			ok = buffer_append(to, other + word.begin, word.end - word.begin);
	}
	jsonl_record_free(record);
	return ok;
}

static bool rename_piece(struct drawing *d, const char *from, size_t n, bool answer)
{
	struct renaming *renaming = d->renaming;
	if (renaming->n == MOST_RENAMED || is_renamed(renaming, from, n))
		return true;
	struct buffer *to = &renaming->pairs[renaming->n].to, *kept = &renaming->pairs[renaming->n].from;
	for (int i = 0; i < TRIES; i++) {
		if (!take_from_line(d, to, from, n, answer))
			return false;
		/* What stands in the text already would make two of one. */
		if (to->length == 0 || find_whole(d->context, d->length, 0, to->data, to->length) != NULL)
			continue;
		buffer_clear(kept);
		renaming->n++;
		return buffer_append(kept, from, n);
	}
	return true;
}

static bool rename_answer(struct drawing *d, const struct jsonl_record *record)
{
	for (size_t i = 0; i < jsonl_n_strings(record, "answers"); i++) {
		const char *answer = jsonl_string_at(record, "answers", i);
		size_t n = answer == NULL ? 0 : strlen(answer);
		if (n == 0 || count_words(answer, n) > LONGEST_ANSWER || find_whole(d->context, d->length, 0, answer, n) == NULL)
			continue;
		return random_uniform(d->random) >= d->share || rename_piece(d, answer, n, true);
	}
	return true;
}

static bool rename_shared_words(struct drawing *d, const char *question, size_t length)
{
	const double of_share = 0.2;
	for (struct piece word = next_word(question, length, 0); word.end > word.begin;
	     word = next_word(question, length, word.end)) {
		const char *from = question + word.begin;
		size_t n = word.end - word.begin;
		/* The first word is the question's own. */
		if (word.begin == 0 || (kind_of(from, n) == KIND_LOWER && n < SHORTEST_WORD) ||
		    random_uniform(d->random) >= of_share * d->share || find_whole(d->context, d->length, 0, from, n) == NULL)
			continue;
		if (!rename_piece(d, from, n, false))
			return false;
	}
	return true;
}

/* *same: is the line about the document? */
static bool rename_line(struct drawing *d, size_t line, bool *same)
{
	struct jsonl_record *record;
	size_t length, n;
	*same = false;
	if (line >= jsonl_n_lines(d->file) || jsonl_read(&record, d->file, line, NULL) != PITH_OK)
		return true;
	const char *context = jsonl_string(record, "context", &length), *question = jsonl_string(record, "question", &n);
	*same = context != NULL && question != NULL && length == d->length && memcmp(context, d->context, length) == 0;
	bool ok = !*same || (rename_answer(d, record) && rename_shared_words(d, question, n));
	jsonl_record_free(record);
	return ok;
}

bool renaming_draw(struct renaming *renaming, const struct jsonl *file, size_t line, double share, struct random_state *random)
{
	struct jsonl_record *record;
	struct drawing d = {.renaming = renaming, .file = file, .share = share, .random = random};
	renaming_clear(renaming);
	if (jsonl_read(&record, file, line, NULL) != PITH_OK)
		return true;
	d.context = jsonl_string(record, "context", &d.length);
	bool ok = true, same = d.context != NULL;
	for (size_t i = 0; ok && same && i < MOST_LINES; i++)
		ok = rename_line(&d, line + i, &same);
	same = d.context != NULL;
	for (size_t i = 1; ok && same && i < MOST_LINES && i <= line; i++)
		ok = rename_line(&d, line - i, &same);
	jsonl_record_free(record);
	return ok;
}

/* --- applying ---------------------------------------------------------------------------------------------- */

/* The longest pair whose words stand at text + i; NULL: none. */
static const struct buffer *pair_at(const struct renaming *renaming, const char *text, size_t length, size_t i,
                                    const struct buffer **to)
{
	const struct buffer *best = NULL;
	for (size_t p = 0; p < renaming->n; p++) {
		const struct buffer *from = &renaming->pairs[p].from;
		if (from->length > length - i || memcmp(text + i, from->data, from->length) != 0 ||
		    (best != NULL && from->length <= best->length))
			continue;
		if (i + from->length < length && is_word_byte(text[i + from->length]) &&
		    is_word_byte(from->data[from->length - 1]))
			continue;
		best = from;
		*to = &renaming->pairs[p].to;
	}
	return best;
}

bool renaming_apply(const struct renaming *renaming, const char *text, size_t length, struct buffer *out)
{
	size_t copied = 0;
	for (size_t i = 0; i < length;) {
		bool begins = i == 0 || !is_word_byte(text[i - 1]) || !is_word_byte(text[i]);
		const struct buffer *to, *from = begins ? pair_at(renaming, text, length, i, &to) : NULL;
		if (from == NULL) {
			i++;
			continue;
		}
		if (!buffer_append(out, text + copied, i - copied) || !buffer_append(out, to->data, to->length))
			return false;
		copied = i += from->length;
	}
	return buffer_append(out, text + copied, length - copied);
}
