#include "text/chat_format.h"

#include <string.h>

static enum pith_status append(const struct tokenizer *tokenizer, const char *text, struct token_list *out,
                               struct pith_error *err)
{
	return tokenizer_encode(tokenizer, text, strlen(text), out, err);
}

static enum pith_status append_id(int32_t id, struct token_list *out, struct pith_error *err)
{
	return id < 0 || token_list_append(out, id) ? PITH_OK : fail_memory(err, "a prompt");
}

/* A chat format: what stands around the user's turn, special tokens by name. */
struct chat_format {
	const char *begin_token;       /* opens a turn; a vocabulary without it does not use the format */
	const char *role_end_token;    /* after the role, or NULL: a line feed */
	const char *turn_end_token;
	const char *role_gap;          /* after the role */
	const char *turn_gap;          /* after the turn's end */
	bool empty_thought;            /* the model's turn begins with one */
	bool begins_with_bos;
};

static const struct chat_format chat_formats[] = {
	/* Qwen3: an empty thought keeps it from thinking aloud. */
	{"<|im_start|>", NULL, "<|im_end|>", "\n", "\n", true, false},
	{"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "\n\n", "", false, true},
};

const struct chat_format *chat_format_find(const struct tokenizer *tokenizer)
{
	for (size_t i = 0; i < sizeof chat_formats / sizeof chat_formats[0]; i++)
		if (tokenizer_find(tokenizer, chat_formats[i].begin_token) >= 0)
			return &chat_formats[i];
	return NULL;
}

static enum pith_status append_role(const struct tokenizer *tokenizer, const struct chat_format *format, const char *role,
                                    struct token_list *out, struct pith_error *err)
{
	enum pith_status status = append_id(tokenizer_find(tokenizer, format->begin_token), out, err);
	if (status == PITH_OK)
		status = append(tokenizer, role, out, err);
	if (status == PITH_OK && format->role_end_token != NULL)
		status = append_id(tokenizer_find(tokenizer, format->role_end_token), out, err);
	if (status == PITH_OK)
		status = append(tokenizer, format->role_gap, out, err);
	return status;
}

static enum pith_status append_empty_thought(const struct tokenizer *tokenizer, struct token_list *out, struct pith_error *err)
{
	int32_t think = tokenizer_find(tokenizer, "<think>"), end = tokenizer_find(tokenizer, "</think>");
	if (think < 0 || end < 0)
		return PITH_OK;
	enum pith_status status = append_id(think, out, err);
	if (status == PITH_OK)
		status = append(tokenizer, "\n\n", out, err);
	if (status == PITH_OK)
		status = append_id(end, out, err);
	if (status == PITH_OK)
		status = append(tokenizer, "\n\n", out, err);
	return status;
}

enum pith_status chat_format_begin(const struct chat_format *format, const struct tokenizer *tokenizer, struct token_list *out,
                                   struct pith_error *err)
{
	enum pith_status status = format->begins_with_bos ? append_id(tokenizer_bos(tokenizer), out, err) : PITH_OK;
	return status == PITH_OK ? append_role(tokenizer, format, "user", out, err) : status;
}

enum pith_status chat_format_end(const struct chat_format *format, const struct tokenizer *tokenizer, struct token_list *out,
                                 struct pith_error *err)
{
	enum pith_status status = append_id(tokenizer_find(tokenizer, format->turn_end_token), out, err);
	if (status == PITH_OK)
		status = append(tokenizer, format->turn_gap, out, err);
	if (status == PITH_OK)
		status = append_role(tokenizer, format, "assistant", out, err);
	if (status == PITH_OK && format->empty_thought)
		status = append_empty_thought(tokenizer, out, err);
	return status;
}
