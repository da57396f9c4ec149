/*
 * What all abstractive methods share: the document in chunks that end where sentences end, each written anew by a model within
 * its part of one budget; what a chunk leaves unused the ones behind it may use. The budget is never exceeded. Where a rewrite
 * cannot be used a model that is able to writes once more, in words of the chunk alone, with those of them that must be kept;
 * where that is worse than the chunk's most telling words (rewrite_words.h), these stand for it. Both are counted.
 */
#ifndef COMPRESS_REWRITE_H
#define COMPRESS_REWRITE_H

#include "base/buffer.h"
#include "compress/document.h"

enum { REWRITE_CHUNK_TOKENS = 512 };

/* A chunk, and how long it may become in tokens of the document's vocabulary. */
struct rewrite_request {
	const char *text;
	size_t length;
	size_t chunk_tokens;
	size_t n_tokens;
};

struct rewrite_answer {
	struct buffer text; /* UTF-8; empty: the model gave none */
	bool looped;        /* generation was ended because the text repeated itself */
	bool cut;           /* ... because it became too long: it has no end */
};

/* Writes a chunk anew into answer, which is zero. A length that is not kept is no failure here. */
typedef enum pith_status rewrite_fn(void *user, const struct rewrite_request *request, struct rewrite_answer *answer,
                                    const struct pith_control *control, struct pith_error *err);

/*
 * Sets kept of words (n) of the chunk to those that it would write, in their order, within n_tokens; the required ones (n) among
 * them.
 */
typedef enum pith_status rewrite_choose_fn(void *user, const struct rewrite_request *request, struct pith_word *words, size_t n,
                                           const bool *required, const struct pith_control *control, struct pith_error *err);

struct rewriter {
	rewrite_fn *write;
	rewrite_choose_fn *choose; /* asked where a rewrite cannot be used; NULL: nobody is */
	void *user;
	size_t chunk_tokens; /* longest chunk that it takes, at most REWRITE_CHUNK_TOKENS */
	double least_told; /* a rewrite must say so much of what the chunk's own words would say; 0: what it says is not looked at */
};

/* Fills text, counts and note of out; the budget is out->info.budget_tokens. */
enum pith_status rewrite_document(struct pith_compressed *out, struct pith_document *document,
                                  const struct pith_compress_options *options, const struct rewriter *rewriter,
                                  const struct pith_control *control, struct pith_error *err);

/* Appends the words that ask an instruct model for a rewrite; the condition on the length stands behind the text. */
bool rewrite_prompt(struct buffer *out, const struct rewrite_request *request);

/* A part of a document: bytes [begin, end) and the tokens that reach into it. */
struct rewrite_chunk {
	size_t begin, end;
	size_t n_tokens;
};
/*
 * rewrite_chunks.c: cuts a document into chunks of at most most_tokens tokens, without gaps: at ends of sentences, and inside a
 * sentence, at white space if there is some, only where one alone is longer. *out is an array of *n, freed with free().
 */
enum pith_status rewrite_chunks(struct rewrite_chunk **out, size_t *n, const struct pith_document *document, size_t most_tokens,
                                struct pith_error *err);

#endif
