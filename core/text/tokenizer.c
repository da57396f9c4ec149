#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "text/byte_alphabet.h"
#include "text/merge_table.h"
#include "text/split_pattern.h"
#include "text/vocabulary.h"

enum { MAX_ENDS = 8, PRE_SIZE = 64 };

struct tokenizer {
	struct vocabulary vocabulary;
	struct merge_table merges;
	struct split_pattern *pattern;
	int32_t byte_ids[256]; /* -1: the vocabulary has no token for the byte, which is then left out as its makers do */
	int32_t bos, eos;
	int32_t ends[MAX_ENDS];
	int n_ends;
	int32_t *verbatim;       /* ids sorted by first byte, longer ones first */
	int verbatim_begin[257]; /* those that start with byte b: [verbatim_begin[b], verbatim_begin[b + 1]) */
	char fingerprint[33];
};

/* The name of the split pattern, as a string. */
static enum pith_status read_pre(const struct gguf *gguf, char pre[PRE_SIZE], struct pith_error *err)
{
	const char *kind, *name;
	size_t length;
	if (!gguf_find_string(gguf, "tokenizer.ggml.model", &kind, &length))
		return fail(err, PITH_BAD_FILE, "%s has no vocabulary (tokenizer.ggml.model).", gguf_path(gguf));
	if (length != 4 || memcmp(kind, "gpt2", 4) != 0)
		return fail(err, PITH_UNSUPPORTED, "The vocabulary of %s is of the kind \"%.*s\"; only \"gpt2\" is supported.",
		            gguf_path(gguf), length > 40 ? 40 : (int)length, kind);
	if (!gguf_find_string(gguf, "tokenizer.ggml.pre", &name, &length))
		return fail(err, PITH_UNSUPPORTED, "%s does not say how its vocabulary splits text (tokenizer.ggml.pre).",
		            gguf_path(gguf));
	if (length >= PRE_SIZE)
		length = PRE_SIZE - 1;
	memcpy(pre, name, length);
	pre[length] = '\0';
	return PITH_OK;
}

static enum pith_status fail_merge(const struct gguf *gguf, size_t rank, struct pith_error *err)
{
	return fail(err, PITH_BAD_FILE, "Merge %zu of %s does not join two tokens of the vocabulary into a third.", rank,
	            gguf_path(gguf));
}

/* Merges are read in blocks: while one is decoded, the table lines that the ones before it need are on their way. */
enum { MERGE_BLOCK = 16 };

struct merge_line {
	size_t begin; /* bytes of left, then of right, in the block's buffer */
	size_t left_length, right_length;
	uint64_t left_hash, right_hash;
};

/* Decodes a merge, "left right" in the byte alphabet, to the end of bytes, which has room for length more. */
static bool decode_merge(const struct vocabulary *vocabulary, const char *text, size_t length, struct buffer *bytes,
                         struct merge_line *line)
{
	const char *space = length < 3 ? NULL : memchr(text + 1, ' ', length - 1);
	if (space == NULL)
		return false;
	size_t left_text = (size_t)(space - text);
	char *left = bytes->data + bytes->length;
	line->begin = bytes->length;
	if (!byte_alphabet_decode(text, left_text, left, &line->left_length) ||
	    !byte_alphabet_decode(space + 1, length - left_text - 1, left + line->left_length, &line->right_length))
		return false;
	bytes->length += line->left_length + line->right_length;
	line->left_hash = vocabulary_find_begin(vocabulary, left, line->left_length);
	line->right_hash = vocabulary_find_begin(vocabulary, left + line->left_length, line->right_length);
	return true;
}

/* Adds a decoded merge. *merged: the token of the last one, which becomes that of this one. */
static bool add_merge(struct tokenizer *tokenizer, size_t rank, const struct merge_line *line, const char *bytes, int32_t *merged)
{
	const struct vocabulary *vocabulary = &tokenizer->vocabulary;
	const char *left_bytes = bytes + line->begin, *right_bytes = left_bytes + line->left_length;
	int32_t left = vocabulary_find_finish(vocabulary, left_bytes, line->left_length, line->left_hash);
	int32_t right = vocabulary_find_finish(vocabulary, right_bytes, line->right_length, line->right_hash);
	/* Vocabularies number tokens in the order in which merging made them. */
	*merged = vocabulary_find_near(vocabulary, left_bytes, line->left_length + line->right_length, *merged);
	if (left < 0 || right < 0 || *merged < 0)
		return false;
	merge_table_add(&tokenizer->merges, left, right, (uint32_t)rank, *merged);
	return true;
}

