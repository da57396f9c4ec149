/* What came of the jobs: text while it streams, and results, each put where it is shown. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "clock.h"
#include "perform.h"
#include "widgets/gauge.h"
#include "workbench.h"

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
	if (prompt_kind() != PROMPT_SAVE)
		return;
	prompt_leave(); /* what that line would have saved is gone */
	workbench_say(workbench, ROLE_WARNING, "%s is open now: nothing was saved.", name);
}

/* A method that this model is not able to do gives way to the first one that it can: a model of one's own has no adapters yet. */
static void choose_method(struct workbench *workbench)
{
	struct form *form = &workbench->forms[FORM_FIRST];
	bool server = workbench->settings->server[0] != '\0';
	const char *unable = pith_method_unable(form->method, &workbench->model.info, server);
	size_t n;
	const struct pith_method *methods = pith_methods(&n), *wanted = form->method;
	for (size_t i = 0; i < n && unable != NULL; i++) {
		if (pith_method_unable(&methods[i], &workbench->model.info, server) != NULL)
			continue;
		form->method = &methods[i];
		workbench->view = methods[i].family == PITH_SOFT ? VIEW_REGENERATED : VIEW_COMPRESSED;
		workbench_say(workbench, ROLE_WARNING, "%s %s: %s in its place.", wanted->title, unable, methods[i].title);
		return;
	}
}

