#define _POSIX_C_SOURCE 200809L
/*
 * Safetensors: reading by mapping, writing atomically
 * (github.com/huggingface/safetensors, README, "Format"). As the reference
 * does, a file is refused unless its tensors cover the data section without
 * gap or overlap.
 */
#include "formats/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked_size.h"
#include "base/file_map.h"
#include "formats/name_index.h"

/* Soft prompts and adapters have some thousand tensors of about 100 header bytes; a parsed header is many times larger. */
enum { MAX_HEADER = 16 << 20, LENGTH_SIZE = 8 };

struct safetensors {
	char *path;
	struct file_map map;
	json_t *header; /* keeps the names and the metadata */
	struct safetensors_entry *metadata;
	size_t n_metadata;
	struct tensor *tensors;
	size_t n_tensors;
	struct name_index names;
};

static const struct dtype {
	const char *name;
	enum tensor_type type;
	size_t size;
} dtypes[] = {
	{"F32", TENSOR_F32, 4},
	{"F16", TENSOR_F16, 2},
	{"BF16", TENSOR_BF16, 2},
};
enum { N_DTYPES = sizeof dtypes / sizeof dtypes[0] };

static const struct dtype *dtype_by_name(const char *name)
{
	for (size_t i = 0; i < N_DTYPES; i++)
		if (strcmp(dtypes[i].name, name) == 0)
			return &dtypes[i];
	return NULL;
}

/* The length of the JSON header; false: this is no safetensors file. */
static bool header_length(const struct file_map *map, size_t *length)
{
	if (map->size < LENGTH_SIZE + 2)
		return false;
	uint64_t value = 0;
	for (size_t i = 0; i < LENGTH_SIZE; i++)
		value |= (uint64_t)map->data[i] << (8 * i);
	*length = (size_t)value;
	return value >= 2 && value <= map->size - LENGTH_SIZE && map->data[LENGTH_SIZE] == '{';
}

bool safetensors_recognise(const char *path)
{
	struct file_map map;
	size_t length;
	if (file_map_open(&map, path, NULL) != PITH_OK)
		return false;
	bool recognised = header_length(&map, &length);
	file_map_close(&map);
	return recognised;
}

/* A whole number that is not negative; false: anything else. */
static bool size_value(const json_t *value, size_t *size)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*size = (size_t)json_integer_value(value);
	return true;
}

static enum pith_status read_metadata(struct safetensors *file, const json_t *metadata, struct pith_error *err)
{
	if (!json_is_object(metadata))
		return fail(err, PITH_BAD_FILE, "%s is damaged: its __metadata__ is not an object.", file->path);
	file->metadata = calloc(json_object_size(metadata) + 1, sizeof *file->metadata);
	if (file->metadata == NULL)
		return fail_memory(err, "the metadata of a safetensors file");
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)metadata, key, value)
	{
		if (!json_is_string(value))
			return fail(err, PITH_BAD_FILE, "%s is damaged: its metadata %.100s is not a string.", file->path, key);
		file->metadata[file->n_metadata++] = (struct safetensors_entry){.key = key, .value = json_string_value(value)};
	}
	return PITH_OK;
}

/* Shape of a tensor, reversed; *size becomes the bytes that its elements take. */
static bool read_shape(const json_t *shape, struct tensor *tensor, size_t *size)
{
	size_t n_dims = json_array_size(shape);
	if (!json_is_array(shape) || n_dims > TENSOR_MAX_DIMS)
		return false;
	tensor->n_dims = (int)n_dims;
	for (size_t i = 0; i < TENSOR_MAX_DIMS; i++) {
		size_t ne = 1;
		if (i < n_dims && !size_value(json_array_get(shape, n_dims - 1 - i), &ne))
			return false;
		if (ne == 0 || !checked_multiply(*size, ne, size))
			return false;
		tensor->ne[i] = ne;
	}
	return true;
}

static enum pith_status read_tensor(struct safetensors *file, const char *name, const json_t *info, size_t data_start,
				    struct pith_error *err)
{
	struct tensor *tensor = &file->tensors[file->n_tensors];
	tensor->name = name_index_add(&file->names, name, strlen(name), file->n_tensors);
	if (tensor->name == NULL)
		return fail_memory(err, "the tensor table of a safetensors file");
	const char *type = json_string_value(json_object_get(info, "dtype"));
	if (type == NULL)
		return fail(err, PITH_BAD_FILE, "%s is damaged: tensor %.100s has no dtype.", file->path, name);
	const struct dtype *dtype = dtype_by_name(type);
	if (dtype == NULL)
		return fail(err, PITH_UNSUPPORTED, "%s: tensor %.100s is of type %.20s; pith reads F32, F16 and BF16.",
			    file->path, name, type);
	tensor->type = dtype->type;
	size_t size = dtype->size, begin, end;
	if (!read_shape(json_object_get(info, "shape"), tensor, &size))
		return fail(err, PITH_BAD_FILE,
			    "%s is damaged: tensor %.100s has an impossible shape, or more than %d dimensions.", file->path, name,
			    TENSOR_MAX_DIMS);
	const json_t *offsets = json_object_get(info, "data_offsets");
	if (json_array_size(offsets) != 2 || !size_value(json_array_get(offsets, 0), &begin) ||
	    !size_value(json_array_get(offsets, 1), &end) || begin > end || end > file->map.size - data_start)
		return fail(err, PITH_BAD_FILE, "%s is damaged or cut short: the data of tensor %.100s is not inside the file.",
			    file->path, name);
	if (end - begin != size)
		return fail(err, PITH_BAD_FILE, "%s is damaged: tensor %.100s has %zu bytes and its shape needs %zu.", file->path,
			    name, end - begin, size);
	/* Numbers are read in place. Writers of the last years align them. */
	if ((data_start + begin) % dtype->size != 0)
		return fail(err, PITH_UNSUPPORTED,
			    "%s: tensor %.100s is not aligned; save the file anew with a recent safetensors.", file->path, name);
	tensor->data = file->map.data + data_start + begin;
	tensor->size = size;
	file->n_tensors++;
	return PITH_OK;
}

