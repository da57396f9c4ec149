/*
 * Speaking again: regeneration span by span, answers from text or from memory rows. What memory tokens hold is read by the reader
 * of their adapter, a text that is asked about by the base with its reading adapter; by the base alone where there is none.
 */
#include "pith/expand.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "compress/document.h"
#include "model/answer_choice.h"
#include "model/generate.h"
#include "model/reading.h"
#include "text/answer_prompt.h"
#include "text/evidence.h"

enum { DEFAULT_ANSWER_TOKENS = 48 };

const char *pith_stop_sentence(enum pith_stop stop)
{
	switch (stop) {
	case PITH_STOP_END: return "";
	case PITH_STOP_LIMIT: return "Cut off at the token limit.";
	case PITH_STOP_LOOP: return "Stopped: the output began to repeat itself.";
	case PITH_STOP_EMPTY: return "The model gave no text.";
	}
	return "";
}

void pith_generated_free(struct pith_generated *generated)
{
	free(generated->text);
	*generated = (struct pith_generated){0};
}

/* Appends the raw bytes of one generation to the result's text, as they were streamed. */
static enum pith_status add_text(struct pith_generated *out, const struct buffer *raw, struct pith_error *err)
{
	struct buffer text = {.data = out->text, .length = out->length, .capacity = out->text == NULL ? 0 : out->length + 1};
	bool done = generated_append(&text, raw->data, raw->length);
	out->text = text.data;
	out->length = text.length;
	return done ? PITH_OK : fail_memory(err, "the text");
}

/* A failed call leaves nothing to be freed. */
static void drop_text(struct pith_generated *out)
{
	free(out->text);
	out->text = NULL;
	out->length = 0;
}

/* Reads a prompt behind what the session holds and generates; adapter NULL: by the base alone. */
static enum pith_status speak(struct pith_generated *out, struct buffer *raw, struct pith_model *model, struct session *session,
                              const struct adapter *adapter, const struct token_list *prompt, int32_t position,
                              size_t max_tokens, const struct generation *progress, const struct pith_control *control,
                              struct pith_error *err)
{
	double began = clock_seconds(), first = 0;
	if (prompt->n == 0)
		return fail(err, PITH_BAD_ARGUMENT, "The vocabulary of %s has no token for any byte of the question.",
			    model->path);
	struct session_input input = {.ids = prompt->ids,
	                              .first_position = position,
	                              .n = prompt->n,
	                              .adapter = adapter,
	                              .what = prompt->n > 64 ? "reading" : NULL};
	session_set_precision(session, PRECISION_BF16);
	enum pith_status status = session_read(session, &input, control, err);
	if (status != PITH_OK)
		return status;
	out->n_prompt_tokens += session_length(session);
	struct generation g = {
		.session = session,
		.tokenizer = model->tokenizer,
		.adapter = adapter,
		.last_row = prompt->n - 1,
		.begins = progress->begins,
		.position = position + (int32_t)prompt->n,
		.max_tokens = max_tokens,
		.what = progress->what,
		.progress_done = progress->progress_done,
		.progress_total = progress->progress_total,
	};
	double read = clock_seconds() - began;
	size_t n_tokens = 0;
	status = generate(&g, raw, &n_tokens, &out->stop, &first, control, err);
	if (out->n_tokens == 0)
		out->first_token_seconds = read + first;
	out->n_tokens += n_tokens;
	return status;
}

/* --- regeneration --------------------------------------------------------------------------------------- */

/* A copy, which streams in one piece. */
static enum pith_status copy_generated(struct pith_generated *out, const struct pith_generated *from,
                                       const struct pith_control *control, struct pith_error *err)
{
	char *text = malloc(from->length + 1);
	if (text == NULL)
		return fail_memory(err, "the text");
	if (from->length > 0)
		memcpy(text, from->text, from->length);
	text[from->length] = '\0';
	*out = *from;
	out->text = text;
	if (from->length > 0 && control != NULL && control->text != NULL)
		control->text(control->user, text, from->length);
	return PITH_OK;
}

