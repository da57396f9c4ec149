#define _XOPEN_SOURCE 700
/*
 * Soft prompts on disk: what is saved is what comes back; the numbers stand
 * where a PEFT CARTRIDGE adapter has them; whatever does not belong to the
 * model, or lies, is refused with a sentence that says why.
 */
#include <stdlib.h>
#include <string.h>

#include "compress/document.h"
#include "formats/safetensors.h"
#include "pith/expand.h"
#include "support/small_model.h"

enum { K = 20, N_LAYERS = 2, KV_DIM = 16, ROW_FLOATS = 2 * N_LAYERS * KV_DIM };

static struct pith_model *model;
static struct pith_document *document;
static struct pith_compressed *compressed; /* K memory tokens in two spans, both purposes */
static char saved[600];                    /* its file */

static const char *in_scratch(char path[600], const char *name)
{
	snprintf(path, 600, "%s/%s", scratch_directory, name);
	return path;
}

static int setup(void **state)
{
	char path[600];
	struct buffer text = {0};
	struct random_state random;
	struct pith_compress_options options;
	struct pith_error err;
	if (scratch_setup(state) != 0)
		return -1;
	small_files("base", 40);
	model = small_open(in_scratch(path, "base.gguf"));
	random_seed(&random, 41);
	small_text(&text, &random, 36);
	document = small_document(model, text.data, text.length);
	buffer_free(&text);
	pith_compress_options_init(&options);
	options.method = pith_method_find("500x");
	options.n_tokens = K;
	must(pith_compress(&compressed, document, &options, NULL, &err), &err);
	must(pith_compressed_save(compressed, in_scratch(saved, "saved.safetensors"), &err), &err);
	return 0;
}

static int teardown(void **state)
{
	pith_compressed_destroy(compressed);
	pith_document_destroy(document);
	pith_model_close(model);
	return scratch_teardown(state);
}

static void refuse(struct pith_model *by, const char *path, enum pith_status code, const char *words)
{
	struct pith_compressed *loaded;
	struct pith_error err = {0};
	enum pith_status status = pith_compressed_load(&loaded, by, path, &err);
	assert_null(loaded);
	expect_failure(status, code, &err, words);
	assert_non_null(strstr(err.message, path));
}

static void test_round_trip(void **state)
{
	(void)state;
	char path[600];
	struct pith_compressed *loaded;
	struct pith_error err;
	assert_true(pith_is_soft_prompt(saved));
	must(pith_compressed_load(&loaded, model, saved, &err), &err);
	const struct pith_compressed_info *a = pith_compressed_info(compressed), *b = pith_compressed_info(loaded);
	assert_ptr_equal(a->method, b->method);
	assert_int_equal(a->original_tokens, b->original_tokens);
	assert_int_equal(a->original_bytes, b->original_bytes);
	assert_int_equal(a->compressed_tokens, b->compressed_tokens);
	assert_int_equal(a->compressed_bytes, b->compressed_bytes);
	assert_int_equal(a->budget_tokens, b->budget_tokens);
	assert_int_equal(a->n_spans, b->n_spans);
	assert_int_equal(a->n_spans, 2);
	assert_float_equal(a->cr, b->cr, 0);
	assert_float_equal(b->delta_cr, 0, 0);
	assert_string_equal(b->note, "");
	assert_string_equal(compressed->source_hash, loaded->source_hash);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		const struct rows *x = &compressed->rows[p], *y = &loaded->rows[p];
		assert_true(b->has_purpose[p]);
		assert_int_equal(x->row_floats, y->row_floats);
		assert_int_equal(x->n_rows, y->n_rows);
		assert_memory_equal(x->data, y->data, x->n_rows * x->row_floats * sizeof(float));
		assert_int_equal(x->n_spans, y->n_spans);
		assert_memory_equal(x->spans, y->spans, x->n_spans * sizeof *x->spans);
	}

	struct pith_generated first, second;
	must(pith_regenerate(&first, model, compressed, 0, NULL, &err), &err);
	must(pith_regenerate(&second, model, loaded, 0, NULL, &err), &err);
	assert_string_equal(first.text, second.text);
	assert_int_equal(first.stop, second.stop);
	pith_generated_free(&first);
	pith_generated_free(&second);
	must(pith_answer_compressed(&first, model, compressed, "What?", 0, NULL, &err), &err);
	must(pith_answer_compressed(&second, model, loaded, "What?", 0, NULL, &err), &err);
	assert_string_equal(first.text, second.text);
	pith_generated_free(&first);
	pith_generated_free(&second);

	/* Saved again it is the same file. */
	size_t n, m;
	must(pith_compressed_save(loaded, in_scratch(path, "again.safetensors"), &err), &err);
	char *x = scratch_read(saved, &n), *y = scratch_read(path, &m);
	assert_int_equal(n, m);
	assert_memory_equal(x, y, n);
	free(x);
	free(y);
	pith_compressed_destroy(loaded);
}

