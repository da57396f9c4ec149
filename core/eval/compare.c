/* Methods beside each other, over a data set. */
#include "pith/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "compress/document.h"
#include "eval/dataset.h"
#include "model/answer_entropy.h"
#include "eval/sample_means.h"
#include "eval/similarity.h"
#include "eval/words.h"
#include "text/facts.h"
#include "text/stems.h"

static const struct pith_measure_info measures[PITH_N_MEASURES] = {
	[PITH_MEASURE_CR] = {"cr", "CR", "compressed tokens by original tokens", 3, PITH_NEEDS_TEXTS},
	[PITH_MEASURE_DELTA_CR] = {"delta_cr", "dCR", "achieved CR less the target, whole tokens: above 0 is over budget", 4,
                                   PITH_NEEDS_TEXTS},
	[PITH_MEASURE_ABS_DELTA_CR] = {"abs_delta_cr", "abs dCR", "the same without its sign", 4, PITH_NEEDS_TEXTS},
	[PITH_MEASURE_OVER_BUDGET] = {"over_budget", "over", "share of the texts that have more tokens than asked for", 2,
                                      PITH_NEEDS_TEXTS},
	[PITH_MEASURE_F1] = {"f1", "F1", "SQuAD F1 of the answers", 3, PITH_NEEDS_QUESTIONS},
	[PITH_MEASURE_EM] = {"em", "EM", "SQuAD exact match of the answers", 3, PITH_NEEDS_QUESTIONS},
	[PITH_MEASURE_SUB_EM] = {"sub_em", "subEM", "share of the answers that hold a right one", 3, PITH_NEEDS_QUESTIONS},
	[PITH_MEASURE_KEPT] = {"kept", "kept", "F1 by that from the full text", 2, PITH_NEEDS_QUESTIONS},
	[PITH_MEASURE_FIDELITY] = {"fidelity", "fidelity",
                                   "(CE of the right answer with no text - with this) / (with no text - with the full text)", 2,
                                   PITH_NEEDS_QUESTIONS},
	[PITH_MEASURE_ANSWER_ROUGE_L] = {"answer_rouge_l", "ROUGE-L ans.", "ROUGE-L of the answer with the nearest right one", 3,
                                         PITH_NEEDS_QUESTIONS},
	[PITH_MEASURE_ROUGE_L] = {"rouge_l", "ROUGE-L text", "ROUGE-L of the compressed or regenerated text with the original", 3,
                                  PITH_NEEDS_TEXTS},
	[PITH_MEASURE_SIMILARITY] =
		{"similarity", "similarity",
                 "BERTScore's F over the model's own last hidden states, text and original, as far as its context", 3,
                 PITH_NEEDS_TEXTS},
	[PITH_MEASURE_TARGET_WORDS] =
		{"target_words", "target words",
                 "share of the content words of a text's target (a summary, a title) that are left, as stems", 2,
                 PITH_NEEDS_TARGETS},
	[PITH_MEASURE_LOST_NUMBERS] = {"lost_numbers", "lost numbers", "numbers of a text that are gone", 2, PITH_NEEDS_TEXTS},
	[PITH_MEASURE_LOST_NEGATIONS] = {"lost_negations", "negations", "negations of a text that are gone", 2, PITH_NEEDS_TEXTS},
	[PITH_MEASURE_LOST_NAMES] = {"lost_names", "names", "names of a text that are gone", 2, PITH_NEEDS_TEXTS},
	[PITH_MEASURE_SECONDS] = {"seconds", "s", "seconds to compress a text", 3, PITH_NEEDS_TEXTS},
	[PITH_MEASURE_BREAK_EVEN] =
		{"break_even", "break-even",
                 "questions after which compressing has paid: its seconds by what each reading then saves; infinite: never", 1,
                 PITH_NEEDS_QUESTIONS},
};

const struct pith_measure_info *pith_measures(void)
{
	return measures;
}

