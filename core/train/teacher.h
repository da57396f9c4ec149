/*
 * Distillation for answers: what the base says of a question when it reads the
 * whole text teaches the reader that has memory tokens in its place. The
 * teacher reads the same question behind the text, in a batch of its own.
 */
#ifndef TRAIN_TEACHER_H
#define TRAIN_TEACHER_H

#include "model/trace.h"
#include "train/sample.h"

/*
 * The question that was added to the micro-batch last is put to the teacher as
 * well. first: the teacher's sequence that has read the text already; NULL: none
 * has. False: no memory.
 */
bool teacher_add(struct microbatch *m, const struct tokenizer *tokenizer, const struct sample *sample, const size_t *first);

struct teacher {
	struct trace trace;
	struct scratch hidden;  /* (rows asked of, n_embd) */
	struct scratch found;   /* (rows asked of, SOFT_TARGETS): probabilities, and behind them ids */
	struct scratch soft;    /* (reader tokens, SOFT_TARGETS): the same */
	struct scratch logits;  /* (LOSS_CHUNK, n_vocab) */
	struct soft_targets targets;
};
void teacher_free(struct teacher *teacher);
/* Lets it read its batch: teacher->targets are those of the reader's tokens, until the next call. */
enum pith_status teacher_run(struct teacher *teacher, const struct transformer *t, const struct microbatch *m,
                             enum precision precision, struct pith_error *err);

#endif
