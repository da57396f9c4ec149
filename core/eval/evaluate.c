#define _POSIX_C_SOURCE 200809L
/*
 * Runs over data sets: every line through the public calls that a user's
 * document goes through, so that a score says what the screen would show.
 */
#include "pith/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "eval/dataset.h"
#include "eval/sample_means.h"
#include "eval/words.h"
#include "text/unicode.h"

/* What both kinds of run have. */
struct run {
	struct pith_model *model;
	const struct pith_evaluate_options *options;
	const struct pith_control *control;
	struct pith_control quiet; /* for the calls inside: the run shows its own progress and no text */
	struct dataset *dataset;
	double began;
	/* The document at work; questions about one text stand together in most data sets and share it. */
	struct pith_document *document;
	struct pith_compressed *compressed;
	struct sample_table scores;
	double cr, delta_cr, abs_delta_cr; /* sums over the lines */
	size_t n_chunks, n_chunks_extractive;
	double refine_steps; /* sum over the texts that were refined, ... */
	size_t n_refined;    /* ... so many */
};

static enum pith_status run_begin(struct run *run, size_t n_columns, struct pith_model *model,
				  const struct pith_evaluate_options *options, const struct pith_control *control,
				  struct pith_error *err)
{
	*run = (struct run){.model = model, .options = options, .control = control, .scores.n_columns = n_columns};
	run->began = clock_seconds();
	if (control != NULL) {
		run->quiet.log = control->log;
		run->quiet.user = control->user;
		run->quiet.cancel = control->cancel;
	}
	if (options->compress.method == NULL)
		return fail(err, PITH_BAD_ARGUMENT, "No compression method was chosen.");
	return dataset_open(&run->dataset, options->data_path, options->limit, err);
}

static void drop_document(struct run *run)
{
	pith_compressed_destroy(run->compressed);
	pith_document_destroy(run->document);
	run->compressed = NULL;
	run->document = NULL;
}

static void run_end(struct run *run)
{
	drop_document(run);
	sample_table_free(&run->scores);
	dataset_close(run->dataset);
}

/* Tells how far the run is; the place where it stops when asked to. */
static enum pith_status run_progress(const struct run *run, size_t n_done, struct pith_error *err)
{
	const struct pith_control *control = run->control;
	if (control != NULL && control->progress != NULL)
		control->progress(control->user, "evaluating", (double)n_done, (double)dataset_size(run->dataset));
	if (n_done < dataset_size(run->dataset) && is_cancelled(control))
		return fail(err, PITH_CANCELLED, "The evaluation was stopped after %zu of %zu lines.", n_done,
			    dataset_size(run->dataset));
	return PITH_OK;
}

/* Makes run->document and run->compressed of this text, unless they are already. */
static enum pith_status run_compress(struct run *run, const char *text, size_t length, struct pith_error *err)
{
	if (run->compressed != NULL) {
		size_t old_length;
		const char *old = pith_document_text(run->document, &old_length);
		if (old_length == length && memcmp(old, text, length) == 0)
			return PITH_OK;
	}
	drop_document(run);
	enum pith_status status = pith_document_create(&run->document, run->model, text, length, err);
	if (status == PITH_OK)
		status = pith_compress(&run->compressed, run->document, &run->options->compress, &run->quiet, err);
	if (status == PITH_OK && run->options->refine_steps > 0) {
		struct pith_refine_options options;
		struct pith_refine_result result;
		pith_refine_options_init(&options);
		options.n_steps = run->options->refine_steps;
		status = pith_refine(run->compressed, run->document, &options, &result, &run->quiet, err);
		run->refine_steps += result.n_steps;
		run->n_refined++;
	}
	return status;
}

/* Keeps a line's scores, CR, and its distance from the target. */
static enum pith_status add_scores(struct run *run, const double *scores, struct pith_error *err)
{
	const struct pith_compressed_info *info = pith_compressed_info(run->compressed);
	if (!sample_table_add(&run->scores, scores))
		return fail_memory(err, "the scores");
	run->cr += info->cr;
	run->delta_cr += info->delta_cr;
	run->abs_delta_cr += fabs(info->delta_cr);
	run->n_chunks += info->n_chunks;
	run->n_chunks_extractive += info->n_chunks_extractive;
	return PITH_OK;
}

static double per_line(const struct run *run, double sum)
{
	return run->scores.n > 0 ? sum / (double)run->scores.n : 0;
}

