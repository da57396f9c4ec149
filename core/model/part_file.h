/* Fields of the small GGUF files that belong to a model: adapters and heads. Errors name the file and the key. */
#ifndef MODEL_PART_FILE_H
#define MODEL_PART_FILE_H

#include <stddef.h>

#include "base/status.h"
#include "formats/gguf.h"

/* A string that fits size bytes with its NUL. what: "adapter of pith", which the file is not when it lacks one. */
enum pith_status part_read_text(char *out, size_t size, const struct gguf *gguf, const char *key, const char *what,
                                struct pith_error *err);
enum pith_status part_read_number(size_t *out, const struct gguf *gguf, const char *key, size_t low, size_t high,
                                  struct pith_error *err);
/* A tensor (n_out, n_in) of any type as floats. */
enum pith_status part_read_tensor(float *out, const struct gguf *gguf, const char *name, size_t n_in, size_t n_out,
                                  struct pith_error *err);

#endif
