#define _XOPEN_SOURCE 700
/*
 * Opening models: what is told about them, and a sentence for each way in which
 * a file can be wrong. The wrong files are made from a right one, number by
 * number.
 */
#include "model/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/session.h"
#include "support/changed_model.h"

/* --- what is told --------------------------------------------------------------------------------------- */

static void test_info(void **state)
{
	(void)state;
	struct pith_model *model = small_open(base);
	const struct pith_model_info *info = pith_model_info(model);
	struct stat file;
	assert_int_equal(stat(base, &file), 0);
	assert_string_equal(info->path, base);
	assert_string_equal(info->name, "small");
	assert_string_equal(info->architecture, "qwen3");
	assert_string_equal(info->weight_type, "F32");
	assert_int_equal(info->file_bytes, (size_t)file.st_size);
	assert_int_equal(info->n_layers, 2);
	assert_int_equal(info->n_embd, 32);
	assert_int_equal(info->n_heads, 4);
	assert_int_equal(info->n_kv_heads, 2);
	assert_int_equal(info->head_dim, 8);
	assert_int_equal(info->n_ff, 64);
	assert_int_equal(info->n_vocab, SMALL_VOCABULARY);
	assert_int_equal(info->n_context, SMALL_CONTEXT);
	/* Two tables, the norm; in each layer q, k, v, o, three of the feed-forward part, two norms, two of heads. */
	assert_int_equal(info->n_params, 2 * SMALL_VOCABULARY * 32 + 32 +
	                                         2 * (32 * 32 + 2 * 32 * 16 + 32 * 32 + 3 * 32 * 64 + 2 * 32 + 2 * 8));
	assert_int_equal(info->kv_bytes_per_token, 2 * 2 * 16 * 4);
	assert_int_equal(info->span_tokens, SMALL_SPAN);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		assert_true(info->has_adapter[0][p]);
		assert_int_equal(info->max_memory_tokens[0][p], SMALL_MEMORY);
	}
	pith_model_close(model);
	assert_string_equal(pith_version(), "0.1.0");
}

/* Every type of weights that can be written can be opened, and computes nearly the same. */
static void test_weight_types(void **state)
{
	(void)state;
	static const struct {
		enum tensor_type type;
		const char *name;
		double bound;
	} types[] = {{TENSOR_F32, "F32", 0}, {TENSOR_F16, "F16", 0.02}, {TENSOR_BF16, "BF16", 0.15}, {TENSOR_Q8_0, "Q8_0", 0.15}};
	static const int32_t ids[] = {0, 50, 100, 200, 300};
	struct pith_model *model = small_open(base);
	struct parameters *p;
	struct pith_error err;
	float expected[SMALL_VOCABULARY];
	must(parameters_create(&p, &model->transformer.h, false, &err), &err);
	parameters_copy(p, &model->transformer.weights);
	for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
		must(parameters_save(p, at("type.gguf"), types[t].type, "typed", model->gguf, &err), &err);
		struct pith_model *other = small_open(at("type.gguf"));
		assert_string_equal(pith_model_info(other)->weight_type, types[t].name);
		assert_int_equal(pith_model_info(other)->n_params, p->n_values);
		assert_false(pith_model_info(other)->has_adapter[0][0] || pith_model_info(other)->has_adapter[0][1]);
		assert_int_equal(pith_model_info(other)->span_tokens, 0);
		struct session *session;
		must(session_create(&session, &other->transformer, other->pool, 5, &err), &err);
		struct session_input input = {.ids = ids, .n = 5};
		must(session_read(session, &input, NULL, &err), &err);
		const float *logits = session_logits(session, 4);
		double squares = 0, difference = 0;
		for (int i = 0; i < SMALL_VOCABULARY; i++) {
			if (t == 0)
				expected[i] = logits[i];
			squares += (double)expected[i] * (double)expected[i];
			difference += pow((double)logits[i] - (double)expected[i], 2);
		}
		assert_true(squares > 0);
		assert_true(sqrt(difference / squares) <= types[t].bound);
		session_destroy(session);
		pith_model_close(other);
	}
	parameters_destroy(p);
	pith_model_close(model);
}

static void test_tokens(void **state)
{
	(void)state;
	struct pith_model *model = small_open(base);
	const char *text = "The tide at the Danube was not 42 caf\xc3\xa9s <|bos|> \xff.";
	struct pith_token *tokens;
	struct pith_error err;
	size_t n, length;
	must(pith_tokenize(model, text, strlen(text), &tokens, &n, &err), &err);
	for (size_t i = 0; i < n; i++) {
		const char *bytes = pith_token_bytes(model, tokens[i].id, &length);
		assert_int_equal(tokens[i].begin, i == 0 ? 0 : tokens[i - 1].end);
		assert_int_equal(length, tokens[i].end - tokens[i].begin);
		assert_memory_equal(bytes, text + tokens[i].begin, length);
	}
	assert_int_equal(tokens[n - 1].end, strlen(text));
	free(tokens);
	must(pith_tokenize(model, "", 0, &tokens, &n, &err), &err);
	assert_int_equal(n, 0);
	free(tokens);
	static const int32_t none[] = {-1, INT32_MIN, SMALL_VOCABULARY, INT32_MAX, 0};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		assert_non_null(pith_token_bytes(model, none[i], &length));
		assert_int_equal(length, 0);
	}
	pith_model_close(model);
}

