/*
 * A data set as its run sees it: entries with the fields that a regeneration
 * or an answer run needs. Errors name the file and the line.
 */
#ifndef EVAL_DATASET_H
#define EVAL_DATASET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "formats/jsonl.h"

struct dataset;
/* Opens path; limit 0: every line. A file without lines is refused. */
enum pith_status dataset_open(struct dataset **out, const char *path, size_t limit, struct pith_error *err);
void dataset_close(struct dataset *dataset); /* NULL is allowed */
size_t dataset_size(const struct dataset *dataset);

/* One entry; everything borrows from the record. Zero-initialise. */
struct dataset_entry {
	struct jsonl_record *record;
	const char *text; /* the field "text", or "context" of a question */
	size_t length;    /* at least 1 */
	const char *target; /* of a text: what somebody made of it; NULL: there is none */
	const char *question;
	const char **answers;
	size_t n_answers; /* at least 1 */
};
enum pith_status dataset_read_text(struct dataset_entry *out, const struct dataset *dataset, size_t i, struct pith_error *err);
enum pith_status dataset_read_question(struct dataset_entry *out, const struct dataset *dataset, size_t i,
				       struct pith_error *err);
/* Is entry i meant as a question, as its fields are called, be they right or not? */
bool dataset_asks(const struct dataset *dataset, size_t i);
/* Is there nothing to read in entry i, its "text" or "context" empty or not there? Some data sets have questions without a
 * context. */
bool dataset_lacks_text(const struct dataset *dataset, size_t i);
void dataset_entry_free(struct dataset_entry *entry);

/* Puts file and line of entry i before the sentence in err: for what went wrong while working on it. Returns code. */
enum pith_status dataset_blame(const struct dataset *dataset, size_t i, enum pith_status code, struct pith_error *err);

#endif
