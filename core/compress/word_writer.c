#include "compress/word_writer.h"

#include <stdlib.h>
#include <string.h>

#include "model/session.h"
#include "text/length_prompt.h"

/* A text as what may be said of it. */
struct speech {
	struct token_list ids;  /* of all words, each as it stands behind others */
	size_t *first;          /* (n + 1): where each word's ids begin */
	size_t *next_required;  /* (n + 1): the first at or behind a word that must be said; n: none */
	size_t *required_after; /* (n + 1): tokens of those at or behind a word */
	size_t n;

	/* Said so far. */
	size_t begin;    /* first word that may come next, once no word is half said */
	size_t left;     /* tokens */
	size_t *active;  /* (n): words that begin like what is half said */
	size_t n_active;
	size_t n_said;   /* tokens of it; 0: nothing is half said */
};

/* --- the words -------------------------------------------------------------------------------------------------- */

static void speech_free(struct speech *speech)
{
	token_list_free(&speech->ids);
	free(speech->first);
	free(speech->next_required);
	free(speech->required_after);
	free(speech->active);
}

static size_t cost(const struct speech *speech, size_t word)
{
	return speech->first[word + 1] - speech->first[word];
}

/* The ids of a word behind another one; one that no white space parts from the word before it goes on with it. */
static enum pith_status encode_word(struct speech *speech, const struct tokenizer *tokenizer, const char *text,
                                    const struct pith_word *word, bool behind_gap, struct pith_error *err)
{
	struct buffer bytes = {0};
	enum pith_status status = PITH_OK;
	if ((behind_gap && !buffer_append_string(&bytes, " ")) ||
	    !buffer_append(&bytes, text + word->begin, word->end - word->begin))
		status = fail_memory(err, "the words");
	if (status == PITH_OK)
		status = tokenizer_encode_continued(tokenizer, bytes.data, bytes.length, &speech->ids, err);
	buffer_free(&bytes);
	return status;
}

static enum pith_status speech_open(struct speech *speech, const struct tokenizer *tokenizer, const char *text,
                                    const struct pith_word *words, size_t n, const bool *required, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	speech->n = n;
	speech->first = calloc(n + 1, sizeof *speech->first);
	speech->next_required = calloc(n + 1, sizeof *speech->next_required);
	speech->required_after = calloc(n + 1, sizeof *speech->required_after);
	speech->active = calloc(n + 1, sizeof *speech->active);
	if (speech->first == NULL || speech->next_required == NULL || speech->required_after == NULL || speech->active == NULL)
		return fail_memory(err, "the words");
	for (size_t w = 0; status == PITH_OK && w < n; w++) {
		bool behind_gap = w == 0 || words[w].begin > words[w - 1].end;
		status = encode_word(speech, tokenizer, text, &words[w], behind_gap, err);
		speech->first[w + 1] = speech->ids.n;
	}
	speech->next_required[n] = n;
	for (size_t w = n; status == PITH_OK && w-- > 0;) {
		speech->next_required[w] = required[w] ? w : speech->next_required[w + 1];
		speech->required_after[w] = speech->required_after[w + 1] + (required[w] ? cost(speech, w) : 0);
	}
	return status;
}

/* --- what may be said --------------------------------------------------------------------------------------------- */

/* May this word be said next, so that there is room for those that must be said behind it? */
static bool fits(const struct speech *speech, size_t word)
{
	return cost(speech, word) > 0 && cost(speech, word) + speech->required_after[word + 1] <= speech->left;
}

/* Where the words end that can come next: none that must be said is passed. */
static size_t candidates_end(const struct speech *speech)
{
	size_t required = speech->next_required[speech->begin];
	return required < speech->n ? required + 1 : speech->n;
}

/* The word that is said whole, if one is: the first one, behind which most words are left. n: none. */
static size_t word_said(const struct speech *speech)
{
	for (size_t i = 0; i < speech->n_active; i++)
		if (cost(speech, speech->active[i]) == speech->n_said)
			return speech->active[i];
	return speech->n;
}

/* The likeliest token that goes on with a word that is half said; -1: there is none. */
static int32_t best_within(const struct speech *speech, const float *logits)
{
	int32_t best = -1;
	for (size_t i = 0; i < speech->n_active; i++) {
		size_t word = speech->active[i];
		if (cost(speech, word) <= speech->n_said)
			continue;
		int32_t id = speech->ids.ids[speech->first[word] + speech->n_said];
		best = best < 0 || logits[id] > logits[best] ? id : best;
	}
	return best;
}

