#include "compress/select_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compress/words.h"

struct selection {
	const struct pith_document *document;
	struct pith_word *words;
	size_t n;
	size_t *order;   /* (n) words, the most wanted first */
	size_t budget;
	struct buffer text;
	struct token_list tokens;
	size_t count;    /* tokens of text */
};

/* Recounts: joins what is kept and tokenises it. A word's tokens depend on what stands before it, so only this is exact. */
static enum pith_status count(struct selection *s, struct pith_error *err)
{
	buffer_clear(&s->text);
	s->tokens.n = 0;
	if (!buffer_append(&s->text, "", 0) || !words_join(&s->text, s->document->text, s->words, s->n))
		return fail_memory(err, "the compressed text");
	enum pith_status status =
		tokenizer_encode(s->document->model->tokenizer, s->text.data, s->text.length, &s->tokens, err);
	s->count = s->tokens.n;
	return status;
}

struct ranked {
	const struct pith_word *word;
	size_t index;
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->word->must_keep != y->word->must_keep)
		return x->word->must_keep ? -1 : 1;
	if (x->word->score != y->word->score)
		return x->word->score > y->word->score ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

static enum pith_status rank_words(struct selection *s, struct pith_error *err)
{
	struct ranked *ranked = malloc((s->n + 1) * sizeof *ranked);
	s->order = malloc((s->n + 1) * sizeof *s->order);
	if (ranked == NULL || s->order == NULL) {
		free(ranked);
		return fail_memory(err, "the ranking");
	}
	for (size_t i = 0; i < s->n; i++)
		ranked[i] = (struct ranked){&s->words[i], i};
	qsort(ranked, s->n, sizeof *ranked, compare_ranked);
	for (size_t i = 0; i < s->n; i++)
		s->order[i] = ranked[i].index;
	free(ranked);
	return PITH_OK;
}

/* A first choice by the words' own token counts: nearly right, cheap. */
static void choose_greedily(struct selection *s)
{
	size_t left = s->budget;
	for (size_t i = 0; i < s->n; i++) {
		struct pith_word *word = &s->words[s->order[i]];
		word->kept = word->n_tokens <= left;
		if (word->kept)
			left -= word->n_tokens;
	}
}

/* Drops the least wanted words until the text fits. Many at first, one at a time at the end. */
static enum pith_status shrink(struct selection *s, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	size_t i = s->n;
	while (status == PITH_OK && s->count > s->budget && i > 0) {
		size_t excess = s->count - s->budget, dropped = 0;
		while (i > 0 && (dropped == 0 || dropped + s->words[s->order[i - 1]].n_tokens <= excess)) {
			struct pith_word *word = &s->words[s->order[--i]];
			dropped += word->kept ? word->n_tokens : 0;
			word->kept = false;
		}
		status = count(s, err);
	}
	return status;
}

enum { TRIES = 96 }; /* recounts that filling up may cost */

/* Tries whether keeping the word leaves the text within the budget; keeps it if so. *kept says. */
static enum pith_status try_word(struct selection *s, struct pith_word *word, bool *kept, struct pith_error *err)
{
	word->kept = true;
	enum pith_status status = count(s, err);
	*kept = status == PITH_OK && s->count <= s->budget;
	if (!*kept)
		word->kept = false;
	return status;
}

/* Adds words, the most wanted first, that fit into what is left. */
static enum pith_status fill_up(struct selection *s, int *tries, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < s->n && s->count < s->budget && *tries > 0; i++) {
		struct pith_word *word = &s->words[s->order[i]];
		if (word->kept || word->n_tokens > s->budget - s->count)
			continue;
		bool kept;
		(*tries)--;
		status = try_word(s, word, &kept, err);
		if (status == PITH_OK && !kept)
			status = count(s, err);
	}
	return status;
}

/* A token or two are missing and no word fits: exchange a kept word for a longer one, the least wanted first. */
static enum pith_status exchange(struct selection *s, int *tries, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	for (size_t i = s->n; status == PITH_OK && i-- > 0 && s->count < s->budget && *tries > 0;) {
		struct pith_word *out = &s->words[s->order[i]];
		size_t wanted = out->n_tokens + (s->budget - s->count);
		if (!out->kept || out->must_keep)
			continue;
		size_t j = 0;
		while (j < s->n && (s->words[s->order[j]].kept || s->words[s->order[j]].n_tokens != wanted))
			j++;
		if (j == s->n)
			continue;
		struct pith_word *in = &s->words[s->order[j]];
		size_t before = s->count;
		bool kept;
		(*tries)--;
		out->kept = false;
		status = try_word(s, in, &kept, err);
		if (status == PITH_OK && (!kept || s->count <= before)) {
			in->kept = false;
			out->kept = true;
			status = count(s, err);
		}
	}
	return status;
}

static void write_note(struct pith_compressed *out, const struct selection *s)
{
	size_t lost = 0;
	for (size_t i = 0; i < s->n; i++)
		lost += s->words[i].must_keep && !s->words[i].kept;
	out->info.n_must_keep_dropped = lost;
	if (s->count == 0)
		snprintf(out->note, sizeof out->note, "No word fits into %zu token%s: the compressed text is empty.", s->budget,
		         s->budget == 1 ? "" : "s");
	else if (lost > 0)
		snprintf(out->note, sizeof out->note,
		         "The words that must be kept do not all fit: %zu of them %s dropped.", lost, lost == 1 ? "was" : "were");
	else if (s->count < s->budget)
		snprintf(out->note, sizeof out->note, "No choice of whole words has exactly %zu tokens; this has %zu.", s->budget,
		         s->count);
}

enum pith_status select_words(struct pith_compressed *out, struct pith_document *document, struct pith_word *words, size_t n,
                              struct pith_error *err)
{
	struct selection s = {.document = document, .words = words, .n = n, .budget = out->info.budget_tokens};
	int tries = TRIES;
	enum pith_status status = rank_words(&s, err);
	if (status == PITH_OK) {
		choose_greedily(&s);
		status = count(&s, err);
	}
	if (status == PITH_OK)
		status = shrink(&s, err);
	if (status == PITH_OK)
		status = fill_up(&s, &tries, err);
	if (status == PITH_OK)
		status = exchange(&s, &tries, err);
	if (status == PITH_OK) {
		out->text = s.text.data;
		out->text_length = s.text.length;
		out->info.compressed_tokens = s.count;
		out->info.compressed_bytes = s.text.length;
		write_note(out, &s);
		s.text = (struct buffer){0};
	}
	buffer_free(&s.text);
	token_list_free(&s.tokens);
	free(s.order);
	return status;
}