/* (tokens, layers * 2 * heads * head dimension), a token's row: layer 0 K, layer 0 V, layer 1 K, ...: as in the session's cache. */
static void test_layout(void **state)
{
	(void)state;
	static const char *const names[PITH_N_MEMORY_PURPOSES] = {"prompt_embeddings", "answer.prompt_embeddings"};
	struct safetensors *file;
	struct pith_error err;
	must(safetensors_open(&file, saved, &err), &err);
	assert_int_equal(safetensors_n_tensors(file), 2);
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		const struct tensor *tensor = safetensors_find(file, names[p]);
		assert_non_null(tensor);
		assert_int_equal(tensor->type, TENSOR_F32);
		assert_int_equal(tensor->n_dims, 2);
		assert_int_equal(tensor->ne[0], ROW_FLOATS); /* the fastest, the last of the file's shape */
		assert_int_equal(tensor->ne[1], K);
		const float *numbers = tensor->data;
		size_t half = document->n_tokens / 2; /* of the first span; the second has the rest */
		for (size_t s = 0; s < 2; s++) {
			size_t begin = s * half, n = s == 0 ? half : document->n_tokens - half, total = 1 + n + K / 2;
			int32_t ids[128], positions[128];
			struct session *session;
			assert_true(total <= 128);
			for (size_t i = 0; i < 1 + n; i++) {
				ids[i] = i == 0 ? tokenizer_bos(model->tokenizer) : document->tokens[begin + i - 1].id;
				positions[i] = (int32_t)i;
			}
			for (size_t j = 0; j < K / 2; j++) {
				ids[1 + n + j] = -1 - (int32_t)j;
				positions[1 + n + j] = (int32_t)(1 + (2 * j + 1) * n / K); /* in the middle of its stretch */
			}
			must(session_create(&session, &model->transformer, NULL, total, &err), &err);
			session_set_precision(session, PRECISION_BF16);
			struct session_input input = {.ids = ids,
			                              .positions = positions,
			                              .n = total,
			                              .adapter = model->adapters[PITH_MEMORY_ROWS][p],
			                              .encode = true};
			must(session_read(session, &input, NULL, &err), &err);
			for (size_t i = 0; i < K / 2; i++) {
				for (size_t l = 0; l < N_LAYERS; l++) {
					const float *k = numbers + (s * K / 2 + i) * ROW_FLOATS + (2 * l) * KV_DIM;
					const float *v = numbers + (s * K / 2 + i) * ROW_FLOATS + (2 * l + 1) * KV_DIM;
					assert_memory_equal(k, session_keys(session, l, 1 + n + i), KV_DIM * sizeof(float));
					assert_memory_equal(v, session_values(session, l, 1 + n + i), KV_DIM * sizeof(float));
				}
			}
			session_destroy(session);
		}
	}
	safetensors_close(file);
}

