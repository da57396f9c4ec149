#define _POSIX_C_SOURCE 200809L
/*
 * Writing GGUF. Keys and tensor infos are encoded as they come; finish joins
 * them with the header and the borrowed data. Where a number can only be known
 * late (counts), it is kept aside; offsets follow from the sizes alone.
 */
#include "formats/gguf.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/checked_size.h"
#include "formats/gguf_layout.h"
#include "formats/name_index.h"
#include "formats/tensor_pack.h"
#include "pith/output_file.h"

/* Readers built on ggml keep names in 64 bytes. */
enum { MAX_TENSOR_NAME = 63 };

struct tensor_data {
	const void *data;
	size_t size;
	void *packed; /* the same, if it is the writer's own; NULL: borrowed */
};

struct gguf_writer {
	struct buffer metadata, infos;
	struct name_index keys, names;
	struct tensor_data *tensors;
	size_t n_tensors, tensors_capacity;
	size_t offset; /* of the next tensor in the data section */
	bool broken;   /* memory ran out in the middle of an addition: what is here must not be written */
};

static enum pith_status out_of_memory(struct gguf_writer *writer, struct pith_error *err)
{
	writer->broken = true;
	return fail_memory(err, "writing a model");
}

static bool put_number(struct buffer *buffer, uint64_t value, size_t size)
{
	uint8_t bytes[8];
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	return buffer_append(buffer, bytes, size);
}

static bool put_string(struct buffer *buffer, const char *value, size_t length)
{
	return put_number(buffer, length, 8) && buffer_append(buffer, value, length);
}

enum pith_status gguf_writer_create(struct gguf_writer **out, struct pith_error *err)
{
	*out = calloc(1, sizeof **out);
	return *out == NULL ? fail_memory(err, "writing a model") : PITH_OK;
}

void gguf_writer_destroy(struct gguf_writer *writer)
{
	if (writer == NULL)
		return;
	buffer_free(&writer->metadata);
	buffer_free(&writer->infos);
	name_index_free(&writer->keys);
	name_index_free(&writer->names);
	for (size_t i = 0; i < writer->n_tensors; i++)
		free(writer->tensors[i].packed);
	free(writer->tensors);
	free(writer);
}

/* The key; its type and value follow. */
static enum pith_status begin_key(struct gguf_writer *writer, const char *key, struct pith_error *err)
{
	size_t length = strlen(key);
	if (length == 0 || length > GGUF_MAX_KEY)
		return fail(err, PITH_BAD_ARGUMENT, "A key of a GGUF file must have 1 to %d bytes.", GGUF_MAX_KEY);
	if (name_index_add(&writer->keys, key, length, writer->keys.n) == NULL || !put_string(&writer->metadata, key, length))
		return out_of_memory(writer, err);
	return PITH_OK;
}

static enum pith_status write_scalar(struct gguf_writer *writer, const char *key, enum gguf_type type, uint64_t bits,
				     struct pith_error *err)
{
	enum pith_status status = begin_key(writer, key, err);
	if (status == PITH_OK &&
	    (!put_number(&writer->metadata, type, 4) || !put_number(&writer->metadata, bits, gguf_scalar_size(type))))
		status = out_of_memory(writer, err);
	return status;
}

enum pith_status gguf_write_u32(struct gguf_writer *writer, const char *key, uint32_t value, struct pith_error *err)
{
	return write_scalar(writer, key, GGUF_U32, value, err);
}

enum pith_status gguf_write_f32(struct gguf_writer *writer, const char *key, float value, struct pith_error *err)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof bits);
	return write_scalar(writer, key, GGUF_F32, bits, err);
}

enum pith_status gguf_write_bool(struct gguf_writer *writer, const char *key, bool value, struct pith_error *err)
{
	return write_scalar(writer, key, GGUF_BOOL, value, err);
}

enum pith_status gguf_write_string(struct gguf_writer *writer, const char *key, const char *value, struct pith_error *err)
{
	enum pith_status status = begin_key(writer, key, err);
	if (status == PITH_OK &&
	    (!put_number(&writer->metadata, GGUF_STRING, 4) || !put_string(&writer->metadata, value, strlen(value))))
		status = out_of_memory(writer, err);
	return status;
}

