#define _GNU_SOURCE
#include "train/sample.h"

#include <stdlib.h>
#include <string.h>

#include "text/answer_prompt.h"
#include "text/evidence.h"
#include "text/keep_prompt.h"
#include "text/length_prompt.h"
#include "train/cloze.h"
#include "train/keep_labels.h"

enum {
	BYTES_PER_TOKEN = 6, /* more than a token of ordinary text has, so that a window of bytes holds enough tokens */
	SHORTEST_TEXT = 8,   /* tokens */
	LONGEST_ANSWER = 48, /* tokens; longer answers are not taught */
};

const char *pith_objective_name(enum pith_objective objective)
{
	static const char *const names[PITH_N_OBJECTIVES] = {"lm", "regenerate", "answer_full", "answer", "rewrite", "keep"};
	return names[objective];
}

bool objective_has_memory(enum pith_objective objective)
{
	return objective == PITH_OBJECTIVE_REGENERATE || objective == PITH_OBJECTIVE_ANSWER;
}

bool objective_has_adapter(enum pith_objective objective)
{
	return objective_has_memory(objective) || objective == PITH_OBJECTIVE_REWRITE || objective == PITH_OBJECTIVE_KEEP;
}

enum pith_purpose objective_purpose(enum pith_objective objective)
{
	if (objective == PITH_OBJECTIVE_REWRITE || objective == PITH_OBJECTIVE_KEEP)
		return PITH_REWRITE;
	if (objective == PITH_OBJECTIVE_ANSWER_FULL)
		return PITH_READ;
	return objective == PITH_OBJECTIVE_ANSWER ? PITH_ANSWER : PITH_REGENERATE;
}

static void sample_clear(struct sample *sample)
{
	sample->document.n = 0;
	sample->reader.n = 0;
	sample->targets.n = 0;
	sample->first_answer = 0;
	sample->document_end = 0;
	sample->question_begin = sample->question_end = 0;
	buffer_clear(&sample->context);
	renaming_clear(&sample->renaming);
}

void sample_free(struct sample *sample)
{
	token_list_free(&sample->document);
	token_list_free(&sample->reader);
	token_list_free(&sample->targets);
	buffer_free(&sample->context);
	renaming_free(&sample->renaming);
}

/* A piece of a text: bytes [*begin, *end), at most so many. Half of the time it starts where the text does. */
static void choose_window(const char *text, size_t length, size_t most, struct random_state *random, size_t *begin, size_t *end)
{
	*begin = 0;
	*end = length;
	if (length <= most)
		return;
	if (random_below(random, 2) == 1) {
		size_t start = random_below(random, length - most);
		/* From the next white space on, so that no word is cut. */
		const char *space = memchr(text + start, ' ', length - start);
		if (space != NULL && (size_t)(space - text) + 1 + most <= length)
			*begin = (size_t)(space - text) + 1;
	}
	*end = *begin + most;
	/* Not in the middle of a character. */
	while (*end < length && *end > *begin && ((unsigned char)text[*end] & 0xc0) == 0x80)
		--*end;
}

/* Tokens of a piece of the line's text, at most n of them; *whole: the piece ends where the text does. */
static enum pith_status read_piece(struct token_list *tokens, struct microbatch_builder *builder,
                                   const struct jsonl_record *record, size_t n, bool *whole, struct pith_error *err)
{
	size_t length, begin, end;
	const char *text = jsonl_string(record, "text", &length);
	if (text == NULL)
		text = jsonl_string(record, "context", &length);
	if (text == NULL)
		return PITH_OK;
	choose_window(text, length, n * BYTES_PER_TOKEN, &builder->random, &begin, &end);
	size_t before = tokens->n;
	enum pith_status status = tokenizer_encode(builder->tokenizer, text + begin, end - begin, tokens, err);
	*whole = end == length;
	if (tokens->n - before > n) {
		tokens->n = before + n;
		*whole = false;
	}
	return status;
}

/* Each token's target is the one after it; the last gets last. */
static bool shift_targets(struct sample *sample, int32_t last)
{
	return sample->reader.n == 0 || (token_list_append_all(&sample->targets, sample->reader.ids + 1, sample->reader.n - 1) &&
	                                 token_list_append(&sample->targets, last));
}

