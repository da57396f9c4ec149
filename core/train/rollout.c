#include "train/rollout.h"

#include <math.h>
#include <stdlib.h>

#include "model/generate.h"
#include "model/session.h"

void rollout_free(struct rollout *rollout)
{
	token_list_free(&rollout->tokens);
	buffer_free(&rollout->text);
	*rollout = (struct rollout){0};
}

/* A token by its probability at this temperature. */
static int32_t draw_token(const float *logits, size_t n_vocab, double temperature, struct random_state *random)
{
	float most = logits[0];
	for (size_t v = 1; v < n_vocab; v++)
		most = logits[v] > most ? logits[v] : most;
	double sum = 0;
	for (size_t v = 0; v < n_vocab; v++)
		sum += exp((double)(logits[v] - most) / temperature);
	double left = random_uniform(random) * sum;
	for (size_t v = 0; v + 1 < n_vocab; v++) {
		left -= exp((double)(logits[v] - most) / temperature);
		if (left < 0)
			return (int32_t)v;
	}
	return (int32_t)n_vocab - 1;
}

static enum pith_status finish_text(struct rollout *rollout, const struct tokenizer *tokenizer, struct pith_error *err)
{
	struct buffer raw = {0};
	bool done = tokenizer_decode(tokenizer, rollout->tokens.ids, rollout->n_text, false, &raw) &&
	            buffer_append(&rollout->text, "", 0) &&
	            (raw.length == 0 || generated_append(&rollout->text, raw.data, raw.length));
	buffer_free(&raw);
	return done ? PITH_OK : fail_memory(err, "a rewrite");
}

/* The prompt's last token is read again by each, as the next token is foretold by the newest read alone. */
static enum pith_status draw_one(struct rollout *rollout, struct session *session, struct pith_model *model,
                                 const struct adapter *adapter, const struct token_list *prompt, size_t max_tokens,
                                 double temperature, struct random_state *random, const struct pith_control *control,
                                 struct pith_error *err)
{
	int32_t eos = tokenizer_eos(model->tokenizer), token = prompt->ids[prompt->n - 1];
	enum pith_status status = PITH_OK;
	session_rewind(session, prompt->n - 1);
	while (status == PITH_OK && rollout->tokens.n < max_tokens && (rollout->tokens.n == 0 || token != eos)) {
		struct session_input input = {
			.ids = &token, .first_position = (int32_t)session_length(session), .n = 1, .adapter = adapter};
		status = session_read(session, &input, control, err);
		const float *logits = status == PITH_OK ? session_logits(session, 0) : NULL;
		if (status == PITH_OK && logits == NULL)
			status = fail_memory(err, "the logits");
		if (status != PITH_OK)
			break;
		token = draw_token(logits, model->transformer.h.n_vocab, temperature, random);
		if (!token_list_append(&rollout->tokens, token))
			status = fail_memory(err, "a rewrite");
		rollout->n_text += token != eos;
	}
	return status == PITH_OK ? finish_text(rollout, model->tokenizer, err) : status;
}

enum pith_status rollouts_draw(struct rollout *rollouts, size_t n, struct pith_model *model, const struct adapter *adapter,
                               const struct token_list *prompt, size_t max_tokens, double temperature,
                               struct random_state *random, const struct pith_control *control, struct pith_error *err)
{
	struct session *session;
	enum pith_status status = session_create(&session, &model->transformer, model->pool, prompt->n + max_tokens, err);
	struct session_input input = {.ids = prompt->ids, .n = prompt->n, .adapter = adapter};
	if (status == PITH_OK)
		status = session_read(session, &input, control, err);
	for (size_t i = 0; status == PITH_OK && i < n; i++)
		status = draw_one(&rollouts[i], session, model, adapter, prompt, max_tokens, temperature, random, control, err);
	session_destroy(session);
	return status;
}

/* What the reader reads of a rollout: the prompt, or its last token behind the first one's, then all tokens but the last. */
static bool add_rollout(struct microbatch *m, const struct rollout *rollout, const struct token_list *prompt, bool first,
                        size_t *row)
{
	static const size_t owner = 0;
	struct token_list ids = {0};
	size_t begin = first ? 0 : prompt->n - 1;
	bool done = token_list_append_all(&ids, prompt->ids + begin, prompt->n - begin) &&
	            (rollout->tokens.n < 2 || token_list_append_all(&ids, rollout->tokens.ids, rollout->tokens.n - 1)) &&
	            microbatch_add_tokens(m, ids.ids, ids.n, first ? NULL : &owner, begin);
	if (done) {
		*row = m->reader.batch.n_tokens - rollout->tokens.n;
		for (size_t i = 0; i < rollout->tokens.n; i++)
			m->targets[*row + i] = rollout->tokens.ids[i];
	}
	token_list_free(&ids);
	return done;
}

enum pith_status rollouts_pack(struct microbatch *m, size_t *rows, const struct rollout *rollouts, size_t n,
                               const struct token_list *prompt, struct pith_error *err)
{
	microbatch_clear(m);
	for (size_t i = 0; i < n; i++)
		if (!add_rollout(m, &rollouts[i], prompt, i == 0, &rows[i]))
			return fail_memory(err, "a micro-batch");
	return PITH_OK;
}
