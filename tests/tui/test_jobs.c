/* What Esc and the end of a job leave behind: the workbench without a screen, and jobs that do what a test says. */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "perform.h"
#include "unit.h"
#include "workbench.h"

static const struct pith_method soft = {"rows", "Rows", "", "", PITH_SOFT, PITH_MEMORY_ROWS};
static const struct settings settings = {.auto_regenerate = true};
static char document[] = "The level never rose by more than 41 cm in a day.";

static enum pith_status run_until_cancelled(struct job *job, struct worker *worker, const struct pith_control *control,
                                            struct pith_error *err)
{
	(void)job;
	(void)worker;
	(void)err;
	const struct timespec pause = {0, 1000000};
	while (!atomic_load(control->cancel))
		nanosleep(&pause, NULL);
	return PITH_CANCELLED;
}

static enum pith_status run_to_its_end(struct job *job, struct worker *worker, const struct pith_control *control,
                                       struct pith_error *err)
{
	(void)run_until_cancelled(job, worker, control, err);
	return PITH_OK;
}

/* A workbench in which everything that is wanted can begin. */
static void begin(struct workbench *workbench)
{
	*workbench = (struct workbench){.settings = &settings, .text = document, .has_model = true, .tokenised = true};
	workbench->length = strlen(document);
	workbench->n_tokens = 100;
	slider_init(&workbench->slider, 0.25);
	workbench->engine = engine_create();
	assert_non_null(workbench->engine);
	assert_int_equal(worker_create(&workbench->worker, NULL), PITH_OK);
}

static void end(struct workbench *workbench)
{
	worker_destroy(workbench->worker);
	engine_destroy(workbench->engine);
	for (int i = 0; i < N_FORMS; i++)
		form_free(&workbench->forms[i]);
	for (int i = 0; i < N_ANSWERS; i++)
		bytes_free(&workbench->answers[i].text);
	free(workbench->question);
	free(workbench->wanted.path);
	free(workbench->wanted.question);
}

static void show_form(struct workbench *workbench, enum form_place place, const struct pith_method *method, double rate)
{
	struct form *form = &workbench->forms[place];
	form->compressed = calloc(1, sizeof *form->compressed);
	assert_non_null(form->compressed);
	form->compressed->info.method = form->method = method;
	form->target = (struct slider_value){.rate = rate};
	form->compressed->info.budget_tokens = (size_t)(rate * 100);
}

static struct task *submit(struct workbench *workbench, enum task_kind kind, enum form_place place,
                           enum pith_status (*run)(struct job *, struct worker *, const struct pith_control *,
                                                   struct pith_error *))
{
	struct task *task = task_create(workbench->engine, kind, "path", NULL, 0);
	assert_non_null(task);
	task->job.run = run;
	task->form = place;
	workbench->running = (struct running){.active = true, .kind = kind, .form = place, .target = workbench->slider.settled};
	worker_submit(workbench->worker, &task->job);
	return task;
}

/* Until the job that was submitted has come back; what is wanted then has begun. */
static void collect(struct workbench *workbench)
{
	struct pollfd ready = {.fd = worker_descriptor(workbench->worker), .events = POLLIN};
	const double since = workbench->running.since;
	while (workbench->running.active && workbench->running.since == since) {
		assert_int_equal(poll(&ready, 1, 10000), 1);
		results_collect(workbench);
	}
}

/* Cancels a job of this kind, and expects that it is the last one. */
static void assert_nothing_follows(struct workbench *workbench, enum task_kind kind)
{
	submit(workbench, kind, FORM_FIRST, run_until_cancelled);
	jobs_cancel(workbench);
	collect(workbench);
	if (workbench->running.active)
		fail_msg("behind \"%s\" there is \"%s\"", task_name(kind), task_name(workbench->running.kind));
}

