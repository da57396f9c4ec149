/*
 * A text of a data file with what may be asked about it: questions with an answer, or the one question that its title, summary or
 * other target answers.
 */
#ifndef TRAIN_TOPIC_H
#define TRAIN_TOPIC_H

#include "base/status.h"
#include "formats/jsonl.h"

enum { TOPIC_MOST = 3 }; /* questions: each costs a reading of every choice */

struct topic {
	struct jsonl_record *records[TOPIC_MOST]; /* own what follows */
	const char *text;                         /* NULL: the line has no text, or nothing is known about it */
	size_t length, n;
	const char *questions[TOPIC_MOST], *answers[TOPIC_MOST]; /* (n) */
};

/*
 * The text of a line, with its question and those of the lines right behind it about the same text. question: what a target
 * answers. Zeroed, or read; freed in any case.
 */
enum pith_status topic_read(struct topic *topic, const struct jsonl *file, size_t line, const char *question,
                            struct pith_error *err);
void topic_free(struct topic *topic);

#endif
