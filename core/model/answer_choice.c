#include "model/answer_choice.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/generate.h"
#include "model/reading.h"
#include "model/session.h"
#include "text/answer_prompt.h"
#include "text/consensus.h"
#include "text/evidence.h"
#include "text/unicode.h"

enum {
	MOST_STARTS = 8, /* of runs of words that are read on */
	MOST_RUN_TOKENS = 20,
	MOST_RUN_BYTES = 120,
	MOST_SAID_TOKENS = 64, /* longer ones that the model says are no candidates */
	MOST_SAID_BYTES = 400,
	MOST_CANDIDATES = 60, /* of one passage that are weighed */
	N_PASSAGES = 2,
};
/* Bytes of each passage, as a share of what the adapter reads, and what evens out probabilities: by development questions. */
static const double passage_shares[N_PASSAGES] = {1, 0.643};
static const double temperature = 1.5;

struct candidate {
	const char *text; /* of the passage, or of what the model said */
	size_t length, n_tokens;
	double log_probability; /* of its tokens and the end */
};

/* One passage: its prompt stands in the session. */
struct passage {
	struct buffer text, said;
	struct session *session;
	struct token_list prompt;
	float *first; /* (n_vocab) log-probability of each token behind the prompt */
	struct candidate *candidates;
	size_t n, capacity;
};

static void passage_free(struct passage *passage)
{
	session_destroy(passage->session);
	buffer_free(&passage->text);
	buffer_free(&passage->said);
	token_list_free(&passage->prompt);
	free(passage->first);
	free(passage->candidates);
}

/* The same words are one candidate, wherever they stand: it is the words that have the probability. */
static bool is_candidate(const struct passage *passage, const char *text, size_t length)
{
	for (size_t i = 0; i < passage->n; i++)
		if (passage->candidates[i].length == length && memcmp(passage->candidates[i].text, text, length) == 0)
			return true;
	return false;
}

static bool add_candidate(struct passage *passage, const char *text, size_t length, size_t n_tokens, double log_probability)
{
	if (is_candidate(passage, text, length))
		return true;
	if (passage->n == passage->capacity) {
		size_t capacity = 2 * passage->capacity + 64;
		struct candidate *grown = realloc(passage->candidates, capacity * sizeof *grown);
		if (grown == NULL)
			return false;
		passage->candidates = grown;
		passage->capacity = capacity;
	}
	passage->candidates[passage->n++] = (struct candidate){text, length, n_tokens, log_probability};
	return true;
}

/* --- where a run of words may begin -------------------------------------------------------------------------- */

struct start {
	size_t at;
	double log_probability; /* of its first token */
};

static int compare_starts(const void *a, const void *b)
{
	const struct start *x = a, *y = b;
	if (x->log_probability != y->log_probability)
		return x->log_probability < y->log_probability ? 1 : -1;
	return (x->at > y->at) - (x->at < y->at);
}

