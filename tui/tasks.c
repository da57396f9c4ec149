#define _POSIX_C_SOURCE 200809L
#include "tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cli/output.h"
#include "clock.h"
#include "document_file.h"
#include "fault.h"

struct engine {
	struct pith_model *model;
	struct pith_document *document;
	struct pith_compressed *compressed[N_FORMS];
};

struct engine *engine_create(void)
{
	return calloc(1, sizeof(struct engine));
}

static void drop_document(struct engine *engine)
{
	for (int i = 0; i < N_FORMS; i++) {
		pith_compressed_destroy(engine->compressed[i]);
		engine->compressed[i] = NULL;
	}
	pith_document_destroy(engine->document);
	engine->document = NULL;
}

void engine_destroy(struct engine *engine)
{
	if (engine == NULL)
		return;
	drop_document(engine);
	pith_model_close(engine->model);
	free(engine);
}

void shown_compressed_destroy(struct shown_compressed *compressed)
{
	if (compressed == NULL)
		return;
	free(compressed->text);
	free(compressed->words);
	for (int i = 0; i < PITH_N_MEMORY_PURPOSES; i++)
		free(compressed->norms[i]);
	free(compressed);
}

static enum pith_status need_document(const struct engine *engine, struct pith_error *err)
{
	if (engine->model == NULL)
		return fault(err, PITH_BAD_ARGUMENT, "There is no model; start pith with --model FILE.gguf.");
	if (engine->document == NULL)
		return fault(err, PITH_BAD_ARGUMENT, "There is no document yet.");
	return PITH_OK;
}

static enum pith_status run_read(struct task *task, const struct pith_control *control, struct pith_error *err)
{
	if (strcmp(task->path, "-") != 0 && pith_is_soft_prompt(task->path))
		return fault(err, PITH_BAD_ARGUMENT, "%s is a soft prompt, not a document: see pith regenerate and pith ask.",
		             task->path);
	if (document_file_is_keyboard(task->path))
		return fault(err, PITH_BAD_ARGUMENT, "Standard input is the keyboard: paste the text in place of opening -.");
	struct document_file file;
	enum pith_status status = document_file_read(&file, task->path, control->cancel, err);
	if (status != PITH_OK)
		return status;
	task->text = file.text;
	task->length = file.length;
	task->invalid_utf8 = file.invalid_utf8;
	return PITH_OK;
}

static enum pith_status run_model(struct task *task, const struct pith_control *control, struct pith_error *err)
{
	struct engine *engine = task->engine;
	drop_document(engine);
	pith_model_close(engine->model);
	engine->model = NULL;
	const struct pith_model_options options = {.n_threads = task->n_threads};
	enum pith_status status = pith_model_open(&engine->model, task->path, &options, control, err);
	if (status != PITH_OK)
		return status;
	const struct pith_model_info *info = pith_model_info(engine->model);
	struct shown_model *model = &task->model;
	snprintf(model->name, sizeof model->name, "%s", info->name);
	snprintf(model->architecture, sizeof model->architecture, "%s", info->architecture);
	snprintf(model->weight_type, sizeof model->weight_type, "%s", info->weight_type);
	model->info = *info;
	model->info.path = model->info.name = model->info.architecture = model->info.weight_type = NULL;
	return PITH_OK;
}

static enum pith_status run_document(struct task *task, struct pith_error *err)
{
	struct engine *engine = task->engine;
	enum pith_status status = pith_sentences(&task->sentences, &task->n_sentences, task->text, task->length, err);
	if (status != PITH_OK)
		return status;
	drop_document(engine);
	if (engine->model == NULL)
		return need_document(engine, err);
	status = pith_document_create(&engine->document, engine->model, task->text, task->length, err);
	if (status == PITH_OK)
		pith_document_tokens(engine->document, &task->n_tokens);
	return status;
}

/* The norms of all rows of one purpose, for the eye. */
static enum pith_status copy_norms(struct shown_compressed *shown, const struct pith_compressed *compressed, int purpose,
                                   struct pith_error *err)
{
	size_t n_rows = shown->info.compressed_tokens, n_layers = (size_t)shown->n_layers;
	if (n_rows > SIZE_MAX / 2 / sizeof(float) / (n_layers + 1))
		return fault_memory(err);
	float *norms = malloc(n_rows * n_layers * 2 * sizeof *norms);
	if (norms == NULL)
		return fault_memory(err);
	shown->norms[purpose] = norms;
	for (size_t i = 0; i < n_rows; i++)
		for (size_t layer = 0; layer < n_layers; layer++) {
			float *pair = norms + (i * n_layers + layer) * 2;
			enum pith_status status = pith_compressed_row_norms(compressed, (enum pith_purpose)purpose, i, (int)layer,
			                                                    &pair[0], &pair[1], err);
			if (status != PITH_OK)
				return status;
		}
	return PITH_OK;
}

