/*
 * Leaf arithmetic on arrays: the only SIMD of the program, beside matmul.h.
 *
 * kernels_ref.c, and weights_ref.c for rows of packed weights, define in plain
 * C what is right. kernels_vector.c and weights_vector.c, compiled once per
 * instruction set, override what is faster. kernels_get() chooses by CPUID
 * feature bits at the first call; PITH_CPU=ref|avx2|avx512|neon in the
 * environment forces a level (an impossible one is ignored here, and told by
 * pith_cpu_check()).
 *
 * No kernel allocates or fails. Arrays need no alignment. n may be 0.
 */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/tensor.h"

/* Step of AdamW (Loshchilov and Hutter 2019), bias corrections already in the numbers. */
struct adamw_step {
	float learning_rate; /* of this step */
	float beta1, beta2;
	float correction1; /* 1 / (1 - beta1^t) */
	float correction2; /* 1 / (1 - beta2^t) */
	float epsilon;
	float weight_decay;   /* decoupled, times learning_rate */
	float gradient_scale; /* the clipping factor */
};

/* Kernels that read a row of weights of one type: n numbers in whole blocks, aligned as the type's scales are. */
struct kernels_of_type {
	/* The dot product with x (n); accumulated in float, in any order. */
	float (*dot)(const void *w, const float *x, size_t n);
	/* The row as floats: out (n). All levels give the same bits. */
	void (*row)(float *out, const void *w, size_t n);
};

/* Every type, and the stem of its kernels' names in weights_ref.c and weights_vector.c. */
#define KERNELS_EACH_TYPE(X) \
	X(F32, f32) X(F16, f16) X(BF16, bf16) X(Q8_0, q8_0) X(Q4_0, q4_0) X(Q4_1, q4_1) X(Q5_0, q5_0) X(Q5_1, q5_1) \
	X(Q2_K, q2_k) X(Q3_K, q3_k) X(Q4_K, q4_k) X(Q5_K, q5_k) X(Q6_K, q6_k)

struct kernels {
	const char *name;

	struct kernels_of_type of_type[TENSOR_N_NUMBERS]; /* by tensor_type; NULL where there is no such type */

	float (*dot_f32)(const float *a, const float *b, size_t n); /* accumulated in float, in any order */
	void (*axpy)(float *y, float a, const float *x, size_t n); /* y += a x */
	void (*add)(float *y, const float *x, size_t n);           /* y += x */
	void (*scale)(float *y, float a, size_t n);                /* y *= a */
	void (*multiply_shifted)(float *y, const float *x, float shift, size_t n); /* y = x (y - shift), a softmax's backward */
	float (*sum_squares)(const float *x, size_t n);
	float (*maximum)(const float *x, size_t n); /* n > 0 */

	/* x = exp(x - shift), returns the sum. Relative error below 1e-6; arguments below -87 give 0. */
	float (*exp_sum)(float *x, float shift, size_t n);

	/* SwiGLU: out = silu(gate) * up, silu(z) = z / (1 + exp(-z)). */
	void (*silu_multiply)(float *out, const float *gate, const float *up, size_t n);
	/* Its derivative: d_gate and d_up are assigned from d_out. d_gate may alias gate, d_up may alias up. */
	void (*silu_multiply_backward)(float *d_gate, float *d_up, const float *gate, const float *up, const float *d_out,
				       size_t n);

	/* One AdamW step on n parameters: w, m, v updated from gradient g. */
	void (*adamw)(float *w, float *m, float *v, const float *g, const struct adamw_step *step, size_t n);
};

const struct kernels *kernels_get(void);

/* out (n) = the numbers first .. first + n - 1 of a tensor's data; both are multiples of its type's block (tensor_row_size). */
void kernels_unpack(float *out, enum tensor_type type, const void *data, size_t first, size_t n);

/* For tests: the tables of every level that this machine can run, reference first. */
size_t kernels_available(const struct kernels **tables, size_t capacity);

/*
 * The levels; each fills in only what it does better than what table already
 * holds: of_type the second of each pair, all else the first.
 */
void kernels_init_ref(struct kernels *table);
void kernels_init_weights_ref(struct kernels *table);
#if defined(__x86_64__)
void kernels_init_avx2(struct kernels *table);
void kernels_init_weights_avx2(struct kernels *table);
void kernels_init_avx512(struct kernels *table);
void kernels_init_weights_avx512(struct kernels *table);
#elif defined(__aarch64__)
void kernels_init_neon(struct kernels *table);
void kernels_init_weights_neon(struct kernels *table);
#endif

#endif