/* What is kept of a line for each target; measures are means or ratios of these. */
enum {
	CR, DELTA_CR, ABS_DELTA_CR, OVER_BUDGET, F1, EM, SUB_EM, ANSWER_ROUGE_L, ROUGE_L, SIMILARITY, TARGET_WORDS, LOST_NUMBERS,
	LOST_NEGATIONS, LOST_NAMES, SECONDS, F1_FULL, TOLD, TOLD_FULL, SAVED, N_COLUMNS
};

/* Which columns make a measure; by below 0: a mean. */
static const struct {
	int column, by;
} sources[PITH_N_MEASURES] = {
	[PITH_MEASURE_CR] = {CR, -1},
	[PITH_MEASURE_DELTA_CR] = {DELTA_CR, -1},
	[PITH_MEASURE_ABS_DELTA_CR] = {ABS_DELTA_CR, -1},
	[PITH_MEASURE_OVER_BUDGET] = {OVER_BUDGET, -1},
	[PITH_MEASURE_F1] = {F1, -1},
	[PITH_MEASURE_EM] = {EM, -1},
	[PITH_MEASURE_SUB_EM] = {SUB_EM, -1},
	[PITH_MEASURE_KEPT] = {F1, F1_FULL},
	[PITH_MEASURE_FIDELITY] = {TOLD, TOLD_FULL},
	[PITH_MEASURE_ANSWER_ROUGE_L] = {ANSWER_ROUGE_L, -1},
	[PITH_MEASURE_ROUGE_L] = {ROUGE_L, -1},
	[PITH_MEASURE_SIMILARITY] = {SIMILARITY, -1},
	[PITH_MEASURE_TARGET_WORDS] = {TARGET_WORDS, -1},
	[PITH_MEASURE_LOST_NUMBERS] = {LOST_NUMBERS, -1},
	[PITH_MEASURE_LOST_NEGATIONS] = {LOST_NEGATIONS, -1},
	[PITH_MEASURE_LOST_NAMES] = {LOST_NAMES, -1},
	[PITH_MEASURE_SECONDS] = {SECONDS, -1},
	[PITH_MEASURE_BREAK_EVEN] = {SECONDS, SAVED},
};

/* One target, or the full text, and what became of the lines so far. */
struct contender {
	const struct pith_compress_options *target; /* NULL: the full text */
	struct pith_compressed *compressed;         /* of the document at work; NULL: not made yet */
	struct sample_table scores;
	struct pith_error failure;
};

struct comparison {
	struct pith_model *model;
	const struct pith_control *control;
	struct pith_control quiet; /* for the calls inside */
	struct dataset *dataset;
	struct contender *all; /* the full text first */
	size_t n_all;
	const struct pith_method *against; /* NULL: none */
	bool asks, has_targets;
	size_t n_left_out;
	struct pith_error left_out; /* why the first was */
	/* The document at work; questions about one text stand together in most data sets and share it. */
	struct pith_document *document;
	struct token_vectors vectors; /* of the document */
};

/* What is known of a line before any target is measured. */
struct line {
	struct dataset_entry entry;
	double f1, nothing, everything; /* F1 of the full text; nats of the right answer with no text and with all of it */
	double first_seconds;           /* until the full text's answer begins */
};

static void drop_document(struct comparison *c)
{
	for (size_t i = 0; i < c->n_all; i++) {
		pith_compressed_destroy(c->all[i].compressed);
		c->all[i].compressed = NULL;
	}
	token_vectors_free(&c->vectors);
	pith_document_destroy(c->document);
	c->document = NULL;
}

static enum pith_status use_document(struct comparison *c, const char *text, size_t length, struct pith_error *err)
{
	if (c->document != NULL) {
		size_t old_length;
		const char *old = pith_document_text(c->document, &old_length);
		if (old_length == length && memcmp(old, text, length) == 0)
			return PITH_OK;
	}
	drop_document(c);
	enum pith_status status = pith_document_create(&c->document, c->model, text, length, err);
	if (status == PITH_OK)
		status = token_vectors_read(&c->vectors, c->model, text, length, &c->quiet, err);
	return status;
}

