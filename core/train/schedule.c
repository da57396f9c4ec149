#include "train/schedule.h"

#include <math.h>

double schedule_learning_rate(const struct pith_recipe *recipe, int step)
{
	double top = recipe->learning_rate, bottom = recipe->min_learning_rate;
	if (step < recipe->warmup_steps)
		return top * (step + 1) / recipe->warmup_steps;
	int left = recipe->n_steps - step;
	if (left < recipe->decay_steps)
		return bottom + (top - bottom) * left / recipe->decay_steps;
	return top;
}

static int longest_text(const struct pith_recipe *recipe)
{
	int longest = 1;
	for (size_t i = 0; i < recipe->n_tasks; i++)
		longest = recipe->tasks[i].max_tokens > longest ? recipe->tasks[i].max_tokens : longest;
	return longest;
}

/* From a at share 0 to b at share 1, evenly in the logarithm. */
static double between(double a, double b, double share)
{
	return a * pow(b / a, share);
}

struct sampling schedule_sampling(const struct pith_recipe *recipe, int step)
{
	double share = recipe->curriculum_steps > 0 ? (double)step / recipe->curriculum_steps : 1;
	share = share > 1 ? 1 : share;
	int longest = longest_text(recipe);
	int start = recipe->length_start > 0 && recipe->length_start < longest ? recipe->length_start : longest;
	return (struct sampling){
		.length = (int)lround(between(start, longest, share)),
		.k_ratio_min = between(recipe->k_ratio_min_start, recipe->k_ratio_min, share),
		.k_ratio_max = between(recipe->k_ratio_max_start, recipe->k_ratio_max, share),
		.n_memory = (size_t)recipe->max_memory_tokens,
		.n_tokens = (size_t)recipe->batch_tokens,
	};
}
