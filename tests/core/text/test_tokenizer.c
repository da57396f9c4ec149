/*
 * Ids against the tokenizers package (golden_text.py) and against llama.cpp's published test data (test_data.h); any bytes must
 * come back; what the vocabulary file says must be believed only if it can be.
 */
#define _XOPEN_SOURCE 700
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "support/encodings.h"
#include "scratch.h"
#include "test_data.h"

#define DATA_DIR TEST_DATA "/tokenizer/"

/* A vocabulary to be written: what is NULL or 0 is left out. */
struct sample {
	const char *model, *pre;
	const char **tokens;
	size_t n_tokens;
	const char **merges;
	size_t n_merges;
	const int32_t *types;
	uint32_t bos, eos, eot; /* id + 1 */
};

static void write_strings(struct gguf_writer *writer, const char *key, const char **strings, size_t n)
{
	size_t *lengths = malloc((n + 1) * sizeof *lengths);
	assert_non_null(lengths);
	for (size_t i = 0; i < n; i++)
		lengths[i] = strlen(strings[i]);
	assert_int_equal(gguf_write_string_array(writer, key, strings, lengths, n, NULL), PITH_OK);
	free(lengths);
}

static struct gguf *open_sample(const struct sample *sample)
{
	const char *path = scratch_path("sample.gguf");
	struct gguf_writer *writer;
	assert_int_equal(gguf_writer_create(&writer, NULL), PITH_OK);
	assert_int_equal(gguf_write_string(writer, "general.architecture", "llama", NULL), PITH_OK);
	if (sample->model != NULL)
		assert_int_equal(gguf_write_string(writer, "tokenizer.ggml.model", sample->model, NULL), PITH_OK);
	if (sample->pre != NULL)
		assert_int_equal(gguf_write_string(writer, "tokenizer.ggml.pre", sample->pre, NULL), PITH_OK);
	if (sample->tokens != NULL)
		write_strings(writer, "tokenizer.ggml.tokens", sample->tokens, sample->n_tokens);
	if (sample->types != NULL)
		assert_int_equal(gguf_write_i32_array(writer, "tokenizer.ggml.token_type", sample->types, sample->n_tokens, NULL),
		                 PITH_OK);
	if (sample->merges != NULL)
		write_strings(writer, "tokenizer.ggml.merges", sample->merges, sample->n_merges);
	const uint32_t ids[] = {sample->bos, sample->eos, sample->eot};
	const char *const keys[] = {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"};
	for (int i = 0; i < 3; i++)
		if (ids[i] != 0)
			assert_int_equal(gguf_write_u32(writer, keys[i], ids[i] - 1, NULL), PITH_OK);
	assert_int_equal(gguf_writer_finish(writer, path, NULL), PITH_OK);
	gguf_writer_destroy(writer);
	struct gguf *gguf;
	assert_int_equal(gguf_open(&gguf, path, NULL), PITH_OK);
	return gguf;
}

static struct tokenizer *create_sample(const struct sample *sample)
{
	struct gguf *gguf = open_sample(sample);
	struct tokenizer *tokenizer;
	struct pith_error err;
	if (tokenizer_create(&tokenizer, gguf, &err) != PITH_OK)
		fail_msg("%s", err.message);
	gguf_close(gguf);
	return tokenizer;
}

static void expect_refusal(const struct sample *sample, enum pith_status code, const char *said)
{
	struct gguf *gguf = open_sample(sample);
	struct tokenizer *tokenizer;
	struct pith_error err;
	assert_int_equal(tokenizer_create(&tokenizer, gguf, &err), code);
	assert_null(tokenizer);
	if (strstr(err.message, said) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.message, said);
	gguf_close(gguf);
}

/* The small vocabulary of golden_vocabulary.json, with four tokens of special kinds added. */
enum { N_GOLDEN = 420, N_EXTRA = 4 };
static const char *const extra_tokens[N_EXTRA] = {"<|im_end|>", "<tool>", "<tool>>", "[unused]"};
static const int32_t extra_types[N_EXTRA] = {3, 4, 4, 5};

static json_t *golden_vocabulary;
static const char *golden_tokens[N_GOLDEN + N_EXTRA], *golden_merges[N_GOLDEN];
static int32_t golden_types[N_GOLDEN + N_EXTRA];
static struct sample golden_sample;

static int load_golden(void **state)
{
	golden_vocabulary = json_load_file(GOLDEN_DIR "golden_vocabulary.json", 0, NULL);
	const json_t *tokens = json_object_get(golden_vocabulary, "tokens");
	const json_t *merges = json_object_get(golden_vocabulary, "merges");
	if (json_array_size(tokens) != N_GOLDEN || json_array_size(merges) > N_GOLDEN)
		return -1;
	for (size_t i = 0; i < N_GOLDEN + N_EXTRA; i++) {
		golden_tokens[i] = i < N_GOLDEN ? json_string_value(json_array_get(tokens, i)) : extra_tokens[i - N_GOLDEN];
		golden_types[i] = i < 3 ? 3 : i < N_GOLDEN ? 1 : extra_types[i - N_GOLDEN];
	}
	for (size_t i = 0; i < json_array_size(merges); i++)
		golden_merges[i] = json_string_value(json_array_get(merges, i));
	golden_sample = (struct sample){.model = "gpt2", .pre = "qwen2", .tokens = golden_tokens, .n_tokens = N_GOLDEN + N_EXTRA,
	                                .merges = golden_merges, .n_merges = json_array_size(merges), .types = golden_types,
	                                .bos = 1, .eos = 2};
	return scratch_setup(state);
}

static int unload_golden(void **state)
{
	json_decref(golden_vocabulary);
	return scratch_teardown(state);
}

static void test_golden_encodings(void **state)
{
	(void)state;
	struct tokenizer *tokenizer = create_sample(&golden_sample);
	for_each_golden_line(GOLDEN_DIR "golden_encodings.jsonl", 80, check_encoding, tokenizer);
	tokenizer_destroy(tokenizer);
}

/* Encodes any bytes; the spans must cover them without gaps and the bytes must come back. */
static void expect_round_trip(const struct tokenizer *tokenizer, const char *text, size_t length)
{
	struct token_list list = {0};
	struct pith_token *tokens;
	struct buffer back = {0};
	size_t n;
	assert_int_equal(tokenizer_encode(tokenizer, text, length, &list, NULL), PITH_OK);
	assert_int_equal(tokenizer_encode_spans(tokenizer, text, length, &tokens, &n, NULL), PITH_OK);
	assert_int_equal(n, list.n);
	for (size_t i = 0; i < n; i++) {
		size_t token_length;
		const char *bytes = tokenizer_bytes(tokenizer, list.ids[i], &token_length);
		assert_int_equal(tokens[i].id, list.ids[i]);
		assert_int_equal(tokens[i].begin, i == 0 ? 0 : tokens[i - 1].end);
		assert_int_equal(tokens[i].end - tokens[i].begin, token_length);
		assert_memory_equal(text + tokens[i].begin, bytes, token_length);
	}
	assert_int_equal(n == 0 ? 0 : tokens[n - 1].end, length);
	assert_true(tokenizer_decode(tokenizer, list.ids, list.n, true, &back));
	assert_int_equal(back.length, length);
	if (length > 0)
		assert_memory_equal(back.data, text, length);
	buffer_free(&back);
	free(tokens);
	token_list_free(&list);
}

static void test_any_bytes_come_back(void **state)
{
	(void)state;
	static const char *const parts[] = {"the",  " the",   "\n\n", "\xff", "\xe4\xb8", "\xe4\xb8\xad",
	                                    "1234", "<tool>", "<too", "'s",   "\t"};
	struct tokenizer *tokenizer = create_sample(&golden_sample);
	struct random_state random;
	random_seed(&random, 1);
	expect_round_trip(tokenizer, "", 0);
	for (int round = 0; round < 3000; round++) {
		char text[DRAWN_TEXT];
		size_t length = draw_text(text, parts, sizeof parts / sizeof parts[0], &random);
		expect_round_trip(tokenizer, text, length);
	}
	tokenizer_destroy(tokenizer);
}

static void test_megabytes(void **state)
{
	(void)state;
	enum { LENGTH = 1 << 20 };
	static const char *const units[] = {"a", " ", "the", "\n", "\xff", "ab ", "!", "anan", "<tool", "\xe4\xb8\xad", "0"};
	struct tokenizer *tokenizer = create_sample(&golden_sample);
	char *text = malloc(LENGTH + 8);
	assert_non_null(text);
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		size_t unit = strlen(units[i]), length = LENGTH / unit * unit;
		for (size_t j = 0; j < length; j += unit)
			memcpy(text + j, units[i], unit);
		expect_round_trip(tokenizer, text, length);
	}
	free(text);
	tokenizer_destroy(tokenizer);
}

