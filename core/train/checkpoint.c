#define _POSIX_C_SOURCE 200809L
#include "train/checkpoint.h"

#include <inttypes.h>
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
	char names[MOST_ARRAYS * KINDS][48], step[32], tokens[32], seconds[32], length[40], loss[40];
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
	snprintf(seconds, sizeof seconds, "%.3f", state->seconds);
	/* Hexadecimal floats come back to the bit. */
	snprintf(length, sizeof length, "%a", state->curriculum.length);
	snprintf(loss, sizeof loss, "%a", state->curriculum.loss);
	const struct safetensors_entry metadata[] = {
		{"format", "pith-checkpoint-1"}, {"step", step}, {"tokens", tokens}, {"seconds", seconds},
		{"curriculum_length", length}, {"curriculum_loss", loss}};
	return safetensors_write(path, metadata, sizeof metadata / sizeof metadata[0], tensors, n, err);
}

static enum pith_status restore(struct safetensors *file, const char *path, struct trained_array *arrays, size_t n_arrays,
                                struct pith_error *err)
{
	for (size_t i = 0; i < n_arrays; i++) {
		for (int kind = 0; kind < KINDS; kind++) {
			char name[48];
			snprintf(name, sizeof name, "array_%zu.%s", i, kind_names[kind]);
			const struct tensor *tensor = safetensors_find(file, name);
			if (tensor == NULL || tensor->type != TENSOR_F32 || tensor_n_elements(tensor) != arrays[i].n)
				return fail(err, PITH_MISMATCH,
				            "%s: the checkpoint is of another run (%s does not fit); remove it or name another.", path, name);
			memcpy(array_of_kind(&arrays[i], kind), tensor->data, arrays[i].n * sizeof(float));
		}
	}
	return PITH_OK;
}

enum pith_status checkpoint_load(const char *path, struct trained_array *arrays, size_t n_arrays, struct checkpoint_state *state,
                                 bool *found, struct pith_error *err)
{
	*found = false;
	if (access(path, F_OK) != 0)
		return PITH_OK;
	struct safetensors *file;
	enum pith_status status = safetensors_open(&file, path, err);
	if (status != PITH_OK)
		return status;
	const char *format = safetensors_metadata(file, "format"), *step = safetensors_metadata(file, "step");
	const char *tokens = safetensors_metadata(file, "tokens"), *seconds = safetensors_metadata(file, "seconds");
	const char *length = safetensors_metadata(file, "curriculum_length"), *loss = safetensors_metadata(file, "curriculum_loss");
	if (format == NULL || strcmp(format, "pith-checkpoint-1") != 0 || step == NULL || tokens == NULL || seconds == NULL ||
	    length == NULL || loss == NULL)
		status = fail(err, PITH_BAD_FILE, "%s is no checkpoint of pith.", path);
	else
		status = restore(file, path, arrays, n_arrays, err);
	if (status == PITH_OK) {
		state->step = (int)strtol(step, NULL, 10);
		state->tokens = strtoull(tokens, NULL, 10);
		state->seconds = strtod(seconds, NULL);
		state->curriculum.length = strtod(length, NULL);
		state->curriculum.loss = strtod(loss, NULL);
		*found = true;
	}
	safetensors_close(file);
	return status;
}