static enum pith_status read_merges(struct tokenizer *tokenizer, const struct gguf *gguf, const struct gguf_array *merges,
                                    struct pith_error *err)
{
	if (merges->n >= UINT32_MAX)
		return fail(err, PITH_BAD_FILE, "%s has %zu merges.", gguf_path(gguf), merges->n);
	if (!merge_table_init(&tokenizer->merges, merges->n))
		return fail_memory(err, "the merges of the vocabulary");
	struct buffer bytes = {0};
	enum pith_status status = PITH_OK;
	const uint8_t *cursor = merges->data;
	int32_t merged = 0;
	for (size_t block = 0, n; block < merges->n && status == PITH_OK; block += n) {
		struct merge_line lines[MERGE_BLOCK];
		n = merges->n - block < MERGE_BLOCK ? merges->n - block : MERGE_BLOCK;
		buffer_clear(&bytes);
		for (size_t i = 0; i < n && status == PITH_OK; i++) {
			const char *text;
			size_t length;
			if (!gguf_array_next_string(merges, &cursor, &text, &length))
				status = fail_merge(gguf, block + i, err);
			else if (!buffer_reserve(&bytes, length))
				status = fail_memory(err, "the merges of the vocabulary");
			else if (!decode_merge(&tokenizer->vocabulary, text, length, &bytes, &lines[i]))
				status = fail_merge(gguf, block + i, err);
		}
		for (size_t i = 0; i < n && status == PITH_OK; i++)
			if (!add_merge(tokenizer, block + i, &lines[i], bytes.data, &merged))
				status = fail_merge(gguf, block + i, err);
	}
	buffer_free(&bytes);
	return status;
}

/* GGUF keeps an array as length-prefixed strings in a row: hashing those bytes leaves nothing ambiguous. */
static void hash_strings(XXH3_state_t *state, const struct gguf_array *array)
{
	const uint8_t *cursor = array->data;
	for (size_t i = 0; i < array->n; i++) {
		const char *text;
		size_t length;
		if (!gguf_array_next_string(array, &cursor, &text, &length))
			break;
	}
	if (cursor > array->data)
		XXH3_128bits_update(state, array->data, (size_t)(cursor - array->data));
}

static enum pith_status make_fingerprint(struct tokenizer *tokenizer, const char *pre, const struct gguf_array *tokens,
                                         const struct gguf_array *merges, struct pith_error *err)
{
	XXH3_state_t *state = XXH3_createState();
	if (state == NULL)
		return fail_memory(err, "the fingerprint of the vocabulary");
	XXH3_128bits_reset(state);
	XXH3_128bits_update(state, pre, strlen(pre) + 1);
	hash_strings(state, tokens);
	hash_strings(state, merges);
	XXH128_canonical_t digest;
	XXH128_canonicalFromHash(&digest, XXH3_128bits_digest(state));
	XXH3_freeState(state);
	for (int i = 0; i < 16; i++) {
		tokenizer->fingerprint[2 * i] = "0123456789abcdef"[digest.digest[i] >> 4];
		tokenizer->fingerprint[2 * i + 1] = "0123456789abcdef"[digest.digest[i] & 15];
	}
	return PITH_OK;
}

/* An id that the file names; -1: it does not, or it names one outside the vocabulary. */
static int32_t read_id(const struct tokenizer *tokenizer, const struct gguf *gguf, const char *key)
{
	uint64_t id;
	if (!gguf_find_u64(gguf, key, &id) || id >= (uint64_t)tokenizer->vocabulary.n_tokens)
		return -1;
	return (int32_t)id;
}

static void add_end(struct tokenizer *tokenizer, int32_t id)
{
	if (id >= 0 && tokenizer->n_ends < MAX_ENDS && !tokenizer_is_end(tokenizer, id))
		tokenizer->ends[tokenizer->n_ends++] = id;
}

