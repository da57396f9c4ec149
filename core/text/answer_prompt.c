#include "text/answer_prompt.h"

#include <string.h>

#include "text/chat_format.h"

static enum pith_status append(const struct tokenizer *tokenizer, const char *text, struct token_list *out,
                               struct pith_error *err)
{
	return tokenizer_encode(tokenizer, text, strlen(text), out, err);
}

static enum pith_status append_id(int32_t id, struct token_list *out, struct pith_error *err)
{
	return id < 0 || token_list_append(out, id) ? PITH_OK : fail_memory(err, "a prompt");
}

static enum pith_status append_document(const struct tokenizer *tokenizer, const char *text, size_t length,
                                        struct token_list *out, size_t *begin, size_t *end, struct pith_error *err)
{
	if (begin != NULL)
		*begin = out->n;
	enum pith_status status = tokenizer_encode(tokenizer, text, length, out, err);
	if (end != NULL)
		*end = out->n;
	return status;
}

static enum pith_status chat_prompt(const struct tokenizer *tokenizer, const struct chat_format *format, const char *text,
                                    size_t length, const char *question, struct token_list *out, size_t *begin, size_t *end,
                                    struct pith_error *err)
{
	static const char task[] = "Answer the question from the text, as briefly as possible.\n\nText: ";
	enum pith_status status = chat_format_begin(format, tokenizer, task, sizeof task - 1, out, err);
	if (status == PITH_OK)
		status = append_document(tokenizer, text, length, out, begin, end, err);
	if (status == PITH_OK)
		status = append(tokenizer, "\n\nQuestion: ", out, err);
	if (status == PITH_OK)
		status = append(tokenizer, question, out, err);
	return status == PITH_OK ? chat_format_end(format, tokenizer, out, err) : status;
}

enum pith_status answer_prompt_text(const struct tokenizer *tokenizer, const char *text, size_t length, const char *question,
                                    struct token_list *out, size_t *document_begin, size_t *document_end, struct pith_error *err)
{
	const struct chat_format *format = chat_format_find(tokenizer);
	if (format != NULL)
		return chat_prompt(tokenizer, format, text, length, question, out, document_begin, document_end, err);
	enum pith_status status = append_id(tokenizer_bos(tokenizer), out, err);
	if (status == PITH_OK)
		status = append_document(tokenizer, text, length, out, document_begin, document_end, err);
	if (status == PITH_OK)
		status = answer_prompt_memory(tokenizer, question, out, err);
	return status;
}

enum pith_status answer_prompt_memory(const struct tokenizer *tokenizer, const char *question, struct token_list *out,
                                      struct pith_error *err)
{
	/* Behind memory it goes on with what memory holds, as it does behind the text itself: the same tokens. */
	static const char before[] = "Question: ";
	enum pith_status status = tokenizer_encode_continued(tokenizer, before, sizeof before - 1, out, err);
	if (status == PITH_OK)
		status = append(tokenizer, question, out, err);
	if (status == PITH_OK)
		status = append(tokenizer, "\nAnswer:", out, err);
	return status;
}
