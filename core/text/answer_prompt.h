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

/* Appends the prompt for an answer from a text. *document_begin, *document_end (may be NULL): where its tokens stand in out. */
enum pith_status answer_prompt_text(const struct tokenizer *tokenizer, const char *text, size_t length, const char *question,
                                    struct token_list *out, size_t *document_begin, size_t *document_end,
                                    struct pith_error *err);
/* Appends the prompt for an answer from memory rows. */
enum pith_status answer_prompt_memory(const struct tokenizer *tokenizer, const char *question, struct token_list *out,
                                      struct pith_error *err);

#endif
