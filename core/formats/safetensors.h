/*
 * Safetensors on disk: u64 header length, JSON header, packed data. Only F32,
 * F16 and BF16 are read; the header's offsets are checked against the file.
 */
#ifndef FORMATS_SAFETENSORS_H
#define FORMATS_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "base/tensor.h"

struct safetensors; /* an open file, mapped */
enum pith_status safetensors_open(struct safetensors **out, const char *path, struct pith_error *err);
void safetensors_close(struct safetensors *file); /* NULL is allowed */

/* A string of __metadata__; NULL when absent. Borrowed. */
const char *safetensors_metadata(const struct safetensors *file, const char *key);
/* Its strings by index; false: there are no more. */
bool safetensors_metadata_at(const struct safetensors *file, size_t i, const char **key, const char **value);

/* Tensors; dimensions are in the order of struct tensor: ne[0] is the fastest, the last of the file's shape. */
size_t safetensors_n_tensors(const struct safetensors *file);
const struct tensor *safetensors_tensor(const struct safetensors *file, size_t i);
const struct tensor *safetensors_find(const struct safetensors *file, const char *name);

/* Does the file start like safetensors: a plausible header length, then '{'? */
bool safetensors_recognise(const char *path);

/* Writing, atomically. Tensor data is borrowed; every tensor is contiguous. */
struct safetensors_entry {
	const char *key, *value;
};
enum pith_status safetensors_write(const char *path, const struct safetensors_entry *metadata, size_t n_metadata,
                                   const struct tensor *tensors, size_t n_tensors, struct pith_error *err);

#endif
