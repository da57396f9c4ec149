/*
 * What is wanted, and what came of it. One job runs at a time; the order in
 * jobs_schedule() is the order in which things can be had: file, model, tokens,
 * compressed form, answer, regeneration. Something newer cancels what it makes
 * useless.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>

#include "prompt.h"
#include "widgets/gauge.h"
#include "workbench.h"

/* A message is read for this long before a new result may clear it. */
#define MESSAGE_SECONDS 4.0

struct pith_compress_options jobs_options(const struct workbench *workbench, struct slider_value value)
{
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	options.method = workbench->method;
	options.rate = value.rate;
	options.n_tokens = value.n_tokens;
	options.keep_digits = workbench->settings->keep_digits;
	options.keep_negations = workbench->settings->keep_negations;
	options.compat = workbench->settings->compat;
	options.keep_facts = workbench->settings->keep_facts;
	options.server = workbench->settings->server;
	options.server_model = workbench->settings->server_model;
	options.server_seconds = workbench->settings->server_timeout;
	return options;
}

size_t jobs_budget(const struct workbench *workbench)
{
	if (!workbench->tokenised)
		return 0;
	struct pith_compress_options options = jobs_options(workbench, workbench->slider.live);
	return pith_compress_budget(&options, workbench->n_tokens);
}

static void drop_regenerated(struct workbench *workbench)
{
	comparison_destroy(workbench->comparison);
	workbench->comparison = NULL;
	bytes_clear(&workbench->regenerated);
	workbench->regenerating = false;
	workbench->result_stale = true;
	workbench->result_leads = false; /* the place in the document stays while the other text comes anew */
}

static void drop_compressed(struct workbench *workbench)
{
	shown_compressed_destroy(workbench->compressed);
	workbench->compressed = NULL;
	workbench->document_stale = true;
	drop_regenerated(workbench);
}

static void drop_answers(struct workbench *workbench)
{
	for (int i = 0; i < N_ANSWERS; i++) {
		bytes_clear(&workbench->answers[i].text);
		workbench->answers[i].done = false;
		workbench->answers[i].pane.top = 0;
	}
}

/* Stops a job whose result nobody waits for any more. */
static void supersede(struct workbench *workbench)
{
	if (!workbench->running.active)
		return;
	workbench->running.superseded = true;
	worker_cancel(workbench->worker);
}

void jobs_want_document(struct workbench *workbench, char *name, char *text, size_t length)
{
	free(workbench->document_name);
	free(workbench->text);
	free(workbench->sentences);
	workbench->document_name = name;
	workbench->text = text;
	workbench->length = length;
	workbench->tokenised = false;
	workbench->n_tokens = workbench->n_sentences = 0;
	workbench->sentences = NULL;
	drop_compressed(workbench);
	drop_answers(workbench);
	free(workbench->question);
	workbench->question = NULL;
	workbench->asked = false;
	if (workbench->focus == FOCUS_ANSWERS)
		workbench->focus = FOCUS_SLIDER;
	workbench->document_pane.top = workbench->result_pane.top = 0;
	free(workbench->wanted.question);
	workbench->wanted.question = NULL;
	workbench->wanted.regenerated = workbench->wanted.refined = false;
	workbench->wanted.document = true;
	workbench->wanted.compressed = true;
	if (workbench->running.kind != TASK_MODEL)
		supersede(workbench);
	workbench->dirty = true;
}

void jobs_want_file(struct workbench *workbench, const char *path)
{
	char *copy = strdup(path);
	if (copy == NULL)
		return;
	free(workbench->wanted.path);
	workbench->wanted.path = copy;
	/* The document that is open stays until the file has been read, but nothing may make the file wait. */
	if (workbench->running.kind != TASK_MODEL && workbench->running.kind != TASK_SAVE)
		supersede(workbench);
}

