/* For tests of what the workbench draws: one with a document and nothing that computes, and a document. */
#ifndef TESTS_SUPPORT_BARE_WORKBENCH_H
#define TESTS_SUPPORT_BARE_WORKBENCH_H

#include <stdbool.h>
#include <string.h>

#include "workbench.h"

static char sentence[] = "The level never rose by more than 41 cm in a day.";

/* A workbench with a document and nothing that computes. */
static inline void begin(struct workbench *workbench, char *text)
{
	*workbench = (struct workbench){.text = text, .length = strlen(text), .marks = true, .tokenised = true};
}

static inline void end(struct workbench *workbench)
{
	text_pane_free(&workbench->document_pane);
	text_pane_free(&workbench->result_pane);
	bytes_free(&workbench->forms[FORM_FIRST].regenerated);
	canvas_free(&workbench->canvas);
}

#endif
