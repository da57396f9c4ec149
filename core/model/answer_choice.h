/*
 * The answer of a model with a reading adapter: not what it says first, but what has most in common with all that it finds
 * likely. The runs of words of the text that begin likeliest, and what the model says freely, each with its probability; of the
 * text's sentences nearest to the question, and once more of fewer of them, where there are more. A small reader that begins
 * wrongly goes on wrongly; what it makes up then is less likely than words of the text.
 */
#ifndef MODEL_ANSWER_CHOICE_H
#define MODEL_ANSWER_CHOICE_H

#include "base/buffer.h"
#include "model/model.h"
#include "pith/control.h"

struct answer_choice {
	struct buffer text; /* empty: there was nothing to choose from */
	size_t n_tokens;
	size_t n_prompt_tokens; /* of all prompts that were read */
	bool narrowed;          /* the text has more sentences than were read */
};

/* Chooses an answer of up to max_tokens tokens; choice->text is the caller's, to be freed also when it fails. */
enum pith_status answer_choose(struct answer_choice *choice, struct pith_model *model, const char *text, size_t length,
                               const char *question, size_t max_tokens, const struct pith_control *control,
                               struct pith_error *err);

#endif
