#include "compress/select_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compress/coherence.h"
#include "compress/exact_sum.h"
#include "compress/protected.h"
#include "compress/words.h"

/* Kept words on each side of a change that are looked at for what it changes: split patterns reach no further in practice. */
enum { CONTEXT = 2 };

struct selection {
	const struct pith_document *document;
	struct pith_word *words;
	size_t n;
	size_t *order;   /* (n) words, the most wanted first */
	size_t budget;
	struct buffer text, part;
	struct token_list tokens;
	size_t count;    /* tokens of the kept text */
	size_t *added;   /* (n) words that fill_up() took since n_added was set to 0 */
	size_t n_added;
	int tries;       /* left */
	size_t looks;    /* left: words that may be passed while others are tried */
};

/* Joins the kept ones of words [first, end) into text and says how many tokens it has. */
static enum pith_status count_range(struct selection *s, struct buffer *text, size_t first, size_t end, size_t *n_tokens,
                                    struct pith_error *err)
{
	buffer_clear(text);
	s->tokens.n = 0;
	if (!buffer_append(text, "", 0) || !words_join(text, s->document->text, s->words + first, end - first))
		return fail_memory(err, "the compressed text");
	enum pith_status status = tokenizer_encode(s->document->model->tokenizer, text->data, text->length, &s->tokens, err);
	*n_tokens = s->tokens.n;
	return status;
}

/* Recounts everything. A word's tokens depend on what stands before it, so only this is exact. */
static enum pith_status count(struct selection *s, struct pith_error *err)
{
	return count_range(s, &s->text, 0, s->n, &s->count, err);
}

static void look(struct selection *s, size_t n)
{
	s->looks -= n < s->looks ? n : s->looks;
}

static bool may_try(const struct selection *s)
{
	return s->tries > 0 && s->looks > 0;
}

/* Tokens of word w, if it is kept, with the kept words around it. */
static enum pith_status count_around(struct selection *s, size_t w, size_t *n_tokens, struct pith_error *err)
{
	size_t first = w, end = w + 1, from = w, to = w + 1;
	for (size_t wanted = CONTEXT; from > 0 && wanted > 0;) {
		if (s->words[--from].kept) {
			first = from;
			wanted--;
		}
	}
	for (size_t wanted = CONTEXT; to < s->n && wanted > 0; to++) {
		if (s->words[to].kept) {
			end = to + 1;
			wanted--;
		}
	}
	look(s, to - from);
	return count_range(s, &s->part, first, end, n_tokens, err);
}

/* Keeps or drops word w. The count follows by what changes around the word: nearly always right, and cheap in a long text. */
static enum pith_status change(struct selection *s, size_t w, bool kept, struct pith_error *err)
{
	size_t before = 0, after = 0;
	enum pith_status status = count_around(s, w, &before, err);
	s->words[w].kept = kept;
	if (status == PITH_OK)
		status = count_around(s, w, &after, err);
	s->count = s->count + after > before ? s->count + after - before : 0;
	return status;
}

static int compare_words(const void *a, const void *b)
{
	const struct pith_word *const *x = a, *const *y = b;
	if (protected_rank(*x) != protected_rank(*y))
		return protected_rank(*x) > protected_rank(*y) ? -1 : 1;
	if ((*x)->score != (*y)->score)
		return (*x)->score > (*y)->score ? -1 : 1;
	return (*x)->begin < (*y)->begin ? -1 : 1;
}

/* Keeps the word if its own tokens fit into what is left, and takes them from it. */
static void keep_if_it_fits(struct pith_word *word, size_t *left)
{
	word->kept = word->n_tokens <= *left;
	*left -= word->kept ? word->n_tokens : 0;
}

size_t keep_best_words(struct pith_word **words, size_t n, size_t budget)
{
	size_t left = budget;
	qsort(words, n, sizeof *words, compare_words);
	for (size_t i = 0; i < n; i++)
		keep_if_it_fits(words[i], &left);
	return budget - left;
}

