/* Keys, mouse and pastes become actions: help and menus first, then an open line, then the table of actions. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "clock.h"
#include "document_file.h"
#include "perform.h"
#include "prompt.h"
#include "screen.h"
#include "workbench.h"

enum { WHEEL_ROWS = 3 };

/* Can nothing be written under this name, whatever the file system says later? Then that is said. */
static bool is_no_file_name(struct workbench *workbench, const char *path)
{
	struct stat facts;
	if (path[strspn(path, " \t")] == '\0')
		workbench_say(workbench, ROLE_ERROR, "White space alone is no name of a file.");
	else if (stat(path, &facts) == 0 && S_ISDIR(facts.st_mode))
		workbench_say(workbench, ROLE_ERROR, "%s is a folder: type the name of a file in it.", path);
	else
		return false;
	return true;
}

/* A file that exists is replaced only when the same line is taken twice. */
static void take_save(struct workbench *workbench, const char *path)
{
	bool again = workbench->overwrite_path != NULL && strcmp(workbench->overwrite_path, path) == 0;
	free(workbench->overwrite_path);
	workbench->overwrite_path = NULL;
	if (workbench->forms[workbench->save_form].compressed == NULL) {
		workbench_say(workbench, ROLE_WARNING, "There is nothing to save any more.");
		return;
	}
	if (workbench->wanted.save_path != NULL) {
		workbench_say(workbench, ROLE_WARNING, "%s still waits to be written: Enter again, once it is.",
		              workbench->wanted.save_path);
		perform_line_again(workbench, PROMPT_SAVE, path);
		return;
	}
	if (is_no_file_name(workbench, path)) {
		perform_line_again(workbench, PROMPT_SAVE, path);
		return;
	}
	struct stat facts;
	if (again || stat(path, &facts) != 0) {
		jobs_want_saved(workbench, workbench->save_form, path);
		return;
	}
	workbench->overwrite_path = strdup(path);
	workbench_say(workbench, ROLE_WARNING,
	              S_ISREG(facts.st_mode) ? "%s exists already: Enter replaces it, Esc leaves it."
	                                     : "%s is a device or a pipe: Enter writes into it, Esc leaves it.",
	              path);
	perform_line_again(workbench, PROMPT_SAVE, path);
}

/* A name that is mistyped does not stop what is running. */
static void take_open(struct workbench *workbench, const char *path)
{
	struct pith_error err = {0};
	if (path[0] == '\0')
		return;
	if (document_file_check(path, &err) == PITH_OK) {
		jobs_want_file(workbench, path);
		return;
	}
	workbench_say(workbench, ROLE_ERROR, "%s", err.message);
	perform_line_again(workbench, PROMPT_OPEN, path);
}

static void take_question(struct workbench *workbench, const char *line)
{
	if (line[strspn(line, " \t")] == '\0')
		return;
	if (workbench->has_model && workbench->text != NULL) {
		jobs_want_answer(workbench, line);
		return;
	}
	prompt_keep_question(line);
	workbench_say(workbench, ROLE_WARNING,
	              workbench->text == NULL ? "There is no document to ask about yet; the question is kept."
	                                      : "There is no model to answer; the question is kept.");
}

static void take_rate(struct workbench *workbench, const char *line)
{
	struct pith_error err = {0};
	struct slider_value value = workbench->slider.live;
	if (slider_parse(line, &value, &err) == PITH_OK) {
		slider_set(&workbench->slider, value);
		jobs_want_compressed(workbench);
		return;
	}
	workbench_say(workbench, ROLE_ERROR, "%s", err.message);
	perform_line_again(workbench, PROMPT_RATE, line);
}

static void take_watch(struct workbench *workbench, const char *path)
{
	struct pith_error err = {0};
	if (path[0] == '\0')
		return;
	workbench->message[0] = '\0';
	if (training_view_open(&workbench->training, path, clock_now(), &err) == PITH_OK)
		return;
	workbench_say(workbench, ROLE_ERROR, "%s", err.message);
	perform_line_again(workbench, PROMPT_WATCH, path);
}

/* What was said of the open line goes with it. */
static void forget_refusal(struct workbench *workbench)
{
	if (workbench->message_of_line)
		workbench->message[0] = '\0';
	workbench->message_of_line = false;
}

/* And what was asked about it is asked again. */
static void forget_line(struct workbench *workbench)
{
	forget_refusal(workbench);
	free(workbench->overwrite_path);
	workbench->overwrite_path = NULL;
}

static void leave_line(struct workbench *workbench)
{
	prompt_leave();
	forget_line(workbench);
}

/* What is wrong with a name does not stand below another one. */
static void take_edit(struct workbench *workbench)
{
	if (prompt_edited())
		forget_line(workbench);
}

