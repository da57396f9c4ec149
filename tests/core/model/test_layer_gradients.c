/*
 * The gradients of a whole training step (train/step.h) on a toy of two layers,
 * against finite differences: readers behind the memory rows of encoders, with
 * LoRA and without, one encoding read twice, two encodings read by one reader,
 * a reader without memory, two that go on from its first tokens; every tensor of
 * the base and of both adapters.
 */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/parameters.h"
#include "support/gradients.h"
#include "support/training.h"

enum { N_VOCAB = 19, N_MEMORY = 4, RANK = 3 };

static struct random_state random_numbers;

struct toy {
	struct parameters *parameters;
	struct transformer transformer;
	struct adapter *adapters[PITH_N_MEMORY_PURPOSES];
	struct step_worker worker;
	float *base_gradients;
};

static double deviation_of(const struct weight_slot *slot)
{
	return slot->vector != NULL ? 0.3 : 1.2 / sqrt((double)slot->ne[0]);
}

/* Large deviations, norms around one: nothing is so small that its gradient would not matter. */
static void randomise(struct toy *toy)
{
	struct parameters *p = toy->parameters;
	struct weight_slot slot;
	for (size_t i = 0; weights_slot(&slot, &p->weights, &p->h, p->tied, i); i++) {
		size_t begin, end;
		bool decays;
		assert_true(parameters_range(p, i, &begin, &end, &decays));
		assert_int_equal(decays, slot.vector == NULL);
		for (size_t j = begin; j < end; j++)
			p->values[j] = (float)((decays ? 0 : 1) + deviation_of(&slot) * random_normal(&random_numbers));
	}
	for (int purpose = 0; purpose < PITH_N_MEMORY_PURPOSES; purpose++)
		for (size_t j = 0; j < toy->adapters[purpose]->n_values; j++)
			toy->adapters[purpose]->values[j] = (float)(0.4 * random_normal(&random_numbers));
}

static void draw_ids(int32_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ids[i] = (int32_t)random_below(&random_numbers, N_VOCAB);
}

static size_t add_encoder(struct toy *toy, enum pith_purpose purpose, size_t n, size_t k)
{
	int32_t ids[32];
	draw_ids(ids, n);
	return pack_encoder(&toy->worker.microbatch, purpose, ids, n, k, N_MEMORY);
}

static size_t add_reader(struct toy *toy, size_t n, size_t n_past, enum pith_objective objective)
{
	int32_t ids[32], targets[32];
	float weights[32];
	draw_ids(ids, n);
	draw_ids(targets, n);
	for (size_t i = 0; i < n; i++)
		weights[i] = (float)(0.2 + random_uniform(&random_numbers));
	if (n > 2)
		targets[1] = -1;
	return pack_reader(&toy->worker.microbatch, ids, targets, weights, n, n_past, n_past > 0 ? N_MEMORY + 1 : 0, objective);
}

static void make_microbatch(struct toy *toy)
{
	struct microbatch *m = &toy->worker.microbatch;
	size_t a = add_encoder(toy, PITH_REGENERATE, 7, 3), b = add_encoder(toy, PITH_REGENERATE, 4, 1);
	size_t c = add_encoder(toy, PITH_ANSWER, 5, 2), d = add_encoder(toy, PITH_ANSWER, 6, 4);
	pack_link(m, add_reader(toy, 6, 1, PITH_OBJECTIVE_REGENERATE), b, PITH_REGENERATE, 1, 0);
	size_t both = add_reader(toy, 5, 6, PITH_OBJECTIVE_ANSWER);
	pack_link(m, both, c, PITH_ANSWER, 2, 0);
	pack_link(m, both, d, PITH_ANSWER, 4, 2);
	size_t text = add_reader(toy, 8, 0, PITH_OBJECTIVE_LM);
	for (size_t n_shared = 5; n_shared <= 6; n_shared++) {
		size_t further = add_reader(toy, 4, n_shared, PITH_OBJECTIVE_ANSWER_FULL);
		struct sequence *s = &m->reader.batch.sequences[further];
		s->n_shared = n_shared;
		s->shared_with = text;
	}
	pack_link(m, add_reader(toy, 7, 3, PITH_OBJECTIVE_REGENERATE), a, PITH_REGENERATE, 3, 0);
	pack_link(m, add_reader(toy, 2, 3, PITH_OBJECTIVE_REGENERATE), a, PITH_REGENERATE, 3, 0);
	microbatch_normalise(m);
}

