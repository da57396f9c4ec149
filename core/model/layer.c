#include "model/layer.h"

#include <string.h>

#include "kernels/kernels.h"

/* One projection with its LoRA if there is one, its result or the gradient of that still to be named. */
static struct projected projected(const struct layer_pass *pass, const struct activations *a, enum projection p)
{
	return (struct projected){
		.w = &pass->weights->projections[p],
		.lora = pass->adapter == NULL ? NULL : &pass->adapter[p],
		.low = a->low[p],
	};
}

/* Projections first .. first + n - 1 of all tokens, from the same x into ys. */
static void project(const struct layer_pass *pass, struct activations *a, enum projection first, size_t n, float *const *ys,
                    const float *x)
{
	struct projected all[PROJECTED_TOGETHER];
	for (size_t i = 0; i < n; i++) {
		all[i] = projected(pass, a, (enum projection)(first + i));
		all[i].y = ys[i];
	}
	projections_forward(pass->pool, pass->precision, all, n, x, pass->batch->n_tokens, pass->scratch->data);
}

/* d_x (n_tokens, n_in) is assigned. */
static void project_backward(const struct layer_pass *pass, struct activations *a, enum projection first, size_t n, float *d_x,
                             const float *const *d_ys, const float *x, const struct layer_gradients *gradients)
{
	struct projected all[PROJECTED_TOGETHER];
	for (size_t i = 0; i < n; i++) {
		all[i] = projected(pass, a, (enum projection)(first + i));
		all[i].d_y = d_ys[i];
		all[i].d_w = gradients->projections[first + i];
	}
	projections_backward(pass->precision, all, n, d_x, x, pass->batch->n_tokens, pass->scratch->data);
}

/* Copies rows between the batch's order (n_tokens, kv_dim) and the sequences' own rows. */
static void store_rows(const struct batch *batch, size_t kv_dim, float *rows, const float *x)
{
	for (size_t i = 0; i < batch->n_sequences; i++) {
		const struct sequence *s = &batch->sequences[i];
		memcpy(rows + (s->kv_first + s->n_past) * kv_dim, x + s->first * kv_dim, s->n * kv_dim * sizeof *rows);
	}
}

static void fetch_rows(const struct batch *batch, size_t kv_dim, float *x, const float *rows)
{
	for (size_t i = 0; i < batch->n_sequences; i++) {
		const struct sequence *s = &batch->sequences[i];
		memcpy(x + s->first * kv_dim, rows + (s->kv_first + s->n_past) * kv_dim, s->n * kv_dim * sizeof *x);
	}
}

/* Rows that a sequence shares are copied from their owner, ... */
static void copy_shared_rows(const struct batch *batch, size_t kv_dim, float *rows)
{
	for (size_t i = 0; i < batch->n_sequences; i++) {
		const struct sequence *s = &batch->sequences[i];
		if (s->n_shared > 0)
			memcpy(rows + s->kv_first * kv_dim, rows + batch->sequences[s->shared_with].kv_first * kv_dim,
			       s->n_shared * kv_dim * sizeof *rows);
	}
}

/* ... and their gradients go back to it. */
static void return_shared_gradients(const struct batch *batch, size_t kv_dim, float *d_rows)
{
	for (size_t i = 0; i < batch->n_sequences; i++) {
		const struct sequence *s = &batch->sequences[i];
		if (s->n_shared > 0)
			kernels_get()->add(d_rows + batch->sequences[s->shared_with].kv_first * kv_dim,
			                   d_rows + s->kv_first * kv_dim, s->n_shared * kv_dim);
	}
}

static struct attention_shape shape_of(const struct hyperparams *h, const struct sequence *s)
{
	return (struct attention_shape){s->n, s->n_past + s->n, h->n_heads, h->n_kv_heads, h->head_dim};
}

