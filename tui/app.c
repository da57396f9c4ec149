/* The loop of the workbench: it waits for keys, signals and the worker, and draws at most some thirty times a second. */
#define _GNU_SOURCE
#include "app.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "clock.h"
#include "perform.h"
#include "prompt.h"
#include "screen.h"
#include "terminal.h"
#include "workbench.h"

enum { READ_BYTES = 1 << 16, MAX_READS = 64 };

static const double frame_seconds = 0.03;     /* between two frames */
static const double tick_seconds = 0.2;       /* between two looks at the clock while a job runs */
static const double quit_seconds = 2;         /* a job may take so long to stop after SIGTERM */

void workbench_say(struct workbench *workbench, enum role role, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(workbench->message, sizeof workbench->message, format, arguments);
	va_end(arguments);
	workbench->message_role = role;
	workbench->message_since = clock_now();
	workbench->message_of_line = false;
	workbench->dirty = true;
}

static bool use_theme(struct workbench *workbench, const char *name)
{
	struct pith_error err = {0};
	struct theme theme;
	if (theme_find(&theme, name, &err) != PITH_OK) {
		workbench_say(workbench, ROLE_ERROR, "%s", err.message);
		return false;
	}
	workbench->theme = theme;
	screen_set_theme(&theme);
	if (!theme_has_color(&theme, screen_colors()))
		workbench->marks = true;
	workbench->document_stale = true;
	return true;
}

void workbench_next_theme(struct workbench *workbench)
{
	size_t next = 0;
	for (size_t i = 0; i < workbench->n_theme_names; i++)
		if (strcmp(workbench->theme_names[i], workbench->theme.name) == 0)
			next = i + 1;
	/* What is wrong with one of them is said, and the next one taken. */
	bool used = false, refused = false;
	for (size_t i = 0; i < workbench->n_theme_names && !used; i++) {
		used = use_theme(workbench, workbench->theme_names[(next + i) % workbench->n_theme_names]);
		refused = refused || !used;
	}
	if (used && !refused)
		workbench_say(workbench, ROLE_TEXT, "Theme: %s", workbench->theme.title);
}

/* What the screen's side needs besides the screen. */
static bool create(struct workbench *workbench, struct pith_error *err)
{
	size_t n;
	const struct pith_method *methods = pith_methods(&n);
	struct form *form = &workbench->forms[FORM_FIRST];
	form->method = pith_method_find(workbench->settings->method);
	if (form->method == NULL)
		form->method = &methods[0];
	workbench->method_items = calloc(n, sizeof *workbench->method_items);
	workbench->engine = engine_create();
	if (workbench->method_items == NULL || workbench->engine == NULL) {
		snprintf(err->message, sizeof err->message, "Not enough memory.");
		return false;
	}
	slider_init(&workbench->slider, workbench->settings->rate);
	workbench->coherence = workbench->settings->coherence;
	workbench->sync = workbench->settings->sync_scroll;
	workbench->mouse = workbench->settings->mouse;
	workbench->marks = true;
	workbench->focus = FOCUS_SLIDER;
	workbench->view = form->method->family == PITH_SOFT ? VIEW_REGENERATED : VIEW_COMPRESSED;
	workbench->message_role = ROLE_TEXT;
	if (theme_names(&workbench->theme_names, &workbench->n_theme_names, NULL) != PITH_OK)
		workbench->n_theme_names = 0;
	return worker_create(&workbench->worker, err) == PITH_OK;
}

static void destroy(struct workbench *workbench)
{
	worker_destroy(workbench->worker); /* first: jobs use what follows */
	engine_destroy(workbench->engine);
	free(workbench->wanted.path);
	free(workbench->wanted.question);
	free(workbench->wanted.save_path);
	free(workbench->document_name);
	free(workbench->text);
	free(workbench->sentences);
	free(workbench->model_path);
	for (int i = 0; i < N_FORMS; i++)
		form_free(&workbench->forms[i]);
	free(workbench->question);
	free(workbench->overwrite_path);
	free(workbench->last_words);
	training_view_close(&workbench->training);
	for (int i = 0; i < N_ANSWERS; i++) {
		bytes_free(&workbench->answers[i].text);
		text_pane_free(&workbench->answers[i].pane);
	}
	text_pane_free(&workbench->document_pane);
	text_pane_free(&workbench->result_pane);
	free(workbench->method_items);
	theme_names_free(workbench->theme_names, workbench->n_theme_names);
	canvas_free(&workbench->canvas);
}

static enum pith_status open_screen(struct workbench *workbench, struct pith_error *err)
{
	enum pith_status status = screen_open(workbench->settings, workbench->mouse, &workbench->canvas, err);
	if (status != PITH_OK)
		return status;
	theme_init(&workbench->theme);
	screen_set_theme(&workbench->theme);
	use_theme(workbench, workbench->settings->theme);
	return PITH_OK;
}

/* Reads what the keyboard has; false: the terminal is gone. */
static bool read_keyboard(struct input_decoder *decoder)
{
	static char bytes[READ_BYTES];
	struct pollfd ready = {.fd = screen_descriptor(), .events = POLLIN};
	for (int i = 0; i < MAX_READS; i++) {
		ssize_t n = read(screen_descriptor(), bytes, sizeof bytes);
		if (n < 0 && errno == EINTR)
			return true;
		if (n <= 0)
			return false;
		if (!input_feed(decoder, bytes, (size_t)n))
			return true; /* no memory: what was typed is lost, the program is not */
		if (poll(&ready, 1, 0) <= 0)
			break;
	}
	return true;
}

