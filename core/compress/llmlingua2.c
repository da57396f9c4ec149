/*
 * LLMLingua-2 (arXiv 2403.12968): keep the words that a classifier of tokens
 * finds worth keeping (keep_scores.c). There is one selection for the whole
 * document: a window full of matter may keep more than its neighbour.
 */
#include "compress/document.h"
#include "compress/select_words.h"
#include "compress/words.h"

enum pith_status llmlingua2_compress(struct pith_compressed *out, struct pith_document *document,
                                     const struct pith_compress_options *options, const struct pith_control *control,
                                     struct pith_error *err)
{
	if (document->model->keep_head == NULL)
		return fail(err, PITH_UNSUPPORTED,
		            "%s has no head that says which words to keep: `pith train keep RECIPE` makes one.",
		            document->model->path);
	const float *scores;
	enum pith_status status = document_keep_scores(document, &scores, control, err);
	if (status == PITH_OK)
		status = words_split(&out->words, &out->n_words, document, scores, options, err);
	if (status == PITH_OK)
		status = select_words(out, document, out->words, out->n_words, options->coherence, err);
	return status;
}
