/*
 * Where memory tokens stand. A span of n document tokens takes positions 1..n
 * behind BOS at 0. The memory tokens come after it in causal order, but their
 * positions are spread evenly over the document's: each sits in the middle of
 * the stretch that it stands for, near what it should read and near where the
 * reader's text will want it (uniform position ids: EPL, arXiv 2409.14364).
 * The reader regenerates at the document's own positions, and asks behind them.
 *
 * An adapter may be made for slots instead: the first memory token at position
 * 1, the next at 2, wherever in the document it is that they stand for.
 */
#ifndef MODEL_MEMORY_LAYOUT_H
#define MODEL_MEMORY_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Position of memory token j (0 .. k - 1) of k for n document tokens: in 1..n, or in 1..k. */
static inline int32_t memory_position(bool slots, size_t j, size_t k, size_t n)
{
	return 1 + (int32_t)(slots ? j : (2 * j + 1) * n / (2 * k));
}

/*
 * Spans share k memory tokens as equally as they can, and n document tokens in proportion to those: no memory token stands for
 * more text than another. These are the first memory token and the first document token of a span; of n_spans: k and n.
 */
static inline size_t memory_span_begin(size_t k, size_t n_spans, size_t span)
{
	return k * span / n_spans;
}

static inline size_t memory_text_begin(size_t n, size_t k, size_t n_spans, size_t span)
{
	return n * memory_span_begin(k, n_spans, span) / k;
}

/* Where the text of a question begins, behind rows of spans of at most n document tokens. */
static inline int32_t memory_question_position(size_t n)
{
	return (int32_t)n + 1;
}

/*
 * What an encoder reads, each of (1 + n + k): ids has BOS and the n document tokens and gets the k memory tokens behind them;
 * positions gets those of all.
 */
static inline void memory_encoder_input(int32_t *ids, int32_t *positions, bool slots, size_t n, size_t k)
{
	for (size_t i = 0; i < 1 + n; i++)
		positions[i] = (int32_t)i;
	for (size_t j = 0; j < k; j++) {
		ids[1 + n + j] = -1 - (int32_t)j;
		positions[1 + n + j] = memory_position(slots, j, k, n);
	}
}

#endif
