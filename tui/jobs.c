/*
 * What is wanted. One job runs at a time; the order in jobs_schedule() is the
 * order in which things can be had: what is saved, before it is replaced; file,
 * model, tokens, compressed forms, answer, regenerations. Something newer
 * cancels what it makes useless.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "prompt.h"
#include "workbench.h"

struct pith_compress_options jobs_options(const struct workbench *workbench, enum form_place place, struct slider_value value)
{
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	options.method = workbench->forms[place].method;
	options.rate = value.rate;
	options.n_tokens = value.n_tokens;
	options.compat = workbench->settings->compat;
	settings_keep(workbench->settings, &options);
	options.coherence = workbench->coherence;
	options.server = workbench->settings->server;
	options.server_model = workbench->settings->server_model;
	options.server_seconds = workbench->settings->server_timeout;
	return options;
}

size_t jobs_budget(const struct workbench *workbench, struct slider_value value)
{
	if (!workbench->tokenised)
		return 0;
	struct pith_compress_options options = jobs_options(workbench, FORM_FIRST, value);
	return pith_compress_budget(&options, workbench->n_tokens);
}

/* Is the form made for as many tokens as this, or about to be? */
static bool form_comes_to(const struct workbench *workbench, enum form_place place, size_t budget)
{
	const struct form *form = &workbench->forms[place];
	const struct running *running = &workbench->running;
	if (form->method == NULL || workbench->wanted.compressed[place])
		return true;
	if (running->active && running->kind == TASK_COMPRESS && running->form == place && !running->superseded)
		return !running->cancelled;
	return form->compressed != NULL && form->compressed->info.budget_tokens == budget;
}

bool jobs_has_settled(const struct workbench *workbench)
{
	size_t budget = jobs_budget(workbench, workbench->slider.live);
	return budget > 0 && budget == jobs_budget(workbench, workbench->slider.settled) &&
	       form_comes_to(workbench, FORM_FIRST, budget) && form_comes_to(workbench, FORM_SECOND, budget);
}

static void drop_answers(struct workbench *workbench)
{
	for (int i = 0; i < N_ANSWERS; i++) {
		bytes_clear(&workbench->answers[i].text);
		workbench->answers[i].done = false;
		workbench->answers[i].pane.top = 0;
	}
}

static void want_nothing_back(struct workbench *workbench)
{
	for (int i = 0; i < N_FORMS; i++)
		workbench->wanted.regenerated[i] = workbench->wanted.refined[i] = false;
}

static void want_forms(struct workbench *workbench)
{
	for (int i = 0; i < N_FORMS; i++)
		workbench->wanted.compressed[i] = workbench->text != NULL && workbench->forms[i].method != NULL;
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
	for (int i = 0; i < N_FORMS; i++)
		form_drop_compressed(workbench, (enum form_place)i);
	drop_answers(workbench);
	free(workbench->question);
	workbench->question = NULL;
	workbench->n_answers = 0;
	if (workbench->focus == FOCUS_ANSWERS)
		workbench->focus = FOCUS_SLIDER;
	workbench->document_pane.top = workbench->result_pane.top = 0;
	free(workbench->wanted.path); /* of a file that was asked for before this came */
	workbench->wanted.path = NULL;
	free(workbench->wanted.question);
	workbench->wanted.question = NULL;
	want_nothing_back(workbench);
	workbench->wanted.document = true;
	want_forms(workbench);
	if (workbench->running.kind != TASK_MODEL)
		supersede(workbench);
	workbench->dirty = true;
}

/* What runs is wanted once more: it makes way for something that may come to nothing, or is short. */
static void want_again(struct workbench *workbench)
{
	struct wanted *wanted = &workbench->wanted;
	enum form_place form = workbench->running.form;
	switch (workbench->running.kind) {
	case TASK_DOCUMENT: wanted->document = true; break;
	case TASK_COMPRESS: wanted->compressed[form] = workbench->forms[form].method != NULL; break;
	case TASK_REGENERATE: wanted->regenerated[form] = true; break;
	case TASK_REFINE: wanted->refined[form] = true; break;
	case TASK_ASK:
		if (wanted->question == NULL) /* else a newer one */
			wanted->question = strdup(workbench->question);
		break;
	case TASK_READ: case TASK_MODEL: case TASK_SAVE: break;
	}
}

static void make_way(struct workbench *workbench)
{
	if (!workbench->running.superseded && !workbench->running.cancelled)
		want_again(workbench);
	supersede(workbench);
}