/* Scratch for the largest of the operations, and extra behind it. */
static enum pith_status reserve(const struct layer_pass *pass, const struct activations *a, size_t extra, struct pith_error *err)
{
	static const struct {
		enum projection first;
		size_t n;
	} groups[] = {{PROJECTION_Q, 3}, {PROJECTION_O, 1}, {PROJECTION_GATE, 2}, {PROJECTION_DOWN, 1}};
	size_t most = 0;
	for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
		struct projected all[PROJECTED_TOGETHER];
		for (size_t i = 0; i < groups[g].n; i++)
			all[i] = projected(pass, a, (enum projection)(groups[g].first + i));
		size_t size = projections_scratch_size(pass->precision, all, groups[g].n, pass->batch->n_tokens);
		most = size > most ? size : most;
	}
	for (size_t i = 0; i < pass->batch->n_sequences; i++) {
		struct attention_shape shape = shape_of(pass->h, &pass->batch->sequences[i]);
		size_t size = attention_scratch_size(pass->pool, pass->precision, &shape);
		most = size > most ? size : most;
	}
	return scratch_reserve(pass->scratch, most + extra, "a layer", err);
}

/*
 * What is done to each token on its own, forward: the pool shares out ranges of
 * tokens. On many cores one thread would take longer for these than all of
 * them for the products in between.
 */
struct token_work {
	const struct layer_pass *pass;
	struct activations *a;
	const float *x; /* (n_tokens, n_embd): what the layer read; NULL where it is not wanted */
	float *x_out;   /* (n_tokens, n_embd), likewise */
};

static void each_token(struct token_work *work, thread_pool_fn *fn)
{
	enum { GRAIN = 32 }; /* tokens: fewer are done sooner than another thread wakes */
	thread_pool_run(work->pass->pool, work->pass->batch->n_tokens, GRAIN, fn, work);
}

static void norm_before_attention(void *user, size_t begin, size_t end, int thread)
{
	(void)thread;
	const struct token_work *w = user;
	size_t n_embd = w->pass->h->n_embd, at = begin * n_embd;
	rms_norm_forward(w->a->norm1 + at, w->a->rstd1 + begin, w->x + at, w->pass->weights->attn_norm, end - begin, n_embd,
	                 w->pass->h->rms_eps);
}

static void add_bias(const struct layer_pass *pass, enum projection p, float *y, size_t width, size_t begin, size_t end)
{
	if (pass->h->qkv_bias)
		bias_forward(y + begin * width, pass->weights->biases[p], end - begin, width);
}

/* Heads of queries or keys from their projections: norm, where there is one, and RoPE. */
static void finish_heads(const struct layer_pass *pass, float *heads, const float *raw, float *rstd, const float *norm,
                         size_t n_heads, size_t begin, size_t end)
{
	const struct hyperparams *h = pass->h;
	size_t at = begin * n_heads * h->head_dim;
	if (h->qk_norm)
		rms_norm_forward(heads + at, rstd + begin * n_heads, raw + at, norm, (end - begin) * n_heads, h->head_dim,
		                 h->rms_eps);
	rope_forward(heads + at, pass->batch->positions + begin, end - begin, n_heads, pass->rope);
}

static void finish_keys_values(void *user, size_t begin, size_t end, int thread)
{
	(void)thread;
	const struct token_work *w = user;
	size_t kv_dim = hyperparams_kv_dim(w->pass->h);
	add_bias(w->pass, PROJECTION_K, w->a->k_raw, kv_dim, begin, end);
	add_bias(w->pass, PROJECTION_V, w->a->v, kv_dim, begin, end);
	finish_heads(w->pass, w->a->k, w->a->k_raw, w->a->rstd_k, w->pass->weights->k_norm, w->pass->h->n_kv_heads, begin, end);
}

static void finish_queries(void *user, size_t begin, size_t end, int thread)
{
	(void)thread;
	const struct token_work *w = user;
	add_bias(w->pass, PROJECTION_Q, w->a->q_raw, hyperparams_q_dim(w->pass->h), begin, end);
	finish_heads(w->pass, w->a->q, w->a->q_raw, w->a->rstd_q, w->pass->weights->q_norm, w->pass->h->n_heads, begin, end);
}

static void norm_before_ffn(void *user, size_t begin, size_t end, int thread)
{
	(void)thread;
	const struct token_work *w = user;
	size_t n_embd = w->pass->h->n_embd, at = begin * n_embd;
	rms_norm_forward(w->a->norm2 + at, w->a->rstd2 + begin, w->a->x_mid + at, w->pass->weights->ffn_norm, end - begin, n_embd,
	                 w->pass->h->rms_eps);
}

