/* A rewrite by a local model: reads a prompt, speaks until it ends, repeats itself or becomes too long. */
#ifndef COMPRESS_LOCAL_WRITER_H
#define COMPRESS_LOCAL_WRITER_H

#include "compress/rewrite.h"

/* Room for a rewrite that is a little too long: it is seen to be too long, and ends where a sentence does. */
size_t local_writer_limit(size_t n_tokens);

/* adapter NULL: the model as it is. The prompt and max_tokens more must fit the model's context. */
enum pith_status local_writer_speak(struct pith_model *model, const struct adapter *adapter, const struct token_list *prompt,
                                    size_t max_tokens, struct rewrite_answer *answer, const struct pith_control *control,
                                    struct pith_error *err);

#endif