void jobs_want_file(struct workbench *workbench, const char *path)
{
	char *copy = strdup(path);
	if (copy == NULL)
		return;
	free(workbench->wanted.path);
	workbench->wanted.path = copy;
	/*
	 * Nothing may make the file wait. But the document that is open stays until the file has been read, and it may be no text:
	 * then its job goes on. A file that can be read forgets what is wanted of the document before.
	 */
	if (!workbench->running.active || workbench->running.kind == TASK_MODEL || workbench->running.kind == TASK_SAVE)
		return;
	make_way(workbench);
}

void jobs_want_compressed(struct workbench *workbench)
{
	slider_settle(&workbench->slider);
	workbench->settle_at = 0;
	workbench->follow = false;
	want_forms(workbench);
	for (int i = 0; i < N_FORMS; i++)
		workbench->forms[i].interrupted = workbench->forms[i].interrupted || workbench->wanted.regenerated[i];
	want_nothing_back(workbench);
	if (workbench->running.kind == TASK_COMPRESS || workbench->running.kind == TASK_REGENERATE ||
	    workbench->running.kind == TASK_REFINE)
		supersede(workbench);
	workbench->dirty = true;
}

void jobs_want_method(struct workbench *workbench, enum form_place place, const struct pith_method *method)
{
	enum task_kind kind = workbench->running.kind;
	workbench->forms[place].method = method;
	workbench->wanted.compressed[place] = workbench->text != NULL && method != NULL;
	workbench->wanted.regenerated[place] = workbench->wanted.refined[place] = false;
	workbench->follow = false;
	if (workbench->running.form == place && (kind == TASK_COMPRESS || kind == TASK_REGENERATE || kind == TASK_REFINE))
		supersede(workbench);
	if (method == NULL) {
		form_drop_compressed(workbench, place);
		workbench->n_answers = workbench->n_answers > 2 ? 2 : workbench->n_answers; /* its answer goes with it */
	}
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
		workbench->wanted.regenerated[workbench->running.form] = true;
	} else if (workbench->running.kind == TASK_REFINE && workbench->running.active) {
		supersede(workbench); /* what was reached is kept */
		workbench->wanted.refined[workbench->running.form] = true;
	} else if (workbench->running.kind == TASK_ASK) {
		supersede(workbench);
	}
}

void jobs_want_regenerated(struct workbench *workbench)
{
	for (int i = 0; i < N_FORMS; i++)
		workbench->wanted.regenerated[i] = form_is_soft(&workbench->forms[i]);
	if (workbench->running.kind == TASK_REGENERATE)
		supersede(workbench);
}

void jobs_want_refined(struct workbench *workbench, enum form_place place)
{
	enum form_place running = workbench->running.form;
	workbench->wanted.refined[place] = true;
	if (workbench->running.kind != TASK_REGENERATE || !workbench->running.active)
		return;
	supersede(workbench);
	workbench->wanted.regenerated[running] =
		workbench->wanted.regenerated[running] || running != place; /* it goes on afterwards */
}

void jobs_want_saved(struct workbench *workbench, enum form_place place, const char *path)
{
	const struct running *running = &workbench->running;
	free(workbench->wanted.save_path);
	workbench->wanted.save_path = strdup(path);
	workbench->wanted.save_form = place;
	if (!running->active || running->cancelled)
		return;
	/*
	 * Written is what stands on the screen now, so nothing may replace it before, and what takes long goes on afterwards. An
	 * answer that has begun is not begun again, and of a pipe nothing is read twice.
	 */
	if (running->kind == TASK_COMPRESS || running->kind == TASK_REGENERATE || running->kind == TASK_REFINE)
		make_way(workbench);
	else if (running->kind == TASK_ASK || running->kind == TASK_READ)
		workbench_say(workbench, ROLE_TEXT, "%s is written when this is done.", path);
}

void jobs_cancel(struct workbench *workbench)
{
	if (!workbench->running.active)
		return;
	worker_cancel(workbench->worker);
	workbench->running.cancelled = true;
	workbench->settle_at = 0;
	workbench->dirty = true;
	/* Nor does anybody wait for what would have come after it, or made way for it. */
	for (int i = 0; i < N_FORMS; i++) {
		if (workbench->wanted.compressed[i])
			form_go_back(workbench, (enum form_place)i);
		workbench->wanted.compressed[i] = workbench->forms[i].interrupted = false;
	}
	want_nothing_back(workbench);
	free(workbench->wanted.path);
	workbench->wanted.path = NULL;
	if (workbench->wanted.question != NULL && prompt_kind() != PROMPT_QUESTION)
		prompt_keep_question(workbench->wanted.question);
	free(workbench->wanted.question);
	workbench->wanted.question = NULL;
}

