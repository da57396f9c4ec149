/*
 * Compressing a document.
 *
 * A struct pith_document holds a text, its tokens, and the self-information of
 * every token once it was computed: selfinfo then only selects from it, and
 * another rate takes milliseconds. Methods whose scores depend on what has
 * gone already read again for another rate, and soft ones for another number
 * of memory tokens.
 *
 * CR (compression rate) = compressed tokens / original tokens, the share kept.
 */
#ifndef PITH_COMPRESS_H
#define PITH_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pith/control.h"
#include "pith/model.h"
#include "pith/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One row per method: names for the command line, help, manual and screen. */
enum pith_family { PITH_EXTRACTIVE, PITH_SOFT, PITH_ABSTRACTIVE };
struct pith_method {
	const char *name;    /* "selfinfo", "500x" */
	const char *title;   /* "Self-information" */
	const char *summary; /* one line */
	const char *source;  /* where it was published */
	enum pith_family family;
	enum pith_memory memory; /* soft: what its memory tokens hand to the reader */
};
const struct pith_method *pith_methods(size_t *n);
const struct pith_method *pith_method_find(const char *name); /* NULL: no such method */

/* Why a method cannot be used with this model, as the end of a sentence that begins with the method; NULL: it can. */
const char *pith_method_unable(const struct pith_method *method, const struct pith_model_info *info, bool has_server);

/* A document in a model. */
struct pith_document;

/*
 * Copies text (any bytes; length 0 is refused) and tokenises it. The document
 * borrows the model, which must outlive it. *out is the caller's.
 */
enum pith_status pith_document_create(struct pith_document **out, struct pith_model *model, const char *text, size_t length,
                                      struct pith_error *err);
void pith_document_destroy(struct pith_document *document); /* NULL is allowed */

const char *pith_document_text(const struct pith_document *document, size_t *length); /* borrowed */
const struct pith_token *pith_document_tokens(const struct pith_document *document, size_t *n); /* borrowed */

/*
 * Self-information of each token, -ln p(token | tokens before), in nats;
 * computed on the first call. *scores has one value per token and is borrowed.
 */
enum pith_status pith_document_scores(struct pith_document *document, const float **scores, const struct pith_control *control,
                                      struct pith_error *err);

/* A span of bytes that must survive. */
struct pith_pin {
	size_t begin, end;
};

enum { PITH_MOST_COHERENCE = 8 };

struct pith_compress_options {
	const struct pith_method *method;
	double rate;      /* target CR in (0, 1]; used when n_tokens is 0 */
	size_t n_tokens;  /* target tokens; 0: use rate */
	bool keep_digits; /* extractive: words with digits survive before all but pinned ones */
	bool keep_negations; /* the same: not, no, never and the like, of several languages */
	bool keep_names;     /* the same: each name once, as long as all that must be kept takes half of the budget at most */
	bool keep_addresses; /* the same: of pages, people, files */
	bool keep_code;      /* the same: words of programs, and what stands between backticks */
	/*
	 * Extractive: how much neighbours hold together, in nats, from 0, each word for itself, to PITH_MOST_COHERENCE; the more of it, the longer the
	 * phrases that are left, and the fewer. Not under compat.
	 */
	double coherence;
	const struct pith_pin *pins; /* extractive, abstractive; n_pins of them */
	size_t n_pins;
	/*
	 * With the faults that the method was published with, to compare. Extractive: single tokens go, not words, the budget is
	 * missed, and nothing is protected. Soft: texts are encoded whole, however few memory tokens there are. Refused by
	 * methods that have no such mode.
	 */
	bool compat;
	bool keep_facts; /* abstractive: a rewrite that loses numbers, negations or names gives way to words that lose fewer */
	bool rewrite; /* abstractive; false: no model is asked, and every chunk becomes those of its words that stand for a failed rewrite */
	struct pith_model *writer; /* abstractive: the model that writes where no server does; NULL: the document's own */
	const char *server; /* abstractive: base address of an OpenAI-compatible server; NULL or "": the local model writes */
	const char *server_model; /* which of the server's models; NULL or "": its only one */
	double server_seconds;    /* how long it may say nothing; 0: 120 */
};
/* selfinfo, rate 0.25, and all that can be kept is */
void pith_compress_options_init(struct pith_compress_options *options);