static int compare_data(const void *a, const void *b)
{
	const uint8_t *first = (*(const struct tensor *const *)a)->data, *second = (*(const struct tensor *const *)b)->data;
	return (first > second) - (first < second);
}

static enum pith_status check_coverage(const struct safetensors *file, size_t data_start, struct pith_error *err)
{
	const struct tensor **sorted = calloc(file->n_tensors + 1, sizeof *sorted);
	if (sorted == NULL)
		return fail_memory(err, "the tensor table of a safetensors file");
	for (size_t i = 0; i < file->n_tensors; i++)
		sorted[i] = &file->tensors[i];
	qsort(sorted, file->n_tensors, sizeof *sorted, compare_data);
	const uint8_t *at = file->map.data + data_start;
	bool covered = true;
	for (size_t i = 0; i < file->n_tensors && covered; i++) {
		covered = sorted[i]->data == at;
		at += sorted[i]->size;
	}
	free(sorted);
	if (!covered || at != file->map.data + file->map.size)
		return fail(err, PITH_BAD_FILE, "%s is damaged: its tensors overlap, or leave bytes that belong to none.",
			    file->path);
	return PITH_OK;
}

static enum pith_status read_header(struct safetensors *file, struct pith_error *err)
{
	size_t length;
	if (!header_length(&file->map, &length))
		return fail(err, PITH_BAD_FILE, "%s is not a safetensors file.", file->path);
	if (length > MAX_HEADER)
		return fail(err, PITH_BAD_FILE, "%s has a header of %zu bytes, and %d is the most.", file->path, length,
			    MAX_HEADER);
	json_error_t reason;
	file->header = json_loadb((const char *)file->map.data + LENGTH_SIZE, length, JSON_REJECT_DUPLICATES, &reason);
	/* Most allocations that fail in the parser leave it without a word. */
	if (file->header == NULL && (json_error_code(&reason) == json_error_out_of_memory || reason.text[0] == '\0'))
		return fail_memory(err, "the header of a safetensors file");
	if (!json_is_object(file->header))
		return fail(err, PITH_BAD_FILE, "%s is damaged: its header is not valid JSON (%s).", file->path,
			    file->header == NULL ? reason.text : "no object");
	file->tensors = calloc(json_object_size(file->header) + 1, sizeof *file->tensors);
	if (file->tensors == NULL)
		return fail_memory(err, "the tensor table of a safetensors file");

	size_t data_start = LENGTH_SIZE + length;
	enum pith_status status = PITH_OK;
	const char *name;
	json_t *value;
	json_object_foreach(file->header, name, value)
	{
		if (strcmp(name, "__metadata__") == 0)
			status = read_metadata(file, value, err);
		else
			status = read_tensor(file, name, value, data_start, err);
		if (status != PITH_OK)
			return status;
	}
	name_index_sort(&file->names); /* the parser has refused duplicates */
	return check_coverage(file, data_start, err);
}

enum pith_status safetensors_open(struct safetensors **out, const char *path, struct pith_error *err)
{
	*out = NULL;
	struct safetensors *file = calloc(1, sizeof *file);
	if (file != NULL)
		file->path = strdup(path);
	if (file == NULL || file->path == NULL) {
		safetensors_close(file);
		return fail_memory(err, "opening a safetensors file");
	}
	enum pith_status status = file_map_open(&file->map, path, err);
	if (status == PITH_OK)
		status = read_header(file, err);
	if (status != PITH_OK) {
		safetensors_close(file);
		return status;
	}
	*out = file;
	return PITH_OK;
}

void safetensors_close(struct safetensors *file)
{
	if (file == NULL)
		return;
	file_map_close(&file->map);
	json_decref(file->header);
	name_index_free(&file->names);
	free(file->metadata);
	free(file->tensors);
	free(file->path);
	free(file);
}

const char *safetensors_metadata(const struct safetensors *file, const char *key)
{
	return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

bool safetensors_metadata_at(const struct safetensors *file, size_t i, const char **key, const char **value)
{
	if (i >= file->n_metadata)
		return false;
	*key = file->metadata[i].key;
	*value = file->metadata[i].value;
	return true;
}

size_t safetensors_n_tensors(const struct safetensors *file)
{
	return file->n_tensors;
}

const struct tensor *safetensors_tensor(const struct safetensors *file, size_t i)
{
	return i < file->n_tensors ? &file->tensors[i] : NULL;
}

const struct tensor *safetensors_find(const struct safetensors *file, const char *name)
{
	size_t i;
	return name_index_find(&file->names, name, &i) ? &file->tensors[i] : NULL;
}
