#include "train/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"
#include "train/sample.h"

/* --- data --------------------------------------------------------------------------------------------- */

/* The first line that can be read, of those that may be skipped. */
static enum pith_status read_first(struct jsonl_record **record, const struct jsonl *file, bool skip_malformed,
                                   struct pith_error *err)
{
	enum pith_status status = jsonl_read(record, file, 0, err);
	for (size_t i = 1; skip_malformed && status == PITH_BAD_FILE && i < jsonl_n_lines(file); i++)
		status = jsonl_read(record, file, i, err);
	return status;
}

static enum pith_status open_task(struct task_data *data, const struct pith_task *task, const char *path, bool skip_malformed,
                                  struct pith_error *err)
{
	*data = (struct task_data){.task = *task};
	data->task.path = path;
	if (task->max_tokens < 16 || !(task->weight > 0))
		return fail(err, PITH_BAD_ARGUMENT, "The task on %s needs max_tokens of at least 16 and a positive weight.",
		            path);
	if (task->k_ratio_min < 0 || (task->k_ratio_max > 0 && task->k_ratio_max < task->k_ratio_min))
		return fail(err, PITH_BAD_ARGUMENT, "The task on %s needs k ratios above 0 in order.", path);
	enum pith_status status = jsonl_open(&data->file, path, err);
	if (status != PITH_OK)
		return status;
	if (jsonl_n_lines(data->file) == 0)
		return fail(err, PITH_BAD_FILE, "%s holds no lines.", path);
	struct jsonl_record *record;
	status = read_first(&record, data->file, skip_malformed, err);
	if (status != PITH_OK)
		return status;
	data->has_questions = jsonl_string(record, "question", NULL) != NULL;
	jsonl_record_free(record);
	return PITH_OK;
}

/* Is it questions that tell how good it is? */
static bool is_asked(enum pith_objective objective)
{
	return objective == PITH_OBJECTIVE_ANSWER || objective == PITH_OBJECTIVE_ANSWER_FULL ||
	       objective == PITH_OBJECTIVE_KEEP;
}

/* One held-out task for each objective that the recipe trains. */
static enum pith_status open_eval_tasks(struct run *run, struct pith_error *err)
{
	const struct pith_recipe *recipe = run->recipe;
	run->eval_tasks = calloc(PITH_N_OBJECTIVES, sizeof *run->eval_tasks);
	if (run->eval_tasks == NULL)
		return fail_memory(err, "the tasks");
	bool seen[PITH_N_OBJECTIVES] = {false};
	for (size_t i = 0; i < recipe->n_tasks; i++) {
		const struct pith_task *task = &recipe->tasks[i];
		const char *path = is_asked(task->objective) ? recipe->eval_answer_path : recipe->eval_path;
		if (seen[task->objective] || path == NULL)
			continue;
		seen[task->objective] = true;
		struct pith_task held_out = *task;
		held_out.k_ratio_min = held_out.k_ratio_max = 0; /* all are asked from as many memory tokens */
		enum pith_status status = open_task(&run->eval_tasks[run->n_eval_tasks++], &held_out, path,
		                                     recipe->skip_malformed, err);
		if (status != PITH_OK)
			return status;
	}
	return PITH_OK;
}

static enum pith_status open_data(struct run *run, struct pith_error *err)
{
	const struct pith_recipe *recipe = run->recipe;
	run->tasks = calloc(recipe->n_tasks, sizeof *run->tasks);
	if (run->tasks == NULL)
		return fail_memory(err, "the tasks");
	for (; run->n_tasks < recipe->n_tasks; run->n_tasks++) {
		const struct pith_task *task = &recipe->tasks[run->n_tasks];
		enum pith_status status = open_task(&run->tasks[run->n_tasks], task, task->path,
		                                     recipe->skip_malformed, err);
		if (status != PITH_OK) {
			run->n_tasks++; /* its file may be open */
			return status;
		}
	}
	return open_eval_tasks(run, err);
}

/* --- model -------------------------------------------------------------------------------------------- */

