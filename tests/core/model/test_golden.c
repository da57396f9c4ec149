/*
 * Two tiny models against an independent implementation in double precision
 * (tests/golden/reference.py): the files themselves come from outside, too.
 * Reading in one piece, in chunks and token by token, alone and with two
 * threads; memory rows of an encoder with LoRA; a reader behind these rows;
 * gradients of its loss through the rows.
 */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/safetensors.h"
#include "model/parameters.h"
#include "model/session.h"
#include "support/training.h"

enum { N_LONG = 600, MOST_IDS = 32, N_SPANS = 2 };

struct golden {
	struct gguf *gguf;
	struct transformer transformer;
	struct adapter *adapter;
	struct safetensors *expected;
};

static struct thread_pool *pool;

static int start(void **state)
{
	(void)state;
	pool = thread_pool_create(2);
	return pool == NULL ? -1 : 0;
}

static int stop(void **state)
{
	(void)state;
	thread_pool_destroy(pool);
	return 0;
}

static void golden_open(struct golden *g, const char *name)
{
	char path[512];
	struct pith_error err;
	*g = (struct golden){0};
	snprintf(path, sizeof path, "%s/golden/%s.gguf", TESTS_DIR, name);
	assert_int_equal(gguf_open(&g->gguf, path, &err), PITH_OK);
	assert_int_equal(hyperparams_read(&g->transformer.h, g->gguf, &err), PITH_OK);
	assert_int_equal(weights_load(&g->transformer.weights, &g->transformer.h, g->gguf, &err), PITH_OK);
	assert_int_equal(transformer_reserve_positions(&g->transformer, 64, &err), PITH_OK);
	snprintf(path, sizeof path, "%s/golden/%s-adapter.gguf", TESTS_DIR, name);
	assert_int_equal(adapter_load(&g->adapter, &g->transformer.h, path, &err), PITH_OK);
	snprintf(path, sizeof path, "%s/golden/%s.safetensors", TESTS_DIR, name);
	assert_int_equal(safetensors_open(&g->expected, path, &err), PITH_OK);
}

static void golden_close(struct golden *g)
{
	transformer_free(&g->transformer);
	adapter_destroy(g->adapter);
	safetensors_close(g->expected);
	gguf_close(g->gguf);
}

static const float *expected(const struct golden *g, const char *name, size_t *n)
{
	const struct tensor *tensor = safetensors_find(g->expected, name);
	assert_non_null(tensor);
	assert_int_equal(tensor->type, TENSOR_F32);
	*n = tensor_n_elements(tensor);
	return tensor->data;
}

static size_t expected_ids(const struct golden *g, const char *name, int32_t *ids)
{
	size_t n;
	const float *numbers = expected(g, name, &n);
	assert_true(n <= MOST_IDS);
	for (size_t i = 0; i < n; i++)
		ids[i] = (int32_t)numbers[i];
	return n;
}

/* The largest difference, relative to the root mean square of what is expected, must not exceed bound. */
static void compare(const char *what, const float *got, const float *want, size_t n, double bound)
{
	double squares = 0, worst = 0;
	for (size_t i = 0; i < n; i++) {
		double difference = fabs((double)got[i] - (double)want[i]);
		squares += (double)want[i] * (double)want[i];
		worst = difference <= worst ? worst : difference;
	}
	worst /= sqrt(squares / (double)n);
	if (!(worst <= bound))
		fail_msg("%s: %.1e of the root mean square apart, bound %.1e", what, worst, bound);
	if (getenv("PITH_TEST_VERBOSE") != NULL)
		print_message("%-40s %.1e\n", what, worst);
}

/* fp32 sums of a hundred terms through two layers, against doubles; gradients pass them twice. */
static const double forward_bound = 2e-5, gradient_bound = 1e-4;

static struct session *open_session(struct golden *g, struct thread_pool *threads)
{
	struct session *session;
	struct pith_error err;
	assert_int_equal(session_create(&session, &g->transformer, threads, 1024, &err), PITH_OK);
	return session;
}

static void read_ids(struct session *session, const int32_t *ids, size_t n, int32_t first_position)
{
	struct pith_error err;
	struct session_input input = {.ids = ids, .first_position = first_position, .n = n};
	assert_int_equal(session_read(session, &input, NULL, &err), PITH_OK);
}

