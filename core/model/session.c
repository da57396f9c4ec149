#include "model/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "model/layer.h"

/* Fewer are read sooner in fp32, as no weights are brought into tiles then: so it was by AVX512_BF16 with 9, 135 and 450 million
 * of them. */
enum { FEW_TOKENS = 8 };
enum { READ_CHUNK = 512 }; /* tokens of one pass: keeps the activations in cache and cancelling prompt */

struct session {
	struct transformer *t;
	struct thread_pool *pool;
	size_t capacity, length;
	enum precision precision;
	float **keys, **values;   /* (n_layers) of (capacity, kv_dim) */
	struct activations a;
	struct scratch x;         /* (chunk, n_embd) */
	struct scratch hidden;    /* (n, n_embd) of the newest read */
	struct scratch logits;    /* (n_vocab) */
	struct scratch head;      /* loss head's */
	struct scratch work;
	int32_t *positions;       /* (READ_CHUNK) */
};

static enum pith_status allocate_cache(struct session *session, struct pith_error *err)
{
	const struct hyperparams *h = &session->t->h;
	session->keys = calloc(h->n_layers, sizeof *session->keys);
	session->values = calloc(h->n_layers, sizeof *session->values);
	session->positions = malloc(READ_CHUNK * sizeof *session->positions);
	if (session->keys == NULL || session->values == NULL || session->positions == NULL)
		return fail_memory(err, "the KV cache");
	for (size_t l = 0; l < h->n_layers; l++) {
		session->keys[l] = malloc(session->capacity * hyperparams_kv_dim(h) * sizeof(float));
		session->values[l] = malloc(session->capacity * hyperparams_kv_dim(h) * sizeof(float));
		if (session->keys[l] == NULL || session->values[l] == NULL)
			return fail_memory(err, "the KV cache");
	}
	return PITH_OK;
}

enum pith_status session_create(struct session **out, struct transformer *t, struct thread_pool *pool, size_t capacity,
                                struct pith_error *err)
{
	*out = NULL;
	struct session *session = calloc(1, sizeof *session);
	if (session == NULL)
		return fail_memory(err, "a session");
	session->t = t;
	session->pool = pool;
	session->capacity = capacity;
	enum pith_status status = allocate_cache(session, err);
	if (status != PITH_OK) {
		session_destroy(session);
		return status;
	}
	*out = session;
	return PITH_OK;
}

size_t session_cache_bytes(const struct hyperparams *h, size_t capacity)
{
	return 2 * h->n_layers * capacity * hyperparams_kv_dim(h) * sizeof(float);
}

void session_destroy(struct session *session)
{
	if (session == NULL)
		return;
	for (size_t l = 0; l < session->t->h.n_layers; l++) {
		if (session->keys != NULL)
			free(session->keys[l]);
		if (session->values != NULL)
			free(session->values[l]);
	}
	free(session->keys);
	free(session->values);
	free(session->positions);
	activations_free(&session->a);
	scratch_free(&session->x);
	scratch_free(&session->hidden);
	scratch_free(&session->logits);
	scratch_free(&session->head);
	scratch_free(&session->work);
	free(session);
}

size_t session_length(const struct session *session)
{
	return session->length;
}

size_t session_capacity(const struct session *session)
{
	return session->capacity;
}

void session_set_precision(struct session *session, enum precision precision)
{
	session->precision = precision;
}

void session_rewind(struct session *session, size_t length)
{
	if (length < session->length)
		session->length = length;
}

/* The tokens [begin, begin + n) of an input, as a batch of one sequence. */
static void describe_chunk(struct session *session, const struct session_input *input, size_t begin, size_t n,
                           struct batch *batch, struct sequence *sequence)
{
	for (size_t i = 0; i < n; i++)
		session->positions[i] = input->positions != NULL ? input->positions[begin + i]
		                                                 : input->first_position + (int32_t)(begin + i);
	*sequence = (struct sequence){.first = 0, .n = n, .kv_first = 0, .n_past = session->length + begin};
	*batch = (struct batch){
		.n_tokens = n,
		.ids = (int32_t *)input->ids + begin,
		.positions = session->positions,
		.n_sequences = 1,
		.sequences = sequence,
		.n_kv_rows = session->length + begin + n,
		.given = input->given,
	};
}

