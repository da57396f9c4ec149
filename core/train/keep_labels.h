/*
 * Labels for a keep head without a teacher that is paid for: which words of a
 * text a person kept who wrote its short form (a title, a summary, the
 * questions that were asked of it with their answers). Compared are stems of
 * content words, so that "improves" finds "improving".
 */
#ifndef TRAIN_KEEP_LABELS_H
#define TRAIN_KEEP_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/status.h"
#include "compress/document.h"
#include "formats/jsonl.h"

/* A text, and what somebody said of it in short. Zeroed, or read; freed in any case. */
struct keep_pair {
	struct jsonl_record *record; /* owns text */
	const char *text;            /* NULL: the line has none, or no short form of it */
	size_t length;
	struct buffer short_form;    /* a target or a title; of a context, questions and answers, a line each */
	size_t next_line;            /* behind those that were read */
};
/* The text of a line, with the lines behind it that are questions about the same context; all: with those before it, too. */
enum pith_status keep_pair_read(struct keep_pair *pair, const struct jsonl *file, size_t line, bool all, struct pith_error *err);
void keep_pair_free(struct keep_pair *pair);

/*
 * labels (n): does the word hold a stem of the short form? *hit_rate: share of
 * the stems of the short form that the words hold; 0 when it has none. A pair
 * with a low one is badly aligned, and is better left out.
 */
enum pith_status keep_labels(bool *labels, double *hit_rate, const char *text, const struct pith_word *words, size_t n,
                             const char *short_form, size_t short_length, struct pith_error *err);

/* The same for the first n tokens of a document: those of their words; -1 where a token is not part of one. */
enum pith_status keep_label_tokens(float *labels, size_t n, double *hit_rate, const struct pith_document *document,
                                   const struct buffer *short_form, struct pith_error *err);

/* The first tokens of a piece of a text, with their labels as above. Zeroed, or read; freed in any case. */
struct keep_piece {
	struct pith_token *tokens; /* (n) */
	float *labels;             /* (n) */
	size_t n;
	double hit_rate;
};
enum pith_status keep_piece_read(struct keep_piece *piece, const struct tokenizer *tokenizer, const char *text, size_t length,
                                 size_t most_tokens, const struct buffer *short_form, struct pith_error *err);
void keep_piece_free(struct keep_piece *piece);

#endif
