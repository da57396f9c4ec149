/*
 * Refining: the memory rows of one document are changed by gradient, model
 * and adapter frozen, until the text comes back word for word or a limit is reached. The
 * encoder's rows are the start (Cartridges, arXiv 2506.06266, trains K/V rows
 * like this; Cramming 1568 tokens, arXiv 2502.13063, input vectors).
 *
 * Refined rows are storage: they hold the text exactly, and serve for nothing
 * else. Rows for answers are left as they are.
 */
#ifndef PITH_REFINE_H
#define PITH_REFINE_H

#include "pith/compress.h"

#ifdef __cplusplus
extern "C" {
#endif

struct pith_refine_result {
	bool exact;              /* the text regenerated from the new rows is the document, byte for byte */
	bool unchanged;          /* the rows are those from before: more comes back from them, as yet */
	size_t n_tokens;         /* of the document, an end for each span included */
	/*
	 * Of these, right before the first error of each span, given the right text so far. Where the rows were of a beginning,
	 * matched_before is how many came back from them.
	 */
	size_t matched_before, matched;
	double loss_before, loss; /* nats a token, given the right text so far */
	int n_steps;             /* taken, all spans together */
	/* Of the span that asks most: what its text costs the model with nothing remembered, and what its rows usually hold. */
	double nats, room;
	double seconds;
};

struct pith_refine_options {
	int n_steps;          /* at most so many for each span, which a larger limit would begin in the same way */
	double learning_rate; /* of Adam on keys and values */
	/*
	 * Called before every step of the caller's own thread, unless NULL: spans are shared out among threads. The compressed
	 * form holds the rows of all spans as they are then, and may be regenerated from; its refine_steps count the steps of all
	 * threads.
	 */
	void (*watch)(void *user, const struct pith_compressed *compressed);
	void *user;
};
/* Is the text likely to come back whole? Known before the first step; control->progress names the work by it. */
bool pith_refine_is_hopeful(const struct pith_refine_result *result);
void pith_refine_options_init(struct pith_refine_options *options); /* 400 steps at 0.02, unwatched */

/*
 * Changes the rows for regeneration of compressed, which was made of document. They never get worse than at the start, also when
 * cancelled. Rows of a beginning are made anew for the whole text: if that is not there after n_steps, and less of it comes back
 * (or the call was cancelled), the old ones stay, and the next call goes on with the new ones.
 *
 * The refined rows are then regenerated from: result->exact is what came out, not what the loss promises; it is saved with the
 * rows. control->progress counts tokens that are right; control->text is not used. The result does not depend on the number of
 * threads.
 */
enum pith_status pith_refine(struct pith_compressed *compressed, struct pith_document *document,
                             const struct pith_refine_options *options, struct pith_refine_result *result,
                             const struct pith_control *control, struct pith_error *err);

#ifdef __cplusplus
}
#endif
#endif