static enum pith_status read_chunk(struct session *session, const struct session_input *input, size_t begin, size_t n,
                                   const struct pith_control *control, struct pith_error *err)
{
	const struct transformer *t = session->t;
	struct batch batch;
	struct sequence sequence;
	describe_chunk(session, input, begin, n, &batch, &sequence);
	float *x = session->x.data;
	size_t depth = input->depth > 0 && input->depth < t->h.n_layers ? input->depth : t->h.n_layers;
	transformer_embed_forward(t, input->adapter, &batch, x);
	for (size_t l = 0; l < depth; l++) {
		if (is_cancelled(control))
			return fail(err, PITH_CANCELLED, "Cancelled.");
		struct layer_pass pass = {
			.h = &t->h,
			.weights = &t->weights.layers[l],
			.adapter = transformer_layer_adapter(input->adapter, l),
			.rope = &t->rope,
			.batch = &batch,
			.pool = session->pool,
			.precision = n < FEW_TOKENS ? PRECISION_F32 : session->precision,
			.scratch = &session->work,
			.received = input->received,
		};
		bool last = l + 1 == t->h.n_layers;
		enum pith_status status = layer_forward(&pass, &session->a, x, session->keys[l], session->values[l],
		                                        last && input->encode ? NULL : x, err);
		if (status != PITH_OK)
			return status;
	}
	if (!input->encode)
		rms_norm_forward(session->hidden.data + begin * t->h.n_embd, NULL, x, t->weights.output_norm, n, t->h.n_embd,
		                 t->h.rms_eps);
	return PITH_OK;
}

static enum pith_status check_input(struct session *session, const struct session_input *input, struct pith_error *err)
{
	if (input->n > session->capacity - session->length)
		return fail(err, PITH_TOO_LONG, "The text needs %zu tokens of context, there is room for %zu.",
		            session->length + input->n, session->capacity);
	int32_t top = input->first_position + (int32_t)input->n - 1;
	size_t n_memory = input->given != NULL || input->adapter == NULL ? input->n_given : input->adapter->n_memory;
	for (size_t i = 0; i < input->n; i++) {
		int32_t id = input->ids[i];
		if (id >= 0 ? (size_t)id >= session->t->h.n_vocab : (size_t)(-1 - id) >= n_memory)
			return fail(err, PITH_BAD_ARGUMENT, "Token %d does not exist in this model.", (int)id);
		if (input->positions != NULL && input->positions[i] > top)
			top = input->positions[i];
	}
	return transformer_reserve_positions(session->t, (size_t)top + 1, err);
}

enum pith_status session_read(struct session *session, const struct session_input *input, const struct pith_control *control,
                              struct pith_error *err)
{
	const struct hyperparams *h = &session->t->h;
	size_t chunk = input->n < READ_CHUNK ? input->n : READ_CHUNK;
	size_t rank = input->adapter == NULL ? 0 : input->adapter->rank;
	enum pith_status status = check_input(session, input, err);
	if (status == PITH_OK)
		status = activations_reserve(&session->a, h, rank, chunk, err);
	if (status == PITH_OK)
		status = scratch_reserve(&session->x, chunk * h->n_embd, "the activations", err);
	if (status == PITH_OK && !input->encode)
		status = scratch_reserve(&session->hidden, input->n * h->n_embd, "the hidden states", err);
	for (size_t begin = 0; status == PITH_OK && begin < input->n; begin += READ_CHUNK) {
		size_t n = input->n - begin < READ_CHUNK ? input->n - begin : READ_CHUNK;
		status = read_chunk(session, input, begin, n, control, err);
		if (status == PITH_OK && input->what != NULL && control != NULL && control->progress != NULL)
			control->progress(control->user, input->what, (double)(begin + n), (double)input->n);
	}
	if (status == PITH_OK)
		session->length += input->n;
	return status;
}

const float *session_hidden(const struct session *session)
{
	return session->hidden.data;
}

const float *session_logits(struct session *session, size_t i)
{
	const struct transformer *t = session->t;
	if (scratch_reserve(&session->logits, t->h.n_vocab, "the logits", NULL) != PITH_OK)
		return NULL;
	linear_forward(session->pool, PRECISION_F32, session->logits.data, session->hidden.data + i * t->h.n_embd,
	               &t->weights.output, 1, false);
	return session->logits.data;
}

enum pith_status session_losses(struct session *session, size_t first, const int32_t *targets, size_t n_rows, float *losses,
                                struct pith_error *err)
{
	const struct hyperparams *h = &session->t->h;
	enum pith_status status =
		scratch_reserve(&session->head, loss_head_scratch_size(h->n_vocab, h->n_embd), "the logits", err);
	if (status == PITH_OK)
		loss_head_forward(session->pool, session->precision, losses, NULL, session->hidden.data + first * h->n_embd,
		                  &session->t->weights.output, targets, n_rows, session->head.data);
	return status;
}

float *session_keys(struct session *session, size_t layer, size_t first)
{
	return session->keys[layer] + first * hyperparams_kv_dim(&session->t->h);
}

float *session_values(struct session *session, size_t layer, size_t first)
{
	return session->values[layer] + first * hyperparams_kv_dim(&session->t->h);
}

enum pith_status session_attach(struct session *session, size_t n, struct pith_error *err)
{
	if (n > session->capacity - session->length)
		return fail(err, PITH_TOO_LONG, "%zu memory rows do not fit a cache of %zu.", n, session->capacity);
	session->length += n;
	return PITH_OK;
}
