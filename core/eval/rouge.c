/*
 * ROUGE-L (Lin 2004, "ROUGE: A package for automatic evaluation of summaries")
 * in the two forms that compression papers report.
 *
 * pith_rouge_l follows the rouge-score package: one sequence of words a text.
 * pith_rouge_l_set follows the rouge package with exclusive sets: each sentence
 * of the reference against each of the candidate, the words of all their common
 * subsequences in one set. Its sentences are whatever stands between full
 * stops; white space alone between two stops is a sentence of one empty word.
 */
#include "pith/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "text/lcs.h"
#include "eval/words.h"

/* The ids of the [a-z0-9]+ runs of a text in lower case; the table borrows from *lower. */
static bool alphanumeric_ids(struct token_list *ids, struct word_table *table, struct buffer *lower, const char *text)
{
	if (!word_append_lower(lower, text, strlen(text)))
		return false;
	size_t begin = 0;
	for (size_t i = 0; i <= lower->length; i++) {
		char c = i < lower->length ? lower->data[i] : ' ';
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			continue;
		int32_t id;
		if (i > begin && (!word_table_id(table, lower->data + begin, i - begin, &id) || !token_list_append(ids, id)))
			return false;
		begin = i + 1;
	}
	return true;
}

double pith_rouge_l(const char *reference, const char *candidate)
{
	struct buffer lower[2] = {{0}, {0}};
	struct token_list ids[2] = {{0}, {0}};
	struct word_table table = {0};
	struct lcs *lcs = NULL;
	double score = 0;
	if (!alphanumeric_ids(&ids[0], &table, &lower[0], reference) || !alphanumeric_ids(&ids[1], &table, &lower[1], candidate))
		goto done;
	lcs = lcs_create(table.n);
	size_t length;
	if (lcs == NULL || !lcs_length(lcs, ids[0].ids, ids[0].n, ids[1].ids, ids[1].n, &length) || length == 0)
		goto done;
	double precision = (double)length / (double)ids[1].n;
	double recall = (double)length / (double)ids[0].n;
	score = 2 * precision * recall / (precision + recall);
done:
	lcs_destroy(lcs);
	word_table_free(&table);
	for (int i = 0; i < 2; i++) {
		token_list_free(&ids[i]);
		buffer_free(&lower[i]);
	}
	return score;
}

/* A text as sentences of word ids: sentence i is words[ends[i - 1], ends[i]). */
struct sentences {
	struct token_list words;
	struct token_list ends;
};

static const int32_t *sentence(const struct sentences *sentences, size_t i, size_t *n)
{
	size_t begin = i == 0 ? 0 : (size_t)sentences->ends.ids[i - 1];
	*n = (size_t)sentences->ends.ids[i] - begin;
	return sentences->words.ids + begin;
}

static void sentences_free(struct sentences *sentences)
{
	token_list_free(&sentences->words);
	token_list_free(&sentences->ends);
}

static bool split_sentences(struct sentences *sentences, struct word_table *table, const char *text)
{
	for (;;) {
		size_t length = strcspn(text, ".");
		size_t before = sentences->words.n;
		if (!word_append_ids(&sentences->words, table, text, length))
			return false;
		int32_t empty;
		if (length > 0 && sentences->words.n == before &&
		    (!word_table_id(table, "", 0, &empty) || !token_list_append(&sentences->words, empty)))
			return false;
		if (sentences->words.n > INT32_MAX ||
		    (length > 0 && !token_list_append(&sentences->ends, (int32_t)sentences->words.n)))
			return false;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

/* What is known of each distinct word while the union grows. */
struct word_marks {
	bool in_union;
	int32_t text;     /* the text that was counted last and holds it; -1: none */
	int32_t sentence; /* the candidate's sentence that was marked last and holds it; -1: none */
};

/* Distinct words of a text; number tells the texts apart. */
static size_t count_distinct(struct word_marks *marks, const struct token_list *words, int32_t number)
{
	size_t n = 0;
	for (size_t i = 0; i < words->n; i++) {
		struct word_marks *mark = &marks[words->ids[i]];
		n += mark->text != number;
		mark->text = number;
	}
	return n;
}

/* Puts the common words of candidate sentence number into the union, against every sentence of the reference. */
static bool unite(struct lcs *lcs, struct word_marks *marks, const struct sentences *reference, const struct sentences *candidate,
		  size_t number, size_t *n_union)
{
	size_t n_b;
	const int32_t *b = sentence(candidate, number, &n_b);
	for (size_t j = 0; j < n_b; j++)
		marks[b[j]].sentence = (int32_t)number;
	for (size_t i = 0; i < reference->ends.n; i++) {
		size_t n_a;
		const int32_t *a = sentence(reference, i, &n_a);
		/* Most pairs of sentences have nothing to add: no table for them. */
		bool may_add = false;
		for (size_t k = 0; k < n_a && !may_add; k++)
			may_add = marks[a[k]].sentence == (int32_t)number && !marks[a[k]].in_union;
		if (!may_add)
			continue;
		const struct lcs_match *matches;
		size_t n;
		if (!lcs_matches(lcs, a, n_a, b, n_b, &matches, &n))
			return false;
		for (size_t k = 0; k < n; k++) {
			struct word_marks *mark = &marks[a[matches[k].a]];
			*n_union += !mark->in_union;
			mark->in_union = true;
		}
	}
	return true;
}

/* The score of two texts that have sentences; 0 when memory runs out. */
static double union_score(const struct sentences *reference, const struct sentences *candidate, size_t n_ids)
{
	double score = 0;
	struct lcs *lcs = lcs_create(n_ids);
	struct word_marks *marks = malloc(n_ids * sizeof *marks);
	if (lcs == NULL || marks == NULL)
		goto done;
	for (size_t i = 0; i < n_ids; i++)
		marks[i] = (struct word_marks){.in_union = false, .text = -1, .sentence = -1};
	size_t n_reference = count_distinct(marks, &reference->words, 0);
	size_t n_candidate = count_distinct(marks, &candidate->words, 1);
	size_t n_union = 0;
	for (size_t i = 0; i < candidate->ends.n; i++)
		if (!unite(lcs, marks, reference, candidate, i, &n_union))
			goto done;
	double recall = (double)n_union / (double)n_reference;
	double precision = (double)n_union / (double)n_candidate;
	score = 2.0 * (precision * recall / (precision + recall + 1e-8));
done:
	free(marks);
	lcs_destroy(lcs);
	return score;
}

double pith_rouge_l_set(const char *reference, const char *candidate)
{
	struct word_table table = {0};
	struct sentences sentences[2] = {0};
	double score = 0;
	if (split_sentences(&sentences[0], &table, reference) && split_sentences(&sentences[1], &table, candidate) &&
	    sentences[0].ends.n > 0 && sentences[1].ends.n > 0)
		score = union_score(&sentences[0], &sentences[1], table.n);
	word_table_free(&table);
	sentences_free(&sentences[0]);
	sentences_free(&sentences[1]);
	return score;
}
