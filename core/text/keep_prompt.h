/*
 * How a model that was trained to is asked which words of a text are worth keeping: BOS, the text, and the text again. Where it
 * reads a token for the second time it has seen all of the text, and what it would say next is "+" or "-".
 */
#ifndef TEXT_KEEP_PROMPT_H
#define TEXT_KEEP_PROMPT_H

#include "text/tokenizer.h"

/* Appends BOS and tokens (n) twice. False: no memory. */
bool keep_prompt(const struct tokenizer *tokenizer, const struct pith_token *tokens, size_t n, struct token_list *out);
/* The ids by which it is said that a token is kept, and that it is not. */
enum pith_status keep_prompt_verdicts(const struct tokenizer *tokenizer, int32_t *kept, int32_t *dropped, struct pith_error *err);

#endif