static void test_special_tokens(void **state)
{
	(void)state;
	struct tokenizer *tokenizer = create_sample(&golden_sample);
	const int32_t im_end = N_GOLDEN, tool = N_GOLDEN + 1, longer_tool = N_GOLDEN + 2, unused = N_GOLDEN + 3;
	size_t length = 9;
	assert_int_equal(tokenizer_n_vocab(tokenizer), N_GOLDEN + N_EXTRA);
	assert_int_equal(tokenizer_bos(tokenizer), 0);
	assert_int_equal(tokenizer_eos(tokenizer), 1);
	assert_true(tokenizer_is_end(tokenizer, 1) && tokenizer_is_end(tokenizer, im_end));
	assert_false(tokenizer_is_end(tokenizer, 0) || tokenizer_is_end(tokenizer, 50) || tokenizer_is_end(tokenizer, -1));
	assert_true(tokenizer_is_control(tokenizer, 0) && tokenizer_is_control(tokenizer, im_end) &&
	            tokenizer_is_control(tokenizer, unused));
	assert_false(tokenizer_is_control(tokenizer, tool) || tokenizer_is_control(tokenizer, 50) ||
	             tokenizer_is_control(tokenizer, -1) || tokenizer_is_control(tokenizer, N_GOLDEN + N_EXTRA));
	/* Control tokens have no text; others than those of the vocabulary neither. */
	tokenizer_bytes(tokenizer, im_end, &length);
	assert_int_equal(length, 0);
	tokenizer_bytes(tokenizer, 1000000, &length);
	assert_int_equal(length, 0);
	tokenizer_bytes(tokenizer, -5, &length);
	assert_int_equal(length, 0);
	/* Verbatim tokens are found in texts, the longest first; names of control tokens are ordinary text. */
	expect_ids(tokenizer, "<tool><tool>>", 13, (const int32_t[]){tool, longer_tool}, 2);
	struct token_list list = {0};
	assert_int_equal(tokenizer_encode(tokenizer, "<|im_end|>", 10, &list, NULL), PITH_OK);
	assert_true(list.n > 1);
	/* Appending keeps what is there. */
	assert_int_equal(tokenizer_encode(tokenizer, "<tool>", 6, &list, NULL), PITH_OK);
	assert_int_equal(list.ids[list.n - 1], tool);
	token_list_free(&list);
	/* Names. */
	assert_int_equal(tokenizer_find(tokenizer, "<|im_end|>"), im_end);
	assert_int_equal(tokenizer_find(tokenizer, "<tool>"), tool);
	assert_int_equal(tokenizer_find(tokenizer, golden_tokens[N_GOLDEN - 1]), N_GOLDEN - 1);
	assert_int_equal(tokenizer_find(tokenizer, " the"), -1); /* a space is not of the alphabet */
	assert_int_equal(tokenizer_find(tokenizer, "nothing like that"), -1);
	tokenizer_destroy(tokenizer);
}