/* The order, and with it a first choice by the words' own token counts: nearly right, cheap. */
static enum pith_status rank_words(struct selection *s, double coherence, struct pith_error *err)
{
	struct pith_word **ranked = malloc((s->n + 1) * sizeof(struct pith_word *));
	s->order = malloc((s->n + 1) * sizeof *s->order);
	s->added = malloc((s->n + 1) * sizeof *s->added);
	if (ranked == NULL || s->order == NULL || s->added == NULL) {
		free(ranked);
		return fail_memory(err, "the ranking");
	}
	for (size_t i = 0; i < s->n; i++)
		ranked[i] = &s->words[i];
	qsort(ranked, s->n, sizeof *ranked, compare_words);
	for (size_t i = 0; i < s->n; i++)
		s->order[i] = (size_t)(ranked[i] - s->words);
	free(ranked);
	if (!coherence_sort(s->order, s->words, s->n, s->document->text, s->document->length, s->budget, coherence))
		return fail_memory(err, "the ranking");
	size_t left = s->budget;
	for (size_t i = 0; i < s->n; i++)
		keep_if_it_fits(&s->words[s->order[i]], &left);
	return PITH_OK;
}

/* Drops the least wanted words until the text fits. */
static enum pith_status shrink(struct selection *s, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	for (size_t i = s->n; status == PITH_OK && s->count > s->budget && i-- > 0;)
		if (s->words[s->order[i]].kept)
			status = change(s, s->order[i], false, err);
	return status;
}

enum {
	TRIES = 4096, /* words that may be tried in vain or not: microseconds each */
	LOOKS = 16,   /* times all words, or LOOKS_AT_LEAST words, that may be passed on the way: what is wanted may be far off */
	LOOKS_AT_LEAST = 1 << 24,
	ROUNDS = 4,       /* as often a wrong guess of the count is put right */
	MOST_TOKENS = 32, /* of a word that is worth exchanging for another */
	TURNCOATS = 64,   /* words of each side that are considered when several are exchanged for several */
};

/* Adds words, the most wanted first, that fit into what is left. Not the word barred; n bars none. */
static enum pith_status fill_up(struct selection *s, size_t barred, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < s->n && s->count < s->budget && may_try(s); i++) {
		size_t w = s->order[i], before = s->count;
		look(s, 1);
		if (w == barred || s->words[w].kept || s->words[w].n_tokens > s->budget - s->count)
			continue;
		s->tries--;
		status = change(s, w, true, err);
		if (s->count > s->budget) {
			s->words[w].kept = false;
			s->count = before;
		} else {
			s->added[s->n_added++] = w;
		}
	}
	return status;
}

/*
 * Moves *at to the next place of the order where a word of n_tokens tokens stands that is not kept, from the end on to the
 * begin again; false: there is none, and *at stays past the end so that nobody looks again.
 */
static bool next_spare(const struct selection *s, size_t n_tokens, size_t *at)
{
	for (int turn = 0; turn < 2 && *at <= s->n; turn++) {
		while (*at < s->n && (s->words[s->order[*at]].kept || s->words[s->order[*at]].n_tokens != n_tokens))
			(*at)++;
		if (*at < s->n)
			return true;
		*at = turn == 0 ? 0 : s->n + 1;
	}
	return false;
}

/* A token or two are missing and no word fits: exchange a kept word for a longer one, the least wanted first. */
static enum pith_status exchange(struct selection *s, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	size_t at[MOST_TOKENS + 1] = {0}; /* by tokens: the same word is not tried twice in a row */
	for (size_t i = s->n; status == PITH_OK && i-- > 0 && s->count < s->budget && may_try(s);) {
		size_t out = s->order[i], before = s->count;
		size_t wanted = s->words[out].n_tokens + (s->budget - s->count);
		if (!s->words[out].kept || wanted > MOST_TOKENS || !next_spare(s, wanted, &at[wanted]))
			continue;
		size_t in = s->order[at[wanted]++];
		if (protected_rank(&s->words[out]) > protected_rank(&s->words[in]))
			continue;
		s->tries--;
		status = change(s, out, false, err);
		if (status == PITH_OK)
			status = change(s, in, true, err);
		if (s->count > s->budget || s->count <= before) {
			s->words[in].kept = false;
			s->words[out].kept = true;
			s->count = before;
		}
	}
	return status;
}