static enum pith_status make_lm(struct sample *sample, struct microbatch_builder *builder, const struct jsonl_record *record,
                                size_t n, bool *made, struct pith_error *err)
{
	bool whole = false;
	if (!token_list_append(&sample->reader, tokenizer_bos(builder->tokenizer)))
		return fail_memory(err, "a sample");
	enum pith_status status = read_piece(&sample->reader, builder, record, n, &whole, err);
	*made = sample->reader.n > SHORTEST_TEXT;
	if (status == PITH_OK && !shift_targets(sample, whole ? tokenizer_eos(builder->tokenizer) : -1))
		status = fail_memory(err, "a sample");
	return status;
}

/*
 * Replaces runs of the reader's tokens behind BOS, as when it has gone astray:
 * by tokens of the same text, which look right, or of the vocabulary. Half of
 * the samples stay clean.
 */
static void disturb_reader(struct sample *sample, struct microbatch_builder *builder, double noise)
{
	enum { LONGEST_RUN = 8 };
	struct token_list *reader = &sample->reader;
	struct random_state *random = &builder->random;
	if (noise <= 0 || random_below(random, 2) == 0)
		return;
	/* Twice the share, as half of the samples have none; a run of 1..8 starts so often that this share would be met if
	 * runs could overlap: noise / (1 + 2 noise) of all tokens are replaced. */
	double start = 2 * noise / ((LONGEST_RUN + 1) / 2.0);
	for (size_t i = 1; i < reader->n; i++) {
		if (random_uniform(random) >= start)
			continue;
		size_t run = 1 + random_below(random, LONGEST_RUN);
		for (; run > 0 && i < reader->n; run--, i++)
			reader->ids[i] = random_below(random, 2) == 0
			                         ? sample->document.ids[random_below(random, sample->document.n)]
			                         : (int32_t)random_below(random, (uint64_t)tokenizer_n_vocab(builder->tokenizer));
	}
}

/* The encoder reads a text, the reader is given BOS and says it again, EOS included. */
static enum pith_status make_regenerate(struct sample *sample, struct microbatch_builder *builder,
                                        const struct jsonl_record *record, size_t n, double noise, bool *made,
                                        struct pith_error *err)
{
	bool whole = false;
	/* Lengths from a quarter of the longest up: short documents are documents too. */
	size_t most = n / 4 + random_below(&builder->random, n - n / 4 + 1);
	most = most < SHORTEST_TEXT ? SHORTEST_TEXT : most;
	enum pith_status status = read_piece(&sample->document, builder, record, most, &whole, err);
	*made = sample->document.n >= SHORTEST_TEXT;
	if (status == PITH_OK && (!token_list_append(&sample->reader, tokenizer_bos(builder->tokenizer)) ||
	                          !token_list_append_all(&sample->reader, sample->document.ids, sample->document.n) ||
	                          !shift_targets(sample, tokenizer_eos(builder->tokenizer))))
		status = fail_memory(err, "a sample");
	if (status == PITH_OK && *made)
		disturb_reader(sample, builder, noise);
	return status;
}

/*
 * A text and what a person, or another method, has made of it. The length that is asked for is the one that the target has,
 * whatever its writer was told: hindsight (Cmprsr, arXiv 2511.12281).
 */
static enum pith_status make_rewrite(struct sample *sample, struct microbatch_builder *builder, const struct jsonl_record *record,
                                     size_t n, bool *made, struct pith_error *err)
{
	const struct tokenizer *tokenizer = builder->tokenizer;
	struct token_list answer = {0};
	size_t length;
	const char *text = jsonl_string(record, "text", &length), *target = jsonl_string(record, "target", NULL);
	if (target == NULL)
		target = jsonl_string(record, "title", NULL);
	if (text == NULL || target == NULL || target[0] == '\0' || length > n * 2 * BYTES_PER_TOKEN)
		return PITH_OK;
	enum pith_status status = tokenizer_encode_reply(tokenizer, " ", target, &answer, err);
	if (status == PITH_OK)
		status = length_prompt(tokenizer, text, length, answer.n, &sample->reader, err);
	size_t n_prompt = sample->reader.n;
	*made = status == PITH_OK && answer.n > 0 && n_prompt <= n && answer.n < n_prompt;
	if (*made && (!token_list_append_all(&sample->reader, answer.ids, answer.n) ||
	              !shift_targets(sample, tokenizer_eos(tokenizer))))
		status = fail_memory(err, "a sample");
	sample->first_answer = n_prompt - (n_prompt > 0);
	for (size_t i = 0; *made && status == PITH_OK && i < sample->first_answer; i++)
		sample->targets.ids[i] = -1;
	token_list_free(&answer);
	return status;
}