/* Bytes of the first max_tokens tokens of text, in whole characters but at least one; 0 max_tokens: everything. */
static enum pith_status cut_length(const struct run *run, const char *text, size_t *length, struct pith_error *err)
{
	size_t max_tokens = run->options->max_length_tokens;
	if (max_tokens == 0)
		return PITH_OK;
	struct pith_token *tokens;
	size_t n;
	enum pith_status status = pith_tokenize(run->model, text, *length, &tokens, &n, err);
	if (status != PITH_OK)
		return status;
	if (n > max_tokens) {
		size_t end = tokens[max_tokens - 1].end;
		end -= unicode_incomplete_tail(text, end);
		int32_t code;
		*length = end > 0 ? end : unicode_next(text, *length, &code);
	}
	free(tokens);
	return PITH_OK;
}

static double steps_per_text(const struct run *run)
{
	return run->n_refined > 0 ? run->refine_steps / (double)run->n_refined : 0;
}

enum { ROUGE_L, ROUGE_L_SET, BLEU, EXACT, MATCHED_PREFIX, N_REGENERATE_SCORES };

static enum pith_status score_regenerated(double scores[N_REGENERATE_SCORES], const char *text, size_t length, const char *back,
					  size_t back_length, struct pith_error *err)
{
	struct buffer reference = {0}, candidate = {0};
	bool done = words_scored(&reference, text, length) && words_scored(&candidate, back, back_length);
	if (done) {
		scores[ROUGE_L] = pith_rouge_l(reference.data, candidate.data);
		scores[ROUGE_L_SET] = pith_rouge_l_set(reference.data, candidate.data);
		scores[BLEU] = pith_bleu(reference.data, candidate.data);
		scores[EXACT] = strcmp(reference.data, candidate.data) == 0;
		scores[MATCHED_PREFIX] = pith_matched_prefix(reference.data, candidate.data);
	}
	buffer_free(&reference);
	buffer_free(&candidate);
	return done ? PITH_OK : fail_memory(err, "scoring a text");
}

static enum pith_status regenerate_entry(struct run *run, size_t i, struct pith_error *err)
{
	struct dataset_entry entry;
	enum pith_status status = dataset_read_text(&entry, run->dataset, i, err);
	if (status != PITH_OK)
		return status; /* names the line itself */
	struct pith_generated generated = {0};
	double scores[N_REGENERATE_SCORES];
	size_t length = entry.length;
	status = cut_length(run, entry.text, &length, err);
	if (status == PITH_OK)
		status = run_compress(run, entry.text, length, err);
	if (status == PITH_OK) {
		const char *back;
		size_t back_length;
		if (run->options->compress.method->family != PITH_SOFT) {
			back = pith_compressed_text(run->compressed, &back_length);
		} else {
			status = pith_regenerate(&generated, run->model, run->compressed, 0, &run->quiet, err);
			back = generated.text;
			back_length = generated.length;
		}
		if (status == PITH_OK)
			status = score_regenerated(scores, entry.text, length, back, back_length, err);
	}
	if (status == PITH_OK)
		status = add_scores(run, scores, err);
	pith_generated_free(&generated);
	dataset_entry_free(&entry);
	return status == PITH_OK || status == PITH_CANCELLED ? status : dataset_blame(run->dataset, i, status, err);
}

enum pith_status pith_evaluate_regenerate(struct pith_regenerate_scores *out, struct pith_model *model,
					  const struct pith_evaluate_options *options, const struct pith_control *control,
					  struct pith_error *err)
{
	*out = (struct pith_regenerate_scores){0};
	struct run run;
	enum pith_status status = run_begin(&run, N_REGENERATE_SCORES, model, options, control, err);
	for (size_t i = 0; status == PITH_OK && i < dataset_size(run.dataset); i++) {
		status = run_progress(&run, i, err);
		if (status == PITH_OK)
			status = regenerate_entry(&run, i, err);
	}
	if (status == PITH_OK)
		status = run_progress(&run, run.scores.n, err);
	*out = (struct pith_regenerate_scores){
		.n = run.scores.n,
		.rouge_l = sample_table_mean(&run.scores, ROUGE_L),
		.rouge_l_set = sample_table_mean(&run.scores, ROUGE_L_SET),
		.bleu = sample_table_mean(&run.scores, BLEU),
		.exact = sample_table_mean(&run.scores, EXACT),
		.matched_prefix = sample_table_mean(&run.scores, MATCHED_PREFIX),
		.cr = per_line(&run, run.cr),
		.delta_cr = per_line(&run, run.delta_cr),
		.refine_steps = steps_per_text(&run),
	};
	out->seconds = clock_seconds() - run.began;
	run_end(&run);
	return status;
}

