#include "text/vocabulary.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/checked_size.h"
#include "text/byte_alphabet.h"
#include "text/piece_alphabet.h"

/* Everything a comparison needs but the bytes: each line of memory that it need not fetch counts. */
struct vocabulary_slot {
	int32_t id;   /* -1: empty */
	uint32_t tag; /* upper half of the hash */
	uint32_t begin, length;
};

/* Where the bytes are, or the empty slot where they would be. */
static struct vocabulary_slot *find_slot(const struct vocabulary *vocabulary, const char *bytes, size_t length, uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash >> 32);
	for (size_t i = (size_t)hash & vocabulary->slot_mask;; i = (i + 1) & vocabulary->slot_mask) {
		struct vocabulary_slot *slot = &vocabulary->slots[i];
		if (slot->id < 0)
			return slot;
		if (slot->tag == tag && slot->length == length && memcmp(vocabulary->bytes + slot->begin, bytes, length) == 0)
			return slot;
	}
}

uint64_t vocabulary_find_begin(const struct vocabulary *vocabulary, const char *bytes, size_t length)
{
	uint64_t hash = XXH3_64bits(bytes, length);
	__builtin_prefetch(&vocabulary->slots[(size_t)hash & vocabulary->slot_mask]);
	return hash;
}

int32_t vocabulary_find_finish(const struct vocabulary *vocabulary, const char *bytes, size_t length, uint64_t hash)
{
	return find_slot(vocabulary, bytes, length, hash)->id;
}

int32_t vocabulary_find(const struct vocabulary *vocabulary, const char *bytes, size_t length)
{
	return find_slot(vocabulary, bytes, length, XXH3_64bits(bytes, length))->id;
}

int32_t vocabulary_find_near(const struct vocabulary *vocabulary, const char *bytes, size_t length, int32_t id)
{
	for (int32_t guess = id; guess < id + 2 && guess < vocabulary->n_tokens; guess++) {
		size_t there_length;
		const char *there = vocabulary_bytes(vocabulary, guess, &there_length);
		if (vocabulary->kinds[guess] == TOKEN_NORMAL && there_length == length && memcmp(there, bytes, length) == 0)
			return guess;
	}
	return vocabulary_find(vocabulary, bytes, length);
}

int32_t vocabulary_find_special(const struct vocabulary *vocabulary, const char *name, size_t length)
{
	for (int32_t id = 0; id < vocabulary->n_tokens; id++) {
		if (vocabulary->kinds[id] != TOKEN_VERBATIM && vocabulary->kinds[id] != TOKEN_CONTROL)
			continue;
		size_t there_length;
		const char *there = vocabulary_bytes(vocabulary, id, &there_length);
		if (there_length == length && memcmp(there, name, length) == 0)
			return id;
	}
	return -1;
}

/* Translates the text of a normal token; false: it holds what is not of the spelling's alphabet. bytes has room for length. */
static bool decode_text(enum vocabulary_spelling spelling, const char *text, size_t length, char *bytes, size_t *n_bytes)
{
	if (spelling == SPELLED_IN_BYTES)
		return byte_alphabet_decode(text, length, bytes, n_bytes);
	*n_bytes = piece_alphabet_decode(text, length, bytes);
	return true;
}

static int32_t find_byte(const struct vocabulary *vocabulary, int byte)
{
	for (int32_t id = 0; byte >= 0 && id < vocabulary->n_tokens; id++)
		if (vocabulary->kinds[id] == TOKEN_BYTE && (unsigned char)vocabulary->bytes[vocabulary->offsets[id]] == byte)
			return id;
	return -1;
}

int32_t vocabulary_find_named(const struct vocabulary *vocabulary, const char *text, size_t length)
{
	int32_t id = vocabulary_find_special(vocabulary, text, length);
	size_t n_bytes;
	char *bytes = id >= 0 ? NULL : malloc(length + 1);
	if (bytes != NULL && decode_text(vocabulary->spelling, text, length, bytes, &n_bytes))
		id = vocabulary_find(vocabulary, bytes, n_bytes);
	free(bytes);
	return id >= 0 ? id : find_byte(vocabulary, piece_alphabet_byte(text, length));
}