static enum pith_status regenerate_span(struct pith_generated *out, struct buffer *raw, struct pith_model *model,
                                        const struct rows *rows, const struct adapter *reader, size_t span, size_t first_row,
                                        size_t max_tokens, const struct generation *progress, const struct pith_control *control,
                                        struct pith_error *err)
{
	const struct hyperparams *h = &model->transformer.h;
	size_t k = rows->spans[span].n_rows;
	int32_t bos = tokenizer_bos(model->tokenizer);
	struct token_list prompt = {.ids = &bos, .n = 1};
	struct session *session;
	enum pith_status status = session_create(&session, &model->transformer, model->pool, k + 1 + max_tokens, err);
	if (status != PITH_OK)
		return status;
	status = rows_attach(rows, first_row, k, session, h, err);
	if (status == PITH_OK)
		status = speak(out, raw, model, session, reader, &prompt, rows_read_position(rows, PITH_REGENERATE),
			       max_tokens, progress, control, err);
	session_destroy(session);
	return status;
}

enum pith_status pith_regenerate(struct pith_generated *out, struct pith_model *model, const struct pith_compressed *compressed,
                                 size_t max_tokens, const struct pith_control *control, struct pith_error *err)
{
	*out = (struct pith_generated){0};
	if (!compressed->info.has_purpose[PITH_REGENERATE])
		return fail(err, PITH_BAD_ARGUMENT, "There are no memory rows for regeneration in this compressed form.");
	enum pith_status status = compressed_check_model(compressed, model, "The compressed form", err);
	if (status == PITH_OK && max_tokens == 0 && compressed->regenerated != NULL)
		return copy_generated(out, compressed->regenerated, control, err);
	const struct rows *rows = &compressed->rows[PITH_REGENERATE];
	const struct adapter *reader = status == PITH_OK ? compressed_reader(compressed, model, PITH_REGENERATE) : NULL;
	struct buffer raw = {0};
	double began = clock_seconds();
	enum pith_stop worst = PITH_STOP_END;
	size_t row = 0, done = 0;
	for (size_t s = 0; status == PITH_OK && s < rows->n_spans; s++) {
		size_t limit = rows_span_limit(&model->transformer.h, rows->spans[s].n_tokens);
		if (max_tokens > 0)
			limit = max_tokens - out->n_tokens < limit ? max_tokens - out->n_tokens : limit;
		if (limit == 0) {
			worst = PITH_STOP_LIMIT;
			break;
		}
		/* Only the first span begins the document: a space before another's first word is its own. */
		struct generation progress = {.what = "regenerating",
					      .begins = s == 0,
					      .progress_done = (double)done,
					      .progress_total = (double)rows_n_tokens(rows)};
		buffer_clear(&raw);
		status = regenerate_span(out, &raw, model, rows, reader, s, row, limit, &progress, control, err);
		if (status == PITH_OK)
			status = add_text(out, &raw, err);
		row += rows->spans[s].n_rows;
		done += rows->spans[s].n_tokens;
		if (out->stop != PITH_STOP_END && (out->stop != PITH_STOP_EMPTY || worst == PITH_STOP_END))
			worst = out->stop;
	}
	if (worst == PITH_STOP_EMPTY && out->length > 0)
		worst = PITH_STOP_END; /* one span of several was empty: the text shows it */
	out->stop = worst;
	if (status != PITH_OK)
		drop_text(out);
	out->seconds = clock_seconds() - began;
	buffer_free(&raw);
	return status;
}

/* --- answers -------------------------------------------------------------------------------------------- */

/* White space around an answer is not part of it. */
static void trim(struct pith_generated *out)
{
	size_t begin = 0, end = out->length;
	while (begin < end && (out->text[begin] == ' ' || out->text[begin] == '\n'))
		begin++;
	while (end > begin && (out->text[end - 1] == ' ' || out->text[end - 1] == '\n'))
		end--;
	memmove(out->text, out->text + begin, end - begin);
	out->text[end - begin] = '\0';
	out->length = end - begin;
	if (out->length == 0 && out->stop == PITH_STOP_END)
		out->stop = PITH_STOP_EMPTY;
}

static enum pith_status finish_answer(struct pith_generated *out, struct buffer *raw, double began, enum pith_status status,
                                      struct pith_error *err)
{
	if (status == PITH_OK)
		status = add_text(out, raw, err);
	if (status == PITH_OK)
		trim(out);
	else
		drop_text(out);
	out->seconds = clock_seconds() - began;
	buffer_free(raw);
	return status;
}

static bool answer_fits(const struct pith_model *model, size_t n_prompt, size_t max_tokens)
{
	size_t context = model->transformer.h.n_context;
	return max_tokens <= context && n_prompt <= context - max_tokens;
}

