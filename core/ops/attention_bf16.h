/*
 * Attention on bf16 tiles, on machines that have them. Arguments as in
 * attention_forward and attention_backward (ops.h); forward of the key/value
 * heads kv_begin .. kv_end - 1 and of the queries' heads that share them.
 */
#ifndef OPS_ATTENTION_BF16_H
#define OPS_ATTENTION_BF16_H

#include "ops/ops.h"

size_t attention_bf16_scratch_size(const struct attention_shape *shape);
void attention_bf16_forward(float *out, float *lse, const float *q, const float *k, const float *v,
                            const struct attention_shape *shape, size_t kv_begin, size_t kv_end, float *scratch);
void attention_bf16_backward(float *d_q, float *d_k, float *d_v, const float *d_out, const float *out, const float *lse,
                             const float *q, const float *k, const float *v, const struct attention_shape *shape, float *scratch);

#endif