/* A regeneration that made way for a question is over when the question is. */
static void nothing_follows(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench);
	show_form(&workbench, FORM_FIRST, &soft, 0.25);
	submit(&workbench, TASK_REGENERATE, FORM_FIRST, run_until_cancelled);
	jobs_want_answer(&workbench, "Why?");
	assert_true(workbench.wanted.regenerated[FORM_FIRST]);
	jobs_cancel(&workbench);
	collect(&workbench);
	assert_false(workbench.running.active);
	static const enum task_kind kinds[] = {TASK_READ, TASK_COMPRESS, TASK_REGENERATE, TASK_REFINE, TASK_ASK};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		workbench.forms[FORM_FIRST].interrupted = true;
		workbench.wanted.regenerated[FORM_FIRST] = workbench.wanted.compressed[FORM_FIRST] = true;
		workbench.wanted.path = strdup("another");
		workbench.settle_at = 1;
		assert_nothing_follows(&workbench, kinds[i]);
		assert_true(workbench.settle_at == 0);
	}
	end(&workbench);
}

/* Nor does anything follow a job that came to its end before it could be stopped. */
static void too_late(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench);
	show_form(&workbench, FORM_FIRST, &soft, 0.25);
	struct task *task = submit(&workbench, TASK_COMPRESS, FORM_FIRST, run_to_its_end);
	task->compressed = calloc(1, sizeof *task->compressed);
	assert_non_null(task->compressed);
	task->compressed->info = (struct pith_compressed_info){.method = &soft, .has_purpose = {[PITH_REGENERATE] = true}};
	jobs_cancel(&workbench);
	collect(&workbench);
	assert_false(workbench.running.active);
	assert_true(workbench.forms[FORM_FIRST].compressed->info.has_purpose[PITH_REGENERATE]);
	end(&workbench);
}

/* The rows that a cancelled refinement has reached are not those that the text on the screen came from, and that is said. */
static void rows_of_a_cancelled_refinement(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench);
	show_form(&workbench, FORM_FIRST, &soft, 0.25);
	struct task *task = submit(&workbench, TASK_REFINE, FORM_FIRST, run_until_cancelled);
	task->compressed = calloc(1, sizeof *task->compressed);
	assert_non_null(task->compressed);
	task->compressed->info.method = &soft;
	task->refined.n_steps = 7;
	jobs_cancel(&workbench);
	collect(&workbench);
	assert_false(workbench.running.active);
	assert_true(workbench.forms[FORM_FIRST].outdated);
	form_drop_regenerated(&workbench, FORM_FIRST);
	assert_false(workbench.forms[FORM_FIRST].outdated);
	end(&workbench);
}

static enum pith_status run_speaking(struct job *job, struct worker *worker, const struct pith_control *control,
                                     struct pith_error *err)
{
	static const char *const pieces[] = {" ", "\n 41", " cm"};
	worker_set_channel(worker, ANSWER_FULL);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
		control->text(control->user, pieces[i], strlen(pieces[i]));
	return run_until_cancelled(job, worker, control, err);
}

/* What has come of a cancelled answer begins with a word, as the whole one would. */
static void answer_begins_with_a_word(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench);
	submit(&workbench, TASK_ASK, FORM_FIRST, run_speaking);
	while (workbench.answers[ANSWER_FULL].text.length < strlen("41 cm"))
		results_collect(&workbench);
	jobs_cancel(&workbench);
	collect(&workbench);
	const struct bytes *text = &workbench.answers[ANSWER_FULL].text;
	assert_int_equal(text->length, strlen("41 cm"));
	assert_memory_equal(text->data, "41 cm", text->length);
	assert_false(workbench.answers[ANSWER_FULL].done);
	end(&workbench);
}

static enum pith_status run_at_once(struct job *job, struct worker *worker, const struct pith_control *control,
                                    struct pith_error *err)
{
	(void)job;
	(void)worker;
	(void)control;
	(void)err;
	return PITH_OK;
}

