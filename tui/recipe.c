#define _GNU_SOURCE
#include "recipe.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "nearest.h"
#include "paths.h"
#include "recipe_keys.h"
#include "yaml_tree.h"

/* A recipe being read. */
struct reader {
	const char *file;
	struct recipe_strings *strings;
	struct pith_error *err;
};

/* Hands string over to the recipe; NULL, or a failure to note it, is no memory. */
static const char *keep(struct reader *reader, char *string)
{
	struct recipe_strings *strings = reader->strings;
	char **all = string == NULL ? NULL : realloc(strings->all, (strings->n + 1) * sizeof *all);
	if (all == NULL) {
		free(string);
		return NULL;
	}
	strings->all = all;
	all[strings->n++] = string;
	return string;
}

static void free_strings(struct recipe_strings *strings)
{
	for (size_t i = 0; i < strings->n; i++)
		free(strings->all[i]);
	free(strings->all);
	*strings = (struct recipe_strings){0};
}

/* Writes the value of the variable reference at *place ("${NAME}" or "${NAME:-default}") and steps over it. */
static enum pith_status expand_variable(struct reader *reader, const struct yaml_tree *node, const char **place, FILE *out)
{
	const char *begin = *place + 2, *end = strchr(begin, '}');
	if (end == NULL)
		return yaml_tree_fault(reader->err, reader->file, node, "\"${\" has no \"}\" in \"%.100s\".", node->text);
	size_t length = (size_t)(end - begin);
	const char *dash = memmem(begin, length, ":-", 2);
	char name[128];
	snprintf(name, sizeof name, "%.*s", (int)(dash != NULL ? dash - begin : end - begin), begin);
	const char *value = getenv(name);
	if (value != NULL && value[0] != '\0')
		fputs(value, out);
	else if (dash != NULL)
		fwrite(dash + 2, 1, (size_t)(end - dash - 2), out);
	else
		return yaml_tree_fault(reader->err, reader->file, node,
				       "The environment variable %s, which this path needs, is not set.", name);
	*place = end + 1;
	return PITH_OK;
}

static enum pith_status read_path(struct reader *reader, const struct yaml_tree *node, const char **path)
{
	char *expanded = NULL;
	size_t length;
	FILE *out = open_memstream(&expanded, &length);
	if (out == NULL)
		return fault_memory(reader->err);
	enum pith_status status = PITH_OK;
	for (const char *c = node->text; status == PITH_OK && *c != '\0';) {
		if (c[0] == '$' && c[1] == '{')
			status = expand_variable(reader, node, &c, out);
		else
			putc(*c++, out);
	}
	if (fclose(out) != 0 && status == PITH_OK)
		status = fault_memory(reader->err);
	if (status == PITH_OK && length == 0)
		status = yaml_tree_fault(reader->err, reader->file, node, "The path is empty.");
	if (status == PITH_OK) {
		*path = keep(reader, paths_beside(reader->file, expanded));
		status = *path != NULL ? PITH_OK : fault_memory(reader->err);
	}
	free(expanded);
	return status;
}

static enum pith_status read_number(struct reader *reader, const struct key *key, const struct yaml_tree *node, double *value)
{
	char *end = NULL;
	*value = strtod(node->text, &end);
	bool whole = key->type != KEY_NUMBER;
	bool plain = node->text[0] != '\0' && strspn(node->text, "+-.0123456789eE") == strlen(node->text) && *end == '\0';
	if (plain && isfinite(*value) && !(whole && *value != floor(*value)) && *value >= key->minimum && *value <= key->maximum)
		return PITH_OK;
	return yaml_tree_fault(reader->err, reader->file, node, "%s must be a %s from %.10g to %.10g, not \"%.60s\".", key->name,
			       whole ? "whole number" : "number", key->minimum, key->maximum, node->text);
}

static enum pith_status read_bool(struct reader *reader, const struct key *key, const struct yaml_tree *node, bool *value)
{
	*value = strcmp(node->text, "true") == 0;
	if (*value || strcmp(node->text, "false") == 0)
		return PITH_OK;
	return yaml_tree_fault(reader->err, reader->file, node, "%s must be true or false, not \"%.60s\".", key->name,
			       node->text);
}