/* By a model that has learned to answer from texts: it streams at once, as it is chosen among others. */
static enum pith_status choose_answer(struct pith_generated *out, struct buffer *raw, struct pith_model *model, const char *text,
                                      size_t length, const char *question, size_t max_tokens, const struct pith_control *control,
                                      struct pith_error *err)
{
	double began = clock_seconds();
	struct answer_choice choice;
	enum pith_status status = answer_choose(&choice, model, text, length, question, max_tokens, control, err);
	if (status == PITH_OK && choice.text.length > 0 && !generated_append(raw, choice.text.data, choice.text.length))
		status = fail_memory(err, "the answer");
	if (status == PITH_OK && raw->length > 0 && control != NULL && control->text != NULL)
		control->text(control->user, raw->data, raw->length);
	out->n_tokens = choice.n_tokens;
	out->n_prompt_tokens = choice.n_prompt_tokens;
	out->narrowed = choice.narrowed;
	out->first_token_seconds = clock_seconds() - began;
	buffer_free(&choice.text);
	return status;
}

/* By any other, token by token. */
static enum pith_status speak_answer(struct pith_generated *out, struct buffer *raw, struct pith_model *model, const char *text,
                                     size_t length, const char *question, size_t max_tokens, const struct pith_control *control,
                                     struct pith_error *err)
{
	struct token_list prompt = {0};
	struct answer_prompt_spans spans;
	struct session *session = NULL;
	enum pith_status status = answer_prompt_text(model->tokenizer, text, length, question, &prompt, &spans, err);
	if (status == PITH_OK)
		status = reading_fits(model, prompt.n, &spans, max_tokens, err);
	if (status == PITH_OK)
		status = session_create(&session, &model->transformer, model->pool, prompt.n + max_tokens, err);
	struct generation progress = {.what = "answering", .progress_total = (double)max_tokens};
	if (status == PITH_OK)
		status = speak(out, raw, model, session, NULL, &prompt, 0, max_tokens, &progress, control, err);
	session_destroy(session);
	token_list_free(&prompt);
	return status;
}

enum pith_status pith_answer_text(struct pith_generated *out, struct pith_model *model, const char *text, size_t length,
                                  const char *question, size_t max_tokens, const struct pith_control *control,
                                  struct pith_error *err)
{
	*out = (struct pith_generated){0};
	max_tokens = max_tokens == 0 ? DEFAULT_ANSWER_TOKENS : max_tokens;
	double began = clock_seconds();
	struct buffer raw = {0};
	enum pith_status status = (reading_adapter(model) != NULL ? choose_answer : speak_answer)(
		out, &raw, model, text, length, question, max_tokens, control, err);
	return finish_answer(out, &raw, began, status, err);
}

static enum pith_status answer_rows(struct pith_generated *out, struct pith_model *model, const struct rows *rows,
                                    const struct adapter *reader, const char *question, size_t max_tokens,
                                    const struct pith_control *control, struct pith_error *err)
{
	double began = clock_seconds();
	struct token_list prompt = {0};
	struct buffer raw = {0};
	struct session *session = NULL;
	int32_t position = rows_read_position(rows, PITH_ANSWER);
	enum pith_status status = answer_prompt_memory(model->tokenizer, question, &prompt, NULL, err);
	if (status == PITH_OK && !answer_fits(model, (size_t)position + prompt.n, max_tokens))
		status = fail(err, PITH_TOO_LONG,
			      "The question and an answer of %zu tokens are too long for the model's context of %zu.", max_tokens,
			      model->transformer.h.n_context);
	if (status == PITH_OK)
		status = session_create(&session, &model->transformer, model->pool, rows->n_rows + prompt.n + max_tokens, err);
	if (status == PITH_OK)
		status = rows_attach(rows, 0, rows->n_rows, session, &model->transformer.h, err);
	struct generation progress = {.what = "answering", .progress_total = (double)max_tokens};
	if (status == PITH_OK)
		status = speak(out, &raw, model, session, reader, &prompt, position, max_tokens, &progress, control, err);
	session_destroy(session);
	token_list_free(&prompt);
	return finish_answer(out, &raw, began, status, err);
}

void compressed_forget_text(struct pith_compressed *compressed)
{
	if (compressed->regenerated != NULL)
		pith_generated_free(compressed->regenerated);
	free(compressed->regenerated);
	compressed->regenerated = NULL;
}

