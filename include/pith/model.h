/*
 * A model: GGUF weights with their tokenizer, and the adapters that belong to it.
 *
 * Open one with pith_model_open(). A model is used by one thread at a time. It
 * keeps its file mapped; weights are never written. Adapters are looked for
 * beside the file: NAME.gguf brings NAME-regenerate.gguf and NAME-answer.gguf
 * for 500xCompressor, NAME-embeddings-regenerate.gguf and
 * NAME-embeddings-answer.gguf for ICAE, NAME-rewrite.gguf for Cmprsr,
 * NAME-read.gguf for questions about texts, when they exist, and
 * NAME-keep.gguf, a head that says which words to keep, for LLMLingua-2.
 */
#ifndef PITH_MODEL_H
#define PITH_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pith/control.h"
#include "pith/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct pith_model; /* opaque */

/* What an adapter, and so the memory tokens that it writes, is for. */
enum pith_purpose {
	PITH_REGENERATE = 0, /* the document back, word for word */
	PITH_ANSWER = 1,     /* answers to questions about the document */
	PITH_N_MEMORY_PURPOSES, /* those that memory tokens serve */
	PITH_REWRITE = PITH_N_MEMORY_PURPOSES, /* the document in fewer words: LoRA alone, no memory tokens */
	PITH_READ,           /* answers to questions from a text that stands before them: LoRA alone */
	PITH_N_PURPOSES
};

/* What a memory token hands to the reader. */
enum pith_memory {
	PITH_MEMORY_ROWS = 0,       /* its keys and values of every layer (500xCompressor) */
	PITH_MEMORY_EMBEDDINGS = 1, /* its last hidden state, read as an input embedding (ICAE) */
	PITH_N_MEMORIES
};
const char *pith_memory_name(enum pith_memory memory); /* "rows", "embeddings" */

struct pith_model_options {
	const char *adapter_path[PITH_N_MEMORIES][PITH_N_PURPOSES]; /* NULL: look beside the model; "": none */
	const char *keep_head_path;                /* the same for the head of LLMLingua-2 */
	int n_threads;                             /* 0: one per core */
};

/* Plain facts for the screen; strings belong to the model. */
struct pith_model_info {
	const char *path;
	const char *name;         /* general.name, or the file's stem */
	const char *architecture; /* "qwen3", "qwen2", "llama" */
	const char *weight_type;  /* type of most weights: "Q8_0" */
	size_t n_params;
	size_t file_bytes;
	int n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ff, n_vocab, n_context;
	bool has_chat_format;     /* it can be asked for things in words */
	bool has_adapter[PITH_N_MEMORIES][PITH_N_PURPOSES];
	int max_memory_tokens[PITH_N_MEMORIES][PITH_N_PURPOSES]; /* memory tokens of one span; more than that makes more spans */
	bool has_keep_head;
	int span_tokens;                        /* longest span one soft encoding reads */
	size_t kv_bytes_per_token;              /* bytes of one memory token's K and V rows as saved (F32: 4 bytes a number) */
};

/* Opens path and its adapters; options NULL: those beside it, one thread per core. *out is the caller's; NULL on failure. */
enum pith_status pith_model_open(struct pith_model **out, const char *path, const struct pith_model_options *options,
                                 const struct pith_control *control, struct pith_error *err);
void pith_model_close(struct pith_model *model); /* NULL is allowed */

const struct pith_model_info *pith_model_info(const struct pith_model *model);

/* One token of a text: text[begin, end) is where it came from. */
struct pith_token {
	int32_t id;
	uint32_t begin, end; /* byte offsets */
};

/*
 * Tokenises text, any bytes. *out is an array of *n tokens that the caller
 * frees with free(). No BOS is added. Text that looks like a special token is
 * ordinary text; only tokens that the vocabulary itself marks as to be matched
 * verbatim (type 4: Qwen's "<think>") are found in it. The space that
 * SentencePiece vocabularies put before a text belongs to the first token and
 * to no byte: where it is a token of its own, that one begins and ends at 0.
 */
enum pith_status pith_tokenize(const struct pith_model *model, const char *text, size_t length, struct pith_token **out,
                               size_t *n, struct pith_error *err);

/* The raw bytes of one token as it stands within a text (not NUL-terminated; may be part of a UTF-8 character). Borrowed from the
 * model. */
const char *pith_token_bytes(const struct pith_model *model, int32_t id, size_t *length);

/* What a file is, without loading its weights: `pith inspect`. */
enum pith_file_kind { PITH_FILE_UNKNOWN, PITH_FILE_MODEL, PITH_FILE_ADAPTER, PITH_FILE_SOFT_PROMPT, PITH_FILE_VOCABULARY };
struct pith_file_entry {
	char *key, *value; /* metadata, or a tensor's name and "F32 [64, 256]" */
};
struct pith_file_report {
	enum pith_file_kind kind;
	struct pith_file_entry *metadata;
	size_t n_metadata;
	struct pith_file_entry *tensors;
	size_t n_tensors;
};
enum pith_status pith_inspect(const char *path, struct pith_file_report *out, struct pith_error *err);
void pith_file_report_free(struct pith_file_report *report);

/*
 * Which level of kernels runs here; *level, unless NULL, is its name ("avx2"). PITH_CPU in the environment may ask for another:
 * PITH_BAD_ARGUMENT when there is none of that name, PITH_UNSUPPORTED when this machine lacks it. Either way *level is what runs.
 */
enum pith_status pith_cpu_check(const char **level, struct pith_error *err);

/* The library's version, "0.1.0". */
const char *pith_version(void);

#ifdef __cplusplus
}
#endif
#endif
