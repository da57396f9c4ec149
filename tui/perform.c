/* What an action of the table does to the workbench. */
#define _GNU_SOURCE
#include "perform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "screen.h"

/* Keys and wheel settle the slider after this pause, so that ten presses are one job. */
#define SETTLE_SECONDS 0.3

static void slider_moved(struct workbench *workbench)
{
	workbench->slider.dragging = false; /* by other means than the mouse that held it */
	workbench->settle_at = clock_now() + SETTLE_SECONDS;
}

void perform_settle(struct workbench *workbench)
{
	workbench->settle_at = 0;
	workbench->dirty = true;
	if (workbench->slider.dragging || !slider_unsettled(&workbench->slider))
		return;
	if (jobs_has_settled(workbench))
		slider_settle(&workbench->slider); /* it means as many tokens: what is there stays, refined rows too */
	else
		jobs_want_compressed(workbench);
}

void perform_rate_step(struct workbench *workbench, int percent)
{
	slider_step(&workbench->slider, percent, workbench->n_tokens);
	slider_moved(workbench);
}

static void rate_least(struct workbench *workbench)
{
	slider_least(&workbench->slider, workbench->n_tokens);
	slider_moved(workbench);
}

static void step_tokens(struct workbench *workbench, int tokens)
{
	size_t budget = jobs_budget(workbench, workbench->slider.live);
	if (budget == 0)
		return;
	slider_step_tokens(&workbench->slider, tokens, budget, workbench->n_tokens);
	slider_moved(workbench);
}

/* All answers scroll together, as far as the longest of them reaches. */
static struct text_pane *longest_answer(struct workbench *workbench)
{
	struct text_pane *longest = &workbench->answers[ANSWER_FULL].pane;
	for (int i = 0; i < workbench->n_answers; i++)
		if (text_pane_last_top(&workbench->answers[i].pane) > text_pane_last_top(longest))
			longest = &workbench->answers[i].pane;
	return longest;
}

/* The pane that the scrolling keys move; NULL: none (memory rows scroll by themselves). */
static struct text_pane *focused_pane(struct workbench *workbench)
{
	switch (workbench->focus) {
	case FOCUS_RESULT: return workbench->view == VIEW_MEMORY ? NULL : &workbench->result_pane;
	case FOCUS_ANSWERS: return longest_answer(workbench);
	default: return &workbench->document_pane;
	}
}

static void scroll_memory(struct workbench *workbench, long rows)
{
	if (rows < 0)
		workbench->memory_top -= workbench->memory_top < (size_t)-rows ? workbench->memory_top : (size_t)-rows;
	else
		workbench->memory_top += (size_t)rows; /* drawing clips it */
	size_t n = view_memory_rows(workbench);
	workbench->memory_top = workbench->memory_top < n ? workbench->memory_top : n;
}

void perform_scroll_pane(struct workbench *workbench, struct text_pane *pane, long rows)
{
	if (pane == NULL) {
		scroll_memory(workbench, rows);
		return;
	}
	bool answers = pane != &workbench->document_pane && pane != &workbench->result_pane;
	pane = answers ? longest_answer(workbench) : pane;
	text_pane_scroll(pane, rows);
	if (answers) { /* all together */
		for (int i = 0; i < N_ANSWERS; i++)
			text_pane_scroll_to(&workbench->answers[i].pane, pane->top);
		return;
	}
	workbench->result_leads = pane == &workbench->result_pane;
	workbench->follow = false;
}

static long page_rows(struct workbench *workbench)
{
	const struct text_pane *pane = focused_pane(workbench);
	int rows = pane == NULL ? workbench->regions.result.rows - 4 : pane->rows;
	return rows > 2 ? rows - 1 : 1;
}

void perform_focus_move(struct workbench *workbench, int step)
{
	int n = workbench->n_answers > 0 ? N_FOCUS : N_FOCUS - 1;
	workbench->focus = (enum focus)(((int)workbench->focus + step + n) % n);
}

void perform_view(struct workbench *workbench, enum view view)
{
	workbench->view = view;
	workbench->result_stale = true;
	workbench->result_leads = false;
	workbench->follow = false;
}

/* The first method that can be used and is not the one on the other side. */
static bool offers_itself(const struct workbench *workbench, const struct pith_method *method, const char *unable)
{
	return unable == NULL && method != workbench->forms[FORM_FIRST].method;
}

void perform_method_menu(struct workbench *workbench, enum form_place place)
{
	size_t n, chosen;
	const struct pith_method *methods = pith_methods(&n), *current = workbench->forms[place].method;
	bool server = workbench->settings->server[0] != '\0';
	chosen = n;
	for (size_t i = 0; i < n; i++) {
		const char *unable = pith_method_unable(&methods[i], &workbench->model.info, server);
		workbench->method_items[i] = (struct menu_item){methods[i].title, unable == NULL ? methods[i].summary : unable};
		if (&methods[i] == current || (current == NULL && chosen == n && offers_itself(workbench, &methods[i], unable)))
			chosen = i;
	}
	workbench->menu_form = place;
	menu_open(&workbench->menu, place == FORM_FIRST ? "Method" : "Second method", workbench->method_items, n, chosen);
}

