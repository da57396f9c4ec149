#include "model/hyperparams.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LAYERS = 1024, MAX_WIDTH = 1 << 20, MAX_CONTEXT = 1 << 24 };

static enum pith_status read_size(size_t *value, const struct gguf *gguf, const struct hyperparams *h, const char *suffix,
                                  struct pith_error *err)
{
	char key[96];
	uint64_t number;
	snprintf(key, sizeof key, "%s.%s", h->architecture, suffix);
	if (!gguf_find_u64(gguf, key, &number))
		return fail(err, PITH_BAD_FILE, "%s: the metadata lacks %s.", gguf_path(gguf), key);
	if (number == 0 || number > MAX_CONTEXT)
		return fail(err, PITH_BAD_FILE, "%s: %s is %llu, which makes no sense.", gguf_path(gguf), key,
		            (unsigned long long)number);
	*value = (size_t)number;
	return PITH_OK;
}

/* A number that has a default when the file does not say. */
static bool find_size(size_t *value, const struct gguf *gguf, const struct hyperparams *h, const char *suffix)
{
	char key[96];
	uint64_t number;
	snprintf(key, sizeof key, "%s.%s", h->architecture, suffix);
	if (!gguf_find_u64(gguf, key, &number))
		return false;
	*value = (size_t)number;
	return true;
}

static enum pith_status read_architecture(struct hyperparams *h, const struct gguf *gguf, struct pith_error *err)
{
	const char *name;
	size_t length;
	if (!gguf_find_string(gguf, "general.architecture", &name, &length))
		return fail(err, PITH_BAD_FILE, "%s: the metadata lacks general.architecture.", gguf_path(gguf));
	static const struct {
		const char *name;
		bool qk_norm, qkv_bias;
		enum rope_style rope_style;
	} known[] = {
		{"qwen3", true, false, ROPE_HALVES},
		{"qwen2", false, true, ROPE_HALVES},
		{"llama", false, false, ROPE_NEIGHBOURS},
	};
	size_t i = 0, n_known = sizeof known / sizeof known[0];
	while (i < n_known && !(strlen(known[i].name) == length && memcmp(name, known[i].name, length) == 0))
		i++;
	if (i == n_known)
		return fail(err, PITH_UNSUPPORTED, "%s: architecture %.*s is not supported; qwen3, qwen2 and llama are.",
		            gguf_path(gguf), (int)(length < 64 ? length : 64), name);
	h->qk_norm = known[i].qk_norm;
	h->qkv_bias = known[i].qkv_bias;
	h->rope_style = known[i].rope_style;
	memcpy(h->architecture, name, length);
	h->architecture[length] = '\0';
	return PITH_OK;
}

static enum pith_status read_vocabulary_size(struct hyperparams *h, const struct gguf *gguf, struct pith_error *err)
{
	const struct tensor *table = gguf_find_tensor(gguf, "token_embd.weight");
	if (table == NULL)
		return fail(err, PITH_BAD_FILE, "%s: there is no tensor token_embd.weight, so this is no model.",
		            gguf_path(gguf));
	h->n_vocab = table->ne[1];
	return PITH_OK;
}

static enum pith_status refuse_scaling(const struct hyperparams *h, const struct gguf *gguf, struct pith_error *err)
{
	char key[96];
	const char *type;
	size_t length;
	snprintf(key, sizeof key, "%s.rope.scaling.type", h->architecture);
	if (gguf_find_string(gguf, key, &type, &length) && !(length == 4 && memcmp(type, "none", 4) == 0))
		return fail(err, PITH_UNSUPPORTED, "%s: RoPE scaling of type %.*s is not supported.", gguf_path(gguf),
		            (int)(length < 64 ? length : 64), type);
	return PITH_OK;
}