/* Without norms on q and k, and RoPE on halves: with biases, like Qwen2. */
static void toy_open(struct toy *toy, bool qk_norm, enum rope_style style, bool tied)
{
	struct pith_error err;
	struct hyperparams h = {.architecture = "qwen3", .n_layers = 2, .n_embd = 11, .n_heads = 4, .n_kv_heads = 2, .head_dim = 6,
				.n_ff = 13, .n_vocab = N_VOCAB, .n_context = 64, .rms_eps = 1e-5f, .rope_theta = 50,
				.rope_style = style, .qk_norm = qk_norm, .qkv_bias = !qk_norm && style == ROPE_HALVES};
	random_seed(&random_numbers, 99);
	*toy = (struct toy){0};
	assert_int_equal(parameters_create(&toy->parameters, &h, tied, &err), PITH_OK);
	toy->transformer = (struct transformer){.h = h, .weights = toy->parameters->weights};
	assert_int_equal(transformer_reserve_positions(&toy->transformer, h.n_context, &err), PITH_OK);
	assert_int_equal(adapter_create(&toy->adapters[PITH_REGENERATE], &h, PITH_REGENERATE, RANK, 4, N_MEMORY, &random_numbers,
	                                &err), PITH_OK);
	assert_int_equal(adapter_create(&toy->adapters[PITH_ANSWER], &h, PITH_ANSWER, 0, 1, N_MEMORY, &random_numbers, &err),
	                 PITH_OK);
	randomise(toy);
	worker_open(&toy->worker, &toy->transformer);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		assert_int_equal(adapter_enable_gradients(toy->adapters[p], &err), PITH_OK);
		toy->worker.adapters[p] = toy->adapters[p];
	}
	toy->base_gradients = calloc(toy->parameters->n_values, sizeof *toy->base_gradients);
	assert_non_null(toy->base_gradients);
	make_microbatch(toy);
}

/* Where the gradients of the base go, or nowhere. */
static void train_base(struct toy *toy, bool trained)
{
	free(toy->worker.gradients.layers);
	toy->worker.gradients = (struct weight_gradients){0};
	if (trained)
		assert_int_equal(parameters_gradients(toy->parameters, toy->base_gradients, &toy->worker.gradients, NULL), PITH_OK);
}

static void toy_close(struct toy *toy)
{
	worker_close(&toy->worker);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++)
		adapter_destroy(toy->adapters[p]);
	transformer_release_positions(&toy->transformer);
	free(toy->base_gradients);
	parameters_destroy(toy->parameters);
}

static struct step_losses run(struct toy *toy, bool backward)
{
	struct step_losses losses;
	struct pith_error err;
	assert_int_equal(step_run(&toy->worker, backward, &losses, &err), PITH_OK);
	return losses;
}

static double toy_loss(void *user)
{
	return run(user, false).weighted;
}

/*
 * A loss of 3 nats carries an error of about 3e-7, over a step of 0.01 that is
 * 3e-5, where the root mean square of most gradients is 0.005 and above.
 */
enum { MOST = 24 };
static const double step = 0.01, bound = 1e-2;

static void check_base(struct toy *toy, double *worst)
{
	struct parameters *p = toy->parameters;
	struct weight_slot slot;
	for (size_t i = 0; weights_slot(&slot, &p->weights, &p->h, p->tied, i); i++) {
		size_t begin, end;
		bool decays;
		assert_true(parameters_range(p, i, &begin, &end, &decays));
		struct gradient_check check = {slot.name, toy_loss, toy, p->values + begin, toy->base_gradients + begin, end - begin,
					       step, bound, MOST};
		*worst = fmax(*worst, check_gradient(&check, &random_numbers));
	}
}

static void check_part(struct toy *toy, struct adapter *adapter, const char *name, float *values, size_t n, double *worst)
{
	struct gradient_check check = {name, toy_loss, toy, values, adapter_gradient(adapter, values), n, step, bound, MOST};
	*worst = fmax(*worst, check_gradient(&check, &random_numbers));
}