/* A line was taken: what it was typed for happens now. */
static void take_line(struct workbench *workbench)
{
	enum prompt_kind kind;
	char *line = prompt_take(&kind);
	if (line == NULL) { /* Ctrl-D */
		leave_line(workbench);
		return;
	}
	forget_refusal(workbench);
	switch (kind) {
	case PROMPT_QUESTION: take_question(workbench, line); break;
	case PROMPT_RATE: take_rate(workbench, line); break;
	case PROMPT_OPEN: take_open(workbench, line); break;
	case PROMPT_SAVE:
		if (line[0] != '\0')
			take_save(workbench, line);
		break;
	case PROMPT_WATCH: take_watch(workbench, line); break;
	case PROMPT_NONE: break;
	}
	free(line);
}

static void take_paste(struct workbench *workbench, struct input_event *event)
{
	if (prompt_kind() != PROMPT_NONE) {
		prompt_input(event);
		take_edit(workbench);
		return;
	}
	if (event->paste_length == 0)
		return;
	if (strspn(event->paste, " \t\n") == event->paste_length) {
		workbench_say(workbench, ROLE_WARNING, "What was pasted is only white space.");
		return;
	}
	if (document_file_is_binary(event->paste, event->paste_length)) {
		workbench_say(workbench, ROLE_ERROR, "What was pasted is not a text: it holds binary data.");
		return;
	}
	char *name = strdup("pasted text");
	if (name == NULL)
		return;
	workbench->message[0] = '\0';
	if (event->paste_cut)
		workbench_say(workbench, ROLE_WARNING, "The paste was cut at %d MiB.", INPUT_MAX_PASTE >> 20);
	jobs_want_document(workbench, name, event->paste, event->paste_length);
	event->paste = NULL;
}

/* While the mouse holds the slider everything it does is about that. */
static bool drag_slider(struct workbench *workbench, const struct input_event *event)
{
	const struct rect track = workbench->regions.track;
	if (!workbench->slider.dragging)
		return false;
	if (event->action == MOUSE_DRAG) {
		slider_drag(&workbench->slider, event->col - track.col, track.cols);
	} else if (event->action == MOUSE_RELEASE || event->action == MOUSE_MOTION) {
		/* Motion without a button: the release happened where nobody told us. */
		workbench->slider.dragging = false;
		perform_settle(workbench);
	}
	return true;
}

static bool press_slider(struct workbench *workbench, const struct input_event *event)
{
	const struct rect row = workbench->regions.slider, track = workbench->regions.track;
	if (!rect_contains(row, event->row, event->col))
		return false;
	if (event->action == MOUSE_WHEEL_UP || event->action == MOUSE_WHEEL_DOWN) {
		perform_rate_step(workbench, event->action == MOUSE_WHEEL_UP ? 1 : -1);
	} else if (event->action == MOUSE_PRESS && event->button == 0) {
		workbench->focus = FOCUS_SLIDER;
		if (rect_contains(track, event->row, event->col))
			slider_press(&workbench->slider, event->col - track.col, track.cols);
	}
	return true;
}

/* A pane under the mouse: pressed, it gets the focus; the wheel scrolls it. */
static bool use_pane(struct workbench *workbench, const struct input_event *event, struct rect header, struct rect body,
                     enum focus focus, struct text_pane *pane)
{
	if (!rect_contains(header, event->row, event->col) && !rect_contains(body, event->row, event->col))
		return false;
	if (event->action == MOUSE_PRESS)
		workbench->focus = focus;
	else if (event->action == MOUSE_WHEEL_UP || event->action == MOUSE_WHEEL_DOWN)
		perform_scroll_pane(workbench, pane, event->action == MOUSE_WHEEL_UP ? -WHEEL_ROWS : WHEEL_ROWS);
	return true;
}

static void mouse_menu(struct workbench *workbench, const struct input_event *event)
{
	size_t item;
	if (event->action == MOUSE_WHEEL_UP || event->action == MOUSE_WHEEL_DOWN)
		menu_move(&workbench->menu, event->action == MOUSE_WHEEL_UP ? -1 : 1);
	else if (event->action == MOUSE_PRESS && menu_hit(&workbench->menu, event->row, event->col, &item))
		perform_method_choice(workbench, item);
	else if (event->action == MOUSE_PRESS && !rect_contains(workbench->menu.place, event->row, event->col))
		menu_close(&workbench->menu);
}

static void take_mouse(struct workbench *workbench, const struct input_event *event)
{
	const struct regions *regions = &workbench->regions;
	if (workbench->help) {
		if (event->action == MOUSE_WHEEL_UP)
			workbench->help_top -= workbench->help_top > 0 ? 1 : 0;
		else if (event->action == MOUSE_WHEEL_DOWN)
			workbench->help_top++;
		else if (event->action == MOUSE_PRESS)
			workbench->help = false;
		return;
	}
	if (workbench->menu.title != NULL) {
		mouse_menu(workbench, event);
		return;
	}
	if (regions->too_small || drag_slider(workbench, event) || press_slider(workbench, event))
		return;
	if (event->action == MOUSE_PRESS) {
		for (int i = 0; i < N_VIEWS; i++)
			if (rect_contains(workbench->view_tabs[i], event->row, event->col))
				perform_view(workbench, (enum view)i);
		for (int i = 0; i < N_FORMS; i++)
			if (rect_contains(workbench->method_place[i], event->row, event->col))
				perform_method_menu(workbench, (enum form_place)i);
		if (rect_contains(regions->question, event->row, event->col) && prompt_kind() == PROMPT_NONE)
			perform_line(workbench, PROMPT_QUESTION, NULL);
	}
	struct text_pane *result = workbench->view == VIEW_MEMORY ? NULL : &workbench->result_pane;
	if (use_pane(workbench, event, regions->document_header, regions->document, FOCUS_DOCUMENT, &workbench->document_pane) ||
	    use_pane(workbench, event, regions->result_header, regions->result, FOCUS_RESULT, result))
		return;
	for (int i = 0; i < workbench->n_answers; i++)
		if (use_pane(workbench, event, regions->answer_header[i], regions->answer[i], FOCUS_ANSWERS,
		             &workbench->answers[view_answers_side(workbench, i)].pane))
			return;
}