static enum pith_status copy_compressed(struct shown_compressed *shown, const struct pith_model *model,
                                        const struct pith_compressed *compressed, struct pith_error *err)
{
	shown->info = *pith_compressed_info(compressed);
	snprintf(shown->note, sizeof shown->note, "%s", shown->info.note == NULL ? "" : shown->info.note);
	shown->info.note = shown->note;
	shown->n_layers = pith_model_info(model)->n_layers;
	size_t length = 0;
	const char *text = pith_compressed_text(compressed, &length);
	const struct pith_word *words = pith_compressed_words(compressed, &shown->n_words);
	if (text != NULL) {
		shown->text = bytes_copy(text, length);
		shown->length = length;
		if (shown->text == NULL)
			return fault_memory(err);
	}
	if (shown->n_words > 0) {
		shown->words = malloc(shown->n_words * sizeof *words);
		if (shown->words == NULL)
			return fault_memory(err);
		memcpy(shown->words, words, shown->n_words * sizeof *words);
	}
	enum pith_status status = PITH_OK;
	for (int i = 0; status == PITH_OK && i < PITH_N_MEMORY_PURPOSES; i++)
		if (shown->info.has_purpose[i])
			status = copy_norms(shown, compressed, i, err);
	return status;
}

/* The engine's compressed form as the task's result. */
static enum pith_status show_compressed(struct task *task, struct pith_error *err)
{
	struct shown_compressed *shown = calloc(1, sizeof *shown);
	if (shown == NULL)
		return fault_memory(err);
	enum pith_status status = copy_compressed(shown, task->engine->model, task->engine->compressed[task->form], err);
	if (status == PITH_OK) {
		shown->coherence = shown->info.method->family == PITH_SOFT ? 0 : task->options.coherence;
		task->compressed = shown;
	} else {
		shown_compressed_destroy(shown);
	}
	return status;
}

static enum pith_status run_compress(struct task *task, const struct pith_control *control, struct pith_error *err)
{
	struct engine *engine = task->engine;
	enum pith_status status = need_document(engine, err);
	struct pith_compressed *compressed = NULL;
	if (status == PITH_OK)
		status = pith_compress(&compressed, engine->document, &task->options, control, err);
	if (status != PITH_OK)
		return status;
	pith_compressed_destroy(engine->compressed[task->form]);
	engine->compressed[task->form] = compressed;
	return show_compressed(task, err);
}

/* A regeneration under way: collects the text and compares it now and then. */
struct watcher {
	struct worker *worker;
	const struct pith_control *control;
	const char *document;
	size_t document_length;
	struct bytes text;
	double next_comparison;
};

static void on_regenerated_text(void *user, const char *text, size_t length)
{
	struct watcher *watcher = user;
	watcher->control->text(watcher->control->user, text, length);
	double begin = clock_now();
	if (!bytes_append(&watcher->text, text, length) || begin < watcher->next_comparison)
		return; /* the comparison at the end is made of what the library hands over, not of this */
	struct comparison *comparison = comparison_create(watcher->document, watcher->document_length, watcher->text.data,
	                                                  watcher->text.length, false);
	if (comparison != NULL)
		worker_post_snapshot(watcher->worker, comparison, comparison_destroy);
	/* At most ten times a second, and at most a tenth of the time. */
	double end = clock_now(), pause = 9 * (end - begin);
	watcher->next_comparison = end + (pause > 0.1 ? pause : 0.1);
}

static void on_regenerated_progress(void *user, const char *what, double done, double total)
{
	const struct watcher *watcher = user;
	watcher->control->progress(watcher->control->user, what, done, total);
}

static void on_regenerated_log(void *user, const char *line)
{
	const struct watcher *watcher = user;
	watcher->control->log(watcher->control->user, line);
}

/* The memory rows' text as the task's comparison; watched may be silent. */
static enum pith_status regenerate(struct task *task, const struct pith_control *watched, struct pith_error *err)
{
	struct engine *engine = task->engine;
	struct pith_generated generated = {0};
	size_t length;
	const char *text = pith_document_text(engine->document, &length);
	enum pith_status status =
		pith_regenerate(&generated, engine->model, engine->compressed[task->form], task->max_tokens, watched, err);
	if (status == PITH_OK) {
		task->comparison = comparison_of(text, length, &generated);
		status = task->comparison == NULL ? fault_memory(err) : PITH_OK;
	}
	/* A question is read from this text then; where it cannot be kept it is made once more. */
	if (status == PITH_OK && task->max_tokens == 0)
		(void)pith_compressed_keep_text(engine->compressed[task->form], &generated, NULL);
	pith_generated_free(&generated);
	return status;
}