static void check_adapter(struct toy *toy, struct adapter *adapter, double *worst)
{
	size_t n_embd = adapter->n_embd;
	if (adapter->n_memory > 0)
		check_part(toy, adapter, "memory", adapter->memory, adapter->n_memory * n_embd, worst);
	check_part(toy, adapter, "encoder_vector", adapter->encoder_vector, n_embd, worst);
	for (size_t i = 0; adapter->rank > 0 && i < adapter->n_layers * N_PROJECTIONS; i++) {
		struct lora *lora = &adapter->projections[i];
		bool encodes = adapter->n_memory > 0 && toy->worker.memory == PITH_MEMORY_ROWS;
		bool unused = encodes && i / N_PROJECTIONS + 1 == adapter->n_layers && i % N_PROJECTIONS != PROJECTION_K &&
			      i % N_PROJECTIONS != PROJECTION_V;
		if (unused) { /* An encoder's last layer stops after keys and values. */
			for (size_t j = 0; j < lora->rank * (lora->n_in + lora->n_out); j++)
				assert_true(adapter_gradient(adapter, lora->a)[j] == 0);
			continue;
		}
		check_part(toy, adapter, projection_name((enum projection)(i % N_PROJECTIONS)), lora->a, lora->rank * lora->n_in, worst);
		check_part(toy, adapter, projection_name((enum projection)(i % N_PROJECTIONS)), lora->b, lora->rank * lora->n_out, worst);
	}
}

static void check_everything(bool qk_norm, enum rope_style style, bool tied)
{
	struct toy toy;
	double worst = 0;
	toy_open(&toy, qk_norm, style, tied);
	train_base(&toy, true);
	double loss = run(&toy, true).weighted;
	assert_true(loss > 1 && loss == run(&toy, false).weighted);
	check_base(&toy, &worst);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++)
		check_adapter(&toy, toy.adapters[p], &worst);
	if (getenv("PITH_TEST_VERBOSE") != NULL)
		print_message("worst %.1e\n", worst);
	toy_close(&toy);
}

static void test_qwen3_like(void **state)
{
	(void)state;
	check_everything(true, ROPE_HALVES, true);
	check_everything(true, ROPE_HALVES, false);
}

static void test_llama_like(void **state)
{
	(void)state;
	check_everything(false, ROPE_NEIGHBOURS, true);
	check_everything(false, ROPE_NEIGHBOURS, false);
}

static void test_mixed(void **state)
{
	(void)state;
	check_everything(true, ROPE_NEIGHBOURS, false);
	check_everything(false, ROPE_HALVES, true);
}

/* A reader that begins with the last k tokens of an encoder's sequence. */
static size_t add_given_reader(struct toy *toy, size_t n, size_t encoder, enum pith_purpose purpose, size_t k)
{
	size_t reader = add_reader(toy, k + n, 0, PITH_OBJECTIVE_REGENERATE);
	pack_given(&toy->worker.microbatch, reader, k);
	pack_link(&toy->worker.microbatch, reader, encoder, purpose, k, 0);
	return reader;
}

/* ICAE: hidden states as embeddings; one encoding read twice, two by one reader, one whose reader is read by another. */
static void make_embeddings_microbatch(struct toy *toy)
{
	struct microbatch *m = &toy->worker.microbatch;
	microbatch_clear(m);
	size_t a = add_encoder(toy, PITH_REGENERATE, 7, 3), b = add_encoder(toy, PITH_REGENERATE, 4, 1);
	size_t c = add_encoder(toy, PITH_ANSWER, 5, 2), d = add_encoder(toy, PITH_ANSWER, 6, 4);
	add_given_reader(toy, 6, b, PITH_REGENERATE, 1);
	size_t both = add_reader(toy, 11, 0, PITH_OBJECTIVE_ANSWER);
	pack_given(m, both, 6);
	pack_link(m, both, c, PITH_ANSWER, 2, 0);
	pack_link(m, both, d, PITH_ANSWER, 4, 2);
	add_reader(toy, 8, 0, PITH_OBJECTIVE_LM);
	size_t first = add_given_reader(toy, 5, a, PITH_REGENERATE, 3);
	size_t further = add_reader(toy, 4, 3, PITH_OBJECTIVE_ANSWER);
	struct sequence *s = &m->reader.batch.sequences[further];
	s->n_shared = 3;
	s->shared_with = first;
	add_given_reader(toy, 3, a, PITH_REGENERATE, 3);
	microbatch_normalise(m);
}

static void test_embeddings(void **state)
{
	(void)state;
	for (int tied = 0; tied < 2; tied++) {
		struct toy toy;
		double worst = 0;
		toy_open(&toy, true, ROPE_HALVES, tied);
		toy.worker.memory = PITH_MEMORY_EMBEDDINGS;
		make_embeddings_microbatch(&toy);
		train_base(&toy, true);
		double loss = run(&toy, true).weighted;
		assert_true(loss > 1 && loss == run(&toy, false).weighted);
		check_base(&toy, &worst);
		for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++)
			check_adapter(&toy, toy.adapters[p], &worst);
		if (getenv("PITH_TEST_VERBOSE") != NULL)
			print_message("worst %.1e\n", worst);
		toy_close(&toy);
	}
}

