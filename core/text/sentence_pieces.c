/*
 * SentencePiece BPE (Kudo and Richardson 2018; tokenizer.ggml.model = "llama"): characters join, the pair first whose joined text
 * is the token with the highest score, the leftmost of equal ones. Which pairs join into tokens is found when the vocabulary is
 * read; then a score is a rank, and joining is that of byte-level BPE. A character that is no token becomes tokens of its bytes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text/encoding.h"
#include "text/unicode.h"

/* A longer token is never made by joining: looking at all its halves would let a damaged file take hours. */
enum { LONGEST_JOINED = 512 };

struct sentence_pieces {
	const struct vocabulary *vocabulary;
	struct merge_table merges;
	int32_t ascii_ids[128]; /* tokens of one character, as they are looked up so often; -1: none */
	int32_t byte_ids[256];  /* of kind TOKEN_BYTE; -1: none */
	int32_t unknown;        /* -1: none */
	bool adds_space;
	bool words_apart; /* no token has a space behind another character: joining never reaches across the begin of a gap */
};

/* --- reading ------------------------------------------------------------------------------------------------ */

/* The higher the score the lower the rank: the bits of a float, reordered. */
static uint32_t rank_of_score(float score)
{
	uint32_t bits;
	score += 0.0f; /* -0 is 0 */
	memcpy(&bits, &score, sizeof bits);
	return bits >> 31 != 0 ? bits : ~bits & 0x7fffffff;
}

/* Finds the pairs of tokens that join into token id, which has n_bytes bytes; table NULL: counts them only. */
static size_t find_pairs(const struct vocabulary *vocabulary, int32_t id, uint32_t rank, struct merge_table *table)
{
	size_t length, n = 0;
	int32_t code;
	const char *bytes = vocabulary_bytes(vocabulary, id, &length);
	if (vocabulary->kinds[id] != TOKEN_NORMAL || length == 0 || length > LONGEST_JOINED ||
	    vocabulary_find(vocabulary, bytes, length) != id)
		return 0;
	for (size_t i = unicode_next(bytes, length, &code); i < length; i += unicode_next(bytes + i, length - i, &code)) {
		int32_t left = vocabulary_find(vocabulary, bytes, i);
		int32_t right = left < 0 ? -1 : vocabulary_find(vocabulary, bytes + i, length - i);
		if (right < 0)
			continue;
		if (table != NULL)
			merge_table_add(table, left, right, rank, id);
		n++;
	}
	return n;
}

static enum pith_status find_merges(struct sentence_pieces *pieces, const struct gguf_array *scores, const char *path,
                                    struct pith_error *err)
{
	const struct vocabulary *vocabulary = pieces->vocabulary;
	size_t n = 0;
	for (int32_t id = 0; id < vocabulary->n_tokens; id++)
		n += find_pairs(vocabulary, id, 0, NULL);
	if (!merge_table_init(&pieces->merges, n))
		return fail_memory(err, "the merges of the vocabulary");
	for (int32_t id = 0; id < vocabulary->n_tokens; id++) {
		double score;
		if (!gguf_array_f64(scores, (size_t)id, &score) || isnan(score))
			return fail(err, PITH_BAD_FILE, "Token %d of the vocabulary of %s has a score that is no number.",
			            (int)id, path);
		find_pairs(vocabulary, id, rank_of_score((float)score), &pieces->merges);
	}
	return PITH_OK;
}

static enum pith_status read_scores(struct gguf_array *scores, const struct encoding_source *source, struct pith_error *err)
{
	const char *path = gguf_path(source->gguf);
	struct gguf_array types;
	if (!gguf_find_array(source->gguf, "tokenizer.ggml.scores", scores) || scores->type != GGUF_F32)
		return fail(err, PITH_BAD_FILE, "%s has no list of scores (tokenizer.ggml.scores).", path);
	if (scores->n != source->tokens->n)
		return fail(err, PITH_BAD_FILE, "%s has %zu tokens but %zu scores.", path, source->tokens->n, scores->n);
	/* Without types nothing would tell a byte from six characters. */
	if (!gguf_find_array(source->gguf, "tokenizer.ggml.token_type", &types) || types.n == 0)
		return fail(err, PITH_BAD_FILE, "%s has no list of token types (tokenizer.ggml.token_type).", path);
	return PITH_OK;
}

static void find_single_tokens(struct sentence_pieces *pieces, const struct gguf *gguf)
{
	const struct vocabulary *vocabulary = pieces->vocabulary;
	uint64_t unknown;
	size_t length;
	for (int b = 0; b < 256; b++)
		pieces->byte_ids[b] = -1;
	for (int32_t id = vocabulary->n_tokens; id-- > 0;)
		if (vocabulary->kinds[id] == TOKEN_BYTE)
			pieces->byte_ids[(unsigned char)vocabulary_bytes(vocabulary, id, &length)[0]] = id;
	for (int c = 0; c < 128; c++) {
		char character = (char)c;
		pieces->ascii_ids[c] = vocabulary_find(vocabulary, &character, 1);
	}
	pieces->unknown = vocabulary_find_special(vocabulary, "<unk>", 5);
	if (gguf_find_u64(gguf, "tokenizer.ggml.unknown_token_id", &unknown) && unknown < (uint64_t)vocabulary->n_tokens &&
	    vocabulary->kinds[unknown] == TOKEN_CONTROL)
		pieces->unknown = (int32_t)unknown;
}

