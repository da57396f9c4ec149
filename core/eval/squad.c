/*
 * Exact match and F1 of SQuAD (Rajpurkar et al. 2016): lower case, ASCII
 * punctuation deleted, the articles a, an, the deleted, then words between
 * white space. When a side has no words the rule of SQuAD 2.0 holds: F1 is 1 if
 * both have none and 0 otherwise. No answers at all count as one empty answer.
 * Sub-span match is that of LLMLingua's evaluation (metrics.py, best_subspan_em).
 */
#include "pith/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "eval/words.h"
#include "text/unicode.h"

static bool is_ascii_punctuation(char c)
{
	return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/* \w of a regular expression on Unicode text; the underscore is punctuation and already gone. */
static bool is_word_character(int32_t code)
{
	return code >= 0 && (unicode_is_letter(code) || unicode_is_digit(code));
}

static bool is_article(const char *word, size_t length)
{
	return (length == 1 && memcmp(word, "a", 1) == 0) || (length == 2 && memcmp(word, "an", 2) == 0) ||
	       (length == 3 && memcmp(word, "the", 3) == 0);
}

static void delete_punctuation(struct buffer *text)
{
	size_t write = 0;
	for (size_t i = 0; i < text->length; i++)
		if (!is_ascii_punctuation(text->data[i]))
			text->data[write++] = text->data[i];
	text->length = write;
	if (text->data != NULL)
		text->data[write] = '\0';
}

/* Articles between word boundaries become blanks, not only between white space: "the-" or "the\u2019s" holds one. */
static void blank_articles(struct buffer *text)
{
	size_t begin = 0, at = 0;
	while (at < text->length) {
		int32_t code;
		size_t step = unicode_next(text->data + at, text->length - at, &code);
		if (!is_word_character(code)) {
			if (is_article(text->data + begin, at - begin))
				memset(text->data + begin, ' ', at - begin);
			begin = at + step;
		}
		at += step;
	}
	if (is_article(text->data + begin, at - begin))
		memset(text->data + begin, ' ', at - begin);
}

/* A text after normalisation, as word ids; the table borrows from *normal. */
struct answer {
	struct buffer normal;
	struct token_list words;
};

static void answer_free(struct answer *answer)
{
	buffer_free(&answer->normal);
	token_list_free(&answer->words);
}

/* The words with one blank between them. */
static bool join_words(struct buffer *out, const struct buffer *normal)
{
	struct word_span word;
	size_t position = 0;
	bool done = buffer_append(out, "", 0);
	while (done && word_next(normal->data, normal->length, &position, &word))
		done = (out->length == 0 || buffer_append_string(out, " ")) &&
		       buffer_append(out, normal->data + word.begin, word.end - word.begin);
	return done;
}

static bool answer_read(struct answer *answer, struct word_table *table, const char *text)
{
	if (!word_append_lower(&answer->normal, text, strlen(text)))
		return false;
	delete_punctuation(&answer->normal);
	blank_articles(&answer->normal);
	return word_append_ids(&answer->words, table, answer->normal.data, answer->normal.length);
}

static double exact_match(const struct answer *gold, const struct answer *candidate, size_t n_ids)
{
	(void)n_ids; /* only F1 counts words by id */
	size_t n = gold->words.n;
	return n == candidate->words.n &&
	       (n == 0 || memcmp(gold->words.ids, candidate->words.ids, n * sizeof *gold->words.ids) == 0);
}

static double f1(const struct answer *gold, const struct answer *candidate, size_t n_ids)
{
	if (gold->words.n == 0 || candidate->words.n == 0)
		return gold->words.n == candidate->words.n;
	size_t *counts = calloc(n_ids, sizeof *counts);
	if (counts == NULL)
		return 0;
	for (size_t i = 0; i < gold->words.n; i++)
		counts[gold->words.ids[i]]++;
	size_t n_common = 0;
	for (size_t i = 0; i < candidate->words.n; i++) {
		size_t *left = &counts[candidate->words.ids[i]];
		n_common += *left > 0;
		*left -= *left > 0;
	}
	free(counts);
	return 2 * (double)n_common / (double)(gold->words.n + candidate->words.n);
}

/* As substrings, whatever the words: "9" stands in "19". */
static double sub_match(const struct answer *gold, const struct answer *candidate, size_t n_ids)
{
	(void)n_ids;
	struct buffer inner = {0}, outer = {0};
	bool found = join_words(&inner, &gold->normal) && join_words(&outer, &candidate->normal) &&
		     (inner.length == 0 || (outer.length > 0 && strstr(outer.data, inner.data) != NULL));
	buffer_free(&inner);
	buffer_free(&outer);
	return found;
}

typedef double answer_score_fn(const struct answer *gold, const struct answer *candidate, size_t n_ids);

static double score_one(answer_score_fn *score, const char *gold_text, const char *candidate_text)
{
	struct word_table table = {0};
	struct answer gold = {0}, candidate = {0};
	double value = 0;
	if (answer_read(&gold, &table, gold_text) && answer_read(&candidate, &table, candidate_text))
		value = score(&gold, &candidate, table.n);
	word_table_free(&table);
	answer_free(&gold);
	answer_free(&candidate);
	return value;
}

static double best_score(answer_score_fn *score, const char *const *answers, size_t n_answers, const char *candidate)
{
	if (n_answers == 0)
		return score_one(score, "", candidate);
	double best = 0;
	for (size_t i = 0; i < n_answers; i++) {
		double value = score_one(score, answers[i], candidate);
		if (value > best)
			best = value;
	}
	return best;
}

double pith_squad_em(const char *const *answers, size_t n_answers, const char *candidate)
{
	return best_score(exact_match, answers, n_answers, candidate);
}

double pith_squad_f1(const char *const *answers, size_t n_answers, const char *candidate)
{
	return best_score(f1, answers, n_answers, candidate);
}

double pith_squad_sub_em(const char *const *answers, size_t n_answers, const char *candidate)
{
	struct buffer line = {0};
	double score = 0;
	if (buffer_append(&line, candidate, strcspn(candidate, "\n")))
		score = best_score(sub_match, answers, n_answers, line.data);
	buffer_free(&line);
	return score;
}