void jobs_want_compressed(struct workbench *workbench)
{
	slider_settle(&workbench->slider);
	workbench->settle_at = 0;
	workbench->follow = false;
	workbench->wanted.compressed = workbench->text != NULL;
	workbench->wanted.regenerated = workbench->wanted.refined = false;
	if (workbench->running.kind == TASK_COMPRESS || workbench->running.kind == TASK_REGENERATE ||
	    workbench->running.kind == TASK_REFINE)
		supersede(workbench);
	workbench->dirty = true;
}

void jobs_want_answer(struct workbench *workbench, const char *question)
{
	char *copy = strdup(question);
	if (copy == NULL)
		return;
	free(workbench->wanted.question);
	workbench->wanted.question = copy;
	if (workbench->running.kind == TASK_REGENERATE && workbench->running.active) {
		/* It goes on afterwards: whoever asks wants the answer first. */
		supersede(workbench);
		workbench->wanted.regenerated = true;
	} else if (workbench->running.kind == TASK_REFINE && workbench->running.active) {
		supersede(workbench); /* what was reached is kept */
		workbench->wanted.refined = true;
	} else if (workbench->running.kind == TASK_ASK) {
		supersede(workbench);
	}
}

void jobs_want_regenerated(struct workbench *workbench)
{
	workbench->wanted.regenerated = true;
	if (workbench->running.kind == TASK_REGENERATE)
		supersede(workbench);
}

void jobs_want_refined(struct workbench *workbench)
{
	workbench->wanted.refined = true;
	if (workbench->running.kind == TASK_REGENERATE)
		supersede(workbench);
}

void jobs_want_saved(struct workbench *workbench, const char *path)
{
	free(workbench->wanted.save_path);
	workbench->wanted.save_path = strdup(path);
}

void jobs_cancel(struct workbench *workbench)
{
	if (!workbench->running.active)
		return;
	worker_cancel(workbench->worker);
	/* Nor does anybody wait for what would have come after it. */
	workbench->running.cancelled = true;
	workbench->wanted.compressed = workbench->wanted.compressed && workbench->running.kind == TASK_MODEL;
	workbench->wanted.regenerated = workbench->wanted.refined = false;
	if (workbench->wanted.question != NULL && prompt_kind() != PROMPT_QUESTION)
		prompt_keep_question(workbench->wanted.question);
	free(workbench->wanted.question);
	workbench->wanted.question = NULL;
	workbench->dirty = true;
}

static void start(struct workbench *workbench, struct task *task)
{
	if (task == NULL) {
		workbench_say(workbench, ROLE_ERROR, "Not enough memory.");
		return;
	}
	workbench->running = (struct running){.active = true, .kind = task->kind, .since = workbench_now()};
	worker_submit(workbench->worker, &task->job);
	workbench->dirty = true;
}

static void start_read(struct workbench *workbench)
{
	struct task *task = task_create(workbench->engine, TASK_READ, workbench->wanted.path, NULL, 0);
	free(workbench->wanted.path);
	workbench->wanted.path = NULL;
	start(workbench, task);
}

static void start_model(struct workbench *workbench)
{
	workbench->wanted.model = false;
	struct task *task = task_create(workbench->engine, TASK_MODEL, workbench->model_path, NULL, 0);
	if (task != NULL)
		task->n_threads = workbench->settings->threads;
	start(workbench, task);
}

static void start_save(struct workbench *workbench)
{
	struct task *task = task_create(workbench->engine, TASK_SAVE, workbench->wanted.save_path, NULL, 0);
	free(workbench->wanted.save_path);
	workbench->wanted.save_path = NULL;
	start(workbench, task);
}

static void start_document(struct workbench *workbench)
{
	workbench->wanted.document = false;
	start(workbench, task_create(workbench->engine, TASK_DOCUMENT, NULL, workbench->text, workbench->length));
}