static void gate(void *user, size_t begin, size_t end, int thread)
{
	(void)thread;
	const struct token_work *w = user;
	size_t n_ff = w->pass->h->n_ff, at = begin * n_ff;
	kernels_get()->silu_multiply(w->a->act + at, w->a->gate + at, w->a->up + at, (end - begin) * n_ff);
}

static void add_input(void *user, size_t begin, size_t end, int thread)
{
	(void)thread;
	const struct token_work *w = user;
	size_t n_embd = w->pass->h->n_embd, at = begin * n_embd;
	kernels_get()->add(w->a->x_mid + at, w->x + at, (end - begin) * n_embd);
}

static void add_middle(void *user, size_t begin, size_t end, int thread)
{
	(void)thread;
	const struct token_work *w = user;
	size_t n_embd = w->pass->h->n_embd, at = begin * n_embd;
	kernels_get()->add(w->x_out + at, w->a->x_mid + at, (end - begin) * n_embd);
}

/* norm1 -> q (when wanted, as its product leaves it), k, v; k and v go to the sequences' rows. */
static void forward_keys_values(const struct layer_pass *pass, struct activations *a, const float *x, bool with_q, float *keys,
                                float *values)
{
	const struct batch *batch = pass->batch;
	size_t kv_dim = hyperparams_kv_dim(pass->h);
	struct token_work work = {.pass = pass, .a = a, .x = x};
	each_token(&work, norm_before_attention);
	float *ys[] = {a->q_raw, a->k_raw, a->v};
	project(pass, a, with_q ? PROJECTION_Q : PROJECTION_K, with_q ? 3 : 2, with_q ? ys : ys + 1, a->norm1);
	each_token(&work, finish_keys_values);
	store_rows(batch, kv_dim, keys, a->k);
	store_rows(batch, kv_dim, values, a->v);
	copy_shared_rows(batch, kv_dim, keys);
	copy_shared_rows(batch, kv_dim, values);
}

static void forward_attention(const struct layer_pass *pass, struct activations *a, const float *keys, const float *values)
{
	const struct hyperparams *h = pass->h;
	const struct batch *batch = pass->batch;
	size_t q_dim = hyperparams_q_dim(h), kv_dim = hyperparams_kv_dim(h);
	each_token(&(struct token_work){.pass = pass, .a = a}, finish_queries);
	for (size_t i = 0; i < batch->n_sequences; i++) {
		const struct sequence *s = &batch->sequences[i];
		struct attention_shape shape = shape_of(h, s);
		if (pass->received != NULL) {
			struct attention_received received = {pass->received->later + s->kv_first,
			                                      pass->received->own + s->kv_first};
			attention_forward_received(pass->precision, a->attn + s->first * q_dim, a->lse + s->first * h->n_heads,
			                           &received, a->q + s->first * q_dim, keys + s->kv_first * kv_dim,
			                           values + s->kv_first * kv_dim, &shape, pass->scratch->data);
			continue;
		}
		attention_forward(pass->pool, pass->precision, a->attn + s->first * q_dim, a->lse + s->first * h->n_heads,
		                  a->q + s->first * q_dim, keys + s->kv_first * kv_dim, values + s->kv_first * kv_dim, &shape,
		                  pass->scratch->data);
	}
}

static struct dropout ffn_dropout(const struct layer_pass *pass)
{
	return (struct dropout){pass->dropout.rate, pass->dropout.seed + 1};
}

static void forward_ffn(const struct layer_pass *pass, struct activations *a, float *x_out)
{
	const struct hyperparams *h = pass->h;
	size_t n = pass->batch->n_tokens;
	struct token_work work = {.pass = pass, .a = a, .x_out = x_out};
	each_token(&work, norm_before_ffn);
	project(pass, a, PROJECTION_GATE, 2, (float *[]){a->gate, a->up}, a->norm2);
	each_token(&work, gate);
	project(pass, a, PROJECTION_DOWN, 1, &x_out, a->act);
	dropout_forward(x_out, n * h->n_embd, ffn_dropout(pass));
	each_token(&work, add_middle);
}

