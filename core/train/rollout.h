/* Rewrites of a text drawn from a model with an adapter, and how likely the model finds them. */
#ifndef TRAIN_ROLLOUT_H
#define TRAIN_ROLLOUT_H

#include "base/buffer.h"
#include "base/random.h"
#include "model/model.h"
#include "pith/control.h"
#include "train/step.h"

struct rollout {
	struct token_list tokens; /* with the end token, if it came to an end */
	struct buffer text;       /* UTF-8 */
	size_t n_text; /* tokens without the end token */
};
void rollout_free(struct rollout *rollout);

/* Draws n rollouts (zeroed) of at most max_tokens tokens behind the prompt, which is read once, at this temperature. */
enum pith_status rollouts_draw(struct rollout *rollouts, size_t n, struct pith_model *model, const struct adapter *adapter,
                               const struct token_list *prompt, size_t max_tokens, double temperature,
                               struct random_state *random, const struct pith_control *control, struct pith_error *err);

/*
 * Fills the worker's micro-batch with the rollouts, all of which go on from one reading of the prompt. rows (n): where the
 * targets of each begin; they are as many as it has tokens.
 */
enum pith_status rollouts_pack(struct microbatch *m, size_t *rows, const struct rollout *rollouts, size_t n,
                               const struct token_list *prompt, struct pith_error *err);

#endif