static enum pith_status need_compressed(const struct engine *engine, enum form_place form, struct pith_error *err)
{
	enum pith_status status = need_document(engine, err);
	if (status == PITH_OK && engine->compressed[form] == NULL)
		return fault(err, PITH_BAD_ARGUMENT, "The document is not compressed yet.");
	return status;
}

static enum pith_status run_regenerate(struct task *task, struct worker *worker, const struct pith_control *control,
                                       struct pith_error *err)
{
	struct engine *engine = task->engine;
	enum pith_status status = need_compressed(engine, task->form, err);
	if (status != PITH_OK)
		return status;
	struct watcher watcher = {.worker = worker, .control = control};
	watcher.document = pith_document_text(engine->document, &watcher.document_length);
	const struct pith_control watched = {on_regenerated_progress, on_regenerated_text, on_regenerated_log, &watcher,
	                                     control->cancel};
	worker_set_channel(worker, CHANNEL_REGENERATED);
	status = regenerate(task, &watched, err);
	if (status == PITH_CANCELLED) /* what came until then is worth comparing, and no snapshot may have seen the last of it */
		task->comparison = comparison_create(watcher.document, watcher.document_length, watcher.text.data,
		                                     watcher.text.length, false);
	bytes_free(&watcher.text);
	return status;
}

/* A refinement under way: now and then the text is regenerated from the rows as they are, so that it is seen to heal. */
struct healing {
	struct worker *worker;
	const struct pith_control *control;
	int n_steps; /* begun */
	int steps_before; /* of earlier refinements */
	struct pith_model *model;
	const char *document;
	size_t document_length;
	const atomic_bool *cancel;
	double next_look;
};

/* "step 37, more than usually fits": the steps are what is done for certain. */
static void on_refining(void *user, const char *what, double done, double total)
{
	const struct healing *healing = user;
	const char *more = strchr(what, ' ');
	char line[sizeof((struct worker_progress *)NULL)->what];
	snprintf(line, sizeof line, "step %d%s%s", healing->n_steps, more == NULL ? "" : ",", more == NULL ? "" : more);
	healing->control->progress(healing->control->user, line, done, total);
}

static void on_refining_log(void *user, const char *line)
{
	const struct healing *healing = user;
	healing->control->log(healing->control->user, line);
}

static void on_refined(void *user, const struct pith_compressed *compressed)
{
	struct healing *healing = user;
	double begin = clock_now();
	healing->n_steps = pith_compressed_info(compressed)->refine_steps - healing->steps_before + 1;
	if (begin < healing->next_look)
		return;
	const struct pith_control silent = {.cancel = healing->cancel};
	struct pith_generated generated;
	if (pith_regenerate(&generated, healing->model, compressed, 0, &silent, NULL) == PITH_OK) {
		struct comparison *comparison = comparison_of(healing->document, healing->document_length, &generated);
		if (comparison != NULL)
			worker_post_snapshot(healing->worker, comparison, comparison_destroy);
		pith_generated_free(&generated);
	}
	/* A quarter of the time at most goes into looking. */
	double end = clock_now();
	healing->next_look = end + 3 * (end - begin);
}

static enum pith_status run_refine(struct task *task, struct worker *worker, const struct pith_control *control,
                                   struct pith_error *err)
{
	struct engine *engine = task->engine;
	enum pith_status status = need_compressed(engine, task->form, err);
	if (status != PITH_OK)
		return status;
	struct healing healing = {.worker = worker, .control = control, .model = engine->model, .cancel = control->cancel};
	healing.steps_before = pith_compressed_info(engine->compressed[task->form])->refine_steps;
	const struct pith_control counted = {on_refining, NULL, on_refining_log, &healing, control->cancel};
	healing.document = pith_document_text(engine->document, &healing.document_length);
	struct pith_refine_options options;
	pith_refine_options_init(&options);
	options.watch = on_refined;
	options.user = &healing;
	status = pith_refine(engine->compressed[task->form], engine->document, &options, &task->refined, &counted, err);
	const struct pith_control silent = {.cancel = control->cancel};
	if (status == PITH_OK) {
		/* Not counted: the bar of the steps is full already. */
		control->progress(control->user, "reading back what it has become", 0, 0);
		status = regenerate(task, &silent, err);
	}
	if (status != PITH_OK) /* the best rows that were met stay in the engine, and are shown */
		show_compressed(task, NULL);
	return status == PITH_OK ? show_compressed(task, err) : status;
}

