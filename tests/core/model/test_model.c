#define _XOPEN_SOURCE 700
/*
 * Opening models: what is told about them, which adapters come along, and a
 * sentence for each way in which a file can be wrong. The wrong files are made
 * from a right one, number by number. And `pith inspect`.
 */
#include "model/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/safetensors.h"
#include "model/session.h"
#include "support/small_model.h"

static char base[600]; /* a model with both adapters beside it */

static const char *at(const char *name)
{
	static char paths[4][600];
	static int turn;
	turn = (turn + 1) % 4;
	snprintf(paths[turn], sizeof paths[turn], "%s/%s", scratch_directory, name);
	return paths[turn];
}

static int setup(void **state)
{
	if (scratch_setup(state) != 0)
		return -1;
	small_files("base", 80);
	strcpy(base, at("base.gguf"));
	return 0;
}

static void refuse_with(const char *path, const struct pith_model_options *options, enum pith_status code, const char *words)
{
	struct pith_model *model;
	struct pith_error err = {0};
	enum pith_status status = pith_model_open(&model, path, options, NULL, &err);
	if (status == PITH_OK)
		pith_model_close(model);
	expect_failure(status, code, &err, words);
	assert_null(model);
}

static void refuse(const char *path, enum pith_status code, const char *words)
{
	refuse_with(path, NULL, code, words);
}

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

static void cut_everywhere(const char *source, const char *name, const struct pith_model_options *options, const char *opened)
{
	size_t size;
	char *data = scratch_read(source, &size);
	for (size_t n = 0; n < size; n += n < 64 || size - n < 8 ? 1 : n < 16000 ? 211 : 2003) {
		scratch_write(name, data, n);
		refuse_with(opened, options, PITH_BAD_FILE, at(name));
	}
	free(data);
}

static void test_truncated(void **state)
{
	(void)state;
	cut_everywhere(base, "cut.gguf", NULL, at("cut.gguf"));
}

/* --- models that are wrong ------------------------------------------------------------------------------ */

/* What to change when the base model is written anew. */
struct change {
	const struct hyperparams *h;   /* other numbers in the metadata; NULL: the same */
	const char *architecture;      /* general.architecture */
	const char *extra_key, *extra_value;
	const char *leave_out;         /* a tensor */
	const char *reshape;           /* a tensor gets one row more */
	const char *flatten;           /* a tensor becomes one of half precision */
	bool no_tokenizer;
};

static void write_tensors(struct gguf_writer *writer, const struct gguf *from, const struct change *change)
{
	static float zeros[1 << 16];
	struct pith_error err;
	for (size_t i = 0; i < gguf_n_tensors(from); i++) {
		struct tensor tensor = *gguf_tensor(from, i);
		if (change->leave_out != NULL && strcmp(tensor.name, change->leave_out) == 0)
			continue;
		if (change->reshape != NULL && strcmp(tensor.name, change->reshape) == 0) {
			tensor.ne[tensor.n_dims - 1]++;
			tensor.data = zeros;
			assert_true(tensor_n_elements(&tensor) <= 1 << 16);
		}
		if (change->flatten != NULL && strcmp(tensor.name, change->flatten) == 0)
			tensor.type = TENSOR_F16;
		must(gguf_write_tensor(writer, tensor.name, tensor.type, tensor.n_dims, tensor.ne, tensor.data, &err), &err);
	}
}

static const char *changed(const struct change *change)
{
	struct gguf *from;
	struct gguf_writer *writer;
	struct hyperparams h;
	struct pith_error err;
	must(gguf_open(&from, base, &err), &err);
	must(hyperparams_read(&h, from, &err), &err);
	must(gguf_writer_create(&writer, &err), &err);
	must(gguf_write_string(writer, "general.architecture", change->architecture == NULL ? "qwen3" : change->architecture,
			       &err),
	     &err);
	must(hyperparams_write(change->h == NULL ? &h : change->h, writer, &err), &err);
	if (change->extra_key != NULL)
		must(gguf_write_string(writer, change->extra_key, change->extra_value, &err), &err);
	if (!change->no_tokenizer)
		must(gguf_write_copied(writer, from, "tokenizer.", &err), &err);
	write_tensors(writer, from, change);
	must(gguf_writer_finish(writer, at("changed.gguf"), &err), &err);
	gguf_writer_destroy(writer);
	gguf_close(from);
	return at("changed.gguf");
}

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

/* --- adapters ------------------------------------------------------------------------------------------- */