static enum pith_status new_base(struct run *run, struct pith_error *err)
{
	const struct pith_recipe *recipe = run->recipe;
	if (recipe->tokenizer_path == NULL)
		return fail(err, PITH_BAD_ARGUMENT, "A new base needs a tokenizer: train one with `pith train tokenizer`.");
	enum pith_status status = gguf_open(&run->base_file, recipe->tokenizer_path, err);
	if (status != PITH_OK)
		return status;
	struct tokenizer *tokenizer;
	status = tokenizer_create(&tokenizer, run->base_file, err);
	if (status != PITH_OK)
		return status;
	struct hyperparams h = {
		.architecture = "qwen3",
		.n_layers = (size_t)recipe->n_layers,
		.n_embd = (size_t)recipe->n_embd,
		.n_heads = (size_t)recipe->n_heads,
		.n_kv_heads = (size_t)recipe->n_kv_heads,
		.head_dim = (size_t)recipe->head_dim,
		.n_ff = (size_t)recipe->n_ff,
		.n_vocab = (size_t)tokenizer_n_vocab(tokenizer),
		.n_context = (size_t)recipe->n_context,
		.rms_eps = 1e-6f,
		.rope_theta = recipe->rope_theta,
		.rope_style = ROPE_HALVES,
		.qk_norm = true,
	};
	tokenizer_destroy(tokenizer);
	status = hyperparams_check(&h, "The recipe", err);
	if (status == PITH_OK)
		status = parameters_create(&run->parameters, &h, true, err);
	if (status != PITH_OK)
		return status;
	struct random_state random;
	random_seed(&random, recipe->seed);
	parameters_randomise(run->parameters, &random);
	return PITH_OK;
}

static enum pith_status load_base(struct run *run, struct pith_error *err)
{
	struct hyperparams h;
	struct weights weights;
	enum pith_status status = gguf_open(&run->base_file, run->recipe->base_path, err);
	if (status == PITH_OK)
		status = hyperparams_read(&h, run->base_file, err);
	if (status == PITH_OK)
		status = weights_load(&weights, &h, run->base_file, err);
	if (status != PITH_OK)
		return status;
	status = parameters_create(&run->parameters, &h, weights.tied, err);
	if (status == PITH_OK) {
		parameters_copy(run->parameters, &weights);
		weights_fingerprint(&weights, &h, run->base_fingerprint);
	}
	weights_free(&weights);
	return status;
}