static enum pith_status score_rouge_l(double *score, const struct run *run, const struct pith_compressed *compressed,
				      const struct dataset_entry *entry, size_t length, struct pith_error *err)
{
	struct pith_generated back;
	double scores[N_REGENERATE_SCORES] = {0};
	enum pith_status status = pith_regenerate(&back, run->model, compressed, 0, &run->quiet, err);
	if (status == PITH_OK)
		status = score_regenerated(scores, entry->text, length, back.text, back.length, err);
	*score = scores[ROUGE_L];
	pith_generated_free(&back);
	return status;
}

/* The first line says how many memory tokens there are, and so how many scores a line has: with all, then what each loses. */
static enum pith_status check_memory(struct run *run, struct pith_error *err)
{
	size_t k = pith_compressed_info(run->compressed)->compressed_tokens;
	if (run->options->compress.method->family != PITH_SOFT || k < 2)
		return fail(err, PITH_BAD_ARGUMENT, "Taking memory tokens away needs a soft method and at least two of them.");
	if (run->scores.n == 0)
		run->scores.n_columns = 1 + k;
	if (run->scores.n_columns != 1 + k)
		return fail(err, PITH_BAD_ARGUMENT, "This text has %zu memory tokens, those before had %zu.", k,
			    run->scores.n_columns - 1);
	return PITH_OK;
}

static enum pith_status score_memory(struct run *run, const struct dataset_entry *entry, size_t length, struct pith_error *err)
{
	enum pith_status status = check_memory(run, err);
	if (status != PITH_OK)
		return status;
	size_t k = run->scores.n_columns - 1;
	double *scores = calloc(1 + k, sizeof *scores);
	status =
		scores == NULL ? fail_memory(err, "the scores") : score_rouge_l(scores, run, run->compressed, entry, length, err);
	for (size_t j = 0; status == PITH_OK && j < k; j++) {
		struct pith_compressed *without;
		status = pith_compressed_without(&without, run->compressed, j, err);
		if (status == PITH_OK)
			status = score_rouge_l(&scores[1 + j], run, without, entry, length, err);
		pith_compressed_destroy(without);
		if (status == PITH_OK)
			scores[1 + j] = scores[0] - scores[1 + j];
	}
	if (status == PITH_OK)
		status = add_scores(run, scores, err);
	free(scores);
	return status;
}

static enum pith_status memory_entry(struct run *run, size_t i, struct pith_error *err)
{
	struct dataset_entry entry;
	enum pith_status status = dataset_read_text(&entry, run->dataset, i, err);
	if (status != PITH_OK)
		return status; /* names the line itself */
	size_t length = entry.length;
	status = cut_length(run, entry.text, &length, err);
	if (status == PITH_OK)
		status = run_compress(run, entry.text, length, err);
	if (status == PITH_OK)
		status = score_memory(run, &entry, length, err);
	dataset_entry_free(&entry);
	return status == PITH_OK || status == PITH_CANCELLED ? status : dataset_blame(run->dataset, i, status, err);
}

/* 1 when all carry the same, 0 when one carries everything or none anything. */
static double find_evenness(const struct pith_mean *lost, size_t n)
{
	double sum = 0, entropy = 0;
	for (size_t j = 0; j < n; j++)
		sum += fmax(lost[j].mean, 0);
	for (size_t j = 0; j < n; j++) {
		double share = sum > 0 ? fmax(lost[j].mean, 0) / sum : 0;
		entropy -= share > 0 ? share * log(share) : 0;
	}
	return n > 1 ? entropy / log((double)n) : 0;
}

static enum pith_status sum_up_memory(struct pith_memory_scores *out, const struct run *run, struct pith_error *err)
{
	out->n = run->scores.n;
	if (out->n == 0)
		return PITH_OK;
	out->rouge_l = sample_table_mean(&run->scores, 0);
	size_t n_tokens = run->scores.n_columns - 1;
	out->lost = calloc(n_tokens, sizeof *out->lost);
	if (out->lost == NULL)
		return fail_memory(err, "the scores");
	out->n_tokens = n_tokens;
	for (size_t j = 0; j < n_tokens; j++)
		out->lost[j] = sample_table_mean(&run->scores, 1 + j);
	out->evenness = find_evenness(out->lost, n_tokens);
	return PITH_OK;
}