static void test_adapters_found(void **state)
{
	(void)state;
	struct pith_model *model;
	struct pith_error err;
	for (int which = 0; which < 4; which++) {
		struct pith_model_options options = {.adapter_path = {{which & 1 ? NULL : "", which & 2 ? NULL : ""}},
						     .n_threads = 1};
		must(pith_model_open(&model, base, &options, NULL, &err), &err);
		assert_int_equal(pith_model_info(model)->has_adapter[0][0], which & 1 ? 1 : 0);
		assert_int_equal(pith_model_info(model)->has_adapter[0][1], which & 2 ? 1 : 0);
		assert_int_equal(pith_model_info(model)->max_memory_tokens[0][1], which & 2 ? SMALL_MEMORY : 0);
		pith_model_close(model);
	}
	/* By its path an adapter may lie anywhere, and a model need not be called .gguf to have some beside it. */
	size_t size;
	char *data = scratch_read(base, &size);
	scratch_write("model", data, size);
	free(data);
	struct pith_model_options options = {.adapter_path = {{at("base-regenerate.gguf"), NULL}}, .n_threads = 1};
	must(pith_model_open(&model, at("model"), &options, NULL, &err), &err);
	assert_true(pith_model_info(model)->has_adapter[0][PITH_REGENERATE] &&
	            !pith_model_info(model)->has_adapter[0][PITH_ANSWER]);
	pith_model_close(model);
	data = scratch_read(at("base-answer.gguf"), &size);
	scratch_write("model-answer.gguf", data, size);
	free(data);
	model = small_open(at("model"));
	assert_true(pith_model_info(model)->has_adapter[0][PITH_ANSWER]);
	pith_model_close(model);
}

static void test_adapters_refused(void **state)
{
	(void)state;
	struct pith_model_options options = {.adapter_path = {{at("nowhere.gguf"), ""}}, .n_threads = 1};
	refuse_with(base, &options, PITH_IO, "nowhere.gguf");
	options.adapter_path[0][0] = at("base-answer.gguf");
	refuse_with(base, &options, PITH_MISMATCH, "for answer, not for regenerate");
	options.adapter_path[0][0] = base;
	refuse_with(base, &options, PITH_BAD_FILE, "no adapter of pith");
	options.adapter_path[0][0] = scratch_write("text.txt", "no adapter", 10);
	refuse_with(base, &options, PITH_BAD_FILE, "text.txt");

	/* Made for other weights, and for another vocabulary of the same size. */
	char model[600], vocabulary[600], adapter[600];
	strcpy(model, at("stranger.gguf"));
	strcpy(vocabulary, at("stranger-vocabulary.gguf"));
	strcpy(adapter, at("stranger-adapter.gguf"));
	small_model(model, at("base-vocabulary.gguf"), 81);
	small_adapter(adapter, model, PITH_REGENERATE, 1);
	options.adapter_path[0][0] = adapter;
	refuse_with(base, &options, PITH_MISMATCH, "other weights");
	small_vocabulary(vocabulary, "gpt-2", SMALL_VOCABULARY);
	small_model(model, vocabulary, 80);
	small_adapter(adapter, model, PITH_REGENERATE, 1);
	refuse_with(base, &options, PITH_MISMATCH, "another tokenizer");

	/* One that lies beside the model and does not belong to it is told, not passed over. */
	size_t size;
	char *data = scratch_read(adapter, &size);
	scratch_write("stranger-regenerate.gguf", data, size);
	free(data);
	small_model(model, vocabulary, 82);
	refuse(model, PITH_MISMATCH, "stranger-regenerate.gguf");
	options.adapter_path[0][0] = "";
	struct pith_model *opened;
	struct pith_error err;
	must(pith_model_open(&opened, model, &options, NULL, &err), &err);
	pith_model_close(opened);
}