static enum pith_status find_special_ids(struct tokenizer *tokenizer, const struct gguf *gguf, struct pith_error *err)
{
	static const char *const end_names[] = {"<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>"};
	int32_t named = -1; /* the last found, by preference that of whole texts */
	tokenizer->bos = read_id(tokenizer, gguf, "tokenizer.ggml.bos_token_id");
	tokenizer->eos = read_id(tokenizer, gguf, "tokenizer.ggml.eos_token_id");
	add_end(tokenizer, tokenizer->eos);
	add_end(tokenizer, read_id(tokenizer, gguf, "tokenizer.ggml.eot_token_id"));
	for (size_t i = 0; i < sizeof end_names / sizeof end_names[0]; i++) {
		int32_t id = vocabulary_find_special(&tokenizer->vocabulary, end_names[i], strlen(end_names[i]));
		add_end(tokenizer, id);
		if (id >= 0)
			named = id;
	}
	if (tokenizer->eos < 0)
		tokenizer->eos = named >= 0 ? named : tokenizer->bos;
	if (tokenizer->bos < 0)
		tokenizer->bos = tokenizer->eos;
	if (tokenizer->bos < 0)
		return fail(err, PITH_BAD_FILE, "The vocabulary of %s has no token that begins or ends a text.", gguf_path(gguf));
	add_end(tokenizer, tokenizer->eos);
	return PITH_OK;
}

static int compare_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Sorts the verbatim tokens by first byte, longer ones first. */
static enum pith_status index_verbatim(struct tokenizer *tokenizer, struct pith_error *err)
{
	const struct vocabulary *vocabulary = &tokenizer->vocabulary;
	size_t length, n = 0, n_allocated = 0;
	for (int32_t id = 0; id < vocabulary->n_tokens; id++)
		n_allocated += vocabulary->kinds[id] == TOKEN_VERBATIM;
	uint64_t *keys = malloc((n_allocated + 1) * sizeof *keys);
	tokenizer->verbatim = malloc((n_allocated + 1) * sizeof *tokenizer->verbatim);
	if (keys == NULL || tokenizer->verbatim == NULL) {
		free(keys);
		return fail_memory(err, "the vocabulary");
	}
	for (int32_t id = 0; id < vocabulary->n_tokens; id++) {
		const char *text = vocabulary_bytes(vocabulary, id, &length);
		if (vocabulary->kinds[id] != TOKEN_VERBATIM || length == 0)
			continue;
		tokenizer->verbatim_begin[(unsigned char)text[0] + 1]++;
		/* First byte, falling length, id: 8, 32 and 24 bits. */
		uint64_t first = (unsigned char)text[0], shortness = UINT32_MAX - (uint32_t)length;
		keys[n++] = first << 56 | shortness << 24 | (uint32_t)id;
	}
	qsort(keys, n, sizeof *keys, compare_keys);
	for (size_t i = 0; i < n; i++)
		tokenizer->verbatim[i] = (int32_t)(keys[i] & (VOCABULARY_MAX_TOKENS - 1));
	for (int b = 0; b < 256; b++)
		tokenizer->verbatim_begin[b + 1] += tokenizer->verbatim_begin[b];
	free(keys);
	return PITH_OK;
}

static enum pith_status build(struct tokenizer *tokenizer, const struct gguf *gguf, struct pith_error *err)
{
	char pre[PRE_SIZE];
	struct gguf_array tokens, merges, types;
	enum pith_status status = read_pre(gguf, pre, err);
	if (status != PITH_OK)
		return status;
	status = split_pattern_create(&tokenizer->pattern, pre, err);
	if (status != PITH_OK)
		return status;
	if (!gguf_find_array(gguf, "tokenizer.ggml.tokens", &tokens) || tokens.type != GGUF_STRING)
		return fail(err, PITH_BAD_FILE, "%s has no list of tokens (tokenizer.ggml.tokens).", gguf_path(gguf));
	if (!gguf_find_array(gguf, "tokenizer.ggml.merges", &merges) || merges.type != GGUF_STRING)
		return fail(err, PITH_BAD_FILE, "%s has no list of merges (tokenizer.ggml.merges).", gguf_path(gguf));
	if (!gguf_find_array(gguf, "tokenizer.ggml.token_type", &types))
		types = (struct gguf_array){0};
	status = vocabulary_init(&tokenizer->vocabulary, &tokens, &types, gguf_path(gguf), err);
	if (status != PITH_OK)
		return status;
	for (int b = 0; b < 256; b++) {
		char byte = (char)b;
		tokenizer->byte_ids[b] = vocabulary_find(&tokenizer->vocabulary, &byte, 1);
	}
	status = read_merges(tokenizer, gguf, &merges, err);
	if (status == PITH_OK)
		status = find_special_ids(tokenizer, gguf, err);
	if (status == PITH_OK)
		status = index_verbatim(tokenizer, err);
	if (status == PITH_OK)
		status = make_fingerprint(tokenizer, pre, &tokens, &merges, err);
	return status;
}

