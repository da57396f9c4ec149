/*
 * A base model as one flat fp32 array: what training changes. The optimiser
 * sees one array; the transformer sees struct weights pointing into it.
 */
#ifndef MODEL_PARAMETERS_H
#define MODEL_PARAMETERS_H

#include <stddef.h>

#include "base/random.h"
#include "base/status.h"
#include "formats/gguf.h"
#include "model/hyperparams.h"
#include "model/trace.h"
#include "model/weights.h"

struct parameters {
	struct hyperparams h;
	bool tied;
	size_t n_values;
	float *values;
	struct weights weights; /* views into values */
};

/* All zeros. */
enum pith_status parameters_create(struct parameters **out, const struct hyperparams *h, bool tied, struct pith_error *err);
void parameters_destroy(struct parameters *p); /* NULL is allowed */

/* Normal with deviation 0.02, those that write to the residual stream divided by sqrt(2 n_layers); norms one. */
void parameters_randomise(struct parameters *p, struct random_state *random);
/* Unpacks loaded weights of the same shape. */
void parameters_copy(struct parameters *p, const struct weights *from);

/* Gradients laid out like values: points every entry of g into gradients (n_values). g->layers is allocated. */
enum pith_status parameters_gradients(const struct parameters *p, float *gradients, struct weight_gradients *g,
                                      struct pith_error *err);

/* Ranges [begin, end) of values and whether weight decay applies (matrices yes, vectors no); false past the last. */
bool parameters_range(const struct parameters *p, size_t index, size_t *begin, size_t *end, bool *decays);

/*
 * Writes a GGUF model: matrices as type, vectors as F32; the tokenizer's and
 * the prompts' metadata are copied from tokenizer. A matrix whose rows do not
 * fit the blocks of the type stays F32.
 */
enum pith_status parameters_save(const struct parameters *p, const char *path, enum tensor_type type, const char *name,
                                 const struct gguf *tokenizer, struct pith_error *err);

/* 128-bit hash of a model's shape and tensors as 32 hex digits. */
void weights_fingerprint(const struct weights *weights, const struct hyperparams *h, char fingerprint[33]);

#endif