/* Another vocabulary, other weights, another adapter, none: each named. */
static void test_other_models(void **state)
{
	(void)state;
	char path[600], vocabulary[600], other[600];
	struct pith_model_options options = {.n_threads = 1};
	struct pith_model *by;
	struct pith_error err;

	small_vocabulary(in_scratch(vocabulary, "other-vocabulary.gguf"), "qwen2", SMALL_VOCABULARY - 20);
	small_model(in_scratch(path, "other-tokenizer.gguf"), vocabulary, 40);
	by = small_open(path);
	refuse(by, saved, PITH_MISMATCH, "another tokenizer");
	pith_model_close(by);

	small_model(in_scratch(path, "other-weights.gguf"), in_scratch(vocabulary, "base-vocabulary.gguf"), 44);
	small_adapter(in_scratch(other, "other-weights-regenerate.gguf"), path, PITH_REGENERATE, 41);
	small_adapter(in_scratch(other, "other-weights-answer.gguf"), path, PITH_ANSWER, 42);
	by = small_open(path);
	refuse(by, saved, PITH_MISMATCH, "another model");
	pith_model_close(by);

	in_scratch(path, "base.gguf");
	for (int p = 0; p < PITH_N_MEMORY_PURPOSES; p++) {
		const char *purpose = p == PITH_REGENERATE ? "regenerate" : "answer";
		char words[64];
		options.adapter_path[0][0] = options.adapter_path[0][1] = NULL;
		options.adapter_path[0][p] = "";
		must(pith_model_open(&by, path, &options, NULL, &err), &err);
		snprintf(words, sizeof words, "with an adapter for %s, which", purpose);
		refuse(by, saved, PITH_MISMATCH, words);
		pith_model_close(by);
		small_adapter(in_scratch(other, "other-adapter.gguf"), path, (enum pith_purpose)p, 45);
		options.adapter_path[0][p] = other;
		must(pith_model_open(&by, path, &options, NULL, &err), &err);
		snprintf(words, sizeof words, "another adapter for %s", purpose);
		refuse(by, saved, PITH_MISMATCH, words);
		pith_model_close(by);
	}

	/* The result itself, not only its file, keeps to its model. */
	struct pith_generated out;
	by = small_open(in_scratch(path, "other-weights.gguf"));
	expect_failure(pith_regenerate(&out, by, compressed, 0, NULL, &err), PITH_MISMATCH, &err, "another model");
	expect_failure(pith_answer_compressed(&out, by, compressed, "?", 0, NULL, &err), PITH_MISMATCH, &err, "another model");
	pith_model_close(by);
}

static void test_truncated(void **state)
{
	(void)state;
	char path[600];
	size_t size;
	char *data = scratch_read(saved, &size);
	in_scratch(path, "cut.safetensors");
	for (size_t n = 0; n < size; n += n < 64 || size - n < 64 ? 1 : 61) {
		struct pith_compressed *loaded;
		struct pith_error err = {0};
		scratch_write("cut.safetensors", data, n);
		assert_int_equal(pith_compressed_load(&loaded, model, path, &err), PITH_BAD_FILE);
		assert_null(loaded);
		assert_int_equal(err.code, PITH_BAD_FILE);
		assert_non_null(strstr(err.message, path));
	}
	/* Too long is no better. */
	char *longer = calloc(size + 4, 1);
	assert_non_null(longer);
	memcpy(longer, data, size);
	scratch_write("cut.safetensors", longer, size + 4);
	refuse(model, path, PITH_BAD_FILE, "");
	free(longer);
	free(data);
}

/* Numbers that are none would regenerate blanks. */
static void test_damaged_numbers(void **state)
{
	(void)state;
	char path[600];
	size_t size;
	char *data = scratch_read(saved, &size);
	memset(data + size - 4, 0xff, 4);
	scratch_write("numbers.safetensors", data, size);
	refuse(model, in_scratch(path, "numbers.safetensors"), PITH_BAD_FILE, "numbers that are none");
	free(data);
}

/* One damaged byte anywhere in the header: refused, or harmless; what is loaded can be read. */
static void test_damaged_header(void **state)
{
	(void)state;
	static const unsigned char masks[] = {0x01, 0x02, 0x10, 0x80};
	char path[600];
	size_t size, n_loaded = 0, n_refused = 0;
	char *data = scratch_read(saved, &size);
	in_scratch(path, "damaged.safetensors");
	size_t header = 8 + ((unsigned char)data[0] | (size_t)(unsigned char)data[1] << 8);
	assert_true(header < size && header > 300);
	for (size_t i = 0; i < header; i++) {
		char byte = data[i];
		data[i] = (char)(byte ^ (char)masks[i % 4]);
		scratch_write("damaged.safetensors", data, size);
		data[i] = byte;
		struct pith_compressed *loaded;
		struct pith_error err = {0};
		enum pith_status status = pith_compressed_load(&loaded, model, path, &err);
		if (status == PITH_OK) {
			struct pith_generated out;
			must(pith_regenerate(&out, model, loaded, 3, NULL, &err), &err);
			pith_generated_free(&out);
			n_loaded++;
		} else {
			assert_int_equal(err.code, status);
			assert_true(strlen(err.message) > 10);
			n_refused++;
		}
		pith_compressed_destroy(loaded);
	}
	/* The hash of the source and the remark on the keys take up a hundred bytes that nothing depends on. */
	assert_true(n_refused > 5 * n_loaded);
	free(data);
}

