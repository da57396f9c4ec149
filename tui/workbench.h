/*
 * The state of the workbench, and what its files do with it. All of it belongs
 * to the screen's thread; jobs get copies and give back plain results.
 *
 *   app.c       the loop: poll, hand out events, draw
 *   dispatch.c  keys, mouse and pastes become actions
 *   jobs.c      what is wanted becomes jobs, one at a time
 *   results.c   what the jobs bring comes back
 *   forms.c     the two compressed forms of the document
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

/* A message is read for this long before a job or a result may take its place. */
#define MESSAGE_SECONDS 4.0

enum view { VIEW_COMPRESSED, VIEW_REGENERATED, VIEW_MEMORY, N_VIEWS };

enum focus { FOCUS_SLIDER, FOCUS_DOCUMENT, FOCUS_RESULT, FOCUS_ANSWERS, N_FOCUS };

/* What the user waits for. jobs_schedule() turns the first of them into a job whenever the worker is idle. */
struct wanted {
	char *path;       /* a file to read */
	bool model;
	bool document;    /* tokens of the text */
	bool compressed[N_FORMS];
	char *question;
	bool regenerated[N_FORMS];
	bool refined[N_FORMS];
	char *save_path;
	enum form_place save_form; /* what goes there */
};

/* The job that runs. */
struct running {
	bool active;
	enum task_kind kind;
	enum form_place form; /* that it makes or reads */
	bool cancelled;  /* by the user */
	bool superseded; /* cancelled because something newer is wanted: not worth a message */
	struct slider_value target; /* of a form that is made */
	double since, stage_since; /* the job began; what it is at now did */
	struct worker_progress progress;
	bool has_progress;
};

/* What one method makes of the document, and what comes back from it. */
struct form {
	const struct pith_method *method; /* the one that was chosen; NULL: none (the second form alone) */
	struct shown_compressed *compressed; /* NULL: none yet */
	struct slider_value target;          /* that it was made for */
	struct comparison *comparison; /* the newest; NULL: none */
	struct bytes regenerated;      /* all text so far; longer than the comparison's while it streams */
	bool regenerating;
	bool outdated;    /* what came back is of other rows than these, which a refinement met before it was stopped */
	bool interrupted; /* what came back was stopped, or is of older rows, for something newer: if that comes to nothing, it is
	                     wanted again */
};

/* One side of the last question. */
struct answer {
	const struct pith_method *method; /* of the form that was asked; NULL: there was none, or the full text was asked */
	double cr;
	double coherence; /* of the words that were read */
	int refine_steps; /* of the memory tokens whose text was read; 0: none, or their rows were read */
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

	/* The compressed forms, of one target: the first in the right pane; the second, if one is wanted, in the left one. */
	struct form forms[N_FORMS];
	struct slider slider;
	double coherence; /* of kept words; at first that of the settings */
	double settle_at; /* when a slider moved by keys or wheel has rested long enough; 0: it has */

	/* The last question. */
	char *question;
	int n_answers; /* 0: nothing was asked; 2; 3 when the second form was asked too */
	struct answer answers[N_ANSWERS];

	enum form_place save_form; /* whose file is asked about */
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
	enum form_place menu_form; /* whose method it chooses */
	struct menu_item *method_items;
	struct theme theme;
	char **theme_names;
	size_t n_theme_names;
	struct regions regions;
	struct rect view_tabs[N_VIEWS], method_place[N_FORMS]; /* where they were drawn, for the mouse */
	struct canvas canvas;
	char message[640];
	enum role message_role;
	double message_since;
	bool message_of_line; /* it is why the open line was refused, and goes with it */
	unsigned tick; /* of the moving progress block */

	/* The loop. */
	bool dirty;
	bool quitting;
	int exit_code;
	char *last_words; /* for stderr, when the screen has closed; NULL: none */
};

