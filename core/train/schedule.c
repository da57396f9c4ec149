#include "train/schedule.h"

#include <math.h>

#include "text/evidence.h"
#include "train/sample.h"

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

/* Of the texts that memory rows are made of and given back from. */
static int longest_text(const struct pith_recipe *recipe)
{
	int longest = 1;
	for (size_t i = 0; i < recipe->n_tasks; i++)
		if (objective_has_memory(recipe->tasks[i].objective) && recipe->tasks[i].max_tokens > longest)
			longest = recipe->tasks[i].max_tokens;
	return longest;
}

/* From a at share 0 to b at share 1, evenly in the logarithm. */
static double between(double a, double b, double share)
{
	return a * pow(b / a, share);
}

static int shortest_text(const struct pith_recipe *recipe)
{
	int longest = longest_text(recipe);
	return recipe->length_start > 0 && recipe->length_start < longest ? recipe->length_start : longest;
}

struct curriculum curriculum_begin(const struct pith_recipe *recipe)
{
	return (struct curriculum){.length = shortest_text(recipe), .loss = NAN};
}

void curriculum_advance(struct curriculum *curriculum, const struct pith_recipe *recipe, int step, double loss)
{
	/* A mean over about 20 steps; a longer text starts it again from a value above the bound, so that growth is gradual. */
	const double keep = 0.95, growth = 1.2, restart = 1.3;
	double start = shortest_text(recipe), end = longest_text(recipe);
	if (!isnan(loss))
		curriculum->loss = isnan(curriculum->loss) ? loss : keep * curriculum->loss + (1 - keep) * loss;
	if (recipe->curriculum_loss > 0) {
		if (!(curriculum->loss < recipe->curriculum_loss))
			return;
		curriculum->length = fmin(curriculum->length * growth, end);
		curriculum->loss = recipe->curriculum_loss * restart;
		return;
	}
	double share = recipe->curriculum_steps > 0 ? (double)(step + 1) / recipe->curriculum_steps : 1;
	curriculum->length = between(start, end, share > 1 ? 1 : share);
}

struct sampling schedule_sampling(const struct pith_recipe *recipe, const struct curriculum *curriculum)
{
	double start = shortest_text(recipe), end = longest_text(recipe);
	double share = end > start ? log(curriculum->length / start) / log(end / start) : 1;
	return (struct sampling){
		.length = (int)lround(curriculum->length),
		.k_ratio_min = between(recipe->k_ratio_min_start, recipe->k_ratio_min, share),
		.k_ratio_max = between(recipe->k_ratio_max_start, recipe->k_ratio_max, share),
		.reader_noise = recipe->reader_noise,
		.question_noise = recipe->question_noise,
		.evidence_least = (size_t)recipe->evidence_tokens * EVIDENCE_BYTES_PER_TOKEN / 2,
		.evidence_most = (size_t)recipe->evidence_tokens * EVIDENCE_BYTES_PER_TOKEN,
		.renamed = recipe->renamed,
		.distillation = recipe->distillation,
		.n_memory = (size_t)recipe->max_memory_tokens,
		.n_tokens = (size_t)recipe->batch_tokens,
	};
}

struct sampling schedule_final_sampling(const struct pith_recipe *recipe)
{
	struct curriculum end = {.length = longest_text(recipe), .loss = NAN};
	struct sampling sampling = schedule_sampling(recipe, &end);
	sampling.reader_noise = sampling.question_noise = sampling.renamed = sampling.distillation = 0;
	sampling.evidence_least = sampling.evidence_most;
	return sampling;
}
