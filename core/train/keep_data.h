/*
 * What a keep head is trained on: texts with their short forms, each read once
 * by the frozen base. Hidden states and labels of all texts stay in memory, so
 * that an epoch costs the head alone.
 */
#ifndef TRAIN_KEEP_DATA_H
#define TRAIN_KEEP_DATA_H

#include <stdbool.h>
#include <stddef.h>

#include "model/keep_head.h"
#include "model/model.h"
#include "pith/train.h"

struct keep_text {
	size_t first, n; /* its rows of states and labels */
	float weight;
	bool held_out;
};

struct keep_data {
	struct keep_text *texts;
	size_t n_texts, texts_capacity;
	size_t n_left_out;  /* badly aligned */
	size_t n_rows, rows_capacity, n_embd;
	float *states;      /* (n_rows, n_embd) */
	float *labels;      /* (n_rows): above 0.5 keep, below drop, -1 not part of a word */
};

/* Reads all sources of the recipe with the base and the head's window and depth. keep_data_free() it, also after a failure. */
enum pith_status keep_data_read(struct keep_data *data, const struct pith_keep_recipe *recipe, struct pith_model *model,
                                const struct keep_head *head, const struct pith_control *control, struct pith_error *err);
void keep_data_free(struct keep_data *data);

#endif
