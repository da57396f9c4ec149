#include "model/adapter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/aligned.h"
#include "formats/gguf.h"
#include "model/part_file.h"

static const char *const purpose_names[PITH_N_PURPOSES] = {"regenerate", "answer", "rewrite", "read"};
static const char *const memory_names[PITH_N_MEMORIES] = {"rows", "embeddings"};

const char *purpose_name(enum pith_purpose purpose)
{
	return purpose_names[purpose];
}

const char *pith_memory_name(enum pith_memory memory)
{
	return memory_names[memory];
}

/* Values of one layer's LoRA. */
static size_t layer_values(const struct hyperparams *h, size_t rank)
{
	size_t n = 0;
	for (int p = 0; p < N_PROJECTIONS; p++) {
		size_t n_in, n_out;
		projection_shape(h, (enum projection)p, &n_in, &n_out);
		n += rank * (n_in + n_out);
	}
	return n;
}

/* Values of an adapter without its reader. */
static size_t own_values(const struct hyperparams *h, size_t rank, size_t n_memory)
{
	return (n_memory + 1) * h->n_embd + h->n_layers * layer_values(h, rank);
}

/* Points memory, encoder_vector and projections into values. */
static void point_into(struct adapter *adapter, const struct hyperparams *h)
{
	float *next = adapter->values;
	adapter->memory = next;
	next += adapter->n_memory * adapter->n_embd;
	adapter->encoder_vector = next;
	next += adapter->n_embd;
	for (size_t i = 0; adapter->rank > 0 && i < h->n_layers * N_PROJECTIONS; i++) {
		struct lora *lora = &adapter->projections[i];
		projection_shape(h, (enum projection)(i % N_PROJECTIONS), &lora->n_in, &lora->n_out);
		lora->rank = adapter->rank;
		lora->scale = adapter->alpha / (float)adapter->rank;
		lora->a = next;
		lora->b = next + adapter->rank * lora->n_in;
		next = lora->b + adapter->rank * lora->n_out;
	}
}

/* The reader's values stand behind the adapter's own. */
static size_t reader_begin(const struct adapter *adapter)
{
	return adapter->n_values - adapter->reader->n_values;
}

static void point_gradients(struct adapter *adapter)
{
	if (adapter->reader != NULL) {
		adapter->reader->gradients = adapter->gradients == NULL ? NULL : adapter->gradients + reader_begin(adapter);
		point_gradients(adapter->reader);
	}
	for (size_t i = 0; adapter->rank > 0 && i < adapter->n_layers * N_PROJECTIONS; i++) {
		struct lora *lora = &adapter->projections[i];
		lora->d_a = adapter_gradient(adapter, lora->a);
		lora->d_b = adapter_gradient(adapter, lora->b);
	}
}

static enum pith_status allocate(struct adapter **out, const struct hyperparams *h, enum pith_purpose purpose, size_t rank,
                                 float alpha, size_t n_memory, struct pith_error *err)
{
	struct adapter *adapter = calloc(1, sizeof *adapter);
	if (adapter == NULL)
		return fail_memory(err, "an adapter");
	adapter->purpose = purpose;
	adapter->rank = rank;
	adapter->alpha = alpha;
	adapter->n_memory = n_memory;
	adapter->n_layers = h->n_layers;
	adapter->n_embd = h->n_embd;
	adapter->span_tokens = 512;
	adapter->n_values = own_values(h, rank, n_memory);
	adapter->values = aligned_floats(adapter->n_values);
	if (rank > 0)
		adapter->projections = calloc(h->n_layers * N_PROJECTIONS, sizeof *adapter->projections);
	if (adapter->values == NULL || (rank > 0 && adapter->projections == NULL)) {
		adapter_destroy(adapter);
		return fail_memory(err, "an adapter");
	}
	point_into(adapter, h);
	*out = adapter;
	return PITH_OK;
}

static void randomise_down_projections(struct adapter *adapter, struct random_state *random)
{
	for (size_t i = 0; adapter->rank > 0 && i < adapter->n_layers * N_PROJECTIONS; i++) {
		struct lora *lora = &adapter->projections[i];
		for (size_t j = 0; j < lora->rank * lora->n_in; j++)
			lora->a[j] = (float)(random_normal(random) / sqrt((double)lora->n_in));
	}
}