static enum pith_status open_adapter(struct run *run, enum pith_purpose purpose, struct pith_error *err)
{
	const struct pith_recipe *recipe = run->recipe;
	const struct hyperparams *h = &run->parameters->h;
	struct random_state random;
	random_seed(&random, recipe->seed + 1 + purpose);
	enum pith_status status =
		adapter_create(&run->adapters[purpose], h, purpose, (size_t)recipe->lora_rank, (float)recipe->lora_alpha,
	                       purpose >= PITH_N_MEMORY_PURPOSES ? 0 : (size_t)recipe->max_memory_tokens, &random, err);
	if (status != PITH_OK)
		return status;
	run->adapters[purpose]->hands_over = recipe->memory;
	run->adapters[purpose]->slots = recipe->memory_slots;
	if (recipe->reader && purpose < PITH_N_MEMORY_PURPOSES)
		status = adapter_add_reader(run->adapters[purpose], h, &random, err);
	if (status != PITH_OK)
		return status;
	if (recipe->adapter_path[purpose] == NULL)
		return PITH_OK;
	struct adapter *from, *to = run->adapters[purpose];
	status = adapter_load(&from, h, recipe->adapter_path[purpose], err);
	if (status != PITH_OK)
		return status;
	if (from->n_memory != to->n_memory || from->rank > to->rank)
		status = fail(err, PITH_MISMATCH, "%s has %zu memory tokens and rank %zu, the recipe wants %zu and at most %zu.",
		              recipe->adapter_path[purpose], from->n_memory, from->rank, to->n_memory, to->rank);
	/* One for answers may begin as one for regeneration (500xCompressor); a base that is trained along may leave the
	 * adapter's own. */
	else if ((from->purpose < PITH_N_MEMORY_PURPOSES) != (purpose < PITH_N_MEMORY_PURPOSES))
		status = fail(err, PITH_MISMATCH, "%s is an adapter for %s, from which none for %s can begin.",
		              recipe->adapter_path[purpose], purpose_name(from->purpose), purpose_name(purpose));
	else if (recipe->trained == PITH_TRAIN_ADAPTER && strcmp(from->base_fingerprint, run->base_fingerprint) != 0)
		status = fail(err, PITH_MISMATCH, "%s was trained on other weights than those of %s.",
		              recipe->adapter_path[purpose], recipe->base_path);
	else if (from->hands_over != to->hands_over)
		status =
			fail(err, PITH_MISMATCH, "%s: its memory tokens hand over %s, the recipe wants %s.",
		             recipe->adapter_path[purpose], pith_memory_name(from->hands_over), pith_memory_name(to->hands_over));
	else if (from->slots != to->slots)
		status = fail(err, PITH_MISMATCH, "%s: its memory tokens stand %s, the recipe wants them %s.",
		              recipe->adapter_path[purpose], from->slots ? "in slots" : "spread",
		              to->slots ? "in slots" : "spread");
	else if (from->reader != NULL && to->reader == NULL)
		status = fail(err, PITH_MISMATCH, "%s has a reader of its own, the recipe wants none%s.",
		              recipe->adapter_path[purpose],
		              recipe->trained == PITH_TRAIN_BASE ? ": the base that is trained is the reader" : "");
	else
		adapter_start_from(to, from);
	adapter_destroy(from);
	return status;
}

/* A base learns to answer from texts itself; one that stays as it is has an adapter for it. */
static bool task_has_adapter(const struct pith_recipe *recipe, const struct pith_task *task)
{
	return objective_has_adapter(task->objective) ||
	       (task->objective == PITH_OBJECTIVE_ANSWER_FULL && recipe->trained == PITH_TRAIN_ADAPTER);
}

static enum pith_status open_model(struct run *run, struct pith_error *err)
{
	const struct pith_recipe *recipe = run->recipe;
	enum pith_status status = recipe->base_path == NULL ? new_base(run, err) : load_base(run, err);
	bool used[PITH_N_PURPOSES] = {false};
	for (size_t i = 0; i < recipe->n_tasks; i++)
		if (task_has_adapter(recipe, &recipe->tasks[i]))
			used[objective_purpose(recipe->tasks[i].objective)] = true;
	if (used[PITH_REWRITE] && recipe->trained == PITH_TRAIN_BASE)
		return fail(err, PITH_BAD_ARGUMENT,
		            "Rewriting is learned by an adapter on a base that stays as it is: `pith train sft`.");
	for (int p = 0; status == PITH_OK && p < PITH_N_PURPOSES; p++)
		if (!used[p] && recipe->adapter_path[p] != NULL)
			status = fail(err, PITH_BAD_ARGUMENT, "%s is an adapter for %s to start from, and no task trains one.",
			              recipe->adapter_path[p], purpose_name((enum pith_purpose)p));
	for (int p = 0; status == PITH_OK && p < PITH_N_PURPOSES; p++)
		if (used[p])
			status = open_adapter(run, (enum pith_purpose)p, err);
	if (status != PITH_OK)
		return status;
	if (recipe->trained == PITH_TRAIN_ADAPTER &&
	    used[PITH_REGENERATE] + used[PITH_ANSWER] + used[PITH_REWRITE] + used[PITH_READ] != 1)
		return fail(err, PITH_BAD_ARGUMENT,
		            "Training an adapter needs tasks of one purpose: regenerate, answer, answer_full or rewrite.");
	run->transformer = (struct transformer){.h = run->parameters->h, .weights = run->parameters->weights};
	return transformer_reserve_positions(&run->transformer, run->parameters->h.n_context, err);
}

/* --- threads ------------------------------------------------------------------------------------------- */

