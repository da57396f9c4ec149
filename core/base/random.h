/* A seeded generator owned by its caller (xoshiro256**, Blackman and Vigna 2018; seeded by splitmix64). */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

struct random_state {
	uint64_t s[4];
};
void random_seed(struct random_state *state, uint64_t seed);
uint64_t random_next(struct random_state *state);
uint64_t random_below(struct random_state *state, uint64_t n); /* uniform in 0..n-1; n > 0 */
double random_uniform(struct random_state *state);             /* [0, 1) */
double random_normal(struct random_state *state);              /* mean 0, variance 1 */

#endif
