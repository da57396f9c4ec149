/* Writing safetensors: wider numbers first, so that everything is aligned without the gaps that the format forbids. */
#include "formats/safetensors.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/checked_size.h"
#include "pith/characters.h"
#include "pith/output_file.h"

enum { HEADER_ALIGNMENT = 8 };

static bool is_utf8(const char *text)
{
	return pith_is_utf8(text, strlen(text));
}

/* All names and texts must be UTF-8; what JSON still refuses then is for want of memory, or because it comes twice. */
static bool all_utf8(const struct safetensors_entry *metadata, size_t n_metadata, const struct tensor *tensors, size_t n_tensors)
{
	for (size_t i = 0; i < n_metadata; i++)
		if (!is_utf8(metadata[i].key) || !is_utf8(metadata[i].value))
			return false;
	for (size_t i = 0; i < n_tensors; i++)
		if (!is_utf8(tensors[i].name))
			return false;
	return true;
}

/* Sets object[key] = value and takes value over. False: no memory. */
static bool set_new(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static json_t *describe_metadata(const struct safetensors_entry *metadata, size_t n_metadata, bool *twice)
{
	json_t *object = json_object();
	for (size_t i = 0; i < n_metadata; i++) {
		*twice |= json_object_get(object, metadata[i].key) != NULL;
		if (*twice || !set_new(object, metadata[i].key, json_string(metadata[i].value))) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *describe_tensor(const struct tensor *tensor, size_t begin)
{
	json_t *object = json_object(), *shape = json_array(), *offsets = json_array();
	bool done = set_new(object, "dtype", json_string(tensor_type_name(tensor->type)));
	for (int i = tensor->n_dims - 1; i >= 0; i--)
		done = json_array_append_new(shape, json_integer((json_int_t)tensor->ne[i])) == 0 && done;
	done = json_array_append_new(offsets, json_integer((json_int_t)begin)) == 0 && done;
	done = json_array_append_new(offsets, json_integer((json_int_t)(begin + tensor->size))) == 0 && done;
	done = set_new(object, "shape", shape) && done;
	done = set_new(object, "data_offsets", offsets) && done;
	if (done)
		return object;
	json_decref(object);
	return NULL;
}

/* Is the tensor of a type that the format knows, and as large as its shape says? */
static bool is_writable(const struct tensor *tensor)
{
	if (tensor->type != TENSOR_F32 && tensor->type != TENSOR_F16 && tensor->type != TENSOR_BF16)
		return false;
	if (tensor->n_dims < 1 || tensor->n_dims > TENSOR_MAX_DIMS || tensor->data == NULL || tensor->size == 0)
		return false;
	size_t size;
	bool sized = tensor_row_size(tensor->type, tensor->ne[0], &size);
	for (int i = 1; i < tensor->n_dims; i++)
		sized = sized && checked_multiply(size, tensor->ne[i], &size);
	return sized && size == tensor->size;
}

/* The order of the data: first every F32, then the types of two bytes. */
static void order_tensors(const struct tensor **ordered, const struct tensor *tensors, size_t n_tensors)
{
	size_t n = 0;
	for (size_t i = 0; i < n_tensors; i++)
		if (tensors[i].type == TENSOR_F32)
			ordered[n++] = &tensors[i];
	for (size_t i = 0; i < n_tensors; i++)
		if (tensors[i].type != TENSOR_F32)
			ordered[n++] = &tensors[i];
}

/* The JSON header, padded with spaces; freed with free(). NULL: no memory, or a name that comes twice. */
static char *make_header(const struct safetensors_entry *metadata, size_t n_metadata, const struct tensor *const *ordered,
			 size_t n_tensors, size_t *length, bool *twice)
{
	json_t *header = json_object();
	bool done = n_metadata == 0 || set_new(header, "__metadata__", describe_metadata(metadata, n_metadata, twice));
	size_t offset = 0;
	for (size_t i = 0; i < n_tensors && done; i++) {
		*twice |= json_object_get(header, ordered[i]->name) != NULL;
		done = !*twice && set_new(header, ordered[i]->name, describe_tensor(ordered[i], offset));
		offset += ordered[i]->size;
	}
	struct buffer text = {0};
	char *json = done ? json_dumps(header, JSON_COMPACT) : NULL;
	json_decref(header);
	done = json != NULL && buffer_append_string(&text, json);
	free(json);
	while (done && text.length % HEADER_ALIGNMENT != 0)
		done = buffer_append(&text, " ", 1);
	*length = text.length;
	if (done)
		return text.data;
	buffer_free(&text);
	return NULL;
}

static enum pith_status write_all(struct pith_output_file *file, const char *header, size_t length,
				  const struct tensor *const *ordered, size_t n_tensors, struct pith_error *err)
{
	uint8_t prefix[8];
	for (size_t i = 0; i < sizeof prefix; i++)
		prefix[i] = (uint8_t)((uint64_t)length >> (8 * i));
	enum pith_status status = pith_output_file_write(file, prefix, sizeof prefix, err);
	if (status == PITH_OK)
		status = pith_output_file_write(file, header, length, err);
	for (size_t i = 0; i < n_tensors && status == PITH_OK; i++)
		status = pith_output_file_write(file, ordered[i]->data, ordered[i]->size, err);
	return status;
}

static enum pith_status write_file(const char *path, const char *header, size_t length, const struct tensor *const *ordered,
				   size_t n_tensors, struct pith_error *err)
{
	struct pith_output_file *file;
	enum pith_status status = pith_output_file_create(&file, path, err);
	if (status != PITH_OK)
		return status;
	status = write_all(file, header, length, ordered, n_tensors, err);
	if (status == PITH_OK)
		return pith_output_file_commit(file, err);
	pith_output_file_abandon(file);
	return status;
}

enum pith_status safetensors_write(const char *path, const struct safetensors_entry *metadata, size_t n_metadata,
				   const struct tensor *tensors, size_t n_tensors, struct pith_error *err)
{
	for (size_t i = 0; i < n_tensors; i++)
		if (!is_writable(&tensors[i]))
			return fail(err, PITH_BAD_ARGUMENT,
				    "Cannot write %s: tensor %.100s is no plain array of F32, F16 or BF16.", path,
				    tensors[i].name);
	if (!all_utf8(metadata, n_metadata, tensors, n_tensors))
		return fail(err, PITH_BAD_ARGUMENT, "Cannot write %s: a name or a text is not UTF-8.", path);
	const struct tensor **ordered = calloc(n_tensors + 1, sizeof *ordered);
	if (ordered == NULL)
		return fail_memory(err, "writing a safetensors file");
	enum pith_status status;
	size_t length;
	order_tensors(ordered, tensors, n_tensors);
	bool twice = false;
	char *header = make_header(metadata, n_metadata, ordered, n_tensors, &length, &twice);
	if (header == NULL && twice)
		status = fail(err, PITH_BAD_ARGUMENT, "Cannot write %s: a name comes twice.", path);
	else if (header == NULL)
		status = fail_memory(err, "the header of a safetensors file");
	else
		status = write_file(path, header, length, ordered, n_tensors, err);
	free(header);
	free(ordered);
	return status;
}