enum pith_status pith_compressed_keep_text(struct pith_compressed *compressed, const struct pith_generated *generated,
                                           struct pith_error *err)
{
	struct pith_generated *copy = malloc(sizeof *copy);
	if (copy == NULL)
		return fail_memory(err, "the text");
	enum pith_status status = copy_generated(copy, generated, NULL, err);
	if (status != PITH_OK) {
		free(copy);
		return status;
	}
	compressed_forget_text(compressed);
	compressed->regenerated = copy;
	return PITH_OK;
}

/* Makes compressed->regenerated unless it is there. Its text is not the answer: it is not streamed. */
static enum pith_status keep_regenerated(struct pith_compressed *compressed, struct pith_model *model,
                                         const struct pith_control *control, struct pith_error *err)
{
	if (compressed->regenerated != NULL)
		return PITH_OK;
	struct pith_generated *generated = calloc(1, sizeof *generated);
	if (generated == NULL)
		return fail_memory(err, "the text");
	struct pith_control silent = control == NULL ? (struct pith_control){0} : *control;
	silent.text = NULL;
	enum pith_status status = pith_regenerate(generated, model, compressed, 0, &silent, err);
	if (status == PITH_OK)
		compressed->regenerated = generated;
	else
		free(generated);
	return status;
}

enum pith_status compressed_readable(struct pith_compressed *compressed, struct pith_model *model, const char **text,
                                     size_t *length, const struct pith_control *control, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	if (compressed->info.method->family == PITH_SOFT)
		status = keep_regenerated(compressed, model, control, err);
	bool own = compressed->info.method->family != PITH_SOFT;
	*text = own || status != PITH_OK ? compressed->text : compressed->regenerated->text;
	*length = own || status != PITH_OK ? compressed->text_length : compressed->regenerated->length;
	return status;
}

/* The answer from a text, or from as many of its sentences as fit the context, those nearest to the question. */
static enum pith_status answer_long(struct pith_generated *out, struct pith_model *model, const struct pith_generated *text,
                                    const char *question, size_t max_tokens, const struct pith_control *control,
                                    struct pith_error *err)
{
	enum { TRIES = 8 };
	struct buffer part = {0};
	enum pith_status status = pith_answer_text(out, model, text->text == NULL ? "" : text->text, text->length, question,
	                                           max_tokens, control, err);
	/* As many bytes as the context may have tokens for, then fewer. */
	double most = (double)text->length / (double)(text->n_tokens + 1) * 0.9 * (double)model->transformer.h.n_context;
	for (int i = 0; status == PITH_TOO_LONG && i < TRIES && text->n_tokens > 0; i++, most *= 0.75) {
		buffer_clear(&part);
		if (!evidence_find(&part, text->text, text->length, question, (size_t)most)) {
			status = fail_memory(err, "a part of the text");
			break;
		}
		status = pith_answer_text(out, model, part.data, part.length, question, max_tokens, control, err);
		out->narrowed = true;
	}
	buffer_free(&part);
	return status;
}

/* Rows for regeneration alone: what comes back from them is read. */
static enum pith_status answer_regenerated(struct pith_generated *out, struct pith_model *model,
                                           struct pith_compressed *compressed, const char *question, size_t max_tokens,
                                           const struct pith_control *control, struct pith_error *err)
{
	double began = clock_seconds();
	enum pith_status status = keep_regenerated(compressed, model, control, err);
	if (status != PITH_OK)
		return status;
	double spent = clock_seconds() - began;
	const struct pith_generated *text = compressed->regenerated;
	status = answer_long(out, model, text, question, max_tokens, control, err);
	out->n_regenerated = text->n_tokens;
	out->seconds += spent;
	out->first_token_seconds += spent;
	return status;
}

enum pith_status pith_answer_compressed(struct pith_generated *out, struct pith_model *model, struct pith_compressed *compressed,
                                        const char *question, size_t max_tokens, const struct pith_control *control,
                                        struct pith_error *err)
{
	*out = (struct pith_generated){0};
	if (compressed->info.method->family != PITH_SOFT)
		return pith_answer_text(out, model, compressed->text, compressed->text_length, question, max_tokens, control,
					err);
	enum pith_status status = compressed_check_model(compressed, model, "The compressed form", err);
	if (status != PITH_OK)
		return status;
	if (!compressed->info.has_purpose[PITH_ANSWER])
		return answer_regenerated(out, model, compressed, question, max_tokens, control, err);
	return answer_rows(out, model, &compressed->rows[PITH_ANSWER], compressed_reader(compressed, model, PITH_ANSWER),
	                   question, max_tokens == 0 ? DEFAULT_ANSWER_TOKENS : max_tokens, control, err);
}
