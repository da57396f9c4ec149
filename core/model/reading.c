#include "model/reading.h"

#include "text/answer_prompt.h"
#include "text/evidence.h"

const struct adapter *reading_adapter(const struct pith_model *model)
{
	return model->adapters[PITH_MEMORY_ROWS][PITH_READ];
}

/* Bytes of a text that the model reads at most; 0: all of it. */
static size_t most_bytes(const struct pith_model *model)
{
	const struct adapter *adapter = reading_adapter(model);
	if (adapter == NULL || adapter->span_tokens + 2 >= model->transformer.h.n_context)
		return 0;
	return adapter->span_tokens * EVIDENCE_BYTES_PER_TOKEN;
}

enum pith_status reading_prompt(struct token_list *prompt, bool *narrowed, const struct pith_model *model, const char *text,
                                size_t length, const char *question, struct pith_error *err)
{
	size_t most = most_bytes(model);
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
