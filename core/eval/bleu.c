/*
 * Sentence BLEU (Papineni et al. 2002) as sacrebleu computes it: tokens of
 * mteval-v13a, clipped counts of up to four words, exponential smoothing
 * (Chen and Cherry 2014, method 3), effective order, brevity penalty.
 */
#include "pith/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "eval/words.h"

enum { MAX_ORDER = 4 };

static bool is_ascii_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_stop(char c)
{
	return c == '.' || c == ',';
}

/* ASCII symbols that are words of their own wherever they stand; stops, dashes and apostrophes are not among them. */
static bool is_symbol(char c)
{
	return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') ||
	       (c >= ':' && c <= '@') || c == '/';
}

/* Replaces every occurrence of from, left to right, in place; to is not longer than from. */
static void replace(struct buffer *text, const char *from, const char *to)
{
	size_t from_length = strlen(from), to_length = strlen(to);
	size_t read = 0, write = 0;
	while (read < text->length) {
		if (text->length - read >= from_length && memcmp(text->data + read, from, from_length) == 0) {
			memcpy(text->data + write, to, to_length);
			read += from_length;
			write += to_length;
		} else {
			text->data[write++] = text->data[read++];
		}
	}
	text->length = write;
	text->data[write] = '\0';
}

/* Up to two characters with spaces where the pattern has them. */
static bool append_spaced(struct buffer *out, const char *before, char first, const char *between, char second, const char *after)
{
	return buffer_append_string(out, before) && buffer_append(out, &first, 1) && buffer_append_string(out, between) &&
	       (second == '\0' || buffer_append(out, &second, 1)) && buffer_append_string(out, after);
}

static bool isolate_symbols(struct buffer *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		const char *space = is_symbol(text[i]) ? " " : "";
		if (!append_spaced(out, space, text[i], space, '\0', ""))
			return false;
	}
	return true;
}

/* A stop behind anything but a digit. As in a regular expression, what one match took the next cannot use. */
static bool split_stops_after(struct buffer *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		bool match = i + 1 < length && !is_ascii_digit(text[i]) && is_stop(text[i + 1]);
		if (!(match ? append_spaced(out, "", text[i], " ", text[i + 1], " ") : buffer_append(out, text + i, 1)))
			return false;
		i += match;
	}
	return true;
}

/* A stop before anything but a digit. */
static bool split_stops_before(struct buffer *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		bool match = i + 1 < length && is_stop(text[i]) && !is_ascii_digit(text[i + 1]);
		if (!(match ? append_spaced(out, " ", text[i], " ", text[i + 1], "") : buffer_append(out, text + i, 1)))
			return false;
		i += match;
	}
	return true;
}

static bool split_dashes(struct buffer *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		bool match = i + 1 < length && is_ascii_digit(text[i]) && text[i + 1] == '-';
		if (!(match ? append_spaced(out, "", text[i], " ", text[i + 1], " ") : buffer_append(out, text + i, 1)))
			return false;
		i += match;
	}
	return true;
}

/* The text with spaces between its 13a tokens, in *out. */
static bool tokenize_13a(struct buffer *out, const char *text)
{
	static bool (*const passes[])(struct buffer *, const char *, size_t) = {isolate_symbols, split_stops_after,
										split_stops_before, split_dashes};
	/* White space at the end goes first: there a dash keeps its line feed. That at the beginning does no harm. */
	struct buffer other = {0};
	bool done = buffer_append(out, " ", 1) && buffer_append(out, text, word_trim(text, strlen(text)).end);
	if (done) {
		replace(out, "<skipped>", "");
		replace(out, "-\n", "");
		replace(out, "\n", " ");
		replace(out, "&quot;", "\"");
		replace(out, "&amp;", "&");
		replace(out, "&lt;", "<");
		replace(out, "&gt;", ">");
		done = buffer_append(out, " ", 1);
	}
	for (size_t i = 0; done && i < sizeof passes / sizeof *passes; i++) {
		buffer_clear(&other);
		done = passes[i](&other, out->data, out->length);
		struct buffer swapped = *out;
		*out = other;
		other = swapped;
	}
	buffer_free(&other);
	return done;
}

