/*
 * struct pith_model from the inside: an open GGUF file with everything that
 * hangs on it. The layers above reach the transformer through it.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/thread_pool.h"
#include "formats/gguf.h"
#include "model/adapter.h"
#include "model/keep_head.h"
#include "model/transformer.h"
#include "pith/model.h"
#include "text/tokenizer.h"

struct pith_model {
	struct gguf *gguf;
	struct tokenizer *tokenizer;
	struct transformer transformer;
	struct adapter *adapters[PITH_N_MEMORIES][PITH_N_PURPOSES]; /* NULL: none */
	struct keep_head *keep_head; /* NULL: none */
	struct thread_pool *pool;
	struct pith_model_info info;
	char *path, *name;
	char fingerprint[33]; /* of the weights; "" until model_fingerprint() was asked */
};

/* The hash of the base's weights, computed once: it reads the whole file. "": no memory. */
const char *model_fingerprint(struct pith_model *model);

/* Options for the base alone: no adapter and no head is looked for beside it. */
struct pith_model_options model_options_alone(int n_threads);

#endif
