#define _XOPEN_SOURCE 700
/*
 * ICAE: embeddings are the encoder's last hidden states of the memory tokens,
 * rows are what the model reads from them, without its adapter or with the
 * reader that this brings; files hold the embeddings; what belongs to one soft method is refused to the other.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "formats/safetensors.h"
#include "pith/expand.h"
#include "pith/refine.h"
#include "support/small_model.h"

enum { N_EMBD = 32, N_LAYERS = 2, KV_DIM = 16, K = 10, N = 100, SPANS = 2 };

static struct pith_model *model, *without; /* with ICAE's adapters, with 500xCompressor's */
static struct pith_document *document;     /* N tokens */

static char *in_scratch(char path[600], const char *name)
{
	snprintf(path, 600, "%s/%s", scratch_directory, name);
	return path;
}

static struct pith_document *document_of(struct pith_model *by)
{
	struct buffer text = {0};
	struct random_state random;
	struct pith_token *tokens;
	size_t n;
	random_seed(&random, 4);
	small_text(&text, &random, 3 * N);
	must(pith_tokenize(by, text.data, text.length, &tokens, &n, NULL), NULL);
	assert_true(n > N);
	struct pith_document *made = small_document(by, text.data, tokens[N - 1].end);
	free(tokens);
	buffer_free(&text);
	return made;
}

/* The adapter in the file has its memory tokens in slots, and a reader of its own, from now on. */
static void put_in_slots(const char *path, const char *base)
{
	struct random_state random;
	struct pith_model_options options = {.adapter_path = {{"", ""}, {"", ""}}, .n_threads = 1};
	struct pith_model *opened;
	struct adapter *adapter;
	struct pith_error err;
	must(pith_model_open(&opened, base, &options, NULL, &err), &err);
	must(adapter_load(&adapter, &opened->transformer.h, path, &err), &err);
	assert_false(adapter->slots);
	adapter->slots = true;
	random_seed(&random, 8);
	must(adapter_add_reader(adapter, &opened->transformer.h, &random, &err), &err);
	for (size_t i = 0; i < adapter->reader->n_values; i++)
		adapter->reader->values[i] += (float)(0.1 * random_normal(&random));
	must(adapter_save(adapter, &opened->transformer.h, TENSOR_F32, path, &err), &err);
	adapter_destroy(adapter);
	pith_model_close(opened);
}

static int setup(void **state)
{
	char base[600], vocabulary[600], adapter[600], other[600];
	if (scratch_setup(state) != 0)
		return -1;
	small_vocabulary(in_scratch(vocabulary, "vocabulary.gguf"), "qwen2", SMALL_VOCABULARY);
	small_model(in_scratch(base, "base.gguf"), vocabulary, 5);
	small_adapter_of(in_scratch(adapter, "base-embeddings-regenerate.gguf"), base, PITH_MEMORY_EMBEDDINGS, PITH_REGENERATE,
	                 0.1, 6);
	small_adapter_of(in_scratch(adapter, "base-embeddings-answer.gguf"), base, PITH_MEMORY_EMBEDDINGS, PITH_ANSWER, 0.1, 7);
	put_in_slots(adapter, base);
	small_model(in_scratch(other, "other.gguf"), vocabulary, 5);
	small_adapter(in_scratch(adapter, "other-regenerate.gguf"), other, PITH_REGENERATE, 6);
	model = small_open(base);
	without = small_open(other);
	document = document_of(model);
	return 0;
}

static int teardown(void **state)
{
	pith_document_destroy(document);
	pith_model_close(model);
	pith_model_close(without);
	return scratch_teardown(state);
}

static enum pith_status try_compress(struct pith_compressed **out, struct pith_document *of, const char *method,
                                     struct pith_error *err)
{
	struct pith_compress_options options;
	pith_compress_options_init(&options);
	options.method = pith_method_find(method);
	options.n_tokens = K;
	return pith_compress(out, of, &options, NULL, err);
}

static struct pith_compressed *compress(void)
{
	struct pith_compressed *compressed;
	struct pith_error err;
	must(try_compress(&compressed, document, "icae", &err), &err);
	return compressed;
}

