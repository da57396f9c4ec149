#include "text/evidence.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text/sentences.h"
#include "text/stems.h"

enum { MOST_STEMS = 64 }; /* of a question */

struct piece {
	size_t begin, end;
	uint64_t shared;  /* bit i: it holds stem i of the question */
	double score;
	bool chosen;
};

struct evidence {
	char stems[MOST_STEMS][STEM_SIZE];
	size_t n_stems;
	struct piece *pieces;
	size_t n, capacity;
};

static size_t find_stem(const struct evidence *e, const char *stem)
{
	size_t i = 0;
	while (i < e->n_stems && strcmp(e->stems[i], stem) != 0)
		i++;
	return i;
}

static void read_question(struct evidence *e, const char *question)
{
	char stem[STEM_SIZE];
	size_t length = strlen(question);
	for (size_t at = 0; e->n_stems < MOST_STEMS && next_stem(question, length, &at, stem);)
		if (find_stem(e, stem) == e->n_stems)
			memcpy(e->stems[e->n_stems++], stem, sizeof stem);
}

static bool add_piece(struct evidence *e, const char *text, size_t begin, size_t end)
{
	char stem[STEM_SIZE];
	if (e->n == e->capacity) {
		size_t capacity = 2 * e->capacity + 16;
		struct piece *grown = realloc(e->pieces, capacity * sizeof *grown);
		if (grown == NULL)
			return false;
		e->pieces = grown;
		e->capacity = capacity;
	}
	struct piece piece = {.begin = begin, .end = end};
	for (size_t at = begin; next_stem(text, end, &at, stem);) {
		size_t i = find_stem(e, stem);
		if (i < e->n_stems)
			piece.shared |= (uint64_t)1 << i;
	}
	e->pieces[e->n++] = piece;
	return true;
}

/* Where a piece of up to most bytes ends: behind white space in its second half, or at the end of a character. */
static size_t cut(const char *text, size_t begin, size_t end, size_t most)
{
	if (end - begin <= most)
		return end;
	size_t at = begin + most;
	while (at > begin + most / 2 && text[at - 1] != ' ' && text[at - 1] != '\n')
		at--;
	if (at > begin + most / 2)
		return at;
	at = begin + most;
	while (at > begin + 1 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	return at;
}

static bool split(struct evidence *e, const char *text, size_t length, size_t most)
{
	size_t sentence = 0; /* where the one at work ends: asked once for all its pieces */
	for (size_t begin = 0; begin < length;) {
		if (begin == sentence)
			sentence = sentence_end(text, length, begin);
		size_t end = cut(text, begin, sentence, most);
		if (!add_piece(e, text, begin, end))
			return false;
		begin = end;
	}
	return true;
}

/* A word is worth the more the fewer of the pieces hold it. */
static void score(struct evidence *e)
{
	double worth[MOST_STEMS];
	for (size_t s = 0; s < e->n_stems; s++) {
		size_t n_holding = 0;
		for (size_t i = 0; i < e->n; i++)
			n_holding += e->pieces[i].shared >> s & 1;
		worth[s] = n_holding == 0 ? 0 : log(1 + (double)e->n / (double)n_holding);
	}
	for (size_t i = 0; i < e->n; i++) {
		struct piece *piece = &e->pieces[i];
		for (size_t s = 0; s < e->n_stems; s++)
			piece->score += piece->shared >> s & 1 ? worth[s] : 0;
	}
}

static int compare_pieces(const void *a, const void *b)
{
	const struct piece *x = *(const struct piece *const *)a, *y = *(const struct piece *const *)b;
	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	return x->begin < y->begin ? -1 : 1;
}

static bool choose(struct evidence *e, size_t most)
{
	struct piece **order = malloc(e->n * sizeof *order);
	if (order == NULL)
		return false;
	for (size_t i = 0; i < e->n; i++)
		order[i] = &e->pieces[i];
	qsort(order, e->n, sizeof *order, compare_pieces);
	for (size_t i = 0, used = 0; i < e->n; i++) {
		size_t size = order[i]->end - order[i]->begin;
		if (size > most - used)
			continue;
		order[i]->chosen = true;
		used += size;
	}
	free(order);
	return true;
}

bool evidence_find(struct buffer *out, const char *text, size_t length, const char *question, size_t most)
{
	if (length <= most || most == 0)
		return buffer_append(out, text, most == 0 ? 0 : length);
	struct evidence *e = calloc(1, sizeof *e);
	if (e == NULL)
		return false;
	read_question(e, question);
	bool ok = split(e, text, length, most);
	if (ok) {
		score(e);
		ok = choose(e, most);
	}
	for (size_t i = 0; ok && i < e->n; i++)
		if (e->pieces[i].chosen)
			ok = buffer_append(out, text + e->pieces[i].begin, e->pieces[i].end - e->pieces[i].begin);
	while (ok && out->length > 0 && (out->data[out->length - 1] == ' ' || out->data[out->length - 1] == '\n'))
		out->data[--out->length] = '\0';
	free(e->pieces);
	free(e);
	return ok;
}
