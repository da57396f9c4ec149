/*
 * A training thread and micro-batches put together by hand, row by row, so
 * that tests of the passes need neither data files nor a tokenizer.
 */
#ifndef TESTS_SUPPORT_TRAINING_H
#define TESTS_SUPPORT_TRAINING_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/adapter.h"
#include "train/step.h"
#include "unit.h"

static inline void *grown(void *array, size_t n, size_t element)
{
	void *larger = realloc(array, n * element);
	assert_non_null(larger);
	return larger;
}

/* Adds a sequence with room for n tokens and returns its first row; n_past rows stand before them. */
static inline size_t pack_sequence(struct pack *pack, size_t n, size_t n_past)
{
	struct batch *b = &pack->batch;
	size_t first = b->n_tokens;
	b->ids = grown(b->ids, first + n, sizeof *b->ids);
	b->positions = grown(b->positions, first + n, sizeof *b->positions);
	b->sequences = grown(b->sequences, b->n_sequences + 1, sizeof *b->sequences);
	b->sequences[b->n_sequences++] = (struct sequence){.first = first, .n = n, .kv_first = b->n_kv_rows, .n_past = n_past};
	b->n_tokens += n;
	b->n_kv_rows += n_past + n;
	return first;
}

/* BOS and document (n ids) behind the n_memory slots, then memory tokens 1..k at slots 1..k. Returns the sequence's number. */
static inline size_t pack_encoder(struct microbatch *m, enum pith_purpose purpose, const int32_t *ids, size_t n, size_t k,
                                  size_t n_memory)
{
	struct batch *b = &m->encoder[purpose].batch;
	size_t row = pack_sequence(&m->encoder[purpose], n + k, 0);
	for (size_t i = 0; i < n; i++, row++) {
		b->ids[row] = ids[i];
		b->positions[row] = (int32_t)(n_memory + 1 + i);
	}
	for (size_t j = 0; j < k; j++, row++) {
		b->ids[row] = -1 - (int32_t)j;
		b->positions[row] = (int32_t)(1 + j);
	}
	return b->n_sequences - 1;
}

/* A reader's sequence from position first_position on. targets and weights (n). Returns its number. */
static inline size_t pack_reader(struct microbatch *m, const int32_t *ids, const int32_t *targets, const float *weights, size_t n,
                                 size_t n_past, int32_t first_position, enum pith_objective objective)
{
	struct batch *b = &m->reader.batch;
	size_t first = pack_sequence(&m->reader, n, n_past);
	m->targets = grown(m->targets, first + n, sizeof *m->targets);
	m->weights = grown(m->weights, first + n, sizeof *m->weights);
	m->objectives = grown(m->objectives, first + n, sizeof *m->objectives);
	for (size_t i = 0; i < n; i++) {
		b->ids[first + i] = ids[i];
		b->positions[first + i] = first_position + (int32_t)i;
		m->targets[first + i] = targets[i];
		m->weights[first + i] = weights[i];
		m->objectives[first + i] = (uint8_t)objective;
	}
	return b->n_sequences - 1;
}

/* The first k tokens of a reader's sequence become embeddings that it is given, at positions 1..k. */
static inline void pack_given(struct microbatch *m, size_t reader, size_t k)
{
	struct batch *b = &m->reader.batch;
	size_t first = b->sequences[reader].first;
	for (size_t i = first; i < first + k; i++) {
		b->ids[i] = -1 - (int32_t)m->n_given++;
		b->positions[i] = (int32_t)(1 + i - first);
		m->targets[i] = -1;
	}
}

static inline void pack_link(struct microbatch *m, size_t reader, size_t encoder, enum pith_purpose purpose, size_t k,
                             size_t offset)
{
	m->links = grown(m->links, m->n_links + 1, sizeof *m->links);
	m->links[m->n_links++] = (struct memory_link){reader, encoder, purpose, k, offset};
}

/* Traces for a worker over t, in fp32, without gradients. */
static inline void worker_open(struct step_worker *w, const struct transformer *t)
{
	struct pith_error err;
	*w = (struct step_worker){.transformer = t, .precision = PRECISION_F32};
	assert_int_equal(trace_init(&w->reader, t, &err), PITH_OK);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++)
		assert_int_equal(trace_init(&w->encoder[p], t, &err), PITH_OK);
}

/* Not the adapters: they are the caller's. */
static inline void worker_close(struct step_worker *w)
{
	trace_free(&w->reader);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++)
		trace_free(&w->encoder[p]);
	microbatch_free(&w->microbatch);
	free(w->gradients.layers);
	scratch_free(&w->head);
	scratch_free(&w->losses);
	scratch_free(&w->given);
	scratch_free(&w->d_given);
	free(w->correct);
}

#endif