static void score_answer(double *scores, const struct dataset_entry *entry, const char *answer)
{
	scores[F1] = pith_squad_f1(entry->answers, entry->n_answers, answer);
	scores[EM] = pith_squad_em(entry->answers, entry->n_answers, answer);
	scores[SUB_EM] = pith_squad_sub_em(entry->answers, entry->n_answers, answer);
	for (size_t i = 0; i < entry->n_answers; i++)
		scores[ANSWER_ROUGE_L] = fmax(scores[ANSWER_ROUGE_L], pith_rouge_l(entry->answers[i], answer));
}

/* The full text is a contender too: what it scores is the others' measure. */
static enum pith_status measure_full(struct comparison *c, struct line *line, struct pith_error *err)
{
	double scores[N_COLUMNS] = {[CR] = 1, [ROUGE_L] = 1, [SIMILARITY] = 1};
	const struct dataset_entry *entry = &line->entry;
	enum pith_status status = PITH_OK;
	if (c->asks) {
		struct pith_generated answer = {0};
		status =
			answer_cross_entropy(&line->nothing, c->model, "", 0, entry->question, entry->answers[0], &c->quiet, err);
		if (status == PITH_OK)
			status = answer_cross_entropy(&line->everything, c->model, entry->text, entry->length, entry->question,
			                              entry->answers[0], &c->quiet, err);
		if (status == PITH_OK)
			status = pith_answer_text(&answer, c->model, entry->text, entry->length, entry->question, 0, &c->quiet,
			                          err);
		if (status == PITH_OK)
			score_answer(scores, entry, answer.text);
		line->f1 = scores[F1_FULL] = scores[F1];
		line->first_seconds = answer.first_token_seconds;
		scores[TOLD] = scores[TOLD_FULL] = line->nothing - line->everything;
		pith_generated_free(&answer);
	}
	if (status == PITH_OK && entry->target != NULL &&
	    !stem_share(&scores[TARGET_WORDS], entry->text, entry->length, entry->target))
		status = fail_memory(err, "the scores");
	if (status == PITH_OK && !sample_table_add(&c->all[0].scores, scores))
		status = fail_memory(err, "the scores");
	return status;
}

/*
 * A regenerated text may be longer than its original, and than the context: then of what fits from its beginning on, as a reader
 * without more room would have it.
 */
static enum pith_status entropy_of_beginning(double *nats, struct comparison *c, const struct line *line, const char *text,
                                             size_t length, struct pith_error *err)
{
	enum { TRIES = 12 };
	enum pith_status status = PITH_TOO_LONG;
	for (int i = 0; i < TRIES && status == PITH_TOO_LONG; i++) {
		status = answer_cross_entropy(nats, c->model, text, length, line->entry.question, line->entry.answers[0],
		                              &c->quiet, err);
		length -= length / 8;
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) /* a character stays whole */
			length--;
	}
	return status;
}

/* ROUGE-L of texts that may hold NULs. False: no memory. */
static bool scored_rouge_l(double *score, const char *original, size_t original_length, const char *text, size_t length)
{
	struct buffer reference = {0}, candidate = {0};
	bool done = words_scored(&reference, original, original_length) && words_scored(&candidate, text, length);
	if (done)
		*score = pith_rouge_l(reference.data, candidate.data);
	buffer_free(&reference);
	buffer_free(&candidate);
	return done;
}

static enum pith_status measure_text(double *scores, struct comparison *c, struct contender *contender, const struct line *line,
                                     struct pith_error *err)
{
	const char *text;
	size_t length, original_length;
	const char *original = pith_document_text(c->document, &original_length);
	struct token_vectors vectors = {0};
	enum pith_status status = compressed_readable(contender->compressed, c->model, &text, &length, &c->quiet, err);
	if (status == PITH_OK)
		status = token_vectors_read(&vectors, c->model, text, length, &c->quiet, err);
	if (status == PITH_OK)
		status = token_vectors_similarity(&scores[SIMILARITY], &c->vectors, &vectors, err);
	if (status == PITH_OK) {
		size_t numbers = lost_numbers(original, original_length, text, length);
		size_t names = lost_names(original, original_length, text, length);
		scores[LOST_NUMBERS] = (double)numbers;
		scores[LOST_NEGATIONS] = (double)lost_negations(original, original_length, text, length);
		scores[LOST_NAMES] = (double)names;
		if (numbers == SIZE_MAX || names == SIZE_MAX || !scored_rouge_l(&scores[ROUGE_L], original, original_length, text, length))
			status = fail_memory(err, "the scores");
	}
	if (status == PITH_OK && line->entry.target != NULL &&
	    !stem_share(&scores[TARGET_WORDS], text, length, line->entry.target))
		status = fail_memory(err, "the scores");
	if (status == PITH_OK && c->asks) {
		double nats;
		status = entropy_of_beginning(&nats, c, line, text, length, err);
		scores[TOLD] = line->nothing - nats;
		scores[TOLD_FULL] = line->nothing - line->everything;
	}
	token_vectors_free(&vectors);
	return status;
}

