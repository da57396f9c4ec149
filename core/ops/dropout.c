/* Dropout: numbers are dropped by a mask that a seed gives, so that backward finds the same one without keeping it. */
#include "ops/ops.h"

/* 64 mixed bits (splitmix64's finaliser, Steele et al. 2014). */
static uint64_t mix(uint64_t z)
{
	z += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void dropout_forward(float *x, size_t n, struct dropout dropout)
{
	/* Four numbers share a word of 64 random bits; a rate is met to 1/65536. */
	const uint64_t bound = (uint64_t)((double)dropout.rate * 65536.0);
	if (bound == 0)
		return;
	const float scale = 65536.0f / (float)(65536 - bound);
	const uint64_t key = mix(dropout.seed);
	for (size_t i = 0; i < n; i += 4) {
		uint64_t bits = mix(key + i);
		for (size_t j = i; j < n && j < i + 4; j++, bits >>= 16)
			x[j] *= (bits & 0xffff) < bound ? 0.0f : scale;
	}
}

void dropout_backward(float *d_x, size_t n, struct dropout dropout)
{
	dropout_forward(d_x, n, dropout);
}