enum pith_status tokenizer_create(struct tokenizer **out, const struct gguf *gguf, struct pith_error *err)
{
	*out = NULL;
	struct tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
	if (tokenizer == NULL)
		return fail_memory(err, "the vocabulary");
	enum pith_status status = build(tokenizer, gguf, err);
	if (status != PITH_OK) {
		tokenizer_destroy(tokenizer);
		return status;
	}
	*out = tokenizer;
	return PITH_OK;
}

void tokenizer_destroy(struct tokenizer *tokenizer)
{
	if (tokenizer == NULL)
		return;
	vocabulary_free(&tokenizer->vocabulary);
	merge_table_free(&tokenizer->merges);
	split_pattern_destroy(tokenizer->pattern);
	free(tokenizer->verbatim);
	free(tokenizer);
}

int tokenizer_n_vocab(const struct tokenizer *tokenizer)
{
	return tokenizer->vocabulary.n_tokens;
}

int32_t tokenizer_bos(const struct tokenizer *tokenizer)
{
	return tokenizer->bos;
}

int32_t tokenizer_eos(const struct tokenizer *tokenizer)
{
	return tokenizer->eos;
}

bool tokenizer_is_end(const struct tokenizer *tokenizer, int32_t id)
{
	for (int i = 0; i < tokenizer->n_ends; i++)
		if (tokenizer->ends[i] == id)
			return true;
	return false;
}

static bool is_known(const struct tokenizer *tokenizer, int32_t id)
{
	return id >= 0 && id < tokenizer->vocabulary.n_tokens;
}

bool tokenizer_is_control(const struct tokenizer *tokenizer, int32_t id)
{
	return is_known(tokenizer, id) && tokenizer->vocabulary.kinds[id] == TOKEN_CONTROL;
}

int32_t tokenizer_find(const struct tokenizer *tokenizer, const char *token)
{
	size_t length = strlen(token), n_bytes;
	int32_t id = vocabulary_find_special(&tokenizer->vocabulary, token, length);
	if (id >= 0)
		return id;
	char *bytes = malloc(length + 1);
	if (bytes != NULL && byte_alphabet_decode(token, length, bytes, &n_bytes))
		id = vocabulary_find(&tokenizer->vocabulary, bytes, n_bytes);
	free(bytes);
	return id;
}

const char *tokenizer_bytes(const struct tokenizer *tokenizer, int32_t id, size_t *length)
{
	*length = 0;
	if (!is_known(tokenizer, id) || tokenizer_is_control(tokenizer, id))
		return "";
	return vocabulary_bytes(&tokenizer->vocabulary, id, length);
}

const char *tokenizer_fingerprint(const struct tokenizer *tokenizer)
{
	return tokenizer->fingerprint;
}

bool tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t n, struct buffer *out)
{
	size_t before = out->length;
	for (size_t i = 0; i < n; i++) {
		size_t length;
		const char *bytes = tokenizer_bytes(tokenizer, ids[i], &length);
		if (!buffer_append(out, bytes, length)) {
			out->length = before;
			if (out->data != NULL)
				out->data[before] = '\0';
			return false;
		}
	}
	return true;
}