static bool is_word_byte(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* Behind white space, or where a word begins behind a sign. */
static bool begins_run(const char *text, size_t at)
{
	char before = at == 0 ? ' ' : text[at - 1];
	return !isspace((unsigned char)text[at]) &&
	       (isspace((unsigned char)before) || (is_word_byte(text[at]) && !is_word_byte(before)));
}

/* Bytes from at on to the end of the line, at most MOST_RUN_BYTES, in whole characters. */
static size_t run_length(const struct buffer *text, size_t at)
{
	const char *end = memchr(text->data + at, '\n', text->length - at);
	size_t length = end == NULL ? text->length - at : (size_t)(end - (text->data + at));
	if (length <= MOST_RUN_BYTES)
		return length;
	return MOST_RUN_BYTES - unicode_incomplete_tail(text->data + at, MOST_RUN_BYTES);
}

static enum pith_status encode_run(struct token_list *ids, struct pith_model *model, const char *words, size_t length,
                                   struct pith_error *err)
{
	char run[MOST_SAID_BYTES + 1];
	memcpy(run, words, length);
	run[length] = '\0';
	ids->n = 0;
	return answer_prompt_reply(model->tokenizer, false, run, ids, err);
}

/* *starts (n of them) is the caller's, the likeliest first. */
static enum pith_status find_starts(struct start **starts, size_t *n, const struct passage *passage, struct pith_model *model,
                                    struct pith_error *err)
{
	const struct buffer *text = &passage->text;
	struct token_list ids = {0};
	enum pith_status status = PITH_OK;
	*n = 0;
	*starts = calloc(text->length + 1, sizeof **starts);
	if (*starts == NULL)
		return fail_memory(err, "an answer");
	for (size_t at = 0; status == PITH_OK && at < text->length; at++) {
		if (!begins_run(text->data, at))
			continue;
		status = encode_run(&ids, model, text->data + at, run_length(text, at), err);
		if (status == PITH_OK && ids.n > 0)
			(*starts)[(*n)++] = (struct start){at, passage->first[ids.ids[0]]};
	}
	token_list_free(&ids);
	qsort(*starts, *n, sizeof **starts, compare_starts);
	return status;
}

/* --- what is likely ------------------------------------------------------------------------------------------ */

/* Of a run's tokens: what each costs behind those before it, and what ending there would (-ln p). */
struct run_losses {
	float tokens[MOST_SAID_TOKENS]; /* the first is not among them: element i is of token i + 1 */
	float ends[MOST_SAID_TOKENS];   /* element i: of the end behind token i */
};

static enum pith_status read_run(struct run_losses *losses, struct passage *passage, struct pith_model *model,
                                 const struct token_list *ids, const struct pith_control *control, struct pith_error *err)
{
	int32_t targets[MOST_SAID_TOKENS];
	size_t n = ids->n;
	struct session_input input = {
		.ids = ids->ids, .first_position = (int32_t)passage->prompt.n, .n = n, .adapter = reading_adapter(model)};
	session_rewind(passage->session, passage->prompt.n);
	enum pith_status status = session_read(passage->session, &input, control, err);
	memcpy(targets, ids->ids + 1, (n - 1) * sizeof *targets);
	targets[n - 1] = -1;
	if (status == PITH_OK)
		status = session_losses(passage->session, 0, targets, n, losses->tokens, err);
	for (size_t i = 0; i < n; i++)
		targets[i] = tokenizer_eos(model->tokenizer);
	return status == PITH_OK ? session_losses(passage->session, 0, targets, n, losses->ends, err) : status;
}

/* Reads a run of words and notes all its beginnings that end with a word; whole: nothing but all of it. */
static enum pith_status weigh_run(struct passage *passage, struct pith_model *model, const char *words, size_t length,
                                  size_t max_tokens, bool whole, const struct pith_control *control, struct pith_error *err)
{
	struct token_list ids = {0};
	struct buffer read = {0};
	struct run_losses losses;
	enum pith_status status = encode_run(&ids, model, words, length, err);
	size_t most = whole ? MOST_SAID_TOKENS : MOST_RUN_TOKENS;
	most = max_tokens < most ? max_tokens : most;
	bool cut = ids.n > most;
	ids.n = cut ? most : ids.n;
	if (status == PITH_OK && ids.n > 0 && !(whole && cut))
		status = read_run(&losses, passage, model, &ids, control, err);
	else
		ids.n = 0;
	double log_probability = ids.n > 0 ? passage->first[ids.ids[0]] : 0;
	for (size_t i = 0; status == PITH_OK && i < ids.n; i++) {
		bool last = i + 1 == ids.n;
		if (!tokenizer_decode(model->tokenizer, ids.ids + i, 1, false, &read))
			status = fail_memory(err, "an answer");
		/* What the tokens say begins with the gap before an answer. */
		size_t gap = read.length > 0 && read.data[0] == ' ' && words[0] != ' ', n = read.length - gap;
		if (status != PITH_OK || n > length || memcmp(read.data + gap, words, n) != 0)
			break;
		/* The gap may be a token by itself. */
		bool in_word = n == 0 || (n < length && is_word_byte(words[n]) && is_word_byte(words[n - 1]));
		if ((whole ? last : !in_word) && !add_candidate(passage, words, n, i + 1, log_probability - losses.ends[i]))
			status = fail_memory(err, "an answer");
		log_probability -= losses.tokens[i];
	}
	token_list_free(&ids);
	buffer_free(&read);
	return status;
}

/* What the model says by itself, most likely token by token, if it comes to an end. */
static enum pith_status say(struct passage *passage, struct pith_model *model, size_t max_tokens,
                            const struct pith_control *control, struct pith_error *err)
{
	struct pith_control silent = control == NULL ? (struct pith_control){0} : *control;
	silent.text = NULL; /* it may not be what is chosen */
	struct generation g = {.session = passage->session,
	                       .tokenizer = model->tokenizer,
	                       .adapter = reading_adapter(model),
	                       .last_row = passage->prompt.n - 1,
	                       .position = (int32_t)passage->prompt.n,
	                       .max_tokens = max_tokens,
	                       .what = "answering",
	                       .progress_total = (double)max_tokens};
	struct buffer raw = {0};
	size_t n_tokens, begin = 0, end;
	enum pith_stop stop;
	enum pith_status status = generate(&g, &raw, &n_tokens, &stop, NULL, &silent, err);
	if (status == PITH_OK && !generated_append(&passage->said, raw.data, raw.length))
		status = fail_memory(err, "an answer");
	buffer_free(&raw);
	end = passage->said.length;
	while (begin < end && isspace((unsigned char)passage->said.data[begin]))
		begin++;
	while (end > begin && isspace((unsigned char)passage->said.data[end - 1]))
		end--;
	if (status != PITH_OK || stop != PITH_STOP_END || begin == end || end - begin > MOST_SAID_BYTES)
		return status;
	return weigh_run(passage, model, passage->said.data + begin, end - begin, max_tokens, true, control, err);
}

/* Reads the prompt; what may come first is noted. */
static enum pith_status read_prompt(struct passage *passage, struct pith_model *model, const char *question, size_t max_tokens,
                                    const struct pith_control *control, struct pith_error *err)
{
	size_t n_vocab = model->transformer.h.n_vocab;
	size_t room = max_tokens > MOST_SAID_TOKENS ? max_tokens : MOST_SAID_TOKENS;
	struct answer_prompt_spans spans;
	enum pith_status status = answer_prompt_text(model->tokenizer, passage->text.data, passage->text.length, question,
	                                             &passage->prompt, &spans, err);
	if (status == PITH_OK)
		status = reading_fits(model, passage->prompt.n, &spans, room, err);
	if (status == PITH_OK)
		status = session_create(&passage->session, &model->transformer, model->pool, passage->prompt.n + room, err);
	if (status != PITH_OK)
		return status;
	session_set_precision(passage->session, PRECISION_BF16);
	struct session_input input = {
		.ids = passage->prompt.ids, .n = passage->prompt.n, .adapter = reading_adapter(model), .what = "reading"};
	status = session_read(passage->session, &input, control, err);
	if (status != PITH_OK)
		return status;
	passage->first = calloc(n_vocab, sizeof *passage->first);
	const float *logits = session_logits(passage->session, passage->prompt.n - 1);
	if (passage->first == NULL || logits == NULL)
		return fail_memory(err, "an answer");
	double largest = logits[0], sum = 0;
	for (size_t i = 1; i < n_vocab; i++)
		largest = logits[i] > largest ? logits[i] : largest;
	for (size_t i = 0; i < n_vocab; i++)
		sum += exp(logits[i] - largest);
	for (size_t i = 0; i < n_vocab; i++)
		passage->first[i] = (float)(logits[i] - largest - log(sum));
	return PITH_OK;
}

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (x->log_probability != y->log_probability)
		return x->log_probability < y->log_probability ? 1 : -1;
	return (x->length > y->length) - (x->length < y->length);
}

