#include "train/step.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"

void step_losses_add(struct step_losses *sum, const struct step_losses *more)
{
	for (int i = 0; i < PITH_N_OBJECTIVES; i++) {
		sum->loss[i] += more->loss[i];
		sum->n_tokens[i] += more->n_tokens[i];
		sum->n_correct[i] += more->n_correct[i];
	}
	sum->weighted += more->weighted;
	sum->n_read += more->n_read;
}

/* Where the k memory rows of a link stand: rows of the encoder's sequence, rows of the reader's. */
static void link_rows(const struct microbatch *m, const struct memory_link *link, size_t *encoder_row, size_t *reader_row)
{
	const struct sequence *from = &m->encoder[link->purpose].batch.sequences[link->encoder_sequence];
	const struct sequence *to = &m->reader.batch.sequences[link->reader_sequence];
	*encoder_row = from->kv_first + from->n - link->k;
	*reader_row = to->kv_first + link->offset;
}

/* Memory rows go from the encoders to the reader, in every layer. */
static void hand_over_rows(struct step_worker *w, size_t kv_dim)
{
	for (size_t i = 0; i < w->microbatch.n_links; i++) {
		const struct memory_link *link = &w->microbatch.links[i];
		size_t from, to, size = link->k * kv_dim * sizeof(float);
		link_rows(&w->microbatch, link, &from, &to);
		for (size_t l = 0; l < w->reader.n_layers; l++) {
			const struct trace_layer *encoder = &w->encoder[link->purpose].layers[l];
			struct trace_layer *reader = &w->reader.layers[l];
			memcpy(reader->keys.data + to * kv_dim, encoder->keys.data + from * kv_dim, size);
			memcpy(reader->values.data + to * kv_dim, encoder->values.data + from * kv_dim, size);
		}
	}
}

/* The gradients of those rows go back. */
static void hand_back_gradients(struct step_worker *w, size_t kv_dim)
{
	const struct kernels *kernels = kernels_get();
	for (size_t i = 0; i < w->microbatch.n_links; i++) {
		const struct memory_link *link = &w->microbatch.links[i];
		size_t from, to, n = link->k * kv_dim;
		link_rows(&w->microbatch, link, &from, &to);
		for (size_t l = 0; l < w->reader.n_layers; l++) {
			struct trace_layer *encoder = &w->encoder[link->purpose].layers[l];
			const struct trace_layer *reader = &w->reader.layers[l];
			kernels->add(encoder->d_keys.data + from * kv_dim, reader->d_keys.data + to * kv_dim, n);
			kernels->add(encoder->d_values.data + from * kv_dim, reader->d_values.data + to * kv_dim, n);
		}
	}
}

/* A link's memory tokens in the encoder's batch, and among the embeddings that the reader is given. */
static void link_tokens(const struct microbatch *m, const struct memory_link *link, size_t *token, size_t *given)
{
	const struct sequence *from = &m->encoder[link->purpose].batch.sequences[link->encoder_sequence];
	const struct sequence *to = &m->reader.batch.sequences[link->reader_sequence];
	*token = from->first + from->n - link->k;
	*given = (size_t)(-1 - m->reader.batch.ids[to->first + link->offset]);
}

/* Last hidden states of memory tokens become input embeddings of the reader. */
static enum pith_status hand_over_embeddings(struct step_worker *w, struct pith_error *err)
{
	struct microbatch *m = &w->microbatch;
	size_t n_embd = w->transformer->h.n_embd, n = m->n_given * n_embd;
	enum pith_status status = scratch_reserve(&w->given, n, "the memory tokens", err);
	if (status == PITH_OK)
		status = scratch_reserve(&w->d_given, n, "the memory tokens", err);
	if (status != PITH_OK)
		return status;
	memset(w->d_given.data, 0, n * sizeof(float));
	for (size_t i = 0; i < m->n_links; i++) {
		const struct memory_link *link = &m->links[i];
		size_t token, given;
		link_tokens(m, link, &token, &given);
		memcpy(w->given.data + given * n_embd, w->encoder[link->purpose].hidden.data + token * n_embd,
		       link->k * n_embd * sizeof(float));
	}
	m->reader.batch.given = w->given.data;
	m->reader.batch.d_given = w->d_given.data;
	return PITH_OK;
}

/* Their gradients become those of the encoders' hidden states, which are zero everywhere else. */
static void hand_back_embeddings(struct step_worker *w)
{
	const struct microbatch *m = &w->microbatch;
	size_t n_embd = w->transformer->h.n_embd;
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++)
		if (m->encoder[p].batch.n_tokens > 0)
			memset(w->encoder[p].d_x.data, 0, m->encoder[p].batch.n_tokens * n_embd * sizeof(float));
	for (size_t i = 0; i < m->n_links; i++) {
		const struct memory_link *link = &m->links[i];
		size_t token, given;
		link_tokens(m, link, &token, &given);
		kernels_get()->add(w->encoder[link->purpose].d_x.data + token * n_embd, w->d_given.data + given * n_embd,
		                   link->k * n_embd);
	}
}

static enum pith_status hand_over(struct step_worker *w, struct pith_error *err)
{
	if (w->memory == PITH_MEMORY_EMBEDDINGS)
		return hand_over_embeddings(w, err);
	hand_over_rows(w, hyperparams_kv_dim(&w->transformer->h));
	return PITH_OK;
}

