/* Adapters as GGUF files. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "formats/gguf.h"
#include "model/adapter.h"
#include "model/part_file.h"

static const char what[] = "adapter of pith";

/* Tensors of a reader have the names of its adapter's behind this. */
static const char reader_prefix[] = "reader.";

static void lora_name(char *name, size_t size, const char *prefix, size_t index, char factor)
{
	snprintf(name, size, "%sblk.%zu.%s.weight.lora_%c", prefix, index / N_PROJECTIONS,
	         projection_name((enum projection)(index % N_PROJECTIONS)), factor);
}

static void vector_name(char *name, size_t size, const char *prefix)
{
	snprintf(name, size, "%sencoder_embd.weight", prefix);
}

/* Adapters from before there was a choice hand over rows, and do not say so. */
static enum pith_status read_memory(enum pith_memory *memory, const struct gguf *gguf, struct pith_error *err)
{
	const char *value;
	size_t length;
	*memory = PITH_MEMORY_ROWS;
	if (!gguf_find_string(gguf, "pith.memory", &value, &length))
		return PITH_OK;
	for (int m = 0; m < PITH_N_MEMORIES; m++) {
		const char *name = pith_memory_name((enum pith_memory)m);
		if (length == strlen(name) && memcmp(value, name, length) == 0) {
			*memory = (enum pith_memory)m;
			return PITH_OK;
		}
	}
	return fail(err, PITH_BAD_FILE, "%s: what its memory tokens hand over, pith.memory, is unknown.", gguf_path(gguf));
}

/* Without its reader an adapter's memory tokens would be silently misread: key and tensors have to agree. */
static enum pith_status find_reader(bool *has_reader, const struct hyperparams *h, const struct gguf *gguf, size_t n_memory,
                                    size_t rank, struct pith_error *err)
{
	char name[96];
	*has_reader = false;
	gguf_find_bool(gguf, "pith.reader", has_reader);
	vector_name(name, sizeof name, reader_prefix);
	const struct tensor *vector = gguf_find_tensor(gguf, name);
	lora_name(name, sizeof name, reader_prefix, 0, 'a');
	const struct tensor *first = gguf_find_tensor(gguf, name);
	bool fits = vector != NULL && vector->ne[0] == h->n_embd &&
	            (rank == 0 || (first != NULL && first->ne[0] == h->n_embd && first->ne[1] == rank));
	if (*has_reader ? !fits || n_memory == 0 : vector != NULL || first != NULL)
		return fail(err, PITH_BAD_FILE, "%s: pith.reader and the tensors of a reader do not agree.", gguf_path(gguf));
	return PITH_OK;
}

