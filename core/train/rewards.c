#include "train/rewards.h"

#include <math.h>

#include "text/signatures.h"

double reward_length(double rate, double target_rate, bool two_sided)
{
	double over = rate - target_rate;
	return 1 - (two_sided ? fabs(over) : fmax(0, over));
}

double reward_quality(double entropy_full, double entropy_rewrite)
{
	return exp(fmin(0, entropy_full - entropy_rewrite));
}

static double white_share(const char *text, size_t length)
{
	size_t n = 0;
	for (size_t i = 0; i < length; i++)
		n += text[i] == ' ' || text[i] == '\n' || text[i] == '\t';
	return length == 0 ? 0 : (double)n / (double)length;
}

bool reward_hacked(const char *text, size_t length, const char *rewrite, size_t rewrite_length)
{
	enum { LEAST_GLUED = 15 };
	if (rewrite_length == 0)
		return true;
	double share = white_share(rewrite, rewrite_length);
	bool glued = rewrite_length >= LEAST_GLUED && share < 0.08 && share < white_share(text, length);
	return glued || (sign_loop(rewrite, rewrite_length) && !sign_loop(text, length));
}

void reward_normalise(double *advantages, const double *rewards, size_t n)
{
	double mean = 0, squares = 0;
	for (size_t i = 0; i < n; i++)
		mean += rewards[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (rewards[i] - mean) * (rewards[i] - mean) / (double)n;
	double deviation = fmax(sqrt(squares), 0.01);
	for (size_t i = 0; i < n; i++)
		advantages[i] += (rewards[i] - mean) / deviation;
}