enum pith_status layer_forward(const struct layer_pass *pass, struct activations *a, const float *x, float *keys, float *values,
                               float *x_out, struct pith_error *err)
{
	enum pith_status status = reserve(pass, a, 0, err);
	if (status != PITH_OK)
		return status;
	forward_keys_values(pass, a, x, x_out != NULL, keys, values);
	if (x_out == NULL)
		return PITH_OK;
	forward_attention(pass, a, keys, values);
	project(pass, a, PROJECTION_O, 1, &a->x_mid, a->attn);
	dropout_forward(a->x_mid, pass->batch->n_tokens * pass->h->n_embd, pass->dropout);
	each_token(&(struct token_work){.pass = pass, .a = a, .x = x}, add_input);
	forward_ffn(pass, a, x_out);
	return PITH_OK;
}

/* Backward's own memory, behind the part of scratch that each operation uses. */
struct backward_scratch {
	float *d_norm; /* (n_tokens, n_embd) */
	float *d_wide; /* (n_tokens, max(n_ff, q_dim)) */
	float *d_q;    /* (n_tokens, q_dim) */
	float *d_k;    /* (n_tokens, kv_dim) */
	float *d_v;    /* (n_tokens, kv_dim) */
};

static size_t backward_floats(const struct layer_pass *pass)
{
	const struct hyperparams *h = pass->h;
	size_t q_dim = hyperparams_q_dim(h), wide = h->n_ff > q_dim ? h->n_ff : q_dim;
	return pass->batch->n_tokens * (h->n_embd + wide + q_dim + 2 * hyperparams_kv_dim(h));
}

static struct backward_scratch backward_layout(const struct layer_pass *pass)
{
	const struct hyperparams *h = pass->h;
	size_t n = pass->batch->n_tokens, q_dim = hyperparams_q_dim(h), wide = h->n_ff > q_dim ? h->n_ff : q_dim;
	struct backward_scratch b;
	b.d_norm = pass->scratch->data + (pass->scratch->capacity - backward_floats(pass));
	b.d_wide = b.d_norm + n * h->n_embd;
	b.d_q = b.d_wide + n * wide;
	b.d_k = b.d_q + n * q_dim;
	b.d_v = b.d_k + n * hyperparams_kv_dim(h);
	return b;
}

/* The gradient of what a half of the layer added, before its dropout: d_x itself without one, else in room (n_tokens, n_embd). */
static const float *backward_dropout(const struct layer_pass *pass, const float *d_x, float *room, struct dropout dropout)
{
	size_t n = pass->batch->n_tokens * pass->h->n_embd;
	if (dropout.rate <= 0)
		return d_x;
	memcpy(room, d_x, n * sizeof *room);
	dropout_backward(room, n, dropout);
	return room;
}

/* d_x: gradient of x_out in, of x_mid out. Uses up gate, up. */
static void backward_ffn(const struct layer_pass *pass, struct activations *a, float *d_x, const struct layer_gradients *g,
                         const struct backward_scratch *b)
{
	const struct hyperparams *h = pass->h;
	size_t n = pass->batch->n_tokens;
	const float *d_added = backward_dropout(pass, d_x, b->d_norm, ffn_dropout(pass));
	project_backward(pass, a, PROJECTION_DOWN, 1, b->d_wide, &d_added, a->act, g);
	kernels_get()->silu_multiply_backward(a->gate, a->up, a->gate, a->up, b->d_wide, n * h->n_ff);
	project_backward(pass, a, PROJECTION_GATE, 2, b->d_norm, (const float *[]){a->gate, a->up}, a->norm2, g);
	rms_norm_backward(d_x, g->ffn_norm, b->d_norm, a->x_mid, pass->weights->ffn_norm, a->rstd2, n, h->n_embd, true);
}

