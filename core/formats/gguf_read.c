#define _POSIX_C_SOURCE 200809L
/*
 * Reading GGUF. Opening walks the metadata and the tensor infos once, checks
 * every count, length and offset against the size of the file, and keeps
 * pointers into the map. Tables grow with what was really read, so that a
 * claimed count alone never costs memory.
 */
#include "formats/gguf.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked_size.h"
#include "base/file_map.h"
#include "formats/gguf_layout.h"
#include "formats/name_index.h"

struct tensor_entry {
	struct tensor tensor;
	uint64_t offset; /* from the start of the data section */
};

struct gguf {
	char *path;
	struct file_map map;
	struct gguf_metadata *metadata;
	size_t n_metadata, metadata_capacity;
	struct name_index keys;
	struct tensor_entry *tensors;
	size_t n_tensors, tensors_capacity;
	struct name_index names;
};

/* The unread rest of the file. */
struct cursor {
	const uint8_t *at, *end;
};

uint64_t gguf_little_endian(const uint8_t *bytes, size_t size)
{
	uint64_t value = 0;
	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return value;
}

static bool take_bytes(struct cursor *cursor, uint64_t size, const uint8_t **bytes)
{
	if (size > (size_t)(cursor->end - cursor->at))
		return false;
	*bytes = cursor->at;
	cursor->at += size;
	return true;
}

static bool take_u32(struct cursor *cursor, uint32_t *value)
{
	const uint8_t *bytes;
	if (!take_bytes(cursor, 4, &bytes))
		return false;
	*value = (uint32_t)gguf_little_endian(bytes, 4);
	return true;
}

static bool take_u64(struct cursor *cursor, uint64_t *value)
{
	const uint8_t *bytes;
	if (!take_bytes(cursor, 8, &bytes))
		return false;
	*value = gguf_little_endian(bytes, 8);
	return true;
}

static bool take_string(struct cursor *cursor, const char **value, size_t *length)
{
	uint64_t size;
	const uint8_t *bytes;
	if (!take_u64(cursor, &size) || !take_bytes(cursor, size, &bytes))
		return false;
	*value = (const char *)bytes;
	*length = (size_t)size;
	return true;
}

size_t gguf_scalar_size(uint32_t type)
{
	switch (type) {
	case GGUF_U8:
	case GGUF_I8:
	case GGUF_BOOL: return 1;
	case GGUF_U16:
	case GGUF_I16: return 2;
	case GGUF_U32:
	case GGUF_I32:
	case GGUF_F32: return 4;
	case GGUF_U64:
	case GGUF_I64:
	case GGUF_F64: return 8;
	default: return 0;
	}
}

/* The table with room for one more element, moved if it was full. NULL: no memory, and the table stays as it was. */
static void *with_room(void *table, size_t n, size_t *capacity, size_t element_size)
{
	if (n < *capacity)
		return table;
	size_t grown = *capacity == 0 ? 32 : *capacity * 2;
	void *moved = grown > SIZE_MAX / 2 / element_size ? NULL : realloc(table, grown * element_size);
	if (moved != NULL)
		*capacity = grown;
	return moved;
}

static enum pith_status take_name(const struct gguf *gguf, struct cursor *cursor, const char *what, const char **name,
				  size_t *length, struct pith_error *err)
{
	if (!take_string(cursor, name, length))
		return fail(err, PITH_BAD_FILE, "%s is damaged: the name of a %s runs past the end of the file.", gguf->path,
			    what);
	if (*length == 0 || *length > GGUF_MAX_KEY || memchr(*name, '\0', *length) != NULL)
		return fail(err, PITH_BAD_FILE, "%s is damaged: a %s has an impossible name of %zu bytes.", gguf->path, what,
			    *length);
	return PITH_OK;
}

/* Skips n packed values of a type; false: they do not fit the file. The caller has checked the type. */
static bool skip_values(struct cursor *cursor, enum gguf_type type, uint64_t n)
{
	const uint8_t *bytes;
	size_t size;
	if (type != GGUF_STRING)
		return checked_multiply(n, gguf_scalar_size(type), &size) && take_bytes(cursor, size, &bytes);
	for (uint64_t i = 0; i < n; i++) {
		const char *value;
		if (!take_string(cursor, &value, &size))
			return false;
	}
	return true;
}