enum pith_status adapter_create(struct adapter **out, const struct hyperparams *h, enum pith_purpose purpose, size_t rank,
                                float alpha, size_t n_memory, struct random_state *random, struct pith_error *err)
{
	*out = NULL;
	bool alone = purpose >= PITH_N_MEMORY_PURPOSES;
	if ((n_memory == 0) != alone || n_memory >= h->n_context || rank > h->n_embd)
		return fail(err, PITH_BAD_ARGUMENT, "An adapter needs 1 to %zu memory tokens, to rewrite or to read none, and a rank of at most %zu.",
		            h->n_context - 1, h->n_embd);
	enum pith_status status = allocate(out, h, purpose, rank, alpha, n_memory, err);
	if (status != PITH_OK)
		return status;
	struct adapter *adapter = *out;
	for (size_t i = 0; i < (n_memory + 1) * h->n_embd; i++)
		adapter->values[i] = (float)(0.02 * random_normal(random));
	randomise_down_projections(adapter, random);
	return PITH_OK;
}

enum pith_status adapter_add_reader(struct adapter *adapter, const struct hyperparams *h, struct random_state *random,
                                    struct pith_error *err)
{
	size_t n_own = adapter->n_values, n_reader = own_values(h, adapter->rank, 0);
	float *values = aligned_floats(n_own + n_reader);
	struct adapter *reader = malloc(sizeof *reader);
	struct lora *projections = adapter->rank == 0 ? NULL : malloc(h->n_layers * N_PROJECTIONS * sizeof *projections);
	if (values == NULL || reader == NULL || (adapter->rank > 0 && projections == NULL)) {
		free(values);
		free(reader);
		free(projections);
		return fail_memory(err, "an adapter");
	}
	memcpy(values, adapter->values, n_own * sizeof *values);
	memset(values + n_own, 0, n_reader * sizeof *values);
	free(adapter->values);
	adapter->values = values;
	adapter->n_values = n_own + n_reader;
	point_into(adapter, h);
	*reader = *adapter;
	reader->n_memory = 0;
	reader->n_values = n_reader;
	reader->values = values + n_own;
	reader->projections = projections;
	if (projections != NULL)
		memset(projections, 0, h->n_layers * N_PROJECTIONS * sizeof *projections);
	point_into(reader, h);
	adapter->reader = reader;
	if (random != NULL)
		randomise_down_projections(reader, random);
	return PITH_OK;
}

/* Of a reader the values and gradients belong to its adapter. */
static void free_reader(struct adapter *reader)
{
	if (reader == NULL)
		return;
	free(reader->projections);
	free(reader);
}

void adapter_destroy(struct adapter *adapter)
{
	if (adapter == NULL)
		return;
	free_reader(adapter->reader);
	free(adapter->values);
	free(adapter->gradients);
	free(adapter->projections);
	free(adapter);
}

void adapter_start_from(struct adapter *to, const struct adapter *from)
{
	if (from->reader != NULL)
		adapter_start_from(to->reader, from->reader);
	/* Memory and encoder vectors stand first. */
	memcpy(to->values, from->values, (from->n_memory + 1) * from->n_embd * sizeof *to->values);
	for (size_t i = 0; from->rank > 0 && i < to->n_layers * N_PROJECTIONS; i++) {
		const struct lora *old = &from->projections[i];
		struct lora *lora = &to->projections[i];
		float rescale = old->scale / lora->scale;
		memcpy(lora->a, old->a, old->rank * old->n_in * sizeof *lora->a);
		for (size_t row = 0; row < old->n_out; row++)
			for (size_t r = 0; r < old->rank; r++)
				lora->b[row * lora->rank + r] = rescale * old->b[row * old->rank + r];
	}
}

enum pith_status adapter_enable_gradients(struct adapter *adapter, struct pith_error *err)
{
	adapter->gradients = calloc(adapter->n_values, sizeof *adapter->gradients);
	if (adapter->gradients == NULL)
		return fail_memory(err, "the gradients of an adapter");
	point_gradients(adapter);
	return PITH_OK;
}

enum pith_status adapter_view(struct adapter **out, const struct adapter *adapter, float *gradients, struct pith_error *err)
{
	*out = NULL;
	struct adapter *view = malloc(sizeof *view);
	size_t n = adapter->n_layers * N_PROJECTIONS;
	struct lora *projections = adapter->rank > 0 ? malloc(n * sizeof *projections) : NULL;
	struct adapter *reader = NULL;
	enum pith_status status = view == NULL || (adapter->rank > 0 && projections == NULL) ? fail_memory(err, "an adapter") : PITH_OK;
	if (status == PITH_OK && adapter->reader != NULL)
		status = adapter_view(&reader, adapter->reader, NULL, err);
	if (status != PITH_OK) {
		free(view);
		free(projections);
		return status;
	}
	*view = *adapter;
	if (projections != NULL)
		memcpy(projections, adapter->projections, n * sizeof *projections);
	view->projections = projections;
	view->reader = reader;
	view->gradients = gradients;
	point_gradients(view);
	*out = view;
	return PITH_OK;
}