/* d_x holds the gradient of x_mid and stays; d_q is assigned; d_keys, d_values accumulate. */
static void backward_attention(const struct layer_pass *pass, struct activations *a, const float *keys, const float *values,
                               const float *d_x, float *d_keys, float *d_values, const struct layer_gradients *g,
                               const struct backward_scratch *b)
{
	const struct hyperparams *h = pass->h;
	const struct batch *batch = pass->batch;
	size_t n = batch->n_tokens, q_dim = hyperparams_q_dim(h), kv_dim = hyperparams_kv_dim(h);
	const float *d_added = backward_dropout(pass, d_x, b->d_norm, pass->dropout);
	project_backward(pass, a, PROJECTION_O, 1, b->d_wide, &d_added, a->attn, g);
	for (size_t i = 0; i < batch->n_sequences; i++) {
		const struct sequence *s = &batch->sequences[i];
		struct attention_shape shape = shape_of(h, s);
		size_t kv = s->kv_first * kv_dim, row = s->first * q_dim;
		attention_backward(pass->precision, b->d_q + row, d_keys + kv, d_values + kv, b->d_wide + row, a->attn + row,
		                   a->lse + s->first * h->n_heads, a->q + row, keys + kv, values + kv, &shape,
		                   pass->scratch->data);
	}
	rope_backward(b->d_q, batch->positions, n, h->n_heads, pass->rope);
	if (h->qk_norm)
		rms_norm_backward(b->d_q, g->q_norm, b->d_q, a->q_raw, pass->weights->q_norm, a->rstd_q, n * h->n_heads,
		                  h->head_dim, false);
}

/* d_norm is assigned what comes through q (when there is one), k and v. */
static void backward_keys_values(const struct layer_pass *pass, struct activations *a, float *d_keys, float *d_values,
                                 const struct layer_gradients *g, const struct backward_scratch *b,
                                 bool with_q)
{
	const struct hyperparams *h = pass->h;
	const struct batch *batch = pass->batch;
	size_t n = batch->n_tokens, kv_dim = hyperparams_kv_dim(h);
	return_shared_gradients(batch, kv_dim, d_values);
	return_shared_gradients(batch, kv_dim, d_keys);
	fetch_rows(batch, kv_dim, b->d_v, d_values);
	fetch_rows(batch, kv_dim, b->d_k, d_keys);
	rope_backward(b->d_k, batch->positions, n, h->n_kv_heads, pass->rope);
	if (h->qk_norm)
		rms_norm_backward(b->d_k, g->k_norm, b->d_k, a->k_raw, pass->weights->k_norm, a->rstd_k, n * h->n_kv_heads,
		                  h->head_dim, false);
	const float *d_ys[] = {b->d_q, b->d_k, b->d_v};
	for (int p = with_q ? PROJECTION_Q : PROJECTION_K; p <= PROJECTION_V && h->qkv_bias; p++)
		bias_backward(g->biases[p], d_ys[p], n, p == PROJECTION_Q ? hyperparams_q_dim(h) : kv_dim);
	project_backward(pass, a, with_q ? PROJECTION_Q : PROJECTION_K, with_q ? 3 : 2, b->d_norm, with_q ? d_ys : d_ys + 1,
	                 a->norm1, g);
}

enum pith_status layer_backward(const struct layer_pass *pass, struct activations *a, const float *x, const float *keys,
                                const float *values, bool has_output, float *d_x, float *d_keys, float *d_values,
                                const struct layer_gradients *gradients, struct pith_error *err)
{
	enum pith_status status = reserve(pass, a, backward_floats(pass), err);
	if (status != PITH_OK)
		return status;
	struct backward_scratch b = backward_layout(pass);
	size_t n = pass->batch->n_tokens, n_embd = pass->h->n_embd;
	if (has_output) {
		backward_ffn(pass, a, d_x, gradients, &b);
		backward_attention(pass, a, keys, values, d_x, d_keys, d_values, gradients, &b);
	} else {
		memset(d_x, 0, n * n_embd * sizeof *d_x);
	}
	backward_keys_values(pass, a, d_keys, d_values, gradients, &b, has_output);
	rms_norm_backward(d_x, gradients->attn_norm, b.d_norm, x, pass->weights->attn_norm, a->rstd1, n, n_embd, true);
	return PITH_OK;
}
