#include "model/reading.h"

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

enum pith_status reading_fits(const struct pith_model *model, size_t n_prompt, const struct answer_prompt_spans *spans,
                              size_t max_tokens, struct pith_error *err)
{
	size_t context = model->transformer.h.n_context, n_text = spans->document_end - spans->document_begin;
	size_t n_question = n_prompt - n_text; /* and what stands around it */
	const char *name = model->info.name;
	if (max_tokens <= context && n_prompt <= context - max_tokens)
		return PITH_OK;
	if (max_tokens >= context)
		return fail(err, PITH_TOO_LONG,
		            "An answer of %zu tokens does not fit the context of %s, which has %zu: ask for a shorter one.",
		            max_tokens, name, context);
	if (n_question > context - max_tokens)
		return fail(err, PITH_TOO_LONG,
		            "The question takes %zu tokens, the answer may have %zu; the context of %s is %zu. "
		            "Shorten the question, or ask for a shorter answer.",
		            n_question, max_tokens, name, context);
	return fail(err, PITH_TOO_LONG,
	            "The text has %zu tokens, the question takes %zu, the answer may have %zu; the context of %s is %zu. "
	            "Compress the text%s, or use a model with a longer context.",
	            n_text, n_question, max_tokens, name, context, max_tokens > n_text ? ", ask for a shorter answer" : "");
}

enum pith_status reading_prompt(struct token_list *prompt, const struct pith_model *model, const char *text, size_t length,
                                const char *question, struct pith_error *err)
{
	size_t most = reading_bytes(model);
	bool shorter = most > 0 && length > most;
	struct buffer evidence = {0};
	enum pith_status status = PITH_OK;
	if (shorter && !evidence_find(&evidence, text, length, question, most))
		status = fail_memory(err, "the sentences that a question is about");
	if (status == PITH_OK)
		status = answer_prompt_text(model->tokenizer, shorter ? evidence.data : text, shorter ? evidence.length : length,
		                            question, prompt, NULL, err);
	buffer_free(&evidence);
	return status;
}
