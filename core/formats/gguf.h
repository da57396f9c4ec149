/*
 * GGUF v3 on disk: reading by mapping, writing atomically.
 * Format: "GGUF", version, counts, metadata, tensor infos, aligned data
 * (ggml docs/gguf.md). Every number of the file is checked before it is used.
 */
#ifndef FORMATS_GGUF_H
#define FORMATS_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/tensor.h"

enum gguf_type {
	GGUF_U8 = 0, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_STRING, GGUF_ARRAY,
	GGUF_U64, GGUF_I64, GGUF_F64
};

struct gguf; /* an open file */

enum pith_status gguf_open(struct gguf **out, const char *path, struct pith_error *err);
void gguf_close(struct gguf *gguf); /* NULL is allowed */
const char *gguf_path(const struct gguf *gguf);
size_t gguf_file_size(const struct gguf *gguf);

/* Metadata. The find functions return false when the key is absent or of a type that does not convert without loss. */
bool gguf_find_u64(const struct gguf *gguf, const char *key, uint64_t *value);
bool gguf_find_f64(const struct gguf *gguf, const char *key, double *value);
bool gguf_find_bool(const struct gguf *gguf, const char *key, bool *value);
/* *value is not NUL-terminated; it points into the map. */
bool gguf_find_string(const struct gguf *gguf, const char *key, const char **value, size_t *length);
/* An array: its element type and count. Elements are read with gguf_array_next_string / _i64 / _f64. */
struct gguf_array {
	enum gguf_type type;
	size_t n;
	const uint8_t *data;    /* packed elements */
	const uint8_t *end;
};
bool gguf_find_array(const struct gguf *gguf, const char *key, struct gguf_array *array);
/* Walks a string array: call n times, cursor starts as array->data. False: not a string array, or truncated. */
bool gguf_array_next_string(const struct gguf_array *array, const uint8_t **cursor, const char **value, size_t *length);
bool gguf_array_i64(const struct gguf_array *array, size_t i, int64_t *value);
bool gguf_array_f64(const struct gguf_array *array, size_t i, double *value);

/* For `pith inspect`: keys by index, and a value as a short text ("[151936 strings]" for a long array) appended to a buffer. */
struct buffer;
size_t gguf_n_metadata(const struct gguf *gguf);
const char *gguf_metadata_key(const struct gguf *gguf, size_t i); /* NUL-terminated copy, borrowed */
bool gguf_metadata_describe(const struct gguf *gguf, size_t i, struct buffer *text); /* false: no memory */

/* Tensors. NULL: none of that name. */
size_t gguf_n_tensors(const struct gguf *gguf);
const struct tensor *gguf_tensor(const struct gguf *gguf, size_t i);
const struct tensor *gguf_find_tensor(const struct gguf *gguf, const char *name);

/* Writing: metadata and tensors are added in order, then everything is written at once by finish. */
struct gguf_writer;
enum pith_status gguf_writer_create(struct gguf_writer **out, struct pith_error *err);
void gguf_writer_destroy(struct gguf_writer *writer); /* NULL is allowed */
enum pith_status gguf_write_u32(struct gguf_writer *writer, const char *key, uint32_t value, struct pith_error *err);
enum pith_status gguf_write_f32(struct gguf_writer *writer, const char *key, float value, struct pith_error *err);
enum pith_status gguf_write_bool(struct gguf_writer *writer, const char *key, bool value, struct pith_error *err);
enum pith_status gguf_write_string(struct gguf_writer *writer, const char *key, const char *value, struct pith_error *err);
enum pith_status gguf_write_string_array(struct gguf_writer *writer, const char *key, const char *const *values,
                                         const size_t *lengths, size_t n, struct pith_error *err);
enum pith_status gguf_write_i32_array(struct gguf_writer *writer, const char *key, const int32_t *values, size_t n,
                                      struct pith_error *err);
enum pith_status gguf_write_f32_array(struct gguf_writer *writer, const char *key, const float *values, size_t n,
                                      struct pith_error *err);
/* Copies every key that starts with prefix from an open file (the tokenizer goes along with a new model so). */
enum pith_status gguf_write_copied(struct gguf_writer *writer, const struct gguf *from, const char *prefix,
                                   struct pith_error *err);
/* The data is borrowed until finish; ne as in struct tensor. */
enum pith_status gguf_write_tensor(struct gguf_writer *writer, const char *name, enum tensor_type type, int n_dims,
                                   const size_t *ne, const void *data, struct pith_error *err);
/* A matrix of floats (n_rows, n) as type, packed at once and kept until finish; as F32, borrowed, where n does not fit the type. */
enum pith_status gguf_write_matrix(struct gguf_writer *writer, const char *name, enum tensor_type type, size_t n, size_t n_rows,
                                   const float *values, struct pith_error *err);
enum pith_status gguf_writer_finish(struct gguf_writer *writer, const char *path, struct pith_error *err);

#endif
