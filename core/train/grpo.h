/*
 * What the kinds of reinforcement of a rewriting adapter share (arXiv 2402.03300, arXiv 2511.12281): a run, and how a step learns
 * from one text. What is drawn of it is rewrites, or which of its words are kept.
 */
#ifndef TRAIN_GRPO_H
#define TRAIN_GRPO_H

#include <stdio.h>

#include "formats/jsonl.h"
#include "pith/train.h"
#include "train/optimizer.h"
#include "train/rollout.h"

struct grpo {
	const struct pith_grpo_recipe *recipe;
	const struct pith_control *control;
	struct pith_model *model;
	struct adapter *adapter, *reference; /* trained; where it began */
	enum tensor_type adapter_type;       /* that it is written in */
	struct jsonl *data;
	struct random_state random;
	struct step_worker worker;
	struct trained_array array;
	struct pith_recipe schedule; /* what the optimiser wants to know */
	struct rollout *rollouts;    /* (n_rollouts) */
	size_t *rows;                /* (n_rollouts) */
	double *advantages, *length_rewards, *quality_rewards; /* (n_rollouts) */
	struct scratch policy;       /* (rows of a micro-batch): losses under the trained adapter */
	FILE *log;
};

/* What is asked about a text whose short form a person wrote: the short form is the answer. */
extern const char grpo_question[];

/* Draws a text, rewrites of it, judges them, and adds the gradients; to sum what each of them was. */
enum pith_status grpo_learn_rewrites(struct grpo *g, struct pith_grpo_report *sum, struct pith_error *err);
/* The same of choices of words, by an adapter that says which to keep. */
enum pith_status grpo_learn_words(struct grpo *g, struct pith_grpo_report *sum, struct pith_error *err);

#endif
