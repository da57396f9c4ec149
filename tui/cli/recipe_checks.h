/*
 * What a recipe says that is right by itself and wrong together: each fault with file, line and column, as those of recipe.h.
 * path is the file that the recipe came from.
 */
#ifndef CLI_RECIPE_CHECKS_H
#define CLI_RECIPE_CHECKS_H

#include "recipe.h"

/* A run writes over nothing that it reads, and two things not to one file; the heads of a new base go together. */
enum pith_status recipe_check(const struct recipe *recipe, const char *path, struct pith_error *err);
enum pith_status recipe_check_tokenizer(const struct recipe_tokenizer *recipe, const char *path, struct pith_error *err);
enum pith_status recipe_check_keep(const struct recipe_keep *recipe, const char *path, struct pith_error *err);
enum pith_status recipe_check_grpo(const struct recipe_grpo *recipe, const char *path, struct pith_error *err);

#endif
