/*
 * Speaking again: the document back from its compressed form, and answers from
 * the full text or from the compressed form. Greedy, streaming through
 * control->text.
 */
#ifndef PITH_EXPAND_H
#define PITH_EXPAND_H

#include <stdbool.h>

#include "pith/compress.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Why generation ended. */
enum pith_stop {
	PITH_STOP_END,   /* the model said it was done */
	PITH_STOP_LIMIT, /* max_tokens were made */
	PITH_STOP_LOOP,  /* the same words came again and again */
	PITH_STOP_EMPTY, /* nothing came at all */
};
const char *pith_stop_sentence(enum pith_stop stop); /* one sentence for the screen; "" for PITH_STOP_END */

struct pith_generated {
	char *text; /* NUL-terminated, valid UTF-8; freed by pith_generated_free */
	size_t length;
	size_t n_tokens;       /* tokens generated */
	size_t n_prompt_tokens; /* tokens, memory tokens included, that the model had to read */
	size_t n_regenerated;  /* answers: tokens of the document that were regenerated to read the answer from; 0: none */
	bool narrowed;         /* answers: of a longer text, the sentences nearest to the question were read */
	double seconds;        /* everything */
	double first_token_seconds;
	enum pith_stop stop;
};
void pith_generated_free(struct pith_generated *generated);

/*
 * The document back from memory rows; max_tokens 0: a little more than the
 * original had. Extractive results are refused: their text is already text.
 * A text that was kept (below, by a question, by pith_refine()) comes at once,
 * in one piece, with the figures of when it was made.
 */
enum pith_status pith_regenerate(struct pith_generated *out, struct pith_model *model, const struct pith_compressed *compressed,
                                 size_t max_tokens, const struct pith_control *control, struct pith_error *err);

/*
 * What pith_regenerate() gave of memory rows without a limit, kept (a copy) in compressed: questions are answered from it, and
 * pith_regenerate() gives it again, without regenerating it once more.
 */
enum pith_status pith_compressed_keep_text(struct pith_compressed *compressed, const struct pith_generated *generated,
                                           struct pith_error *err);

/*
 * An answer to question from a text (full, or extractively compressed). max_tokens 0: 48. A model with an adapter for reading
 * reads, of a text longer than its span_tokens (4 bytes each), the sentences that share words with the question, and chooses:
 * of the runs of words there and of what it says freely, what has most in common with all that is likely. Such an answer streams
 * in one piece. Any other model reads all of the text, and says the likeliest token each time.
 */
enum pith_status pith_answer_text(struct pith_generated *out, struct pith_model *model, const char *text, size_t length,
                                  const char *question, size_t max_tokens, const struct pith_control *control,
                                  struct pith_error *err);

/*
 * An answer from a compressed result. Memory rows for answers are read as they
 * are. Where there are rows for regeneration only, the text is regenerated from
 * them (once: it is kept in compressed, as by pith_compressed_keep_text()) and the answer
 * read from that, or from as many of its sentences as fit the context, those
 * that share words with the question first; out->n_regenerated says so.
 */
enum pith_status pith_answer_compressed(struct pith_generated *out, struct pith_model *model, struct pith_compressed *compressed,
                                        const char *question, size_t max_tokens, const struct pith_control *control,
                                        struct pith_error *err);

#ifdef __cplusplus
}
#endif
#endif
