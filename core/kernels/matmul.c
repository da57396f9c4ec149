/*
 * The only includer of cblas.h. Rows of C are split over the pool, and every
 * slice is one serial product.
 */
#define _POSIX_C_SOURCE 200809L
#include "kernels/matmul.h"

#include <cblas.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* Weak, so that any other cblas links as well; those are expected to be serial. */
void openblas_set_num_threads(int num_threads) __attribute__((weak));

enum {
	ROW_GRAIN = 16,            /* rows of C (or of W) that one thread gets at least, and the multiple of a slice */
	FEW_TOKENS = 4,            /* up to here unpacking or packing a row costs more than reading it again for every token */
	PANEL_FLOATS = 128 * 1024, /* 512 KiB: half of a small second-level cache, or a quarter of a large one */
};

static _Thread_local float panel[PANEL_FLOATS];

static void keep_serial(void)
{
	if (openblas_set_num_threads)
		openblas_set_num_threads(1);
}

static void initialise(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, keep_serial);
}

struct product {
	CBLAS_TRANSPOSE transpose_a, transpose_b;
	size_t n, k;
	const float *a, *b;
	size_t lda, ldb, ldc;
	float beta;
	float *c;
};

static void multiply_rows(void *user, size_t begin, size_t end, int thread)
{
	(void)thread;
	const struct product *p = user;
	const float *a = p->a + (p->transpose_a == CblasTrans ? begin : begin * p->lda);
	cblas_sgemm(CblasRowMajor, p->transpose_a, p->transpose_b, (int)(end - begin), (int)p->n, (int)p->k, 1.0f, a, (int)p->lda,
		    p->b, (int)p->ldb, p->beta, p->c + begin * p->ldc, (int)p->ldc);
}

/* A token that is generated goes through a LoRA alone: sgemm would pack all of B for it, which takes longer than the product. */
static void multiply_few(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, float beta,
                         float *c, size_t ldc)
{
	const struct kernels *kernels = kernels_get();
	for (size_t j = 0; j < n; j++)
		for (size_t i = 0; i < m; i++) {
			float *to = c + i * ldc + j;
			*to = kernels->dot_f32(a + i * lda, b + j * ldb, k) +
			      (beta == 0 ? 0 : beta * *to); /* C may hold anything then */
		}
}

void matmul_nt(struct thread_pool *pool, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
	       float beta, float *c, size_t ldc)
{
	if (m <= FEW_TOKENS) {
		multiply_few(m, n, k, a, lda, b, ldb, beta, c, ldc);
		return;
	}
	struct product product = {CblasNoTrans, CblasTrans, n, k, a, b, lda, ldb, ldc, beta, c};
	initialise();
	thread_pool_run(pool, m, ROW_GRAIN, multiply_rows, &product);
}

void matmul_nn(struct thread_pool *pool, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
	       float beta, float *c, size_t ldc)
{
	struct product product = {CblasNoTrans, CblasNoTrans, n, k, a, b, lda, ldb, ldc, beta, c};
	initialise();
	thread_pool_run(pool, m, ROW_GRAIN, multiply_rows, &product);
}

void matmul_tn(struct thread_pool *pool, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
	       float beta, float *c, size_t ldc)
{
	struct product product = {CblasTrans, CblasNoTrans, n, k, a, b, lda, ldb, ldc, beta, c};
	initialise();
	thread_pool_run(pool, m, ROW_GRAIN, multiply_rows, &product);
}

struct weights_product {
	const struct kernels_of_type *kernels;
	size_t n_tokens, n_out, n_in, row_bytes;
	const float *x;
	enum tensor_type type;
	const uint8_t *weights;
	float *y;
};

static void weights_by_dots(void *user, size_t begin, size_t end, int thread)
{
	(void)thread;
	const struct weights_product *p = user;
	for (size_t row = begin; row < end; row++)
		for (size_t token = 0; token < p->n_tokens; token++)
			p->y[token * p->n_out + row] =
				p->kernels->dot(p->weights + row * p->row_bytes, p->x + token * p->n_in, p->n_in);
}

/* Columns [begin, end) of y, from that many rows of weights as floats. */
static void multiply_panel(const struct weights_product *p, const float *rows, size_t begin, size_t end)
{
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)p->n_tokens, (int)(end - begin), (int)p->n_in, 1.0f, p->x,
		    (int)p->n_in, rows, (int)p->n_in, 0.0f, p->y + begin, (int)p->n_out);
}

static void weights_by_panels(void *user, size_t begin, size_t end, int thread)
{
	(void)thread;
	const struct weights_product *p = user;
	if (p->type == TENSOR_F32) {
		multiply_panel(p, (const float *)(const void *)p->weights + begin * p->n_in, begin, end);
		return;
	}
	size_t panel_rows = PANEL_FLOATS / p->n_in;
	for (size_t first = begin; first < end; first += panel_rows) {
		size_t last = end - first < panel_rows ? end : first + panel_rows;
		kernels_unpack(panel, p->type, p->weights, first * p->n_in, (last - first) * p->n_in);
		multiply_panel(p, panel, first, last);
	}
}

void matmul_weights(struct thread_pool *pool, size_t n_tokens, size_t n_out, size_t n_in, const float *x, enum tensor_type type,
		    const void *weights, float *y)
{
	struct weights_product product = {
		.kernels = &kernels_get()->of_type[type],
		.n_tokens = n_tokens,
		.n_out = n_out,
		.n_in = n_in,
		.x = x,
		.type = type,
		.weights = weights,
		.y = y,
	};
	/* Shapes were checked against the type's blocks when the weights were loaded. */
	if (!tensor_row_size(type, n_in, &product.row_bytes))
		return;
	initialise();
	bool fits = type == TENSOR_F32 || n_in <= PANEL_FLOATS;
	bool dots = n_tokens <= FEW_TOKENS || n_in == 0 || !fits;
	thread_pool_run(pool, n_out, ROW_GRAIN, dots ? weights_by_dots : weights_by_panels, &product);
}
