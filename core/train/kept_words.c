#include "train/kept_words.h"

#include <math.h>

void kept_words_pulls(double *pulls, const bool *kept, const double *advantages, size_t n_choices, size_t n_words)
{
	double mean = 0;
	for (size_t i = 0; i < n_choices; i++)
		mean += advantages[i] / (double)n_choices;
	for (size_t w = 0; w < n_words; w++) {
		pulls[w] = 0;
		bool same = true;
		for (size_t i = 0; i < n_choices; i++) {
			pulls[w] += kept[i * n_words + w] ? (advantages[i] - mean) / (double)n_choices : 0;
			same &= kept[i * n_words + w] == kept[w];
		}
		if (same)
			pulls[w] = 0; /* not what rounding left of the sum */
	}
}

static double within(double chance)
{
	static const double least = 1e-6;
	return fmin(fmax(chance, least), 1 - least);
}

double kept_words_distance(double *slope, double p, double q)
{
	p = within(p);
	q = within(q);
	*slope = p * (1 - p) * (log(p / (1 - p)) - log(q / (1 - q)));
	return p * log(p / q) + (1 - p) * log((1 - p) / (1 - q));
}

void kept_words_target(bool *plus, float *weight, double pull, double chance)
{
	chance = within(chance);
	*plus = chance < 0.5;
	*weight = (float)(*plus ? pull / (1 - chance) : -pull / chance);
}