/* Still missing: drop a kept word and fill up anew, with several others perhaps, until that meets the budget. */
static enum pith_status refill(struct selection *s, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	for (size_t i = s->n; status == PITH_OK && i-- > 0 && s->count < s->budget && may_try(s);) {
		size_t out = s->order[i], before = s->count;
		if (!s->words[out].kept)
			continue;
		bool as_good = protected_rank(&s->words[out]) == 0;
		s->n_added = 0;
		status = change(s, out, false, err);
		if (status == PITH_OK)
			status = fill_up(s, out, err);
		for (size_t j = 0; j < s->n_added; j++)
			as_good |= protected_rank(&s->words[s->added[j]]) >= protected_rank(&s->words[out]);
		if (s->count == s->budget && as_good)
			break;
		for (size_t j = 0; j < s->n_added; j++)
			s->words[s->added[j]].kept = false;
		s->words[out].kept = true;
		s->count = before;
	}
	return status;
}

/* Words that may change sides: of the kept ones the least wanted, of the others the most wanted. */
struct turncoats {
	size_t words[2 * TURNCOATS];
	int sizes[2 * TURNCOATS]; /* what the count gains by each */
	size_t n;
};

/* No word goes for one of a lower rank: those that may go have at most this one, those that may come at least. */
static void find_turncoats(struct turncoats *t, const struct selection *s, int rank)
{
	size_t n_out = 0, n_in = 0;
	t->n = 0;
	for (size_t i = s->n; i-- > 0 && n_out < TURNCOATS;) {
		size_t w = s->order[i];
		if (!s->words[w].kept || protected_rank(&s->words[w]) > rank || s->words[w].n_tokens > EXACT_SUM_MOST)
			continue;
		n_out++;
		t->words[t->n] = w;
		t->sizes[t->n++] = -(int)s->words[w].n_tokens;
	}
	for (size_t i = 0; i < s->n && n_in < TURNCOATS; i++) {
		size_t w = s->order[i];
		if (s->words[w].kept || protected_rank(&s->words[w]) < rank || s->words[w].n_tokens > EXACT_SUM_MOST)
			continue;
		n_in++;
		t->words[t->n] = w;
		t->sizes[t->n++] = (int)s->words[w].n_tokens;
	}
}

static enum pith_status turn(struct selection *s, const struct turncoats *t, const bool *chosen, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < t->n; i++)
		if (chosen[i])
			status = change(s, t->words[i], !s->words[t->words[i]].kept, err);
	return status;
}

/* Takes the fewest changes that should add `wanted` tokens; those stay if they bring the count nearer to the budget. */
static enum pith_status turn_for(struct selection *s, const struct turncoats *t, int wanted, struct pith_error *err)
{
	bool chosen[2 * TURNCOATS], found;
	size_t before = s->count;
	if (!exact_sum(&found, chosen, t->sizes, t->n, wanted))
		return fail_memory(err, "the choice of words");
	if (!found)
		return PITH_OK;
	enum pith_status status = turn(s, t, chosen, err);
	if (status == PITH_OK && (s->count > s->budget || s->count <= before)) {
		status = turn(s, t, chosen, err); /* back */
		s->count = before;
	}
	return status;
}

/* Still missing: several words for several others, as few as do it by their own tokens. */
static enum pith_status exchange_several(struct selection *s, struct pith_error *err)
{
	/* What a word costs among others is not always what it costs alone: a token or two beside it may be what is asked for. */
	static const int beside[] = {0, 1, -1, 2, -2};
	enum { N_BESIDE = sizeof beside / sizeof *beside };
	enum pith_status status = PITH_OK;
	for (int rank = 0; rank <= 2; rank++)
		for (size_t i = 0; status == PITH_OK && i < N_BESIDE && s->count < s->budget;) {
			struct turncoats t;
			size_t before = s->count, gap = s->budget - s->count;
			find_turncoats(&t, s, rank);
			int wanted = gap > EXACT_SUM_MOST ? 0 : (int)gap + beside[i];
			if (wanted > 0)
				status = turn_for(s, &t, wanted, err);
			i = s->count > before ? 0 : i + 1; /* nearer: once more from there */
		}
	return status;
}