/* What the verdicts on tokens of a piece should be, read a second time; -1: it is not part of a word. */
static bool append_verdicts(struct sample *sample, const float *labels, size_t n, int32_t kept, int32_t dropped)
{
	bool room = true;
	for (size_t i = 0; room && i < 1 + n; i++)
		room = token_list_append(&sample->targets, -1);
	for (size_t i = 0; room && i < n; i++)
		room = token_list_append(&sample->targets, labels[i] < 0 ? -1 : labels[i] > 0.5f ? kept : dropped);
	return room;
}

/* A piece of a text twice, and which of its words a person kept who wrote the text's short form (keep_prompt.h). */
static enum pith_status make_keep(struct sample *sample, struct microbatch_builder *builder, const struct task_data *data,
                                  size_t line, size_t n, bool *made, struct pith_error *err)
{
	const struct tokenizer *tokenizer = builder->tokenizer;
	struct keep_pair pair = {0};
	struct keep_piece piece = {0};
	size_t begin, end;
	int32_t kept, dropped;
	enum pith_status status = keep_prompt_verdicts(tokenizer, &kept, &dropped, err);
	if (status == PITH_OK)
		status = keep_pair_read(&pair, data->file, line, true, err);
	if (status == PITH_OK && pair.text != NULL) {
		choose_window(pair.text, pair.length, n * BYTES_PER_TOKEN, &builder->random, &begin, &end);
		status = keep_piece_read(&piece, tokenizer, pair.text + begin, end - begin, n, &pair.short_form, err);
	}
	*made = status == PITH_OK && piece.n >= SHORTEST_TEXT && piece.hit_rate > 0;
	if (*made && (!keep_prompt(tokenizer, piece.tokens, piece.n, &sample->reader) ||
	              !append_verdicts(sample, piece.labels, piece.n, kept, dropped)))
		status = fail_memory(err, "a sample");
	keep_piece_free(&piece);
	keep_pair_free(&pair);
	return status;
}

/* Context, question and answer of a line; a line without a question makes a cloze of its text. False: no suitable one. */
struct question {
	const char *context, *question, *answer;
	size_t context_length;
	struct buffer own_context, own_question, own_answer; /* what is not as the line has it */
};

static void question_free(struct question *q)
{
	buffer_free(&q->own_context);
	buffer_free(&q->own_question);
	buffer_free(&q->own_answer);
}

/* In the words of the sample's renaming. */
static enum pith_status rename_question(struct question *q, const struct sample *sample, struct pith_error *err)
{
	if (sample->renaming.n == 0)
		return PITH_OK;
	if (!renaming_apply(&sample->renaming, q->context, q->context_length, &q->own_context) ||
	    !renaming_apply(&sample->renaming, q->question, strlen(q->question), &q->own_question) ||
	    !renaming_apply(&sample->renaming, q->answer, strlen(q->answer), &q->own_answer))
		return fail_memory(err, "a sample");
	q->context = q->own_context.data;
	q->context_length = q->own_context.length;
	q->question = q->own_question.data;
	q->answer = q->own_answer.data;
	return PITH_OK;
}

static bool find_question(struct question *q, struct microbatch_builder *builder, const struct jsonl_record *record, size_t n)
{
	q->context = jsonl_string(record, "context", &q->context_length);
	q->question = jsonl_string(record, "question", NULL);
	size_t n_answers = jsonl_n_strings(record, "answers");
	if (q->context != NULL && q->question != NULL && n_answers > 0) {
		q->answer = jsonl_string_at(record, "answers", random_below(&builder->random, n_answers));
		return q->answer != NULL && q->answer[0] != '\0';
	}
	size_t length, begin, end;
	const char *text = jsonl_string(record, "text", &length);
	if (text == NULL)
		return false;
	choose_window(text, length, n * 4, &builder->random, &begin, &end);
	q->context = text + begin;
	q->context_length = end - begin;
	if (!cloze_make(q->context, q->context_length, builder->cloze_noise, &builder->random, &q->own_question,
	                &q->own_answer))
		return false;
	q->question = q->own_question.data;
	q->answer = q->own_answer.data;
	return true;
}