static float **gradient_arrays(int n_slots, size_t n)
{
	float **arrays = calloc((size_t)n_slots, sizeof *arrays);
	for (int t = 0; arrays != NULL && t < n_slots; t++) {
		arrays[t] = aligned_floats(n);
		if (arrays[t] == NULL) {
			while (t-- > 0)
				free(arrays[t]);
			free(arrays);
			return NULL;
		}
	}
	return arrays;
}

static void free_gradient_arrays(float **arrays, int n_slots)
{
	for (int t = 0; arrays != NULL && t < n_slots; t++)
		free(arrays[t]);
	free(arrays);
}

static enum pith_status open_base_array(struct run *run, struct pith_error *err)
{
	struct parameters *p = run->parameters;
	struct trained_array *array = &run->arrays[run->n_arrays];
	run->base_gradients = gradient_arrays(run->n_slots, p->n_values);
	if (run->base_gradients == NULL)
		return fail_memory(err, "the gradients");
	enum pith_status status =
		trained_array_init(array, p->values, p->n_values, run->base_gradients, run->n_slots, run->n_threads, err);
	if (status != PITH_OK)
		return status;
	run->n_arrays++;
	struct weight_slot slot;
	size_t begin, end;
	bool decays;
	for (size_t i = 0; status == PITH_OK && parameters_range(p, i, &begin, &end, &decays); i++) {
		if (!decays)
			continue;
		/* Tables of vocabulary rows are looked up, not multiplied: they are AdamW's. */
		weights_slot(&slot, &p->weights, &p->h, p->tied, i);
		bool table = slot.tensor == &p->weights.token_embd || slot.tensor == &p->weights.output;
		struct matrix_range range = {begin, end, slot.ne[1], slot.ne[0], run->recipe->muon_learning_rate > 0 && !table};
		status = trained_array_add_matrix(array, &range, err);
	}
	return status;
}

/* The matrices of an adapter are to decay, and may be Muon's, as those of a base are. values: the array's first one. */
static enum pith_status add_lora_matrices(struct trained_array *array, const struct adapter *adapter, const float *values,
                                          bool by_muon, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	for (size_t i = 0; status == PITH_OK && adapter->rank > 0 && i < adapter->n_layers * N_PROJECTIONS; i++) {
		const struct lora *lora = &adapter->projections[i];
		size_t a = (size_t)(lora->a - values), b = (size_t)(lora->b - values);
		struct matrix_range down = {a, b, lora->rank, lora->n_in, by_muon};
		struct matrix_range up = {b, b + lora->n_out * lora->rank, lora->n_out, lora->rank, by_muon};
		status = trained_array_add_matrix(array, &down, err);
		if (status == PITH_OK)
			status = trained_array_add_matrix(array, &up, err);
	}
	if (status == PITH_OK && adapter->reader != NULL)
		status = add_lora_matrices(array, adapter->reader, values, by_muon, err);
	return status;
}

static enum pith_status open_arrays(struct run *run, struct pith_error *err)
{
	enum pith_status status = PITH_OK;
	if (run->recipe->trained == PITH_TRAIN_BASE)
		status = open_base_array(run, err);
	for (int p = 0; status == PITH_OK && p < PITH_N_PURPOSES; p++) {
		struct adapter *adapter = run->adapters[p];
		if (adapter == NULL)
			continue;
		run->adapter_gradients[p] = gradient_arrays(run->n_slots, adapter->n_values);
		if (run->adapter_gradients[p] == NULL)
			return fail_memory(err, "the gradients");
		status = trained_array_init(&run->arrays[run->n_arrays], adapter->values, adapter->n_values,
		                            run->adapter_gradients[p], run->n_slots, run->n_threads, err);
		if (status == PITH_OK)
			status = add_lora_matrices(&run->arrays[run->n_arrays++], adapter, adapter->values,
			                           run->recipe->muon_learning_rate > 0, err);
	}
	return status;
}