enum pith_status pith_evaluate_memory(struct pith_memory_scores *out, struct pith_model *model,
				      const struct pith_evaluate_options *options, const struct pith_control *control,
				      struct pith_error *err)
{
	*out = (struct pith_memory_scores){0};
	struct run run;
	enum pith_status status = run_begin(&run, 0, model, options, control, err);
	for (size_t i = 0; status == PITH_OK && i < dataset_size(run.dataset); i++) {
		status = run_progress(&run, i, err);
		if (status == PITH_OK)
			status = memory_entry(&run, i, err);
	}
	if (status == PITH_OK)
		status = run_progress(&run, run.scores.n, err);
	enum pith_status summed = sum_up_memory(out, &run, status == PITH_OK ? err : NULL);
	out->seconds = clock_seconds() - run.began;
	run_end(&run);
	return status == PITH_OK ? summed : status;
}

void pith_memory_scores_free(struct pith_memory_scores *scores)
{
	free(scores->lost);
	*scores = (struct pith_memory_scores){0};
}

enum { F1, EM, F1_FULL, EM_FULL, N_ANSWER_SCORES };

static enum pith_status answer_entry(struct run *run, size_t i, struct pith_error *err)
{
	struct dataset_entry entry;
	enum pith_status status = dataset_read_question(&entry, run->dataset, i, err);
	if (status != PITH_OK)
		return status; /* names the line itself */
	struct pith_generated from_full = {0}, from_compressed = {0};
	status = pith_answer_text(&from_full, run->model, entry.text, entry.length, entry.question, 0, &run->quiet, err);
	if (status == PITH_OK)
		status = run_compress(run, entry.text, entry.length, err);
	if (status == PITH_OK)
		status = pith_answer_compressed(&from_compressed, run->model, run->compressed, entry.question, 0, &run->quiet,
						err);
	if (status == PITH_OK) {
		double scores[N_ANSWER_SCORES] = {
			[F1] = pith_squad_f1(entry.answers, entry.n_answers, from_compressed.text),
			[EM] = pith_squad_em(entry.answers, entry.n_answers, from_compressed.text),
			[F1_FULL] = pith_squad_f1(entry.answers, entry.n_answers, from_full.text),
			[EM_FULL] = pith_squad_em(entry.answers, entry.n_answers, from_full.text),
		};
		status = add_scores(run, scores, err);
	}
	pith_generated_free(&from_full);
	pith_generated_free(&from_compressed);
	dataset_entry_free(&entry);
	return status == PITH_OK || status == PITH_CANCELLED ? status : dataset_blame(run->dataset, i, status, err);
}

enum pith_status pith_evaluate_answer(struct pith_answer_scores *out, struct pith_model *model,
				      const struct pith_evaluate_options *options, const struct pith_control *control,
				      struct pith_error *err)
{
	*out = (struct pith_answer_scores){0};
	struct run run;
	enum pith_status status = run_begin(&run, N_ANSWER_SCORES, model, options, control, err);
	for (size_t i = 0; status == PITH_OK && i < dataset_size(run.dataset); i++) {
		status = run_progress(&run, i, err);
		if (status == PITH_OK)
			status = answer_entry(&run, i, err);
	}
	if (status == PITH_OK)
		status = run_progress(&run, run.scores.n, err);
	*out = (struct pith_answer_scores){
		.n = run.scores.n,
		.f1 = sample_table_mean(&run.scores, F1),
		.em = sample_table_mean(&run.scores, EM),
		.f1_full = sample_table_mean(&run.scores, F1_FULL),
		.em_full = sample_table_mean(&run.scores, EM_FULL),
		.retained = sample_table_ratio(&run.scores, F1, F1_FULL, 0),
		.cr = per_line(&run, run.cr),
		.delta_cr = per_line(&run, run.delta_cr),
		.abs_delta_cr = per_line(&run, run.abs_delta_cr),
		.refine_steps = steps_per_text(&run),
		.extractive = run.n_chunks > 0 ? (double)run.n_chunks_extractive / (double)run.n_chunks : 0,
	};
	out->seconds = clock_seconds() - run.began;
	run_end(&run);
	return status;
}
