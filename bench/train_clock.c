#include "train_clock.h"

#include "base/clock.h"
#include "ops/ops.h"

const char *const clock_part_names[N_CLOCK_PARTS] = {"linear_forward", "linear_backward", "attention_forward",
						     "attention_backward", "loss_head"};

static _Thread_local double seconds[N_CLOCK_PARTS];

void clock_collect(double sums[N_CLOCK_PARTS])
{
	for (int i = 0; i < N_CLOCK_PARTS; i++) {
		sums[i] += seconds[i];
		seconds[i] = 0;
	}
}

/* The linker's names: calls of f go to __wrap_f, and __real_f is the f of the core. Their types are those of the core. */
__typeof__(projections_forward) __real_projections_forward, __wrap_projections_forward;
__typeof__(projections_backward) __real_projections_backward, __wrap_projections_backward;
__typeof__(attention_forward) __real_attention_forward, __wrap_attention_forward;
__typeof__(attention_backward) __real_attention_backward, __wrap_attention_backward;
__typeof__(loss_head_backward) __real_loss_head_backward, __wrap_loss_head_backward;

void __wrap_projections_forward(struct thread_pool *pool, enum precision precision, const struct projected *all, size_t n,
				const float *x, size_t n_tokens, float *scratch)
{
	double start = clock_seconds();
	__real_projections_forward(pool, precision, all, n, x, n_tokens, scratch);
	seconds[CLOCK_LINEAR_FORWARD] += clock_seconds() - start;
}

void __wrap_projections_backward(enum precision precision, const struct projected *all, size_t n, float *d_x, const float *x,
				 size_t n_tokens, float *scratch)
{
	double start = clock_seconds();
	__real_projections_backward(precision, all, n, d_x, x, n_tokens, scratch);
	seconds[CLOCK_LINEAR_BACKWARD] += clock_seconds() - start;
}

void __wrap_attention_forward(struct thread_pool *pool, enum precision precision, float *out, float *lse, const float *q,
			      const float *k, const float *v, const struct attention_shape *shape, float *scratch)
{
	double start = clock_seconds();
	__real_attention_forward(pool, precision, out, lse, q, k, v, shape, scratch);
	seconds[CLOCK_ATTENTION_FORWARD] += clock_seconds() - start;
}

void __wrap_attention_backward(enum precision precision, float *d_q, float *d_k, float *d_v, const float *d_out, const float *out,
			       const float *lse, const float *q, const float *k, const float *v,
			       const struct attention_shape *shape, float *scratch)
{
	double start = clock_seconds();
	__real_attention_backward(precision, d_q, d_k, d_v, d_out, out, lse, q, k, v, shape, scratch);
	seconds[CLOCK_ATTENTION_BACKWARD] += clock_seconds() - start;
}

void __wrap_loss_head_backward(enum precision precision, float *losses, bool *correct, float *d_x, float *d_w, const float *x,
			       const struct tensor *w, const int32_t *targets, const float *weights,
			       const struct soft_targets *soft, size_t n_rows, float *scratch)
{
	double start = clock_seconds();
	__real_loss_head_backward(precision, losses, correct, d_x, d_w, x, w, targets, weights, soft, n_rows, scratch);
	seconds[CLOCK_HEAD] += clock_seconds() - start;
}