void adapter_view_destroy(struct adapter *view)
{
	if (view == NULL)
		return;
	free_reader(view->reader);
	free(view->projections);
	free(view);
}

/* --- files -------------------------------------------------------------------------------------------- */

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
		if (length == strlen(memory_names[m]) && memcmp(value, memory_names[m], length) == 0) {
			*memory = (enum pith_memory)m;
			return PITH_OK;
		}
	}
	return fail(err, PITH_BAD_FILE, "%s: what its memory tokens hand over, pith.memory, is unknown.", gguf_path(gguf));
}

static enum pith_status load_header(struct adapter **out, const struct hyperparams *h, const struct gguf *gguf,
                                    struct pith_error *err)
{
	char architecture[32], purpose[32];
	size_t rank = 0, n_memory = 0, span = 0;
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
	if (status != PITH_OK)
		return status;
	/* Without its scale a LoRA would be silently switched off. */
	if ((!gguf_find_f64(gguf, "adapter.lora.alpha", &alpha) && rank > 0) || !isfinite(alpha))
		return fail(err, PITH_BAD_FILE, "%s: adapter.lora.alpha is missing or makes no sense.", gguf_path(gguf));
	int number = 0;
	while (number < PITH_N_PURPOSES && strcmp(purpose, purpose_names[number]) != 0)
		number++;
	if (number == PITH_N_PURPOSES)
		return fail(err, PITH_BAD_FILE, "%s: the purpose %s is unknown.", gguf_path(gguf), purpose);
	if ((n_memory == 0) != (number >= PITH_N_MEMORY_PURPOSES))
		return fail(err, PITH_BAD_FILE, "%s: pith.memory_tokens makes no sense for an adapter for %s.", gguf_path(gguf), purpose);
	/* Before memory is taken for as many as the file claims. */
	const struct tensor *memory = n_memory == 0 ? NULL : gguf_find_tensor(gguf, "memory_embd.weight");
	if (n_memory > 0 && (memory == NULL || memory->ne[0] != h->n_embd || memory->ne[1] != n_memory))
		return fail(err, PITH_MISMATCH, "%s: tensor memory_embd.weight is missing or does not fit this model.",
		            gguf_path(gguf));
	char name[64];
	lora_name(name, sizeof name, "", 0, 'a');
	const struct tensor *first = rank == 0 ? NULL : gguf_find_tensor(gguf, name);
	if (rank > 0 && (first == NULL || first->ne[1] != rank))
		return fail(err, PITH_MISMATCH, "%s: tensor %s is missing or does not fit this model.", gguf_path(gguf), name);
	status = allocate(out, h, (enum pith_purpose)number, rank, (float)alpha, n_memory, err);
	if (status != PITH_OK)
		return status;
	(*out)->span_tokens = span;
	status = read_memory(&(*out)->hands_over, gguf, err);
	gguf_find_bool(gguf, "pith.memory_slots", &(*out)->slots);
	bool has_reader = false;
	gguf_find_bool(gguf, "pith.reader", &has_reader);
	if (status == PITH_OK && has_reader && n_memory == 0)
		status = fail(err, PITH_BAD_FILE, "%s: pith.reader makes no sense for an adapter for %s.", gguf_path(gguf), purpose);
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
		status = gguf_write_string(writer, "pith.memory", memory_names[adapter->hands_over], err);
	if (status == PITH_OK && adapter->slots)
		status = gguf_write_bool(writer, "pith.memory_slots", true, err);
	if (status == PITH_OK && adapter->reader != NULL)
		status = gguf_write_bool(writer, "pith.reader", true, err);
	if (status == PITH_OK)
		status = gguf_write_u32(writer, "pith.lora_rank", (uint32_t)adapter->rank, err);
	if (status == PITH_OK)
		status = gguf_write_u32(writer, "pith.memory_tokens", (uint32_t)adapter->n_memory, err);
	if (status == PITH_OK)
		status = gguf_write_u32(writer, "pith.span_tokens", (uint32_t)adapter->span_tokens, err);
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
