/*
 * What can be wrong with the rewrite of a chunk, and how often it was: faults, for which words of the chunk take its place, and
 * the failure signatures of models that were asked to shorten a text. Pure functions of texts and counts.
 */
#ifndef COMPRESS_REWRITE_CHECK_H
#define COMPRESS_REWRITE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Why a rewrite is not used. */
enum rewrite_fault {
	REWRITE_FINE,
	REWRITE_UNASKED,     /* the options want none */
	REWRITE_TOO_SHORT,   /* too few tokens to ask for */
	REWRITE_EMPTY,
	REWRITE_LOOP,
	REWRITE_OVER_BUDGET, /* twice */
	REWRITE_ANSWER,      /* of a question in the text */
	REWRITE_DRIFT,       /* another language, or about something else */
	REWRITE_FACTS,       /* it loses more than the words of the chunk do */
	REWRITE_SAYS_LESS,   /* than these words */
	N_REWRITE_FAULTS
};

/* The failure signatures that are named. */
enum rewrite_sign {
	SIGN_DRIFT,
	SIGN_OVER_COMPRESSION, /* less than half of the budget was used */
	SIGN_ANSWER,
	SIGN_SHORT_INPUT,      /* facts were lost of a text of fewer than 64 tokens */
	N_REWRITE_SIGNS
};

/* What stands in a chunk and not in what was made of it. */
struct rewrite_facts {
	size_t numbers, negations, names, pins;
};
struct rewrite_facts rewrite_facts_lost(const char *text, size_t length, const char *other, size_t other_length);
bool rewrite_facts_any(const struct rewrite_facts *facts);
/* Fewer pins, or as many and fewer other facts. */
bool rewrite_loses_less(const struct rewrite_facts *a, const struct rewrite_facts *b);
/* Does text hold these bytes? */
bool rewrite_holds(const struct buffer *text, const char *bytes, size_t length);

/* The fault of a rewrite by itself, not beside the words of the chunk; answers and drift count only where checks_facts says so. */
enum rewrite_fault rewrite_fault_of(const char *text, size_t length, const struct buffer *rewrite, bool looped, bool over_budget,
                                    bool checks_facts);

/* Of all chunks of a document. */
struct rewrite_tally {
	size_t n_extractive;              /* chunks that their own words stand for */
	size_t faults[N_REWRITE_FAULTS];  /* of the rewrites of these */
	size_t n_in_words;                /* chunks that the model wrote a second time, in their own words */
	size_t in_words[N_REWRITE_FAULTS]; /* faults of what it had written first */
	size_t signs[N_REWRITE_SIGNS];   /* of rewrites, used or not */
	struct rewrite_facts lost;       /* in rewrites that were used; not pins, which are told of the whole text */
};
void rewrite_tally_facts(struct rewrite_tally *tally, const struct rewrite_facts *facts);
/* A rewrite with this fault was not used. */
void rewrite_tally_replaced(struct rewrite_tally *tally, enum rewrite_fault fault, bool in_words);
/* Counts the signs of a rewrite of a chunk of n_tokens that cost tokens of budget. */
void rewrite_tally_signs(struct rewrite_tally *tally, const char *text, size_t length, size_t n_tokens,
                         const struct buffer *rewrite, size_t cost, size_t budget);
/* Sentences for the screen, "" when there is nothing to say; n_pins_lost in the whole text. */
void rewrite_tally_note(const struct rewrite_tally *tally, size_t n_chunks, size_t n_pins_lost, char *note, size_t size);

#endif