static enum pith_status load_header(struct adapter **out, const struct hyperparams *h, const struct gguf *gguf,
                                    struct pith_error *err)
{
	char architecture[32], purpose[32];
	size_t rank = 0, n_memory = 0, span = 0, held = 0;
	double alpha = 0;
	enum pith_status status = part_read_text(architecture, sizeof architecture, gguf, "general.architecture", what, err);
	if (status == PITH_OK)
		status = part_read_text(purpose, sizeof purpose, gguf, "pith.purpose", what, err);
	if (status == PITH_OK && strcmp(architecture, h->architecture) != 0)
		status = fail(err, PITH_MISMATCH, "%s: the adapter is for architecture %s, the model is %s.", gguf_path(gguf),
		              architecture, h->architecture);
	if (status == PITH_OK)
		status = part_read_number(&rank, gguf, "pith.lora_rank", 0, h->n_embd, err);
	if (status == PITH_OK)
		status = part_read_number(&n_memory, gguf, "pith.memory_tokens", 0, h->n_context - 1, err);
	if (status == PITH_OK)
		status = part_read_number(&span, gguf, "pith.span_tokens", 1, h->n_context, err);
	uint64_t given;
	if (status == PITH_OK && gguf_find_u64(gguf, "pith.held_tokens", &given))
		status = part_read_number(&held, gguf, "pith.held_tokens", 1, h->n_context, err);
	if (status != PITH_OK)
		return status;
	/* Without its scale a LoRA would be silently switched off. */
	if ((!gguf_find_f64(gguf, "adapter.lora.alpha", &alpha) && rank > 0) || !isfinite(alpha))
		return fail(err, PITH_BAD_FILE, "%s: adapter.lora.alpha is missing or makes no sense.", gguf_path(gguf));
	int number = 0;
	while (number < PITH_N_PURPOSES && strcmp(purpose, purpose_name((enum pith_purpose)number)) != 0)
		number++;
	if (number == PITH_N_PURPOSES)
		return fail(err, PITH_BAD_FILE, "%s: the purpose %s is unknown.", gguf_path(gguf), purpose);
	if ((n_memory == 0) != (number >= PITH_N_MEMORY_PURPOSES))
		return fail(err, PITH_BAD_FILE, "%s: pith.memory_tokens makes no sense for an adapter for %s.", gguf_path(gguf),
		            purpose);
	/* Before memory is taken for as many as the file claims. */
	const struct tensor *memory = n_memory == 0 ? NULL : gguf_find_tensor(gguf, "memory_embd.weight");
	if (n_memory > 0 && (memory == NULL || memory->ne[0] != h->n_embd || memory->ne[1] != n_memory))
		return fail(err, PITH_MISMATCH, "%s: tensor memory_embd.weight is missing or does not fit this model.",
		            gguf_path(gguf));
	char name[64];
	lora_name(name, sizeof name, "", 0, 'a');
	const struct tensor *first = rank == 0 ? NULL : gguf_find_tensor(gguf, name);
	if (rank > 0 && (first == NULL || first->ne[0] != h->n_embd || first->ne[1] != rank))
		return fail(err, PITH_MISMATCH, "%s: tensor %s is missing or does not fit this model.", gguf_path(gguf), name);
	bool has_reader;
	status = find_reader(&has_reader, h, gguf, n_memory, rank, err);
	if (status == PITH_OK)
		status = adapter_create(out, h, (enum pith_purpose)number, rank, (float)alpha, n_memory, NULL, err);
	if (status != PITH_OK)
		return status;
	(*out)->span_tokens = span;
	(*out)->held_tokens = held;
	status = read_memory(&(*out)->hands_over, gguf, err);
	gguf_find_bool(gguf, "pith.memory_slots", &(*out)->slots);
	gguf_find_bool(gguf, "pith.keeps_words", &(*out)->keeps_words);
	if (status == PITH_OK && has_reader)
		status = adapter_add_reader(*out, h, NULL, err);
	if (status == PITH_OK)
		status = part_read_text((*out)->base_fingerprint, 33, gguf, "pith.base_fingerprint", what, err);
	if (status == PITH_OK)
		status = part_read_text((*out)->tokenizer_fingerprint, 33, gguf, "pith.tokenizer_fingerprint", what, err);
	return status;
}

static void set_fingerprint(struct adapter *adapter)
{
	XXH128_hash_t hash = XXH3_128bits(adapter->values, adapter->n_values * sizeof *adapter->values);
	snprintf(adapter->fingerprint, sizeof adapter->fingerprint, "%016llx%016llx", (unsigned long long)hash.high64,
	         (unsigned long long)hash.low64);
}

static enum pith_status load_values(struct adapter *adapter, const struct hyperparams *h, const struct gguf *gguf,
                                    const char *prefix, struct pith_error *err)
{
	char name[96];
	enum pith_status status = PITH_OK;
	if (adapter->n_memory > 0)
		status = part_read_tensor(adapter->memory, gguf, "memory_embd.weight", h->n_embd, adapter->n_memory, err);
	vector_name(name, sizeof name, prefix);
	if (status == PITH_OK)
		status = part_read_tensor(adapter->encoder_vector, gguf, name, h->n_embd, 1, err);
	for (size_t i = 0; status == PITH_OK && adapter->rank > 0 && i < h->n_layers * N_PROJECTIONS; i++) {
		struct lora *lora = &adapter->projections[i];
		lora_name(name, sizeof name, prefix, i, 'a');
		status = part_read_tensor(lora->a, gguf, name, lora->n_in, lora->rank, err);
		lora_name(name, sizeof name, prefix, i, 'b');
		if (status == PITH_OK)
			status = part_read_tensor(lora->b, gguf, name, lora->rank, lora->n_out, err);
	}
	if (status == PITH_OK && adapter->reader != NULL)
		status = load_values(adapter->reader, h, gguf, reader_prefix, err);
	return status;
}

