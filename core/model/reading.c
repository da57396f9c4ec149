#include "model/reading.h"

#include "text/answer_prompt.h"
#include "text/evidence.h"

const struct adapter *reading_adapter(const struct pith_model *model)
{
	return model->adapters[PITH_MEMORY_ROWS][PITH_READ];
}

size_t reading_bytes(const struct pith_model *model)
{
	const struct adapter *adapter = reading_adapter(model);
	if (adapter == NULL || adapter->span_tokens + 2 >= model->transformer.h.n_context)
		return 0;
	return adapter->span_tokens * EVIDENCE_BYTES_PER_TOKEN;
}

enum pith_status reading_fits(const struct pith_model *model, size_t n_prompt, size_t max_tokens, struct pith_error *err)
{
	size_t context = model->transformer.h.n_context;
	if (max_tokens <= context && n_prompt <= context - max_tokens)
		return PITH_OK;
	return fail(err, PITH_TOO_LONG,
	            "The text and the question have %zu tokens, the answer may have %zu; the context of %s is %zu. "
	            "Compress the text, or use a model with a longer context.",
	            n_prompt, max_tokens, model->info.name, context);
}

enum pith_status reading_prompt(struct token_list *prompt, bool *narrowed, const struct pith_model *model, const char *text,
                                size_t length, const char *question, struct pith_error *err)
{
	size_t most = reading_bytes(model);
	bool shorter = most > 0 && length > most;
	struct buffer evidence = {0};
	enum pith_status status = PITH_OK;
	if (narrowed != NULL)
		*narrowed = shorter;
	if (shorter && !evidence_find(&evidence, text, length, question, most))
		status = fail_memory(err, "the sentences that a question is about");
	if (status == PITH_OK)
		status = answer_prompt_text(model->tokenizer, shorter ? evidence.data : text, shorter ? evidence.length : length,
		                            question, prompt, NULL, err);
	buffer_free(&evidence);
	return status;
}
