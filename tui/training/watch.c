/* The loop of the watcher: keys, signals, and a look at the log once a second. */
#define _GNU_SOURCE
#include "training/watch.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "clock.h"
#include "keys.h"
#include "screen.h"
#include "terminal.h"
#include "theme.h"

struct watcher {
	const struct settings *settings;
	struct training_view *view;
	struct canvas canvas;
	struct input_decoder decoder;
	double typed; /* the last byte from the keyboard */
	bool dirty, leaving;
	int exit_code;
};

static enum pith_status open_screen(struct watcher *watcher, struct pith_error *err)
{
	enum pith_status status = screen_open(watcher->settings, false, &watcher->canvas, err);
	if (status != PITH_OK)
		return status;
	struct theme theme;
	if (theme_find(&theme, watcher->settings->theme, NULL) != PITH_OK)
		theme_init(&theme);
	screen_set_theme(&theme);
	return PITH_OK;
}

static void draw(struct watcher *watcher)
{
	int rows, cols;
	screen_size(&rows, &cols);
	struct canvas *canvas = &watcher->canvas;
	if ((rows != canvas->rows || cols != canvas->cols) && !canvas_resize(canvas, rows, cols))
		return;
	training_view_draw(watcher->view, canvas);
	screen_show(canvas);
	watcher->dirty = false;
}

static void take_event(struct watcher *watcher, struct input_event *event)
{
	char key[INPUT_NAME_SIZE];
	if (event->kind == INPUT_MODE_REPORT)
		screen_set_synchronized(event->code == 2026 && event->button >= 1 && event->button <= 3);
	if (event->kind == INPUT_CHARACTER || event->kind == INPUT_KEY) {
		input_name(event, key);
		if (strcmp(key, "Ctrl-C") == 0)
			watcher->leaving = true;
		else if (strcmp(key, "Ctrl-Z") == 0)
			screen_suspend();
		else if (strcmp(key, "Ctrl-L") == 0)
			screen_redraw();
		else if (!training_view_key(watcher->view, key, watcher->canvas.rows, watcher->canvas.cols))
			watcher->leaving = true;
	}
	free(event->paste);
	watcher->dirty = true;
}

static void take_events(struct watcher *watcher)
{
	struct input_event event;
	while (!watcher->leaving && input_next(&watcher->decoder, &event))
		take_event(watcher, &event);
}

static void read_keyboard(struct watcher *watcher)
{
	char bytes[4096];
	ssize_t n = read(screen_descriptor(), bytes, sizeof bytes);
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		watcher->leaving = true; /* the terminal is gone */
		watcher->exit_code = EXIT_CODE_FAILED;
		return;
	}
	watcher->typed = clock_now();
	if (input_feed(&watcher->decoder, bytes, (size_t)n))
		take_events(watcher);
}

static void take_signals(struct watcher *watcher)
{
	struct terminal_news news = terminal_news();
	screen_take_news(&news);
	if (news.ended != 0) {
		watcher->leaving = true;
		watcher->exit_code = EXIT_CODE_SIGNAL + news.ended;
	}
	watcher->dirty = true;
}

/* What has become due: the rest of a key that does not come, a look at the log. */
static void take_time(struct watcher *watcher)
{
	double now = clock_now();
	if (now >= input_deadline(&watcher->decoder, watcher->typed, watcher->settings->escape_delay_ms)) {
		input_expire(&watcher->decoder);
		take_events(watcher);
	}
	if (now >= watcher->view->looked_at + TRAINING_VIEW_SECONDS) {
		training_view_look(watcher->view, now);
		watcher->dirty = true;
	}
}

static int milliseconds_to_wait(const struct watcher *watcher)
{
	double keys_until = input_deadline(&watcher->decoder, watcher->typed, watcher->settings->escape_delay_ms);
	double wait = fmin(watcher->view->looked_at + TRAINING_VIEW_SECONDS, keys_until) - clock_now();
	return wait > 0 ? (int)ceil(fmin(wait, TRAINING_VIEW_SECONDS) * 1000) : 0;
}

int watch_run(const struct settings *settings, struct training_view *view)
{
	struct watcher watcher = {.settings = settings, .view = view, .dirty = true};
	struct pith_error err = {0};
	enum pith_status status = open_screen(&watcher, &err);
	if (status != PITH_OK) {
		fprintf(stderr, "pith: %s\n", err.message);
		return EXIT_CODE_USAGE;
	}
	view->looked_at = clock_now();
	struct pollfd ready[] = {{.fd = screen_descriptor(), .events = POLLIN}, {.fd = terminal_descriptor(), .events = POLLIN}};
	while (!watcher.leaving) {
		if (watcher.dirty)
			draw(&watcher);
		if (poll(ready, 2, milliseconds_to_wait(&watcher)) > 0) {
			if (ready[1].revents != 0)
				take_signals(&watcher);
			if (ready[0].revents != 0)
				read_keyboard(&watcher);
		}
		take_time(&watcher);
	}
	screen_close();
	input_free(&watcher.decoder);
	canvas_free(&watcher.canvas);
	return watcher.exit_code;
}
