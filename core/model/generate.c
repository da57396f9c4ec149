#include "model/generate.h"

#include <string.h>

#include "base/clock.h"
#include "text/unicode.h"

/* Would id behind tokens end a run of length tokens that is there already? */
static bool repeats(const struct token_list *tokens, int32_t id, size_t length)
{
	if (length == 0 || tokens->n < length)
		return false;
	const int32_t *last = tokens->ids + tokens->n - (length - 1);
	for (size_t i = 0; i + length <= tokens->n; i++)
		if (tokens->ids[i + length - 1] == id && memcmp(tokens->ids + i, last, (length - 1) * sizeof *last) == 0)
			return true;
	return false;
}

/* Of those that do not repeat a run of no_repeat tokens; they are few that do, so that looking costs little. */
static int32_t most_likely(const float *logits, size_t n, const struct token_list *tokens, size_t no_repeat)
{
	size_t best = n;
	for (size_t i = 0; i < n; i++)
		if ((best == n || logits[i] > logits[best]) && !repeats(tokens, (int32_t)i, no_repeat))
			best = i;
	return best == n ? 0 : (int32_t)best;
}

/* Do the last tokens repeat with some period, often enough to be no list or refrain? */
static bool loops(const struct token_list *tokens)
{
	enum { LONGEST_PERIOD = 32, LEAST_TOKENS = 24, LEAST_REPEATS = 5 };
	for (size_t period = 1; period <= LONGEST_PERIOD; period++) {
		size_t span = period * LEAST_REPEATS;
		span = span < LEAST_TOKENS ? LEAST_TOKENS : span;
		if (tokens->n < span)
			continue;
		const int32_t *end = tokens->ids + tokens->n;
		size_t i = period;
		while (i < span && end[-1 - (ptrdiff_t)i] == end[-1 - (ptrdiff_t)(i - period)])
			i++;
		if (i == span)
			return true;
	}
	return false;
}

bool generated_append(struct buffer *out, const char *raw, size_t length)
{
	size_t begin = out->length;
	if (!buffer_append(out, "", 0) || !unicode_append_repaired(out, raw, length))
		return false;
	for (size_t i = begin; i < out->length; i++)
		if (out->data[i] == '\0')
			out->data[i] = ' ';
	return true;
}

/* Sends what is new and whole. */
static bool stream(const struct pith_control *control, const struct buffer *text, size_t *sent, bool last)
{
	if (control == NULL || control->text == NULL)
		return true;
	size_t ready = text->length - *sent;
	if (!last)
		ready -= unicode_incomplete_tail(text->data + *sent, ready);
	if (ready == 0)
		return true;
	struct buffer repaired = {0};
	bool done = generated_append(&repaired, text->data + *sent, ready);
	if (done)
		control->text(control->user, repaired.data, repaired.length);
	buffer_free(&repaired);
	*sent += ready;
	return done;
}

static enum pith_status read_token(const struct generation *g, int32_t id, size_t made, const struct pith_control *control,
                                   struct pith_error *err)
{
	struct session_input input = {.ids = &id, .first_position = g->position + (int32_t)made, .n = 1, .adapter = g->adapter};
	return session_read(g->session, &input, control, err);
}

/* More may come than was expected: then all of it is done. */
static void tell_progress(const struct generation *g, size_t n_tokens, const struct pith_control *control)
{
	double done = g->progress_done + (double)n_tokens;
	if (control != NULL && control->progress != NULL)
		control->progress(control->user, g->what, done < g->progress_total ? done : g->progress_total, g->progress_total);
}

enum pith_status generate(const struct generation *g, struct buffer *text, size_t *n_tokens, enum pith_stop *stop,
                          double *first_seconds, const struct pith_control *control, struct pith_error *err)
{
	struct token_list tokens = {0};
	size_t sent = text->length, row = g->last_row;
	double began = clock_seconds();
	enum pith_status status = PITH_OK;
	*stop = PITH_STOP_LIMIT;
	while (tokens.n < g->max_tokens) {
		const float *logits = session_logits(g->session, row);
		if (logits == NULL) {
			status = fail_memory(err, "the logits");
			break;
		}
		int32_t id = most_likely(logits, (size_t)tokenizer_n_vocab(g->tokenizer), &tokens, g->no_repeat);
		if (tokens.n == 0 && first_seconds != NULL)
			*first_seconds = clock_seconds() - began;
		if (tokenizer_is_end(g->tokenizer, id)) {
			*stop = PITH_STOP_END;
			break;
		}
		if (!token_list_append(&tokens, id) ||
		    !tokenizer_decode(g->tokenizer, &id, 1, g->begins && tokens.n == 1, text) ||
		    !stream(control, text, &sent, false)) {
			status = fail_memory(err, "the generated text");
			break;
		}
		tell_progress(g, tokens.n, control);
		if (loops(&tokens)) {
			*stop = PITH_STOP_LOOP;
			break;
		}
		if (tokens.n == g->max_tokens || (g->goes_on != NULL && !g->goes_on(g->listener, id)))
			break;
		status = read_token(g, id, tokens.n - 1, control, err);
		if (status != PITH_OK)
			break;
		row = 0;
	}
	if (status == PITH_OK && !stream(control, text, &sent, true))
		status = fail_memory(err, "the generated text");
	if (status == PITH_OK && tokens.n == 0 && *stop == PITH_STOP_END)
		*stop = PITH_STOP_EMPTY;
	*n_tokens = tokens.n;
	token_list_free(&tokens);
	return status;
}