/* --- files that are no model ---------------------------------------------------------------------------- */

static void test_no_model(void **state)
{
	(void)state;
	refuse(at("missing.gguf"), PITH_IO, "No such file");
	refuse(scratch_directory, PITH_IO, "not a regular file");
	scratch_write("empty.gguf", "", 0);
	refuse(at("empty.gguf"), PITH_BAD_FILE, at("empty.gguf"));
	scratch_write("text.gguf", "Dear all, the meeting is on Monday, not on Tuesday.\n", 52);
	refuse(at("text.gguf"), PITH_BAD_FILE, at("text.gguf"));
	refuse(at("base-vocabulary.gguf"), PITH_BAD_FILE, at("base-vocabulary.gguf"));
	refuse(at("base-regenerate.gguf"), PITH_BAD_FILE, "block_count");
	pith_model_close(NULL);
	struct pith_model *model;
	assert_int_equal(pith_model_open(&model, at("missing.gguf"), NULL, NULL, NULL), PITH_IO);
}

static void test_truncated(void **state)
{
	(void)state;
	cut_everywhere(base, "cut.gguf", NULL, at("cut.gguf"));
}

/* --- models that are wrong ------------------------------------------------------------------------------ */

static void test_wrong_models(void **state)
{
	(void)state;
	/* Written anew without a change it opens; without a name it is called by its file's. */
	struct pith_model *model = small_open(changed(&(struct change){0}));
	assert_string_equal(pith_model_info(model)->name, "changed");
	pith_model_close(model);
	model = small_open(changed(&(struct change){.extra_key = "qwen3.rope.scaling.type", .extra_value = "none"}));
	pith_model_close(model);

	refuse(changed(&(struct change){.architecture = "gemma3"}), PITH_UNSUPPORTED, "gemma3");
	refuse(changed(&(struct change){.architecture = "llama"}), PITH_BAD_FILE, "llama.block_count");
	refuse(changed(&(struct change){.architecture = ""}), PITH_UNSUPPORTED, "architecture");
	refuse(changed(&(struct change){.extra_key = "qwen3.rope.scaling.type", .extra_value = "yarn"}), PITH_UNSUPPORTED,
	       "yarn");
	refuse(changed(&(struct change){.no_tokenizer = true}), PITH_BAD_FILE, "no vocabulary");
	refuse(changed(&(struct change){.leave_out = "token_embd.weight"}), PITH_BAD_FILE, "token_embd.weight");
	refuse(changed(&(struct change){.leave_out = "output_norm.weight"}), PITH_BAD_FILE, "output_norm.weight is missing");
	refuse(changed(&(struct change){.leave_out = "blk.1.attn_k_norm.weight"}), PITH_BAD_FILE,
	       "blk.1.attn_k_norm.weight is missing");
	refuse(changed(&(struct change){.leave_out = "blk.0.ffn_down.weight"}), PITH_BAD_FILE,
	       "blk.0.ffn_down.weight is missing");
	refuse(changed(&(struct change){.reshape = "blk.1.attn_q.weight"}), PITH_BAD_FILE, "[32, 33], expected [32, 32]");
	refuse(changed(&(struct change){.reshape = "blk.0.attn_norm.weight"}), PITH_BAD_FILE, "[33, 1], expected [32, 1]");
	refuse(changed(&(struct change){.flatten = "blk.0.attn_norm.weight"}), PITH_UNSUPPORTED, "F16, expected F32");
	/* Without a head of its own the embedding is the head. */
	model = small_open(changed(&(struct change){.leave_out = "output.weight"}));
	assert_true(model->transformer.weights.tied);
	pith_model_close(model);
}