static void test_foreign_files(void **state)
{
	(void)state;
	char path[600];
	struct pith_error err;
	float numbers[4] = {0};
	struct tensor tensor = {
		.name = "prompt_embeddings", .type = TENSOR_F32, .n_dims = 2, .ne = {2, 2, 1, 1}, .data = numbers, .size = 16};
	in_scratch(path, "foreign.safetensors");
	must(safetensors_write(path, NULL, 0, &tensor, 1, &err), &err);
	refuse(model, path, PITH_BAD_FILE, "no soft prompt of pith");
	struct safetensors_entry entry = {"format", "pt"};
	must(safetensors_write(path, &entry, 1, &tensor, 1, &err), &err);
	refuse(model, path, PITH_BAD_FILE, "no soft prompt of pith");

	in_scratch(path, "text.txt");
	scratch_write("text.txt", "Dear all,\n\nthe meeting is on Monday.\n", 38);
	refuse(model, path, PITH_BAD_FILE, "not a safetensors file");
	assert_false(pith_is_soft_prompt(path));
	scratch_write("text.txt", "", 0);
	refuse(model, path, PITH_BAD_FILE, "not a safetensors file");
	assert_false(pith_is_soft_prompt(path));
	refuse(model, in_scratch(path, "nowhere.safetensors"), PITH_IO, "No such file");
	assert_false(pith_is_soft_prompt(path));
	refuse(model, scratch_directory, PITH_IO, "not a regular file");

	/* A model is no soft prompt; a soft prompt is neither model nor adapter. */
	in_scratch(path, "base.gguf");
	refuse(model, path, PITH_BAD_FILE, "not a safetensors file");
	assert_false(pith_is_soft_prompt(path));
	struct pith_model *opened;
	expect_failure(pith_model_open(&opened, saved, NULL, NULL, &err), PITH_BAD_FILE, &err, saved);
	assert_null(opened);
	struct pith_model_options options = {.adapter_path = {{saved, ""}}, .n_threads = 1};
	expect_failure(pith_model_open(&opened, path, &options, NULL, &err), PITH_BAD_FILE, &err, saved);
	assert_null(opened);
}

static void test_saving(void **state)
{
	(void)state;
	char path[600];
	struct pith_error err;
	struct pith_compress_options options;
	struct pith_compressed *words;
	pith_compress_options_init(&options);
	must(pith_compress(&words, document, &options, NULL, &err), &err);
	expect_failure(pith_compressed_save(words, in_scratch(path, "words.safetensors"), &err), PITH_BAD_ARGUMENT, &err,
		       "selfinfo");
	pith_compressed_destroy(words);
	struct pith_compressed *less, *lesser;
	must(pith_compressed_without(&less, compressed, pith_compressed_info(compressed)->compressed_tokens - 1, &err), &err);
	expect_failure(pith_compressed_save(less, in_scratch(path, "less.safetensors"), &err), PITH_BAD_ARGUMENT, &err,
	               "measuring");
	expect_failure(pith_compressed_without(&lesser, less, 0, &err), PITH_BAD_ARGUMENT, &err, "Only one");
	pith_compressed_destroy(less);
	int n = scratch_count();
	expect_failure(pith_compressed_save(compressed, in_scratch(path, "no/where.safetensors"), &err), PITH_IO, &err, path);
	expect_failure(pith_compressed_save(compressed, scratch_directory, &err), PITH_IO, &err, scratch_directory);
	assert_int_equal(scratch_count(), n); /* nothing half written is left */
}

/* --- forged files --------------------------------------------------------------------------------------- */

/* The saved file with one value of its metadata replaced; value NULL: taken away. tensors: what follows. */
static const char *forge(const char *key, const char *value, const struct tensor *tensors, size_t n_tensors)
{
	static char path[600];
	struct safetensors *file;
	struct safetensors_entry entries[32];
	struct tensor all[4];
	struct pith_error err;
	size_t n = 0, n_all;
	must(safetensors_open(&file, saved, &err), &err);
	for (n_all = 0; safetensors_metadata_at(file, n_all, &entries[n].key, &entries[n].value); n_all++) {
		assert_true(n_all < 31);
		if (strcmp(entries[n].key, key) != 0)
			n++;
	}
	assert_int_equal(n + 1, n_all + (key[0] == '\0'));
	if (value != NULL)
		entries[n++] = (struct safetensors_entry){key, value};
	if (tensors == NULL) {
		n_tensors = safetensors_n_tensors(file);
		assert_true(n_tensors <= 4);
		for (size_t i = 0; i < n_tensors; i++)
			all[i] = *safetensors_tensor(file, i);
	}
	must(safetensors_write(in_scratch(path, "forged.safetensors"), entries, n, tensors == NULL ? all : tensors, n_tensors,
			       &err),
	     &err);
	safetensors_close(file);
	return path;
}

