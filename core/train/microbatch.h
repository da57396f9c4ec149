/*
 * One micro-batch: samples packed into an encoder batch per purpose and one
 * reader batch, with targets and weights, built on demand from the data.
 *
 * What a micro-batch holds depends on nothing but the recipe, the seed, the
 * step and its number within the step: a resumed run sees the same data
 * without any state of the reading being saved.
 */
#ifndef TRAIN_MICROBATCH_H
#define TRAIN_MICROBATCH_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/random.h"
#include "base/status.h"
#include "formats/jsonl.h"
#include "model/batch.h"
#include "pith/train.h"
#include "text/tokenizer.h"

/* The open data files of a recipe's tasks. */
struct task_data {
	struct pith_task task;
	struct jsonl *file;
	bool has_questions;
};

/* A batch under construction. */
struct pack {
	struct batch batch;
	size_t token_capacity, sequence_capacity;
};

/*
 * Memory that a reader's sequence sees: the last k tokens of an encoder's sequence. Their key/value rows stand among
 * the reader sequence's earlier rows, or their hidden states are the input embeddings of its first tokens.
 */
struct memory_link {
	size_t reader_sequence, encoder_sequence;
	enum pith_purpose purpose;
	size_t k;
	size_t offset; /* of the first one among the reader sequence's earlier rows or first tokens */
};

struct microbatch {
	struct pack encoder[PITH_N_MEMORY_PURPOSES];
	struct pack reader;
	struct pack teacher;   /* reads text and question, where the reader has memory tokens and the question */
	double distillation;   /* share of the loss that it has */
	int32_t *targets;   /* (reader tokens), -1: none */
	float *weights;     /* (reader tokens), sum 1 */
	uint8_t *objectives; /* (reader tokens) */
	int32_t *teacher_rows; /* (reader tokens): the teacher's token that says what comes next, -1: it is not asked */
	size_t row_capacity;
	struct memory_link *links;
	size_t n_links, link_capacity;
	size_t n_given;      /* input embeddings that encoders hand over */
};

/* The knobs of one step, after the curriculum. */
struct sampling {
	int length;                  /* longest text now */
	double k_ratio_min, k_ratio_max;
	double reader_noise;         /* share of wrong tokens that the reader is given */
	double question_noise;       /* share of wrong tokens in questions */
	size_t evidence_least, evidence_most; /* bytes of the sentences that a question is asked of; 0: all */
	double distillation; /* share of an answer's loss from memory tokens that is the teacher's (teacher.h); 0: no teacher */
	double renamed;              /* share of answers that change places with those of other texts */
	size_t n_memory;             /* k_max */
	size_t n_tokens;             /* fill up to this many tokens */
};

struct microbatch_builder {
	const struct task_data *tasks;
	size_t n_tasks;
	const struct tokenizer *tokenizer; /* this thread's own */
	enum pith_memory memory;           /* what memory tokens hand over */
	bool memory_slots;                 /* where they stand (model/memory_layout.h) */
	size_t n_positions;                /* of the model: samples that need more are left out */
	size_t opening_tokens;             /* of a text that is regenerated; 0: all tokens count the same */
	double opening_weight;             /* of the first of them, falling to 1 behind the last */
	double cloze_noise;                /* share of a text's own questions that are no plain clozes */
	struct random_state random;
	bool skip_malformed;               /* a line that is no JSON object is left out, ... */
	struct pith_error skipped;         /* ... and this is the newest such, until somebody clears its code */
};

/* Makes room for n_tokens more, and one sequence. False: no memory. */
bool pack_reserve(struct pack *pack, size_t n_tokens);

void microbatch_clear(struct microbatch *m);
void microbatch_free(struct microbatch *m);
/* Fills a cleared micro-batch with samples drawn by weight. */
enum pith_status microbatch_build(struct microbatch *m, struct microbatch_builder *builder, const struct sampling *sampling,
                                  struct pith_error *err);
/* Adds one sample of the task, from line number line; *added false: this line does not suit (too long, no text). */
enum pith_status microbatch_add(struct microbatch *m, struct microbatch_builder *builder, size_t task, size_t line,
                                const struct sampling *sampling, bool *added, struct pith_error *err);
/*
 * Adds a sequence of n tokens without targets, for a reader that learns from its own words: on its own, or, with
 * shared_with, going on from the first n_past tokens of that sequence. False: no memory.
 */
bool microbatch_add_tokens(struct microbatch *m, const int32_t *ids, size_t n, const size_t *shared_with, size_t n_past);
/* Makes the weights sum to 1. */
void microbatch_normalise(struct microbatch *m);

#endif