static enum pith_status read_metadata(struct gguf *gguf, struct cursor *cursor, struct pith_error *err)
{
	const char *name;
	size_t length;
	enum pith_status status = take_name(gguf, cursor, "key", &name, &length, err);
	if (status != PITH_OK)
		return status;
	struct gguf_metadata *metadata = with_room(gguf->metadata, gguf->n_metadata, &gguf->metadata_capacity, sizeof *metadata);
	if (metadata == NULL)
		return fail_memory(err, "the metadata of a model");
	gguf->metadata = metadata;
	const char *key = name_index_add(&gguf->keys, name, length, gguf->n_metadata);
	if (key == NULL)
		return fail_memory(err, "the metadata of a model");

	struct gguf_metadata entry = {.key = key, .raw = cursor->at};
	uint32_t type, element_type;
	uint64_t n = 1;
	bool whole = take_u32(cursor, &type);
	element_type = whole ? type : GGUF_U8;
	if (whole && type == GGUF_ARRAY) {
		whole = take_u32(cursor, &element_type) && take_u64(cursor, &n);
		if (whole && element_type == GGUF_ARRAY)
			return fail(err, PITH_UNSUPPORTED, "%s: key %.100s is an array of arrays, which pith does not read.",
				    gguf->path, key);
	}
	if (whole && element_type != GGUF_STRING && gguf_scalar_size(element_type) == 0)
		return fail(err, PITH_BAD_FILE, "%s: key %.100s has the unknown type %u.", gguf->path, key,
			    (unsigned)element_type);
	entry.value.data = cursor->at;
	if (!whole || !skip_values(cursor, (enum gguf_type)element_type, n))
		return fail(err, PITH_BAD_FILE, "%s is damaged: the value of %.100s runs past the end of the file.", gguf->path,
			    key);
	entry.type = (enum gguf_type)type;
	entry.value.type = (enum gguf_type)element_type;
	entry.value.n = (size_t)n;
	entry.value.end = cursor->at;
	gguf->metadata[gguf->n_metadata++] = entry;
	return PITH_OK;
}

/* Number and sizes of the dimensions of a tensor; unused ones become 1. */
static enum pith_status read_shape(const struct gguf *gguf, struct cursor *cursor, struct tensor *tensor, struct pith_error *err)
{
	uint32_t n_dims;
	if (!take_u32(cursor, &n_dims))
		return fail(err, PITH_BAD_FILE, "%s is damaged: tensor %.100s runs past the end of the file.", gguf->path,
			    tensor->name);
	if (n_dims > TENSOR_MAX_DIMS)
		return fail(err, PITH_BAD_FILE, "%s is damaged: tensor %.100s has %u dimensions, and %d is the most.", gguf->path,
			    tensor->name, (unsigned)n_dims, TENSOR_MAX_DIMS);
	tensor->n_dims = (int)n_dims;
	size_t n_elements = 1;
	for (uint32_t i = 0; i < TENSOR_MAX_DIMS; i++) {
		uint64_t ne = 1;
		if (i < n_dims && !take_u64(cursor, &ne))
			return fail(err, PITH_BAD_FILE, "%s is damaged: tensor %.100s runs past the end of the file.", gguf->path,
				    tensor->name);
		if (ne == 0 || !checked_multiply(n_elements, ne, &n_elements))
			return fail(err, PITH_BAD_FILE, "%s is damaged: tensor %.100s has an impossible shape.", gguf->path,
				    tensor->name);
		tensor->ne[i] = (size_t)ne;
	}
	return PITH_OK;
}

