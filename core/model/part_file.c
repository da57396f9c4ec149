#include "model/part_file.h"

#include <string.h>

#include "ops/ops.h"

enum pith_status part_read_text(char *out, size_t size, const struct gguf *gguf, const char *key, const char *what,
                                struct pith_error *err)
{
	const char *value;
	size_t length;
	if (!gguf_find_string(gguf, key, &value, &length) || length >= size)
		return fail(err, PITH_BAD_FILE, "%s: %s is missing, so this is no %s.", gguf_path(gguf), key, what);
	memcpy(out, value, length);
	out[length] = '\0';
	return PITH_OK;
}

enum pith_status part_read_number(size_t *out, const struct gguf *gguf, const char *key, size_t low, size_t high,
                                  struct pith_error *err)
{
	uint64_t value;
	if (!gguf_find_u64(gguf, key, &value) || value < low || value > high)
		return fail(err, PITH_BAD_FILE, "%s: %s is missing or makes no sense.", gguf_path(gguf), key);
	*out = (size_t)value;
	return PITH_OK;
}

enum pith_status part_read_tensor(float *out, const struct gguf *gguf, const char *name, size_t n_in, size_t n_out,
                                  struct pith_error *err)
{
	const struct tensor *tensor = gguf_find_tensor(gguf, name);
	if (tensor == NULL || tensor->data == NULL || tensor->n_dims > 2 || tensor->ne[0] != n_in || tensor->ne[1] != n_out)
		return fail(err, PITH_MISMATCH, "%s: tensor %s is missing or does not fit this model.", gguf_path(gguf), name);
	for (size_t row = 0; row < n_out; row++)
		embedding_forward(out + row * n_in, &(int32_t){(int32_t)row}, 1, n_in, tensor);
	return PITH_OK;
}
