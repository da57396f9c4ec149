#include "cli/recipe_checks.h"

#include "cli/same_file.h"
#include "fault.h"
#include "yaml_tree.h"

/* A file of a recipe. */
struct named_file {
	const char *key;
	const char *path; /* NULL: the recipe names none */
};

/* The files that the run of a recipe writes. */
enum { MOST_WRITTEN = 5 };
struct written {
	const char *recipe; /* its path */
	struct named_file files[MOST_WRITTEN];
	size_t n;
};

/* The sentence stands where the recipe says key: the tree of a recipe is gone once it is loaded, and is read again. */
static enum pith_status fault_at(const char *recipe, const char *key, const char *sentence, struct pith_error *err)
{
	struct yaml_tree *root;
	enum pith_status status = yaml_tree_load(&root, recipe, err);
	if (status != PITH_OK)
		return status;
	const struct yaml_tree *value = yaml_tree_find(root, key);
	status = yaml_tree_fault(err, recipe, value != NULL ? value : root, "%s", sentence);
	yaml_tree_free(root);
	return status;
}

/* Is none of the first n written files this one, which goes by the name of key? */
static enum pith_status check_file(const struct written *written, size_t n, const char *key, const char *path,
                                   struct pith_error *err)
{
	for (size_t i = 0; path != NULL && i < n; i++) {
		const struct named_file *file = &written->files[i];
		if (file->path == NULL || !same_file(file->path, path))
			continue;
		struct pith_error sentence;
		fault(&sentence, PITH_BAD_FILE, "%s would be written over %s: both name one file.", file->key, key);
		return fault_at(written->recipe, file->key, sentence.message, err);
	}
	return PITH_OK;
}

static enum pith_status check_written(const struct written *written, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	for (size_t i = 1; status == PITH_OK && i < written->n; i++)
		status = check_file(written, i, written->files[i].key, written->files[i].path, err);
	return status;
}

/* What a new base is made of, where one number has to go with another or only some will do. */
static enum pith_status check_shape(const struct pith_recipe *options, const char *recipe, struct pith_error *err)
{
	struct pith_error sentence = {0};
	const char *key = NULL;
	if (options->base_path != NULL)
		return PITH_OK;
	if (options->n_heads % options->n_kv_heads != 0) {
		key = "n_kv_heads";
		fault(&sentence, PITH_BAD_FILE, "n_kv_heads is %d, which does not divide the n_heads of %d.", options->n_kv_heads,
		      options->n_heads);
	} else if (options->head_dim % 2 != 0) {
		key = "head_dim";
		fault(&sentence, PITH_BAD_FILE, "head_dim is %d and has to be even.", options->head_dim);
	} else if (options->rope_theta <= 1) {
		key = "rope_theta";
		fault(&sentence, PITH_BAD_FILE, "rope_theta has to be above 1.");
	}
	return key == NULL ? PITH_OK : fault_at(recipe, key, sentence.message, err);
}

enum pith_status recipe_check(const struct recipe *recipe, const char *path, struct pith_error *err)
{
	const struct pith_recipe *options = &recipe->options;
	const struct written written = {path,
	                                {{"output", options->output_path},
	                                 {"output_adapter_regenerate", options->output_adapter_path[PITH_REGENERATE]},
	                                 {"output_adapter_answer", options->output_adapter_path[PITH_ANSWER]},
	                                 {"log", options->log_path},
	                                 {"checkpoint", options->checkpoint_path}},
	                                5};
	enum pith_status status = check_written(&written, err);
	for (size_t i = 0; status == PITH_OK && i < options->n_tasks; i++)
		status = check_file(&written, written.n, "the path of a task", options->tasks[i].path, err);
	if (status == PITH_OK)
		status = check_file(&written, written.n, "eval", options->eval_path, err);
	if (status == PITH_OK)
		status = check_file(&written, written.n, "eval_answer", options->eval_answer_path, err);
	return status == PITH_OK ? check_shape(options, path, err) : status;
}

enum pith_status recipe_check_tokenizer(const struct recipe_tokenizer *recipe, const char *path, struct pith_error *err)
{
	const struct written written = {path, {{"output", recipe->options.output_path}}, 1};
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && i < recipe->options.n_paths; i++)
		status = check_file(&written, written.n, "one of its paths", recipe->options.paths[i], err);
	return status;
}

enum pith_status recipe_check_keep(const struct recipe_keep *recipe, const char *path, struct pith_error *err)
{
	const struct pith_keep_recipe *options = &recipe->options;
	const struct written written = {path, {{"output", options->output_path}, {"log", options->log_path}}, 2};
	enum pith_status status = check_written(&written, err);
	for (size_t i = 0; status == PITH_OK && i < options->n_sources; i++)
		status = check_file(&written, written.n, "the path of a source", options->sources[i].path, err);
	return status;
}

enum pith_status recipe_check_grpo(const struct recipe_grpo *recipe, const char *path, struct pith_error *err)
{
	const struct pith_grpo_recipe *options = &recipe->options;
	const struct written written = {path, {{"output", options->output_path}, {"log", options->log_path}}, 2};
	enum pith_status status = check_written(&written, err);
	return status == PITH_OK ? check_file(&written, written.n, "data", options->data_path, err) : status;
}
