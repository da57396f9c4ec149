#include "model/keep_head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"
#include "formats/gguf.h"
#include "kernels/matmul.h"
#include "model/part_file.h"

enum { MOST_HIDDEN = 65536 };

static enum pith_status allocate(struct keep_head **out, size_t n_embd, size_t n_hidden, struct pith_error *err)
{
	struct keep_head *head = calloc(1, sizeof *head);
	if (head == NULL)
		return fail_memory(err, "a keep head");
	head->n_embd = n_embd;
	head->n_hidden = n_hidden;
	head->n_values = n_hidden * n_embd + 2 * n_hidden + 1;
	head->values = aligned_floats(head->n_values);
	if (head->values == NULL) {
		free(head);
		return fail_memory(err, "a keep head");
	}
	head->w1 = head->values;
	head->b1 = head->w1 + n_hidden * n_embd;
	head->w2 = head->b1 + n_hidden;
	head->b2 = head->w2 + n_hidden;
	*out = head;
	return PITH_OK;
}

enum pith_status keep_head_create(struct keep_head **out, const struct hyperparams *h, size_t n_hidden, size_t depth,
                                  size_t window_tokens, struct random_state *random, struct pith_error *err)
{
	*out = NULL;
	if (n_hidden < 1 || n_hidden > MOST_HIDDEN || depth > h->n_layers)
		return fail(err, PITH_BAD_ARGUMENT, "A keep head needs 1 to %d hidden numbers and a depth of at most %zu layers.",
		            (int)MOST_HIDDEN, h->n_layers);
	if (window_tokens < 1 || window_tokens > (h->n_context - 1) / 2)
		return fail(err, PITH_BAD_ARGUMENT,
		            "Windows of a keep head have 1 to %zu tokens: the model reads each of them twice.",
		            (h->n_context - 1) / 2);
	enum pith_status status = allocate(out, h->n_embd, n_hidden, err);
	if (status != PITH_OK)
		return status;
	struct keep_head *head = *out;
	head->depth = depth;
	head->window_tokens = window_tokens;
	for (size_t i = 0; i < n_hidden * h->n_embd; i++)
		head->w1[i] = (float)(random_normal(random) / sqrt((double)h->n_embd));
	for (size_t i = 0; i < n_hidden; i++)
		head->w2[i] = (float)(random_normal(random) / sqrt((double)n_hidden));
	return PITH_OK;
}

void keep_head_destroy(struct keep_head *head)
{
	if (head == NULL)
		return;
	free(head->values);
	free(head);
}

/* --- reading and scoring ---------------------------------------------------------------------------------- */

size_t keep_head_capacity(const struct keep_head *head)
{
	return 1 + 2 * head->window_tokens;
}

enum pith_status keep_head_read(const struct keep_head *head, struct session *session, int32_t bos, int32_t *ids, size_t n,
                                const float **states, const struct pith_control *control, struct pith_error *err)
{
	ids[0] = bos;
	memcpy(ids + 1 + n, ids + 1, n * sizeof *ids);
	struct session_input input = {.ids = ids, .n = 1 + 2 * n, .depth = head->depth};
	session_rewind(session, 0);
	enum pith_status status = session_read(session, &input, control, err);
	*states = status == PITH_OK ? session_hidden(session) + (1 + n) * head->n_embd : NULL;
	return status;
}

float keep_probability(float logit)
{
	return 1 / (1 + expf(-logit));
}

void keep_head_forward(const struct keep_head *head, float *logits, float *inner, const float *x, size_t n)
{
	size_t n_hidden = head->n_hidden;
	matmul_nt(NULL, n, n_hidden, head->n_embd, x, head->n_embd, head->w1, head->n_embd, 0, inner, n_hidden);
	for (size_t i = 0; i < n; i++) {
		float *z = inner + i * n_hidden, sum = *head->b2;
		for (size_t j = 0; j < n_hidden; j++) {
			z[j] += head->b1[j];
			sum += head->w2[j] * z[j] * keep_probability(z[j]);
		}
		logits[i] = sum;
	}
}

void keep_head_backward(const struct keep_head *head, float *d_values, const float *d_logits, float *inner, const float *x,
                        size_t n)
{
	size_t n_hidden = head->n_hidden;
	float *d_w1 = d_values, *d_b1 = d_w1 + n_hidden * head->n_embd, *d_w2 = d_b1 + n_hidden, *d_b2 = d_w2 + n_hidden;
	for (size_t i = 0; i < n; i++) {
		float *z = inner + i * n_hidden, d = d_logits[i];
		*d_b2 += d;
		for (size_t j = 0; j < n_hidden; j++) {
			float s = keep_probability(z[j]);
			d_w2[j] += d * z[j] * s;
			z[j] = d * head->w2[j] * s * (1 + z[j] * (1 - s)); /* of W1 x + b1 */
			d_b1[j] += z[j];
		}
	}
	matmul_tn(NULL, n_hidden, head->n_embd, n, inner, n_hidden, x, head->n_embd, 1, d_w1, head->n_embd);
}