static enum pith_status read_seed(struct reader *reader, const struct yaml_tree *node, uint64_t *seed)
{
	char *end = NULL;
	errno = 0;
	*seed = strtoull(node->text, &end, 10);
	if (node->text[0] >= '0' && node->text[0] <= '9' && *end == '\0' && errno == 0)
		return PITH_OK;
	return yaml_tree_fault(reader->err, reader->file, node, "seed must be a whole number from 0 to %llu, not \"%.60s\".",
			       ULLONG_MAX, node->text);
}

static enum pith_status read_objective(struct reader *reader, const struct yaml_tree *node, enum pith_objective *objective)
{
	char names[128];
	size_t used = 0;
	for (int i = 0; i < PITH_N_OBJECTIVES; i++) {
		const char *name = pith_objective_name((enum pith_objective)i);
		const char *before = i == 0 ? "" : i + 1 == PITH_N_OBJECTIVES ? " and " : ", ";
		if (strcmp(name, node->text) == 0) {
			*objective = (enum pith_objective)i;
			return PITH_OK;
		}
		used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", before, name);
	}
	return yaml_tree_fault(reader->err, reader->file, node, "There is no objective \"%.60s\", only %s.", node->text, names);
}

static enum pith_status read_memory(struct reader *reader, const struct yaml_tree *node, enum pith_memory *memory)
{
	for (int i = 0; i < PITH_N_MEMORIES; i++) {
		if (strcmp(pith_memory_name((enum pith_memory)i), node->text) == 0) {
			*memory = (enum pith_memory)i;
			return PITH_OK;
		}
	}
	return yaml_tree_fault(reader->err, reader->file, node, "memory is \"%.60s\"; memory tokens hand over %s or %s.",
	                       node->text, pith_memory_name(PITH_MEMORY_ROWS), pith_memory_name(PITH_MEMORY_EMBEDDINGS));
}

/* Reads node as key says into the struct at base. */
static enum pith_status read_value(struct reader *reader, const struct key *key, const struct yaml_tree *node, void *base)
{
	void *field = (char *)base + key->offset;
	double number = 0;
	if (node->kind != YAML_TREE_SCALAR)
		return yaml_tree_fault(reader->err, reader->file, node, "%s must be a single value.", key->name);
	enum pith_status status = PITH_OK;
	switch (key->type) {
	case KEY_PATH: return read_path(reader, node, field);
	case KEY_SEED: return read_seed(reader, node, field);
	case KEY_BOOL: return read_bool(reader, key, node, field);
	case KEY_OBJECTIVE: return read_objective(reader, node, field);
	case KEY_MEMORY: return read_memory(reader, node, field);
	case KEY_TEXT:
		*(const char **)field = keep(reader, strdup(node->text));
		return *(const char **)field != NULL ? PITH_OK : fault_memory(reader->err);
	case KEY_NUMBER: return read_number(reader, key, node, field);
	case KEY_INTEGER:
		status = read_number(reader, key, node, &number);
		if (status == PITH_OK)
			*(int *)field = (int)number;
		return status;
	case KEY_SIZE:
		status = read_number(reader, key, node, &number);
		if (status == PITH_OK)
			*(size_t *)field = (size_t)number;
		return status;
	}
	return status;
}

static enum pith_status unknown_key(struct reader *reader, const struct yaml_tree *entry, const struct key *keys, size_t n)
{
	const char *names[MOST_KEYS];
	char hint[80];
	for (size_t i = 0; i < n; i++)
		names[i] = keys[i].name;
	nearest_hint(hint, sizeof hint, entry->key, names, n);
	return yaml_tree_fault_key(reader->err, reader->file, entry, "There is no key \"%.60s\" here%s", entry->key, hint);
}

/* Reads one entry of a map by a table of keys. */
static enum pith_status read_entry(struct reader *reader, const struct yaml_tree *entry, const struct key_table *table,
				   void *base)
{
	for (size_t i = 0; i < table->n; i++)
		if (strcmp(table->keys[i].name, entry->key) == 0)
			return read_value(reader, &table->keys[i], entry, base);
	return unknown_key(reader, entry, table->keys, table->n);
}

