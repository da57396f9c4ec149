/*
 * How a model that was trained to rewrite is asked for fewer words: the text, then the length that the rewritten text shall
 * have, in tokens. The length stands behind the text and is a count, as in Cmprsr (arXiv 2511.12281).
 */
#ifndef TEXT_LENGTH_PROMPT_H
#define TEXT_LENGTH_PROMPT_H

#include "text/tokenizer.h"

/* Appends BOS, the text, "\nIn 24 tokens:". */
enum pith_status length_prompt(const struct tokenizer *tokenizer, const char *text, size_t length, size_t n_tokens,
                                struct token_list *out, struct pith_error *err);

#endif
