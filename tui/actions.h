/*
 * Everything a user can do: one table. The dispatcher looks keys up in it; the
 * help overlay, the bar of hints and the manual's table are written from it.
 *
 * X(id, context, keys, hint, help): keys are names as input_name() gives them,
 * separated by spaces; hint is the word in the bar, "" for none.
 */
#ifndef ACTIONS_H
#define ACTIONS_H

#include <stddef.h>

enum action_context {
	CONTEXT_ANYWHERE,
	CONTEXT_SLIDER, /* the slider has the focus */
	CONTEXT_PANES,  /* a pane of text has it */
	CONTEXT_LINE,   /* a line is being typed; readline has the other keys */
	CONTEXT_CURVES, /* a training run is watched */
	CONTEXT_MOUSE,  /* not keys: what the mouse does */
	N_CONTEXTS
};

#define ACTIONS(X) \
	X(ASK, CONTEXT_ANYWHERE, "i Enter", "ask", "Ask a question of the full text and of each compressed form") \
	X(RATE, CONTEXT_ANYWHERE, "= 0 1 2 3 4 5 6 7 8 9", "", "Type a target: 0.25, 25%, 4x, or 16t for 16 tokens") \
	X(RATE_DOWN, CONTEXT_ANYWHERE, "Left", "less", "Keep 1 % less") \
	X(RATE_UP, CONTEXT_ANYWHERE, "Right", "more", "Keep 1 % more") \
	X(TOKEN_DOWN, CONTEXT_ANYWHERE, "[", "", "Keep one token less") \
	X(TOKEN_UP, CONTEXT_ANYWHERE, "]", "", "Keep one token more") \
	X(METHOD, CONTEXT_ANYWHERE, "m", "method", "Choose the method") \
	X(COMPARE, CONTEXT_ANYWHERE, "c", "compare", "A second method, on the left; m, f, s are for the side with the focus") \
	X(VIEW, CONTEXT_ANYWHERE, "p", "view", "Right pane: compressed, regenerated, memory") \
	X(REGENERATE, CONTEXT_ANYWHERE, "r", "regenerate", "Regenerate the document from its memory tokens") \
	X(REFINE, CONTEXT_ANYWHERE, "f", "refine", "Refine the memory tokens by gradient, up to 400 steps, until the text comes back word for word; again goes on") \
	X(OPEN, CONTEXT_ANYWHERE, "o", "open", "Open a file; a paste becomes the document too") \
	X(SAVE, CONTEXT_ANYWHERE, "s", "save", "Save the compressed text or the memory tokens") \
	X(WATCH, CONTEXT_ANYWHERE, "w", "", "Watch a training run: the curves of the log that it writes") \
	X(COHERENCE, CONTEXT_ANYWHERE, "e", "", "Whole phrases, words one by one, or between: how much neighbours hold together where words are kept") \
	X(SYNC, CONTEXT_ANYWHERE, "y", "", "Scroll both panes together, sentence by sentence, or each alone") \
	X(MARKS, CONTEXT_ANYWHERE, "x", "", "Show or hide the ~marks~ around dropped words") \
	X(FOCUS_NEXT, CONTEXT_ANYWHERE, "Tab", "", "Next: slider, document, right pane, answers") \
	X(FOCUS_PREVIOUS, CONTEXT_ANYWHERE, "Shift-Tab", "", "Previous one of these") \
	X(SCROLL_UP, CONTEXT_ANYWHERE, "Up k", "", "Scroll up") \
	X(SCROLL_DOWN, CONTEXT_ANYWHERE, "Down j", "", "Scroll down") \
	X(THEME, CONTEXT_ANYWHERE, "t", "theme", "Next theme") \
	X(MOUSE, CONTEXT_ANYWHERE, "M", "", "Give the mouse back to the terminal (to select text), or take it") \
	X(CANCEL, CONTEXT_ANYWHERE, "Esc", "", "Cancel the running job and what waits behind it; put a dragged slider back") \
	X(REDRAW, CONTEXT_ANYWHERE, "Ctrl-L", "", "Draw the screen anew") \
	X(SUSPEND, CONTEXT_ANYWHERE, "Ctrl-Z", "", "Suspend; fg brings pith back") \
	X(HELP, CONTEXT_ANYWHERE, "F1 h ?", "help", "This help") \
	X(QUIT, CONTEXT_ANYWHERE, "q", "quit", "Leave") \
	X(INTERRUPT, CONTEXT_ANYWHERE, "Ctrl-C", "", "Leave; a second one leaves at once, whatever is running") \
	X(RATE_PAGE_UP, CONTEXT_SLIDER, "PgUp", "", "Keep 10 % more") \
	X(RATE_PAGE_DOWN, CONTEXT_SLIDER, "PgDn", "", "Keep 10 % less") \
	X(RATE_LEAST, CONTEXT_SLIDER, "Home", "", "Keep as little as possible: one token") \
	X(RATE_MOST, CONTEXT_SLIDER, "End", "", "Keep everything") \
	X(PAGE_UP, CONTEXT_PANES, "PgUp b", "", "Scroll a page up") \
	X(PAGE_DOWN, CONTEXT_PANES, "PgDn Space", "", "Scroll a page down") \
	X(TOP, CONTEXT_PANES, "Home g", "", "To the beginning") \
	X(BOTTOM, CONTEXT_PANES, "End G", "", "To the end") \
	X(LINE_SEND, CONTEXT_LINE, "Enter", "", "Take the line") \
	X(LINE_LEAVE, CONTEXT_LINE, "Esc", "", "Leave the line; a question stays as it is") \
	X(LINE_EARLIER, CONTEXT_LINE, "Up Down", "", "Earlier and later questions") \
	X(LINE_SEARCH, CONTEXT_LINE, "Ctrl-R", "", "Search the earlier questions") \
	X(LINE_COMPLETE, CONTEXT_LINE, "Tab", "", "Complete the name of a file; from a question, on to the next pane") \
	X(CURVES_LEAVE, CONTEXT_CURVES, "q Esc", "leave", "Leave the curves") \
	X(CURVES_NEXT, CONTEXT_CURVES, "Tab", "next", "Next panel: all four, then each alone") \
	X(CURVES_PREVIOUS, CONTEXT_CURVES, "Shift-Tab", "", "Previous one of these") \
	X(CURVES_PANEL, CONTEXT_CURVES, "1 2 3 4", "", "Training loss, held-out loss, learning rate, speed alone") \
	X(CURVES_GRID, CONTEXT_CURVES, "0 a", "all", "All four, where there is room") \
	X(CURVES_LOGARITHMIC, CONTEXT_CURVES, "l", "log", "Logarithmic or straight y axis") \
	X(CURVES_ZOOM_IN, CONTEXT_CURVES, "+ = Up", "zoom in", "Half as many steps") \
	X(CURVES_ZOOM_OUT, CONTEXT_CURVES, "- Down", "out", "Twice as many steps") \
	X(CURVES_EARLIER, CONTEXT_CURVES, "Left", "", "Earlier steps") \
	X(CURVES_LATER, CONTEXT_CURVES, "Right", "", "Later steps") \
	X(CURVES_WHOLE, CONTEXT_CURVES, "Home", "", "The whole run") \
	X(CURVES_NEWEST, CONTEXT_CURVES, "End", "", "The newest steps, and along with the run") \
	X(CURVES_HELP, CONTEXT_CURVES, "? h F1", "help", "This help") \
	X(MOUSE_SLIDER, CONTEXT_MOUSE, "drag", "", "Move the slider; released, it compresses; Esc puts it back") \
	X(MOUSE_WHEEL, CONTEXT_MOUSE, "wheel", "", "Scroll a pane; on the slider: 1 % a notch") \
	X(MOUSE_CLICK, CONTEXT_MOUSE, "click", "", "Focus a pane, choose a view, the method, the question line") \
	X(MOUSE_SELECT, CONTEXT_MOUSE, "Shift-drag", "", "Select text, in most terminals")

enum action_id {
#define ACTION_ID(id, context, keys, hint, help) ACTION_##id,
	ACTIONS(ACTION_ID)
#undef ACTION_ID
	N_ACTIONS,
	ACTION_NONE = N_ACTIONS
};

struct action {
	enum action_id id;
	enum action_context context;
	const char *keys;
	const char *hint;
	const char *help;
};

const struct action *actions_table(void); /* N_ACTIONS rows, by id */

/* What a key does where the focus is: its own context first, then anywhere. */
enum action_id actions_find(enum action_context context, const char *key);

/* "When the slider has the focus": a heading of the help. */
const char *actions_context_title(enum action_context context);

/* The first key of an action. Returns its length. */
size_t actions_first_key(enum action_id id, const char **key);

#endif