static enum pith_status read_task(struct reader *reader, const struct yaml_tree *node, struct pith_task *task)
{
	if (node->kind != YAML_TREE_MAP)
		return yaml_tree_fault(reader->err, reader->file, node,
				       "A task is a map of objective, path, weight and max_tokens.");
	static const char *const needed[] = {"objective", "path", "max_tokens"};
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (yaml_tree_find(node, needed[i]) == NULL)
			return yaml_tree_fault(reader->err, reader->file, node, "The task does not say its %s.", needed[i]);
	*task = (struct pith_task){.weight = 1};
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < node->n_children; i++)
		status = read_entry(reader, &node->children[i], &task_keys, task);
	return status;
}

static enum pith_status read_tasks(struct reader *reader, const struct yaml_tree *list, void *into)
{
	struct recipe *recipe = into;
	if (list->kind != YAML_TREE_LIST || list->n_children == 0)
		return yaml_tree_fault(reader->err, reader->file, list, "tasks must be a list of at least one task.");
	recipe->tasks = calloc(list->n_children, sizeof *recipe->tasks);
	if (recipe->tasks == NULL)
		return fault_memory(reader->err);
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < list->n_children; i++)
		status = read_task(reader, &list->children[i], &recipe->tasks[i]);
	recipe->options.tasks = recipe->tasks;
	recipe->options.n_tasks = list->n_children;
	return status;
}

/* Loads the file of a recipe, which must be a map. */
static enum pith_status load_map(struct yaml_tree **out, const char *path, struct pith_error *err)
{
	enum pith_status status = yaml_tree_load(out, path, err);
	if (status != PITH_OK || (*out)->kind == YAML_TREE_MAP)
		return status;
	status = yaml_tree_fault(err, path, *out, "A recipe holds lines of the form \"key: value\".");
	yaml_tree_free(*out);
	*out = NULL;
	return status;
}

/* What a kind of recipe holds: keys of a table, at most one list, and what must be there. */
struct recipe_kind {
	const struct key_table *keys;
	const char *list; /* NULL: none */
	enum pith_status (*read_list)(struct reader *reader, const struct yaml_tree *list, void *recipe);
	const char *needed[5]; /* up to a NULL */
};

/* What is missing is told at the beginning of the file. */
static enum pith_status check_needed(struct reader *reader, const struct recipe_kind *kind, const struct yaml_tree *root)
{
	for (size_t i = 0; kind->needed[i] != NULL; i++) {
		const struct yaml_tree *found = yaml_tree_find(root, kind->needed[i]);
		if (found == NULL || (kind->list != NULL && strcmp(kind->list, kind->needed[i]) == 0 && found->n_children == 0))
			return yaml_tree_fault(reader->err, reader->file, root, "The recipe does not say its %s.",
			                       kind->needed[i]);
	}
	return PITH_OK;
}

/* The list goes into recipe, all else into its options. */
static enum pith_status load(struct reader *reader, const struct recipe_kind *kind, void *recipe, void *options)
{
	struct yaml_tree *root;
	enum pith_status status = load_map(&root, reader->file, reader->err);
	if (status != PITH_OK)
		return status;
	for (size_t i = 0; status == PITH_OK && i < root->n_children; i++) {
		const struct yaml_tree *entry = &root->children[i];
		if (kind->list != NULL && strcmp(entry->key, kind->list) == 0)
			status = kind->read_list(reader, entry, recipe);
		else
			status = read_entry(reader, entry, kind->keys, options);
	}
	if (status == PITH_OK)
		status = check_needed(reader, kind, root);
	yaml_tree_free(root);
	return status;
}

enum pith_status recipe_load(struct recipe *recipe, const char *path, struct pith_error *err)
{
	static const struct recipe_kind kind = {&recipe_keys, "tasks", read_tasks, {"tasks", "output"}};
	*recipe = (struct recipe){0};
	pith_recipe_init(&recipe->options);
	return load(&(struct reader){path, &recipe->strings, err}, &kind, recipe, &recipe->options);
}