static enum pith_status measure_answer(double *scores, struct comparison *c, struct contender *contender,
                                       const struct line *line, struct pith_error *err)
{
	struct pith_generated answer = {0};
	enum pith_status status =
		pith_answer_compressed(&answer, c->model, contender->compressed, line->entry.question, 0, &c->quiet, err);
	if (status == PITH_OK)
		score_answer(scores, &line->entry, answer.text);
	scores[F1_FULL] = line->f1;
	scores[SAVED] = line->first_seconds - answer.first_token_seconds;
	pith_generated_free(&answer);
	return status;
}

/* From a document of its own: a method must not find what another one, or another rate, has computed for it. */
static enum pith_status compress_afresh(struct comparison *c, struct contender *contender, struct pith_error *err)
{
	struct pith_document *document;
	size_t length;
	const char *text = pith_document_text(c->document, &length);
	enum pith_status status = pith_document_create(&document, c->model, text, length, err);
	if (status == PITH_OK)
		status = pith_compress(&contender->compressed, document, contender->target, &c->quiet, err);
	pith_document_destroy(document);
	return status;
}

static enum pith_status measure_target(struct comparison *c, struct contender *contender, const struct line *line,
                                       struct pith_error *err)
{
	double scores[N_COLUMNS] = {0};
	enum pith_status status = contender->compressed == NULL ? compress_afresh(c, contender, err) : PITH_OK;
	/* Before the text is needed: a soft prompt's first question pays for bringing it back, as it does for a user. */
	if (status == PITH_OK && c->asks)
		status = measure_answer(scores, c, contender, line, err);
	if (status == PITH_OK)
		status = measure_text(scores, c, contender, line, err);
	if (status != PITH_OK)
		return status;
	const struct pith_compressed_info *info = pith_compressed_info(contender->compressed);
	scores[CR] = info->cr;
	scores[DELTA_CR] = info->delta_cr;
	scores[ABS_DELTA_CR] = fabs(info->delta_cr);
	scores[OVER_BUDGET] = info->compressed_tokens > info->budget_tokens;
	scores[SECONDS] = info->seconds;
	return sample_table_add(&contender->scores, scores) ? PITH_OK : fail_memory(err, "the scores");
}

/* A line that cannot be measured is no fault of the methods. */
static enum pith_status leave_out(struct comparison *c, size_t i, enum pith_status status, const struct pith_error *why)
{
	if (c->n_left_out++ == 0) {
		c->left_out = *why;
		dataset_blame(c->dataset, i, status, &c->left_out);
	}
	return PITH_OK;
}

