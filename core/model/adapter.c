#include "model/adapter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"

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
		return fail(err, PITH_BAD_ARGUMENT,
		            "An adapter needs 1 to %zu memory tokens, to rewrite or to read none, and a rank of at most %zu.",
		            h->n_context - 1, h->n_embd);
	enum pith_status status = allocate(out, h, purpose, rank, alpha, n_memory, err);
	if (status != PITH_OK)
		return status;
	for (size_t i = 0; random != NULL && i < (n_memory + 1) * h->n_embd; i++)
		(*out)->values[i] = (float)(0.02 * random_normal(random));
	if (random != NULL)
		randomise_down_projections(*out, random);
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
	enum pith_status status =
		view == NULL || (adapter->rank > 0 && projections == NULL) ? fail_memory(err, "an adapter") : PITH_OK;
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