static void test_ends_that_are_missing(void **state)
{
	(void)state;
	struct sample sample = golden_sample;
	sample.bos = 0; /* EOS stands in */
	struct tokenizer *tokenizer = create_sample(&sample);
	assert_int_equal(tokenizer_bos(tokenizer), 1);
	tokenizer_destroy(tokenizer);
	sample.eos = 0; /* the end of a turn stands in */
	sample.eot = 51;
	tokenizer = create_sample(&sample);
	assert_int_equal(tokenizer_eos(tokenizer), N_GOLDEN);
	assert_int_equal(tokenizer_bos(tokenizer), N_GOLDEN);
	assert_true(tokenizer_is_end(tokenizer, 50));
	tokenizer_destroy(tokenizer);
	sample.n_tokens = N_GOLDEN; /* nothing is left */
	sample.eot = 0;
	expect_refusal(&sample, PITH_BAD_FILE, "no token that begins or ends");
	sample.eos = N_GOLDEN + 1; /* not of the vocabulary */
	expect_refusal(&sample, PITH_BAD_FILE, "no token that begins or ends");
}

static void test_fingerprint(void **state)
{
	(void)state;
	struct sample sample = golden_sample;
	char first[33];
	struct tokenizer *tokenizer = create_sample(&sample);
	assert_int_equal(strlen(tokenizer_fingerprint(tokenizer)), 32);
	assert_int_equal(strspn(tokenizer_fingerprint(tokenizer), "0123456789abcdef"), 32);
	strcpy(first, tokenizer_fingerprint(tokenizer));
	tokenizer_destroy(tokenizer);
	tokenizer = create_sample(&sample);
	assert_string_equal(tokenizer_fingerprint(tokenizer), first);
	tokenizer_destroy(tokenizer);
	sample.pre = "gpt-2";
	tokenizer = create_sample(&sample);
	assert_string_not_equal(tokenizer_fingerprint(tokenizer), first);
	tokenizer_destroy(tokenizer);
	sample.pre = golden_sample.pre;
	sample.n_merges--;
	tokenizer = create_sample(&sample);
	assert_string_not_equal(tokenizer_fingerprint(tokenizer), first);
	tokenizer_destroy(tokenizer);
}