/*
 * Rewriting and reading: the adapter is switched on in the reader itself, which has no memory; the base is trained or frozen,
 * with a mask of dropout that stays or without.
 */
static void test_reader_adapter(void **state)
{
	(void)state;
	static const struct {
		enum pith_purpose purpose;
		bool trained;
		float dropout;
	} cases[] = {{PITH_REWRITE, false, 0}, {PITH_REWRITE, true, 0}, {PITH_READ, false, 0.3f}, {PITH_READ, true, 0.3f}};
	for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
		struct toy toy;
		struct adapter *adapter;
		struct pith_error err;
		double worst = 0;
		toy_open(&toy, true, ROPE_HALVES, true);
		assert_int_equal(adapter_create(&adapter, &toy.transformer.h, cases[c].purpose, RANK, 4, 0, &random_numbers, &err), PITH_OK);
		assert_int_equal(adapter_enable_gradients(adapter, &err), PITH_OK);
		for (size_t j = 0; j < adapter->n_values; j++)
			adapter->values[j] = (float)(0.4 * random_normal(&random_numbers));
		microbatch_clear(&toy.worker.microbatch);
		add_reader(&toy, 8, 0, PITH_OBJECTIVE_REWRITE);
		add_reader(&toy, 5, 0, PITH_OBJECTIVE_REWRITE);
		microbatch_normalise(&toy.worker.microbatch);
		train_base(&toy, cases[c].trained);
		double without = run(&toy, false).weighted;
		toy.worker.adapters[cases[c].purpose] = adapter;
		double whole = run(&toy, false).weighted;
		toy.worker.dropout = (struct dropout){cases[c].dropout, 5};
		double loss = run(&toy, true).weighted;
		assert_true(loss > 1 && loss == run(&toy, false).weighted && loss != without);
		assert_true((loss != whole) == (cases[c].dropout > 0));
		if (cases[c].trained)
			check_base(&toy, &worst);
		check_adapter(&toy, adapter, &worst);
		toy.worker.adapters[cases[c].purpose] = NULL;
		adapter_destroy(adapter);
		toy_close(&toy);
	}
}

/* The reader that an adapter brings for its memory tokens: switched on behind rows and behind embeddings, and trained with it. */
static void test_reader_of_memory(void **state)
{
	(void)state;
	for (int memory = 0; memory < PITH_N_MEMORIES; memory++) {
		struct toy toy;
		struct adapter *adapter;
		struct pith_error err;
		double worst = 0;
		toy_open(&toy, true, ROPE_HALVES, true);
		toy.worker.memory = (enum pith_memory)memory;
		assert_int_equal(adapter_create(&adapter, &toy.transformer.h, PITH_REGENERATE, RANK, 4, N_MEMORY, &random_numbers, &err),
		                 PITH_OK);
		assert_int_equal(adapter_add_reader(adapter, &toy.transformer.h, &random_numbers, &err), PITH_OK);
		assert_int_equal(adapter_enable_gradients(adapter, &err), PITH_OK);
		for (size_t j = 0; j < adapter->n_values; j++)
			adapter->values[j] = (float)(0.4 * random_normal(&random_numbers));
		toy.worker.adapters[PITH_REGENERATE] = adapter;
		toy.worker.adapters[PITH_ANSWER] = NULL;
		microbatch_clear(&toy.worker.microbatch);
		size_t a = add_encoder(&toy, PITH_REGENERATE, 7, 3), b = add_encoder(&toy, PITH_REGENERATE, 4, 1);
		if (memory == PITH_MEMORY_EMBEDDINGS) {
			add_given_reader(&toy, 6, b, PITH_REGENERATE, 1);
			add_given_reader(&toy, 7, a, PITH_REGENERATE, 3);
		} else {
			pack_link(&toy.worker.microbatch, add_reader(&toy, 6, 1, PITH_OBJECTIVE_REGENERATE), b, PITH_REGENERATE, 1, 0);
			pack_link(&toy.worker.microbatch, add_reader(&toy, 7, 3, PITH_OBJECTIVE_REGENERATE), a, PITH_REGENERATE, 3, 0);
		}
		microbatch_normalise(&toy.worker.microbatch);
		double loss = run(&toy, true).weighted;
		assert_true(loss > 1 && loss == run(&toy, false).weighted);
		check_adapter(&toy, adapter, &worst);
		check_adapter(&toy, adapter->reader, &worst);
		/* Without it the same rows are read otherwise. */
		struct adapter *reader = adapter->reader;
		adapter->reader = NULL;
		assert_true(run(&toy, false).weighted != loss);
		adapter->reader = reader;
		adapter_destroy(adapter);
		toy_close(&toy);
	}
}