/* How many tokens these options ask of a document of n_tokens tokens: the budget; at least 1. */
size_t pith_compress_budget(const struct pith_compress_options *options, size_t n_tokens);

/* One word of the document: bytes [begin, end), white space before it not included. */
struct pith_word {
	uint32_t begin, end;
	uint32_t n_tokens;
	/* How much the method wants it: mean over its tokens of the self-information in nats (selfinfo, llmlingua), of the chance
	 * of being kept (llmlingua2); the stage that read it last and the mean there of what it is worth, 0 to 1 (dac). */
	float score;
	bool kept;
	bool pinned;    /* by the options, or a part of it */
	bool must_keep; /* pinned, or protected by the options: pinned words come first */
	bool is_name;   /* a name, and protected by nothing else: it must be kept while such words leave half of the budget */
};

struct pith_compressed; /* the result, opaque: text or memory rows */

/* Plain figures of a result. */
struct pith_compressed_info {
	const struct pith_method *method;
	size_t original_tokens;
	size_t budget_tokens;
	size_t compressed_tokens;
	double target_cr, cr, delta_cr; /* delta_cr = cr - target_cr, where target_cr = budget / original */
	size_t original_bytes;
	size_t compressed_bytes; /* bytes of text; soft: bytes of all K/V rows, or of all embeddings */
	size_t n_spans;          /* soft: 1 or more; otherwise 0 */
	size_t encoded_tokens; /* soft: of the document, from its beginning on, that the rows stand for; fewer than original where
	                          they cannot hold more */
	size_t n_chunks;         /* abstractive: parts that were rewritten one by one; otherwise 0 */
	size_t n_chunks_in_words;   /* of them, those that the model has written in words of the document alone */
	size_t n_chunks_extractive; /* of them, those for which words of the document stand */
	size_t server_tokens_read, server_tokens_written; /* abstractive: as a server counted them; 0: none did */
	bool has_purpose[PITH_N_MEMORY_PURPOSES]; /* soft: which rows it holds */
	size_t n_must_keep_dropped; /* must-keep words that did not fit the budget; abstractive: pins that are not in the text */
	int refine_steps;        /* soft: steps that pith_refine() took; 0: the rows are the encoder's */
	bool exact;              /* after refining: the text came back byte for byte */
	double seconds;          /* what this call took */
	const char *note;        /* a sentence worth showing, or "" (for example: pins alone exceed the budget) */
};

enum pith_status pith_compress(struct pith_compressed **out, struct pith_document *document,
                               const struct pith_compress_options *options, const struct pith_control *control,
                               struct pith_error *err);
void pith_compressed_destroy(struct pith_compressed *compressed); /* NULL is allowed */

const struct pith_compressed_info *pith_compressed_info(const struct pith_compressed *compressed);

/* The compressed text of an extractive or abstractive result, NUL-terminated; NULL for a soft one. Borrowed. */
const char *pith_compressed_text(const struct pith_compressed *compressed, size_t *length);

/* The words of the document with their fate, in order; extractive results only (n = 0 otherwise). Borrowed. */
const struct pith_word *pith_compressed_words(const struct pith_compressed *compressed, size_t *n);

/* Norms for the eye: of memory token i in layer l, the Euclidean norm of its key and of its value row. Soft only. */
enum pith_status pith_compressed_row_norms(const struct pith_compressed *compressed, enum pith_purpose purpose, size_t i,
                                           int layer, float *key_norm, float *value_norm, struct pith_error *err);

/*
 * A copy of a soft result without memory token `token` (from 0), of every purpose: what comes back from it lacks what that
 * one carried. It is for measuring: its figures are those of the original, it is not saved, and no second token is taken from
 * it. The only memory token cannot be taken away.
 */
enum pith_status pith_compressed_without(struct pith_compressed **out, const struct pith_compressed *compressed, size_t token,
                                         struct pith_error *err);

/* Saves a soft result as safetensors, atomically. Loads one for this model; refuses with the reason what was made for another. */
enum pith_status pith_compressed_save(const struct pith_compressed *compressed, const char *path, struct pith_error *err);
enum pith_status pith_compressed_load(struct pith_compressed **out, struct pith_model *model, const char *path,
                                      struct pith_error *err);

/* Does this file start like a soft-prompt file? (Looks at the bytes, not the name.) */
bool pith_is_soft_prompt(const char *path);

#ifdef __cplusplus
}
#endif
#endif
