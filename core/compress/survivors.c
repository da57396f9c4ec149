#include "compress/survivors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/select_words.h"

/* White space belongs to the word before it, at the begin of the document to the first one. */
static void assign_tokens(struct survivors *survivors)
{
	const struct pith_document *document = survivors->document;
	size_t w = 0;
	for (size_t t = 0; t < document->n_tokens; t++) {
		while (w + 1 < survivors->n_words && document->tokens[t].end > survivors->words[w + 1].begin &&
		       document->tokens[t].begin >= survivors->words[w].end)
			w++;
		survivors->word_of[t] = w;
	}
}

enum pith_status survivors_create(struct survivors *survivors, const struct pith_document *document, struct pith_word *words,
				  size_t n_words, struct pith_error *err)
{
	size_t n = document->n_tokens;
	*survivors = (struct survivors){.document = document, .words = words, .n_words = n_words};
	survivors->word_of = malloc(n * sizeof *survivors->word_of);
	survivors->tokens = malloc(n * sizeof *survivors->tokens);
	survivors->order = malloc((n_words + 1) * sizeof *survivors->order);
	survivors->scores = calloc(n, sizeof *survivors->scores);
	if (survivors->word_of == NULL || survivors->tokens == NULL || survivors->order == NULL || survivors->scores == NULL)
		return fail_memory(err, "the words that are left");
	assign_tokens(survivors);
	return PITH_OK;
}

void survivors_free(struct survivors *survivors)
{
	free(survivors->word_of);
	free(survivors->tokens);
	free(survivors->order);
	free(survivors->scores);
	*survivors = (struct survivors){0};
}

void survivors_add(struct survivors *survivors, size_t begin, size_t end)
{
	for (size_t t = begin; t < end; t++)
		survivors->tokens[survivors->n++] = t;
}

/* The place behind the last one of the word at place first. */
static size_t word_end(const struct survivors *survivors, size_t first)
{
	size_t place = first, w = survivors->word_of[survivors->tokens[first]];
	while (place < survivors->n && survivors->word_of[survivors->tokens[place]] == w)
		place++;
	return place;
}

/* Is the token part of its word, and not the white space around it? */
static bool in_word(const struct survivors *survivors, size_t token, const struct pith_word *word)
{
	const struct pith_token *t = &survivors->document->tokens[token];
	return t->begin < word->end && t->end > word->begin;
}

void survivors_rank(struct survivors *survivors, size_t first, float base)
{
	for (size_t place = first, end; place < survivors->n; place = end) {
		struct pith_word *word = &survivors->words[survivors->word_of[survivors->tokens[place]]];
		double sum = 0;
		size_t n = 0;
		end = word_end(survivors, place);
		for (size_t i = place; i < end; i++) {
			if (!in_word(survivors, survivors->tokens[i], word))
				continue;
			sum += (double)survivors->scores[survivors->tokens[i]];
			n++;
		}
		word->score = base + (n > 0 && isfinite(sum) ? (float)(sum / (double)n) : 0); /* a NaN has no rank */
	}
}

void survivors_share_scores(struct survivors *survivors)
{
	size_t n = survivors->document->n_tokens;
	for (size_t t = 0; t < n; t++) {
		size_t owner = survivors->word_of[t], next = t + 1 < n ? survivors->word_of[t + 1] : survivors->n_words;
		for (size_t w = owner + 1; w < next; w++)
			survivors->words[w].score = survivors->words[owner].score;
	}
}

size_t survivors_cut(struct survivors *survivors, size_t first, size_t budget, size_t *n_kept)
{
	size_t n = 0, to = first, first_gone = SIZE_MAX;
	for (size_t place = first; place < survivors->n; place = word_end(survivors, place))
		survivors->order[n++] = &survivors->words[survivors->word_of[survivors->tokens[place]]];
	*n_kept = keep_best_words(survivors->order, n, budget);
	for (size_t place = first; place < survivors->n; place++) {
		size_t token = survivors->tokens[place];
		if (survivors->words[survivors->word_of[token]].kept)
			survivors->tokens[to++] = token;
		else if (first_gone == SIZE_MAX)
			first_gone = place;
	}
	survivors->n = to;
	return first_gone == SIZE_MAX ? to : first_gone;
}

size_t survivors_segment_end(const struct survivors *survivors, size_t begin, size_t size)
{
	size_t n = survivors->document->n_tokens;
	if (n - begin <= size)
		return n;
	size_t end = begin + size;
	while (end > begin && survivors->word_of[end] == survivors->word_of[end - 1])
		end--;
	return end > begin ? end : begin + size;
}