/* Appends answer and EOS: to the targets shifted by one, to the reader without the EOS. */
static enum pith_status append_answer(struct sample *sample, const struct tokenizer *tokenizer, bool from_memory,
                                      const char *answer, bool *made, struct pith_error *err)
{
	size_t before = sample->reader.n;
	enum pith_status status = answer_prompt_reply(tokenizer, from_memory, answer, &sample->reader, err);
	*made = sample->reader.n > before && sample->reader.n - before <= LONGEST_ANSWER;
	sample->first_answer = before == 0 ? 0 : before - 1;
	if (status == PITH_OK && !shift_targets(sample, tokenizer_eos(tokenizer)))
		status = fail_memory(err, "a sample");
	return status;
}

/* The prompt and the answer of a question, as the sample's reader reads them. */
static enum pith_status ask(struct sample *sample, const struct tokenizer *tokenizer, bool from_memory, const struct question *q,
                            struct answer_prompt_spans *spans, bool *made, struct pith_error *err)
{
	enum pith_status status = from_memory ? answer_prompt_memory(tokenizer, q->question, &sample->reader, spans, err)
	                                      : answer_prompt_text(tokenizer, q->context, q->context_length, q->question,
	                                                           &sample->reader, spans, err);
	sample->question_begin = spans->question_begin;
	sample->question_end = spans->question_end;
	return status == PITH_OK ? append_answer(sample, tokenizer, from_memory, q->answer, made, err) : status;
}

/*
 * Replaces single tokens of a question: by others of it, or of the vocabulary. The document stays as it is, what stands in
 * it is what has to be found; so do the targets.
 */
static void disturb_question(struct sample *sample, struct microbatch_builder *builder, double noise)
{
	int32_t *words = sample->reader.ids + sample->question_begin;
	size_t n = sample->question_end - sample->question_begin;
	struct random_state *random = &builder->random;
	for (size_t i = 0; noise > 0 && i < n; i++) {
		if (random_uniform(random) >= noise)
			continue;
		words[i] = random_below(random, 2) == 0
		                   ? words[random_below(random, n)]
		                   : (int32_t)random_below(random, (uint64_t)tokenizer_n_vocab(builder->tokenizer));
	}
}

/*
 * The question is asked of the sentences that it is likely to be about. Where they miss the answer, those are taken that share
 * words with it too: what is not there cannot be found, and is not to be made up.
 */
static enum pith_status narrow(struct question *q, struct random_state *random, const struct sampling *sampling,
                               struct pith_error *err)
{
	struct buffer found = {0}, wanted = {0};
	size_t most = sampling->evidence_least + random_below(random, sampling->evidence_most - sampling->evidence_least + 1);
	bool ok = evidence_find(&found, q->context, q->context_length, q->question, most);
	bool stands = ok && memmem(q->context, q->context_length, q->answer, strlen(q->answer)) != NULL;
	if (stands && memmem(found.data, found.length, q->answer, strlen(q->answer)) == NULL) {
		ok = buffer_printf(&wanted, "%s %s", q->question, q->answer);
		buffer_clear(&found);
		ok = ok && evidence_find(&found, q->context, q->context_length, wanted.data, most);
	}
	buffer_free(&wanted);
	buffer_free(&q->own_context);
	q->own_context = found;
	q->context = found.data;
	q->context_length = found.length;
	return ok ? PITH_OK : fail_memory(err, "a sample");
}

static enum pith_status make_answer(struct sample *sample, struct microbatch_builder *builder, const struct task_data *data,
                                    const struct jsonl_record *record, size_t n, const struct sampling *sampling,
                                    bool *made, struct pith_error *err)
{
	const struct tokenizer *tokenizer = builder->tokenizer;
	struct question q = {0};
	enum pith_status status = PITH_OK;
	bool from_memory = data->task.objective != PITH_OBJECTIVE_ANSWER_FULL;
	struct answer_prompt_spans spans = {0};
	if (find_question(&q, builder, record, n)) {
		if (!buffer_append(&sample->context, q.context, q.context_length))
			status = fail_memory(err, "a sample");
		if (status == PITH_OK)
			status = rename_question(&q, sample, err);
		if (status == PITH_OK && sampling->evidence_most > 0 && !from_memory)
			status = narrow(&q, &builder->random, sampling, err);
		if (status != PITH_OK) {
			question_free(&q);
			return status;
		}
		if (from_memory)
			status = tokenizer_encode(tokenizer, q.context, q.context_length, &sample->document, err);
		if (status == PITH_OK)
			status = ask(sample, tokenizer, from_memory, &q, &spans, made, err);
		if (status == PITH_OK && *made)
			disturb_question(sample, builder, sampling->question_noise);
		size_t n_document = from_memory ? sample->document.n : spans.document_end - spans.document_begin;
		sample->document_end = spans.document_end;
		*made = *made && n_document <= n && n_document > 0;
	}
	/*
	 * The document is text worth learning too, and so is the question: who can foresee its words has found the place in
	 * the document, or in the memory, that it is about.
	 */
	for (size_t i = 0; i < spans.document_begin && i < sample->targets.n; i++)
		sample->targets.ids[i] = -1;
	question_free(&q);
	return status;
}