/* jobs.c */
void jobs_schedule(struct workbench *workbench); /* starts what is wanted if nothing runs */
void jobs_want_compressed(struct workbench *workbench); /* every form whose method is chosen */
/* Another method for one form; NULL: no second form, the document stands in its place again. */
void jobs_want_method(struct workbench *workbench, enum form_place place, const struct pith_method *method);
void jobs_want_document(struct workbench *workbench, char *name, char *text, size_t length); /* takes both strings */
void jobs_want_file(struct workbench *workbench, const char *path);
void jobs_want_answer(struct workbench *workbench, const char *question);
void jobs_want_regenerated(struct workbench *workbench);
void jobs_want_refined(struct workbench *workbench, enum form_place place);
void jobs_want_saved(struct workbench *workbench, enum form_place place, const char *path);
void jobs_cancel(struct workbench *workbench);
struct pith_compress_options jobs_options(const struct workbench *workbench, enum form_place place, struct slider_value value);
size_t jobs_budget(const struct workbench *workbench, struct slider_value value); /* tokens that it asks for; 0: not known */
/* Does the live value ask for as many tokens as everything has, or is about to get? Then there is nothing to do. */
bool jobs_has_settled(const struct workbench *workbench);

/* results.c */
void results_collect(struct workbench *workbench); /* takes what the worker has */

/* forms.c */
void form_drop_regenerated(struct workbench *workbench, enum form_place place);
void form_drop_compressed(struct workbench *workbench, enum form_place place); /* with what was regenerated from it */
void form_show_comparison(struct workbench *workbench, enum form_place place, struct comparison *comparison); /* takes it */
void form_changed(struct workbench *workbench, enum form_place place); /* its pane is to be built again */
/* Steps by which the memory tokens were refined whose text a question is asked of; 0: none, or it is asked of something else. */
int form_steps_read(const struct form *form);
bool form_is_soft(const struct form *form); /* is there a compressed form, and is it memory tokens? */
/* The one that is chosen for, refined and saved: the left one while its pane has the focus, else the first. */
enum form_place form_in_focus(const struct workbench *workbench);
bool form_beside(const struct workbench *workbench); /* does the second form stand in the left pane, in the document's place? */
/* Was it made for another target than the first form? Until its turn comes, and when it was cancelled then. */
bool form_beside_differs(const struct workbench *workbench);
/* Does the left pane show what came back from its memory tokens, or what is about to? */
bool form_beside_regenerated(const struct workbench *workbench);
/* It could not be made, or is not wanted any more: its method and the slider are again those of what is shown. */
void form_go_back(struct workbench *workbench, enum form_place place);
void form_free(struct form *form);

/* dispatch.c */
void dispatch_event(struct workbench *workbench, struct input_event *event); /* frees what the event owns */

/* draw.c */
void draw_frame(struct workbench *workbench);
void draw_too_small(struct canvas *canvas); /* what stands on a screen that is too small for anything else */

/* app.c */
void workbench_say(struct workbench *workbench, enum role role, const char *format, ...) __attribute__((format(printf, 3, 4)));
void workbench_next_theme(struct workbench *workbench);

/* views/: build fills a pane's styled text (that of a form: behind what stands there), draw draws; false: no memory. */
bool view_document_build(struct workbench *workbench);
bool view_note_build(const struct form *form, struct text_pane *pane); /* what has to be said of it, a paragraph of its own */
bool view_compressed_build(const struct workbench *workbench, const struct form *form, struct text_pane *pane);
bool view_regenerated_build(const struct workbench *workbench, const struct form *form, struct text_pane *pane);
int view_regenerated_legend_rows(struct rect pane); /* rows that the legend needs below a pane as wide as this */
void view_regenerated_draw_legend(const struct form *form, struct canvas *canvas, struct rect rect);
bool view_beside_build(struct workbench *workbench);
struct rect view_beside_text(const struct workbench *workbench, struct rect pane); /* the part of the pane that the text gets */
void view_beside_draw(struct workbench *workbench, struct canvas *canvas, struct rect pane);
void view_memory_draw(struct workbench *workbench, struct canvas *canvas, struct rect rect);
size_t view_memory_rows(const struct workbench *workbench);
void view_answers_draw(struct workbench *workbench, struct canvas *canvas);
int view_answers_side(const struct workbench *workbench, int column); /* which answer stands in a column */

/* views/synchronise.c: the other pane follows the one that was scrolled, sentence by sentence. */
void synchronise_panes(const struct workbench *workbench, const struct text_pane *leader, struct text_pane *follower);

#endif
