#include "model/answer_entropy.h"

#include <stdlib.h>
#include <string.h>

#include "model/reading.h"
#include "model/session.h"
#include "text/answer_prompt.h"

/* Prompt, answer and the end token. *first: the row that foretells the answer's first token. */
static enum pith_status write_tokens(struct token_list *ids, size_t *first, struct pith_model *model, const char *text,
                                     size_t length, const char *question, const char *answer, struct pith_error *err)
{
	enum pith_status status = reading_prompt(ids, model, text, length, question, err);
	*first = ids->n - 1;
	if (status == PITH_OK)
		status = answer_prompt_reply(model->tokenizer, false, answer, ids, err);
	if (status == PITH_OK && !token_list_append(ids, tokenizer_eos(model->tokenizer)))
		status = fail_memory(err, "an answer");
	return status;
}

static enum pith_status mean_loss(double *nats, struct session *session, const struct token_list *ids, size_t first,
                                  struct pith_error *err)
{
	size_t n = ids->n - 1 - first;
	float *losses = calloc(n, sizeof *losses);
	if (losses == NULL)
		return fail_memory(err, "the losses of an answer");
	enum pith_status status = session_losses(session, first, ids->ids + first + 1, n, losses, err);
	for (size_t i = 0; i < n; i++)
		*nats += (double)losses[i] / (double)n;
	free(losses);
	return status;
}

enum pith_status answer_cross_entropy(double *nats, struct pith_model *model, const char *text, size_t length,
                                      const char *question, const char *answer, const struct pith_control *control,
                                      struct pith_error *err)
{
	struct token_list ids = {0};
	struct session *session = NULL;
	size_t first = 0;
	*nats = 0;
	enum pith_status status = write_tokens(&ids, &first, model, text, length, question, answer, err);
	if (status == PITH_OK && ids.n > model->transformer.h.n_context)
		status = fail(err, PITH_TOO_LONG,
		              "The text, the question and the answer have %zu tokens; the context of %s is %zu.", ids.n,
		              model->info.name, model->transformer.h.n_context);
	if (status == PITH_OK)
		status = session_create(&session, &model->transformer, model->pool, ids.n, err);
	struct session_input input = {.ids = ids.ids, .n = ids.n, .adapter = reading_adapter(model)};
	if (status == PITH_OK)
		status = session_read(session, &input, control, err);
	if (status == PITH_OK)
		status = mean_loss(nats, session, &ids, first, err);
	session_destroy(session);
	token_list_free(&ids);
	return status;
}