static void test_refusals(void **state)
{
	(void)state;
	const char *tokens[N_GOLDEN];
	const char *merges[2];
	struct sample sample = golden_sample;
	sample.model = "t5";
	expect_refusal(&sample, PITH_UNSUPPORTED, "\"t5\"");
	sample.model = NULL;
	expect_refusal(&sample, PITH_BAD_FILE, "tokenizer.ggml.model");
	sample = golden_sample;
	sample.pre = NULL;
	expect_refusal(&sample, PITH_UNSUPPORTED, "tokenizer.ggml.pre");
	sample.pre = "a-pattern-of-which-nobody-has-ever-heard-and-whose-name-is-longer-than-any";
	expect_refusal(&sample, PITH_UNSUPPORTED, "a-pattern-of-which");
	sample = golden_sample;
	sample.tokens = NULL;
	expect_refusal(&sample, PITH_BAD_FILE, "tokenizer.ggml.tokens");
	sample = golden_sample;
	sample.merges = NULL;
	expect_refusal(&sample, PITH_BAD_FILE, "tokenizer.ggml.merges");
	sample.merges = merges;
	sample.n_merges = 2;
	merges[0] = golden_merges[0];
	static const char *const bad[] = {"", "a", "ab", "a ", " a", "a b c", "zq zq", "\xff z", "a\tb"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		merges[1] = bad[i];
		expect_refusal(&sample, PITH_BAD_FILE, "Merge 1 of");
	}
	memcpy(tokens, golden_tokens, sizeof tokens);
	sample = golden_sample;
	sample.tokens = tokens;
	sample.n_tokens = N_GOLDEN - 1; /* the last merge makes a token that is not there */
	sample.types = NULL;
	expect_refusal(&sample, PITH_BAD_FILE, "Merge");
	sample.n_tokens = 0;
	expect_refusal(&sample, PITH_BAD_FILE, "0 tokens");
	tokenizer_destroy(NULL);
}

static void test_bytes_without_token(void **state)
{
	(void)state;
	/* A vocabulary of two letters: other bytes are left out, and the spans still leave no gaps. */
	const char *tokens[] = {"<|eos|>", "a", "b", "ab"};
	const char *merges[] = {"a b"};
	const int32_t types[] = {3, 1, 1, 1};
	struct sample sample = {.model = "gpt2", .pre = "gpt-2", .tokens = tokens, .n_tokens = 4, .merges = merges, .n_merges = 1,
	                        .types = types, .eos = 1};
	struct tokenizer *tokenizer = create_sample(&sample);
	expect_ids(tokenizer, "xabxxab ba", 10, (const int32_t[]){3, 3, 2, 1}, 4);
	struct pith_token *spans;
	size_t n;
	assert_int_equal(tokenizer_encode_spans(tokenizer, "xabxxab ba", 10, &spans, &n, NULL), PITH_OK);
	static const uint32_t ends[] = {5, 8, 9, 10};
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(spans[i].begin, i == 0 ? 0 : ends[i - 1]);
		assert_int_equal(spans[i].end, ends[i]);
	}
	free(spans);
	assert_int_equal(tokenizer_encode_spans(tokenizer, "xyz", 3, &spans, &n, NULL), PITH_OK);
	assert_int_equal(n, 0);
	free(spans);
	tokenizer_destroy(tokenizer);
}

/* Published cases: texts between marks, and a line of ids for each. */
static void expect_published(const struct tokenizer *tokenizer, const char *name)
{
	static const char mark[] = "\n__ggml_vocab_test__\n";
	char path[512];
	size_t n_text, n_ids, n_cases = 0;
	snprintf(path, sizeof path, DATA_DIR "ggml-vocab-%s.gguf.inp", name);
	char *texts = scratch_read(path, &n_text);
	snprintf(path, sizeof path, DATA_DIR "ggml-vocab-%s.gguf.out", name);
	char *lines = scratch_read(path, &n_ids);
	char *line = lines;
	for (char *text = texts; text != NULL;) {
		char *end = strstr(text, mark);
		size_t length = end == NULL ? (size_t)(texts + n_text - text) : (size_t)(end - text);
		char *line_end = strchr(line, '\n');
		if (line_end == NULL)
			break;
		*line_end = '\0';
		int32_t ids[4096];
		size_t n = 0;
		for (char *rest; n < 4096; line = rest) {
			long id = strtol(line, &rest, 10);
			if (rest == line)
				break;
			ids[n++] = (int32_t)id;
		}
		expect_ids(tokenizer, text, length, ids, n);
		n_cases++;
		line = line_end + 1;
		text = end == NULL ? NULL : end + sizeof mark - 1;
	}
	assert_true(n_cases >= 40);
	free(lines);
	free(texts);
}

