#include "compress/local_writer.h"

#include "model/generate.h"

size_t local_writer_limit(size_t n_tokens)
{
	return n_tokens + n_tokens / 4 + 16;
}

static enum pith_status speak(struct pith_model *model, struct session *session, const struct adapter *adapter,
                              const struct token_list *prompt, size_t max_tokens, struct rewrite_answer *answer,
                              const struct pith_control *control, struct pith_error *err)
{
	/* A small model that was trained to rewrite repeats itself, which no shorter text should; instruct models are left alone. */
	enum { NO_REPEAT = 4 };
	struct session_input input = {.ids = prompt->ids, .n = prompt->n, .adapter = adapter};
	struct generation g = {.session = session, .tokenizer = model->tokenizer, .adapter = adapter, .last_row = prompt->n - 1,
	                       .position = (int32_t)prompt->n, .max_tokens = max_tokens,
	                       .no_repeat = adapter == NULL ? 0 : NO_REPEAT, .what = "rewriting"};
	struct buffer raw = {0};
	enum pith_stop stop = PITH_STOP_END;
	size_t n_tokens;
	session_set_precision(session, PRECISION_BF16);
	enum pith_status status = session_read(session, &input, control, err);
	if (status == PITH_OK)
		status = generate(&g, &raw, &n_tokens, &stop, NULL, control, err);
	if (status == PITH_OK && raw.length > 0 && !generated_append(&answer->text, raw.data, raw.length))
		status = fail_memory(err, "the rewrite");
	answer->looped = stop == PITH_STOP_LOOP;
	answer->cut = stop == PITH_STOP_LIMIT;
	buffer_free(&raw);
	return status;
}

enum pith_status local_writer_speak(struct pith_model *model, const struct adapter *adapter, const struct token_list *prompt,
                                    size_t max_tokens, struct rewrite_answer *answer, const struct pith_control *control,
                                    struct pith_error *err)
{
	struct session *session = NULL;
	if (prompt->n + max_tokens > model->transformer.h.n_context)
		return fail(err, PITH_TOO_LONG, "A chunk and its rewrite do not fit the context of %s, %zu tokens.",
		            model->info.name, model->transformer.h.n_context);
	enum pith_status status = session_create(&session, &model->transformer, model->pool, prompt->n + max_tokens, err);
	if (status == PITH_OK)
		status = speak(model, session, adapter, prompt, max_tokens, answer, control, err);
	session_destroy(session);
	return status;
}