/* The likeliest token that begins a word; -1: there is none. */
static int32_t best_beginning(const struct speech *speech, const float *logits)
{
	int32_t best = -1;
	for (size_t word = speech->begin; word < candidates_end(speech); word++) {
		int32_t id = speech->ids.ids[speech->first[word]];
		if (fits(speech, word) && (best < 0 || logits[id] > logits[best]))
			best = id;
	}
	return best;
}

/* Of the words that begin like this, those that go on with id. */
static void go_on(struct speech *speech, int32_t id)
{
	size_t n = 0;
	for (size_t i = 0; i < speech->n_active; i++) {
		size_t word = speech->active[i];
		if (cost(speech, word) > speech->n_said && speech->ids.ids[speech->first[word] + speech->n_said] == id)
			speech->active[n++] = word;
	}
	speech->n_active = n;
	speech->n_said++;
}

static void begin_with(struct speech *speech, int32_t id)
{
	speech->n_active = 0;
	for (size_t word = speech->begin; word < candidates_end(speech); word++)
		if (fits(speech, word) && speech->ids.ids[speech->first[word]] == id)
			speech->active[speech->n_active++] = word;
	speech->n_said = 1;
}

/* --- saying it ---------------------------------------------------------------------------------------------------- */

/* What may be said once the word that is said whole is over; n: none was begun. */
static struct speech behind(const struct speech *speech, size_t said)
{
	struct speech next = *speech;
	if (said < speech->n) {
		next.begin = said + 1;
		next.left -= cost(speech, said);
	}
	next.n_active = next.n_said = 0;
	return next;
}

/* Says the likeliest of the tokens that may follow; -1: that is the end. */
static int32_t say(struct speech *speech, struct pith_word *words, const float *logits, int32_t end)
{
	size_t said = word_said(speech);
	bool between_words = speech->n_said == 0 || said < speech->n, goes_on = true;
	struct speech next = behind(speech, said);
	int32_t best = best_within(speech, logits), beginning = between_words ? best_beginning(&next, logits) : -1;
	if (beginning >= 0 && (best < 0 || logits[beginning] >= logits[best])) {
		best = beginning;
		goes_on = false;
	}
	bool may_end = between_words && next.next_required[next.begin] == next.n;
	if (best < 0 || (may_end && logits[end] >= logits[best])) {
		best = -1;
		goes_on = false;
	}
	if (goes_on) {
		go_on(speech, best);
		return best;
	}
	if (said < speech->n)
		words[said].kept = true;
	*speech = next;
	if (best >= 0)
		begin_with(speech, best);
	return best;
}

static enum pith_status speak(struct speech *speech, struct session *session, struct pith_model *model,
                              const struct adapter *adapter, const struct token_list *prompt, struct pith_word *words,
                              const struct pith_control *control, struct pith_error *err)
{
	struct session_input input = {.ids = prompt->ids, .n = prompt->n, .adapter = adapter};
	session_set_precision(session, PRECISION_BF16);
	enum pith_status status = session_read(session, &input, control, err);
	size_t row = prompt->n - 1;
	while (status == PITH_OK) {
		const float *logits = session_logits(session, row);
		if (logits == NULL)
			return fail_memory(err, "the logits");
		int32_t id = say(speech, words, logits, tokenizer_eos(model->tokenizer));
		if (id < 0)
			break;
		input = (struct session_input){
			.ids = &id, .first_position = (int32_t)session_length(session), .n = 1, .adapter = adapter};
		status = session_read(session, &input, control, err);
		row = 0;
	}
	return status;
}

enum pith_status word_writer_choose(struct pith_model *model, const struct adapter *adapter, const char *text, size_t length,
                                    struct pith_word *words, size_t n, const bool *required, size_t n_tokens,
                                    const struct pith_control *control, struct pith_error *err)
{
	struct speech speech = {.left = n_tokens};
	struct token_list prompt = {0};
	struct session *session = NULL;
	for (size_t w = 0; w < n; w++)
		words[w].kept = false;
	enum pith_status status = speech_open(&speech, model->tokenizer, text, words, n, required, err);
	if (status == PITH_OK)
		status = length_prompt(model->tokenizer, text, length, n_tokens, &prompt, err);
	if (status == PITH_OK && speech.required_after[0] > n_tokens) {
		for (size_t w = 0; w < n; w++)
			words[w].kept = required[w];
	} else if (status == PITH_OK) {
		status = session_create(&session, &model->transformer, model->pool, prompt.n + n_tokens + 1, err);
		if (status == PITH_OK)
			status = speak(&speech, session, model, adapter, &prompt, words, control, err);
	}
	session_destroy(session);
	token_list_free(&prompt);
	speech_free(&speech);
	return status;
}
