/*
 * How a question is put to a model: one place for training and inference.
 *
 * Models with a chat format get it. Others get plain text: BOS, the document,
 * the question. From memory rows the question alone is read, at the position
 * where it would stand behind the document, so that one skill serves both; BOS
 * alone is what asks for regeneration. With the document first, one reading of
 * it serves many questions, in training above all.
 */
#ifndef TEXT_ANSWER_PROMPT_H
#define TEXT_ANSWER_PROMPT_H

#include "text/tokenizer.h"

/* Where parts of a prompt stand among its tokens. */
struct answer_prompt_spans {
	size_t document_begin, document_end; /* behind memory rows: 0 */
	size_t question_begin, question_end;
};

/* Appends the prompt for an answer from a text; spans may be NULL. */
enum pith_status answer_prompt_text(const struct tokenizer *tokenizer, const char *text, size_t length, const char *question,
                                    struct token_list *out, struct answer_prompt_spans *spans, struct pith_error *err);
/* Appends the prompt for an answer from memory rows; spans may be NULL. */
enum pith_status answer_prompt_memory(const struct tokenizer *tokenizer, const char *question, struct token_list *out,
                                      struct answer_prompt_spans *spans, struct pith_error *err);

/* Appends an answer as it goes on behind one of these prompts. */
enum pith_status answer_prompt_reply(const struct tokenizer *tokenizer, bool from_memory, const char *answer,
                                     struct token_list *out, struct pith_error *err);

#endif