/* Finds the first verbatim token in text, the longest of those that start there. Returns where; length: none. */
static size_t find_verbatim(const struct tokenizer *tokenizer, const char *text, size_t length, int32_t *id)
{
	if (tokenizer->verbatim_begin[256] == 0)
		return length;
	for (size_t i = 0; i < length; i++) {
		unsigned char first = (unsigned char)text[i];
		for (int j = tokenizer->verbatim_begin[first]; j < tokenizer->verbatim_begin[first + 1]; j++) {
			size_t n;
			const char *token = vocabulary_bytes(&tokenizer->vocabulary, tokenizer->verbatim[j], &n);
			if (n <= length - i && memcmp(token, text + i, n) == 0) {
				*id = tokenizer->verbatim[j];
				return i;
			}
		}
	}
	return length;
}

/* Appends the tokens of a text that holds no verbatim token. */
static bool encode_pieces(const struct tokenizer *tokenizer, struct merger *merger, const char *text, size_t length,
                          struct token_list *out)
{
	bool whole_first = split_pattern_ignores_merges(tokenizer->pattern);
	for (size_t begin = 0, end; begin < length; begin = end) {
		end = split_pattern_next(tokenizer->pattern, text, length, begin);
		int32_t whole = whole_first ? vocabulary_find(&tokenizer->vocabulary, text + begin, end - begin) : -1;
		bool done;
		if (whole >= 0)
			done = token_list_append(out, whole);
		else
			done = merger_run(merger, &tokenizer->merges, tokenizer->byte_ids, text + begin, end - begin, out);
		if (!done)
			return false;
	}
	return true;
}

/* Appends the tokens of text, -1 for each byte that has none. On failure out may have grown. */
static enum pith_status encode_bytes(const struct tokenizer *tokenizer, const char *text, size_t length, struct token_list *out,
                                     struct pith_error *err)
{
	if (length >= INT32_MAX)
		return fail(err, PITH_TOO_LONG, "A text of %zu bytes is too long; 2 GiB is the limit.", length);
	struct merger merger = {0};
	bool done = true;
	for (size_t begin = 0; begin < length && done;) {
		int32_t id = -1;
		size_t n = find_verbatim(tokenizer, text + begin, length - begin, &id);
		done = encode_pieces(tokenizer, &merger, text + begin, n, out);
		begin += n;
		if (done && id >= 0) {
			done = token_list_append(out, id);
			vocabulary_bytes(&tokenizer->vocabulary, id, &n);
			begin += n;
		}
	}
	merger_free(&merger);
	return done ? PITH_OK : fail_memory(err, "the tokens of a text");
}

enum pith_status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t length, struct token_list *out,
                                  struct pith_error *err)
{
	size_t before = out->n;
	enum pith_status status = encode_bytes(tokenizer, text, length, out, err);
	size_t n = before;
	for (size_t i = before; i < out->n && status == PITH_OK; i++)
		if (out->ids[i] >= 0)
			out->ids[n++] = out->ids[i];
	out->n = n;
	return status;
}

enum pith_status tokenizer_encode_spans(const struct tokenizer *tokenizer, const char *text, size_t length,
                                        struct pith_token **out, size_t *n, struct pith_error *err)
{
	*out = NULL;
	*n = 0;
	struct token_list list = {0};
	enum pith_status status = encode_bytes(tokenizer, text, length, &list, err);
	struct pith_token *tokens = status == PITH_OK ? calloc(list.n + 1, sizeof *tokens) : NULL;
	if (status == PITH_OK && tokens == NULL)
		status = fail_memory(err, "the tokens of a text");
	if (status == PITH_OK) {
		/* A byte without a token belongs to the token before it, or at the start to the one after: no gaps. */
		size_t count = 0, position = 0, token_length;
		for (size_t i = 0; i < list.n; i++) {
			uint32_t begin = count == 0 ? 0 : tokens[count - 1].end;
			token_length = 1;
			if (list.ids[i] >= 0) {
				vocabulary_bytes(&tokenizer->vocabulary, list.ids[i], &token_length);
				tokens[count++] = (struct pith_token){.id = list.ids[i], .begin = begin};
			}
			position += token_length;
			if (count > 0)
				tokens[count - 1].end = (uint32_t)position;
		}
		*out = tokens;
		*n = count;
	}
	token_list_free(&list);
	return status;
}