static enum pith_status read_passage(struct passage *passage, struct pith_model *model, const char *question, size_t max_tokens,
                                     const struct pith_control *control, struct pith_error *err)
{
	struct start *starts = NULL;
	size_t n = 0;
	enum pith_status status = read_prompt(passage, model, question, max_tokens, control, err);
	if (status == PITH_OK)
		status = say(passage, model, max_tokens, control, err);
	if (status == PITH_OK)
		status = find_starts(&starts, &n, passage, model, err);
	for (size_t i = 0; status == PITH_OK && i < n && i < MOST_STARTS; i++)
		status = weigh_run(passage, model, passage->text.data + starts[i].at, run_length(&passage->text, starts[i].at),
		                   max_tokens, false, control, err);
	free(starts);
	if (passage->n > 0)
		qsort(passage->candidates, passage->n, sizeof *passage->candidates, compare_candidates);
	passage->n = passage->n < MOST_CANDIDATES ? passage->n : MOST_CANDIDATES;
	return status;
}

/* --- which it is --------------------------------------------------------------------------------------------- */

/* Adds the candidates of a passage, whose weights add up to 1. */
static void weigh(struct wording *wordings, size_t *n, const struct candidate **candidates, const struct passage *passage)
{
	double sum = 0;
	for (size_t i = 0; i < passage->n; i++)
		sum += exp(passage->candidates[i].log_probability / temperature);
	for (size_t i = 0; i < passage->n; i++, ++*n) {
		const struct candidate *candidate = &passage->candidates[i];
		candidates[*n] = candidate;
		wordings[*n] =
			(struct wording){candidate->text, candidate->length, exp(candidate->log_probability / temperature) / sum};
	}
}