static void hand_back(struct step_worker *w)
{
	if (w->memory == PITH_MEMORY_EMBEDDINGS)
		hand_back_embeddings(w);
	else
		hand_back_gradients(w, hyperparams_kv_dim(&w->transformer->h));
}

/* What the reader itself has learned: to read memory tokens, to rewrite, to read texts; NULL: it is the base alone. */
static const struct adapter *reader_adapter(const struct step_worker *w)
{
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++)
		if (w->adapters[p] != NULL && w->adapters[p]->reader != NULL)
			return w->adapters[p]->reader;
	return w->adapters[PITH_REWRITE] != NULL ? w->adapters[PITH_REWRITE] : w->adapters[PITH_READ];
}

static enum pith_status forward(struct step_worker *w, struct pith_error *err)
{
	const struct transformer *t = w->transformer;
	bool rows = w->memory == PITH_MEMORY_ROWS;
	enum pith_status status = PITH_OK;
	for (int p = 0; status == PITH_OK && p < PITH_N_MEMORY_PURPOSES; p++) {
		const struct batch *batch = &w->microbatch.encoder[p].batch;
		if (batch->n_tokens == 0)
			continue;
		status = trace_reserve_rows(&w->encoder[p], t, batch, err);
		if (status == PITH_OK)
			status = trace_forward(&w->encoder[p], t, w->adapters[p], batch, w->precision, rows, err);
	}
	const struct batch *reader = &w->microbatch.reader.batch;
	if (status == PITH_OK)
		status = trace_reserve_rows(&w->reader, t, reader, err);
	if (status == PITH_OK)
		status = hand_over(w, err);
	if (status != PITH_OK)
		return status;
	return trace_forward(&w->reader, t, reader_adapter(w), reader, w->precision, false, err);
}

static enum pith_status reserve_head(struct step_worker *w, struct pith_error *err)
{
	const struct hyperparams *h = &w->transformer->h;
	size_t n = w->microbatch.reader.batch.n_tokens;
	if (n > w->n_correct_capacity) {
		bool *correct = realloc(w->correct, 2 * n * sizeof *correct);
		if (correct == NULL)
			return fail_memory(err, "the losses");
		w->correct = correct;
		w->n_correct_capacity = 2 * n;
	}
	enum pith_status status = scratch_reserve(&w->losses, n, "the losses", err);
	if (status == PITH_OK)
		status = scratch_reserve(&w->head, loss_head_scratch_size(h->n_vocab, h->n_embd), "the logits", err);
	return status;
}

static void count_losses(const struct step_worker *w, struct step_losses *losses)
{
	const struct microbatch *m = &w->microbatch;
	size_t n = m->reader.batch.n_tokens;
	*losses = (struct step_losses){
		.n_read = (double)(n + m->encoder[0].batch.n_tokens + m->encoder[1].batch.n_tokens)};
	for (size_t i = 0; i < n; i++) {
		if (m->targets[i] < 0)
			continue;
		int objective = m->objectives[i];
		losses->loss[objective] += (double)w->losses.data[i];
		losses->n_tokens[objective] += 1;
		losses->n_correct[objective] += w->correct[i] ? 1 : 0;
		losses->weighted += (double)(m->weights[i] * w->losses.data[i]);
	}
}

static enum pith_status backward(struct step_worker *w, struct pith_error *err)
{
	const struct transformer *t = w->transformer;
	bool rows = w->memory == PITH_MEMORY_ROWS;
	enum pith_status status = trace_backward(&w->reader, t, reader_adapter(w), &w->microbatch.reader.batch,
	                                         w->precision, false, &w->gradients, err);
	if (status != PITH_OK)
		return status;
	hand_back(w);
	for (int p = 0; status == PITH_OK && p < PITH_N_MEMORY_PURPOSES; p++)
		if (w->microbatch.encoder[p].batch.n_tokens > 0)
			status = trace_backward(&w->encoder[p], t, w->adapters[p], &w->microbatch.encoder[p].batch, w->precision,
			                        rows, &w->gradients, err);
	return status;
}

enum pith_status step_run(struct step_worker *w, bool with_backward, struct step_losses *losses, struct pith_error *err)
{
	const struct transformer *t = w->transformer;
	const struct microbatch *m = &w->microbatch;
	size_t n = m->reader.batch.n_tokens;
	const struct soft_targets *soft = with_backward && m->teacher.batch.n_tokens > 0 ? &w->teacher.targets : NULL;
	w->reader.dropout = w->dropout;
	enum pith_status status = forward(w, err);
	if (status == PITH_OK && soft != NULL)
		status = teacher_run(&w->teacher, t, m, w->precision, err);
	if (status == PITH_OK)
		status = reserve_head(w, err);
	if (status != PITH_OK)
		return status;
	if (with_backward)
		loss_head_backward(w->precision, w->losses.data, w->correct, w->reader.d_x.data, w->gradients.output,
		                   w->reader.hidden.data, &t->weights.output, m->targets, m->weights, soft, n, w->head.data);
	else
		loss_head_forward(NULL, w->precision, w->losses.data, w->correct, w->reader.hidden.data, &t->weights.output,
		                  m->targets, n, w->head.data);
	count_losses(w, losses);
	return with_backward ? backward(w, err) : PITH_OK;
}