static enum pith_status read_tensor_info(struct gguf *gguf, struct cursor *cursor, struct pith_error *err)
{
	const char *name;
	size_t length;
	enum pith_status status = take_name(gguf, cursor, "tensor", &name, &length, err);
	if (status != PITH_OK)
		return status;
	struct tensor_entry *tensors = with_room(gguf->tensors, gguf->n_tensors, &gguf->tensors_capacity, sizeof *tensors);
	if (tensors == NULL)
		return fail_memory(err, "the tensor table of a model");
	gguf->tensors = tensors;
	struct tensor_entry entry = {0};
	entry.tensor.name = name_index_add(&gguf->names, name, length, gguf->n_tensors);
	if (entry.tensor.name == NULL)
		return fail_memory(err, "the tensor table of a model");
	status = read_shape(gguf, cursor, &entry.tensor, err);
	if (status != PITH_OK)
		return status;
	uint32_t type;
	if (!take_u32(cursor, &type) || !take_u64(cursor, &entry.offset))
		return fail(err, PITH_BAD_FILE, "%s is damaged: tensor %.100s runs past the end of the file.", gguf->path,
			    entry.tensor.name);
	entry.tensor.type = (enum tensor_type)type;
	gguf->tensors[gguf->n_tensors++] = entry;
	return PITH_OK;
}

static enum pith_status read_alignment(const struct gguf *gguf, size_t *alignment, struct pith_error *err)
{
	uint64_t value = GGUF_DEFAULT_ALIGNMENT;
	size_t i;
	bool present = name_index_find(&gguf->keys, "general.alignment", &i);
	/* At least 8, by the specification: numbers are read in place. */
	if ((present && !gguf_find_u64(gguf, "general.alignment", &value)) || value < 8 || (value & (value - 1)) != 0)
		return fail(err, PITH_BAD_FILE, "%s is damaged: general.alignment is not a power of two of at least 8.",
			    gguf->path);
	*alignment = (size_t)value;
	return PITH_OK;
}

/*
 * Points a tensor into the data section, size bytes long. A type that this
 * build cannot read has no known size: its data stays NULL, for a loader to
 * refuse by name.
 */
static enum pith_status place_tensor(const struct gguf *gguf, struct tensor_entry *entry, size_t data_start, size_t alignment,
				     struct pith_error *err)
{
	struct tensor *tensor = &entry->tensor;
	if (entry->offset % alignment != 0)
		return fail(err, PITH_BAD_FILE, "%s is damaged: the data of tensor %.100s is not aligned.", gguf->path,
			    tensor->name);
	if (tensor_type_name(tensor->type) == NULL)
		return PITH_OK;
	size_t size, begin;
	bool sized = tensor_row_size(tensor->type, tensor->ne[0], &size);
	for (int i = 1; i < TENSOR_MAX_DIMS; i++)
		sized = sized && checked_multiply(size, tensor->ne[i], &size);
	if (!sized)
		return fail(err, PITH_BAD_FILE, "%s is damaged: the shape of tensor %.100s does not fit its type %s.", gguf->path,
			    tensor->name, tensor_type_name(tensor->type));
	if (!checked_add(data_start, entry->offset, &begin) || !range_inside(begin, size, gguf->map.size))
		return fail(err, PITH_BAD_FILE,
			    "%s is damaged or cut short: the data of tensor %.100s runs past the end of the file.", gguf->path,
			    tensor->name);
	tensor->data = gguf->map.data + begin;
	tensor->size = size;
	return PITH_OK;
}

static enum pith_status place_tensors(struct gguf *gguf, const struct cursor *cursor, struct pith_error *err)
{
	size_t alignment = 0, data_start;
	enum pith_status status = read_alignment(gguf, &alignment, err);
	if (status != PITH_OK)
		return status;
	if (!checked_add((size_t)(cursor->at - gguf->map.data), alignment - 1, &data_start))
		return fail(err, PITH_BAD_FILE, "%s is damaged: general.alignment is larger than the file.", gguf->path);
	data_start &= ~(alignment - 1);
	for (size_t i = 0; i < gguf->n_tensors && status == PITH_OK; i++)
		status = place_tensor(gguf, &gguf->tensors[i], data_start, alignment, err);
	return status;
}

