/*
 * The jobs of the workbench: each calls the synchronous library on the worker's
 * thread and fills plain results that the screen's thread may keep. The handles
 * (model, document, compressed form) stay in struct engine, which only jobs
 * touch; the screen never sees one.
 */
#ifndef TASKS_H
#define TASKS_H

#include <stdbool.h>
#include <stddef.h>

#include "comparison.h"
#include "pith/compress.h"
#include "pith/expand.h"
#include "pith/model.h"
#include "pith/refine.h"
#include "worker.h"

/* What lives on the worker's side between jobs. Create and destroy it while no job runs. */
struct engine;
struct engine *engine_create(void); /* NULL: no memory */
void engine_destroy(struct engine *engine);

/* Facts of the loaded model. */
struct shown_model {
	char name[96], architecture[32], weight_type[16];
	struct pith_model_info info; /* its strings, the model's own, are left out: NULL */
};

/* One document may stand in two compressed forms, side by side. */
enum form_place { FORM_FIRST, FORM_SECOND, N_FORMS };

/* A compressed form as the screen knows it. */
struct shown_compressed {
	struct pith_compressed_info info; /* its note is the copy below */
	char note[512];
	char *text; /* extractive, abstractive */
	size_t length;
	struct pith_word *words;
	size_t n_words;
	double coherence; /* of kept words; memory tokens: 0 */
	int n_layers;
	float *norms[PITH_N_MEMORY_PURPOSES]; /* soft: [memory token][layer][key, value]; NULL: no such rows */
};
void shown_compressed_destroy(struct shown_compressed *compressed);

/* From the full text and from each form. */
enum { ANSWER_FULL, ANSWER_FIRST, ANSWER_SECOND, N_ANSWERS };

/* Channels of streamed text: the answers, then the regeneration. */
enum { CHANNEL_REGENERATED = N_ANSWERS };

struct shown_answer {
	char *text; /* NUL-terminated; NULL: none */
	size_t length;
	size_t n_tokens, n_prompt_tokens, n_regenerated;
	bool narrowed; /* the sentences nearest to the question were read */
	double seconds, first_token_seconds;
	enum pith_stop stop;
	enum pith_status status;
	char error[256]; /* why there is none */
};

enum task_kind { TASK_READ, TASK_MODEL, TASK_DOCUMENT, TASK_COMPRESS, TASK_REGENERATE, TASK_REFINE, TASK_ASK, TASK_SAVE };

struct task {
	struct job job; /* first: a task is a job */
	enum task_kind kind;
	enum form_place form; /* COMPRESS, REGENERATE, REFINE, SAVE */
	struct engine *engine;

	/* What to do. */
	char *path;                         /* READ, MODEL, SAVE */
	int n_threads;                      /* MODEL */
	char *text;                         /* DOCUMENT: copied by the task's maker; READ: result */
	size_t length;
	struct pith_compress_options options; /* COMPRESS */
	char *question;                     /* ASK */
	size_t max_tokens;
	int n_answers;                      /* ASK: 2, or 3 with the second form's */

	/* What came out. */
	bool invalid_utf8;               /* READ */
	struct shown_model model;        /* MODEL */
	size_t n_tokens;                 /* DOCUMENT */
	struct pith_sentence *sentences; /* DOCUMENT */
	size_t n_sentences;
	struct shown_compressed *compressed;    /* COMPRESS, REFINE */
	struct comparison *comparison;          /* REGENERATE, REFINE */
	struct pith_refine_result refined;      /* REFINE */
	struct shown_answer answers[N_ANSWERS]; /* ASK */
};

/* A task of this kind, strings copied (text may hold length bytes of anything); NULL: no memory. */
struct task *task_create(struct engine *engine, enum task_kind kind, const char *path, const char *text, size_t length);
void task_destroy(struct task *task); /* with the results that were not taken out */

const char *task_name(enum task_kind kind); /* "Compressing": until the library says more */

#endif