/* Numbers of the n-grams of one text, written over those of the (n-1)-grams; a number stands for the same words in both texts. */
static bool next_order(struct token_list *grams, struct word_table *table, uint64_t *pairs)
{
	size_t n = grams->n > 0 ? grams->n - 1 : 0;
	for (size_t i = 0; i < n; i++) {
		pairs[i] = (uint64_t)grams->ids[i] << 32 | (uint64_t)grams->ids[i + 1];
		if (!word_table_id(table, &pairs[i], sizeof pairs[i], &grams->ids[i]))
			return false;
	}
	grams->n = n;
	return true;
}

/* N-grams of the candidate that the reference has, each as often as the reference has it. False: no memory. */
static bool count_matches(const struct token_list *reference, const struct token_list *candidate, size_t n_ids, size_t *n)
{
	uint32_t *counts = calloc(n_ids + 1, sizeof *counts);
	if (counts == NULL)
		return false;
	for (size_t i = 0; i < reference->n; i++)
		counts[reference->ids[i]]++;
	*n = 0;
	for (size_t i = 0; i < candidate->n; i++) {
		if (counts[candidate->ids[i]] > 0) {
			counts[candidate->ids[i]]--;
			++*n;
		}
	}
	free(counts);
	return true;
}

/* The score from matches and totals by order. */
static double combine(const size_t *matches, const size_t *totals, size_t reference_length)
{
	if (matches[0] == 0)
		return 0; /* no word, so no n-gram */
	double sum = 0, smoothing = 1;
	int order = 0;
	while (order < MAX_ORDER && totals[order] > 0) {
		double matched = (double)matches[order];
		if (matches[order] == 0) {
			smoothing *= 2;
			matched = 1 / smoothing;
		}
		sum += log(matched / (double)totals[order]);
		order++;
	}
	double length = (double)totals[0];
	double penalty = totals[0] < reference_length ? exp(1 - (double)reference_length / length) : 1;
	double score = penalty * exp(sum / order);
	return score > 1 ? 1 : score;
}

/* BLEU of two texts whose words are numbered by *table; the lists are used up. 0 when memory runs out. */
static double score_words(struct token_list *reference, struct token_list *candidate, struct word_table *table)
{
	size_t matches[MAX_ORDER] = {0}, totals[MAX_ORDER] = {0};
	size_t reference_length = reference->n;
	size_t n_ids = table->n;
	struct word_table grams = {0};
	uint64_t *pairs = calloc(reference->n + candidate->n + 1, sizeof *pairs);
	bool done = pairs != NULL;
	for (int order = 0; done && order < MAX_ORDER; order++) {
		if (order > 0) {
			uint64_t *candidate_pairs = pairs + reference->n;
			word_table_free(&grams);
			done = next_order(reference, &grams, pairs) && next_order(candidate, &grams, candidate_pairs);
			n_ids = grams.n;
		}
		totals[order] = candidate->n;
		done = done && count_matches(reference, candidate, n_ids, &matches[order]);
	}
	word_table_free(&grams);
	free(pairs);
	return done ? combine(matches, totals, reference_length) : 0;
}

double pith_bleu(const char *reference, const char *candidate)
{
	struct buffer tokens[2] = {{0}, {0}};
	struct token_list ids[2] = {{0}, {0}};
	struct word_table table = {0};
	double score = 0;
	if (tokenize_13a(&tokens[0], reference) && tokenize_13a(&tokens[1], candidate) &&
	    word_append_ids(&ids[0], &table, tokens[0].data, tokens[0].length) &&
	    word_append_ids(&ids[1], &table, tokens[1].data, tokens[1].length))
		score = score_words(&ids[0], &ids[1], &table);
	word_table_free(&table);
	for (int i = 0; i < 2; i++) {
		token_list_free(&ids[i]);
		buffer_free(&tokens[i]);
	}
	return score;
}