/* Key, array type, element type and count. */
static enum pith_status begin_array(struct gguf_writer *writer, const char *key, enum gguf_type type, size_t n,
				    struct pith_error *err)
{
	enum pith_status status = begin_key(writer, key, err);
	if (status == PITH_OK && (!put_number(&writer->metadata, GGUF_ARRAY, 4) || !put_number(&writer->metadata, type, 4) ||
				  !put_number(&writer->metadata, n, 8)))
		status = out_of_memory(writer, err);
	return status;
}

enum pith_status gguf_write_string_array(struct gguf_writer *writer, const char *key, const char *const *values,
					 const size_t *lengths, size_t n, struct pith_error *err)
{
	enum pith_status status = begin_array(writer, key, GGUF_STRING, n, err);
	for (size_t i = 0; i < n && status == PITH_OK; i++)
		if (!put_string(&writer->metadata, values[i], lengths[i]))
			status = out_of_memory(writer, err);
	return status;
}

enum pith_status gguf_write_i32_array(struct gguf_writer *writer, const char *key, const int32_t *values, size_t n,
				      struct pith_error *err)
{
	enum pith_status status = begin_array(writer, key, GGUF_I32, n, err);
	for (size_t i = 0; i < n && status == PITH_OK; i++)
		if (!put_number(&writer->metadata, (uint32_t)values[i], 4))
			status = out_of_memory(writer, err);
	return status;
}

enum pith_status gguf_write_f32_array(struct gguf_writer *writer, const char *key, const float *values, size_t n,
				      struct pith_error *err)
{
	enum pith_status status = begin_array(writer, key, GGUF_F32, n, err);
	for (size_t i = 0; i < n && status == PITH_OK; i++) {
		uint32_t bits;
		memcpy(&bits, &values[i], sizeof bits);
		if (!put_number(&writer->metadata, bits, 4))
			status = out_of_memory(writer, err);
	}
	return status;
}

enum pith_status gguf_write_copied(struct gguf_writer *writer, const struct gguf *from, const char *prefix,
				   struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	for (size_t i = 0; i < gguf_n_metadata(from) && status == PITH_OK; i++) {
		const struct gguf_metadata *entry = gguf_metadata_at(from, i);
		/* The alignment describes the other file's data, not this one's. */
		if (strncmp(entry->key, prefix, strlen(prefix)) != 0 || strcmp(entry->key, "general.alignment") == 0)
			continue;
		status = begin_key(writer, entry->key, err);
		if (status == PITH_OK && !buffer_append(&writer->metadata, entry->raw, (size_t)(entry->value.end - entry->raw)))
			status = out_of_memory(writer, err);
	}
	return status;
}

/* Bytes of a tensor and of the padding after it. */
static bool tensor_sizes(enum tensor_type type, int n_dims, const size_t *ne, size_t *size, size_t *padded)
{
	if (n_dims < 1 || n_dims > TENSOR_MAX_DIMS || ne[0] == 0 || !tensor_row_size(type, ne[0], size))
		return false;
	for (int i = 1; i < n_dims; i++)
		if (ne[i] == 0 || !checked_multiply(*size, ne[i], size))
			return false;
	if (!checked_add(*size, GGUF_DEFAULT_ALIGNMENT - 1, padded))
		return false;
	*padded -= *padded % GGUF_DEFAULT_ALIGNMENT;
	return true;
}

static bool put_tensor_info(struct gguf_writer *writer, const char *name, enum tensor_type type, int n_dims, const size_t *ne)
{
	bool done = put_string(&writer->infos, name, strlen(name)) && put_number(&writer->infos, (uint64_t)n_dims, 4);
	for (int i = 0; i < n_dims; i++)
		done = done && put_number(&writer->infos, ne[i], 8);
	return done && put_number(&writer->infos, type, 4) && put_number(&writer->infos, writer->offset, 8);
}

