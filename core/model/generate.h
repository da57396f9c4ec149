/*
 * The token loop: greedy decoding from a session whose newest read ended with
 * the prompt. Text streams out in whole characters; an output that repeats
 * itself is cut off and said.
 */
#ifndef MODEL_GENERATE_H
#define MODEL_GENERATE_H

#include "base/buffer.h"
#include "model/session.h"
#include "pith/expand.h"
#include "text/tokenizer.h"

struct generation {
	struct session *session;
	const struct tokenizer *tokenizer;
	const struct adapter *adapter; /* switched on for every token; NULL: none */
	size_t last_row;        /* row of the newest read that predicts the first token */
	int32_t position;       /* of the first generated token */
	bool begins;            /* what is generated is a text from its begin on, not what follows a prompt */
	size_t max_tokens;
	/* Told each token; false: enough, it is the last one. NULL: none is asked. */
	bool (*goes_on)(void *listener, int32_t id);
	void *listener;
	size_t no_repeat;       /* no run of so many tokens comes a second time; 0: as the model likes */
	const char *what;       /* names the work for control->progress */
	double progress_done, progress_total; /* tokens done before, and expected in all, for progress */
};

/*
 * Appends raw bytes to text (not always UTF-8 at the end: the caller repairs).
 * *n_tokens: tokens generated, the end token not counted. *first_seconds:
 * until the first token, unless NULL.
 */
enum pith_status generate(const struct generation *g, struct buffer *text, size_t *n_tokens, enum pith_stop *stop,
                          double *first_seconds, const struct pith_control *control, struct pith_error *err);

/* Appends raw bytes that a model made as text for people: what is not UTF-8 becomes U+FFFD, a NUL a space. */
bool generated_append(struct buffer *out, const char *raw, size_t length);

#endif
