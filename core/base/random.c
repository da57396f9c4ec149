#include "base/random.h"

#include <math.h>

static uint64_t rotate_left(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

void random_seed(struct random_state *state, uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		seed += 0x9e3779b97f4a7c15u;
		uint64_t z = seed;
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		state->s[i] = z ^ (z >> 31);
	}
}

uint64_t random_next(struct random_state *state)
{
	uint64_t *s = state->s;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint64_t random_below(struct random_state *state, uint64_t n)
{
	/* Values under the threshold would make the first residues more likely. */
	uint64_t threshold = (0 - n) % n;
	uint64_t value;
	do
		value = random_next(state);
	while (value < threshold);
	return value % n;
}

double random_uniform(struct random_state *state)
{
	return (double)(random_next(state) >> 11) * 0x1.0p-53;
}

double random_normal(struct random_state *state)
{
	double u = 1.0 - random_uniform(state);
	double v = random_uniform(state);
	return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}
