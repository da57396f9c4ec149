/*
 * Byte-level BPE: the split pattern named by tokenizer.ggml.pre cuts text into pieces, merges by rank join bytes within a piece.
 */
#include <stdlib.h>
#include <string.h>

#include "text/byte_alphabet.h"
#include "text/encoding.h"
#include "text/split_pattern.h"

enum { PRE_SIZE = 64 };

struct byte_pairs {
	const struct vocabulary *vocabulary;
	struct merge_table merges;
	struct split_pattern *pattern;
	int32_t byte_ids[256]; /* -1: the vocabulary has no token for the byte, which is then left out as its makers do */
};

/* The name of the split pattern, as a string. */
static enum pith_status read_pre(const struct gguf *gguf, char pre[PRE_SIZE], struct pith_error *err)
{
	const char *name;
	size_t length;
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
static bool add_merge(struct byte_pairs *pairs, size_t rank, const struct merge_line *line, const char *bytes, int32_t *merged)
{
	const struct vocabulary *vocabulary = pairs->vocabulary;
	const char *left_bytes = bytes + line->begin, *right_bytes = left_bytes + line->left_length;
	int32_t left = vocabulary_find_finish(vocabulary, left_bytes, line->left_length, line->left_hash);
	int32_t right = vocabulary_find_finish(vocabulary, right_bytes, line->right_length, line->right_hash);
	/* Vocabularies number tokens in the order in which merging made them. */
	*merged = vocabulary_find_near(vocabulary, left_bytes, line->left_length + line->right_length, *merged);
	if (left < 0 || right < 0 || *merged < 0)
		return false;
	merge_table_add(&pairs->merges, left, right, (uint32_t)rank, *merged);
	return true;
}

static enum pith_status read_merges(struct byte_pairs *pairs, const struct gguf *gguf, const struct gguf_array *merges,
                                    struct pith_error *err)
{
	if (merges->n >= UINT32_MAX)
		return fail(err, PITH_BAD_FILE, "%s has %zu merges.", gguf_path(gguf), merges->n);
	if (!merge_table_init(&pairs->merges, merges->n))
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
			else if (!decode_merge(pairs->vocabulary, text, length, &bytes, &lines[i]))
				status = fail_merge(gguf, block + i, err);
		}
		for (size_t i = 0; i < n && status == PITH_OK; i++)
			if (!add_merge(pairs, block + i, &lines[i], bytes.data, &merged))
				status = fail_merge(gguf, block + i, err);
	}
	buffer_free(&bytes);
	return status;
}

static enum pith_status read_rules(struct byte_pairs *pairs, const struct encoding_source *source, struct pith_error *err)
{
	const struct gguf *gguf = source->gguf;
	char pre[PRE_SIZE];
	struct gguf_array merges;
	enum pith_status status = read_pre(gguf, pre, err);
	if (status == PITH_OK)
		status = split_pattern_create(&pairs->pattern, pre, err);
	if (status != PITH_OK)
		return status;
	if (!gguf_find_array(gguf, "tokenizer.ggml.merges", &merges) || merges.type != GGUF_STRING)
		return fail(err, PITH_BAD_FILE, "%s has no list of merges (tokenizer.ggml.merges).", gguf_path(gguf));
	for (int b = 0; b < 256; b++) {
		char byte = (char)b;
		pairs->byte_ids[b] = vocabulary_find(pairs->vocabulary, &byte, 1);
	}
	status = read_merges(pairs, gguf, &merges, err);
	fingerprint_add(source->fingerprint, pre, strlen(pre) + 1);
	fingerprint_add_strings(source->fingerprint, source->tokens);
	fingerprint_add_strings(source->fingerprint, &merges);
	return status;
}

static void destroy(void *rules)
{
	struct byte_pairs *pairs = rules;
	merge_table_free(&pairs->merges);
	split_pattern_destroy(pairs->pattern);
	free(pairs);
}

static enum pith_status create(void **rules, const struct encoding_source *source, struct pith_error *err)
{
	struct byte_pairs *pairs = calloc(1, sizeof *pairs);
	if (pairs == NULL)
		return fail_memory(err, "the vocabulary");
	pairs->vocabulary = source->vocabulary;
	enum pith_status status = read_rules(pairs, source, err);
	if (status == PITH_OK)
		*rules = pairs;
	else
		destroy(pairs);
	return status;
}

static bool adds_space(const void *rules)
{
	(void)rules;
	return false;
}

static bool append(const void *rules, struct encoding_scratch *scratch, const char *text, size_t length, struct token_list *out)
{
	const struct byte_pairs *pairs = rules;
	bool whole_first = split_pattern_ignores_merges(pairs->pattern);
	for (size_t begin = 0, end; begin < length; begin = end) {
		end = split_pattern_next(pairs->pattern, text, length, begin);
		int32_t whole = whole_first ? vocabulary_find(pairs->vocabulary, text + begin, end - begin) : -1;
		bool done;
		if (whole >= 0)
			done = token_list_append(out, whole);
		else
			done = merger_run(&scratch->merger, &pairs->merges, pairs->byte_ids, text + begin, end - begin, out);
		if (!done)
			return false;
	}
	return true;
}

const struct encoding byte_pairs_encoding = {
	.name = "gpt2",
	.spelling = SPELLED_IN_BYTES,
	.create = create,
	.destroy = destroy,
	.adds_space = adds_space,
	.append = append,
};
