/* Typed access to the metadata of an open GGUF file: conversions without loss, array elements, short descriptions. */
#include "formats/gguf.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/checked_size.h"
#include "formats/gguf_layout.h"

enum {
	DESCRIBED_ELEMENTS = 8, /* longer arrays are described by their count */
	DESCRIBED_BYTES = 100,  /* of a string */
};

static bool is_integer(enum gguf_type type)
{
	return type != GGUF_F32 && type != GGUF_F64 && type != GGUF_BOOL && gguf_scalar_size(type) > 0;
}

static bool is_signed(enum gguf_type type)
{
	return type == GGUF_I8 || type == GGUF_I16 || type == GGUF_I32 || type == GGUF_I64;
}

/* False: no integer, or a u64 above the range of the result. */
static bool integer_value(enum gguf_type type, const uint8_t *bytes, int64_t *value)
{
	if (!is_integer(type))
		return false;
	size_t size = gguf_scalar_size(type);
	uint64_t bits = gguf_little_endian(bytes, size);
	if (is_signed(type) && size < 8 && (bits >> (8 * size - 1)) != 0)
		bits |= ~(uint64_t)0 << (8 * size);
	if (!is_signed(type) && bits > INT64_MAX)
		return false;
	*value = (int64_t)bits;
	return true;
}

static bool real_value(enum gguf_type type, const uint8_t *bytes, double *value)
{
	if (type == GGUF_F32) {
		uint32_t bits = (uint32_t)gguf_little_endian(bytes, 4);
		float single;
		memcpy(&single, &bits, sizeof single);
		*value = (double)single;
		return true;
	}
	if (type == GGUF_F64) {
		uint64_t bits = gguf_little_endian(bytes, 8);
		memcpy(value, &bits, sizeof *value);
		return true;
	}
	/* Every integer up to 2^53 is a double. */
	const int64_t exact = (int64_t)1 << 53;
	int64_t integer;
	if (!integer_value(type, bytes, &integer) || integer > exact || integer < -exact)
		return false;
	*value = (double)integer;
	return true;
}

bool gguf_find_u64(const struct gguf *gguf, const char *key, uint64_t *value)
{
	const struct gguf_metadata *entry = gguf_metadata_find(gguf, key);
	if (entry == NULL || entry->type == GGUF_ARRAY)
		return false;
	if (entry->type == GGUF_U64) {
		*value = gguf_little_endian(entry->value.data, 8);
		return true;
	}
	int64_t integer;
	if (!integer_value(entry->type, entry->value.data, &integer) || integer < 0)
		return false;
	*value = (uint64_t)integer;
	return true;
}

bool gguf_find_f64(const struct gguf *gguf, const char *key, double *value)
{
	const struct gguf_metadata *entry = gguf_metadata_find(gguf, key);
	return entry != NULL && entry->type != GGUF_ARRAY && real_value(entry->type, entry->value.data, value);
}

bool gguf_find_bool(const struct gguf *gguf, const char *key, bool *value)
{
	const struct gguf_metadata *entry = gguf_metadata_find(gguf, key);
	if (entry == NULL || entry->type != GGUF_BOOL)
		return false;
	*value = *entry->value.data != 0;
	return true;
}

bool gguf_find_string(const struct gguf *gguf, const char *key, const char **value, size_t *length)
{
	const struct gguf_metadata *entry = gguf_metadata_find(gguf, key);
	if (entry == NULL || entry->type != GGUF_STRING)
		return false;
	const uint8_t *cursor = entry->value.data;
	return gguf_array_next_string(&entry->value, &cursor, value, length);
}

bool gguf_find_array(const struct gguf *gguf, const char *key, struct gguf_array *array)
{
	const struct gguf_metadata *entry = gguf_metadata_find(gguf, key);
	if (entry == NULL || entry->type != GGUF_ARRAY)
		return false;
	*array = entry->value;
	return true;
}