/* In the middle of its stretch, or in its slot. */
static int32_t place(const struct adapter *adapter, size_t j, size_t k, size_t n)
{
	return 1 + (adapter->slots ? (int32_t)j : (int32_t)floor(((double)j + 0.5) * (double)n / (double)k));
}

/* The encoder by hand: hidden states (k, N_EMBD) behind BOS and n tokens. */
static void encode(float *hidden, const struct adapter *adapter, const struct pith_token *tokens, size_t n, size_t k)
{
	int32_t ids[N + 1 + K], positions[N + 1 + K];
	struct session *session;
	struct pith_error err;
	for (size_t i = 0; i <= n; i++) {
		ids[i] = i == 0 ? tokenizer_bos(model->tokenizer) : tokens[i - 1].id;
		positions[i] = (int32_t)i;
	}
	for (size_t j = 0; j < k; j++) {
		ids[n + 1 + j] = -1 - (int32_t)j;
		positions[n + 1 + j] = place(adapter, j, k, n);
	}
	must(session_create(&session, &model->transformer, NULL, n + 1 + k, &err), &err);
	session_set_precision(session, PRECISION_BF16);
	struct session_input input = {.ids = ids, .positions = positions, .n = n + 1 + k, .adapter = adapter};
	must(session_read(session, &input, NULL, &err), &err);
	memcpy(hidden, session_hidden(session) + (n + 1) * N_EMBD, k * N_EMBD * sizeof *hidden);
	session_destroy(session);
}

static void test_embeddings_and_rows(void **state)
{
	(void)state;
	struct pith_compressed *compressed = compress();
	struct pith_error err;
	const size_t k = K / SPANS, n = N / SPANS;
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		const struct rows *rows = &compressed->rows[p];
		float hidden[K * N_EMBD];
		int32_t ids[K], positions[K];
		assert_int_equal(rows->n_spans, SPANS);
		assert_int_equal(rows->n_rows, K);
		for (size_t s = 0; s < SPANS; s++)
			encode(hidden + s * k * N_EMBD, model->adapters[PITH_MEMORY_EMBEDDINGS][p], document->tokens + s * n, n,
			       k);
		assert_memory_equal(rows->embeddings, hidden, sizeof hidden);
		for (size_t i = 0; i < K; i++) {
			ids[i] = -1 - (int32_t)i;
			positions[i] = place(model->adapters[PITH_MEMORY_EMBEDDINGS][p], i % k, k, n);
		}
		/* For regeneration each span's embeddings are read alone, for answers those of all. */
		struct session *session;
		size_t together = p == PITH_REGENERATE ? k : K;
		must(session_create(&session, &model->transformer, NULL, K, &err), &err);
		const struct adapter *reader = model->adapters[PITH_MEMORY_EMBEDDINGS][p]->reader;
		assert_int_equal(reader != NULL, p == PITH_ANSWER);
		struct session_input input = {.ids = ids,
		                              .positions = positions,
		                              .n = together,
		                              .adapter = reader,
		                              .given = hidden,
		                              .n_given = together,
		                              .encode = true};
		for (size_t first = 0; first < K;
		     first += together, input.positions += together, input.given += together * N_EMBD) {
			session_rewind(session, 0);
			must(session_read(session, &input, NULL, &err), &err);
			for (size_t i = 0; i < together; i++)
				for (size_t l = 0; l < N_LAYERS; l++) {
					const float *row = rows->data + (first + i) * rows->row_floats + 2 * l * KV_DIM;
					assert_memory_equal(row, session_keys(session, l, i), KV_DIM * sizeof *row);
					assert_memory_equal(row + KV_DIM, session_values(session, l, i), KV_DIM * sizeof *row);
				}
		}
		input = (struct session_input){.ids = ids, .positions = positions, .n = K, .given = hidden, .encode = true};
		/* One more than there are embeddings is no token. */
		session_rewind(session, 0);
		input.n_given = K - 1;
		expect_failure(session_read(session, &input, NULL, &err), PITH_BAD_ARGUMENT, &err, "does not exist");
		session_destroy(session);
	}
	assert_int_equal(pith_compressed_info(compressed)->compressed_bytes, 2 * K * N_EMBD * sizeof(float));
	assert_int_equal(pith_compressed_info(compressed)->compressed_tokens, K);
	pith_compressed_destroy(compressed);
}