static enum pith_status choose(struct answer_choice *choice, const struct passage *passages, size_t n_passages,
                               struct pith_error *err)
{
	struct wording wordings[N_PASSAGES * MOST_CANDIDATES];
	const struct candidate *candidates[N_PASSAGES * MOST_CANDIDATES];
	size_t n = 0, best = 0;
	for (size_t i = 0; i < n_passages; i++)
		weigh(wordings, &n, candidates, &passages[i]);
	if (n == 0)
		return PITH_OK;
	if (!consensus_find(&best, wordings, n) ||
	    !buffer_append(&choice->text, candidates[best]->text, candidates[best]->length))
		return fail_memory(err, "an answer");
	choice->n_tokens = candidates[best]->n_tokens;
	return PITH_OK;
}

enum pith_status answer_choose(struct answer_choice *choice, struct pith_model *model, const char *text, size_t length,
                               const char *question, size_t max_tokens, const struct pith_control *control,
                               struct pith_error *err)
{
	struct passage passages[N_PASSAGES] = {0};
	size_t n = 0, most = reading_bytes(model);
	enum pith_status status = PITH_OK;
	*choice = (struct answer_choice){.narrowed = most > 0 && length > most};
	for (size_t i = 0; status == PITH_OK && i < N_PASSAGES; i++) {
		size_t bytes = most == 0 ? length : (size_t)(passage_shares[i] * (double)most);
		if (i > 0 && length <= bytes)
			break; /* the same once more */
		struct passage *passage = &passages[n++];
		status = evidence_find(&passage->text, text, length, question, bytes)
		                 ? PITH_OK
		                 : fail_memory(err, "what an answer is read from");
		if (status == PITH_OK)
			status = read_passage(passage, model, question, max_tokens, control, err);
		choice->n_prompt_tokens += passage->prompt.n;
	}
	if (status == PITH_OK)
		status = choose(choice, passages, n, err);
	for (size_t i = 0; i < n; i++)
		passage_free(&passages[i]);
	return status;
}