static void handle_events(struct workbench *workbench, struct input_decoder *decoder)
{
	struct input_event event;
	while (input_next(decoder, &event))
		dispatch_event(workbench, &event);
	jobs_schedule(workbench);
}

static void handle_signals(struct workbench *workbench, double *quit_at)
{
	struct terminal_news news = terminal_news();
	screen_take_news(&news);
	if (news.ended != 0) {
		workbench->quitting = true;
		workbench->exit_code = EXIT_CODE_SIGNAL + news.ended;
		*quit_at = clock_now() + quit_seconds;
		jobs_cancel(workbench);
	}
	workbench->dirty = true;
}

/* The times that the loop looks at besides its descriptors. */
struct clocks {
	double drawn;  /* the last frame */
	double ticked;
	double typed;  /* the last byte from the keyboard */
	double quit_at; /* INFINITY: no hurry */
};

static double earlier(double a, double b)
{
	return a < b ? a : b;
}

/* When something is due; INFINITY: nothing, the process sleeps until it is woken. */
static double next_deadline(const struct workbench *workbench, const struct input_decoder *decoder, const struct clocks *clocks)
{
	double deadline = clocks->quit_at;
	if (workbench->dirty)
		deadline = earlier(deadline, clocks->drawn + frame_seconds);
	deadline = earlier(deadline, input_deadline(decoder, clocks->typed, workbench->settings->escape_delay_ms));
	if (workbench->settle_at > 0)
		deadline = earlier(deadline, workbench->settle_at);
	if (workbench->training.open)
		deadline = earlier(deadline, workbench->training.looked_at + TRAINING_VIEW_SECONDS);
	if (workbench->running.active)
		deadline = earlier(deadline, clocks->ticked + tick_seconds);
	return deadline;
}

/* What has become due. */
static void handle_clocks(struct workbench *workbench, struct input_decoder *decoder, struct clocks *clocks)
{
	double now = clock_now();
	if (now >= input_deadline(decoder, clocks->typed, workbench->settings->escape_delay_ms)) {
		input_expire(decoder);
		handle_events(workbench, decoder);
	}
	if (workbench->settle_at > 0 && now >= workbench->settle_at) {
		perform_settle(workbench);
		jobs_schedule(workbench);
	}
	if (workbench->training.open && now >= workbench->training.looked_at + TRAINING_VIEW_SECONDS) {
		training_view_look(&workbench->training, now);
		workbench->dirty = true;
	}
	if (workbench->running.active && now >= clocks->ticked + tick_seconds) {
		clocks->ticked = now;
		workbench->tick++;
		workbench->dirty = true;
	}
	if (workbench->dirty && now >= clocks->drawn + frame_seconds) {
		draw_frame(workbench);
		workbench->dirty = false;
		clocks->drawn = clock_now();
	}
}

static void loop(struct workbench *workbench)
{
	struct input_decoder decoder = {0};
	struct clocks clocks = {.quit_at = INFINITY};
	struct pollfd ready[] = {
		{.fd = screen_descriptor(), .events = POLLIN},
		{.fd = terminal_descriptor(), .events = POLLIN},
		{.fd = worker_descriptor(workbench->worker), .events = POLLIN},
	};
	/* A job that runs is given the time to stop, so that leaving looks like leaving. */
	while (!workbench->quitting || (workbench->running.active && clock_now() < clocks.quit_at)) {
		double deadline = next_deadline(workbench, &decoder, &clocks), wait = deadline - clock_now();
		int milliseconds = isinf(deadline) ? -1 : wait <= 0 ? 0 : (int)ceil(wait * 1000);
		if (poll(ready, 3, milliseconds) > 0) {
			if (ready[1].revents != 0)
				handle_signals(workbench, &clocks.quit_at);
			if (ready[2].revents != 0)
				results_collect(workbench);
			if (ready[0].revents != 0) {
				if (!read_keyboard(&decoder)) {
					workbench->exit_code = EXIT_CODE_FAILED;
					break;
				}
				clocks.typed = clock_now();
				handle_events(workbench, &decoder);
			}
		}
		handle_clocks(workbench, &decoder, &clocks);
	}
	input_free(&decoder);
}

/* What was asked for on the command line becomes what is wanted first. */
static void want_arguments(struct workbench *workbench, const char *model_path, const char *document_path)
{
	if (document_path != NULL)
		jobs_want_file(workbench, document_path);
	workbench->model_path = model_path == NULL ? NULL : strdup(model_path);
	workbench->wanted.model = workbench->model_path != NULL;
	if (model_path == NULL)
		workbench_say(workbench, ROLE_ERROR,
		              "There is no model: documents can only be read. Start pith with --model FILE.gguf.");
}

int workbench_run(const struct settings *settings, const char *model_path, const char *document_path)
{
	struct workbench workbench = {.settings = settings};
	struct pith_error err = {0};
	prompt_init(settings->history_size);
	bool created = create(&workbench, &err);
	if (!created || open_screen(&workbench, &err) != PITH_OK) {
		fprintf(stderr, "pith: %s\n", err.message);
		destroy(&workbench);
		prompt_end();
		return created ? EXIT_CODE_USAGE : EXIT_CODE_FAILED;
	}
	draw_frame(&workbench); /* paint first */
	want_arguments(&workbench, model_path, document_path);
	jobs_schedule(&workbench);
	loop(&workbench);
	bool hurry = workbench.running.active && workbench.exit_code != 0;
	screen_close();
	prompt_end();
	if (workbench.last_words != NULL)
		fprintf(stderr, "pith: %s\n", workbench.last_words);
	if (hurry) /* a job that does not stop must not keep the process */
		_exit(workbench.exit_code);
	destroy(&workbench);
	return workbench.exit_code;
}
