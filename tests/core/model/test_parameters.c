/*
 * Models and adapters on disk: what is saved comes back, packed types within
 * their precision; shapes that make no sense and models that need more than
 * this one computes are refused.
 */
#define _XOPEN_SOURCE 700
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/adapter.h"
#include "model/parameters.h"
#include "scratch.h"
#include "support/tiny.h"

static const struct hyperparams shape = {
	.architecture = "qwen3", .n_layers = 2, .n_embd = 32, .n_heads = 4, .n_kv_heads = 2, .head_dim = 16, .n_ff = 40,
	.n_vocab = TINY_VOCAB, .n_context = 128, .rms_eps = 1e-6f, .rope_theta = 5000, .rope_style = ROPE_HALVES, .qk_norm = true};

static struct parameters *random_parameters(const struct hyperparams *h, bool tied)
{
	struct parameters *p;
	struct random_state random;
	random_seed(&random, 8);
	assert_int_equal(parameters_create(&p, h, tied, NULL), PITH_OK);
	parameters_randomise(p, &random);
	return p;
}

static enum pith_status load(struct gguf **gguf, struct hyperparams *h, struct weights *weights, const char *path,
                             struct pith_error *err)
{
	assert_int_equal(gguf_open(gguf, path, NULL), PITH_OK);
	enum pith_status status = hyperparams_read(h, *gguf, err);
	if (status == PITH_OK)
		status = weights_load(weights, h, *gguf, err);
	if (status != PITH_OK)
		gguf_close(*gguf);
	return status;
}

static void save(const struct parameters *p, const char *path, enum tensor_type type)
{
	struct gguf *vocabulary;
	struct pith_error err;
	tiny_vocabulary(scratch_path("vocabulary.gguf"));
	assert_int_equal(gguf_open(&vocabulary, scratch_path("vocabulary.gguf"), NULL), PITH_OK);
	if (parameters_save(p, path, type, "tiny", vocabulary, &err) != PITH_OK)
		fail_msg("%s", err.message);
	gguf_close(vocabulary);
}

static void check_round_trip(enum tensor_type type, bool tied, double precision)
{
	char path[512];
	snprintf(path, sizeof path, "%s/model-%d.gguf", scratch_directory, (int)type);
	struct parameters *p = random_parameters(&shape, tied), *q;
	struct gguf *gguf;
	struct hyperparams h;
	struct weights weights;
	size_t begin, end;
	bool is_matrix;
	save(p, path, type);
	assert_int_equal(load(&gguf, &h, &weights, path, NULL), PITH_OK);
	assert_int_equal(weights.tied, tied);
	assert_true(h.n_layers == shape.n_layers && h.n_ff == shape.n_ff && h.n_context == shape.n_context &&
	            h.rope_theta == shape.rope_theta && h.rms_eps == shape.rms_eps && h.qk_norm);
	assert_int_equal(parameters_create(&q, &h, tied, NULL), PITH_OK);
	parameters_copy(q, &weights);
	for (size_t i = 0; parameters_range(p, i, &begin, &end, &is_matrix); i++) {
		float largest = 0;
		for (size_t j = begin; j < end; j++)
			largest = fmaxf(largest, fabsf(p->values[j]));
		for (size_t j = begin; j < end; j++)
			assert_true(fabs((double)p->values[j] - (double)q->values[j]) <= (is_matrix ? precision * (double)largest : 0));
	}
	/* n_ff is no multiple of 32: these rows do not fit blocks of Q8_0 and stay as they are. */
	assert_int_equal(weights.layers[0].projections[PROJECTION_DOWN].type, type == TENSOR_Q8_0 ? TENSOR_F32 : type);
	assert_int_equal(weights.layers[1].projections[PROJECTION_Q].type, type);
	parameters_destroy(p);
	parameters_destroy(q);
	weights_free(&weights);
	gguf_close(gguf);
}

