#include "training/training_view.h"

#include <time.h>

#include "actions.h"
#include "views/view_help.h"

enum pith_status training_view_open(struct training_view *view, const char *path, double now, struct pith_error *err)
{
	*view = (struct training_view){.looked_at = now};
	curves_view_init(&view->curves);
	enum pith_status status = training_log_open(&view->log, path, err);
	if (status == PITH_OK)
		status = training_log_read(&view->log, false, err);
	view->open = status == PITH_OK;
	if (status != PITH_OK)
		training_log_close(&view->log);
	return status;
}

void training_view_close(struct training_view *view)
{
	training_log_close(&view->log);
	*view = (struct training_view){0};
}

void training_view_look(struct training_view *view, double now)
{
	view->looked_at = now;
	view->err = (struct pith_error){0};
	training_log_read(&view->log, false, &view->err);
}

bool training_view_key(struct training_view *view, const char *key, int rows, int cols)
{
	if (view->help) {
		view->help = view_help_key(key, &view->help_top, rows);
		return true;
	}
	enum action_id action = actions_find(CONTEXT_CURVES, key);
	switch (action) {
	case ACTION_CURVES_LEAVE: return false;
	case ACTION_CURVES_HELP: view->help = true; break;
	case ACTION_NONE: break;
	default: curves_perform(&view->curves, &view->log, action, key, rows, cols); break;
	}
	return true;
}

void training_view_draw(struct training_view *view, struct canvas *canvas)
{
	curves_draw(canvas, &view->log, &view->curves, time(NULL), view->err.code == PITH_OK ? NULL : view->err.message);
	if (view->help)
		view_help_draw(canvas, &view->help_top, HELP_OF_CURVES);
}