static enum pith_status open_slots(struct run *run, struct pith_error *err)
{
	enum { MOST_SLOTS = 8 }; /* as many arrays of gradients; more only where there are more threads, each of which needs one */
	int most = run->n_threads > MOST_SLOTS ? run->n_threads : MOST_SLOTS;
	run->n_slots = run->recipe->n_accumulate < most ? run->recipe->n_accumulate : most;
	run->slots = calloc((size_t)run->n_slots, sizeof *run->slots);
	if (run->slots == NULL)
		return fail_memory(err, "the gradients");
	enum pith_status status = open_arrays(run, err);
	for (int i = 0; status == PITH_OK && i < run->n_slots; i++) {
		struct gradient_slot *slot = &run->slots[i];
		for (int p = 0; status == PITH_OK && p < PITH_N_PURPOSES; p++)
			if (run->adapters[p] != NULL)
				status = adapter_view(&slot->adapters[p], run->adapters[p], run->adapter_gradients[p][i], err);
		if (status == PITH_OK && run->recipe->trained == PITH_TRAIN_BASE)
			status = parameters_gradients(run->parameters, run->base_gradients[i], &slot->gradients, err);
	}
	return status;
}

void run_use_slot(const struct run *run, struct step_worker *worker, int slot)
{
	worker->gradients = run->slots[slot].gradients;
	memcpy(worker->adapters, run->slots[slot].adapters, sizeof worker->adapters);
}

static enum pith_status open_worker(struct run *run, int t, struct pith_error *err)
{
	struct step_worker *w = &run->workers[t];
	w->transformer = &run->transformer;
	w->memory = run->recipe->memory;
	w->precision = run->recipe->bf16 ? PRECISION_BF16 : PRECISION_F32;
	enum pith_status status = tokenizer_create(&run->tokenizers[t], run->base_file, err);
	if (status == PITH_OK && (size_t)tokenizer_n_vocab(run->tokenizers[t]) > run->parameters->h.n_vocab)
		status = fail(err, PITH_BAD_FILE, "%s is damaged: the vocabulary has %d tokens, the embedding table %zu rows.",
		              gguf_path(run->base_file), (int)tokenizer_n_vocab(run->tokenizers[t]), run->parameters->h.n_vocab);
	if (status == PITH_OK)
		status = trace_init(&w->reader, &run->transformer, err);
	for (int p = 0; status == PITH_OK && p < PITH_N_MEMORY_PURPOSES; p++)
		status = trace_init(&w->encoder[p], &run->transformer, err);
	run_use_slot(run, w, 0);
	w->builder = (struct microbatch_builder){.tasks = run->tasks,
	                                         .n_tasks = run->n_tasks,
	                                         .tokenizer = run->tokenizers[t],
	                                         .memory = run->recipe->memory,
	                                         .memory_slots = run->recipe->memory_slots,
	                                         .n_positions = run->parameters->h.n_context,
	                                         .skip_malformed = run->recipe->skip_malformed,
	                                         .opening_tokens = (size_t)run->recipe->opening_tokens,
	                                         .opening_weight = run->recipe->opening_weight,
	                                         .cloze_noise = run->recipe->cloze_noise};
	return status;
}

static enum pith_status open_workers(struct run *run, struct pith_error *err)
{
	run->pool = thread_pool_create(run->recipe->n_threads);
	if (run->pool == NULL)
		return fail_memory(err, "the threads");
	run->n_threads = thread_pool_size(run->pool);
	run->workers = calloc((size_t)run->n_threads, sizeof *run->workers);
	run->tokenizers = calloc((size_t)run->n_threads, sizeof *run->tokenizers);
	if (run->workers == NULL || run->tokenizers == NULL)
		return fail_memory(err, "the threads");
	enum pith_status status = open_slots(run, err);
	for (int t = 0; status == PITH_OK && t < run->n_threads; t++)
		status = open_worker(run, t, err);
	if (status == PITH_OK)
		strcpy(run->tokenizer_fingerprint, tokenizer_fingerprint(run->tokenizers[0]));
	return status;
}

/* --- the whole ------------------------------------------------------------------------------------------ */

