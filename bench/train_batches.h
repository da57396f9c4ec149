/*
 * Batches of tokens in a file, and the settings that they are trained with, so
 * that two trainers given the file do the same. bench/train_pytorch.py reads
 * the same layout.
 */
#ifndef BENCH_TRAIN_BATCHES_H
#define BENCH_TRAIN_BATCHES_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "train/microbatch.h"

/* The file: this header, then n_steps * n_micro * n_sequences rows of n_tokens + 1 ids; 32-bit numbers of this machine. */
struct batches_header {
	int32_t magic;
	int32_t n_steps, n_micro; /* n_micro micro-batches per step */
	int32_t n_sequences;      /* of one micro-batch */
	int32_t n_tokens;         /* read by one sequence; its targets stand one further, hence the last id */
	float learning_rate, beta1, beta2, weight_decay;
};

struct batches {
	struct batches_header header;
	int32_t *ids;
};

/* Cuts the texts of a JSONL file into rows, BOS first, EOS between texts; too few texts are read again. */
enum pith_status batches_make(struct batches *batches, const struct batches_header *header, const char *model_path,
			      const char *text_path, struct pith_error *err);
enum pith_status batches_write(const struct batches *batches, const char *path, struct pith_error *err);
enum pith_status batches_read(struct batches *batches, const char *path, struct pith_error *err);
void batches_free(struct batches *batches);

/* Fills a micro-batch, cleared or never used, with one of a step's for the objective "lm". */
enum pith_status batches_fill(const struct batches *batches, size_t step, size_t micro, struct microbatch *m,
			      struct pith_error *err);

#endif
