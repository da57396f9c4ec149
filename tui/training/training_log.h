/*
 * The log of a training run, as it is watched: the JSON Lines that the core
 * writes (core/train/train.c), read while they grow. A step that comes again
 * means that the run went back to its checkpoint: the later line holds, and
 * what followed the earlier one is forgotten.
 */
#ifndef TRAINING_LOG_H
#define TRAINING_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "pith/status.h"
#include "pith/train.h"

/* One report. A value that its line does not have is NaN. */
struct training_point {
	long step;
	long n_steps; /* 0: the line does not say */
	double tokens, loss, length, learning_rate, tokens_per_second;
	double objective_loss[PITH_N_OBJECTIVES];
	double eval_loss[PITH_N_OBJECTIVES], eval_accuracy[PITH_N_OBJECTIVES];
};

struct training_log {
	char *path;
	struct training_point *points; /* by rising step */
	size_t n, capacity;
	time_t modified; /* when the file was written last */
	/* How far the file has been read: whole lines only. */
	long long offset;
	size_t n_lines;
	char *last_line; /* the one before offset, to see that the file is still the same */
	size_t last_length;
};

/* Remembers the path; reads nothing yet. */
enum pith_status training_log_open(struct training_log *log, const char *path, struct pith_error *err);
void training_log_close(struct training_log *log);

/*
 * Takes what was written since the last time; a file that was cut or replaced
 * is read anew. A line without its end is left for the next time, or taken as
 * far as it goes with final. Errors name file and line; points read before stay.
 */
enum pith_status training_log_read(struct training_log *log, bool final, struct pith_error *err);

/* The newest state, held-out values from the newest line that has them; false: no line yet. Unknown: n_steps 0, else NaN. */
bool training_log_state(const struct training_log *log, struct pith_train_report *report);

#endif