static enum pith_status measure_line(struct comparison *c, size_t i, struct pith_error *err)
{
	struct line line = {0};
	struct pith_error why = {0};
	if (dataset_lacks_text(c->dataset, i)) {
		fail(&why, PITH_BAD_FILE, "there is no text.");
		return leave_out(c, i, PITH_BAD_FILE, &why);
	}
	enum pith_status status = c->asks ? dataset_read_question(&line.entry, c->dataset, i, err)
	                                  : dataset_read_text(&line.entry, c->dataset, i, err);
	if (status == PITH_OK && c->has_targets && line.entry.target == NULL) {
		dataset_entry_free(&line.entry);
		fail(&why, PITH_BAD_FILE, "there is no \"target\", as there is in the first line that has a text.");
		return leave_out(c, i, PITH_BAD_FILE, &why);
	}
	if (status != PITH_OK)
		return status; /* names the line itself */
	status = use_document(c, line.entry.text, line.entry.length, &why);
	if (status == PITH_OK)
		status = measure_full(c, &line, &why);
	if (status == PITH_TOO_LONG) {
		dataset_entry_free(&line.entry);
		return leave_out(c, i, status, &why);
	}
	if (status != PITH_OK && err != NULL)
		*err = why;
	for (size_t t = 1; status == PITH_OK && t < c->n_all; t++) {
		struct contender *contender = &c->all[t];
		struct pith_error failure = {0};
		if (contender->failure.code != PITH_OK)
			continue;
		status = measure_target(c, contender, &line, &failure);
		if (status == PITH_CANCELLED || status == PITH_NO_MEMORY) {
			if (err != NULL)
				*err = failure;
		} else if (status != PITH_OK) {
			dataset_blame(c->dataset, i, status, &failure);
			contender->failure = failure;
			status = PITH_OK;
		}
	}
	dataset_entry_free(&line.entry);
	return status == PITH_OK || status == PITH_CANCELLED ? status : dataset_blame(c->dataset, i, status, err);
}

/* Do the lines have questions? The first one that has a text tells. */
static enum pith_status find_kind(struct comparison *c, struct pith_error *err)
{
	struct dataset_entry entry;
	size_t first = 0;
	while (first + 1 < dataset_size(c->dataset) && dataset_lacks_text(c->dataset, first))
		first++;
	c->asks = dataset_asks(c->dataset, first);
	enum pith_status status = c->asks ? dataset_read_question(&entry, c->dataset, first, err)
	                                  : dataset_read_text(&entry, c->dataset, first, err);
	c->has_targets = status == PITH_OK && entry.target != NULL;
	dataset_entry_free(&entry);
	return status;
}

static enum pith_status begin(struct comparison *c, struct pith_model *model, const struct pith_compare_options *options,
                              const struct pith_control *control, struct pith_error *err)
{
	*c = (struct comparison){.model = model, .control = control, .against = options->against};
	if (control != NULL)
		c->quiet = (struct pith_control){.log = control->log, .user = control->user, .cancel = control->cancel};
	c->all = calloc(1 + options->n_targets, sizeof *c->all);
	if (c->all == NULL)
		return fail_memory(err, "the comparison");
	c->n_all = 1 + options->n_targets;
	for (size_t i = 0; i < c->n_all; i++) {
		c->all[i].scores.n_columns = N_COLUMNS;
		c->all[i].target = i == 0 ? NULL : &options->targets[i - 1];
	}
	enum pith_status status = dataset_open(&c->dataset, options->data_path, options->limit, err);
	return status == PITH_OK ? find_kind(c, err) : status;
}

static bool has_needed(const struct comparison *c, const struct pith_measure_info *measure)
{
	return measure->needs == PITH_NEEDS_QUESTIONS ? c->asks : measure->needs == PITH_NEEDS_TARGETS ? c->has_targets : true;
}

static void fill_row(struct pith_compare_row *row, const struct contender *contender, const struct comparison *c)
{
	row->target = contender->target;
	row->failure = contender->failure;
	for (size_t m = 0; m < PITH_N_MEASURES; m++) {
		size_t column = (size_t)sources[m].column;
		bool costs = m == PITH_MEASURE_SECONDS || m == PITH_MEASURE_BREAK_EVEN;
		row->has[m] = contender->failure.code == PITH_OK && contender->scores.n > 0 && has_needed(c, &measures[m]) &&
		              (contender->target != NULL || !costs);
		if (row->has[m])
			row->values[m] = sources[m].by < 0
			                         ? sample_table_mean(&contender->scores, column)
			                         : sample_table_ratio(&contender->scores, column, (size_t)sources[m].by,
			                                              m == PITH_MEASURE_BREAK_EVEN ? INFINITY : 0);
	}
}

static bool same_target(const struct pith_compress_options *a, const struct pith_compress_options *b)
{
	return a->n_tokens == b->n_tokens && (a->n_tokens > 0 || fabs(a->rate - b->rate) < 1e-9);
}

