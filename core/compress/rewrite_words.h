/*
 * The words of a chunk, which stand for its rewrite where that cannot be used, and by which a rewrite is measured: what is worth
 * saying, as the rewriting adapter sees it where it has learned that, and the trained head of llmlingua2 beside it; else the head
 * alone, else self-information.
 * What was said before counts half where it stands again, and a number that stands again need not be kept again.
 */
#ifndef COMPRESS_REWRITE_WORDS_H
#define COMPRESS_REWRITE_WORDS_H

#include "base/buffer.h"
#include "base/random.h"
#include "compress/document.h"

struct rewrite_words {
	struct pith_document *document; /* the chunk alone, owned */
	struct pith_word *words;        /* (n), owned */
	size_t n;
	double coherence;               /* of the options */
	bool *says_new;                 /* (n), owned: a content word that no word before it says */
};

/*
 * Reads text, which stands at begin of the document that the pins of options are of. To be closed in any case.
 */
enum pith_status rewrite_words_open(struct rewrite_words *words, struct pith_model *model, const char *text, size_t length,
                                    size_t begin, const struct pith_compress_options *options, const struct pith_control *control,
                                    struct pith_error *err);
void rewrite_words_close(struct rewrite_words *words); /* a zeroed one is allowed */

/* Puts the best of them, in budget tokens or fewer, into text, which is cleared before. */
enum pith_status rewrite_words_choose(struct rewrite_words *words, size_t budget, struct buffer *text, struct pith_error *err);

/*
 * The same of a choice that is drawn: logistic noise of this temperature is added to the log-odds of the words, whose scores are
 * chances, before the best are taken. Whether a word is kept is said by its `kept`.
 */
enum pith_status rewrite_words_draw(struct rewrite_words *words, size_t budget, double temperature, struct random_state *random,
                                    struct buffer *text, struct pith_error *err);

/* What is kept must be kept from now on, and nothing else. */
void rewrite_words_hold(struct rewrite_words *words);

/* How much a text says of what the words say: the share of their worth, 0 to 1; 0 where they are worth nothing. */
enum pith_status rewrite_words_told(double *share, const struct rewrite_words *words, const struct buffer *text,
                                    struct pith_error *err);

#endif