bool gguf_array_next_string(const struct gguf_array *array, const uint8_t **cursor, const char **value, size_t *length)
{
	if (array->type != GGUF_STRING)
		return false;
	size_t left = (size_t)(array->end - *cursor);
	if (left < 8)
		return false;
	uint64_t size = gguf_little_endian(*cursor, 8);
	if (size > left - 8)
		return false;
	*value = (const char *)*cursor + 8;
	*length = (size_t)size;
	*cursor += 8 + size;
	return true;
}

bool gguf_array_i64(const struct gguf_array *array, size_t i, int64_t *value)
{
	return i < array->n && integer_value(array->type, array->data + i * gguf_scalar_size(array->type), value);
}

bool gguf_array_f64(const struct gguf_array *array, size_t i, double *value)
{
	return i < array->n && real_value(array->type, array->data + i * gguf_scalar_size(array->type), value);
}

const char *gguf_metadata_key(const struct gguf *gguf, size_t i)
{
	const struct gguf_metadata *entry = gguf_metadata_at(gguf, i);
	return entry == NULL ? NULL : entry->key;
}

static const char *type_name(enum gguf_type type)
{
	static const char *const names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
					    "bool", "string", "array", "u64", "i64", "f64"};
	return names[type];
}

/* The first bytes of a string, whole UTF-8 characters, control bytes as '?' (line feeds as "\n"). */
static bool describe_string(const char *value, size_t length, struct buffer *text)
{
	size_t shown = length;
	if (shown > DESCRIBED_BYTES) {
		shown = DESCRIBED_BYTES;
		while (shown > 0 && ((unsigned char)value[shown] & 0xc0) == 0x80)
			shown--;
	}
	for (size_t i = 0; i < shown; i++) {
		unsigned char c = (unsigned char)value[i];
		bool is_control = c < 0x20 || c == 0x7f;
		if (!buffer_append_string(text, c == '\n'    ? "\\n"
						: is_control ? "?"
							     : "") ||
		    (!is_control && !buffer_append(text, &value[i], 1)))
			return false;
	}
	return shown == length || buffer_printf(text, "... (%zu bytes)", length);
}

static bool describe_scalar(enum gguf_type type, const uint8_t *bytes, struct buffer *text)
{
	int64_t integer;
	double real;
	if (type == GGUF_BOOL)
		return buffer_append_string(text, *bytes != 0 ? "true" : "false");
	if (integer_value(type, bytes, &integer))
		return buffer_printf(text, "%" PRId64, integer);
	if (type == GGUF_U64)
		return buffer_printf(text, "%" PRIu64, gguf_little_endian(bytes, 8));
	return !real_value(type, bytes, &real) || buffer_printf(text, "%.7g", real);
}

bool gguf_metadata_describe(const struct gguf *gguf, size_t i, struct buffer *text)
{
	const struct gguf_metadata *entry = gguf_metadata_at(gguf, i);
	if (entry == NULL)
		return true;
	const struct gguf_array *value = &entry->value;
	bool is_array = entry->type == GGUF_ARRAY;
	if (is_array && value->n > DESCRIBED_ELEMENTS)
		return buffer_printf(text, value->type == GGUF_STRING ? "[%zu %ss]" : "[%zu %s]", value->n,
				     type_name(value->type));
	bool done = !is_array || buffer_append_string(text, "[");
	const uint8_t *cursor = value->data;
	for (size_t j = 0; j < value->n && done; j++) {
		if (j > 0)
			done = buffer_append_string(text, ", ");
		const char *string;
		size_t length;
		if (gguf_array_next_string(value, &cursor, &string, &length)) {
			done = done && describe_string(string, length, text);
		} else {
			done = done && describe_scalar(value->type, cursor, text);
			cursor += gguf_scalar_size(value->type);
		}
	}
	return done && (!is_array || buffer_append_string(text, "]"));
}