/* Adapters whose numbers do not fit the model, written by hand. */
static void test_wrong_adapters(void **state)
{
	(void)state;
	static const struct {
		size_t n_embd, n_memory, span, rank, claimed; /* claimed: memory tokens, if not 0, in place of the true number */
		enum pith_status code;
		const char *words;
	} cases[] = {
		{32, 16, 64, 0, 0, PITH_OK, ""},
		{32, 1, 1, 1, 0, PITH_OK, ""},
		{32, 16, 64, 32, 0, PITH_OK, ""},
		{64, 16, 64, 4, 0, PITH_MISMATCH, "memory_embd.weight"},
		{32, 16, 64, 4, 17, PITH_MISMATCH, "memory_embd.weight"},
		{32, 16, 64, 4, 510, PITH_MISMATCH, "memory_embd.weight"},
		{32, 16, 64, 4, 4000000000, PITH_BAD_FILE, "pith.memory_tokens"},
		{32, 16, 0, 4, 0, PITH_BAD_FILE, "pith.span_tokens"},
		{32, 16, 513, 4, 0, PITH_BAD_FILE, "pith.span_tokens"},
		{32, 16, 510, 4, 0, PITH_OK, ""},
		{32, 16, 511, 4, 0, PITH_MISMATCH, "do not fit the model's context"},
		{32, 511, 1, 4, 0, PITH_OK, ""},
	};
	struct pith_model *model = small_open(base);
	struct pith_error err;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct adapter *adapter;
		struct random_state random;
		struct hyperparams h = model->transformer.h;
		random_seed(&random, 90);
		h.n_embd = cases[i].n_embd;
		must(adapter_create(&adapter, &h, PITH_ANSWER, cases[i].rank, 8, cases[i].n_memory, &random, &err), &err);
		adapter->span_tokens = cases[i].span;
		strcpy(adapter->base_fingerprint, model_fingerprint(model));
		strcpy(adapter->tokenizer_fingerprint, tokenizer_fingerprint(model->tokenizer));
		must(adapter_save(adapter, &h, TENSOR_F32, at("wrong.gguf"), &err), &err);
		adapter_destroy(adapter);
		if (cases[i].claimed != 0) {
			/* Only the number: the tensor keeps its size. */
			size_t size, place = 0;
			char *data = scratch_read(at("wrong.gguf"), &size);
			while (memcmp(data + place, "pith.memory_tokens", 18) != 0)
				assert_true(++place + 18 < size);
			uint32_t claimed = (uint32_t)cases[i].claimed;
			memcpy(data + place + 18 + 4, &claimed, 4);
			scratch_write("wrong.gguf", data, size);
			free(data);
		}
		struct pith_model_options options = {.adapter_path = {{"", at("wrong.gguf")}}, .n_threads = 1};
		struct pith_model *opened;
		if (cases[i].code == PITH_OK) {
			must(pith_model_open(&opened, base, &options, NULL, &err), &err);
			assert_int_equal(pith_model_info(opened)->max_memory_tokens[0][PITH_ANSWER], cases[i].n_memory);
			pith_model_close(opened);
		} else {
			refuse_with(base, &options, cases[i].code, cases[i].words);
		}
	}
	pith_model_close(model);
}

/* A reader that is there and not spoken of, or the other way round, would have memory tokens misread. */
static void test_wrong_readers(void **state)
{
	(void)state;
	struct pith_model *model = small_open(base);
	struct hyperparams h = model->transformer.h;
	struct pith_error err;
	static const char *const names[] = {"pith.reader", "reader.encoder_embd.weight", "reader.blk.0.attn_q.weight.lora_a",
	                                    "reader.blk.1.ffn_down.weight.lora_b"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct adapter *adapter;
		struct random_state random;
		random_seed(&random, 91);
		must(adapter_create(&adapter, &h, PITH_ANSWER, 4, 8, 16, &random, &err), &err);
		must(adapter_add_reader(adapter, &h, &random, &err), &err);
		adapter->span_tokens = 64;
		strcpy(adapter->base_fingerprint, model_fingerprint(model));
		strcpy(adapter->tokenizer_fingerprint, tokenizer_fingerprint(model->tokenizer));
		must(adapter_save(adapter, &h, TENSOR_F32, at("wrong.gguf"), &err), &err);
		adapter_destroy(adapter);
		struct pith_model_options options = {.adapter_path = {{"", at("wrong.gguf")}}, .n_threads = 1};
		struct pith_model *opened;
		must(pith_model_open(&opened, base, &options, NULL, &err), &err);
		assert_non_null(opened->adapters[PITH_MEMORY_ROWS][PITH_ANSWER]->reader);
		pith_model_close(opened);
		/* Under another name it is not there. */
		size_t size, place = 0, length = strlen(names[i]);
		char *data = scratch_read(at("wrong.gguf"), &size);
		while (memcmp(data + place, names[i], length) != 0)
			assert_true(++place + length < size);
		data[place] = 'x';
		scratch_write("wrong.gguf", data, size);
		free(data);
		refuse_with(base, &options, i < 3 ? PITH_BAD_FILE : PITH_MISMATCH, i < 3 ? "do not agree" : names[i]);
	}
	pith_model_close(model);
}

static void test_truncated_adapter(void **state)
{
	(void)state;
	char path[600];
	strcpy(path, at("cut-adapter.gguf"));
	struct pith_model_options options = {.adapter_path = {{path, ""}}, .n_threads = 1};
	char source[600];
	strcpy(source, at("base-regenerate.gguf"));
	cut_everywhere(source, "cut-adapter.gguf", &options, base);
}

