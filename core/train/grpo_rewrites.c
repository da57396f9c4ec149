/*
 * Reinforcement by rewrites: drawn token by token behind the length prompt, each worth its length and what it still says.
 */
#include "train/grpo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/answer_entropy.h"
#include "model/generate.h"
#include "text/length_prompt.h"
#include "train/rewards.h"

/* QUESTION_TOKENS: around the question about a text, whatever the vocabulary. */
enum { LEAST_ASKED = 4, TRIES = 200, QUESTION_TOKENS = 64 };

/* A text, what a person wrote about it, and how long its rewrites may be. */
struct input {
	struct jsonl_record *record;
	const char *text, *target;
	size_t length, n_tokens, asked;
	struct token_list prompt;
};

/* Tokens that a rewrite may take. */
static size_t most_written(const struct input *input)
{
	return input->asked + input->asked / 4 + 16;
}

static void input_free(struct input *input)
{
	jsonl_record_free(input->record);
	token_list_free(&input->prompt);
	*input = (struct input){0};
}

/* --- inputs --------------------------------------------------------------------------------------------------------- */

/* Reads a line; *suits false: it has no text with a target, or one that is too long. */
static enum pith_status read_input(struct grpo *g, struct input *input, size_t line, bool *suits, struct pith_error *err)
{
	const struct pith_grpo_recipe *recipe = g->recipe;
	struct token_list ids = {0};
	*suits = false;
	enum pith_status status = jsonl_read(&input->record, g->data, line, err);
	if (status != PITH_OK)
		return status;
	input->text = jsonl_string(input->record, "text", &input->length);
	input->target = jsonl_string(input->record, "target", NULL);
	if (input->target == NULL)
		input->target = jsonl_string(input->record, "title", NULL);
	if (input->text == NULL || input->target == NULL || input->target[0] == '\0')
		return PITH_OK;
	status = tokenizer_encode(g->model->tokenizer, input->text, input->length, &ids, err);
	input->n_tokens = ids.n;
	token_list_free(&ids);
	double rate = recipe->rate_min + (recipe->rate_max - recipe->rate_min) * random_uniform(&g->random);
	input->asked = (size_t)(rate * (double)input->n_tokens);
	if (status != PITH_OK || input->n_tokens > (size_t)recipe->max_tokens || input->asked < LEAST_ASKED)
		return status;
	status = length_prompt(g->model->tokenizer, input->text, input->length, input->asked, &input->prompt, err);
	ids = (struct token_list){0};
	if (status == PITH_OK)
		status = tokenizer_encode(g->model->tokenizer, input->target, strlen(input->target), &ids, err);
	size_t context = g->model->transformer.h.n_context;
	*suits = input->prompt.n + most_written(input) <= context && input->n_tokens + QUESTION_TOKENS + ids.n <= context;
	token_list_free(&ids);
	return status;
}

static enum pith_status draw_input(struct grpo *g, struct input *input, struct pith_error *err)
{
	for (int i = 0; i < TRIES; i++) {
		bool suits;
		enum pith_status status = read_input(g, input, random_below(&g->random, jsonl_n_lines(g->data)), &suits, err);
		if (status != PITH_OK || suits)
			return status;
		input_free(input);
	}
	return fail(err, PITH_BAD_FILE, "%s: hardly any line has a \"text\" of up to %d tokens and a \"target\" or \"title\".",
	            g->recipe->data_path, g->recipe->max_tokens);
}

/* --- rewards -------------------------------------------------------------------------------------------------------- */

