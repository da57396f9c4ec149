/*
 * JSON Lines: a mapped file, its lines by number, single fields of a line.
 * Errors name file and line.
 */
#ifndef FORMATS_JSONL_H
#define FORMATS_JSONL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

struct jsonl;
/* Maps the file and finds its lines (empty lines do not count). */
enum pith_status jsonl_open(struct jsonl **out, const char *path, struct pith_error *err);
void jsonl_close(struct jsonl *file); /* NULL is allowed */
size_t jsonl_n_lines(const struct jsonl *file);
/* The number an editor shows for the line, counted at each call: for sentences. */
size_t jsonl_line_number(const struct jsonl *file, size_t line);

/* One parsed line. */
struct jsonl_record;
enum pith_status jsonl_read(struct jsonl_record **out, const struct jsonl *file, size_t line, struct pith_error *err);
void jsonl_record_free(struct jsonl_record *record);                                     /* NULL is allowed */
bool jsonl_has(const struct jsonl_record *record, const char *key);
/* NULL: absent or no string. length may be NULL. */
const char *jsonl_string(const struct jsonl_record *record, const char *key, size_t *length);
/* Strings of an array of strings (a single string counts as an array of one). n = 0 when absent. Borrowed. */
size_t jsonl_n_strings(const struct jsonl_record *record, const char *key);
bool jsonl_is_empty_list(const struct jsonl_record *record, const char *key);
const char *jsonl_string_at(const struct jsonl_record *record, const char *key, size_t i);

#endif
