/*
 * How a vocabulary cuts text into its tokens. There are two ways, each a table of functions in a file of its own: byte-level BPE
 * (byte_pairs.c) and SentencePiece BPE (sentence_pieces.c).
 */
#ifndef TEXT_ENCODING_H
#define TEXT_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/status.h"
#include "formats/gguf.h"
#include "text/fingerprint.h"
#include "text/merge_table.h"
#include "text/vocabulary.h"

/* What the rules are read from. The tokens themselves stand in vocabulary already. */
struct encoding_source {
	const struct gguf *gguf;
	const struct vocabulary *vocabulary;
	const struct gguf_array *tokens;  /* as the file has them */
	struct fingerprint *fingerprint; /* everything that tells two vocabularies apart is added to it */
};

/* Memory for one text at a time; zero-initialise. */
struct encoding_scratch {
	struct merger merger;
	struct token_list symbols, merged;
};

struct encoding {
	const char *name; /* tokenizer.ggml.model */
	enum vocabulary_spelling spelling;
	/* Keeps vocabulary, no other part of the source. */
	enum pith_status (*create)(void **rules, const struct encoding_source *source, struct pith_error *err);
	void (*destroy)(void *rules);
	/* Does a space that is not in the text stand before its first word? */
	bool (*adds_space)(const void *rules);
	/*
	 * Appends the tokens of a text that holds no verbatim token. A byte without a token appends -1; a control token, the
	 * unknown one, stands for one byte. False: no memory, and out may have grown.
	 */
	bool (*append)(const void *rules, struct encoding_scratch *scratch, const char *text, size_t length,
	               struct token_list *out);
};

extern const struct encoding byte_pairs_encoding, sentence_pieces_encoding;

#endif