/* Rewards of the rollouts, and from them their advantages. */
static enum pith_status judge(struct grpo *g, const struct input *input, struct pith_grpo_report *sum, struct pith_error *err)
{
	const struct pith_grpo_recipe *recipe = g->recipe;
	size_t n = (size_t)recipe->n_rollouts;
	double target_rate = (double)input->asked / (double)input->n_tokens, full = 0;
	enum pith_status status =
		answer_cross_entropy(&full, g->model, input->text, input->length, grpo_question, input->target, g->control, err);
	for (size_t i = 0; status == PITH_OK && i < n; i++) {
		const struct rollout *r = &g->rollouts[i];
		double rate = (double)r->n_text / (double)input->n_tokens, left = 0;
		status = answer_cross_entropy(&left, g->model, r->text.data, r->text.length, grpo_question, input->target, g->control,
		                              err);
		bool hacked = reward_hacked(input->text, input->length, r->text.data, r->text.length);
		g->length_rewards[i] = reward_length(rate, target_rate, recipe->two_sided);
		g->quality_rewards[i] = reward_quality(full, left) * (hacked ? 0.5 : 1);
		sum->reward_length += g->length_rewards[i];
		sum->reward_quality += g->quality_rewards[i];
		sum->rate += rate;
		sum->delta_cr += rate - target_rate;
		sum->over_budget += r->n_text > input->asked;
		sum->hacked += hacked;
	}
	memset(g->advantages, 0, n * sizeof *g->advantages);
	if (recipe->length_reward)
		reward_normalise(g->advantages, g->length_rewards, n);
	if (recipe->quality_reward)
		reward_normalise(g->advantages, g->quality_rewards, n);
	return status;
}

/* --- the step ------------------------------------------------------------------------------------------------------- */

/*
 * Weights of the rewrites' tokens in the sum of losses -log p: the advantage, and what the k3 estimator of the distance to the
 * reference gives, kl (p_ref / p - 1). Each rewrite counts as much as the others, however long it is.
 */
static void weigh(struct grpo *g, struct pith_grpo_report *sum)
{
	const struct pith_grpo_recipe *recipe = g->recipe;
	struct microbatch *m = &g->worker.microbatch;
	const float *reference = g->worker.losses.data, *policy = g->policy.data;
	for (int i = 0; i < recipe->n_rollouts; i++) {
		size_t n = g->rollouts[i].tokens.n;
		double share = 1.0 / ((double)n * recipe->n_rollouts * recipe->n_inputs);
		for (size_t row = g->rows[i]; row < g->rows[i] + n; row++) {
			double difference = fmin((double)policy[row] - (double)reference[row], 5); /* log p_ref - log p */
			double ratio = exp(difference);
			m->weights[row] = (float)(share * (g->advantages[i] + recipe->kl * (ratio - 1)));
			sum->kl += (ratio - difference - 1) / (double)n;
		}
	}
}

/* Adds the gradients of one input's rollouts. */
static enum pith_status learn(struct grpo *g, const struct input *input, struct pith_grpo_report *sum, struct pith_error *err)
{
	struct step_worker *w = &g->worker;
	struct step_losses losses;
	enum pith_status status =
		rollouts_pack(&w->microbatch, g->rows, g->rollouts, (size_t)g->recipe->n_rollouts, &input->prompt, err);
	size_t n = w->microbatch.reader.batch.n_tokens;
	w->adapters[PITH_REWRITE] = g->adapter;
	if (status == PITH_OK)
		status = scratch_reserve(&g->policy, n, "the losses", err);
	if (status == PITH_OK)
		status = step_run(w, false, &losses, err);
	if (status == PITH_OK)
		memcpy(g->policy.data, w->losses.data, n * sizeof(float));
	w->adapters[PITH_REWRITE] = g->reference;
	if (status == PITH_OK)
		status = step_run(w, false, &losses, err);
	w->adapters[PITH_REWRITE] = g->adapter;
	if (status != PITH_OK)
		return status;
	weigh(g, sum);
	return step_run(w, true, &losses, err);
}

static void forget_rollouts(struct grpo *g)
{
	for (int i = 0; i < g->recipe->n_rollouts; i++)
		rollout_free(&g->rollouts[i]);
}

enum pith_status grpo_learn_rewrites(struct grpo *g, struct pith_grpo_report *sum, struct pith_error *err)
{
	struct input input = {0};
	enum pith_status status = draw_input(g, &input, err);
	if (status == PITH_OK)
		status = rollouts_draw(g->rollouts, (size_t)g->recipe->n_rollouts, g->model, g->adapter, &input.prompt, most_written(&input),
		                       g->recipe->temperature, &g->random, g->control, err);
	if (status == PITH_OK)
		status = judge(g, &input, sum, err);
	if (status == PITH_OK)
		status = learn(g, &input, sum, err);
	forget_rollouts(g);
	input_free(&input);
	return status;
}