static void test_round_trips(void **state)
{
	(void)state;
	check_round_trip(TENSOR_F32, true, 0);
	check_round_trip(TENSOR_F32, false, 0);
	check_round_trip(TENSOR_F16, true, 1.0 / 2048);
	check_round_trip(TENSOR_BF16, false, 1.0 / 256);
	check_round_trip(TENSOR_Q8_0, true, 0.5 / 127 + 1e-3);
}

/* The factors that stretch RoPE (Llama 3.1) are part of what a model computes: they are saved, and are in its fingerprint. */
static void test_rope_factors(void **state)
{
	(void)state;
	static const float factors[8] = {1, 1, 1.5f, 2, 3, 4, 8, 8};
	struct parameters *p = random_parameters(&shape, true);
	struct gguf *gguf;
	struct hyperparams h;
	struct weights weights;
	struct pith_error err;
	char without[33], with[33];
	const char *path = scratch_path("factors.gguf");
	weights_fingerprint(&p->weights, &p->h, without);
	p->weights.rope_factors = factors;
	weights_fingerprint(&p->weights, &p->h, with);
	assert_string_not_equal(without, with);
	save(p, path, TENSOR_F32);
	assert_int_equal(load(&gguf, &h, &weights, path, &err), PITH_OK);
	assert_non_null(weights.rope_factors);
	assert_memory_equal(weights.rope_factors, factors, sizeof factors);
	weights_free(&weights);
	gguf_close(gguf);
	parameters_destroy(p);
}

/* The start of a run: deviation 0.02, that of what writes to the residual stream divided by sqrt(2 n_layers), norms one. */
static void test_randomise(void **state)
{
	(void)state;
	struct parameters *p = random_parameters(&shape, true);
	struct weight_slot slot;
	size_t begin, end, last_end = 0;
	bool is_matrix;
	for (size_t i = 0; weights_slot(&slot, &p->weights, &p->h, true, i); i++) {
		assert_true(parameters_range(p, i, &begin, &end, &is_matrix));
		assert_int_equal(begin, last_end);
		last_end = end;
		double squares = 0;
		for (size_t j = begin; j < end; j++) {
			assert_true(is_matrix || p->values[j] == 1);
			squares += (double)p->values[j] * (double)p->values[j];
		}
		bool residual = strstr(slot.name, "attn_output") != NULL || strstr(slot.name, "ffn_down") != NULL;
		double deviation = sqrt(squares / (double)(end - begin)), right = residual ? 0.01 : 0.02; /* 0.02 / sqrt(4) */
		assert_true(!is_matrix || fabs(deviation / right - 1) < 0.12);
	}
	assert_int_equal(last_end, p->n_values);
	parameters_destroy(p);
}

static void test_fingerprint(void **state)
{
	(void)state;
	struct parameters *p = random_parameters(&shape, true);
	char first[33], second[33];
	weights_fingerprint(&p->weights, &p->h, first);
	weights_fingerprint(&p->weights, &p->h, second);
	assert_int_equal(strlen(first), 32);
	assert_string_equal(first, second);
	p->values[p->n_values - 1] += 1e-6f;
	weights_fingerprint(&p->weights, &p->h, second);
	assert_string_not_equal(first, second);
	p->values[p->n_values - 1] = 1;
	p->h.rope_theta += 1;
	weights_fingerprint(&p->weights, &p->h, second);
	assert_string_not_equal(first, second);
	parameters_destroy(p);
}

