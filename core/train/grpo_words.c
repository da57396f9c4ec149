/*
 * Reinforcement by words: which of a text's words are kept is drawn, as it is chosen in use but for the noise, and each choice is
 * worth what a reader still answers from it. The budget is met by all, so there is nothing to be said for a length.
 */
#include "train/grpo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/rewrite_words.h"
#include "model/answer_entropy.h"
#include "text/keep_prompt.h"
#include "train/kept_words.h"
#include "train/rewards.h"
#include "train/topic.h"

/* QUESTION_TOKENS: around the question about a text. MOST_BYTES of a token: longer texts are not even read. */
enum { LEAST_BUDGET = 8, TRIES = 200, QUESTION_TOKENS = 64, MOST_BYTES = 8 };

/* A text at work. */
struct choice {
	struct topic topic;
	struct rewrite_words words;
	size_t budget;
	double full[TOPIC_MOST]; /* nats a token of each answer, from the full text */
	bool *kept;              /* (n_rollouts, words) */
	double *pulls;           /* (words) */
	float *chances;          /* (tokens): of "+", by the trained adapter */
	int32_t plus, minus;
};

static void choice_free(struct choice *c)
{
	rewrite_words_close(&c->words);
	topic_free(&c->topic);
	free(c->kept);
	free(c->pulls);
	free(c->chances);
	*c = (struct choice){0};
}

/* --- the text ------------------------------------------------------------------------------------------------------- */

/* Do the text read twice, and an answer behind it, fit the model, and the budget be more than a word or two? */
static enum pith_status check_room(bool *suits, struct grpo *g, struct choice *c, struct pith_error *err)
{
	const struct pith_grpo_recipe *recipe = g->recipe;
	size_t n = c->words.document->n_tokens, context = g->model->transformer.h.n_context, most = 0;
	double rate = recipe->rate_min + (recipe->rate_max - recipe->rate_min) * random_uniform(&g->random);
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < c->topic.n; i++) {
		struct token_list ids = {0};
		status = tokenizer_encode(g->model->tokenizer, c->topic.questions[i], strlen(c->topic.questions[i]), &ids, err);
		if (status == PITH_OK)
			status = tokenizer_encode(g->model->tokenizer, c->topic.answers[i], strlen(c->topic.answers[i]), &ids, err);
		most = ids.n > most ? ids.n : most;
		token_list_free(&ids);
	}
	c->budget = (size_t)(rate * (double)n);
	*suits = n <= (size_t)recipe->max_tokens && c->budget >= LEAST_BUDGET && 1 + 2 * n <= context &&
	         n + QUESTION_TOKENS + most <= context;
	return status;
}

static enum pith_status draw_text(struct grpo *g, struct choice *c, struct pith_error *err)
{
	/* What words are worth is asked as in use: by the settings that hold when nobody sets any. */
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	for (int i = 0; i < TRIES; i++) {
		bool suits = false;
		enum pith_status status =
			topic_read(&c->topic, g->data, random_below(&g->random, jsonl_n_lines(g->data)), grpo_question, err);
		size_t most = (size_t)g->recipe->max_tokens * MOST_BYTES;
		if (status == PITH_OK && c->topic.text != NULL && c->topic.length > 0 && c->topic.length <= most)
			status = rewrite_words_open(&c->words, g->model, c->topic.text, c->topic.length, 0, &options, g->control, err);
		if (status == PITH_OK && c->words.document != NULL)
			status = check_room(&suits, g, c, err);
		if (status != PITH_OK || suits)
			return status;
		choice_free(c);
	}
	return fail(err, PITH_BAD_FILE, "%s: hardly any line has a text of up to %d tokens with a question or a \"target\".",
	            g->recipe->data_path, g->recipe->max_tokens);
}

static enum pith_status allocate(struct choice *c, size_t n_choices, struct pith_error *err)
{
	size_t n = c->words.n + 1;
	c->kept = calloc(n_choices * n, sizeof *c->kept);
	c->pulls = calloc(n, sizeof *c->pulls);
	c->chances = calloc(c->words.document->n_tokens + 1, sizeof *c->chances);
	return c->kept != NULL && c->pulls != NULL && c->chances != NULL ? PITH_OK : fail_memory(err, "a choice of words");
}

/* --- what choices are worth ------------------------------------------------------------------------------------------ */

/* The mean of what is left of each answer, 0 to 1. */
static enum pith_status judge(double *reward, struct grpo *g, const struct choice *c, const struct buffer *text,
                              struct pith_error *err)
{
	const struct topic *t = &c->topic;
	enum pith_status status = PITH_OK;
	*reward = 0;
	for (size_t i = 0; status == PITH_OK && i < t->n; i++) {
		double left = 0;
		status = answer_cross_entropy(&left, g->model, text->data, text->length, t->questions[i], t->answers[i],
		                              g->control, err);
		*reward += reward_quality(c->full[i], left) / (double)t->n;
	}
	return status;
}

static enum pith_status count_tokens(size_t *n, const struct grpo *g, const struct buffer *text, struct pith_error *err)
{
	struct token_list ids = {0};
	enum pith_status status = tokenizer_encode(g->model->tokenizer, text->data, text->length, &ids, err);
	*n = ids.n;
	token_list_free(&ids);
	return status;
}

