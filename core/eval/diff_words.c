/*
 * Which words of a document came back, for marking losses on the screen:
 * a longest common subsequence of the words of both texts; what stands between
 * two common words was lost, added, or changed.
 */
#include "pith/evaluate.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/status.h"
#include "text/lcs.h"
#include "eval/words.h"

/* The words of one text: numbers and places. */
struct side {
	const char *text;
	size_t length;
	struct token_list ids;
	struct word_span *spans;
};

static bool side_read(struct side *side, struct word_table *table, const char *text, size_t length)
{
	*side = (struct side){.text = text, .length = length};
	struct word_span word;
	for (size_t position = 0; word_next_seen(text, length, &position, &word);) {
		int32_t id;
		if (!word_table_id(table, text + word.begin, word.end - word.begin, &id) || !token_list_append(&side->ids, id))
			return false;
	}
	side->spans = malloc((side->ids.n + 1) * sizeof *side->spans);
	if (side->spans == NULL)
		return false;
	size_t position = 0;
	for (size_t i = 0; i < side->ids.n; i++)
		word_next_seen(text, length, &position, &side->spans[i]);
	return true;
}

static void side_free(struct side *side)
{
	token_list_free(&side->ids);
	free(side->spans);
}

/* Word i, or the empty place behind the word before it. */
static void place(const struct side *side, size_t i, bool present, uint32_t *begin, uint32_t *end)
{
	if (present) {
		*begin = (uint32_t)side->spans[i].begin;
		*end = (uint32_t)side->spans[i].end;
	} else {
		*begin = *end = i == 0 ? 0 : (uint32_t)side->spans[i - 1].end;
	}
}

/* The alignment under construction; i and j are the next words of the two sides. */
struct alignment {
	struct pith_diff_word *words;
	size_t n;
	const struct side *reference, *candidate;
	size_t i, j;
};

static void emit(struct alignment *alignment, enum pith_diff_kind kind)
{
	struct pith_diff_word *word = &alignment->words[alignment->n++];
	word->kind = kind;
	place(alignment->reference, alignment->i, kind != PITH_ADDED, &word->begin, &word->end);
	place(alignment->candidate, alignment->j, kind != PITH_LOST, &word->other_begin, &word->other_end);
	alignment->i += kind != PITH_ADDED;
	alignment->j += kind != PITH_LOST;
}

/* Everything up to word i of the reference and word j of the candidate, which have nothing in common. */
static void emit_gap(struct alignment *alignment, size_t i, size_t j)
{
	while (alignment->i < i && alignment->j < j)
		emit(alignment, PITH_CHANGED);
	while (alignment->i < i)
		emit(alignment, PITH_LOST);
	while (alignment->j < j)
		emit(alignment, PITH_ADDED);
}

/* Aligns two sides whose words are numbered below n_ids. The result goes to alignment->words. False: no memory. */
static bool align(struct alignment *alignment, const struct side *reference, const struct side *candidate, size_t n_ids)
{
	*alignment = (struct alignment){.reference = reference, .candidate = candidate};
	size_t n_a = reference->ids.n, n_b = candidate->ids.n;
	/* Equal ends need no table, and matching them first keeps a change where it happened. */
	size_t head = 0, tail = 0;
	while (head < n_a && head < n_b && reference->ids.ids[head] == candidate->ids.ids[head])
		head++;
	while (tail < n_a - head && tail < n_b - head && reference->ids.ids[n_a - 1 - tail] == candidate->ids.ids[n_b - 1 - tail])
		tail++;
	alignment->words = malloc((n_a + n_b + 1) * sizeof *alignment->words);
	struct lcs *lcs = lcs_create(n_ids);
	const struct lcs_match *matches = NULL;
	size_t n_matches = 0;
	bool done = alignment->words != NULL && lcs != NULL;
	if (done && n_a > head + tail && n_b > head + tail)
		done = lcs_matches(lcs, reference->ids.ids + head, n_a - head - tail, candidate->ids.ids + head,
				   n_b - head - tail, &matches, &n_matches);
	if (done) {
		while (alignment->i < head)
			emit(alignment, PITH_SAME);
		for (size_t k = 0; k < n_matches; k++) {
			emit_gap(alignment, head + matches[k].a, head + matches[k].b);
			emit(alignment, PITH_SAME);
		}
		emit_gap(alignment, n_a - tail, n_b - tail);
		while (alignment->i < n_a)
			emit(alignment, PITH_SAME);
	}
	lcs_destroy(lcs);
	return done;
}

enum pith_status pith_diff_words(struct pith_diff_word **out, size_t *n, const char *reference, size_t reference_length,
				 const char *candidate, size_t candidate_length, struct pith_error *err)
{
	*out = NULL;
	*n = 0;
	if (reference_length > UINT32_MAX || candidate_length > UINT32_MAX)
		return fail(err, PITH_TOO_LONG, "A text of more than 4 GiB cannot be compared.");
	struct word_table table = {0};
	struct side sides[2] = {0};
	struct alignment alignment = {0};
	bool done = side_read(&sides[0], &table, reference, reference_length) &&
		    side_read(&sides[1], &table, candidate, candidate_length) && align(&alignment, &sides[0], &sides[1], table.n);
	word_table_free(&table);
	side_free(&sides[0]);
	side_free(&sides[1]);
	if (!done) {
		free(alignment.words);
		return fail_memory(err, "comparing two texts");
	}
	*out = alignment.words;
	*n = alignment.n;
	return PITH_OK;
}