static void test_adapter_round_trip(void **state)
{
	(void)state;
	for (int variant = 0; variant < 4; variant++) {
		size_t rank = variant % 2 == 0 ? 0 : 3;
		bool reader = variant >= 2;
		struct adapter *a, *b;
		struct random_state random;
		struct hyperparams other = shape;
		random_seed(&random, 4);
		assert_int_equal(adapter_create(&a, &shape, PITH_ANSWER, rank, 6, 5, &random, NULL), PITH_OK);
		if (reader)
			assert_int_equal(adapter_add_reader(a, &shape, &random, NULL), PITH_OK);
		for (size_t i = 0; i < a->n_values; i++)
			a->values[i] = (float)random_normal(&random);
		a->span_tokens = 99;
		strcpy(a->base_fingerprint, "0123456789abcdef0123456789abcdef");
		strcpy(a->tokenizer_fingerprint, "fedcba9876543210fedcba9876543210");
		const char *path = scratch_path("adapter.gguf");
		assert_int_equal(adapter_save(a, &shape, TENSOR_F32, path, NULL), PITH_OK);
		assert_int_equal(adapter_load(&b, &shape, path, NULL), PITH_OK);
		assert_int_equal(b->purpose, PITH_ANSWER);
		assert_true(b->rank == rank && b->alpha == 6 && b->n_memory == 5 && b->span_tokens == 99);
		assert_string_equal(a->base_fingerprint, b->base_fingerprint);
		assert_string_equal(a->tokenizer_fingerprint, b->tokenizer_fingerprint);
		assert_int_equal(a->n_values, b->n_values);
		assert_memory_equal(a->values, b->values, a->n_values * sizeof *a->values);
		assert_true(rank == 0 || b->projections[0].scale == 2);
		assert_int_equal(b->reader != NULL, reader);
		if (reader) {
			assert_int_equal(a->reader->encoder_vector - a->values, b->reader->encoder_vector - b->values);
			assert_memory_equal(a->reader->encoder_vector, b->reader->encoder_vector, shape.n_embd * sizeof(float));
			assert_true(rank == 0 || b->reader->projections[0].scale == 2);
		}
		adapter_destroy(b);
		/* In fewer bytes: vectors keep every bit, numbers of matrices eight. */
		assert_int_equal(adapter_save(a, &shape, TENSOR_BF16, path, NULL), PITH_OK);
		assert_int_equal(adapter_load(&b, &shape, path, NULL), PITH_OK);
		assert_memory_equal(a->memory, b->memory, 5 * shape.n_embd * sizeof *a->memory);
		for (size_t i = 0; i < a->n_values; i++)
			assert_true(fabsf(a->values[i] - b->values[i]) <= fabsf(a->values[i]) / 256);
		assert_true(rank == 0 || memcmp(a->values, b->values, a->n_values * sizeof *a->values) != 0);
		adapter_destroy(b);
		/* A scale that is no number. */
		a->alpha = NAN;
		assert_int_equal(adapter_save(a, &shape, TENSOR_F32, path, NULL), PITH_OK);
		assert_int_equal(adapter_load(&b, &shape, path, NULL), PITH_BAD_FILE);
		a->alpha = 6;
		assert_int_equal(adapter_save(a, &shape, TENSOR_F32, path, NULL), PITH_OK);
		/* Another model: wider, or of another architecture. */
		other.n_embd = 48;
		assert_int_not_equal(adapter_load(&b, &other, path, NULL), PITH_OK);
		other = shape;
		strcpy(other.architecture, "llama");
		assert_int_equal(adapter_load(&b, &other, path, NULL), PITH_MISMATCH);
		assert_null(b);
		adapter_destroy(a);
	}
}

/* B A x of a projection, for x = 1, 2, ...: what a LoRA adds. */
static void lora_product(const struct lora *lora, float *out)
{
	for (size_t row = 0; row < lora->n_out; row++) {
		out[row] = 0;
		for (size_t r = 0; r < lora->rank; r++)
			for (size_t i = 0; i < lora->n_in; i++)
				out[row] += lora->scale * lora->b[row * lora->rank + r] * lora->a[r * lora->n_in + i] * (float)(i + 1);
	}
}

