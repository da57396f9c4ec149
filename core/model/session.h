/*
 * One inference timeline: a transformer, a growing cache of keys and values,
 * and the memory of a pass. The cache's length moves only when a read has
 * succeeded; a cancelled read leaves it where it was.
 */
#ifndef MODEL_SESSION_H
#define MODEL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/thread_pool.h"
#include "model/adapter.h"
#include "model/transformer.h"
#include "pith/control.h"

struct session;

/* Room for capacity rows of cache. The transformer is borrowed. */
enum pith_status session_create(struct session **out, struct transformer *t, struct thread_pool *pool, size_t capacity,
                                struct pith_error *err);
size_t session_cache_bytes(const struct hyperparams *h, size_t capacity); /* what its rows take */
void session_destroy(struct session *session); /* NULL is allowed */
size_t session_length(const struct session *session);   /* rows in the cache */
size_t session_capacity(const struct session *session);
/*
 * fp32 to begin with; bf16 is several times faster where
 * matmul_bf16_available(), and right to some 0.3 %. A few tokens are read in fp32 all the same.
 */
void session_set_precision(struct session *session, enum precision precision);
void session_rewind(struct session *session, size_t length); /* forgets rows from length on */

/*
 * Reads n tokens: ids at consecutive positions from first_position, seeing all
 * rows before them. adapter, unless NULL, is switched on (ids below 0 are its
 * memory tokens). positions, unless NULL, replaces the consecutive ones. encode: keys
 * and values only, no hidden states. depth: only so many layers are run, and
 * hidden states are what the last norm makes of theirs; nothing can be read
 * behind such a read.
 */
struct session_input {
	const int32_t *ids;
	const int32_t *positions; /* NULL: first_position, first_position + 1, ... */
	int32_t first_position;
	size_t n;
	const struct adapter *adapter;
	const float *given; /* (n_given, n_embd): id -1 - j reads row j of it, not memory token j of the adapter; NULL: none */
	size_t n_given;
	bool encode;
	size_t depth;             /* 0: all layers */
	/* (rows of the cache after the read) += what their keys receive of all heads of all layers; NULL: not wanted */
	const struct attention_received *received;
	const char *what;         /* names the work for control->progress; NULL: silent */
};
enum pith_status session_read(struct session *session, const struct session_input *input, const struct pith_control *control,
                              struct pith_error *err);

/* Hidden states (n, n_embd), after the last norm, of the newest read. Borrowed until the next call. */
const float *session_hidden(const struct session *session);
/* Logits (n_vocab) of row i of the newest read; borrowed until the next call. NULL: no memory. */
const float *session_logits(struct session *session, size_t i);
/* losses (n_rows): -ln p(target) after rows first .. first + n_rows - 1 of the newest read; targets below 0 give 0. */
enum pith_status session_losses(struct session *session, size_t first, const int32_t *targets, size_t n_rows, float *losses,
                                struct pith_error *err);

/* Key and value rows (n, kv_dim) of a layer from row first on, in the cache. */
float *session_keys(struct session *session, size_t layer, size_t first);
float *session_values(struct session *session, size_t layer, size_t first);
/* Says that n more rows were written behind the last one, by hand, in every layer. */
enum pith_status session_attach(struct session *session, size_t n, struct pith_error *err);

#endif