static void test_wrong_numbers(void **state)
{
	(void)state;
	struct hyperparams good = small_shape(SMALL_VOCABULARY), h;
	static const struct {
		size_t offset, value;
		enum pith_status code;
		const char *words;
	} cases[] = {
#define SIZE(field) offsetof(struct hyperparams, field)
		{SIZE(n_layers), 3, PITH_BAD_FILE, "blk.2.attn_q.weight is missing"},
		{SIZE(n_layers), 0, PITH_BAD_FILE, "qwen3.block_count is 0"},
		{SIZE(n_layers), 5000, PITH_BAD_FILE, "number of layers"},
		{SIZE(n_embd), 64, PITH_BAD_FILE, "expected [64, 420]"},
		{SIZE(n_embd), 1 << 24, PITH_BAD_FILE, "the width"},
		{SIZE(n_heads), 3, PITH_BAD_FILE, "key/value heads"},
		{SIZE(n_heads), 8, PITH_BAD_FILE, "expected [32, 64]"},
		{SIZE(n_kv_heads), 0, PITH_BAD_FILE, "key/value heads"},
		{SIZE(n_kv_heads), 8, PITH_BAD_FILE, "key/value heads"},
		{SIZE(n_kv_heads), 4, PITH_BAD_FILE, "blk.0.attn_k.weight is [32, 16], expected [32, 32]"},
		{SIZE(head_dim), 7, PITH_BAD_FILE, "head dimension"},
		{SIZE(head_dim), 1 << 30, PITH_BAD_FILE, "head dimension"},
		{SIZE(n_ff), 65, PITH_BAD_FILE, "expected [32, 65]"},
		{SIZE(n_ff), UINT32_MAX, PITH_BAD_FILE, "feed_forward_length"},
		{SIZE(n_context), 0, PITH_BAD_FILE, "context_length"},
		{SIZE(n_context), UINT32_MAX, PITH_BAD_FILE, "context_length"},
#undef SIZE
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		h = good;
		memcpy((char *)&h + cases[i].offset, &cases[i].value, sizeof(size_t));
		refuse(changed(&(struct change){.h = &h}), cases[i].code, cases[i].words);
	}
	static const float epsilons[] = {0, -1, 1, NAN, INFINITY};
	for (size_t i = 0; i < sizeof epsilons / sizeof *epsilons; i++) {
		h = good;
		h.rms_eps = epsilons[i];
		refuse(changed(&(struct change){.h = &h}), PITH_BAD_FILE, "epsilon");
	}
	static const double bases[] = {0, 1, -10000, NAN, INFINITY};
	for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
		h = good;
		h.rope_theta = bases[i];
		refuse(changed(&(struct change){.h = &h}), PITH_BAD_FILE, "RoPE");
	}
}

/* A type of weights that this version cannot read: number 2 is llama.cpp's Q4_0, 999 nobody's. */
static void test_unknown_type(void **state)
{
	(void)state;
	static const char *const name = "blk.1.ffn_up.weight";
	static const unsigned types[] = {16, 999};
	for (int i = 0; i < 2; i++) {
		size_t size, place = 0;
		char *data = scratch_read(base, &size);
		while (memcmp(data + place, name, strlen(name)) != 0)
			assert_true(++place + strlen(name) < size);
		data[place + strlen(name) + 4 + 2 * 8] =
			(char)(types[i] & 255); /* behind the number of dimensions and two of them */
		data[place + strlen(name) + 4 + 2 * 8 + 1] = (char)(types[i] >> 8);
		scratch_write("unknown.gguf", data, size);
		free(data);
		refuse(at("unknown.gguf"), PITH_UNSUPPORTED, name);
	}
	/* It can be inspected all the same. */
	struct pith_file_report report;
	struct pith_error err;
	bool found = false;
	must(pith_inspect(at("unknown.gguf"), &report, &err), &err);
	for (size_t i = 0; i < report.n_tensors; i++)
		found |= strcmp(report.tensors[i].key, name) == 0 && strcmp(report.tensors[i].value, "type 999 [32, 64]") == 0;
	assert_true(found);
	pith_file_report_free(&report);
}

/* A table of embeddings may have rows to spare, never too few; the spare ones are never said. */
static void test_vocabulary_and_table(void **state)
{
	(void)state;
	struct gguf *vocabulary;
	struct parameters *p;
	struct pith_error err;
	must(gguf_open(&vocabulary, at("base-vocabulary.gguf"), &err), &err);
	for (int difference = -1; difference <= 8; difference += 9) {
		struct hyperparams h = small_shape((size_t)(SMALL_VOCABULARY + difference));
		must(parameters_create(&p, &h, true, &err), &err);
		must(parameters_save(p, at("table.gguf"), TENSOR_F32, "table", vocabulary, &err), &err);
		parameters_destroy(p);
		if (difference < 0) {
			refuse(at("table.gguf"), PITH_BAD_FILE, "the vocabulary has 420 tokens, the embedding table 419 rows");
		} else {
			struct pith_model *model = small_open(at("table.gguf"));
			assert_int_equal(pith_model_info(model)->n_vocab, SMALL_VOCABULARY + difference);
			pith_model_close(model);
		}
	}
	gguf_close(vocabulary);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_weight_types),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_no_model),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_wrong_models),
		cmocka_unit_test(test_wrong_numbers),
		cmocka_unit_test(test_unknown_type),
		cmocka_unit_test(test_vocabulary_and_table),
	};
	return cmocka_run_group_tests(tests, base_setup, scratch_teardown);
}