static void test_forged_metadata(void **state)
{
	(void)state;
	static const struct {
		const char *key, *value;
		enum pith_status code;
		const char *words;
	} cases[] = {
		{"format", "pith-soft-prompt-2", PITH_BAD_FILE, "pith-soft-prompt-1"},
		{"format", NULL, PITH_BAD_FILE, "pith-soft-prompt-1"},
		{"method", "gist", PITH_UNSUPPORTED, "gist"},
		{"method", "selfinfo", PITH_UNSUPPORTED, "selfinfo"},
		{"method", NULL, PITH_BAD_FILE, "method"},
		{"base_fingerprint", NULL, PITH_BAD_FILE, "base_fingerprint"},
		{"base_fingerprint", "0123456789abcdef0123456789abcdef", PITH_MISMATCH, "another model"},
		{"base_fingerprint", "0123456789abcdef0123456789abcdef0", PITH_BAD_FILE, "base_fingerprint"},
		{"base_fingerprint", "", PITH_MISMATCH, "another model"},
		{"tokenizer_fingerprint", "x", PITH_MISMATCH, "another tokenizer"},
		{"tokenizer_fingerprint", NULL, PITH_BAD_FILE, "tokenizer_fingerprint"},
		{"source_hash", NULL, PITH_BAD_FILE, "source_hash"},
		{"memory_tokens", NULL, PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "0", PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "-1", PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "twenty", PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "20 ", PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "", PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "99999999999999999999999", PITH_BAD_FILE, "memory_tokens"},
		{"memory_tokens", "21", PITH_MISMATCH, "expected [21, 64]"},
		{"original_tokens", "4294967295", PITH_BAD_FILE, "do not add up"},
		{"original_tokens", "0", PITH_BAD_FILE, "original_tokens"},
		{"original_bytes", NULL, PITH_BAD_FILE, "original_bytes"},
		{"regenerate.spans", NULL, PITH_BAD_FILE, "regenerate.spans"},
		{"answer.spans", NULL, PITH_BAD_FILE, "answer.spans"},
		{"answer.spans", "", PITH_BAD_FILE, "do not add up"},
		{"regenerate.read_position", NULL, PITH_BAD_FILE, "regenerate.read_position"},
		{"regenerate.read_position", "16", PITH_BAD_FILE, "position 16"},
		{"answer.read_position", "4000000000", PITH_BAD_FILE, "position 4000000000"},
		{"regenerate.adapter_fingerprint", NULL, PITH_BAD_FILE, "regenerate.adapter_fingerprint"},
		{"answer.adapter_fingerprint", "0", PITH_MISMATCH, "another adapter for answer"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		refuse(model, forge(cases[i].key, cases[i].value, NULL, 0), cases[i].code, cases[i].words);
	struct pith_compressed *loaded;
	struct pith_error err;
	must(pith_compressed_load(&loaded, model, forge("", "", NULL, 0), &err), &err); /* the forging itself does no harm */
	pith_compressed_destroy(loaded);
}

static void test_forged_spans(void **state)
{
	(void)state;
	struct buffer text = {0};
	struct pith_compressed *loaded;
	struct pith_error err;
	size_t n = document->n_tokens;
	/* In each, %1 is all tokens and %2 all but one. */
	static const char *const wrong[] = {
		"20:N,",     ",20:N",      "20:N,0:0",  "0:1,20:M",   "10:N",      "10:M,10:M",        "20:N,x",
		"20",        "20:",        ":N",        "-20:N",      "10:1;10:M", "10:1,10:M,",       "10:1,,10:M",
		"10 :1,10:M", "0x14:N",     "10:1,18446744073709551626:M", "10:18446744073709551617,10:M", "10:N,10:N",
		"5:1,5:1,5:1,5:M",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		buffer_clear(&text);
		for (const char *c = wrong[i]; *c != '\0'; c++) {
			if (*c == 'N' || *c == 'M')
				assert_true(buffer_printf(&text, "%zu", *c == 'N' ? n : n - 1));
			else
				assert_true(buffer_append(&text, c, 1));
		}
		refuse(model, forge("regenerate.spans", text.data, NULL, 0), PITH_BAD_FILE, "do not add up");
	}
	/* They add up, but no span can have more memory tokens than the adapter. */
	buffer_clear(&text);
	assert_true(buffer_printf(&text, "20:%zu", n));
	refuse(model, forge("regenerate.spans", text.data, NULL, 0), PITH_BAD_FILE, "a span has 20 memory tokens");
	/* More spans than memory tokens, cheaply refused. */
	buffer_clear(&text);
	for (int i = 0; i < 3000; i++)
		assert_true(buffer_append_string(&text, i == 0 ? "1:1" : ",1:1"));
	refuse(model, forge("regenerate.spans", text.data, NULL, 0), PITH_BAD_FILE, "more spans");
	/* Others than those that were saved: a question would stand elsewhere. */
	buffer_clear(&text);
	assert_true(buffer_printf(&text, "4:%zu,16:1", n - 1));
	refuse(model, forge("answer.spans", text.data, NULL, 0), PITH_BAD_FILE, "with these spans");
	/* Consistent for regeneration, which begins at 0 always: read as they are. */
	buffer_clear(&text);
	assert_true(buffer_printf(&text, "4:%zu,16:1", n - 1));
	must(pith_compressed_load(&loaded, model, forge("regenerate.spans", text.data, NULL, 0), &err), &err);
	struct pith_generated out;
	must(pith_regenerate(&out, model, loaded, 0, NULL, &err), &err);
	pith_generated_free(&out);
	pith_compressed_destroy(loaded);
	buffer_free(&text);
}

static void test_forged_tensors(void **state)
{
	(void)state;
	const struct rows *rows = &compressed->rows[PITH_REGENERATE];
	size_t size = K * ROW_FLOATS * sizeof(float);
	struct tensor good = {.name = "prompt_embeddings", .type = TENSOR_F32, .n_dims = 2, .ne = {ROW_FLOATS, K, 1, 1},
	                      .data = rows->data, .size = size};
	struct tensor tensor = good;
	tensor.name = "embeddings";
	refuse(model, forge("", "", &tensor, 1), PITH_BAD_FILE, "prompt_embeddings is missing");
	refuse(model, forge("", "", &good, 1), PITH_BAD_FILE, "answer.prompt_embeddings is missing");
	tensor = good;
	tensor.ne[0] = K;
	tensor.ne[1] = ROW_FLOATS;
	refuse(model, forge("", "", &tensor, 1), PITH_MISMATCH, "[64, 20], expected [20, 64]");
	tensor = good;
	tensor.n_dims = 1;
	tensor.ne[0] = K * ROW_FLOATS;
	tensor.ne[1] = 1;
	refuse(model, forge("", "", &tensor, 1), PITH_MISMATCH, "expected [20, 64]");
	tensor = good;
	tensor.n_dims = 3;
	tensor.ne[0] = ROW_FLOATS / 2;
	tensor.ne[2] = 2;
	refuse(model, forge("", "", &tensor, 1), PITH_MISMATCH, "expected [20, 64]");
	tensor = good;
	tensor.type = TENSOR_F16;
	tensor.size /= 2;
	refuse(model, forge("", "", &tensor, 1), PITH_MISMATCH, "prompt_embeddings");

	/* One purpose of the two is a whole file. */
	struct pith_compressed *loaded;
	struct pith_error err;
	must(pith_compressed_load(&loaded, model, forge("answer.spans", NULL, &good, 1), &err), &err);
	assert_true(pith_compressed_info(loaded)->has_purpose[PITH_REGENERATE]);
	assert_false(pith_compressed_info(loaded)->has_purpose[PITH_ANSWER]);
	assert_int_equal(pith_compressed_info(loaded)->compressed_bytes, size);
	pith_compressed_destroy(loaded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_other_models),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_damaged_numbers),
		cmocka_unit_test(test_damaged_header),
		cmocka_unit_test(test_foreign_files),
		cmocka_unit_test(test_saving),
		cmocka_unit_test(test_forged_metadata),
		cmocka_unit_test(test_forged_spans),
		cmocka_unit_test(test_forged_tensors),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