enum pith_status adapter_load(struct adapter **out, const struct hyperparams *h, const char *path, struct pith_error *err)
{
	*out = NULL;
	struct gguf *gguf;
	enum pith_status status = gguf_open(&gguf, path, err);
	if (status != PITH_OK)
		return status;
	struct adapter *adapter = NULL;
	status = load_header(&adapter, h, gguf, err);
	if (status == PITH_OK)
		status = load_values(adapter, h, gguf, "", err);
	gguf_close(gguf);
	if (status != PITH_OK) {
		adapter_destroy(adapter);
		return status;
	}
	set_fingerprint(adapter);
	*out = adapter;
	return PITH_OK;
}

static enum pith_status write_header(const struct adapter *adapter, const struct hyperparams *h, struct gguf_writer *writer,
                                     struct pith_error *err)
{
	enum pith_status status = gguf_write_string(writer, "general.architecture", h->architecture, err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "general.type", "adapter", err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "adapter.type", "lora", err);
	if (status == PITH_OK)
		status = gguf_write_f32(writer, "adapter.lora.alpha", adapter->alpha, err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "pith.purpose", purpose_name(adapter->purpose), err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "pith.memory", pith_memory_name(adapter->hands_over), err);
	if (status == PITH_OK && adapter->slots)
		status = gguf_write_bool(writer, "pith.memory_slots", true, err);
	if (status == PITH_OK && adapter->keeps_words)
		status = gguf_write_bool(writer, "pith.keeps_words", true, err);
	if (status == PITH_OK && adapter->reader != NULL)
		status = gguf_write_bool(writer, "pith.reader", true, err);
	if (status == PITH_OK)
		status = gguf_write_u32(writer, "pith.lora_rank", (uint32_t)adapter->rank, err);
	if (status == PITH_OK)
		status = gguf_write_u32(writer, "pith.memory_tokens", (uint32_t)adapter->n_memory, err);
	if (status == PITH_OK)
		status = gguf_write_u32(writer, "pith.span_tokens", (uint32_t)adapter->span_tokens, err);
	if (status == PITH_OK && adapter->held_tokens > 0)
		status = gguf_write_u32(writer, "pith.held_tokens", (uint32_t)adapter->held_tokens, err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "pith.base_fingerprint", adapter->base_fingerprint, err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "pith.tokenizer_fingerprint", adapter->tokenizer_fingerprint, err);
	return status;
}

static enum pith_status write_values(const struct adapter *adapter, const struct hyperparams *h, enum tensor_type type,
                                     struct gguf_writer *writer, const char *prefix, struct pith_error *err)
{
	char name[96];
	enum pith_status status = PITH_OK;
	if (adapter->n_memory > 0)
		status = gguf_write_tensor(writer, "memory_embd.weight", TENSOR_F32, 2, (size_t[]){h->n_embd, adapter->n_memory},
		                           adapter->memory, err);
	vector_name(name, sizeof name, prefix);
	if (status == PITH_OK)
		status = gguf_write_tensor(writer, name, TENSOR_F32, 1, (size_t[]){h->n_embd}, adapter->encoder_vector, err);
	for (size_t i = 0; status == PITH_OK && adapter->rank > 0 && i < h->n_layers * N_PROJECTIONS; i++) {
		const struct lora *lora = &adapter->projections[i];
		lora_name(name, sizeof name, prefix, i, 'a');
		status = gguf_write_matrix(writer, name, type, lora->n_in, lora->rank, lora->a, err);
		lora_name(name, sizeof name, prefix, i, 'b');
		if (status == PITH_OK)
			status = gguf_write_matrix(writer, name, type, lora->rank, lora->n_out, lora->b, err);
	}
	if (status == PITH_OK && adapter->reader != NULL)
		status = write_values(adapter->reader, h, type, writer, reader_prefix, err);
	return status;
}

enum pith_status adapter_save(const struct adapter *adapter, const struct hyperparams *h, enum tensor_type type, const char *path,
                              struct pith_error *err)
{
	struct gguf_writer *writer;
	enum pith_status status = gguf_writer_create(&writer, err);
	if (status != PITH_OK)
		return status;
	status = write_header(adapter, h, writer, err);
	if (status == PITH_OK)
		status = write_values(adapter, h, type, writer, "", err);
	if (status == PITH_OK)
		status = gguf_writer_finish(writer, path, err);
	gguf_writer_destroy(writer);
	return status;
}