/* A start from a smaller rank and another scale adds the same. */
static void test_adapter_start(void **state)
{
	(void)state;
	struct adapter *from, *to;
	struct random_state random;
	random_seed(&random, 9);
	assert_int_equal(adapter_create(&from, &shape, PITH_REGENERATE, 2, 6, 5, &random, NULL), PITH_OK);
	assert_int_equal(adapter_create(&to, &shape, PITH_REGENERATE, 5, 2, 5, &random, NULL), PITH_OK);
	for (size_t i = 0; i < from->n_values; i++)
		from->values[i] = (float)random_normal(&random);
	adapter_start_from(to, from);
	assert_memory_equal(to->memory, from->memory, 5 * shape.n_embd * sizeof *to->memory);
	assert_memory_equal(to->encoder_vector, from->encoder_vector, shape.n_embd * sizeof *to->encoder_vector);
	for (size_t i = 0; i < shape.n_layers * N_PROJECTIONS; i++) {
		float old[512], new[512];
		assert_true(from->projections[i].n_out <= 512);
		lora_product(&from->projections[i], old);
		lora_product(&to->projections[i], new);
		for (size_t row = 0; row < from->projections[i].n_out; row++)
			assert_true(fabsf(old[row] - new[row]) <= 1e-4f * (1 + fabsf(old[row])));
	}
	/* The further ranks can learn: they read, and write nothing yet. */
	assert_true(to->projections[0].a[2 * to->projections[0].n_in] != 0 && to->projections[0].b[2] == 0);
	/* One without a LoRA gives its vectors; the fresh LoRA adds nothing. */
	adapter_destroy(from);
	assert_int_equal(adapter_create(&from, &shape, PITH_REGENERATE, 0, 1, 5, &random, NULL), PITH_OK);
	adapter_destroy(to);
	assert_int_equal(adapter_create(&to, &shape, PITH_REGENERATE, 5, 2, 5, &random, NULL), PITH_OK);
	adapter_start_from(to, from);
	assert_memory_equal(to->memory, from->memory, 5 * shape.n_embd * sizeof *to->memory);
	/* A reader that the other lacks stays as it was, and does nothing; one that it has comes along. */
	assert_int_equal(adapter_add_reader(to, &shape, &random, NULL), PITH_OK);
	assert_memory_equal(to->memory, from->memory, 5 * shape.n_embd * sizeof *to->memory);
	adapter_start_from(to, from);
	const struct lora *lora = &to->reader->projections[0];
	for (size_t i = 0; i < lora->rank * lora->n_out; i++)
		assert_true(lora->b[i] == 0);
	assert_true(lora->a[0] != 0 && to->reader->encoder_vector[0] == 0);
	adapter_destroy(from);
	assert_int_equal(adapter_create(&from, &shape, PITH_REGENERATE, 2, 6, 5, &random, NULL), PITH_OK);
	assert_int_equal(adapter_add_reader(from, &shape, &random, NULL), PITH_OK);
	for (size_t i = 0; i < from->n_values; i++)
		from->values[i] = (float)random_normal(&random);
	adapter_start_from(to, from);
	float old[512], new[512];
	lora_product(&from->reader->projections[3], old);
	lora_product(&to->reader->projections[3], new);
	assert_true(old[1] != 0 && fabsf(old[1] - new[1]) <= 1e-4f * (1 + fabsf(old[1])));
	assert_memory_equal(to->reader->encoder_vector, from->reader->encoder_vector, shape.n_embd * sizeof(float));
	adapter_destroy(from);
	adapter_destroy(to);
}