static void test_published_vocabularies(void **state)
{
	(void)state;
	static const char *const names[] = {"gpt-2", "falcon", "starcoder", "deepseek-coder"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char path[512];
		snprintf(path, sizeof path, DATA_DIR "ggml-vocab-%s.gguf", names[i]);
		if (!test_data_is_there(path))
			skip();
		struct gguf *gguf;
		struct tokenizer *tokenizer;
		assert_int_equal(gguf_open(&gguf, path, NULL), PITH_OK);
		assert_int_equal(tokenizer_create(&tokenizer, gguf, NULL), PITH_OK);
		gguf_close(gguf);
		expect_published(tokenizer, names[i]);
		tokenizer_destroy(tokenizer);
	}
}

/* The lines of an xz file: an array of strings that point into *text. */
static const char **read_xz_lines(const char *path, char **text, size_t *n)
{
	char command[600];
	snprintf(command, sizeof command, "xz -dc '%s'", path);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	struct buffer data = {0};
	char block[65536];
	for (size_t got; (got = fread(block, 1, sizeof block, pipe)) > 0;)
		assert_true(buffer_append(&data, block, got));
	assert_int_equal(pclose(pipe), 0);
	size_t n_lines = 0;
	for (size_t i = 0; i < data.length; i++)
		n_lines += data.data[i] == '\n';
	const char **lines = malloc((n_lines + 1) * sizeof *lines);
	assert_non_null(lines);
	char *line = data.data;
	for (*n = 0; *n < n_lines; line = strchr(line, '\0') + 1) {
		*strchr(line, '\n') = '\0';
		lines[(*n)++] = line;
	}
	*text = data.data;
	return lines;
}

static void test_published_llama3(void **state)
{
	(void)state;
	enum { FIRST_CONTROL = 128000 };
	if (!test_data_is_there(DATA_DIR "llama3-vocab.txt.xz") || !test_data_is_there(DATA_DIR "llama3-merges.txt.xz"))
		skip();
	if (system("command -v xz >/dev/null 2>&1") != 0) {
		test_data_lacks("xz");
		skip();
	}
	char *token_text, *merge_text;
	struct sample sample = {.model = "gpt2", .pre = "llama-bpe", .bos = FIRST_CONTROL + 1, .eos = FIRST_CONTROL + 2};
	sample.tokens = read_xz_lines(DATA_DIR "llama3-vocab.txt.xz", &token_text, &sample.n_tokens);
	sample.merges = read_xz_lines(DATA_DIR "llama3-merges.txt.xz", &merge_text, &sample.n_merges);
	assert_int_equal(sample.n_tokens, 128256);
	int32_t *types = malloc(sample.n_tokens * sizeof *types);
	assert_non_null(types);
	for (size_t i = 0; i < sample.n_tokens; i++)
		types[i] = i < FIRST_CONTROL ? 1 : 3;
	sample.types = types;
	struct tokenizer *tokenizer = create_sample(&sample);
	expect_published(tokenizer, "llama-bpe");
	assert_true(tokenizer_is_end(tokenizer, tokenizer_find(tokenizer, "<|eot_id|>")));
	tokenizer_destroy(tokenizer);
	free(types);
	free(sample.tokens);
	free(sample.merges);
	free(token_text);
	free(merge_text);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest published[] = {
		cmocka_unit_test(test_published_vocabularies),
		cmocka_unit_test(test_published_llama3),
	};
	if (test_data_wanted(argc, argv))
		return test_data_exit_status(cmocka_run_group_tests(published, scratch_setup, scratch_teardown));
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_encodings),
		cmocka_unit_test(test_any_bytes_come_back),
		cmocka_unit_test(test_megabytes),
		cmocka_unit_test(test_special_tokens),
		cmocka_unit_test(test_ends_that_are_missing),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_bytes_without_token),
	};
	return cmocka_run_group_tests(tests, load_golden, unload_golden);
}