static void start_compress(struct workbench *workbench)
{
	workbench->wanted.compressed = false;
	struct task *task = task_create(workbench->engine, TASK_COMPRESS, NULL, NULL, 0);
	if (task != NULL)
		task->options = jobs_options(workbench, workbench->slider.settled);
	start(workbench, task);
}

static void start_ask(struct workbench *workbench)
{
	struct task *task = task_create(workbench->engine, TASK_ASK, NULL, NULL, 0);
	free(workbench->question);
	workbench->question = workbench->wanted.question;
	workbench->wanted.question = NULL;
	if (task != NULL) {
		task->max_tokens = (size_t)workbench->settings->max_answer_tokens;
		task->question = strdup(workbench->question);
		if (task->question == NULL) {
			task_destroy(task);
			task = NULL;
		}
	}
	drop_answers(workbench);
	workbench->asked = true;
	workbench->asked_cr = workbench->compressed == NULL ? 1 : workbench->compressed->info.cr;
	start(workbench, task);
}

static void start_regenerate(struct workbench *workbench)
{
	workbench->wanted.regenerated = false;
	drop_regenerated(workbench);
	workbench->regenerating = true;
	workbench->view = VIEW_REGENERATED;
	start(workbench, task_create(workbench->engine, TASK_REGENERATE, NULL, NULL, 0));
}

/* What was regenerated before stays until the first look at what has healed. */
static void start_refine(struct workbench *workbench)
{
	workbench->wanted.refined = workbench->wanted.regenerated = false;
	workbench->regenerating = true;
	workbench->view = VIEW_REGENERATED;
	start(workbench, task_create(workbench->engine, TASK_REFINE, NULL, NULL, 0));
}

void jobs_schedule(struct workbench *workbench)
{
	if (workbench->running.active)
		return;
	if (workbench->wanted.path != NULL)
		start_read(workbench);
	else if (workbench->wanted.model)
		start_model(workbench);
	else if (!workbench->has_model)
		return;
	else if (workbench->wanted.document && workbench->text != NULL)
		start_document(workbench);
	else if (!workbench->tokenised)
		return;
	else if (workbench->wanted.compressed)
		start_compress(workbench);
	else if (workbench->wanted.save_path != NULL)
		start_save(workbench);
	else if (workbench->wanted.question != NULL)
		start_ask(workbench);
	else if (workbench->wanted.refined)
		start_refine(workbench);
	else if (workbench->wanted.regenerated)
		start_regenerate(workbench);
}

static void finish_read(struct workbench *workbench, struct task *task)
{
	const char *slash = strrchr(task->path, '/');
	bool standard_input = strcmp(task->path, "-") == 0;
	char *name = strdup(standard_input ? "standard input" : slash == NULL ? task->path : slash + 1);
	if (name == NULL)
		return;
	workbench->message[0] = '\0';
	if (task->invalid_utf8)
		workbench_say(workbench, ROLE_WARNING, "%s has bytes that are not UTF-8; they are shown as <0xNN>.", name);
	char *text = task->text;
	task->text = NULL;
	jobs_want_document(workbench, name, text, task->length);
}

static void finish_model(struct workbench *workbench, const struct task *task)
{
	workbench->model = task->model;
	workbench->has_model = true;
	workbench->wanted.document = workbench->text != NULL;
	workbench->wanted.compressed = true;
}

static void finish_document(struct workbench *workbench, struct task *task)
{
	workbench->n_tokens = task->n_tokens;
	workbench->sentences = task->sentences;
	workbench->n_sentences = task->n_sentences;
	task->sentences = NULL;
	workbench->tokenised = true;
	if (workbench->running.cancelled)
		workbench_say(workbench, ROLE_WARNING, "Compressing was cancelled; move the slider to compress.");
}