void perform_method_choice(struct workbench *workbench, size_t i)
{
	size_t n;
	const struct pith_method *methods = pith_methods(&n);
	menu_close(&workbench->menu);
	if (i < n && &methods[i] != workbench->forms[workbench->menu_form].method)
		jobs_want_method(workbench, workbench->menu_form, &methods[i]);
}

static void compare(struct workbench *workbench)
{
	if (workbench->forms[FORM_SECOND].method != NULL)
		jobs_want_method(workbench, FORM_SECOND, NULL);
	else if (!workbench->has_model)
		workbench_say(workbench, ROLE_WARNING, "Without a model nothing can be compressed.");
	else
		perform_method_menu(workbench, FORM_SECOND);
}

/* Are there words in it that were kept for what they say? What a server wrote is not paid for again. */
static bool keeps_words(const struct workbench *workbench, const struct form *form)
{
	if (form->method == NULL || form->method->family == PITH_SOFT)
		return false;
	return form->method->family == PITH_EXTRACTIVE || workbench->settings->server[0] == '\0';
}

/* The next of these, and from the last one on to the first. */
static void next_coherence(struct workbench *workbench)
{
	static const struct {
		double coherence;
		const char *says;
	} steps[] = {{0, "Words are kept one by one"}, {1.5, "Kept words hold together"}, {3, "Whole phrases are kept, and fewer"}};
	enum { N = sizeof steps / sizeof *steps };
	size_t next = 0, n_forms = 0;
	while (next < N && steps[next].coherence <= workbench->coherence)
		next++;
	next %= N;
	for (int i = 0; i < N_FORMS; i++) {
		if (!keeps_words(workbench, &workbench->forms[i]))
			continue;
		jobs_want_method(workbench, (enum form_place)i, workbench->forms[i].method);
		n_forms++;
	}
	if (n_forms == 0) {
		workbench_say(workbench, ROLE_WARNING, "No method here keeps words of the text (m: another method).");
		return;
	}
	workbench->coherence = steps[next].coherence;
	workbench_say(workbench, ROLE_TEXT, "%s (coherence %g).", steps[next].says, steps[next].coherence);
}

void perform_line(struct workbench *workbench, enum prompt_kind kind, const char *text)
{
	workbench->message[0] = '\0';
	prompt_begin(kind, text);
}

void perform_line_again(struct workbench *workbench, enum prompt_kind kind, const char *text)
{
	prompt_begin(kind, text);
	workbench->message_of_line = true;
}

static void begin_save(struct workbench *workbench)
{
	workbench->save_form = form_in_focus(workbench);
	free(workbench->overwrite_path); /* asked about in a line that is gone */
	workbench->overwrite_path = NULL;
	const struct shown_compressed *compressed = workbench->forms[workbench->save_form].compressed;
	if (compressed == NULL) {
		workbench_say(workbench, ROLE_WARNING, "There is nothing to save yet.");
		return;
	}
	/* A name beside where pith was started: the document's, with what it has become. */
	const char *name = workbench->document_name == NULL ? "document" : workbench->document_name;
	const char *dot = strrchr(name, '.');
	int length = dot == NULL || dot == name ? (int)strlen(name) : (int)(dot - name);
	char *path = NULL;
	if (asprintf(&path, "%.*s-%s.%s", length, name, compressed->info.method->name,
	             compressed->text != NULL ? "txt" : "soft") < 0)
		path = NULL;
	perform_line(workbench, PROMPT_SAVE, path);
	free(path);
}

void perform_quit(struct workbench *workbench)
{
	workbench->quitting = true;
	jobs_cancel(workbench);
}

static void cancel(struct workbench *workbench)
{
	if (workbench->slider.dragging || slider_unsettled(&workbench->slider)) {
		slider_revert(&workbench->slider);
		workbench->settle_at = 0;
		return;
	}
	if (!workbench->running.active) {
		workbench->message[0] = '\0';
		return;
	}
	jobs_cancel(workbench);
}

/* Are there memory tokens to work with? If not, that is said. */
static bool has_memory(struct workbench *workbench, enum form_place place, const char *what)
{
	const struct form *form = &workbench->forms[place];
	if (form->compressed == NULL)
		workbench_say(workbench, ROLE_WARNING, "There is nothing to %s yet.", what);
	else if (!form_is_soft(form))
		workbench_say(workbench, ROLE_WARNING, "%s makes text: there are no memory tokens to %s (m: another method).",
		              form->compressed->info.method->title, what);
	else
		return true;
	return false;
}

static void regenerate(struct workbench *workbench)
{
	if (!form_is_soft(&workbench->forms[FORM_SECOND]) && !has_memory(workbench, FORM_FIRST, "regenerate from"))
		return;
	/* Who asks for it wants to see it come. After a move of the slider the place being read stays. */
	perform_view(workbench, VIEW_REGENERATED);
	workbench->follow = true;
	jobs_want_regenerated(workbench);
}