/* Moves what was generated, or why nothing was, into an answer. */
static void take_answer(struct shown_answer *answer, enum pith_status status, struct pith_generated *generated,
                        const struct pith_error *err)
{
	answer->status = status;
	if (status != PITH_OK) {
		snprintf(answer->error, sizeof answer->error, "%.*s", (int)sizeof answer->error - 1, err->message);
		pith_generated_free(generated);
		return;
	}
	answer->text = generated->text;
	answer->length = generated->length;
	answer->n_tokens = generated->n_tokens;
	answer->n_prompt_tokens = generated->n_prompt_tokens;
	answer->n_regenerated = generated->n_regenerated;
	answer->narrowed = generated->narrowed;
	answer->seconds = generated->seconds;
	answer->first_token_seconds = generated->first_token_seconds;
	answer->stop = generated->stop;
	generated->text = NULL;
	pith_generated_free(generated);
}

/* One answer, or why there is none, on its channel. */
static enum pith_status run_answer(struct task *task, int side, struct worker *worker, const struct pith_control *control)
{
	struct engine *engine = task->engine;
	struct pith_generated generated = {0};
	struct pith_error reason = {0};
	enum pith_status status;
	size_t length;
	const char *text = pith_document_text(engine->document, &length);
	struct pith_compressed *compressed = side == ANSWER_FULL ? NULL : engine->compressed[side - ANSWER_FIRST];
	worker_set_channel(worker, side);
	if (side == ANSWER_FULL)
		status = pith_answer_text(&generated, engine->model, text, length, task->question, task->max_tokens, control,
		                          &reason);
	else if (compressed == NULL)
		status = fault(&reason, PITH_BAD_ARGUMENT, "The document is not compressed yet.");
	else
		status = pith_answer_compressed(&generated, engine->model, compressed, task->question, task->max_tokens, control,
		                                &reason);
	take_answer(&task->answers[side], status, &generated, &reason);
	return status;
}

/* One side may fail (the full text may not fit the context) while the others answer. */
static enum pith_status run_ask(struct task *task, struct worker *worker, const struct pith_control *control,
                                struct pith_error *err)
{
	enum pith_status status = need_document(task->engine, err);
	for (int side = 0; status == PITH_OK && side < task->n_answers; side++)
		if (run_answer(task, side, worker, control) == PITH_CANCELLED)
			status = fault(err, PITH_CANCELLED, "Cancelled.");
	return status;
}

static enum pith_status run_save(struct task *task, struct pith_error *err)
{
	const struct pith_compressed *compressed = task->engine->compressed[task->form];
	if (compressed == NULL)
		return fault(err, PITH_BAD_ARGUMENT, "There is nothing to save: the document is not compressed yet.");
	size_t length;
	const char *text = pith_compressed_text(compressed, &length);
	return text != NULL ? output_file(task->path, text, length, err) : pith_compressed_save(compressed, task->path, err);
}

static enum pith_status run_task(struct job *job, struct worker *worker, const struct pith_control *control,
                                 struct pith_error *err)
{
	struct task *task = (struct task *)job;
	switch (task->kind) {
	case TASK_READ: return run_read(task, control, err);
	case TASK_MODEL: return run_model(task, control, err);
	case TASK_DOCUMENT: return run_document(task, err);
	case TASK_COMPRESS: return run_compress(task, control, err);
	case TASK_REGENERATE: return run_regenerate(task, worker, control, err);
	case TASK_REFINE: return run_refine(task, worker, control, err);
	case TASK_ASK: return run_ask(task, worker, control, err);
	case TASK_SAVE: return run_save(task, err);
	}
	return fault(err, PITH_UNSUPPORTED, "There is no such task.");
}

static void destroy_job(struct job *job)
{
	task_destroy((struct task *)job);
}

struct task *task_create(struct engine *engine, enum task_kind kind, const char *path, const char *text, size_t length)
{
	struct task *task = calloc(1, sizeof *task);
	if (task == NULL)
		return NULL;
	task->job.run = run_task;
	task->job.destroy = destroy_job;
	task->kind = kind;
	task->engine = engine;
	task->path = path == NULL ? NULL : strdup(path);
	task->text = text == NULL ? NULL : bytes_copy(text, length);
	task->length = length;
	if ((path != NULL && task->path == NULL) || (text != NULL && task->text == NULL)) {
		task_destroy(task);
		return NULL;
	}
	return task;
}

void task_destroy(struct task *task)
{
	if (task == NULL)
		return;
	free(task->path);
	free(task->text);
	free(task->question);
	free(task->sentences);
	shown_compressed_destroy(task->compressed);
	comparison_destroy(task->comparison);
	for (int i = 0; i < N_ANSWERS; i++)
		free(task->answers[i].text);
	free(task);
}

const char *task_name(enum task_kind kind)
{
	switch (kind) {
	case TASK_READ: return "Reading the file";
	case TASK_MODEL: return "Opening the model";
	case TASK_DOCUMENT: return "Counting tokens";
	case TASK_COMPRESS: return "Compressing";
	case TASK_REGENERATE: return "Regenerating";
	case TASK_REFINE: return "Refining";
	case TASK_ASK: return "Answering";
	case TASK_SAVE: return "Saving";
	}
	return "";
}