enum pith_status hyperparams_check(const struct hyperparams *h, const char *where, struct pith_error *err)
{
	const char *wrong = NULL;
	if (h->n_layers == 0 || h->n_layers > MAX_LAYERS)
		wrong = "the number of layers";
	else if (h->n_embd == 0 || h->n_embd > MAX_WIDTH)
		wrong = "the width";
	else if (h->n_ff == 0 || h->n_ff > MAX_WIDTH)
		wrong = "the feed-forward width";
	else if (h->n_vocab == 0 || h->n_vocab > (1 << 24))
		wrong = "the vocabulary size";
	else if (h->head_dim == 0 || h->head_dim > 4096 || h->head_dim % 2 != 0)
		wrong = "the head dimension";
	else if (h->n_heads == 0 || h->n_heads > 4096)
		wrong = "the number of heads";
	else if (h->n_kv_heads == 0 || h->n_heads % h->n_kv_heads != 0)
		wrong = "the number of key/value heads";
	else if (h->n_context == 0 || h->n_context > MAX_CONTEXT)
		wrong = "the context length";
	else if (!(h->rms_eps > 0 && h->rms_eps < 1))
		wrong = "the epsilon of RMSNorm";
	else if (!(h->rope_theta > 1 && isfinite(h->rope_theta)))
		wrong = "the base of RoPE";
	if (wrong != NULL)
		return fail(err, PITH_BAD_FILE, "%s: %s makes no sense.", where, wrong);
	return PITH_OK;
}

enum pith_status hyperparams_read(struct hyperparams *h, const struct gguf *gguf, struct pith_error *err)
{
	*h = (struct hyperparams){.rope_theta = 10000.0, .rms_eps = 1e-5f};
	enum pith_status status = read_architecture(h, gguf, err);
	if (status == PITH_OK)
		status = refuse_scaling(h, gguf, err);
	if (status == PITH_OK)
		status = read_size(&h->n_layers, gguf, h, "block_count", err);
	if (status == PITH_OK)
		status = read_size(&h->n_embd, gguf, h, "embedding_length", err);
	if (status == PITH_OK)
		status = read_size(&h->n_heads, gguf, h, "attention.head_count", err);
	if (status == PITH_OK)
		status = read_size(&h->n_ff, gguf, h, "feed_forward_length", err);
	if (status == PITH_OK)
		status = read_size(&h->n_context, gguf, h, "context_length", err);
	if (status == PITH_OK)
		status = read_vocabulary_size(h, gguf, err);
	if (status != PITH_OK)
		return status;
	h->n_kv_heads = h->n_heads;
	find_size(&h->n_kv_heads, gguf, h, "attention.head_count_kv");
	h->head_dim = h->n_embd / h->n_heads;
	find_size(&h->head_dim, gguf, h, "attention.key_length");
	size_t value_dim = h->head_dim;
	find_size(&value_dim, gguf, h, "attention.value_length");
	if (value_dim != h->head_dim)
		return fail(err, PITH_UNSUPPORTED, "%s: keys and values of different lengths are not supported.",
		            gguf_path(gguf));
	size_t n_rotated = h->head_dim;
	find_size(&n_rotated, gguf, h, "rope.dimension_count");
	if (n_rotated != h->head_dim)
		return fail(err, PITH_UNSUPPORTED, "%s: RoPE on %zu of %zu numbers of a head is not supported.", gguf_path(gguf),
		            n_rotated, h->head_dim);
	char key[96];
	double number;
	snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", h->architecture);
	if (gguf_find_f64(gguf, key, &number))
		h->rms_eps = (float)number;
	snprintf(key, sizeof key, "%s.rope.freq_base", h->architecture);
	if (gguf_find_f64(gguf, key, &number))
		h->rope_theta = number;
	return hyperparams_check(h, gguf_path(gguf), err);
}

enum pith_status hyperparams_write(const struct hyperparams *h, struct gguf_writer *writer, struct pith_error *err)
{
	const struct {
		const char *suffix;
		size_t value;
	} sizes[] = {
		{"block_count", h->n_layers},
		{"context_length", h->n_context},
		{"embedding_length", h->n_embd},
		{"feed_forward_length", h->n_ff},
		{"attention.head_count", h->n_heads},
		{"attention.head_count_kv", h->n_kv_heads},
		{"attention.key_length", h->head_dim},
		{"attention.value_length", h->head_dim},
		{"rope.dimension_count", h->head_dim},
		{"vocab_size", h->n_vocab},
	};
	char key[96];
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < sizeof sizes / sizeof sizes[0]; i++) {
		snprintf(key, sizeof key, "%s.%s", h->architecture, sizes[i].suffix);
		status = gguf_write_u32(writer, key, (uint32_t)sizes[i].value, err);
	}
	snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", h->architecture);
	if (status == PITH_OK)
		status = gguf_write_f32(writer, key, h->rms_eps, err);
	snprintf(key, sizeof key, "%s.rope.freq_base", h->architecture);
	if (status == PITH_OK)
		status = gguf_write_f32(writer, key, (float)h->rope_theta, err);
	return status;
}
