#include "eval/similarity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/matmul.h"
#include "model/session.h"

void token_vectors_free(struct token_vectors *vectors)
{
	free(vectors->data);
	*vectors = (struct token_vectors){0};
}

/* Copies the rows behind BOS, each divided by its length. */
static enum pith_status keep_vectors(struct token_vectors *out, const float *hidden, size_t n, size_t n_embd,
                                     struct pith_error *err)
{
	out->data = malloc((n * n_embd + 1) * sizeof *out->data);
	if (out->data == NULL)
		return fail_memory(err, "the vectors of a text");
	out->n = n;
	out->n_embd = n_embd;
	for (size_t i = 0; i < n; i++) {
		const float *row = hidden + (1 + i) * n_embd;
		double squares = 0;
		for (size_t j = 0; j < n_embd; j++)
			squares += (double)row[j] * (double)row[j];
		float scale = squares > 0 ? (float)(1 / sqrt(squares)) : 0;
		for (size_t j = 0; j < n_embd; j++)
			out->data[i * n_embd + j] = scale * row[j];
	}
	return PITH_OK;
}

enum pith_status token_vectors_read(struct token_vectors *out, struct pith_model *model, const char *text, size_t length,
                                    const struct pith_control *control, struct pith_error *err)
{
	const struct hyperparams *h = &model->transformer.h;
	struct token_list ids = {0};
	struct session *session = NULL;
	*out = (struct token_vectors){0};
	enum pith_status status = PITH_OK;
	if (!token_list_append(&ids, tokenizer_bos(model->tokenizer)))
		status = fail_memory(err, "the tokens of a text");
	if (status == PITH_OK)
		status = tokenizer_encode(model->tokenizer, text, length, &ids, err);
	size_t n = ids.n < h->n_context ? ids.n : h->n_context;
	if (status == PITH_OK)
		status = session_create(&session, &model->transformer, model->pool, n, err);
	struct session_input input = {.ids = ids.ids, .n = n};
	if (status == PITH_OK)
		status = session_read(session, &input, control, err);
	if (status == PITH_OK)
		status = keep_vectors(out, session_hidden(session), n - 1, h->n_embd, err);
	session_destroy(session);
	token_list_free(&ids);
	return status;
}

enum { ROWS_AT_ONCE = 256 };

enum pith_status token_vectors_similarity(double *f, const struct token_vectors *reference,
                                          const struct token_vectors *candidate, struct pith_error *err)
{
	size_t n = reference->n, m = candidate->n, d = reference->n_embd;
	*f = 0;
	if (n == 0 || m == 0)
		return PITH_OK;
	float *cosines = malloc((ROWS_AT_ONCE * m + m) * sizeof *cosines);
	if (cosines == NULL)
		return fail_memory(err, "comparing two texts");
	float *best = cosines + ROWS_AT_ONCE * m; /* (m): of each token of the candidate */
	for (size_t j = 0; j < m; j++)
		best[j] = -1;
	double recall = 0, precision = 0;
	for (size_t i = 0; i < n; i += ROWS_AT_ONCE) {
		size_t rows = n - i < ROWS_AT_ONCE ? n - i : ROWS_AT_ONCE;
		matmul_nt(NULL, rows, m, d, reference->data + i * d, d, candidate->data, d, 0, cosines, m);
		for (size_t r = 0; r < rows; r++) {
			float most = -1;
			for (size_t j = 0; j < m; j++) {
				float cosine = cosines[r * m + j];
				most = cosine > most ? cosine : most;
				best[j] = cosine > best[j] ? cosine : best[j];
			}
			recall += (double)most;
		}
	}
	for (size_t j = 0; j < m; j++)
		precision += (double)best[j];
	free(cosines);
	recall /= (double)n;
	precision /= (double)m;
	*f = precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
	return PITH_OK;
}