static void finish_compress(struct workbench *workbench, struct task *task)
{
	bool soft = task->compressed->info.method->family == PITH_SOFT;
	bool was_soft = workbench->compressed != NULL && workbench->compressed->info.method->family == PITH_SOFT;
	bool first = workbench->compressed == NULL;
	drop_compressed(workbench);
	workbench->compressed = task->compressed;
	task->compressed = NULL;
	/* A view that this kind of result does not have gives way to the one that says most. */
	if (first || soft != was_soft)
		workbench->view = soft && workbench->settings->auto_regenerate ? VIEW_REGENERATED : VIEW_COMPRESSED;
	const struct pith_compressed_info *info = &workbench->compressed->info;
	if (workbench->compressed->note[0] != '\0')
		workbench_say(workbench, ROLE_WARNING, "%s", workbench->compressed->note);
	else if (info->n_must_keep_dropped > 0)
		workbench_say(workbench, ROLE_WARNING, "%zu protected words did not fit the budget.", info->n_must_keep_dropped);
	else if (workbench_now() - workbench->message_since > MESSAGE_SECONDS)
		workbench->message[0] = '\0'; /* of something that is over */
	if (!info->has_purpose[PITH_REGENERATE]) /* what was wanted of the rows before these words came is past */
		workbench->wanted.regenerated = workbench->wanted.refined = false;
	else if (workbench->settings->auto_regenerate)
		workbench->wanted.regenerated = true;
	if (workbench->settings->auto_answer && workbench->question != NULL && workbench->wanted.question == NULL)
		jobs_want_answer(workbench, workbench->question);
}

/* Shows a comparison whose text is all that there is. */
static void show_comparison(struct workbench *workbench, struct comparison *comparison)
{
	comparison_destroy(workbench->comparison);
	workbench->comparison = comparison;
	workbench->result_stale = true;
	bytes_clear(&workbench->regenerated);
	bytes_append(&workbench->regenerated, comparison->text, comparison->length);
}

static void finish_regenerate(struct workbench *workbench, struct task *task)
{
	show_comparison(workbench, task->comparison);
	task->comparison = NULL;
	workbench->regenerating = false;
	const char *stop = pith_stop_sentence(workbench->comparison->stop);
	if (stop[0] != '\0')
		workbench_say(workbench, ROLE_WARNING, "%s", stop);
}

static void finish_refine(struct workbench *workbench, struct task *task)
{
	const struct pith_refine_result *refined = &task->refined;
	shown_compressed_destroy(workbench->compressed);
	workbench->compressed = task->compressed;
	task->compressed = NULL;
	finish_regenerate(workbench, task);
	if (refined->exact)
		workbench_say(workbench, ROLE_GOOD, "Refined in %d steps, %.1f s: the text comes back byte for byte.", refined->n_steps,
		              refined->seconds);
	else
		workbench_say(workbench, ROLE_WARNING, "After %d steps %zu of %zu tokens are right before the first error; f goes on.",
		              refined->n_steps, refined->matched, refined->n_tokens);
}

static void finish_ask(struct workbench *workbench, struct task *task)
{
	for (int i = 0; i < N_ANSWERS; i++) {
		struct answer *answer = &workbench->answers[i];
		answer->facts = task->answers[i];
		answer->facts.text = NULL;
		answer->done = true;
		bytes_clear(&answer->text);
		if (task->answers[i].text != NULL)
			bytes_append(&answer->text, task->answers[i].text, task->answers[i].length);
	}
}