/* What a checkpoint must be of, beside its base: arrays of one size may hold different things. */
static void describe(const struct run *run, char *out, size_t size)
{
	const struct pith_recipe *recipe = run->recipe;
	const struct hyperparams *h = &run->parameters->h;
	char purposes[64] = "";
	for (int p = 0; p < PITH_N_PURPOSES; p++) {
		size_t used = strlen(purposes);
		if (run->adapters[p] != NULL)
			snprintf(purposes + used, sizeof purposes - used, " %s", purpose_name((enum pith_purpose)p));
	}
	snprintf(out, size, "%s%s, %s%s, rank %d, alpha %g%s, %zu heads of %zu",
	         recipe->trained == PITH_TRAIN_BASE ? "base" : "adapter", purposes, pith_memory_name(recipe->memory),
	         recipe->memory_slots ? " in slots" : "", recipe->lora_rank, recipe->lora_alpha, recipe->reader ? ", reader" : "",
	         h->n_heads, h->head_dim);
}

enum pith_status run_open(struct run *run, const struct pith_recipe *recipe, struct pith_error *err)
{
	*run = (struct run){.recipe = recipe, .state.curriculum = curriculum_begin(recipe)};
	enum pith_status status = run_check_recipe(run, err);
	if (status == PITH_OK)
		status = open_data(run, err);
	if (status == PITH_OK)
		status = open_model(run, err);
	if (status == PITH_OK)
		status = run_check_lengths(run, err);
	if (status == PITH_OK)
		status = open_workers(run, err);
	if (status != PITH_OK)
		return status;
	/* A base that is trained is in the checkpoint itself; the file that it began with may be written over. */
	if (recipe->trained == PITH_TRAIN_ADAPTER)
		strcpy(run->state.base, run->base_fingerprint);
	strcpy(run->state.tokenizer, run->tokenizer_fingerprint);
	describe(run, run->state.trained, sizeof run->state.trained);
	bool found;
	if (recipe->checkpoint_path != NULL)
		status = checkpoint_load(recipe->checkpoint_path, run->arrays, run->n_arrays, &run->state, &found, err);
	return status;
}

static void close_worker(struct step_worker *w)
{
	trace_free(&w->reader);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++)
		trace_free(&w->encoder[p]);
	microbatch_free(&w->microbatch);
	teacher_free(&w->teacher);
	scratch_free(&w->head);
	scratch_free(&w->losses);
	scratch_free(&w->given);
	scratch_free(&w->d_given);
	free(w->correct);
}

static void close_tasks(struct task_data *tasks, size_t n)
{
	for (size_t i = 0; tasks != NULL && i < n; i++)
		jsonl_close(tasks[i].file);
	free(tasks);
}

void run_close(struct run *run)
{
	for (int t = 0; run->workers != NULL && t < run->n_threads; t++)
		close_worker(&run->workers[t]);
	for (int t = 0; run->tokenizers != NULL && t < run->n_threads; t++)
		tokenizer_destroy(run->tokenizers[t]);
	free(run->workers);
	free(run->tokenizers);
	for (int i = 0; run->slots != NULL && i < run->n_slots; i++) {
		free(run->slots[i].gradients.layers);
		for (int p = 0; p < PITH_N_PURPOSES; p++)
			adapter_view_destroy(run->slots[i].adapters[p]);
	}
	free(run->slots);
	free_gradient_arrays(run->base_gradients, run->n_slots);
	for (int p = 0; p < PITH_N_PURPOSES; p++) {
		free_gradient_arrays(run->adapter_gradients[p], run->n_slots);
		adapter_destroy(run->adapters[p]);
	}
	for (size_t i = 0; i < run->n_arrays; i++)
		trained_array_free(&run->arrays[i]);
	thread_pool_destroy(run->pool);
	close_tasks(run->tasks, run->n_tasks);
	close_tasks(run->eval_tasks, run->n_eval_tasks);
	transformer_release_positions(&run->transformer);
	parameters_destroy(run->parameters);
	gguf_close(run->base_file);
	*run = (struct run){0};
}
