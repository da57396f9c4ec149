/* struct pith_document and struct pith_compressed from the inside. */
#ifndef COMPRESS_DOCUMENT_H
#define COMPRESS_DOCUMENT_H

#include "compress/rows.h"
#include "model/model.h"
#include "pith/expand.h"

struct pith_document {
	struct pith_model *model;
	char *text; /* NUL-terminated */
	size_t length;
	struct pith_token *tokens;
	size_t n_tokens;
	float *scores;                      /* (n_tokens) or NULL: not computed yet */
	float *keep_scores;                 /* (n_tokens), the chance that a token is kept, or NULL */
};

struct pith_compressed {
	struct pith_compressed_info info;
	char note[512];
	char *text;                         /* extractive, abstractive */
	size_t text_length;
	struct pith_word *words;
	size_t n_words;
	struct rows rows[PITH_N_MEMORY_PURPOSES];  /* soft; n_rows 0: not held */
	/* Rows of the whole text that refining is not done with, where rows of its beginning give more back; n_spans 0: none. */
	struct rows unfinished;
	int unfinished_steps; /* that were taken for them */
	struct pith_generated *regenerated; /* soft: kept for questions; NULL: not made yet */
	char source_hash[33];               /* of the document, 32 hex digits */
	/* Of the model that made it; a result is read only by the same one. */
	char model_fingerprint[33], tokenizer_fingerprint[33], adapter_fingerprint[PITH_N_MEMORY_PURPOSES][33];
	size_t n_layers, kv_dim;
	bool lacks_token;                   /* pith_compressed_without() made it */
};

/* keep_scores.c: the chance that each token is kept (n_tokens), as the model's head sees it; it must have one. Computed once,
 * borrowed. */
enum pith_status document_keep_scores(struct pith_document *document, const float **scores, const struct pith_control *control,
                                      struct pith_error *err);

/*
 * The same, as an adapter says it that keeps words; the document is a chunk that it and the context can take twice. *out
 * (n_tokens) is the caller's, freed with free().
 */
enum pith_status adapter_keep_scores(float **out, const struct pith_document *document, const struct adapter *adapter,
                                     const struct pith_control *control, struct pith_error *err);

/* scores (n), chances in (0, 1), become those of both judges: the mean of their log-odds. What one misjudges the other may not. */
void keep_scores_agree(float *scores, const float *others, size_t n);

/*
 * document.c: what pith_document_scores() gives, in fp32 as published; *out (n_tokens) is the caller's, freed with free(). It
 * counts as the first half of the work.
 */
enum pith_status document_published_scores(float **out, const struct pith_document *document, const struct pith_control *control,
                                           struct pith_error *err);

/* Of the text: 32 hex digits. */
void document_hash(const struct pith_document *document, char hash[33]);

/* A method's work: fills what is its own of a result whose info.method, original and budget are set. */
enum pith_status selfinfo_compress(struct pith_compressed *out, struct pith_document *document,
                                   const struct pith_compress_options *options, const struct pith_control *control,
                                   struct pith_error *err);
enum pith_status cmprsr_compress(struct pith_compressed *out, struct pith_document *document,
                                 const struct pith_compress_options *options, const struct pith_control *control,
                                 struct pith_error *err);
enum pith_status vanilla_compress(struct pith_compressed *out, struct pith_document *document,
                                  const struct pith_compress_options *options, const struct pith_control *control,
                                  struct pith_error *err);
enum pith_status llmlingua2_compress(struct pith_compressed *out, struct pith_document *document,
                                     const struct pith_compress_options *options, const struct pith_control *control,
                                     struct pith_error *err);
enum pith_status llmlingua_compress(struct pith_compressed *out, struct pith_document *document,
                                    const struct pith_compress_options *options, const struct pith_control *control,
                                    struct pith_error *err);
enum pith_status dac_compress(struct pith_compressed *out, struct pith_document *document,
                              const struct pith_compress_options *options, const struct pith_control *control,
                              struct pith_error *err);
enum pith_status soft_compress(struct pith_compressed *out, struct pith_document *document,
                               const struct pith_compress_options *options, const struct pith_control *control,
                               struct pith_error *err);

/*
 * held_tokens.c: the rows of k memory tokens for the document's text, or for as much of its beginning as they can hold, unless
 * the whole is wanted.
 */
enum pith_status soft_encode(struct rows *rows, const struct pith_document *document, const struct adapter *adapter, size_t k,
                             bool whole, const struct pith_control *control, struct pith_error *err);
/* soft.c: what its rows say of a soft result: bytes, spans, encoded tokens, note. Of a result of this model. */
void soft_describe(struct pith_compressed *out, const struct pith_model *model);

/* The text that a result stands for: its own, or what is regenerated from its rows (once, and kept). Borrowed. */
enum pith_status compressed_readable(struct pith_compressed *compressed, struct pith_model *model, const char **text,
                                     size_t *length, const struct pith_control *control, struct pith_error *err);

/* Who reads the memory rows for a purpose, which the result has: the reader of their adapter; NULL: the base alone. Borrowed. */
const struct adapter *compressed_reader(const struct pith_compressed *compressed, const struct pith_model *model,
                                        enum pith_purpose purpose);

/* What was regenerated is no longer what the rows give. */
void compressed_forget_text(struct pith_compressed *compressed);

/* Refuses a result that another model made, naming what differs. */
enum pith_status compressed_check_model(const struct pith_compressed *compressed, struct pith_model *model, const char *where,
                                        struct pith_error *err);

#endif