/* A model file with one key or tensor more or other than usual. */
static enum pith_status load_with(const char *key, uint32_t value, const char *scaling, const char *extra, struct pith_error *err)
{
	struct parameters *p = random_parameters(&shape, true);
	struct gguf_writer *writer;
	struct gguf *gguf;
	struct hyperparams h;
	struct weights weights;
	struct weight_slot slot;
	assert_int_equal(gguf_writer_create(&writer, NULL), PITH_OK);
	assert_int_equal(gguf_write_string(writer, "general.architecture", "qwen3", NULL), PITH_OK);
	const char *const keys[] = {"block_count", "context_length", "embedding_length", "feed_forward_length",
				    "attention.head_count",
				    "attention.head_count_kv", "attention.key_length", "rope.dimension_count"};
	const uint32_t values[] = {2, 128, 32, 40, 4, 2, 16, 16};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		char name[64];
		snprintf(name, sizeof name, "qwen3.%s", keys[i]);
		bool changed = key != NULL && strcmp(key, keys[i]) == 0;
		assert_int_equal(gguf_write_u32(writer, name, changed ? value : values[i], NULL), PITH_OK);
	}
	if (scaling != NULL)
		assert_int_equal(gguf_write_string(writer, "qwen3.rope.scaling.type", scaling, NULL), PITH_OK);
	for (size_t i = 0; weights_slot(&slot, &p->weights, &p->h, true, i); i++) {
		const void *data = slot.vector != NULL ? (const void *)*slot.vector : slot.tensor->data;
		assert_int_equal(gguf_write_tensor(writer, slot.name, TENSOR_F32, slot.n_dims, slot.ne, data, NULL), PITH_OK);
	}
	if (extra != NULL)
		assert_int_equal(gguf_write_tensor(writer, extra, TENSOR_F32, 1, (size_t[]){32}, p->values, NULL), PITH_OK);
	assert_int_equal(gguf_writer_finish(writer, scratch_path("odd.gguf"), NULL), PITH_OK);
	gguf_writer_destroy(writer);
	parameters_destroy(p);
	enum pith_status status = load(&gguf, &h, &weights, scratch_path("odd.gguf"), err);
	if (status == PITH_OK) {
		weights_free(&weights);
		gguf_close(gguf);
	}
	return status;
}

static void test_refused_models(void **state)
{
	(void)state;
	struct pith_error err = {0};
	assert_int_equal(load_with(NULL, 0, NULL, NULL, &err), PITH_OK);
	assert_int_equal(load_with(NULL, 0, "none", NULL, &err), PITH_OK);
	assert_int_equal(load_with(NULL, 0, "yarn", NULL, &err), PITH_UNSUPPORTED);
	assert_int_equal(load_with("rope.dimension_count", 8, NULL, NULL, &err), PITH_UNSUPPORTED);
	assert_non_null(strstr(err.message, "8 of 16"));
	assert_int_equal(load_with(NULL, 0, NULL, "blk.0.attn_q.bias", &err), PITH_UNSUPPORTED);
	assert_non_null(strstr(err.message, "blk.0.attn_q.bias"));
	assert_int_equal(load_with(NULL, 0, NULL, "rope_freqs.weight", &err), PITH_UNSUPPORTED);
	assert_non_null(strstr(err.message, "8 numbers"));
	static const struct {
		const char *key;
		uint32_t value;
	} wrong[] = {
		{"block_count", 0},          {"block_count", 3},      {"block_count", UINT32_MAX},  {"embedding_length", 64},
		{"feed_forward_length", 41}, {"attention.head_count", 0}, {"attention.head_count", 3}, {"attention.head_count_kv", 0},
		{"attention.head_count_kv", 3}, {"attention.key_length", 15}, {"attention.key_length", 0}, {"context_length", 0},
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		enum pith_status status = load_with(wrong[i].key, wrong[i].value, NULL, NULL, &err);
		if (status != PITH_BAD_FILE && status != PITH_UNSUPPORTED)
			fail_msg("%s %u gives %s", wrong[i].key, wrong[i].value, pith_status_name(status));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips), cmocka_unit_test(test_rope_factors), cmocka_unit_test(test_randomise),          cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_adapter_round_trip), cmocka_unit_test(test_adapter_start), cmocka_unit_test(test_refused_models),
	};
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