/* The kinds that GGUF numbers: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
static enum token_kind kind_of_type(int64_t type, enum vocabulary_spelling spelling)
{
	switch (type) {
	case 2:
	case 3:
	case 5: return TOKEN_CONTROL;
	case 4: return TOKEN_VERBATIM;
	case 6: return spelling == SPELLED_IN_PIECES ? TOKEN_BYTE : TOKEN_NORMAL;
	default: return TOKEN_NORMAL;
	}
}

static enum pith_status allocate(struct vocabulary *vocabulary, const struct gguf_array *tokens, const char *path,
                                 struct pith_error *err)
{
	size_t total = 0;
	const uint8_t *cursor = tokens->data;
	for (size_t i = 0; i < tokens->n; i++) {
		const char *text;
		size_t length;
		if (!gguf_array_next_string(tokens, &cursor, &text, &length) || !checked_add(total, length, &total) ||
		    total > UINT32_MAX)
			return fail(err, PITH_BAD_FILE, "Token %zu of the vocabulary of %s is damaged.", i, path);
	}
	size_t n_slots = 16;
	while (n_slots < 2 * tokens->n)
		n_slots *= 2;
	vocabulary->n_tokens = (int)tokens->n;
	vocabulary->bytes = malloc(total + 1);
	vocabulary->offsets = malloc((tokens->n + 1) * sizeof *vocabulary->offsets);
	vocabulary->kinds = malloc(tokens->n);
	vocabulary->slots = malloc(n_slots * sizeof *vocabulary->slots);
	vocabulary->slot_mask = n_slots - 1;
	if (vocabulary->bytes == NULL || vocabulary->offsets == NULL || vocabulary->kinds == NULL || vocabulary->slots == NULL)
		return fail_memory(err, "the vocabulary");
	for (size_t i = 0; i < n_slots; i++)
		vocabulary->slots[i].id = -1;
	return PITH_OK;
}

/* Translates token text of any kind. False: merging can never make it, and bytes holds the text as it stands. */
static bool translate(const struct vocabulary *vocabulary, const char *text, size_t length, enum token_kind kind, char *bytes,
                      size_t *n_bytes)
{
	int byte = kind == TOKEN_BYTE ? piece_alphabet_byte(text, length) : -1;
	if (byte >= 0) {
		bytes[0] = (char)byte;
		*n_bytes = 1;
		return false;
	}
	if (kind == TOKEN_NORMAL && decode_text(vocabulary->spelling, text, length, bytes, n_bytes))
		return true;
	*n_bytes = length;
	/* Spaces of a verbatim piece are found in texts as spaces. */
	if (kind == TOKEN_VERBATIM && vocabulary->spelling == SPELLED_IN_PIECES)
		*n_bytes = piece_alphabet_decode(text, length, bytes);
	else if (length > 0)
		memcpy(bytes, text, length);
	return false;
}

/* Stores token id's text at the end of the bytes that are there. */
static void add_token(struct vocabulary *vocabulary, int32_t id, const char *text, size_t length, enum token_kind kind)
{
	uint32_t begin = vocabulary->offsets[id];
	char *bytes = vocabulary->bytes + begin;
	size_t n_bytes = 0;
	bool found_by_bytes = translate(vocabulary, text, length, kind, bytes, &n_bytes);
	vocabulary->kinds[id] = (uint8_t)kind;
	vocabulary->offsets[id + 1] = begin + (uint32_t)n_bytes;
	if (!found_by_bytes || n_bytes == 0)
		return;
	uint64_t hash = XXH3_64bits(bytes, n_bytes);
	struct vocabulary_slot *slot = find_slot(vocabulary, bytes, n_bytes, hash);
	if (slot->id < 0)
		*slot = (struct vocabulary_slot){
			.id = id, .tag = (uint32_t)(hash >> 32), .begin = begin, .length = (uint32_t)n_bytes};
}

enum pith_status vocabulary_init(struct vocabulary *vocabulary, const struct gguf_array *tokens,
                                 const struct gguf_array *token_types, enum vocabulary_spelling spelling, const char *path,
                                 struct pith_error *err)
{
	*vocabulary = (struct vocabulary){.spelling = spelling};
	if (tokens->n == 0 || tokens->n > VOCABULARY_MAX_TOKENS)
		return fail(err, PITH_BAD_FILE, "%s has a vocabulary of %zu tokens.", path, tokens->n);
	if (token_types->n != 0 && token_types->n != tokens->n)
		return fail(err, PITH_BAD_FILE, "%s has %zu tokens but %zu token types.", path, tokens->n, token_types->n);
	enum pith_status status = allocate(vocabulary, tokens, path, err);
	if (status != PITH_OK) {
		vocabulary_free(vocabulary);
		return status;
	}
	const uint8_t *cursor = tokens->data;
	vocabulary->offsets[0] = 0;
	for (size_t i = 0; i < tokens->n; i++) {
		const char *text = NULL;
		size_t length = 0;
		int64_t type = 1;
		if (!gguf_array_next_string(tokens, &cursor, &text, &length) ||
		    (token_types->n != 0 && !gguf_array_i64(token_types, i, &type))) {
			vocabulary_free(vocabulary);
			return fail(err, PITH_BAD_FILE, "Token %zu of the vocabulary of %s is damaged.", i, path);
		}
		enum token_kind kind = kind_of_type(type, spelling);
		if (kind == TOKEN_BYTE && piece_alphabet_byte(text, length) < 0) {
			vocabulary_free(vocabulary);
			return fail(err, PITH_BAD_FILE, "Token %zu of the vocabulary of %s is said to be a byte and names none.",
			            i, path);
		}
		add_token(vocabulary, (int32_t)i, text, length, kind);
	}
	return PITH_OK;
}

void vocabulary_free(struct vocabulary *vocabulary)
{
	free(vocabulary->bytes);
	free(vocabulary->offsets);
	free(vocabulary->kinds);
	free(vocabulary->slots);
	*vocabulary = (struct vocabulary){0};
}