/* --- inspect -------------------------------------------------------------------------------------------- */

static const char *entry(const struct pith_file_entry *entries, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(entries[i].key, key) == 0)
			return entries[i].value;
	fail_msg("there is no %s", key);
	return NULL;
}

static void test_inspect(void **state)
{
	(void)state;
	struct pith_file_report report;
	struct pith_error err;
	must(pith_inspect(base, &report, &err), &err);
	assert_int_equal(report.kind, PITH_FILE_MODEL);
	assert_int_equal(report.n_tensors, 3 + 2 * 11);
	assert_string_equal(entry(report.metadata, report.n_metadata, "general.architecture"), "qwen3");
	assert_string_equal(entry(report.metadata, report.n_metadata, "qwen3.block_count"), "2");
	assert_string_equal(entry(report.tensors, report.n_tensors, "token_embd.weight"), "F32 [32, 420]");
	assert_string_equal(entry(report.tensors, report.n_tensors, "output_norm.weight"), "F32 [32]");
	pith_file_report_free(&report);
	assert_null(report.tensors);
	pith_file_report_free(&report); /* twice does no harm */

	must(pith_inspect(at("base-answer.gguf"), &report, &err), &err);
	assert_int_equal(report.kind, PITH_FILE_ADAPTER);
	assert_string_equal(entry(report.metadata, report.n_metadata, "pith.purpose"), "answer");
	assert_string_equal(entry(report.tensors, report.n_tensors, "memory_embd.weight"), "F32 [32, 16]");
	pith_file_report_free(&report);

	must(pith_inspect(changed(&(struct change){.extra_key = "general.description", .extra_value = ""}), &report, &err), &err);
	entry(report.metadata, report.n_metadata, "general.description");
	pith_file_report_free(&report);

	float numbers[6] = {0};
	struct tensor tensor = {.name = "x", .type = TENSOR_F32, .n_dims = 2, .ne = {3, 2, 1, 1}, .data = numbers, .size = 24};
	struct safetensors_entry entries[] = {{"format", "pith-soft-prompt-1"}, {"empty", ""}};
	must(safetensors_write(at("x.safetensors"), entries, 2, &tensor, 1, &err), &err);
	must(pith_inspect(at("x.safetensors"), &report, &err), &err);
	assert_int_equal(report.kind, PITH_FILE_SOFT_PROMPT);
	assert_int_equal(report.n_metadata, 2);
	assert_string_equal(entry(report.metadata, report.n_metadata, "empty"), "");
	assert_string_equal(entry(report.tensors, report.n_tensors, "x"), "F32 [3, 2]");
	pith_file_report_free(&report);
	must(safetensors_write(at("x.safetensors"), entries + 1, 1, &tensor, 1, &err), &err);
	must(pith_inspect(at("x.safetensors"), &report, &err), &err);
	assert_int_equal(report.kind, PITH_FILE_UNKNOWN);
	pith_file_report_free(&report);
}

static void test_inspect_refused(void **state)
{
	(void)state;
	struct pith_file_report report;
	struct pith_error err;
	scratch_write("some.txt", "Dear all,\n", 10);
	expect_failure(pith_inspect(at("some.txt"), &report, &err), PITH_BAD_FILE, &err, "neither");
	scratch_write("some.txt", "", 0);
	expect_failure(pith_inspect(at("some.txt"), &report, &err), PITH_BAD_FILE, &err, "neither");
	scratch_write("some.txt", "GGUF", 4);
	expect_failure(pith_inspect(at("some.txt"), &report, &err), PITH_BAD_FILE, &err, "some.txt");
	expect_failure(pith_inspect(at("nowhere"), &report, &err), PITH_IO, &err, "nowhere");
	assert_null(report.metadata);
	size_t size;
	char *data = scratch_read(base, &size);
	for (size_t n = 4; n < size; n += n < 200 ? 7 : 4999) {
		scratch_write("some.gguf", data, n);
		assert_int_equal(pith_inspect(at("some.gguf"), &report, &err), PITH_BAD_FILE);
		assert_null(report.metadata);
		assert_null(report.tensors);
	}
	free(data);
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
		cmocka_unit_test(test_adapters_found),
		cmocka_unit_test(test_adapters_refused),
		cmocka_unit_test(test_wrong_adapters),
		cmocka_unit_test(test_wrong_readers),
		cmocka_unit_test(test_truncated_adapter),
		cmocka_unit_test(test_inspect),
		cmocka_unit_test(test_inspect_refused),
	};
	return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