/* --- files ------------------------------------------------------------------------------------------------ */

static const char what[] = "keep head";

static enum pith_status load(struct keep_head **out, const struct hyperparams *h, const struct gguf *gguf, struct pith_error *err)
{
	char purpose[16];
	size_t depth = 0, window = 0;
	enum pith_status status = part_read_text(purpose, sizeof purpose, gguf, "pith.purpose", what, err);
	if (status == PITH_OK && strcmp(purpose, "keep") != 0)
		status = fail(err, PITH_BAD_FILE, "%s: this is an adapter for %s, not a keep head.", gguf_path(gguf), purpose);
	if (status == PITH_OK)
		status = part_read_number(&depth, gguf, "pith.keep_depth", 0, h->n_layers, err);
	if (status == PITH_OK)
		status = part_read_number(&window, gguf, "pith.keep_window", 1, (h->n_context - 1) / 2, err);
	if (status != PITH_OK)
		return status;
	/* Before memory is taken for as many as the file claims. */
	const struct tensor *w1 = gguf_find_tensor(gguf, "keep.1.weight");
	if (w1 == NULL || w1->ne[0] != h->n_embd || w1->ne[1] < 1 || w1->ne[1] > MOST_HIDDEN)
		return fail(err, PITH_MISMATCH, "%s: tensor keep.1.weight is missing or does not fit this model.",
		            gguf_path(gguf));
	size_t n_hidden = w1->ne[1];
	status = allocate(out, h->n_embd, n_hidden, err);
	if (status != PITH_OK)
		return status;
	struct keep_head *head = *out;
	head->depth = depth;
	head->window_tokens = window;
	status = part_read_text(head->base_fingerprint, 33, gguf, "pith.base_fingerprint", what, err);
	if (status == PITH_OK)
		status = part_read_text(head->tokenizer_fingerprint, 33, gguf, "pith.tokenizer_fingerprint", what, err);
	if (status == PITH_OK)
		status = part_read_tensor(head->w1, gguf, "keep.1.weight", h->n_embd, n_hidden, err);
	if (status == PITH_OK)
		status = part_read_tensor(head->b1, gguf, "keep.1.bias", n_hidden, 1, err);
	if (status == PITH_OK)
		status = part_read_tensor(head->w2, gguf, "keep.2.weight", n_hidden, 1, err);
	if (status == PITH_OK)
		status = part_read_tensor(head->b2, gguf, "keep.2.bias", 1, 1, err);
	return status;
}

enum pith_status keep_head_load(struct keep_head **out, const struct hyperparams *h, const char *path, struct pith_error *err)
{
	*out = NULL;
	struct gguf *gguf;
	enum pith_status status = gguf_open(&gguf, path, err);
	if (status != PITH_OK)
		return status;
	struct keep_head *head = NULL;
	status = load(&head, h, gguf, err);
	gguf_close(gguf);
	if (status != PITH_OK) {
		keep_head_destroy(head);
		return status;
	}
	*out = head;
	return PITH_OK;
}

static enum pith_status write_header(const struct keep_head *head, const struct hyperparams *h, struct gguf_writer *writer,
                                     struct pith_error *err)
{
	enum pith_status status = gguf_write_string(writer, "general.architecture", h->architecture, err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "general.type", "adapter", err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "pith.purpose", "keep", err);
	if (status == PITH_OK)
		status = gguf_write_u32(writer, "pith.keep_depth", (uint32_t)head->depth, err);
	if (status == PITH_OK)
		status = gguf_write_u32(writer, "pith.keep_window", (uint32_t)head->window_tokens, err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "pith.base_fingerprint", head->base_fingerprint, err);
	if (status == PITH_OK)
		status = gguf_write_string(writer, "pith.tokenizer_fingerprint", head->tokenizer_fingerprint, err);
	return status;
}

enum pith_status keep_head_save(const struct keep_head *head, const struct hyperparams *h, const char *path,
                                struct pith_error *err)
{
	struct gguf_writer *writer;
	enum pith_status status = gguf_writer_create(&writer, err);
	if (status != PITH_OK)
		return status;
	size_t n_hidden = head->n_hidden;
	status = write_header(head, h, writer, err);
	if (status == PITH_OK)
		status = gguf_write_tensor(writer, "keep.1.weight", TENSOR_F32, 2, (size_t[]){head->n_embd, n_hidden}, head->w1,
		                           err);
	if (status == PITH_OK)
		status = gguf_write_tensor(writer, "keep.1.bias", TENSOR_F32, 1, (size_t[]){n_hidden}, head->b1, err);
	if (status == PITH_OK)
		status = gguf_write_tensor(writer, "keep.2.weight", TENSOR_F32, 1, (size_t[]){n_hidden}, head->w2, err);
	if (status == PITH_OK)
		status = gguf_write_tensor(writer, "keep.2.bias", TENSOR_F32, 1, (size_t[]){1}, head->b2, err);
	if (status == PITH_OK)
		status = gguf_writer_finish(writer, path, err);
	gguf_writer_destroy(writer);
	return status;
}
