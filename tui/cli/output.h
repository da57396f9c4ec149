/*
 * What commands print. Data goes to stdout; on a terminal, text that came from
 * a file or a model has its control bytes and direction marks made visible.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "pith/status.h"

/* Writes text as it is to a file or pipe, made harmless to a terminal. */
void output_text(FILE *out, const char *text, size_t length);

/* Writes text on one line: control bytes as \n, \t or \xNN, bytes that are no UTF-8 as <0xNN>. */
void output_escaped(FILE *out, const char *text, size_t length);

/* A JSON string; bytes that are no UTF-8 become U+FFFD. NULL: no memory. */
json_t *output_json_text(const char *text, size_t length);

/* Prints object on one line and drops the reference; false: no memory (object may be NULL: memory was out before). */
bool output_json(json_t *object);

/* Flushes stdout. A reader that went away is no failure; a full disk is. */
enum pith_status output_finish(struct pith_error *err);

/* Replaces the file path by text: all of it or nothing (pith/output_file.h). */
enum pith_status output_file(const char *path, const char *text, size_t length, struct pith_error *err);

#endif