/* From a choice that is nearly right to one that has exactly the budget, if there is one to be found. */
static enum pith_status meet_budget(struct selection *s, struct pith_error *err)
{
	enum pith_status status = count(s, err);
	s->tries = TRIES;
	s->looks = s->n < LOOKS_AT_LEAST / LOOKS ? LOOKS_AT_LEAST : LOOKS * s->n;
	for (int round = 0; status == PITH_OK && round < ROUNDS && s->count != s->budget; round++) {
		status = shrink(s, err);
		s->n_added = 0;
		if (status == PITH_OK)
			status = fill_up(s, s->n, err);
		if (status == PITH_OK)
			status = exchange(s, err);
		if (status == PITH_OK)
			status = refill(s, err);
		if (status == PITH_OK && s->count < s->budget)
			status = exchange_several(s, err);
		size_t guess = s->count;
		if (status == PITH_OK)
			status = count(s, err);
		if (s->count == guess)
			break;
	}
	/* Whatever was guessed, the budget is kept: every turn drops a word at least. */
	while (status == PITH_OK && s->count > s->budget) {
		status = shrink(s, err);
		if (status == PITH_OK)
			status = count(s, err);
	}
	return status;
}

static void write_note(struct pith_compressed *out, const struct selection *s)
{
	size_t lost = 0, size = sizeof out->note;
	int n = 0;
	for (size_t i = 0; i < s->n; i++)
		lost += s->words[i].must_keep && !s->words[i].kept;
	out->info.n_must_keep_dropped = lost;
	if (s->n == 0)
		snprintf(out->note, size, "The document has no words: the compressed text is empty.");
	else if (s->count == 0)
		snprintf(out->note, size, "No word fits into %zu token%s: the compressed text is empty.", s->budget,
		         s->budget == 1 ? "" : "s");
	else if (lost > 0)
		n = snprintf(out->note, size, "The words that must be kept do not all fit: %zu of them %s dropped.", lost,
		             lost == 1 ? "was" : "were");
	if (s->count > 0 && s->count < s->budget)
		snprintf(out->note + n, size - (size_t)n,
		         "%sNo choice of whole words was found that has exactly %zu tokens; this has %zu.", n > 0 ? " " : "",
		         s->budget, s->count);
}

/* Everything is wanted: the document as it stands, with the white space around it. */
static enum pith_status keep_all(struct selection *s, struct pith_error *err)
{
	for (size_t i = 0; i < s->n; i++)
		s->words[i].kept = true;
	s->count = s->document->n_tokens;
	return buffer_append(&s->text, s->document->text, s->document->length) ? PITH_OK
									       : fail_memory(err, "the compressed text");
}

enum pith_status select_words(struct pith_compressed *out, struct pith_document *document, struct pith_word *words, size_t n,
                              double coherence, struct pith_error *err)
{
	struct selection s = {.document = document, .words = words, .n = n, .budget = out->info.budget_tokens};
	enum pith_status status;
	if (!protected_limit_names(words, n, s.budget)) {
		status = fail_memory(err, "the names");
	} else if (s.budget >= document->n_tokens) {
		status = keep_all(&s, err);
	} else {
		status = rank_words(&s, coherence, err);
		if (status == PITH_OK)
			status = meet_budget(&s, err);
	}
	if (status == PITH_OK) {
		out->text = s.text.data;
		out->text_length = s.text.length;
		out->info.compressed_tokens = s.count;
		out->info.compressed_bytes = s.text.length;
		write_note(out, &s);
		s.text = (struct buffer){0};
	}
	buffer_free(&s.text);
	buffer_free(&s.part);
	token_list_free(&s.tokens);
	free(s.order);
	free(s.added);
	return status;
}
