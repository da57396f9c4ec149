/* The compressed forms of the document: what is dropped and shown of each, and which pane has to be built anew. */
#include <stdlib.h>

#include "workbench.h"

void form_changed(struct workbench *workbench, enum form_place place)
{
	if (place == FORM_FIRST)
		workbench->result_stale = true;
	else
		workbench->document_stale = true;
}

void form_drop_regenerated(struct workbench *workbench, enum form_place place)
{
	struct form *form = &workbench->forms[place];
	comparison_destroy(form->comparison);
	form->comparison = NULL;
	bytes_clear(&form->regenerated);
	form->regenerating = form->interrupted = form->outdated = false;
	form_changed(workbench, place);
	if (place == FORM_FIRST)
		workbench->result_leads = false; /* the place in the document stays while the other text comes anew */
}

void form_drop_compressed(struct workbench *workbench, enum form_place place)
{
	shown_compressed_destroy(workbench->forms[place].compressed);
	workbench->forms[place].compressed = NULL;
	workbench->document_stale = true; /* the words that the first form keeps are marked in it */
	form_drop_regenerated(workbench, place);
}

void form_show_comparison(struct workbench *workbench, enum form_place place, struct comparison *comparison)
{
	struct form *form = &workbench->forms[place];
	comparison_destroy(form->comparison);
	form->comparison = comparison;
	form->interrupted = form->outdated = false;
	form_changed(workbench, place);
	bytes_clear(&form->regenerated);
	bytes_append(&form->regenerated, comparison->text, comparison->length);
}

int form_steps_read(const struct form *form)
{
	return form->compressed == NULL || form->compressed->info.has_purpose[PITH_ANSWER] ? 0
	                                                                                   : form->compressed->info.refine_steps;
}

bool form_is_soft(const struct form *form)
{
	return form->compressed != NULL && form->compressed->info.method->family == PITH_SOFT;
}

enum form_place form_in_focus(const struct workbench *workbench)
{
	return form_beside(workbench) && workbench->focus == FOCUS_DOCUMENT ? FORM_SECOND : FORM_FIRST;
}

bool form_beside(const struct workbench *workbench)
{
	return workbench->forms[FORM_SECOND].compressed != NULL;
}

bool form_beside_differs(const struct workbench *workbench)
{
	const struct shown_compressed *first = workbench->forms[FORM_FIRST].compressed;
	const struct shown_compressed *second = workbench->forms[FORM_SECOND].compressed;
	return first != NULL && second != NULL && first->info.budget_tokens != second->info.budget_tokens;
}

bool form_beside_regenerated(const struct workbench *workbench)
{
	const struct form *form = &workbench->forms[FORM_SECOND];
	return form_is_soft(form) &&
	       (form->comparison != NULL || form->regenerating || workbench->wanted.regenerated[FORM_SECOND]);
}

void form_go_back(struct workbench *workbench, enum form_place place)
{
	struct form *form = &workbench->forms[place];
	if (form->compressed != NULL)
		form->method = form->compressed->info.method;
	else if (place == FORM_SECOND)
		form->method = NULL;
	if (form->compressed == NULL || place == FORM_SECOND)
		return;
	slider_set(&workbench->slider, form->target);
	slider_settle(&workbench->slider);
}

void form_free(struct form *form)
{
	shown_compressed_destroy(form->compressed);
	comparison_destroy(form->comparison);
	bytes_free(&form->regenerated);
}