static enum pith_status draw_one(struct grpo *g, struct choice *c, int rollout, struct buffer *text,
                                 struct pith_grpo_report *sum, struct pith_error *err)
{
	size_t n_tokens = 0;
	double all = (double)c->words.document->n_tokens;
	enum pith_status status = rewrite_words_draw(&c->words, c->budget, g->recipe->temperature, &g->random, text, err);
	if (status == PITH_OK)
		status = count_tokens(&n_tokens, g, text, err);
	if (status == PITH_OK)
		status = judge(&g->quality_rewards[rollout], g, c, text, err);
	for (size_t w = 0; w < c->words.n; w++)
		c->kept[(size_t)rollout * c->words.n + w] = c->words.words[w].kept;
	sum->reward_length += 1; /* nobody writes more than was asked for */
	sum->reward_quality += g->quality_rewards[rollout];
	sum->rate += (double)n_tokens / all;
	sum->delta_cr += ((double)n_tokens - (double)c->budget) / all;
	sum->over_budget += n_tokens > c->budget;
	return status;
}

static enum pith_status draw_choices(struct grpo *g, struct choice *c, struct pith_grpo_report *sum, struct pith_error *err)
{
	const struct topic *t = &c->topic;
	size_t n = (size_t)g->recipe->n_rollouts;
	struct buffer text = {0};
	enum pith_status status = allocate(c, n, err);
	for (size_t i = 0; status == PITH_OK && i < t->n; i++)
		status = answer_cross_entropy(&c->full[i], g->model, t->text, t->length, t->questions[i], t->answers[i],
		                              g->control, err);
	for (int i = 0; status == PITH_OK && i < g->recipe->n_rollouts; i++)
		status = draw_one(g, c, i, &text, sum, err);
	buffer_free(&text);
	memset(g->advantages, 0, n * sizeof *g->advantages);
	reward_normalise(g->advantages, g->quality_rewards, n);
	if (status == PITH_OK)
		kept_words_pulls(c->pulls, c->kept, g->advantages, n, c->words.n);
	return status;
}

/* --- learning from them ---------------------------------------------------------------------------------------------- */

/* The chances of "+" behind each token of the text, by this adapter: the losses of the micro-batch, whose targets are "+". */
static enum pith_status ask(float *chances, struct grpo *g, struct adapter *adapter, size_t n, struct pith_error *err)
{
	struct step_losses losses;
	g->worker.adapters[PITH_REWRITE] = adapter;
	enum pith_status status = step_run(&g->worker, false, &losses, err);
	for (size_t i = 0; status == PITH_OK && i < n; i++)
		chances[i] = expf(-g->worker.losses.data[1 + n + i]);
	g->worker.adapters[PITH_REWRITE] = g->adapter;
	return status;
}

/* Targets and weights of the tokens, from the pulls of their words and the distance to the reference. */
static void weigh(struct grpo *g, const struct choice *c, const float *reference, struct pith_grpo_report *sum)
{
	struct microbatch *m = &g->worker.microbatch;
	const struct pith_document *document = c->words.document;
	size_t n = document->n_tokens, word = 0;
	double share = 1.0 / ((double)n * g->recipe->n_inputs);
	for (size_t i = 0; i < n; i++) {
		while (word < c->words.n && c->words.words[word].end <= document->tokens[i].begin)
			word++;
		const struct pith_word *at = &c->words.words[word];
		bool inside = word < c->words.n && at->begin < document->tokens[i].end, plus;
		double slope, distance = kept_words_distance(&slope, (double)c->chances[i], (double)reference[i]);
		double pull = (inside && at->n_tokens > 0 ? c->pulls[word] / (double)at->n_tokens : 0) - g->recipe->kl * slope;
		kept_words_target(&plus, &m->weights[1 + n + i], share * pull, (double)c->chances[i]);
		m->targets[1 + n + i] = plus ? c->plus : c->minus;
		sum->kl += distance * g->recipe->n_rollouts / (double)n; /* which is divided by them again */
	}
}

static enum pith_status learn(struct grpo *g, struct choice *c, struct pith_grpo_report *sum, struct pith_error *err)
{
	struct microbatch *m = &g->worker.microbatch;
	const struct pith_document *document = c->words.document;
	size_t n = document->n_tokens;
	struct token_list prompt = {0};
	struct step_losses losses;
	enum pith_status status = keep_prompt_verdicts(g->model->tokenizer, &c->plus, &c->minus, err);
	microbatch_clear(m);
	if (status == PITH_OK && (!keep_prompt(g->model->tokenizer, document->tokens, n, &prompt) ||
	                          !microbatch_add_tokens(m, prompt.ids, prompt.n, NULL, 0)))
		status = fail_memory(err, "a micro-batch");
	token_list_free(&prompt);
	if (status == PITH_OK)
		status = scratch_reserve(&g->policy, n, "the chances of words", err);
	if (status != PITH_OK)
		return status;
	for (size_t i = 0; i < n; i++)
		m->targets[1 + n + i] = c->plus;
	status = ask(c->chances, g, g->adapter, n, err);
	if (status == PITH_OK)
		status = ask(g->policy.data, g, g->reference, n, err);
	if (status != PITH_OK)
		return status;
	weigh(g, c, g->policy.data, sum);
	return step_run(&g->worker, true, &losses, err);
}

enum pith_status grpo_learn_words(struct grpo *g, struct pith_grpo_report *sum, struct pith_error *err)
{
	struct choice c = {0};
	enum pith_status status = draw_text(g, &c, err);
	if (status == PITH_OK)
		status = draw_choices(g, &c, sum, err);
	if (status == PITH_OK)
		status = learn(g, &c, sum, err);
	choice_free(&c);
	return status;
}
