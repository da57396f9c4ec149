/* Actions, and the parts of them that keys and mouse reach in other ways. */
#ifndef PERFORM_H
#define PERFORM_H

#include "actions.h"
#include "prompt.h"
#include "workbench.h"

/* key: the one that was pressed; some actions want to know. */
void perform_action(struct workbench *workbench, enum action_id action, const char *key);

void perform_settle(struct workbench *workbench); /* the slider has rested */
void perform_rate_step(struct workbench *workbench, int percent);
void perform_focus_move(struct workbench *workbench, int step);
void perform_view(struct workbench *workbench, enum view view);
/* Scrolls a pane and, where they go together, its neighbour. pane NULL: the memory rows. */
void perform_scroll_pane(struct workbench *workbench, struct text_pane *pane, long rows);
void perform_method_menu(struct workbench *workbench, enum form_place place);
void perform_method_choice(struct workbench *workbench, size_t i); /* by its row in the method table, for the menu's form */
/* Opens a line to type. What was said before is past, and would stand over how to leave the line. */
void perform_line(struct workbench *workbench, enum prompt_kind kind, const char *text);
/* Opens a line that was refused, as it was typed; what was just said of it stays until the line is left. */
void perform_line_again(struct workbench *workbench, enum prompt_kind kind, const char *text);
void perform_quit(struct workbench *workbench); /* at the second call without waiting */

#endif
