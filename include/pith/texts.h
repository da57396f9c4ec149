/*
 * The texts of a data set, JSON Lines: of each line its "text" or, where there
 * is none, its "context". Blank lines do not count. Errors name file and line.
 */
#ifndef PITH_TEXTS_H
#define PITH_TEXTS_H

#include <stddef.h>

#include "pith/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct pith_texts;
enum pith_status pith_texts_open(struct pith_texts **out, const char *path, struct pith_error *err);
/* The next one, NUL-terminated, which stands until the next call; behind the last *text is NULL. */
enum pith_status pith_texts_next(struct pith_texts *texts, const char **text, size_t *length, struct pith_error *err);
void pith_texts_close(struct pith_texts *texts); /* NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
