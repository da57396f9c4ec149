/*
 * Documents from outside: a file or standard input, checked to be text before
 * anything else sees it.
 */
#ifndef DOCUMENT_FILE_H
#define DOCUMENT_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "pith/status.h"

enum { DOCUMENT_FILE_MAX_BYTES = 256 << 20 };

struct document_file {
	char *text; /* NUL-terminated */
	size_t length;
	bool invalid_utf8; /* allowed, tokens are bytes; worth a warning */
};

/* What is wrong with a path at a look, before anything makes way for reading it: it is not there, or not to be read, or a folder. */
enum pith_status document_file_check(const char *path, struct pith_error *err);

/*
 * Reads path; "-" is standard input. Refused with a sentence: what cannot be
 * read, a folder, an empty file, a binary file, more than
 * DOCUMENT_FILE_MAX_BYTES. cancel may be NULL.
 */
enum pith_status document_file_read(struct document_file *out, const char *path, const atomic_bool *cancel,
                                    struct pith_error *err);
void document_file_free(struct document_file *file);

/* Is it "-", and standard input a terminal? */
bool document_file_is_keyboard(const char *path);

/* Does this look like no text: a NUL byte anywhere, or many control bytes among the first 8 KiB? */
bool document_file_is_binary(const char *text, size_t length);

#endif
