/*
 * A file mapped read-only: every reader of a file format starts here. For
 * writing see pith/output_file.h.
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

#endif
