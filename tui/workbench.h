/*
 * The state of the workbench, and what its files do with it. All of it belongs
 * to the screen's thread; jobs get copies and give back plain results.
 *
 *   app.c       the loop: poll, hand out events, draw
 *   dispatch.c  keys, mouse and pastes become actions
 *   jobs.c      what is wanted becomes jobs, one at a time; their results come back
 *   draw.c      the frame around the views; views/ draw and build the panes
 */
#ifndef WORKBENCH_H
#define WORKBENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "actions.h"
#include "bytes.h"
#include "canvas.h"
#include "keys.h"
#include "regions.h"
#include "settings.h"
#include "tasks.h"
#include "theme.h"
#include "training/training_view.h"
#include "views/view_help.h"
#include "widgets/menu.h"
#include "widgets/slider.h"
#include "widgets/text_pane.h"
#include "worker.h"

enum view { VIEW_COMPRESSED, VIEW_REGENERATED, VIEW_MEMORY, N_VIEWS };

enum focus { FOCUS_SLIDER, FOCUS_DOCUMENT, FOCUS_RESULT, FOCUS_ANSWERS, N_FOCUS };

/* What the user waits for. jobs_schedule() turns the first of them into a job whenever the worker is idle. */
struct wanted {
	char *path;       /* a file to read */
	bool model;
	bool document;    /* tokens of the text */
	bool compressed;
	char *question;
	bool regenerated;
	bool refined;
	char *save_path;
};

/* The job that runs. */
struct running {
	bool active;
	enum task_kind kind;
	bool cancelled;  /* by the user */
	bool superseded; /* cancelled because something newer is wanted: not worth a message */
	double since;
	struct worker_progress progress;
	bool has_progress;
};

/* One side of the last question. */
struct answer {
	struct bytes text; /* streaming, then whole */
	bool done;
	struct shown_answer facts; /* without its text; valid when done */
	struct text_pane pane;
};

struct workbench {
	const struct settings *settings;
	struct engine *engine;
	struct worker *worker;
	struct wanted wanted;
	struct running running;

	/* The document. */
	char *document_name; /* as shown */
	char *text;          /* NULL: none yet */
	size_t length;
	bool tokenised;
	size_t n_tokens;
	struct pith_sentence *sentences;
	size_t n_sentences;

	/* The model. */
	char *model_path; /* NULL: there is none */
	bool has_model;
	struct shown_model model;

	/* The compressed form. */
	const struct pith_method *method;
	struct slider slider;
	double settle_at; /* when a slider moved by keys or wheel has rested long enough; 0: it has */
	struct shown_compressed *compressed; /* NULL: none */

	/* The regeneration. */
	struct comparison *comparison; /* the newest; NULL: none */
	struct bytes regenerated;      /* all text so far; longer than the comparison's while it streams */
	bool regenerating;

	/* The last question. */
	char *question;
	bool asked;
	double asked_cr; /* of the compressed form that answered */
	struct answer answers[N_ANSWERS];

	char *overwrite_path; /* a file that was about to be replaced, and asked about */

	/* What is seen. */
	enum view view;
	enum focus focus;
	bool sync, marks, mouse;
	bool help;
	size_t help_top;
	size_t memory_top;
	struct training_view training; /* over everything else while it is open */
	struct text_pane document_pane, result_pane;
	bool document_stale, result_stale; /* to be built again before they are drawn */
	bool result_leads; /* of panes that scroll together the right one was moved last */
	bool follow;       /* the regeneration pulls the panes along as it streams, until somebody scrolls */
	struct menu menu;
	struct menu_item *method_items;
	struct theme theme;
	char **theme_names;
	size_t n_theme_names;
	struct regions regions;
	struct rect view_tabs[N_VIEWS], method_place; /* where they were drawn, for the mouse */
	struct canvas canvas;
	char message[640];
	enum role message_role;
	double message_since;
	unsigned tick; /* of the moving progress block */

	/* The loop. */
	bool dirty;
	bool quitting;
	int exit_code;
};

/* jobs.c */
void jobs_schedule(struct workbench *workbench); /* starts what is wanted if nothing runs */
void jobs_collect(struct workbench *workbench);  /* takes what the worker has */
void jobs_want_compressed(struct workbench *workbench);
void jobs_want_document(struct workbench *workbench, char *name, char *text, size_t length); /* takes both strings */
void jobs_want_file(struct workbench *workbench, const char *path);
void jobs_want_answer(struct workbench *workbench, const char *question);
void jobs_want_regenerated(struct workbench *workbench);
void jobs_want_refined(struct workbench *workbench);
void jobs_want_saved(struct workbench *workbench, const char *path);
void jobs_cancel(struct workbench *workbench);
struct pith_compress_options jobs_options(const struct workbench *workbench, struct slider_value value);
size_t jobs_budget(const struct workbench *workbench); /* tokens that the live value asks for; 0: not known */

/* dispatch.c */
void dispatch_event(struct workbench *workbench, struct input_event *event); /* frees what the event owns */

/* draw.c */
void draw_frame(struct workbench *workbench);

/* app.c */
double workbench_now(void); /* seconds of a clock that never jumps */
void workbench_say(struct workbench *workbench, enum role role, const char *format, ...) __attribute__((format(printf, 3, 4)));
void workbench_next_theme(struct workbench *workbench);

/* views/: build fills a pane's styled text, draw draws; false: no memory. */
bool view_document_build(struct workbench *workbench);
bool view_compressed_build(struct workbench *workbench);
bool view_regenerated_build(struct workbench *workbench);
void view_regenerated_draw_legend(const struct workbench *workbench, struct canvas *canvas, struct rect rect);
void view_memory_draw(struct workbench *workbench, struct canvas *canvas, struct rect rect);
size_t view_memory_rows(const struct workbench *workbench);
void view_answers_draw(struct workbench *workbench, struct canvas *canvas);

/* views/synchronise.c: the other pane follows the one that was scrolled, sentence by sentence. */
void synchronise_panes(const struct workbench *workbench, const struct text_pane *leader, struct text_pane *follower);

#endif