void recipe_free(struct recipe *recipe)
{
	free(recipe->tasks);
	free_strings(&recipe->strings);
	*recipe = (struct recipe){0};
}

static enum pith_status read_paths(struct reader *reader, const struct yaml_tree *list, void *into)
{
	struct recipe_tokenizer *recipe = into;
	if (list->kind != YAML_TREE_LIST || list->n_children == 0)
		return yaml_tree_fault(reader->err, reader->file, list, "paths must be a list of at least one file.");
	recipe->paths = calloc(list->n_children, sizeof *recipe->paths);
	if (recipe->paths == NULL)
		return fault_memory(reader->err);
	recipe->options.paths = recipe->paths;
	recipe->options.n_paths = list->n_children;
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < list->n_children; i++) {
		const struct yaml_tree *node = &list->children[i];
		if (node->kind != YAML_TREE_SCALAR)
			return yaml_tree_fault(reader->err, reader->file, node, "A path must be a single value.");
		status = read_path(reader, node, &recipe->paths[i]);
	}
	return status;
}

enum pith_status recipe_tokenizer_load(struct recipe_tokenizer *recipe, const char *path, struct pith_error *err)
{
	static const struct recipe_kind kind = {&tokenizer_keys, "paths", read_paths, {"paths", "n_vocab", "output"}};
	*recipe = (struct recipe_tokenizer){.options = {.pre = "qwen2"}};
	return load(&(struct reader){path, &recipe->strings, err}, &kind, recipe, &recipe->options);
}

void recipe_tokenizer_free(struct recipe_tokenizer *recipe)
{
	free(recipe->paths);
	free_strings(&recipe->strings);
	*recipe = (struct recipe_tokenizer){0};
}

static enum pith_status read_sources(struct reader *reader, const struct yaml_tree *list, void *into)
{
	struct recipe_keep *recipe = into;
	if (list->kind != YAML_TREE_LIST || list->n_children == 0)
		return yaml_tree_fault(reader->err, reader->file, list, "sources must be a list of at least one source.");
	recipe->sources = calloc(list->n_children, sizeof *recipe->sources);
	if (recipe->sources == NULL)
		return fault_memory(reader->err);
	recipe->options.sources = recipe->sources;
	recipe->options.n_sources = list->n_children;
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < list->n_children; i++) {
		const struct yaml_tree *node = &list->children[i];
		if (node->kind != YAML_TREE_MAP || yaml_tree_find(node, "path") == NULL)
			return yaml_tree_fault(reader->err, reader->file, node, "A source is a map of path, limit and weight.");
		recipe->sources[i].weight = 1;
		for (size_t j = 0; status == PITH_OK && j < node->n_children; j++)
			status = read_entry(reader, &node->children[j], &source_keys, &recipe->sources[i]);
	}
	return status;
}

enum pith_status recipe_keep_load(struct recipe_keep *recipe, const char *path, struct pith_error *err)
{
	static const struct recipe_kind kind = {&keep_keys, "sources", read_sources, {"sources", "base", "output"}};
	*recipe = (struct recipe_keep){0};
	pith_keep_recipe_init(&recipe->options);
	return load(&(struct reader){path, &recipe->strings, err}, &kind, recipe, &recipe->options);
}

void recipe_keep_free(struct recipe_keep *recipe)
{
	free(recipe->sources);
	free_strings(&recipe->strings);
	*recipe = (struct recipe_keep){0};
}

enum pith_status recipe_grpo_load(struct recipe_grpo *recipe, const char *path, struct pith_error *err)
{
	static const struct recipe_kind kind = {&grpo_keys, NULL, NULL, {"base", "adapter", "data", "output"}};
	*recipe = (struct recipe_grpo){0};
	pith_grpo_recipe_init(&recipe->options);
	return load(&(struct reader){path, &recipe->strings, err}, &kind, recipe, &recipe->options);
}

void recipe_grpo_free(struct recipe_grpo *recipe)
{
	free_strings(&recipe->strings);
	*recipe = (struct recipe_grpo){0};
}
