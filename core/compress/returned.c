#include "compress/returned.h"

#include <stdlib.h>
#include <string.h>

#include "text/lcs.h"

static size_t count_matched(const struct pith_document *document, const struct pith_generated *generated)
{
	size_t common = 0, n = 0;
	while (common < generated->length && common < document->length && generated->text[common] == document->text[common])
		common++;
	while (n < document->n_tokens && document->tokens[n].end <= common)
		n++;
	return n;
}

static enum pith_status compare(double *f1, const struct pith_document *document, const struct pith_generated *generated,
                                struct pith_error *err)
{
	const struct tokenizer *tokenizer = document->model->tokenizer;
	struct token_list back = {0};
	size_t n_common = 0;
	enum pith_status status = tokenizer_encode(tokenizer, generated->text, generated->length, &back, err);
	int32_t *ids = malloc((document->n_tokens + 1) * sizeof *ids);
	struct lcs *lcs = lcs_create((size_t)tokenizer_n_vocab(tokenizer));
	for (size_t i = 0; ids != NULL && i < document->n_tokens; i++)
		ids[i] = document->tokens[i].id;
	if (status == PITH_OK &&
	    (ids == NULL || lcs == NULL || !lcs_length(lcs, ids, document->n_tokens, back.ids, back.n, &n_common)))
		status = fail_memory(err, "a comparison");
	*f1 = 2 * (double)n_common / (double)(document->n_tokens + back.n);
	lcs_destroy(lcs);
	free(ids);
	token_list_free(&back);
	return status;
}

enum pith_status returned_measure(struct returned *out, struct pith_compressed *compressed,
                                  const struct pith_document *document, const struct pith_control *control,
                                  struct pith_error *err)
{
	struct pith_control silent = {.cancel = control == NULL ? NULL : control->cancel};
	struct pith_generated generated;
	*out = (struct returned){0};
	enum pith_status status = pith_regenerate(&generated, document->model, compressed, 0, &silent, err);
	if (status != PITH_OK)
		return status;
	out->exact = generated.length == document->length && memcmp(generated.text, document->text, document->length) == 0;
	out->n_matched = count_matched(document, &generated);
	status = compare(&out->f1, document, &generated, err);
	/* Where it cannot be kept it is made once more. */
	(void)pith_compressed_keep_text(compressed, &generated, NULL);
	pith_generated_free(&generated);
	return status;
}
