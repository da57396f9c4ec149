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

/* Appends a part of the prompt, and notes where it stands. */
static enum pith_status append_part(const struct tokenizer *tokenizer, const char *text, size_t length, struct token_list *out,
                                    size_t *begin, size_t *end, struct pith_error *err)
{
	*begin = out->n;
	enum pith_status status = tokenizer_encode(tokenizer, text, length, out, err);
	*end = out->n;
	return status;
}

static enum pith_status append_question(const struct tokenizer *tokenizer, const char *question, struct token_list *out,
                                        struct answer_prompt_spans *spans, struct pith_error *err)
{
	return append_part(tokenizer, question, strlen(question), out, &spans->question_begin, &spans->question_end, err);
}

static enum pith_status chat_prompt(const struct tokenizer *tokenizer, const struct chat_format *format, const char *text,
                                    size_t length, const char *question, struct token_list *out,
                                    struct answer_prompt_spans *spans, struct pith_error *err)
{
	static const char task[] = "Answer the question from the text, as briefly as possible.\n\nText: ";
	enum pith_status status = chat_format_begin(format, tokenizer, task, sizeof task - 1, out, err);
	if (status == PITH_OK)
		status = append_part(tokenizer, text, length, out, &spans->document_begin, &spans->document_end, err);
	if (status == PITH_OK)
		status = append(tokenizer, "\n\nQuestion: ", out, err);
	if (status == PITH_OK)
		status = append_question(tokenizer, question, out, spans, err);
	return status == PITH_OK ? chat_format_end(format, tokenizer, out, err) : status;
}

static enum pith_status plain_question(const struct tokenizer *tokenizer, const char *question, struct token_list *out,
                                       struct answer_prompt_spans *spans, struct pith_error *err)
{
	/* Behind memory it goes on with what memory holds, as it does behind the text itself: the same tokens. */
	static const char before[] = "Question: ";
	enum pith_status status = tokenizer_encode_continued(tokenizer, before, sizeof before - 1, out, err);
	if (status == PITH_OK)
		status = append_question(tokenizer, question, out, spans, err);
	return status == PITH_OK ? append(tokenizer, "\nAnswer:", out, err) : status;
}

enum pith_status answer_prompt_text(const struct tokenizer *tokenizer, const char *text, size_t length, const char *question,
                                    struct token_list *out, struct answer_prompt_spans *spans, struct pith_error *err)
{
	struct answer_prompt_spans unasked;
	spans = spans == NULL ? &unasked : spans;
	const struct chat_format *format = chat_format_find(tokenizer);
	if (format != NULL)
		return chat_prompt(tokenizer, format, text, length, question, out, spans, err);
	enum pith_status status = append_id(tokenizer_bos(tokenizer), out, err);
	if (status == PITH_OK)
		status = append_part(tokenizer, text, length, out, &spans->document_begin, &spans->document_end, err);
	return status == PITH_OK ? plain_question(tokenizer, question, out, spans, err) : status;
}

enum pith_status answer_prompt_memory(const struct tokenizer *tokenizer, const char *question, struct token_list *out,
                                      struct answer_prompt_spans *spans, struct pith_error *err)
{
	struct answer_prompt_spans unasked;
	spans = spans == NULL ? &unasked : spans;
	spans->document_begin = spans->document_end = 0;
	return plain_question(tokenizer, question, out, spans, err);
}

enum pith_status answer_prompt_reply(const struct tokenizer *tokenizer, bool from_memory, const char *answer,
                                     struct token_list *out, struct pith_error *err)
{
	const struct chat_format *format = from_memory ? NULL : chat_format_find(tokenizer);
	return tokenizer_encode_reply(tokenizer, format == NULL ? " " : chat_format_reply_gap(format), answer, out, err);
}
