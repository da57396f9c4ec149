#define _XOPEN_SOURCE 700
/*
 * Adapters that come along with a model: which are found, and a sentence for
 * each that does not belong to it, lies, or is cut short.
 */
#include "model/adapter.h"

#include <stdlib.h>
#include <string.h>

#include "support/changed_model.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adapters_found),
		cmocka_unit_test(test_adapters_refused),
		cmocka_unit_test(test_wrong_adapters),
		cmocka_unit_test(test_wrong_readers),
		cmocka_unit_test(test_truncated_adapter),
	};
	return cmocka_run_group_tests(tests, base_setup, scratch_teardown);
}