enum pith_status gguf_write_tensor(struct gguf_writer *writer, const char *name, enum tensor_type type, int n_dims,
				   const size_t *ne, const void *data, struct pith_error *err)
{
	size_t size, padded, next, length = strlen(name);
	if (length == 0 || length > MAX_TENSOR_NAME)
		return fail(err, PITH_BAD_ARGUMENT, "The tensor name %.100s is not 1 to %d bytes long.", name, MAX_TENSOR_NAME);
	if (data == NULL || !tensor_sizes(type, n_dims, ne, &size, &padded) || !checked_add(writer->offset, padded, &next))
		return fail(err, PITH_BAD_ARGUMENT, "Tensor %s has no data, or a shape that does not fit its type.", name);
	if (writer->n_tensors == writer->tensors_capacity) {
		size_t capacity = writer->tensors_capacity == 0 ? 64 : writer->tensors_capacity * 2;
		struct tensor_data *tensors = realloc(writer->tensors, capacity * sizeof *tensors);
		if (tensors == NULL)
			return out_of_memory(writer, err);
		writer->tensors = tensors;
		writer->tensors_capacity = capacity;
	}
	if (name_index_add(&writer->names, name, length, writer->n_tensors) == NULL ||
	    !put_tensor_info(writer, name, type, n_dims, ne))
		return out_of_memory(writer, err);
	writer->tensors[writer->n_tensors++] = (struct tensor_data){.data = data, .size = size};
	writer->offset = next;
	return PITH_OK;
}

enum pith_status gguf_write_matrix(struct gguf_writer *writer, const char *name, enum tensor_type type, size_t n, size_t n_rows,
                                   const float *values, struct pith_error *err)
{
	size_t row_size, size, ne[] = {n, n_rows};
	if (type == TENSOR_F32 || !tensor_row_size(type, n, &row_size))
		return gguf_write_tensor(writer, name, TENSOR_F32, 2, ne, values, err);
	uint8_t *packed = checked_multiply(row_size, n_rows, &size) ? malloc(size) : NULL;
	if (packed == NULL)
		return out_of_memory(writer, err);
	bool written = true;
	for (size_t row = 0; row < n_rows && written; row++)
		written = tensor_pack_row(packed + row * row_size, type, values + row * n, n);
	enum pith_status status =
		written ? gguf_write_tensor(writer, name, type, 2, ne, packed, err)
			: fail(err, PITH_UNSUPPORTED, "Tensor %s cannot be written as %s.", name, tensor_type_name(type));
	if (status == PITH_OK)
		writer->tensors[writer->n_tensors - 1].packed = packed;
	else
		free(packed);
	return status;
}

/* Zeros up to the next aligned position. */
static enum pith_status write_padding(struct pith_output_file *file, struct pith_error *err)
{
	static const uint8_t zeros[GGUF_DEFAULT_ALIGNMENT];
	size_t over = pith_output_file_position(file) % GGUF_DEFAULT_ALIGNMENT;
	return over == 0 ? PITH_OK : pith_output_file_write(file, zeros, GGUF_DEFAULT_ALIGNMENT - over, err);
}

static enum pith_status write_all(const struct gguf_writer *writer, struct pith_output_file *file, const struct buffer *header,
				  struct pith_error *err)
{
	enum pith_status status = pith_output_file_write(file, header->data, header->length, err);
	if (status == PITH_OK)
		status = pith_output_file_write(file, writer->metadata.data, writer->metadata.length, err);
	if (status == PITH_OK)
		status = pith_output_file_write(file, writer->infos.data, writer->infos.length, err);
	if (status == PITH_OK)
		status = write_padding(file, err);
	for (size_t i = 0; i < writer->n_tensors && status == PITH_OK; i++) {
		status = pith_output_file_write(file, writer->tensors[i].data, writer->tensors[i].size, err);
		if (status == PITH_OK)
			status = write_padding(file, err);
	}
	return status;
}

enum pith_status gguf_writer_finish(struct gguf_writer *writer, const char *path, struct pith_error *err)
{
	if (writer->broken)
		return fail_memory(err, "writing a model");
	const char *twice = name_index_sort(&writer->keys);
	if (twice == NULL)
		twice = name_index_sort(&writer->names);
	if (twice != NULL)
		return fail(err, PITH_BAD_ARGUMENT, "Cannot write %s: %.100s was added twice.", path, twice);
	struct buffer header = {0};
	bool done = buffer_append(&header, "GGUF", 4) && put_number(&header, GGUF_VERSION, 4) &&
		    put_number(&header, writer->n_tensors, 8) && put_number(&header, writer->keys.n, 8);
	struct pith_output_file *file = NULL;
	enum pith_status status = done ? pith_output_file_create(&file, path, err) : fail_memory(err, "writing a model");
	if (status == PITH_OK)
		status = write_all(writer, file, &header, err);
	buffer_free(&header);
	if (status == PITH_OK)
		return pith_output_file_commit(file, err);
	pith_output_file_abandon(file);
	return status;
}
