/*
 * A model with both adapters beside it for tests, the same with one thing
 * changed, number by number or cut short, and what is said when such a file is
 * opened.
 * The .c file that includes it defines _XOPEN_SOURCE 700 first (scratch.h).
 */
#ifndef TESTS_SUPPORT_CHANGED_MODEL_H
#define TESTS_SUPPORT_CHANGED_MODEL_H

#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "support/small_model.h"

static char base[600]; /* a model with both adapters beside it */

static inline const char *at(const char *name)
{
	static char paths[4][600];
	static int turn;
	turn = (turn + 1) % 4;
	snprintf(paths[turn], sizeof paths[turn], "%s/%s", scratch_directory, name);
	return paths[turn];
}

static inline int base_setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	small_files("base", 80);
	strcpy(base, at("base.gguf"));
	return 0;
}

static inline void refuse_with(const char *path, const struct pith_model_options *options, enum pith_status code, const char *words)
{
	struct pith_model *model;
	struct pith_error err = {0};
	enum pith_status status = pith_model_open(&model, path, options, NULL, &err);
	if (status == PITH_OK)
		pith_model_close(model);
	expect_failure(status, code, &err, words);
	assert_null(model);
}

static inline void refuse(const char *path, enum pith_status code, const char *words)
{
	refuse_with(path, NULL, code, words);
}

static inline void cut_everywhere(const char *source, const char *name, const struct pith_model_options *options, const char *opened)
{
	size_t size;
	char *data = scratch_read(source, &size);
	for (size_t n = 0; n < size; n += n < 64 || size - n < 8 ? 1 : n < 16000 ? 211 : 2003) {
		scratch_write(name, data, n);
		refuse_with(opened, options, PITH_BAD_FILE, at(name));
	}
	free(data);
}

/* What to change when the base model is written anew. */
struct change {
	const struct hyperparams *h;   /* other numbers in the metadata; NULL: the same */
	const char *architecture;      /* general.architecture */
	const char *extra_key, *extra_value;
	const char *leave_out;         /* a tensor */
	const char *reshape;           /* a tensor gets one row more */
	const char *flatten;           /* a tensor becomes one of half precision */
	bool no_tokenizer;
};

static inline void write_tensors(struct gguf_writer *writer, const struct gguf *from, const struct change *change)
{
	static float zeros[1 << 16];
	struct pith_error err;
	for (size_t i = 0; i < gguf_n_tensors(from); i++) {
		struct tensor tensor = *gguf_tensor(from, i);
		if (change->leave_out != NULL && strcmp(tensor.name, change->leave_out) == 0)
			continue;
		if (change->reshape != NULL && strcmp(tensor.name, change->reshape) == 0) {
			tensor.ne[tensor.n_dims - 1]++;
			tensor.data = zeros;
			assert_true(tensor_n_elements(&tensor) <= 1 << 16);
		}
		if (change->flatten != NULL && strcmp(tensor.name, change->flatten) == 0)
			tensor.type = TENSOR_F16;
		must(gguf_write_tensor(writer, tensor.name, tensor.type, tensor.n_dims, tensor.ne, tensor.data, &err), &err);
	}
}

static inline const char *changed(const struct change *change)
{
	struct gguf *from;
	struct gguf_writer *writer;
	struct hyperparams h;
	struct pith_error err;
	must(gguf_open(&from, base, &err), &err);
	must(hyperparams_read(&h, from, &err), &err);
	must(gguf_writer_create(&writer, &err), &err);
	must(gguf_write_string(writer, "general.architecture", change->architecture == NULL ? "qwen3" : change->architecture,
			       &err),
	     &err);
	must(hyperparams_write(change->h == NULL ? &h : change->h, writer, &err), &err);
	if (change->extra_key != NULL)
		must(gguf_write_string(writer, change->extra_key, change->extra_value, &err), &err);
	if (!change->no_tokenizer)
		must(gguf_write_copied(writer, from, "tokenizer.", &err), &err);
	write_tensors(writer, from, change);
	must(gguf_writer_finish(writer, at("changed.gguf"), &err), &err);
	gguf_writer_destroy(writer);
	gguf_close(from);
	return at("changed.gguf");
}

#endif