static bool words_stand_apart(const struct vocabulary *vocabulary)
{
	for (int32_t id = 0; id < vocabulary->n_tokens; id++) {
		size_t length;
		const char *bytes = vocabulary_bytes(vocabulary, id, &length);
		for (size_t i = 1; i < length && vocabulary->kinds[id] == TOKEN_NORMAL; i++)
			if (bytes[i] == ' ' && bytes[i - 1] != ' ')
				return false;
	}
	return true;
}

static enum pith_status read_rules(struct sentence_pieces *pieces, const struct encoding_source *source, struct pith_error *err)
{
	const struct vocabulary *vocabulary = source->vocabulary;
	struct gguf_array scores;
	bool adds_space = true;
	enum pith_status status = read_scores(&scores, source, err);
	if (status == PITH_OK)
		status = find_merges(pieces, &scores, gguf_path(source->gguf), err);
	if (status != PITH_OK)
		return status;
	find_single_tokens(pieces, source->gguf);
	pieces->words_apart = words_stand_apart(vocabulary);
	gguf_find_bool(source->gguf, "tokenizer.ggml.add_space_prefix", &adds_space);
	/* A space that has no token would be lost, and taking it away again would take one of the text's. */
	pieces->adds_space = adds_space && (pieces->ascii_ids[' '] >= 0 || pieces->byte_ids[' '] >= 0);
	const unsigned char flags[] = {adds_space};
	fingerprint_add(source->fingerprint, sentence_pieces_encoding.name, strlen(sentence_pieces_encoding.name) + 1);
	fingerprint_add_strings(source->fingerprint, source->tokens);
	fingerprint_add(source->fingerprint, scores.data, scores.n * sizeof(float));
	fingerprint_add(source->fingerprint, vocabulary->kinds, (size_t)vocabulary->n_tokens);
	fingerprint_add(source->fingerprint, &pieces->unknown, sizeof pieces->unknown);
	fingerprint_add(source->fingerprint, flags, sizeof flags);
	return PITH_OK;
}

static void destroy(void *rules)
{
	struct sentence_pieces *pieces = rules;
	merge_table_free(&pieces->merges);
	free(pieces);
}

static enum pith_status create(void **rules, const struct encoding_source *source, struct pith_error *err)
{
	struct sentence_pieces *pieces = calloc(1, sizeof *pieces);
	if (pieces == NULL)
		return fail_memory(err, "the vocabulary");
	pieces->vocabulary = source->vocabulary;
	enum pith_status status = read_rules(pieces, source, err);
	if (status == PITH_OK)
		*rules = pieces;
	else
		destroy(pieces);
	return status;
}

/* --- encoding ----------------------------------------------------------------------------------------------- */

static bool adds_space(const void *rules)
{
	return ((const struct sentence_pieces *)rules)->adds_space;
}

/* Appends what a character that is no token becomes: its bytes, or the unknown token for all of them. */
static bool append_character(const struct sentence_pieces *pieces, const char *character, size_t length, struct token_list *out)
{
	bool has_bytes = true;
	for (size_t i = 0; i < length; i++)
		has_bytes = has_bytes && pieces->byte_ids[(unsigned char)character[i]] >= 0;
	for (size_t i = 0; i < length; i++) {
		int32_t instead = i == 0 ? pieces->unknown : -1;
		if (!token_list_append(out, has_bytes ? pieces->byte_ids[(unsigned char)character[i]] : instead))
			return false;
	}
	return true;
}

static int32_t find_character(const struct sentence_pieces *pieces, const char *character, size_t length)
{
	unsigned char first = (unsigned char)character[0];
	return first < 128 ? pieces->ascii_ids[first] : vocabulary_find(pieces->vocabulary, character, length);
}

static bool append_part(const struct sentence_pieces *pieces, struct encoding_scratch *scratch, const char *text, size_t length,
                        struct token_list *out)
{
	size_t n;
	int32_t code;
	scratch->symbols.n = scratch->merged.n = 0;
	for (size_t i = 0; i < length; i += n) {
		n = unicode_next(text + i, length - i, &code);
		if (!token_list_append(&scratch->symbols, find_character(pieces, text + i, n)))
			return false;
	}
	if (!merger_run_symbols(&scratch->merger, &pieces->merges, scratch->symbols.ids, scratch->symbols.n, &scratch->merged))
		return false;
	for (size_t i = 0, at = 0; i < scratch->merged.n; i++, at += n) {
		int32_t id = scratch->merged.ids[i];
		if (id >= 0)
			vocabulary_bytes(pieces->vocabulary, id, &n);
		else
			n = unicode_next(text + at, length - at, &code);
		if (!(id >= 0 ? token_list_append(out, id) : append_character(pieces, text + at, n, out)))
			return false;
	}
	return true;
}

/* Where the gap and the word that begin at begin end. */
static size_t word_end(const char *text, size_t length, size_t begin)
{
	while (begin < length && text[begin] == ' ')
		begin++;
	const char *space = memchr(text + begin, ' ', length - begin);
	return space == NULL ? length : (size_t)(space - text);
}

static bool append(const void *rules, struct encoding_scratch *scratch, const char *text, size_t length, struct token_list *out)
{
	const struct sentence_pieces *pieces = rules;
	for (size_t begin = 0, end; begin < length; begin = end) {
		/* Word by word is the same as all at once, and much faster. */
		end = pieces->words_apart ? word_end(text, length, begin) : length;
		if (!append_part(pieces, scratch, text + begin, end - begin, out))
			return false;
	}
	return true;
}

const struct encoding sentence_pieces_encoding = {
	.name = "llama",
	.spelling = SPELLED_IN_PIECES,
	.create = create,
	.destroy = destroy,
	.adds_space = adds_space,
	.append = append,
};
