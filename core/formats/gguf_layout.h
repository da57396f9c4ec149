/* What the files of the GGUF reader and writer share: the numbers of the format and the raw bytes of a key's value. */
#ifndef FORMATS_GGUF_LAYOUT_H
#define FORMATS_GGUF_LAYOUT_H

#include "formats/gguf.h"

enum {
	GGUF_VERSION = 3,
	GGUF_DEFAULT_ALIGNMENT = 32,
	GGUF_MAX_KEY = 65535, /* bytes of a key, by the specification */
};

/* One key of an open file. */
struct gguf_metadata {
	const char *key;
	enum gguf_type type;
	struct gguf_array value; /* type, count and packed bytes; a scalar or string is an array of one */
	const uint8_t *raw;      /* the type number and the value as they stand in the file, up to value.end */
};

/* Bytes of one value; 0 for strings, arrays and unknown types. */
size_t gguf_scalar_size(uint32_t type);
/* Unsigned number of size bytes, 8 at most. */
uint64_t gguf_little_endian(const uint8_t *bytes, size_t size);
/* The i-th key, or the key of that name; NULL: there is none. */
const struct gguf_metadata *gguf_metadata_at(const struct gguf *gguf, size_t i);
const struct gguf_metadata *gguf_metadata_find(const struct gguf *gguf, const char *key);

#endif