/* Reads ids in pieces of at most chunk and compares the logits after each token. */
static void check_reading(struct golden *g, struct session *session, const char *ids_name, const char *logits_name,
                          int32_t first_position, size_t chunk)
{
	int32_t ids[MOST_IDS];
	size_t n = expected_ids(g, ids_name, ids), n_logits, n_vocab = g->transformer.h.n_vocab;
	const float *logits = expected(g, logits_name, &n_logits);
	assert_int_equal(n_logits, n * n_vocab);
	for (size_t begin = 0; begin < n; begin += chunk) {
		size_t size = n - begin < chunk ? n - begin : chunk;
		read_ids(session, ids + begin, size, first_position + (int32_t)begin);
		for (size_t i = 0; i < size; i++)
			compare(logits_name, session_logits(session, i), logits + (begin + i) * n_vocab, n_vocab, forward_bound);
	}
}

static void check_plain(struct golden *g, struct thread_pool *threads)
{
	int32_t ids[MOST_IDS];
	float losses[MOST_IDS];
	static const size_t chunks[] = {MOST_IDS, 5, 1};
	size_t n = expected_ids(g, "plain.ids", ids), n_losses;
	const float *right = expected(g, "plain.losses", &n_losses);
	struct session *session = open_session(g, threads);
	for (size_t c = 0; c < 3; c++) {
		check_reading(g, session, "plain.ids", "plain.logits", 0, chunks[c]);
		assert_int_equal(session_length(session), n);
		session_rewind(session, 0);
	}
	read_ids(session, ids, n, 0);
	assert_int_equal(session_losses(session, 0, ids + 1, n - 1, losses, NULL), PITH_OK);
	compare("plain.losses", losses, right, n_losses, forward_bound);
	session_destroy(session);
}

/* What the tokens receive of the attention of all heads and layers, read at once and in pieces. */
static void check_received(struct golden *g, struct thread_pool *threads)
{
	int32_t ids[MOST_IDS];
	size_t n = expected_ids(g, "plain.ids", ids), n_later, n_own;
	const float *right_later = expected(g, "plain.later", &n_later), *right_own = expected(g, "plain.own", &n_own);
	struct session *session = open_session(g, threads);
	assert_true(n_later == n && n_own == n);
	for (size_t chunk = 3; chunk < n + 10; chunk += 10) {
		float later[MOST_IDS] = {0}, own[MOST_IDS] = {0};
		struct attention_received received = {later, own};
		session_rewind(session, 0);
		for (size_t begin = 0; begin < n; begin += chunk) {
			struct session_input input = {.ids = ids + begin, .n = n - begin < chunk ? n - begin : chunk,
			                              .first_position = (int32_t)begin, .received = &received};
			assert_int_equal(session_read(session, &input, NULL, NULL), PITH_OK);
		}
		compare("plain.later", later, right_later, n, forward_bound);
		compare("plain.own", own, right_own, n, forward_bound);
	}
	session_destroy(session);
}

/* More than one pass of 512 tokens, and attention over several blocks of queries. */
static void check_long(struct golden *g, struct thread_pool *threads)
{
	static const size_t rows[] = {511, 512, 599};
	int32_t ids[N_LONG];
	size_t n_logits, n_vocab = g->transformer.h.n_vocab;
	const float *logits = expected(g, "long.logits", &n_logits);
	for (size_t i = 0; i < N_LONG; i++)
		ids[i] = (int32_t)((7 * i * i + 3 * i + 1) % n_vocab);
	struct session *session = open_session(g, threads);
	for (int pieces = 1; pieces <= 3; pieces += 2) {
		session_rewind(session, 0);
		for (int p = 0; p < pieces; p++)
			read_ids(session, ids + N_LONG / pieces * p, (size_t)(N_LONG / pieces), N_LONG / pieces * p);
		for (size_t i = pieces == 1 ? 0 : 2; i < 3; i++) /* of the newest read */
			compare("long.logits", session_logits(session, rows[i] - (size_t)(N_LONG - N_LONG / pieces)),
			        logits + i * n_vocab, n_vocab, forward_bound);
	}
	session_destroy(session);
}

