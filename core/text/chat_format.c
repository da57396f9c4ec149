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

/* A chat format: what stands around the user's turn, special tokens by name; what is NULL is left out. */
struct chat_format {
	const char *begin_token;   /* opens a turn; a vocabulary without it does not use the format */
	const char *template_says; /* for formats that are ordinary text: what the chat template holds then */
	const char *user, *assistant; /* what opens their turns, behind begin_token */
	const char *role_end_token;
	const char *role_gap;      /* after the role */
	const char *turn_end_token; /* after the user's words */
	bool turn_ends_text;       /* the same, but it is EOS */
	const char *turn_gap;      /* after the turn's end */
	bool empty_thought;        /* the model's turn begins with one */
	bool begins_with_bos;
};

static const struct chat_format chat_formats[] = {
	/* Qwen3: an empty thought keeps it from thinking aloud. */
	{.begin_token = "<|im_start|>", .user = "user", .assistant = "assistant", .role_gap = "\n", .turn_end_token = "<|im_end|>",
	 .turn_gap = "\n", .empty_thought = true},
	/* Llama 3 */
	{.begin_token = "<|start_header_id|>", .user = "user", .assistant = "assistant", .role_end_token = "<|end_header_id|>",
	 .role_gap = "\n\n", .turn_end_token = "<|eot_id|>", .begins_with_bos = true},
	/* Mistral from v0.3 on, then Llama 2 and earlier Mistral, which spell the same out */
	{.begin_token = "[INST]", .turn_end_token = "[/INST]", .begins_with_bos = true},
	{.template_says = "[INST]", .user = "[INST] ", .turn_gap = " [/INST]", .begins_with_bos = true},
	/* Zephyr, TinyLlama */
	{.template_says = "<|user|>", .user = "<|user|>\n", .turn_ends_text = true, .turn_gap = "\n", .assistant = "<|assistant|>\n",
	 .begins_with_bos = true},
};

/*
 * Does the template hold the mark that the format is known by? Others say "<|user|>" too: where the format ends the user's turn
 * with EOS, the template has to say so before it closes the braces around that turn.
 */
static bool template_fits(const struct chat_format *format, const char *template)
{
	const char *mark = template == NULL ? NULL : strstr(template, format->template_says);
	if (mark == NULL || !format->turn_ends_text)
		return mark != NULL;
	const char *close = strstr(mark, "}}"), *end = strstr(mark, "eos_token"), *spelled = strstr(mark, "</s>");
	return close != NULL && ((end != NULL && end < close) || (spelled != NULL && spelled < close));
}

const struct chat_format *chat_format_find(const struct tokenizer *tokenizer)
{
	for (size_t i = 0; i < sizeof chat_formats / sizeof chat_formats[0]; i++) {
		const struct chat_format *format = &chat_formats[i];
		bool fits = format->begin_token != NULL ? tokenizer_find(tokenizer, format->begin_token) >= 0
		                                        : template_fits(format, tokenizer_chat_template(tokenizer));
		if (fits)
			return format;
	}
	return NULL;
}

static enum pith_status append_named(const struct tokenizer *tokenizer, const char *name, struct token_list *out,
                                     struct pith_error *err)
{
	return name == NULL ? PITH_OK : append_id(tokenizer_find(tokenizer, name), out, err);
}

static enum pith_status append_role(const struct tokenizer *tokenizer, const struct chat_format *format, const char *role,
                                    struct token_list *out, struct pith_error *err)
{
	enum pith_status status = append_named(tokenizer, format->begin_token, out, err);
	if (status == PITH_OK)
		status = append(tokenizer, role, out, err);
	if (status == PITH_OK)
		status = append_named(tokenizer, format->role_end_token, out, err);
	if (status == PITH_OK && format->role_gap != NULL)
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

/* The user's turn of a format that is ordinary text: cut into tokens with the words behind it, as its makers do. */
static enum pith_status append_spelled(const struct tokenizer *tokenizer, const char *opening, const char *words, size_t length,
                                       struct token_list *out, struct pith_error *err)
{
	struct buffer text = {0};
	bool done = buffer_append_string(&text, opening) && buffer_append(&text, words, length);
	enum pith_status status = done ? tokenizer_encode(tokenizer, text.data, text.length, out, err) : fail_memory(err, "a prompt");
	buffer_free(&text);
	return status;
}

enum pith_status chat_format_begin(const struct chat_format *format, const struct tokenizer *tokenizer, const char *words,
                                   size_t length, struct token_list *out, struct pith_error *err)
{
	enum pith_status status = format->begins_with_bos ? append_id(tokenizer_bos(tokenizer), out, err) : PITH_OK;
	if (status == PITH_OK && format->begin_token == NULL)
		return append_spelled(tokenizer, format->user, words, length, out, err);
	if (status == PITH_OK)
		status = append_role(tokenizer, format, format->user == NULL ? "" : format->user, out, err);
	return status == PITH_OK ? tokenizer_encode(tokenizer, words, length, out, err) : status;
}

enum pith_status chat_format_end(const struct chat_format *format, const struct tokenizer *tokenizer, struct token_list *out,
                                 struct pith_error *err)
{
	enum pith_status status = append_named(tokenizer, format->turn_end_token, out, err);
	if (status == PITH_OK && format->turn_ends_text)
		status = append_id(tokenizer_eos(tokenizer), out, err);
	if (status == PITH_OK && format->begin_token == NULL)
		return append_spelled(tokenizer, format->turn_gap, format->assistant == NULL ? "" : format->assistant,
		                      format->assistant == NULL ? 0 : strlen(format->assistant), out, err);
	if (status == PITH_OK && format->turn_gap != NULL)
		status = append(tokenizer, format->turn_gap, out, err);
	if (status == PITH_OK && format->assistant != NULL)
		status = append_role(tokenizer, format, format->assistant, out, err);
	if (status == PITH_OK && format->empty_thought)
		status = append_empty_thought(tokenizer, out, err);
	return status;
}

const char *chat_format_reply_gap(const struct chat_format *format)
{
	/* A turn that is opened begins on a line of its own; behind "[/INST]" the templates have a space. */
	return format->assistant == NULL ? " " : "";
}