static void start(struct workbench *workbench, struct task *task)
{
	if (task == NULL) {
		workbench_say(workbench, ROLE_ERROR, "Not enough memory.");
		return;
	}
	double now = clock_now();
	workbench->running =
		(struct running){.active = true, .kind = task->kind, .form = task->form, .since = now, .stage_since = now};
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
	if (task != NULL)
		task->form = workbench->wanted.save_form;
	free(workbench->wanted.save_path);
	workbench->wanted.save_path = NULL;
	start(workbench, task);
}

static void start_document(struct workbench *workbench)
{
	workbench->wanted.document = false;
	start(workbench, task_create(workbench->engine, TASK_DOCUMENT, NULL, workbench->text, workbench->length));
}

static void start_compress(struct workbench *workbench, enum form_place place)
{
	workbench->wanted.compressed[place] = false;
	struct task *task = task_create(workbench->engine, TASK_COMPRESS, NULL, NULL, 0);
	if (task != NULL) {
		task->form = place;
		task->options = jobs_options(workbench, place, workbench->slider.settled);
	}
	start(workbench, task);
	workbench->running.target = workbench->slider.settled;
}

/* Of the full text and of the forms that are shown. */
static void begin_answers(struct workbench *workbench)
{
	drop_answers(workbench);
	workbench->n_answers = form_beside(workbench) ? 3 : 2;
	for (int i = 0; i < N_FORMS; i++) {
		const struct shown_compressed *compressed = workbench->forms[i].compressed;
		struct answer *answer = &workbench->answers[ANSWER_FIRST + i];
		answer->method = compressed == NULL ? NULL : compressed->info.method;
		answer->cr = compressed == NULL ? 1 : compressed->info.cr;
		answer->coherence = compressed == NULL ? 0 : compressed->coherence;
		answer->refine_steps = form_steps_read(&workbench->forms[i]);
	}
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
	begin_answers(workbench);
	if (task != NULL)
		task->n_answers = workbench->n_answers;
	start(workbench, task);
}

static void start_regenerate(struct workbench *workbench, enum form_place place)
{
	workbench->wanted.regenerated[place] = false;
	form_drop_regenerated(workbench, place);
	workbench->forms[place].regenerating = true;
	struct task *task = task_create(workbench->engine, TASK_REGENERATE, NULL, NULL, 0);
	if (task != NULL)
		task->form = place;
	start(workbench, task);
}

/* What was regenerated before stays until the first look at what has healed. */
static void start_refine(struct workbench *workbench, enum form_place place)
{
	workbench->wanted.refined[place] = workbench->wanted.regenerated[place] = false;
	workbench->forms[place].regenerating = true;
	form_changed(workbench, place);
	struct task *task = task_create(workbench->engine, TASK_REFINE, NULL, NULL, 0);
	if (task != NULL)
		task->form = place;
	start(workbench, task);
}

void jobs_schedule(struct workbench *workbench)
{
	if (workbench->running.active)
		return;
	/* Before everything that would replace what is to be saved; and behind q, too, a file that was asked for is written. */
	if (workbench->wanted.save_path != NULL)
		start_save(workbench);
	else if (workbench->quitting)
		return;
	else if (workbench->wanted.path != NULL)
		start_read(workbench);
	else if (workbench->wanted.model)
		start_model(workbench);
	else if (!workbench->has_model)
		return;
	else if (workbench->wanted.document && workbench->text != NULL)
		start_document(workbench);
	else if (!workbench->tokenised)
		return;
	else if (workbench->wanted.compressed[FORM_FIRST])
		start_compress(workbench, FORM_FIRST);
	else if (workbench->wanted.compressed[FORM_SECOND])
		start_compress(workbench, FORM_SECOND);
	else if (workbench->wanted.question != NULL)
		start_ask(workbench);
	else if (workbench->wanted.refined[FORM_FIRST])
		start_refine(workbench, FORM_FIRST);
	else if (workbench->wanted.refined[FORM_SECOND])
		start_refine(workbench, FORM_SECOND);
	else if (workbench->wanted.regenerated[FORM_FIRST])
		start_regenerate(workbench, FORM_FIRST);
	else if (workbench->wanted.regenerated[FORM_SECOND])
		start_regenerate(workbench, FORM_SECOND);
}
