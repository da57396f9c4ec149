/*
 * Training recipes: YAML files that fill the structs of pith/train.h. One table
 * of keys each; an unknown key, a wrong type and a value out of range are
 * errors with file, line and column. Relative paths are seen from the recipe's
 * folder; ${NAME} and ${NAME:-default} in paths are taken from the environment.
 */
#ifndef RECIPE_H
#define RECIPE_H

#include <stddef.h>

#include "pith/train.h"

/* The strings that a loaded recipe points to. */
struct recipe_strings {
	char **all;
	size_t n;
};

struct recipe {
	struct pith_recipe options; /* what pith_train_run() wants; borrowed from here */
	struct pith_task *tasks;
	struct recipe_strings strings;
};

/* recipe_free() it, also after a failure. What the file does not say is as pith_recipe_init() leaves it. */
enum pith_status recipe_load(struct recipe *recipe, const char *path, struct pith_error *err);
void recipe_free(struct recipe *recipe);

struct recipe_tokenizer {
	struct pith_tokenizer_recipe options;
	const char **paths;
	struct recipe_strings strings;
};

enum pith_status recipe_tokenizer_load(struct recipe_tokenizer *recipe, const char *path, struct pith_error *err);
void recipe_tokenizer_free(struct recipe_tokenizer *recipe);

struct recipe_keep {
	struct pith_keep_recipe options;
	struct pith_keep_source *sources;
	struct recipe_strings strings;
};

enum pith_status recipe_keep_load(struct recipe_keep *recipe, const char *path, struct pith_error *err);
void recipe_keep_free(struct recipe_keep *recipe);

struct recipe_grpo {
	struct pith_grpo_recipe options;
	struct recipe_strings strings;
};

enum pith_status recipe_grpo_load(struct recipe_grpo *recipe, const char *path, struct pith_error *err);
void recipe_grpo_free(struct recipe_grpo *recipe);

#endif