static void finish_model(struct workbench *workbench, const struct task *task)
{
	workbench->model = task->model;
	workbench->has_model = true;
	choose_method(workbench);
	workbench->wanted.document = workbench->text != NULL;
	if (!workbench->running.cancelled)
		jobs_want_compressed(workbench);
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

/* A view that the first form does not have gives way to the one that says most. */
static void choose_view(struct workbench *workbench, bool first, bool was_soft)
{
	bool soft = form_is_soft(&workbench->forms[FORM_FIRST]);
	if (first || soft != was_soft)
		workbench->view = soft && workbench->settings->auto_regenerate ? VIEW_REGENERATED : VIEW_COMPRESSED;
}

static void clear_old_message(struct workbench *workbench)
{
	if (!workbench->message_of_line && clock_now() - workbench->message_since > MESSAGE_SECONDS)
		workbench->message[0] = '\0'; /* of something that is over */
}

/* What was to be saved is gone when the next form was done before it could be stopped: nothing else goes under that name. */
static void drop_save(struct workbench *workbench, enum form_place place)
{
	struct wanted *wanted = &workbench->wanted;
	if (wanted->save_path == NULL || wanted->save_form != place)
		return;
	workbench_say(workbench, ROLE_WARNING, "%s was not written: what it was to hold has been replaced.", wanted->save_path);
	free(wanted->save_path);
	wanted->save_path = NULL;
}

static void finish_compress(struct workbench *workbench, struct task *task)
{
	struct form *form = &workbench->forms[task->form];
	drop_save(workbench, task->form);
	if (form->method == NULL) /* nobody wants a second form any more */
		return;
	bool first = form->compressed == NULL, was_soft = form_is_soft(form);
	form_drop_compressed(workbench, task->form);
	form->compressed = task->compressed;
	form->target = workbench->running.target;
	task->compressed = NULL;
	if (task->form == FORM_FIRST) {
		choose_view(workbench, first, was_soft);
		clear_old_message(workbench);
	}
	/* What was wanted of the rows before these words came is past. */
	if (!form->compressed->info.has_purpose[PITH_REGENERATE])
		workbench->wanted.regenerated[task->form] = workbench->wanted.refined[task->form] = false;
	if (workbench->running.cancelled) /* too late, but nothing goes on from here */
		return;
	if (form->compressed->info.has_purpose[PITH_REGENERATE] && workbench->settings->auto_regenerate)
		workbench->wanted.regenerated[task->form] = true;
	if (workbench->settings->auto_answer && workbench->question != NULL && workbench->wanted.question == NULL)
		jobs_want_answer(workbench, workbench->question);
}

static void finish_regenerate(struct workbench *workbench, struct task *task)
{
	struct form *form = &workbench->forms[task->form];
	form->regenerating = false;
	if (form->compressed == NULL) /* nobody wants a second form any more */
		return;
	form_show_comparison(workbench, task->form, task->comparison);
	task->comparison = NULL;
	const char *stop = pith_stop_sentence(form->comparison->stop);
	if (stop[0] != '\0' && form_beside(workbench)) /* which of the two? */
		workbench_say(workbench, ROLE_WARNING, "%s: %s", form->compressed->info.method->title, stop);
	else if (stop[0] != '\0')
		workbench_say(workbench, ROLE_WARNING, "%s", stop);
}

/* The rows that refining has reached, whether it came to its end or not. */
static void take_refined(struct workbench *workbench, struct task *task)
{
	struct form *form = &workbench->forms[task->form];
	/* Nobody may want a second form any more, nor one of a document that has gone. */
	if (form->compressed == NULL || task->compressed == NULL)
		return;
	shown_compressed_destroy(form->compressed);
	form->compressed = task->compressed;
	task->compressed = NULL;
	form->outdated = form->outdated || task->refined.n_steps > 0;
	form_changed(workbench, task->form);
}

static void finish_refine(struct workbench *workbench, struct task *task)
{
	const struct pith_refine_result *refined = &task->refined;
	struct form *form = &workbench->forms[task->form];
	form->regenerating = false;
	if (form->compressed == NULL) /* nobody wants a second form any more */
		return;
	take_refined(workbench, task);
	finish_regenerate(workbench, task);
	if (refined->exact)
		workbench_say(workbench, ROLE_GOOD, "Refined in %d steps, %.1f s: the text comes back byte for byte.",
		              refined->n_steps, refined->seconds);
	else if (refined->unchanged && pith_refine_is_hopeful(refined))
		workbench_say(workbench, ROLE_WARNING,
		              "After %d steps less comes back than before: the memory tokens stay as they were. f goes on.",
		              refined->n_steps);
	else if (pith_refine_is_hopeful(refined))
		workbench_say(workbench, ROLE_WARNING,
		              "After %d steps %zu of %zu tokens are right before the first error; f goes on.", refined->n_steps,
		              refined->matched, refined->n_tokens);
	else
		workbench_say(workbench, ROLE_WARNING,
		              "After %d steps %zu of %zu tokens are right. The text has %.0f nats, these rows usually hold %.0f.",
		              refined->n_steps, refined->matched, refined->n_tokens, refined->nats, refined->room);
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

/* What came back when it was stopped for something that has come to nothing is not of the rows that are shown, or not whole. */
static void resume_interrupted(struct workbench *workbench)
{
	for (int i = 0; i < N_FORMS; i++)
		if (workbench->forms[i].interrupted && workbench->forms[i].compressed != NULL)
			workbench->wanted.regenerated[i] = true;
}

/* The name of a file that could not be used comes back to be corrected, unless something else is typed by now. */
static void type_again(struct workbench *workbench, const struct task *task)
{
	bool covered = workbench->help || workbench->menu.title != NULL || prompt_kind() != PROMPT_NONE;
	if (covered || (task->kind != TASK_READ && task->kind != TASK_SAVE) || strcmp(task->path, "-") == 0)
		return;
	if (task->kind == TASK_SAVE)
		workbench->save_form = task->form;
	perform_line_again(workbench, task->kind == TASK_READ ? PROMPT_OPEN : PROMPT_SAVE, task->path);
}

/* A comparison of the text that has come so far, all of which stays: the last word of it may be cut. Takes it. */
static void show_so_far(struct workbench *workbench, enum form_place place, struct comparison *comparison)
{
	struct form *form = &workbench->forms[place];
	comparison_destroy(form->comparison);
	form->comparison = comparison;
	form_changed(workbench, place);
}

/* In compare mode the first form may have come to the new target already: then it is said where the second one stands. */
static void say_cancelled(struct workbench *workbench, const struct task *task)
{
	const struct form *second = &workbench->forms[FORM_SECOND];
	char rate[FIGURE_SIZE];
	if (task->kind != TASK_COMPRESS || !form_beside_differs(workbench)) {
		workbench_say(workbench, ROLE_WARNING, "%s was cancelled.", task_name(task->kind));
		return;
	}
	figure_rate(rate, second->compressed->info.target_cr);
	workbench_say(workbench, ROLE_WARNING, "Compressing was cancelled: the left side, %s, is still at %s.",
	              second->compressed->info.method->title, rate);
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
	if (task->kind == TASK_REGENERATE || task->kind == TASK_REFINE) {
		workbench->forms[task->form].regenerating = false;
		form_changed(workbench, task->form);
	}
	if (task->kind == TASK_REFINE)
		take_refined(workbench, task);
	if (superseded && !workbench->running.cancelled && (task->kind == TASK_REGENERATE || task->kind == TASK_REFINE))
		workbench->forms[task->form].interrupted = true;
	if (!cancelled)
		resume_interrupted(workbench);
	if (superseded)
		return;
	if (task->kind == TASK_REGENERATE && task->comparison != NULL) {
		show_so_far(workbench, task->form, task->comparison);
		task->comparison = NULL;
	}
	if (task->kind == TASK_REFINE && cancelled) {
		workbench_say(workbench, ROLE_WARNING,
		              task->refined.unchanged ? "Refining was cancelled: the memory tokens are as they were. f goes on."
		                                      : "Refining was cancelled; what was reached is kept, and r regenerates from it.");
		return;
	}
	if (task->kind == TASK_REFINE && task->refined.n_steps > 0)
		workbench->wanted.regenerated[task->form] = true; /* from the best rows that were met */
	if (task->kind == TASK_COMPRESS)
		form_go_back(workbench, task->form);
	if (task->kind == TASK_MODEL)
		workbench_say(workbench, ROLE_ERROR, "%s Until there is a model, documents can only be read.",
		              task->job.error.message);
	else if (cancelled)
		say_cancelled(workbench, task);
	else
		workbench_say(workbench, ROLE_ERROR, "%s", task->job.error.message);
	if (task->kind == TASK_SAVE && workbench->quitting) {
		/* The screen is about to close. */
		workbench->exit_code = EXIT_CODE_FAILED;
		workbench->last_words = strdup(task->job.error.message);
	}
	if (!cancelled)
		type_again(workbench, task);
}

static void finish(struct workbench *workbench, struct task *task)
{
	workbench->running.active = false;
	workbench->dirty = true;
	if (task->job.status != PITH_OK) {
		finish_failed(workbench, task);
		return;
	}
	/* A result for a document that is no longer the one on the screen, or a file that something newer came before. */
	bool of_document = task->kind != TASK_READ && task->kind != TASK_MODEL && task->kind != TASK_SAVE;
	if ((of_document && workbench->wanted.document) || (task->kind == TASK_READ && workbench->running.superseded))
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

/* The whole answer comes without the white space before its first word; so does what streams. */
static void append_answer(struct bytes *answer, const char *text, size_t length)
{
	size_t blank = 0;
	while (answer->length == 0 && blank < length && strchr(" \t\r\n", text[blank]) != NULL)
		blank++;
	bytes_append(answer, text + blank, length - blank);
}

static void collect_text(struct workbench *workbench)
{
	struct worker_text text;
	while (worker_take_text(workbench->worker, &text)) {
		if (workbench->running.superseded || !workbench->running.active)
			continue;
		if (text.channel == CHANNEL_REGENERATED) {
			bytes_append(&workbench->forms[workbench->running.form].regenerated, text.bytes, text.length);
			form_changed(workbench, workbench->running.form);
		} else if (text.channel < N_ANSWERS) {
			append_answer(&workbench->answers[text.channel].text, text.bytes, text.length);
		}
		workbench->dirty = true;
	}
}

void results_collect(struct workbench *workbench)
{
	worker_acknowledge(workbench->worker);
	struct running *running = &workbench->running;
	struct worker_progress before = running->progress;
	if (worker_take_progress(workbench->worker, &running->progress)) {
		/* Each stage of a job is counted from nothing. */
		if (strcmp(before.what, running->progress.what) != 0 || running->progress.done < before.done)
			running->stage_since = clock_now();
		running->has_progress = true;
		workbench->dirty = true;
	}
	/* First the pieces, then what is made of them. */
	collect_text(workbench);
	struct comparison *comparison = worker_take_snapshot(workbench->worker);
	struct form *form = &workbench->forms[workbench->running.form];
	if (comparison != NULL && form->regenerating && !workbench->running.superseded) {
		workbench->dirty = true;
		if (workbench->running.kind == TASK_REFINE) {
			form_show_comparison(workbench, workbench->running.form, comparison);
		} else {
			show_so_far(workbench, workbench->running.form, comparison);
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