/* Encodes the spans and puts their memory rows into reader, which then holds nothing else. */
static void attach_memory(struct golden *g, struct session *encoder, struct session *reader)
{
	int32_t ids[MOST_IDS], ks[MOST_IDS], positions[MOST_IDS];
	size_t n_memory = g->adapter->n_memory, row_size = hyperparams_kv_dim(&g->transformer.h) * sizeof(float);
	struct pith_error err;
	assert_int_equal(expected_ids(g, "ks", ks), N_SPANS);
	for (int s = 0; s < N_SPANS; s++) {
		size_t n = expected_ids(g, s == 0 ? "span0.ids" : "span1.ids", ids), k = (size_t)ks[s];
		for (size_t i = 0; i < n + k; i++)
			positions[i] = (int32_t)(i < n ? n_memory + 1 + i : 1 + i - n);
		for (size_t j = 0; j < k; j++)
			ids[n + j] = -1 - (int32_t)j;
		session_rewind(encoder, 0);
		struct session_input input = {
			.ids = ids, .positions = positions, .n = n + k, .adapter = g->adapter, .encode = true};
		assert_int_equal(session_read(encoder, &input, NULL, &err), PITH_OK);
		size_t row = session_length(reader);
		for (size_t l = 0; l < g->transformer.h.n_layers; l++) {
			memcpy(session_keys(reader, l, row), session_keys(encoder, l, n), k * row_size);
			memcpy(session_values(reader, l, row), session_values(encoder, l, n), k * row_size);
		}
		assert_int_equal(session_attach(reader, k, &err), PITH_OK);
	}
}

static void check_memory(struct golden *g, struct thread_pool *threads)
{
	static const size_t chunks[] = {MOST_IDS, 4, 1};
	struct session *encoder = open_session(g, threads), *reader = open_session(g, threads);
	attach_memory(g, encoder, reader);
	size_t n_layers = g->transformer.h.n_layers, n, n_rows = session_length(reader);
	const float *keys = expected(g, "rows.keys", &n), *values = expected(g, "rows.values", &n);
	for (size_t l = 0; l < n_layers; l++) {
		compare("rows.keys", session_keys(reader, l, 0), keys + l * n / n_layers, n / n_layers, forward_bound);
		compare("rows.values", session_values(reader, l, 0), values + l * n / n_layers, n / n_layers, forward_bound);
	}
	for (size_t c = 0; c < 3; c++) {
		check_reading(g, reader, "reader.ids", "reader.logits", (int32_t)g->adapter->n_memory + 1, chunks[c]);
		session_rewind(reader, n_rows);
	}
	session_destroy(encoder);
	session_destroy(reader);
}

/* The reader's step of the golden files as a micro-batch; a second sequence that no target asks of stands before it. */
static void make_microbatch(const struct golden *g, struct microbatch *m)
{
	int32_t ids[MOST_IDS], ks[MOST_IDS], targets[MOST_IDS], none[MOST_IDS];
	size_t n_memory = g->adapter->n_memory, offset = 0, n_weights;
	expected_ids(g, "ks", ks);
	for (int s = 0; s < N_SPANS; s++) {
		size_t n = expected_ids(g, s == 0 ? "span0.ids" : "span1.ids", ids);
		pack_encoder(m, PITH_REGENERATE, ids, n, (size_t)ks[s], n_memory);
	}
	size_t n = expected_ids(g, "reader.ids", ids);
	assert_int_equal(expected_ids(g, "reader.targets", targets), n);
	const float *weights = expected(g, "reader.weights", &n_weights);
	memset(none, -1, sizeof none);
	pack_reader(m, ids, none, weights, 4, 0, 0, PITH_OBJECTIVE_LM);
	size_t reader = pack_reader(m, ids, targets, weights, n, (size_t)(ks[0] + ks[1]), (int32_t)n_memory + 1,
	                            PITH_OBJECTIVE_REGENERATE);
	for (int s = 0; s < N_SPANS; offset += (size_t)ks[s], s++)
		pack_link(m, reader, (size_t)s, PITH_REGENERATE, (size_t)ks[s], offset);
}

/* A gradient that the file does not hold must be zero: the encoder's last layer ends with its keys and values. */
static void check_gradient_of(const struct golden *g, const char *tensor, const float *got, size_t n)
{
	char name[96];
	size_t n_expected;
	snprintf(name, sizeof name, "gradient.%s", tensor);
	if (safetensors_find(g->expected, name) == NULL) {
		for (size_t i = 0; i < n; i++)
			assert_true(got[i] == 0);
		return;
	}
	const float *want = expected(g, name, &n_expected);
	assert_int_equal(n, n_expected);
	compare(name, got, want, n, gradient_bound);
}

