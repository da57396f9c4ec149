/*
 * What a model reads when it is asked about a text. A model with a reading adapter reads with that, and what it was trained to
 * read: of longer texts the sentences that share words with the question, up to the adapter's span. Any other reads all.
 */
#ifndef MODEL_READING_H
#define MODEL_READING_H

#include <stdbool.h>

#include "base/buffer.h"
#include "model/model.h"
#include "text/answer_prompt.h"

/* Switched on while the prompt is read and answered; NULL: the base reads alone. */
const struct adapter *reading_adapter(const struct pith_model *model);

/* Bytes of a text that the model reads at most; 0: all of it. */
size_t reading_bytes(const struct pith_model *model);

/* Is there room for a prompt of n_prompt tokens with these parts and an answer of max_tokens? If not: what is too long. */
enum pith_status reading_fits(const struct pith_model *model, size_t n_prompt, const struct answer_prompt_spans *spans,
                              size_t max_tokens, struct pith_error *err);

/* Appends the prompt for a question about a text. */
enum pith_status reading_prompt(struct token_list *prompt, const struct pith_model *model, const char *text, size_t length,
                                const char *question, struct pith_error *err);

#endif