static void test_round_trip(void **state)
{
	(void)state;
	char path[600];
	struct pith_error err;
	struct pith_compressed *compressed = compress(), *loaded;
	struct pith_generated first, second;
	in_scratch(path, "icae.safetensors");
	must(pith_compressed_save(compressed, path, &err), &err);
	must(pith_compressed_load(&loaded, model, path, &err), &err);
	assert_string_equal(pith_compressed_info(loaded)->method->name, "icae");
	assert_int_equal(pith_compressed_info(loaded)->compressed_bytes, pith_compressed_info(compressed)->compressed_bytes);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		const struct rows *a = &compressed->rows[p], *b = &loaded->rows[p];
		assert_memory_equal(a->embeddings, b->embeddings, K * N_EMBD * sizeof(float));
		assert_memory_equal(a->data, b->data, K * a->row_floats * sizeof(float));
	}
	must(pith_regenerate(&first, model, compressed, 20, NULL, &err), &err);
	must(pith_regenerate(&second, model, loaded, 20, NULL, &err), &err);
	assert_string_equal(first.text, second.text);
	assert_true(first.length > 0);
	pith_generated_free(&first);
	pith_generated_free(&second);
	must(pith_answer_compressed(&first, model, compressed, "What?", 5, NULL, &err), &err);
	must(pith_answer_compressed(&second, model, loaded, "What?", 5, NULL, &err), &err);
	assert_string_equal(first.text, second.text);
	pith_generated_free(&first);
	pith_generated_free(&second);
	pith_compressed_destroy(loaded);
	pith_compressed_destroy(compressed);

	/* As PEFT's prompt tuning: (tokens, width). */
	struct safetensors *file;
	must(safetensors_open(&file, path, &err), &err);
	const struct tensor *tensor = safetensors_find(file, "prompt_embeddings");
	assert_int_equal(tensor->ne[0], N_EMBD);
	assert_int_equal(tensor->ne[1], K);
	safetensors_close(file);
}

/* To a model without such an adapter, or under the name of the other method, the file is refused. */
static void test_foreign(void **state)
{
	(void)state;
	char path[600];
	struct pith_error err;
	struct pith_compressed *compressed = compress(), *loaded;
	in_scratch(path, "foreign.safetensors");
	must(pith_compressed_save(compressed, path, &err), &err);
	expect_failure(pith_compressed_load(&loaded, without, path, &err), PITH_MISMATCH, &err, "adapter for regenerate");
	compressed->info.method = pith_method_find("500x");
	must(pith_compressed_save(compressed, path, &err), &err);
	expect_failure(pith_compressed_load(&loaded, model, path, &err), PITH_MISMATCH, &err, "[10, 32], expected [10, 64]");
	expect_failure(pith_compressed_load(&loaded, without, path, &err), PITH_MISMATCH, &err, "[10, 32], expected [10, 64]");
	assert_null(loaded);
	pith_compressed_destroy(compressed);
}

static void test_lacking_adapter(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_compressed *compressed;
	struct pith_document *same = document_of(without);
	expect_failure(try_compress(&compressed, document, "500x", &err), PITH_UNSUPPORTED, &err, "memory: rows");
	expect_failure(try_compress(&compressed, same, "icae", &err), PITH_UNSUPPORTED, &err, "memory: embeddings");
	pith_document_destroy(same);
}

static void test_refining_is_refused(void **state)
{
	(void)state;
	struct pith_error err;
	struct pith_compressed *compressed = compress();
	struct pith_refine_options options;
	struct pith_refine_result result;
	pith_refine_options_init(&options);
	expect_failure(pith_refine(compressed, document, &options, &result, NULL, &err), PITH_UNSUPPORTED, &err,
	               "ICAE hands over");
	pith_compressed_destroy(compressed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_embeddings_and_rows), cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_foreign),             cmocka_unit_test(test_lacking_adapter),
		cmocka_unit_test(test_refining_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