static void check_adapter_gradients(const struct golden *g)
{
	const struct adapter *adapter = g->adapter;
	char name[64];
	check_gradient_of(g, "memory_embd.weight", adapter_gradient(adapter, adapter->memory),
	                  adapter->n_memory * adapter->n_embd);
	check_gradient_of(g, "encoder_embd.weight", adapter_gradient(adapter, adapter->encoder_vector), adapter->n_embd);
	for (size_t i = 0; i < adapter->n_layers * N_PROJECTIONS; i++) {
		const struct lora *lora = &adapter->projections[i];
		const char *projection = projection_name((enum projection)(i % N_PROJECTIONS));
		snprintf(name, sizeof name, "blk.%zu.%s.weight.lora_a", i / N_PROJECTIONS, projection);
		check_gradient_of(g, name, lora->d_a, lora->rank * lora->n_in);
		snprintf(name, sizeof name, "blk.%zu.%s.weight.lora_b", i / N_PROJECTIONS, projection);
		check_gradient_of(g, name, lora->d_b, lora->rank * lora->n_out);
	}
}

static size_t check_base_gradients(const struct golden *g, struct parameters *p, const float *gradients)
{
	struct weight_slot slot;
	size_t n_checked = 0, begin, end;
	bool decays;
	for (size_t i = 0; weights_slot(&slot, &p->weights, &p->h, p->tied, i); i++) {
		char name[96];
		snprintf(name, sizeof name, "gradient.%s", slot.name);
		assert_true(parameters_range(p, i, &begin, &end, &decays));
		if (safetensors_find(g->expected, name) == NULL)
			continue;
		check_gradient_of(g, slot.name, gradients + begin, end - begin);
		n_checked++;
	}
	return n_checked;
}

static void check_step(struct golden *g, struct step_worker *w)
{
	struct step_losses losses;
	struct pith_error err;
	size_t n;
	memset(g->adapter->gradients, 0, g->adapter->n_values * sizeof *g->adapter->gradients);
	w->adapters[PITH_REGENERATE] = g->adapter;
	make_microbatch(g, &w->microbatch);
	assert_int_equal(step_run(w, true, &losses, &err), PITH_OK);
	const float *want = expected(g, "reader.losses", &n);
	compare("reader.losses", w->losses.data + 4, want, n, forward_bound);
	const float *loss = expected(g, "reader.loss", &n);
	assert_float_equal(losses.weighted, loss[0], 2e-5f * loss[0]);
	check_adapter_gradients(g);
}

/* Frozen weights straight from the file, packed or not. */
static void check_frozen(struct golden *g)
{
	struct step_worker w;
	worker_open(&w, &g->transformer);
	check_step(g, &w);
	worker_close(&w);
}

/* The same weights as parameters that are trained. */
static void check_trained(struct golden *g, bool has_base_gradients)
{
	struct parameters *p;
	struct pith_error err;
	struct step_worker w;
	assert_int_equal(parameters_create(&p, &g->transformer.h, g->transformer.weights.tied, &err), PITH_OK);
	parameters_copy(p, &g->transformer.weights);
	struct transformer t = {.h = p->h, .weights = p->weights};
	assert_int_equal(transformer_reserve_positions(&t, 64, &err), PITH_OK);
	float *gradients = calloc(p->n_values, sizeof *gradients);
	assert_non_null(gradients);
	worker_open(&w, &t);
	assert_int_equal(parameters_gradients(p, gradients, &w.gradients, &err), PITH_OK);
	check_step(g, &w);
	assert_true(check_base_gradients(g, p, gradients) >= (has_base_gradients ? 10 : 0));
	worker_close(&w);
	transformer_release_positions(&t);
	free(gradients);
	parameters_destroy(p);
}

static void check_model(const char *name, bool packed)
{
	struct golden g;
	golden_open(&g, name);
	assert_int_equal(g.transformer.weights.layers[0].projections[0].type, packed ? TENSOR_Q8_0 : TENSOR_F32);
	assert_int_equal(adapter_enable_gradients(g.adapter, NULL), PITH_OK);
	struct thread_pool *pools[] = {NULL, pool};
	for (size_t i = 0; i < 2; i++) {
		check_plain(&g, pools[i]);
		check_received(&g, pools[i]);
		check_long(&g, pools[i]);
		check_memory(&g, pools[i]);
	}
	check_frozen(&g);
	check_trained(&g, !packed);
	golden_close(&g);
}

static void test_qwen3(void **state)
{
	(void)state;
	check_model("qwen3", false);
}

static void test_qwen2(void **state)
{
	(void)state;
	check_model("qwen2", false);
}

static void test_llama(void **state)
{
	(void)state;
	check_model("llama", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_qwen3), cmocka_unit_test(test_qwen2),
	                                   cmocka_unit_test(test_llama)};
	return cmocka_run_group_tests(tests, start, stop);
}