static float *copy_of(const float *values, size_t n)
{
	float *copy = malloc(n * sizeof *copy);
	assert_non_null(copy);
	memcpy(copy, values, n * sizeof *copy);
	return copy;
}

/* A frozen base changes nothing for the adapters, and gradients add up over runs. */
static void test_frozen_base(void **state)
{
	(void)state;
	struct toy toy;
	toy_open(&toy, true, ROPE_HALVES, true);
	train_base(&toy, true);
	run(&toy, true);
	struct adapter *adapter = toy.adapters[PITH_REGENERATE];
	float *trained = copy_of(adapter->gradients, adapter->n_values);
	float *base = copy_of(toy.base_gradients, toy.parameters->n_values);
	memset(adapter->gradients, 0, adapter->n_values * sizeof *adapter->gradients);
	train_base(&toy, false);
	run(&toy, true);
	assert_memory_equal(adapter->gradients, trained, adapter->n_values * sizeof *trained);
	assert_memory_equal(toy.base_gradients, base, toy.parameters->n_values * sizeof *base);
	run(&toy, true);
	for (size_t i = 0; i < adapter->n_values; i++)
		assert_true(fabsf(adapter->gradients[i] - 2 * trained[i]) <= 1e-4f * fabsf(trained[i]) + 1e-6f);
	free(trained);
	free(base);
	toy_close(&toy);
}

/* A step after one of another size finds nothing of it in its memory. */
static void test_reused_memory(void **state)
{
	(void)state;
	struct toy toy;
	toy_open(&toy, true, ROPE_HALVES, true);
	train_base(&toy, true);
	run(&toy, true);
	float *first = copy_of(toy.base_gradients, toy.parameters->n_values);
	struct microbatch large = toy.worker.microbatch, small = {0};
	toy.worker.microbatch = small;
	add_reader(&toy, 30, 0, PITH_OBJECTIVE_LM);
	size_t other = add_encoder(&toy, PITH_REGENERATE, 20, 4);
	pack_link(&toy.worker.microbatch, add_reader(&toy, 25, 4, PITH_OBJECTIVE_REGENERATE), other, PITH_REGENERATE, 4, 0);
	run(&toy, true);
	microbatch_free(&toy.worker.microbatch);
	toy.worker.microbatch = large;
	memset(toy.base_gradients, 0, toy.parameters->n_values * sizeof(float));
	run(&toy, true);
	assert_memory_equal(first, toy.base_gradients, toy.parameters->n_values * sizeof *first);
	free(first);
	toy_close(&toy);
}

static double cosine(const float *a, const float *b, size_t n)
{
	return dot_in_double(a, b, n) / sqrt(dot_in_double(a, a, n) * dot_in_double(b, b, n));
}

/* bf16 products: rounding of 2^-9 at every product of a toy whose weights are large on purpose. */
static void test_bf16(void **state)
{
	(void)state;
	struct toy toy;
	toy_open(&toy, true, ROPE_HALVES, true);
	train_base(&toy, true);
	struct adapter *adapter = toy.adapters[PITH_REGENERATE];
	double exact = run(&toy, true).weighted;
	float *base = copy_of(toy.base_gradients, toy.parameters->n_values), *low = copy_of(adapter->gradients, adapter->n_values);
	memset(toy.base_gradients, 0, toy.parameters->n_values * sizeof(float));
	memset(adapter->gradients, 0, adapter->n_values * sizeof(float));
	toy.worker.precision = PRECISION_BF16;
	assert_true(fabs(run(&toy, true).weighted - exact) < 0.02);
	double base_cosine = cosine(base, toy.base_gradients, toy.parameters->n_values);
	double low_cosine = cosine(low, adapter->gradients, adapter->n_values);
	if (getenv("PITH_TEST_VERBOSE") != NULL)
		print_message("cosines %.6f %.6f\n", base_cosine, low_cosine);
	assert_true(base_cosine > 0.999 && low_cosine > 0.999);
	free(base);
	free(low);
	toy_close(&toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_qwen3_like),  cmocka_unit_test(test_llama_like),    cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_embeddings), cmocka_unit_test(test_reader_adapter),
		cmocka_unit_test(test_reader_of_memory),
		cmocka_unit_test(test_frozen_base), cmocka_unit_test(test_reused_memory), cmocka_unit_test(test_bf16),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
