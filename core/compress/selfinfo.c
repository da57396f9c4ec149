/*
 * Self-information: keep the words that the model could predict least
 * (Selective Context, arXiv 2310.06201, with its faults left out: the score of
 * a token is taken in its full context, words are the unit, the budget is one
 * for the whole document and exact).
 */
#include "compress/document.h"
#include "compress/select_words.h"
#include "compress/words.h"

enum pith_status selfinfo_compress(struct pith_compressed *out, struct pith_document *document,
                                   const struct pith_compress_options *options, const struct pith_control *control,
                                   struct pith_error *err)
{
	const float *scores;
	enum pith_status status = pith_document_scores(document, &scores, control, err);
	if (status == PITH_OK)
		status = words_split(&out->words, &out->n_words, document, scores, options, err);
	if (status == PITH_OK)
		status = select_words(out, document, out->words, out->n_words, err);
	return status;
}