/* Beside another text the one that broke off is named. */
static void broken_off(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench);
	for (int n_forms = 1; n_forms <= N_FORMS; n_forms++) {
		char sentence[128];
		show_form(&workbench, (enum form_place)(n_forms - 1), &soft, 0.25);
		const struct pith_generated generated = {.text = document, .length = strlen(document), .stop = PITH_STOP_LOOP};
		struct task *task = task_create(workbench.engine, TASK_REGENERATE, NULL, NULL, 0);
		assert_non_null(task);
		task->job.run = run_at_once;
		task->comparison = comparison_of(document, strlen(document), &generated);
		assert_non_null(task->comparison);
		workbench.running = (struct running){.active = true, .kind = TASK_REGENERATE};
		worker_submit(workbench.worker, &task->job);
		collect(&workbench);
		snprintf(sentence, sizeof sentence, "%s%s", n_forms > 1 ? "Rows: " : "", pith_stop_sentence(PITH_STOP_LOOP));
		assert_string_equal(workbench.message, sentence);
	}
	end(&workbench);
}

/* The second form keeps the target that it was made for when its turn is cancelled, and that is said. */
static void left_behind(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench);
	show_form(&workbench, FORM_FIRST, &soft, 0.5);
	show_form(&workbench, FORM_SECOND, &soft, 0.5);
	assert_false(form_beside_differs(&workbench));
	submit(&workbench, TASK_COMPRESS, FORM_SECOND, run_until_cancelled);
	jobs_cancel(&workbench);
	collect(&workbench);
	assert_string_equal(workbench.message, "Compressing was cancelled.");
	struct pith_compressed_info *second = &workbench.forms[FORM_SECOND].compressed->info;
	second->budget_tokens = 25;
	second->target_cr = 0.25;
	assert_true(form_beside_differs(&workbench));
	submit(&workbench, TASK_COMPRESS, FORM_SECOND, run_until_cancelled);
	jobs_cancel(&workbench);
	collect(&workbench);
	assert_string_equal(workbench.message, "Compressing was cancelled: the left side, Rows, is still at 0.25 (4.0x).");
	end(&workbench);
}

/* A step of the slider that comes to as many tokens has nothing to do, unless something lacks them. */
static void as_many_tokens(void **state)
{
	(void)state;
	struct workbench workbench;
	begin(&workbench);
	show_form(&workbench, FORM_FIRST, &soft, 0.25);
	slider_set(&workbench.slider, (struct slider_value){.rate = 0.258});
	assert_true(jobs_has_settled(&workbench));
	perform_settle(&workbench);
	assert_false(slider_unsettled(&workbench.slider));
	assert_false(workbench.wanted.compressed[FORM_FIRST]);
	slider_set(&workbench.slider, (struct slider_value){.rate = 0.252});
	/* The second form was cancelled at another target. */
	show_form(&workbench, FORM_SECOND, &soft, 0.5);
	assert_false(jobs_has_settled(&workbench));
	workbench.wanted.compressed[FORM_SECOND] = true;
	assert_true(jobs_has_settled(&workbench));
	workbench.forms[FORM_SECOND].method = NULL;
	/* What runs is of other tokens, or of these. */
	workbench.slider.settled.rate = 0.1;
	assert_false(jobs_has_settled(&workbench));
	workbench.slider.settled.rate = 0.25;
	submit(&workbench, TASK_COMPRESS, FORM_FIRST, run_until_cancelled);
	workbench.forms[FORM_FIRST].compressed->info.budget_tokens = 10;
	assert_true(jobs_has_settled(&workbench));
	jobs_cancel(&workbench);
	assert_false(jobs_has_settled(&workbench));
	collect(&workbench);
	slider_set(&workbench.slider, (struct slider_value){.rate = 0.26});
	perform_settle(&workbench);
	assert_true(workbench.wanted.compressed[FORM_FIRST]);
	end(&workbench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_follows),
		cmocka_unit_test(too_late),
		cmocka_unit_test(rows_of_a_cancelled_refinement),
		cmocka_unit_test(answer_begins_with_a_word),
		cmocka_unit_test(broken_off),
		cmocka_unit_test(left_behind),
		cmocka_unit_test(as_many_tokens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
