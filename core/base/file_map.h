/*
 * A file mapped read-only, and writing files so that a reader never sees half
 * of one. Every reader of a file format starts here.
 */
#ifndef BASE_FILE_MAP_H
#define BASE_FILE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct file_map {
	const uint8_t *data; /* NULL for an empty file */
	size_t size;
};
enum pith_status file_map_open(struct file_map *map, const char *path, struct pith_error *err);
void file_map_close(struct file_map *map);

/* A file under construction: path + ".tmp-PID", renamed to path by commit. */
struct atomic_file;
enum pith_status atomic_file_create(struct atomic_file **out, const char *path, struct pith_error *err);
enum pith_status atomic_file_write(struct atomic_file *file, const void *data, size_t size, struct pith_error *err);
size_t atomic_file_position(const struct atomic_file *file); /* bytes written so far */
/* Flushes to disk and renames. The file is freed whatever happens; on failure the temporary is removed. */
enum pith_status atomic_file_commit(struct atomic_file *file, struct pith_error *err);
void atomic_file_abandon(struct atomic_file *file); /* NULL is allowed */

#endif