static bool key_menu(struct workbench *workbench, const char *key)
{
	if (workbench->menu.title == NULL)
		return false;
	if (strcmp(key, "Up") == 0 || strcmp(key, "k") == 0)
		menu_move(&workbench->menu, -1);
	else if (strcmp(key, "Down") == 0 || strcmp(key, "j") == 0 || strcmp(key, "m") == 0)
		menu_move(&workbench->menu, 1);
	else if (strcmp(key, "Home") == 0 || strcmp(key, "End") == 0)
		menu_move(&workbench->menu, key[0] == 'H' ? -(long)workbench->menu.n : (long)workbench->menu.n);
	else if (strcmp(key, "Enter") == 0 || strcmp(key, "Space") == 0)
		perform_method_choice(workbench, workbench->menu.chosen);
	else
		menu_close(&workbench->menu);
	return true;
}

static bool key_help(struct workbench *workbench, const char *key)
{
	if (!workbench->help)
		return false;
	workbench->help = view_help_key(key, &workbench->help_top, workbench->canvas.rows);
	return true;
}

static bool key_line(struct workbench *workbench, const struct input_event *event, const char *key)
{
	if (prompt_kind() == PROMPT_NONE)
		return false;
	if (strcmp(key, "Esc") == 0) {
		leave_line(workbench);
	} else if (strcmp(key, "Tab") == 0 && prompt_kind() == PROMPT_QUESTION) {
		leave_line(workbench);
		perform_focus_move(workbench, 1);
	} else if (prompt_input(event)) {
		take_line(workbench);
	} else {
		take_edit(workbench);
	}
	return true;
}

static void take_key(struct workbench *workbench, const struct input_event *event)
{
	char key[INPUT_NAME_SIZE];
	input_name(event, key);
	/* These must work whatever is open. */
	if (strcmp(key, "Ctrl-C") == 0) {
		if (workbench->quitting) {
			screen_close();
			_exit(EXIT_CODE_INTERRUPTED);
		}
		perform_quit(workbench);
		return;
	}
	if (strcmp(key, "Ctrl-Z") == 0 || strcmp(key, "Ctrl-L") == 0) {
		perform_action(workbench, actions_find(CONTEXT_ANYWHERE, key), key);
		return;
	}
	if (workbench->training.open) {
		if (!training_view_key(&workbench->training, key, workbench->canvas.rows, workbench->canvas.cols))
			training_view_close(&workbench->training);
		return;
	}
	/* Nothing is seen, so nothing is done but leaving; an open line may be meant by a q. */
	if (workbench->regions.too_small) {
		if (prompt_kind() == PROMPT_NONE && actions_find(CONTEXT_ANYWHERE, key) == ACTION_QUIT)
			perform_quit(workbench);
		return;
	}
	if (key_help(workbench, key) || key_menu(workbench, key) || key_line(workbench, event, key))
		return;
	enum action_context context = workbench->focus == FOCUS_SLIDER ? CONTEXT_SLIDER : CONTEXT_PANES;
	perform_action(workbench, actions_find(context, key), key);
}

void dispatch_event(struct workbench *workbench, struct input_event *event)
{
	bool covered = workbench->training.open; /* what is not seen is not clicked on */
	workbench->dirty = true;
	switch (event->kind) {
	case INPUT_CHARACTER: case INPUT_KEY: take_key(workbench, event); break;
	case INPUT_MOUSE:
		/* Let go is let go, whatever covers it by now. */
		if (event->action == MOUSE_RELEASE && drag_slider(workbench, event))
			break;
		if (!covered)
			take_mouse(workbench, event);
		break;
	case INPUT_PASTE:
		if (covered) /* what was pasted is to be seen, not lost */
			training_view_close(&workbench->training);
		/* A line is not seen where the screen is too small; a document is, as soon as there is room. */
		if (!workbench->regions.too_small || prompt_kind() == PROMPT_NONE)
			take_paste(workbench, event);
		break;
	case INPUT_MODE_REPORT:
		/* 1 set, 2 reset, 3 always set: the terminal knows frames. */
		screen_set_synchronized(event->code == 2026 && event->button >= 1 && event->button <= 3);
		break;
	}
	free(event->paste);
	event->paste = NULL;
}
