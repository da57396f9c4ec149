#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "text/encoding.h"
#include "text/fingerprint.h"
#include "text/vocabulary.h"

enum { MAX_ENDS = 8 };

static const struct encoding *const encodings[] = {&byte_pairs_encoding, &sentence_pieces_encoding};
enum { N_ENCODINGS = sizeof encodings / sizeof encodings[0] };

struct tokenizer {
	struct vocabulary vocabulary;
	const struct encoding *encoding;
	void *rules; /* of the encoding */
	int32_t bos, eos;
	int32_t ends[MAX_ENDS];
	int n_ends;
	int32_t *verbatim;       /* ids sorted by first byte, longer ones first */
	int verbatim_begin[257]; /* those that start with byte b: [verbatim_begin[b], verbatim_begin[b + 1]) */
	char *chat_template;     /* NULL: none */
	char fingerprint[33];
};

static enum pith_status choose_encoding(struct tokenizer *tokenizer, const struct gguf *gguf, struct pith_error *err)
{
	const char *name;
	size_t length;
	if (!gguf_find_string(gguf, "tokenizer.ggml.model", &name, &length))
		return fail(err, PITH_BAD_FILE, "%s has no vocabulary (tokenizer.ggml.model).", gguf_path(gguf));
	for (size_t i = 0; i < N_ENCODINGS; i++)
		if (strlen(encodings[i]->name) == length && memcmp(encodings[i]->name, name, length) == 0)
			tokenizer->encoding = encodings[i];
	if (tokenizer->encoding == NULL)
		return fail(err, PITH_UNSUPPORTED,
		            "The vocabulary of %s is of the kind \"%.*s\"; only \"gpt2\" and \"llama\" are supported.",
		            gguf_path(gguf), length > 40 ? 40 : (int)length, name);
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

static enum pith_status read_rules(struct tokenizer *tokenizer, const struct gguf *gguf, const struct gguf_array *tokens,
                                   struct pith_error *err)
{
	struct fingerprint fingerprint;
	if (!fingerprint_begin(&fingerprint))
		return fail_memory(err, "the fingerprint of the vocabulary");
	const struct encoding_source source = {
		.gguf = gguf, .vocabulary = &tokenizer->vocabulary, .tokens = tokens, .fingerprint = &fingerprint};
	enum pith_status status = tokenizer->encoding->create(&tokenizer->rules, &source, err);
	fingerprint_end(&fingerprint, tokenizer->fingerprint);
	return status;
}

/* It tells chat formats apart; not knowing it is no fault. */
static enum pith_status read_chat_template(struct tokenizer *tokenizer, const struct gguf *gguf, struct pith_error *err)
{
	const char *text;
	size_t length;
	if (!gguf_find_string(gguf, "tokenizer.chat_template", &text, &length))
		return PITH_OK;
	tokenizer->chat_template = malloc(length + 1);
	if (tokenizer->chat_template == NULL)
		return fail_memory(err, "the chat template");
	memcpy(tokenizer->chat_template, text, length);
	tokenizer->chat_template[length] = '\0';
	return PITH_OK;
}

static enum pith_status build(struct tokenizer *tokenizer, const struct gguf *gguf, struct pith_error *err)
{
	struct gguf_array tokens, types;
	enum pith_status status = choose_encoding(tokenizer, gguf, err);
	if (status != PITH_OK)
		return status;
	if (!gguf_find_array(gguf, "tokenizer.ggml.tokens", &tokens) || tokens.type != GGUF_STRING)
		return fail(err, PITH_BAD_FILE, "%s has no list of tokens (tokenizer.ggml.tokens).", gguf_path(gguf));
	if (!gguf_find_array(gguf, "tokenizer.ggml.token_type", &types))
		types = (struct gguf_array){0};
	status = vocabulary_init(&tokenizer->vocabulary, &tokens, &types, tokenizer->encoding->spelling, gguf_path(gguf), err);
	if (status == PITH_OK)
		status = read_rules(tokenizer, gguf, &tokens, err);
	if (status == PITH_OK)
		status = find_special_ids(tokenizer, gguf, err);
	if (status == PITH_OK)
		status = index_verbatim(tokenizer, err);
	if (status == PITH_OK)
		status = read_chat_template(tokenizer, gguf, err);
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
	if (tokenizer->rules != NULL)
		tokenizer->encoding->destroy(tokenizer->rules);
	vocabulary_free(&tokenizer->vocabulary);
	free(tokenizer->verbatim);
	free(tokenizer->chat_template);
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
	return vocabulary_find_named(&tokenizer->vocabulary, token, strlen(token));
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

const char *tokenizer_chat_template(const struct tokenizer *tokenizer)
{
	return tokenizer->chat_template;
}

bool tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t n, bool begins, struct buffer *out)
{
	size_t before = out->length;
	bool added = begins && tokenizer->encoding->adds_space(tokenizer->rules);
	for (size_t i = 0; i < n; i++) {
		size_t length;
		const char *bytes = tokenizer_bytes(tokenizer, ids[i], &length);
		/* Of the first token that is text. */
		size_t skipped = added && length > 0 && bytes[0] == ' ';
		added = added && length == 0;
		if (!buffer_append(out, bytes + skipped, length - skipped)) {
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

/* Appends the tokens of text, -1 for each byte that has none. On failure out may have grown. */
static bool encode_bytes(const struct tokenizer *tokenizer, const char *text, size_t length, struct token_list *out)
{
	struct encoding_scratch scratch = {0};
	bool done = true;
	for (size_t begin = 0; begin < length && done;) {
		int32_t id = -1;
		size_t n = find_verbatim(tokenizer, text + begin, length - begin, &id);
		done = tokenizer->encoding->append(tokenizer->rules, &scratch, text + begin, n, out);
		begin += n;
		if (done && id >= 0) {
			done = token_list_append(out, id);
			vocabulary_bytes(&tokenizer->vocabulary, id, &n);
			begin += n;
		}
	}
	merger_free(&scratch.merger);
	token_list_free(&scratch.symbols);
	token_list_free(&scratch.merged);
	return done;
}

/* The same with a space before the text when it is wanted. */
static enum pith_status encode_spaced(const struct tokenizer *tokenizer, const char *text, size_t length, bool spaced,
                                      struct token_list *out, struct pith_error *err)
{
	if (length >= INT32_MAX - 1)
		return fail(err, PITH_TOO_LONG, "A text of %zu bytes is too long; 2 GiB is the limit.", length);
	struct buffer copy = {0};
	bool done = !spaced || (buffer_reserve(&copy, length + 1) && buffer_append(&copy, " ", 1) &&
	                        buffer_append(&copy, text, length));
	if (done)
		done = encode_bytes(tokenizer, spaced ? copy.data : text, length + spaced, out);
	buffer_free(&copy);
	return done ? PITH_OK : fail_memory(err, "the tokens of a text");
}

/* Appends the ids of text, with the space before it if text begins one. */
static enum pith_status encode(const struct tokenizer *tokenizer, const char *text, size_t length, bool begins,
                               struct token_list *out, struct pith_error *err)
{
	bool spaced = begins && length > 0 && tokenizer->encoding->adds_space(tokenizer->rules);
	size_t before = out->n;
	enum pith_status status = encode_spaced(tokenizer, text, length, spaced, out, err);
	size_t n = before;
	for (size_t i = before; i < out->n && status == PITH_OK; i++)
		if (out->ids[i] >= 0)
			out->ids[n++] = out->ids[i];
	out->n = n;
	return status;
}

enum pith_status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t length, struct token_list *out,
                                  struct pith_error *err)
{
	bool begins = out->n == 0 || tokenizer_is_control(tokenizer, out->ids[out->n - 1]);
	return encode(tokenizer, text, length, begins, out, err);
}

enum pith_status tokenizer_encode_continued(const struct tokenizer *tokenizer, const char *text, size_t length,
                                            struct token_list *out, struct pith_error *err)
{
	return encode(tokenizer, text, length, false, out, err);
}

enum pith_status tokenizer_encode_reply(const struct tokenizer *tokenizer, const char *gap, const char *words,
                                        struct token_list *out, struct pith_error *err)
{
	struct buffer reply = {0};
	enum pith_status status = buffer_append_string(&reply, gap) && buffer_append_string(&reply, words)
	                                  ? tokenizer_encode_continued(tokenizer, reply.data, reply.length, out, err)
	                                  : fail_memory(err, "a reply");
	buffer_free(&reply);
	return status;
}

/* Bytes of the text, or of the space before it, that one entry of encode_bytes() stands for. */
static size_t bytes_covered(const struct tokenizer *tokenizer, int32_t id)
{
	size_t length = 1;
	if (id >= 0 && !tokenizer_is_control(tokenizer, id))
		vocabulary_bytes(&tokenizer->vocabulary, id, &length);
	return length;
}

enum pith_status tokenizer_encode_spans(const struct tokenizer *tokenizer, const char *text, size_t length,
                                        struct pith_token **out, size_t *n, struct pith_error *err)
{
	*out = NULL;
	*n = 0;
	struct token_list list = {0};
	bool spaced = length > 0 && tokenizer->encoding->adds_space(tokenizer->rules);
	enum pith_status status = encode_spaced(tokenizer, text, length, spaced, &list, err);
	struct pith_token *tokens = status == PITH_OK ? calloc(list.n + 1, sizeof *tokens) : NULL;
	if (status == PITH_OK && tokens == NULL)
		status = fail_memory(err, "the tokens of a text");
	if (status == PITH_OK) {
		/* A byte without a token belongs to the token before it, or at the start to the one after: no gaps. */
		size_t count = 0, position = 0;
		for (size_t i = 0; i < list.n; i++) {
			uint32_t begin = count == 0 ? 0 : tokens[count - 1].end;
			if (list.ids[i] >= 0)
				tokens[count++] = (struct pith_token){.id = list.ids[i], .begin = begin};
			position += bytes_covered(tokenizer, list.ids[i]);
			/* The first entry covers the added space, so position is never below it. */
			if (count > 0)
				tokens[count - 1].end = (uint32_t)(position - spaced);
		}
		*out = tokens;
		*n = count;
	}
	token_list_free(&list);
	return status;
}
