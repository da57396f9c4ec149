#define _POSIX_C_SOURCE 200809L
#include "train/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/safetensors.h"

enum { MOST_ARRAYS = 1 + PITH_N_PURPOSES, KINDS = 3 };
static const char *const kind_names[KINDS] = {"values", "first_moments", "second_moments"};

static float *array_of_kind(const struct trained_array *array, int kind)
{
	return kind == 0 ? array->values : kind == 1 ? array->m : array->v;
}

enum pith_status checkpoint_save(const char *path, const struct trained_array *arrays, size_t n_arrays,
                                 const struct checkpoint_state *state, struct pith_error *err)
{
	struct tensor tensors[MOST_ARRAYS * KINDS];
	char names[MOST_ARRAYS * KINDS][48], step[32], tokens[32], length[40], loss[40];
	size_t n = 0;
	for (size_t i = 0; i < n_arrays; i++) {
		for (int kind = 0; kind < KINDS; kind++, n++) {
			snprintf(names[n], sizeof names[n], "array_%zu.%s", i, kind_names[kind]);
			tensors[n] = (struct tensor){
				.name = names[n], .type = TENSOR_F32, .n_dims = 1, .ne = {arrays[i].n, 1, 1, 1},
				.data = array_of_kind(&arrays[i], kind), .size = arrays[i].n * sizeof(float)};
		}
	}
	snprintf(step, sizeof step, "%d", state->step);
	snprintf(tokens, sizeof tokens, "%" PRIu64, state->tokens);
	/* Hexadecimal floats come back to the bit. */
	snprintf(length, sizeof length, "%a", state->curriculum.length);
	snprintf(loss, sizeof loss, "%a", state->curriculum.loss);
	const struct safetensors_entry metadata[] = {
		{"format", "pith-checkpoint-3"}, {"step", step}, {"tokens", tokens},
		{"curriculum_length", length}, {"curriculum_loss", loss},
		{"base_fingerprint", state->base}, {"tokenizer_fingerprint", state->tokenizer}, {"trained", state->trained}};
	return safetensors_write(path, metadata, sizeof metadata / sizeof metadata[0], tensors, n, err);
}

static const struct tensor *find_array(const struct safetensors *file, size_t number, int kind)
{
	char name[48];
	snprintf(name, sizeof name, "array_%zu.%s", number, kind_names[kind]);
	return safetensors_find(file, name);
}

static bool arrays_fit(const struct safetensors *file, const struct trained_array *arrays, size_t n_arrays)
{
	for (size_t i = 0; i < n_arrays; i++)
		for (int kind = 0; kind < KINDS; kind++) {
			const struct tensor *tensor = find_array(file, i, kind);
			if (tensor == NULL || tensor->type != TENSOR_F32 || tensor_n_elements(tensor) != arrays[i].n)
				return false;
		}
	return true;
}

static void restore_arrays(const struct safetensors *file, struct trained_array *arrays, size_t n_arrays)
{
	for (size_t i = 0; i < n_arrays; i++)
		for (int kind = 0; kind < KINDS; kind++)
			memcpy(array_of_kind(&arrays[i], kind), find_array(file, i, kind)->data, arrays[i].n * sizeof(float));
}

/* The metadata of that name as a number; false where there is none, or text behind it. */
static bool read_number(const struct safetensors *file, const char *key, double *number)
{
	const char *text = safetensors_metadata(file, key);
	char *end = NULL;
	if (text != NULL)
		*number = strtod(text, &end);
	return text != NULL && end != text && *end == '\0';
}

static enum pith_status read_state(const struct safetensors *file, const char *path, struct checkpoint_state *state,
                                   struct pith_error *err)
{
	const char *format = safetensors_metadata(file, "format"), *base = safetensors_metadata(file, "base_fingerprint");
	const char *tokenizer = safetensors_metadata(file, "tokenizer_fingerprint"), *trained = safetensors_metadata(file, "trained");
	double step, tokens, length, loss;
	if (format == NULL || strcmp(format, "pith-checkpoint-3") != 0 || base == NULL || tokenizer == NULL || trained == NULL ||
	    !read_number(file, "step", &step) || !read_number(file, "tokens", &tokens) ||
	    !read_number(file, "curriculum_length", &length) || !read_number(file, "curriculum_loss", &loss))
		return fail(err, PITH_BAD_FILE, "%s is no checkpoint of this version of pith.", path);
	/* Before the first sample of regeneration the running loss is no number. */
	if (!(step >= 0 && step < INT_MAX) || !(tokens >= 0 && tokens < 0x1p53) ||
	    !(length > 0 && isfinite(length)) || isinf(loss))
		return fail(err, PITH_BAD_FILE, "%s is damaged: its numbers make no sense.", path);
	if (strcmp(base, state->base) != 0 || strcmp(tokenizer, state->tokenizer) != 0)
		return fail(err, PITH_MISMATCH, "%s: the checkpoint is of a run on another %s; remove it or name another.", path,
		            strcmp(base, state->base) != 0 ? "base" : "tokenizer");
	if (strcmp(trained, state->trained) != 0)
		return fail(err, PITH_MISMATCH, "%s: the checkpoint is of another run (%s, not %s); remove it or name another.", path,
		            trained, state->trained);
	state->step = (int)step;
	state->tokens = (uint64_t)tokens;
	state->curriculum.length = length;
	state->curriculum.loss = loss;
	return PITH_OK;
}

enum pith_status checkpoint_load(const char *path, struct trained_array *arrays, size_t n_arrays, struct checkpoint_state *state,
                                 bool *found, struct pith_error *err)
{
	*found = false;
	if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return PITH_OK;
	struct safetensors *file;
	enum pith_status status = safetensors_open(&file, path, err);
	if (status != PITH_OK)
		return status;
	struct checkpoint_state read = *state;
	status = read_state(file, path, &read, err);
	if (status == PITH_OK && !arrays_fit(file, arrays, n_arrays))
		status = fail(err, PITH_MISMATCH,
		              "%s: the checkpoint is of another run (its arrays have other sizes); remove it or name another.",
		              path);
	if (status == PITH_OK) {
		restore_arrays(file, arrays, n_arrays);
		*state = read;
		*found = true;
	}
	safetensors_close(file);
	return status;
}
