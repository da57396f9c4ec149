/*
 * Cmprsr (arXiv 2511.12281): rewriting by an adapter that was trained for it, `pith train sft`: the chunk, then the length that
 * is asked for, in tokens. Chunks, the shared budget and what replaces a rewrite that cannot be used are those of rewrite.h.
 */
#include "compress/document.h"
#include "compress/local_writer.h"
#include "compress/rewrite.h"
#include "compress/word_writer.h"
#include "text/length_prompt.h"

/* Of what the chunk's own words say: a rewrite is easier to read, and may pay a little for it. */
static const double least_told = 0.85;

static enum pith_status write_with_adapter(void *user, const struct rewrite_request *request, struct rewrite_answer *answer,
                                           const struct pith_control *control, struct pith_error *err)
{
	struct pith_model *model = user;
	struct token_list prompt = {0};
	enum pith_status status =
		length_prompt(model->tokenizer, request->text, request->length, request->n_tokens, &prompt, err);
	if (status == PITH_OK)
		status = local_writer_speak(model, model->adapters[PITH_MEMORY_ROWS][PITH_REWRITE], &prompt,
		                            local_writer_limit(request->n_tokens), answer, control, err);
	token_list_free(&prompt);
	return status;
}

static enum pith_status choose_with_adapter(void *user, const struct rewrite_request *request, struct pith_word *words, size_t n,
                                            const bool *required, const struct pith_control *control, struct pith_error *err)
{
	struct pith_model *model = user;
	return word_writer_choose(model, model->adapters[PITH_MEMORY_ROWS][PITH_REWRITE], request->text, request->length, words, n,
	                          required, request->n_tokens, control, err);
}

/* Tokens of the prompt beside the chunk, at most: a line that asks for so many. */
enum { AROUND_TOKENS = 16 };

enum pith_status cmprsr_compress(struct pith_compressed *out, struct pith_document *document,
                                 const struct pith_compress_options *options, const struct pith_control *control,
                                 struct pith_error *err)
{
	struct pith_model *model = document->model;
	const struct adapter *adapter = model->adapters[PITH_MEMORY_ROWS][PITH_REWRITE];
	if (adapter == NULL && options->rewrite)
		return fail(err, PITH_UNSUPPORTED,
		            "%s has no adapter for rewriting beside it; train one with `pith train sft`, or use vanilla with an "
		            "instruct model.",
		            model->path);
	/* Chunks as long as the texts that it was trained on; it need not cope with longer ones. */
	size_t most = adapter != NULL && adapter->span_tokens < REWRITE_CHUNK_TOKENS ? adapter->span_tokens : REWRITE_CHUNK_TOKENS;
	/* And such that a chunk, what it becomes and a quarter of that, and what is said around it fit the context. */
	size_t context = model->transformer.h.n_context, around = AROUND_TOKENS + local_writer_limit(0);
	size_t fit = context > around ? (context - around) * 4 / 9 : 0;
	most = most < fit ? most : fit;
	struct rewriter rewriter = {.write = write_with_adapter, .choose = choose_with_adapter, .user = model,
	                            .chunk_tokens = most, .least_told = least_told};
	return rewrite_document(out, document, options, &rewriter, control, err);
}
