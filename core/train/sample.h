/*
 * One sample before it is packed: what the encoder reads, what the reader
 * reads and must say.
 */
#ifndef TRAIN_SAMPLE_H
#define TRAIN_SAMPLE_H

#include "train/microbatch.h"
#include "train/renaming.h"

struct sample {
	struct token_list document;   /* for the encoder; empty without memory */
	struct token_list reader;     /* what the reader reads */
	struct token_list targets;    /* (reader.n): what it should say next, -1: anything */
	size_t first_answer;          /* targets from here on count with the task's loss_weight */
	size_t document_end;          /* reader tokens up to the end of the document that it reads itself; 0: none */
	size_t question_begin, question_end; /* reader tokens of a question's own words; both 0: none */
	struct buffer context;        /* an answer's text as its line has it, for further questions about it */
	struct renaming renaming;     /* of that text and its questions */
};
void sample_free(struct sample *sample);

/* Makes a sample of an objective from one line; *made false: the line does not suit. */
enum pith_status sample_make(struct sample *sample, struct microbatch_builder *builder, const struct task_data *data, size_t line,
                             const struct sampling *sampling, bool *made, struct pith_error *err);

/*
 * Another question about the document of a sample with a question, which keeps
 * its document and gets a new reader, from the document's end on: the question
 * of another line if its context is the same, or another that the text makes
 * of itself. noise: share of wrong tokens in it. *made false: there is none.
 */
enum pith_status sample_make_further(struct sample *sample, struct microbatch_builder *builder, const struct task_data *data,
                                     size_t line, double noise, bool *made, struct pith_error *err);

/* Does the objective read memory rows? Does it train an adapter, and which? */
bool objective_has_memory(enum pith_objective objective);
bool objective_has_adapter(enum pith_objective objective);
enum pith_purpose objective_purpose(enum pith_objective objective);

#endif
