/*
 * Refining the memory rows of one span (pith/refine.h): the reader gets the
 * right text behind the span's rows (teacher forcing), the loss's gradient
 * comes back through keys and values, Adam changes them. When every token is the
 * most likely one given the right tokens before it, greedy regeneration is
 * right by induction, so that is where it ends. Where the whole text at once
 * gets no further it grows: first its beginning, then a few tokens more each
 * time that all before them are right (Progressive Cramming: 99 % of the tokens
 * right given the right ones before them often give a text that derails at once).
 */
#ifndef COMPRESS_REFINE_SPAN_H
#define COMPRESS_REFINE_SPAN_H

#include "compress/rows.h"
#include "model/model.h"
#include "model/trace.h"
#include "pith/refine.h"

/* What a thread refines with, one span after another. */
struct refine_desk {
	const struct transformer *transformer; /* borrowed */
	const struct adapter *reader;          /* of the rows, borrowed; NULL: the base alone */
	enum precision first_precision;        /* bf16 where that is possible; the last steps are always in fp32 */
	struct trace trace;
	struct scratch head;
};
enum pith_status refine_desk_init(struct refine_desk *desk, const struct transformer *transformer, const struct adapter *reader,
                                  enum precision first_precision, struct pith_error *err);
void refine_desk_free(struct refine_desk *desk); /* one that is all zero is allowed */

/* A span at work. Arrays of n_values have the order of struct rows; those of n are one for each reader token. */
struct refine_span {
	struct refine_desk *desk;
	struct batch batch;
	struct sequence sequence;
	enum precision precision;
	size_t k, n;       /* memory rows; tokens of the span and its end */
	size_t n_values;
	int32_t *ids, *positions, *targets; /* (n) */
	float *weights, *losses;            /* (n) */
	bool *correct;                      /* (n) */
	float *rows;       /* (n_values): as they are now, ... */
	float *best;       /* (n_values): ... and the best of all that were measured */
	float *gradient, *first_moment, *second_moment; /* (n_values) */
	size_t n_correct, matched, best_matched;
	double loss, best_loss; /* nats a token; best_loss is infinite before anything was measured */
	size_t limit;      /* tokens that count: n, or when the text grows those up to here */
	int mark_step;     /* when the loss was last found to fall, ... */
	double mark_loss;  /* ... and what it was then */
};

/* tokens: of the span; rows (span->n_rows, row_floats): where it starts, copied. */
enum pith_status refine_span_open(struct refine_span *s, struct refine_desk *desk, const struct tokenizer *tokenizer,
                                  const struct pith_token *tokens, const struct rows_span *span, const float *rows,
                                  size_t row_floats, struct pith_error *err);
void refine_span_close(struct refine_span *s);

/* What the span costs the base with nothing remembered: the cross-entropy of its tokens, in nats. */
enum pith_status refine_span_cost(struct refine_span *s, double *nats, struct pith_error *err);
/* Loss, correctness and gradient at the rows as they are; the best ones met are kept. */
enum pith_status refine_span_measure(struct refine_span *s, struct pith_error *err);
bool refine_span_is_right(const struct refine_span *s);
/* Changes the rows as the last measure says: step `step`, from 0, of at most options->n_steps. */
void refine_span_change(struct refine_span *s, int step, const struct pith_refine_options *options);

#endif