static void refine(struct workbench *workbench)
{
	enum form_place place = form_in_focus(workbench);
	if (!has_memory(workbench, place, "refine"))
		return;
	const struct pith_method *method = workbench->forms[place].compressed->info.method;
	if (method->memory == PITH_MEMORY_ROWS) {
		if (place == FORM_FIRST)
			perform_view(workbench, VIEW_REGENERATED);
		jobs_want_refined(workbench, place);
		return;
	}
	/* The library would refuse it too, but not before the view had changed and a regeneration made way. */
	workbench_say(workbench, ROLE_WARNING, "%s makes %s: refining changes key and value rows (m: another method).",
	              method->title, pith_memory_name(method->memory));
}

static void toggle(struct workbench *workbench, enum action_id action)
{
	switch (action) {
	case ACTION_SYNC:
		workbench->sync = !workbench->sync;
		workbench_say(workbench, ROLE_TEXT, workbench->sync ? "The panes scroll together." : "Each pane scrolls alone.");
		break;
	case ACTION_MARKS:
		/* Where there is no colour the marks are all that tells kept from dropped. */
		workbench->marks = !workbench->marks || !theme_has_color(&workbench->theme, screen_colors());
		workbench->document_stale = true;
		break;
	case ACTION_MOUSE:
		workbench->mouse = !workbench->mouse;
		workbench->slider.dragging = false; /* nobody would say that it was let go */
		screen_set_mouse(workbench->mouse);
		workbench_say(workbench, ROLE_TEXT,
		              workbench->mouse ? "The mouse is pith's again." : "The mouse is the terminal's: M takes it back.");
		break;
	default: break;
	}
}

static void perform_slider(struct workbench *workbench, enum action_id action)
{
	switch (action) {
	case ACTION_RATE_DOWN: perform_rate_step(workbench, -1); break;
	case ACTION_RATE_UP: perform_rate_step(workbench, 1); break;
	case ACTION_RATE_PAGE_UP: perform_rate_step(workbench, 10); break;
	case ACTION_RATE_PAGE_DOWN: perform_rate_step(workbench, -10); break;
	case ACTION_RATE_LEAST: rate_least(workbench); break;
	case ACTION_RATE_MOST: perform_rate_step(workbench, 100); break;
	case ACTION_TOKEN_DOWN: step_tokens(workbench, -1); break;
	case ACTION_TOKEN_UP: step_tokens(workbench, 1); break;
	default: break;
	}
}

static void perform_scroll(struct workbench *workbench, enum action_id action)
{
	enum { FAR = 1 << 30 };
	struct text_pane *pane = focused_pane(workbench);
	switch (action) {
	case ACTION_SCROLL_UP: perform_scroll_pane(workbench, pane, -1); break;
	case ACTION_SCROLL_DOWN: perform_scroll_pane(workbench, pane, 1); break;
	case ACTION_PAGE_UP: perform_scroll_pane(workbench, pane, -page_rows(workbench)); break;
	case ACTION_PAGE_DOWN: perform_scroll_pane(workbench, pane, page_rows(workbench)); break;
	case ACTION_TOP: perform_scroll_pane(workbench, pane, -FAR); break;
	case ACTION_BOTTOM: perform_scroll_pane(workbench, pane, pane == NULL ? (long)view_memory_rows(workbench) : FAR); break;
	default: break;
	}
}

void perform_action(struct workbench *workbench, enum action_id action, const char *key)
{
	switch (action) {
	case ACTION_ASK: perform_line(workbench, PROMPT_QUESTION, NULL); break;
	case ACTION_RATE: perform_line(workbench, PROMPT_RATE, key[0] >= '0' && key[0] <= '9' ? key : NULL); break;
	case ACTION_METHOD: perform_method_menu(workbench, form_in_focus(workbench)); break;
	case ACTION_COMPARE: compare(workbench); break;
	case ACTION_COHERENCE: next_coherence(workbench); break;
	case ACTION_VIEW: perform_view(workbench, (enum view)((workbench->view + 1) % N_VIEWS)); break;
	case ACTION_REGENERATE: regenerate(workbench); break;
	case ACTION_REFINE: refine(workbench); break;
	case ACTION_OPEN: perform_line(workbench, PROMPT_OPEN, NULL); break;
	case ACTION_SAVE: begin_save(workbench); break;
	case ACTION_WATCH: perform_line(workbench, PROMPT_WATCH, NULL); break;
	case ACTION_FOCUS_NEXT: perform_focus_move(workbench, 1); break;
	case ACTION_FOCUS_PREVIOUS: perform_focus_move(workbench, -1); break;
	case ACTION_THEME: workbench_next_theme(workbench); break;
	case ACTION_CANCEL: cancel(workbench); break;
	case ACTION_REDRAW: screen_redraw(); break;
	case ACTION_SUSPEND: screen_suspend(); break;
	case ACTION_HELP: workbench->help = true; break;
	case ACTION_QUIT: case ACTION_INTERRUPT: perform_quit(workbench); break;
	case ACTION_SYNC: case ACTION_MARKS: case ACTION_MOUSE: toggle(workbench, action); break;
	default:
		perform_slider(workbench, action);
		perform_scroll(workbench, action);
		break;
	}
}