/* What a failure leaves behind must not look like a result. */
static void finish_failed(struct workbench *workbench, struct task *task)
{
	bool cancelled = task->job.status == PITH_CANCELLED;
	bool superseded = cancelled && workbench->running.superseded;
	if (task->kind == TASK_ASK && !superseded) {
		/* The words are kept for another try. */
		if (prompt_kind() != PROMPT_QUESTION)
			prompt_keep_question(workbench->question);
		for (int i = 0; i < N_ANSWERS; i++) {
			workbench->answers[i].facts = task->answers[i];
			workbench->answers[i].facts.text = NULL;
			workbench->answers[i].done = task->answers[i].text != NULL;
		}
	}
	if (task->kind == TASK_REGENERATE || task->kind == TASK_REFINE)
		workbench->regenerating = false;
	if (superseded)
		return;
	if (task->kind == TASK_REFINE && cancelled) {
		workbench->wanted.regenerated = true; /* from the best rows that were met */
		workbench_say(workbench, ROLE_WARNING, "Refining was cancelled; what was reached is kept.");
		return;
	}
	if (task->kind == TASK_COMPRESS && workbench->compressed != NULL) {
		/* The slider goes back to what is shown. */
		const struct pith_compressed_info *info = &workbench->compressed->info;
		workbench->method = info->method;
		slider_set(&workbench->slider, (struct slider_value){.rate = info->target_cr, .n_tokens = info->budget_tokens});
		slider_settle(&workbench->slider);
	}
	if (task->kind == TASK_MODEL)
		workbench_say(workbench, ROLE_ERROR, "%s Until there is a model, documents can only be read.", task->job.error.message);
	else if (cancelled)
		workbench_say(workbench, ROLE_WARNING, "%s was cancelled.", task_name(task->kind));
	else
		workbench_say(workbench, ROLE_ERROR, "%s", task->job.error.message);
}

static void finish(struct workbench *workbench, struct task *task)
{
	workbench->running.active = false;
	workbench->dirty = true;
	if (task->job.status != PITH_OK) {
		finish_failed(workbench, task);
		return;
	}
	/* A result for a document that is no longer the one on the screen. */
	bool stale = workbench->wanted.document && task->kind != TASK_READ && task->kind != TASK_MODEL && task->kind != TASK_SAVE;
	if (stale)
		return;
	switch (task->kind) {
	case TASK_READ: finish_read(workbench, task); break;
	case TASK_MODEL: finish_model(workbench, task); break;
	case TASK_DOCUMENT: finish_document(workbench, task); break;
	case TASK_COMPRESS: finish_compress(workbench, task); break;
	case TASK_REGENERATE: finish_regenerate(workbench, task); break;
	case TASK_REFINE: finish_refine(workbench, task); break;
	case TASK_ASK: finish_ask(workbench, task); break;
	case TASK_SAVE: workbench_say(workbench, ROLE_GOOD, "Saved to %s.", task->path); break;
	}
}

static void collect_text(struct workbench *workbench)
{
	struct worker_text text;
	while (worker_take_text(workbench->worker, &text)) {
		if (workbench->running.superseded || !workbench->running.active)
			continue;
		if (text.channel == CHANNEL_REGENERATED) {
			bytes_append(&workbench->regenerated, text.bytes, text.length);
			workbench->result_stale = true;
		} else if (text.channel < N_ANSWERS) {
			bytes_append(&workbench->answers[text.channel].text, text.bytes, text.length);
		}
		workbench->dirty = true;
	}
}

void jobs_collect(struct workbench *workbench)
{
	worker_acknowledge(workbench->worker);
	if (worker_take_progress(workbench->worker, &workbench->running.progress)) {
		workbench->running.has_progress = true;
		workbench->dirty = true;
	}
	/* First the pieces, then what is made of them. */
	collect_text(workbench);
	struct comparison *comparison = worker_take_snapshot(workbench->worker);
	if (comparison != NULL && workbench->regenerating && !workbench->running.superseded) {
		workbench->dirty = true;
		if (workbench->running.kind == TASK_REFINE) {
			show_comparison(workbench, comparison);
		} else { /* of the text that has come so far */
			comparison_destroy(workbench->comparison);
			workbench->comparison = comparison;
			workbench->result_stale = true;
		}
	} else {
		comparison_destroy(comparison);
	}
	struct task *task = (struct task *)worker_take(workbench->worker);
	if (task != NULL) {
		collect_text(workbench); /* a piece may have come in between */
		finish(workbench, task);
		task_destroy(task);
		jobs_schedule(workbench);
	}
}
