/*
 * How surprising a known answer is to the model when it has read a text: in nats a token, the end token included. With
 * nothing, the compressed and the full text read, (CE_0 - CE_c) / (CE_0 - CE_x) says what share of what the full text
 * tells about the answer the compressed one still tells.
 */
#ifndef MODEL_ANSWER_ENTROPY_H
#define MODEL_ANSWER_ENTROPY_H

#include "model/model.h"
#include "pith/control.h"

/* length 0: the question is asked of nothing. */
enum pith_status answer_cross_entropy(double *nats, struct pith_model *model, const char *text, size_t length,
                                      const char *question, const char *answer, const struct pith_control *control,
                                      struct pith_error *err);

#endif