/* Question and answer for the sample's own context; false: none. */
static bool find_further(struct question *q, struct sample *sample, struct microbatch_builder *builder,
                         const struct jsonl_record *record, bool has_questions)
{
	if (!has_questions) {
		bool found = cloze_make(sample->context.data, sample->context.length, builder->cloze_noise, &builder->random,
		                        &q->own_question, &q->own_answer);
		q->context = sample->context.data;
		q->context_length = sample->context.length;
		q->question = q->own_question.data;
		q->answer = q->own_answer.data;
		return found;
	}
	return find_question(q, builder, record, 0) && q->context_length == sample->context.length &&
	       memcmp(q->context, sample->context.data, q->context_length) == 0;
}

enum pith_status sample_make_further(struct sample *sample, struct microbatch_builder *builder, const struct task_data *data,
                                     size_t line, double noise, bool *made, struct pith_error *err)
{
	struct jsonl_record *record = NULL;
	struct question q = {0};
	*made = false;
	sample->reader.n = 0;
	sample->targets.n = 0;
	if (data->has_questions && line >= jsonl_n_lines(data->file))
		return PITH_OK;
	bool from_memory = data->task.objective != PITH_OBJECTIVE_ANSWER_FULL;
	struct answer_prompt_spans spans = {0};
	enum pith_status status = data->has_questions ? jsonl_read(&record, data->file, line, err) : PITH_OK;
	if (status == PITH_OK && find_further(&q, sample, builder, record, data->has_questions)) {
		status = rename_question(&q, sample, err);
		if (status == PITH_OK)
			status = ask(sample, builder->tokenizer, from_memory, &q, &spans, made, err);
	}
	size_t read = spans.document_end;
	if (*made && read > 0) {
		token_list_remove(&sample->reader, 0, read);
		token_list_remove(&sample->targets, 0, read);
		sample->first_answer -= read;
		sample->question_begin -= read;
		sample->question_end -= read;
	}
	if (status == PITH_OK && *made) {
		sample->document_end = 0; /* what is left of the reader is the question alone */
		disturb_question(sample, builder, noise);
	}
	question_free(&q);
	jsonl_record_free(record);
	return status;
}

enum pith_status sample_make(struct sample *sample, struct microbatch_builder *builder, const struct task_data *data, size_t line,
                             const struct sampling *sampling, bool *made, struct pith_error *err)
{
	struct jsonl_record *record;
	*made = false;
	sample_clear(sample);
	enum pith_status status = jsonl_read(&record, data->file, line, err);
	if (status != PITH_OK)
		return status;
	if (data->has_questions && sampling->renamed > 0 &&
	    !renaming_draw(&sample->renaming, data->file, line, sampling->renamed, &builder->random)) {
		jsonl_record_free(record);
		return fail_memory(err, "a sample");
	}
	size_t longest = (size_t)data->task.max_tokens;
	/* Texts are cut by the curriculum where memory has to carry them; questions come with their context. */
	size_t n = (size_t)sampling->length < longest ? (size_t)sampling->length : longest;
	if (data->task.objective == PITH_OBJECTIVE_LM)
		status = make_lm(sample, builder, record, longest, made, err);
	else if (data->task.objective == PITH_OBJECTIVE_REWRITE)
		status = make_rewrite(sample, builder, record, longest, made, err);
	else if (data->task.objective == PITH_OBJECTIVE_KEEP)
		status = make_keep(sample, builder, data, line, longest, made, err);
	else if (data->task.objective == PITH_OBJECTIVE_REGENERATE)
		status = make_regenerate(sample, builder, record, n, sampling->reader_noise, made, err);
	else if (data->task.objective == PITH_OBJECTIVE_ANSWER && !data->has_questions)
		status = make_answer(sample, builder, data, record, n, sampling, made, err);
	else
		status = make_answer(sample, builder, data, record, longest, sampling, made, err);
	jsonl_record_free(record);
	return status;
}