static enum pith_status read_header(const struct gguf *gguf, struct cursor *cursor, uint64_t *n_tensors, uint64_t *n_metadata,
				    struct pith_error *err)
{
	const uint8_t *magic;
	uint32_t version;
	if (!take_bytes(cursor, 4, &magic) || memcmp(magic, "GGUF", 4) != 0)
		return fail(err, PITH_BAD_FILE, "%s is not a GGUF file.", gguf->path);
	if (!take_u32(cursor, &version))
		return fail(err, PITH_BAD_FILE, "%s is cut short: it ends in its header.", gguf->path);
	if (version != 0 && (version & 0xffff) == 0)
		return fail(err, PITH_UNSUPPORTED, "%s is a big-endian GGUF file, which pith does not read.", gguf->path);
	/* Version 2 has the same layout. */
	if (version != GGUF_VERSION && version != 2)
		return fail(err, PITH_UNSUPPORTED, "%s is GGUF version %u; pith reads versions 2 and 3.", gguf->path,
			    (unsigned)version);
	if (!take_u64(cursor, n_tensors) || !take_u64(cursor, n_metadata))
		return fail(err, PITH_BAD_FILE, "%s is cut short: it ends in its header.", gguf->path);
	return PITH_OK;
}

static enum pith_status read_file(struct gguf *gguf, struct pith_error *err)
{
	struct cursor cursor = {.at = gguf->map.data, .end = gguf->map.data + gguf->map.size};
	uint64_t n_tensors = 0, n_metadata = 0;
	enum pith_status status = read_header(gguf, &cursor, &n_tensors, &n_metadata, err);
	for (uint64_t i = 0; i < n_metadata && status == PITH_OK; i++)
		status = read_metadata(gguf, &cursor, err);
	if (status != PITH_OK)
		return status;
	const char *twice = name_index_sort(&gguf->keys);
	if (twice != NULL)
		return fail(err, PITH_BAD_FILE, "%s is damaged: it has the key %.100s twice.", gguf->path, twice);
	for (uint64_t i = 0; i < n_tensors && status == PITH_OK; i++)
		status = read_tensor_info(gguf, &cursor, err);
	if (status != PITH_OK)
		return status;
	twice = name_index_sort(&gguf->names);
	if (twice != NULL)
		return fail(err, PITH_BAD_FILE, "%s is damaged: it has the tensor %.100s twice.", gguf->path, twice);
	return place_tensors(gguf, &cursor, err);
}

enum pith_status gguf_open(struct gguf **out, const char *path, struct pith_error *err)
{
	*out = NULL;
	struct gguf *gguf = calloc(1, sizeof *gguf);
	if (gguf != NULL)
		gguf->path = strdup(path);
	if (gguf == NULL || gguf->path == NULL) {
		gguf_close(gguf);
		return fail_memory(err, "opening a model");
	}
	enum pith_status status = file_map_open(&gguf->map, path, err);
	if (status == PITH_OK && gguf->map.size == 0)
		status = fail(err, PITH_BAD_FILE, "%s is empty.", path);
	if (status == PITH_OK)
		status = read_file(gguf, err);
	if (status != PITH_OK) {
		gguf_close(gguf);
		return status;
	}
	*out = gguf;
	return PITH_OK;
}

void gguf_close(struct gguf *gguf)
{
	if (gguf == NULL)
		return;
	file_map_close(&gguf->map);
	name_index_free(&gguf->keys);
	name_index_free(&gguf->names);
	free(gguf->metadata);
	free(gguf->tensors);
	free(gguf->path);
	free(gguf);
}

const char *gguf_path(const struct gguf *gguf)
{
	return gguf->path;
}

size_t gguf_file_size(const struct gguf *gguf)
{
	return gguf->map.size;
}

size_t gguf_n_tensors(const struct gguf *gguf)
{
	return gguf->n_tensors;
}

const struct tensor *gguf_tensor(const struct gguf *gguf, size_t i)
{
	return i < gguf->n_tensors ? &gguf->tensors[i].tensor : NULL;
}

const struct tensor *gguf_find_tensor(const struct gguf *gguf, const char *name)
{
	size_t i;
	return name_index_find(&gguf->names, name, &i) ? &gguf->tensors[i].tensor : NULL;
}

size_t gguf_n_metadata(const struct gguf *gguf)
{
	return gguf->n_metadata;
}

const struct gguf_metadata *gguf_metadata_at(const struct gguf *gguf, size_t i)
{
	return i < gguf->n_metadata ? &gguf->metadata[i] : NULL;
}

const struct gguf_metadata *gguf_metadata_find(const struct gguf *gguf, const char *key)
{
	size_t i;
	return name_index_find(&gguf->keys, key, &i) ? &gguf->metadata[i] : NULL;
}
