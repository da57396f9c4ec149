/*
 * Writing files so that a reader never sees half of one.
 *
 * What is written stands in PATH.tmp-PID until it is whole; then it takes the
 * place of the file at PATH, and that one's mode. A symbolic link stays, the
 * file that it leads to is replaced. What is no regular file (a pipe, a device)
 * or is this process's standard output is written to as it stands.
 */
#ifndef PITH_OUTPUT_FILE_H
#define PITH_OUTPUT_FILE_H

#include <stddef.h>

#include "pith/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct pith_output_file;
enum pith_status pith_output_file_create(struct pith_output_file **out, const char *path, struct pith_error *err);
enum pith_status pith_output_file_write(struct pith_output_file *file, const void *data, size_t size, struct pith_error *err);
size_t pith_output_file_position(const struct pith_output_file *file); /* bytes written so far */
/* Flushes to disk and puts the file in its place. It is freed whatever happens; on failure the old file stays. */
enum pith_status pith_output_file_commit(struct pith_output_file *file, struct pith_error *err);
void pith_output_file_abandon(struct pith_output_file *file); /* the old file stays. NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