/* The method that others are compared with, at the target of row i; NULL: it is not there, or failed. */
static const struct contender *find_opponent(const struct comparison *c, size_t i, const struct pith_method *against)
{
	const struct pith_compress_options *target = c->all[i].target;
	if (target == NULL || against == NULL || target->method == against)
		return NULL;
	for (size_t t = 1; t < c->n_all; t++) {
		const struct contender *other = &c->all[t];
		if (other->target->method == against && same_target(other->target, target) && other->failure.code == PITH_OK)
			return other;
	}
	return NULL;
}

static void fill_differences(struct pith_compare_row *row, const struct contender *contender, const struct contender *opponent)
{
	const struct sample_table *ours = &contender->scores, *theirs = &opponent->scores;
	for (size_t m = 0; m < PITH_N_MEASURES; m++) {
		size_t column = (size_t)sources[m].column;
		/* Questions until it pays are no amount: some are never enough. */
		row->has_difference[m] = row->has[m] && ours->n == theirs->n && m != PITH_MEASURE_BREAK_EVEN;
		if (row->has_difference[m])
			row->differences[m] =
				sources[m].by < 0 ? sample_table_mean_difference(ours, theirs, column)
						  : sample_table_ratio_difference(ours, theirs, column, (size_t)sources[m].by);
	}
}

static enum pith_status report(struct pith_compare_report *out, const struct comparison *c, struct pith_error *err)
{
	out->rows = calloc(c->n_all, sizeof *out->rows);
	if (out->rows == NULL)
		return fail_memory(err, "the comparison");
	out->n_rows = c->n_all;
	out->n = c->all[0].scores.n;
	out->asks = c->asks;
	out->n_left_out = c->n_left_out;
	out->left_out = c->left_out;
	for (size_t i = 0; i < c->n_all; i++) {
		const struct contender *opponent = find_opponent(c, i, c->against);
		fill_row(&out->rows[i], &c->all[i], c);
		if (opponent != NULL)
			fill_differences(&out->rows[i], &c->all[i], opponent);
	}
	return PITH_OK;
}

static enum pith_status tell_progress(const struct comparison *c, size_t n_done, struct pith_error *err)
{
	const struct pith_control *control = c->control;
	size_t n = dataset_size(c->dataset);
	if (control != NULL && control->progress != NULL)
		control->progress(control->user, "comparing", (double)n_done, (double)n);
	if (n_done < n && is_cancelled(control))
		return fail(err, PITH_CANCELLED, "The comparison was stopped after %zu of %zu lines.", n_done, n);
	return PITH_OK;
}

static void cut_lines(struct comparison *c, size_t n)
{
	for (size_t i = 0; i < c->n_all; i++)
		c->all[i].scores.n = c->all[i].scores.n < n ? c->all[i].scores.n : n;
}

enum pith_status pith_compare(struct pith_compare_report *out, struct pith_model *model,
                              const struct pith_compare_options *options, const struct pith_control *control,
                              struct pith_error *err)
{
	struct comparison c;
	*out = (struct pith_compare_report){0};
	enum pith_status status = begin(&c, model, options, control, err);
	size_t n = status == PITH_OK ? dataset_size(c.dataset) : 0;
	for (size_t i = 0; status == PITH_OK && i < n; i++) {
		size_t n_before = c.all[0].scores.n;
		status = tell_progress(&c, i, err);
		if (status == PITH_OK)
			status = measure_line(&c, i, err);
		if (status != PITH_OK) /* a line that was not finished counts for none */
			cut_lines(&c, n_before);
	}
	if (status == PITH_OK)
		status = tell_progress(&c, n, err);
	enum pith_status reported = c.all == NULL ? PITH_OK : report(out, &c, status == PITH_OK ? err : NULL);
	drop_document(&c);
	for (size_t i = 0; i < c.n_all; i++)
		sample_table_free(&c.all[i].scores);
	free(c.all);
	dataset_close(c.dataset);
	return status == PITH_OK ? reported : status;
}

void pith_compare_report_free(struct pith_compare_report *report)
{
	free(report->rows);
	*report = (struct pith_compare_report){0};
}
